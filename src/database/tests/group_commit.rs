//! How writes share transactions.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use actix::{Context, Handler, Message};
use futures_util::future::join_all;

use super::*;

#[actix::test]
async fn writes_take_effect_in_the_order_in_which_they_were_sent() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let sent: Vec<_> = (1..=200)
        .map(|seq| {
            store.database.send(WriteEntries {
                project: project(),
                conversation: id,
                entries: vec![question(
                    TurnNumber(seq),
                    Seq(seq),
                    &seq.to_string(),
                    &format!("message {seq}"),
                )],
            })
        })
        .collect();
    for answer in join_all(sent).await {
        answer.unwrap().unwrap();
    }
    let contents: Vec<i64> = store
        .look()
        .prepare("SELECT first_seq FROM entries ORDER BY id")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(contents, (1..=200).collect::<Vec<_>>());
}

#[actix::test]
async fn an_acknowledged_write_is_there_for_every_other_connection() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let other = store.look();
    for seq in 1..=50 {
        store.write(id, vec![text(TurnNumber(1), Seq(seq), Seq(seq), "x")]).await.unwrap();
        assert_eq!(one::<i64>(&other, "SELECT max(first_seq) FROM entries"), seq);
    }
}

#[actix::test]
async fn writes_that_wait_share_a_transaction_and_one_that_fails_fails_alone() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    // Another connection's lock holds the first transaction up until all the others wait.
    let (locked, unlock) = hold_lock(store.path());
    locked.recv().unwrap();
    let mut sent: Vec<_> = (1..=20)
        .map(|seq| {
            let message_id = if seq == 11 { 10 } else { seq };
            let message = question(TurnNumber(seq), Seq(seq), &message_id.to_string(), "x");
            Box::pin(store.database.send(WriteEntries {
                project: project(),
                conversation: id,
                entries: vec![
                    text(TurnNumber(seq), Seq(100 + seq), Seq(100 + seq), "before"),
                    message,
                ],
            }))
        })
        .collect();
    // Polled once, they are in the mailbox.
    for send in &mut sent {
        assert!(futures_util::poll!(send).is_pending());
    }
    store.database.send(Handled).await.unwrap();
    drop(unlock);
    let answers = join_all(sent).await;
    for (seq, answer) in (1..).zip(answers) {
        match answer.unwrap() {
            Ok(()) => assert_ne!(seq, 11),
            Err(DatabaseError::DuplicateMessage { .. }) => assert_eq!(seq, 11),
            Err(other) => panic!("write {seq}: {other}"),
        }
    }
    let connection = store.look();
    let times: i64 = one(&connection, "SELECT count(DISTINCT created_at) FROM entries");
    // The actor may have taken the first one alone, before the others came.
    assert!(times <= 2, "{times} transactions");
    let of_failed: i64 = one(&connection, "SELECT count(*) FROM entries WHERE turn = 11");
    assert_eq!(of_failed, 0, "the failed write left something");
    let all: i64 = one(&connection, "SELECT count(*) FROM entries");
    assert_eq!(all, 38);
}

#[actix::test]
async fn a_write_waits_for_the_lock_of_another_program() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let (locked, unlock) = hold_lock(store.path());
    locked.recv().unwrap();
    let since = Instant::now();
    let held = Duration::from_secs(1);
    std::thread::spawn(move || {
        std::thread::sleep(held);
        drop(unlock);
    });
    store.write(id, vec![text(TurnNumber(1), Seq(1), Seq(1), "x")]).await.unwrap();
    assert!(since.elapsed() >= held, "{:?}", since.elapsed());
}

#[actix::test]
async fn a_write_whose_asker_went_away_is_done() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let (locked, unlock) = hold_lock(store.path());
    locked.recv().unwrap();
    let mut send = Box::pin(store.database.send(WriteEntries {
        project: project(),
        conversation: id,
        entries: vec![text(TurnNumber(1), Seq(1), Seq(1), "x")],
    }));
    assert!(futures_util::poll!(&mut send).is_pending());
    store.database.send(Handled).await.unwrap();
    drop(send);
    drop(unlock);
    store.database.send(Flush).await.unwrap().unwrap();
    assert_eq!(one::<i64>(&store.look(), "SELECT count(*) FROM entries"), 1);
}

#[actix::test]
async fn more_than_may_wait_is_refused_as_busy_and_nothing_else_is_lost() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let (locked, unlock) = hold_lock(store.path());
    locked.recv().unwrap();
    let large = "x".repeat(9 * 1024 * 1024);
    let mut sent: Vec<_> = (1..=3)
        .map(|seq| {
            Box::pin(store.database.send(WriteEntries {
                project: project(),
                conversation: id,
                entries: vec![text(TurnNumber(1), Seq(seq), Seq(seq), &large)],
            }))
        })
        .collect();
    for send in &mut sent {
        assert!(futures_util::poll!(send).is_pending());
    }
    store.database.send(Handled).await.unwrap();
    drop(unlock);
    let answers: Vec<_> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    // One is being written, one waits, and there is no room for more.
    assert!(answers[0].is_ok(), "{answers:?}");
    let refused = answers[2].as_ref().unwrap_err();
    assert!(matches!(refused, DatabaseError::Busy), "{refused}");
    assert!(refused.is_retryable());
    store.write(id, vec![text(TurnNumber(1), Seq(3), Seq(3), "again")]).await.unwrap();
}

/// Answers once everything sent before it was handled, committed or not.
#[derive(Message)]
#[rtype(result = "()")]
struct Handled;

impl Handler<Handled> for Database {
    type Result = ();

    fn handle(&mut self, _: Handled, _: &mut Context<Self>) {}
}

/// Locks the file for writing on a thread until the sender is dropped.
fn hold_lock(path: PathBuf) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (tell, locked) = mpsc::channel();
    let (unlock, wait) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let connection = look(&path);
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        tell.send(()).unwrap();
        assert!(wait.recv().is_err());
        connection.execute_batch("ROLLBACK").unwrap();
    });
    (locked, unlock)
}
