//! What a crash leaves behind, after the next start.

use super::*;
use crate::database::messages::BeginTurn;

#[actix::test]
async fn a_turn_that_ran_is_interrupted_and_one_that_waited_goes_on_waiting() {
    let store = Store::new();
    let id = store.conversation().await;
    let entries = vec![
        question(TurnNumber(1), Seq(3), "a", "first"),
        question(TurnNumber(2), Seq(4), "b", "second"),
        text(TurnNumber(1), Seq(5), Seq(6), "half an ans"),
    ];
    store.write(id, entries).await.unwrap();
    let begin = BeginTurn { project: project(), conversation: id, turn: TurnNumber(1) };
    store.database.send(begin).await.unwrap().unwrap();
    let before = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();

    let store = store.reopen().await;
    let after = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!(after.entries[..5], before.entries);
    let interrupted = r#"{"outcome":"interrupted"}"#;
    assert_eq!(
        after.entries[5],
        entry(TurnNumber(1), Seq(11), Seq(11), "response_done", interrupted)
    );
    assert_eq!(after.entries.len(), 6);
    assert_eq!(after.waiting, [(TurnNumber(2), "second".to_owned())]);
    assert_eq!(after.reserved_seq, Seq(11));
    let half = store.reader.conversation(&project(), id).unwrap().unwrap();
    assert_eq!(half.messages[3].content, "half an ans");

    let again = store.reopen().await;
    let twice = again.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!(twice, after, "a second start changed something");
}

#[actix::test]
async fn an_answer_without_a_question_is_ended_too() {
    let store = Store::new();
    let id = store.create(true, vec![text(TurnNumber(0), Seq(1), Seq(1), "Hel")]).await.id;
    let store = store.reopen().await;
    let stored = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!(stored.entries[1].kind, "response_done");
}

#[actix::test]
async fn conversations_that_nobody_wrote_in_are_gone_after_a_restart() {
    let store = Store::new();
    let untouched = store.conversation().await;
    let written = store.conversation().await;
    store
        .write(
            written,
            vec![question(TurnNumber(1), Seq(3), "a", "hi"), done(TurnNumber(1), Seq(4))],
        )
        .await
        .unwrap();
    let explicit = store.create(true, greeting()).await.id;

    let store = store.reopen().await;
    let there = |id| store.reader.load(&project(), id, usize::MAX).unwrap().is_some();
    assert_eq!((there(untouched), there(written), there(explicit)), (false, true, true));
    assert!(store.conversation().await > explicit);
}
