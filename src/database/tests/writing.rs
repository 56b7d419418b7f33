//! What each write leaves in the file.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::*;
use crate::database::messages::{
    BeginTurn, DeleteConversation, DeleteIfEmpty, RenameConversation, ReserveSeq, SetAgentSession,
};

#[actix::test]
async fn entries_come_back_as_they_were_written() {
    let store = Store::new();
    let id = store.conversation().await;
    let asked = vec![question(TurnNumber(1), Seq(3), "a", "Where is main?")];
    store.write(id, asked.clone()).await.unwrap();
    let answered = vec![
        text(TurnNumber(1), Seq(4), Seq(6), "In src."),
        entry(
            TurnNumber(1),
            Seq(7),
            Seq(7),
            "tool_call",
            r#"{"call_id":"x","tool":"Read","input":{}}"#,
        ),
        done(TurnNumber(1), Seq(8)),
    ];
    store.write(id, answered.clone()).await.unwrap();

    let stored = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!(stored.entries, [greeting(), asked, answered].concat());
    assert_eq!(stored.next_turn, TurnNumber(2));
    assert_eq!(stored.reserved_seq, Seq(10));
    assert_eq!(stored.agent_session, None);
}

#[actix::test]
async fn a_growing_text_stays_one_entry_and_never_shrinks() {
    let store = Store::new();
    let id = store.conversation().await;
    store.write(id, vec![text(TurnNumber(1), Seq(3), Seq(3), "one")]).await.unwrap();
    store.write(id, vec![text(TurnNumber(1), Seq(3), Seq(5), "one two")]).await.unwrap();
    // A state older than the one that is stored.
    store.write(id, vec![text(TurnNumber(1), Seq(3), Seq(4), "one t")]).await.unwrap();

    let stored = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
    assert_eq!(stored.entries[2..], [text(TurnNumber(1), Seq(3), Seq(5), "one two")]);
}

#[actix::test]
async fn an_entry_never_replaces_one_of_another_kind_or_turn() {
    let store = Store::new();
    let id = store.conversation().await;
    store.write(id, vec![text(TurnNumber(1), Seq(3), Seq(3), "one")]).await.unwrap();
    for other in [
        text(TurnNumber(2), Seq(3), Seq(3), "other turn"),
        question(TurnNumber(1), Seq(3), "a", "other kind"),
    ] {
        let refused = store.write(id, vec![other]).await;
        assert!(
            matches!(refused, Err(DatabaseError::SequenceTaken { seq: Seq(3), .. })),
            "{refused:?}"
        );
    }
}

#[actix::test]
async fn a_message_id_is_taken_once_in_its_conversation() {
    let store = Store::new();
    let (first, second) = (store.conversation().await, store.conversation().await);
    store.write(first, vec![question(TurnNumber(1), Seq(3), "a", "hi")]).await.unwrap();
    let again = store.write(first, vec![question(TurnNumber(2), Seq(4), "a", "hi")]).await;
    assert!(
        matches!(&again, Err(DatabaseError::DuplicateMessage { message_id, .. }) if message_id == "a"),
        "{again:?}"
    );
    store.write(second, vec![question(TurnNumber(1), Seq(3), "a", "hi")]).await.unwrap();

    let kept = store.reader.load(&project(), first, usize::MAX).unwrap().unwrap();
    assert_eq!(kept.entries.len(), 3);
    assert_eq!(kept.next_turn, TurnNumber(2), "the refused message opened a turn");
}

#[actix::test]
async fn a_turn_goes_from_queued_over_running_to_done_and_ends_once() {
    let store = Store::new();
    let id = store.conversation().await;
    let state = || -> String { one(&store.look(), "SELECT state FROM turns WHERE turn = 1") };

    store.write(id, vec![question(TurnNumber(1), Seq(3), "a", "hi")]).await.unwrap();
    assert_eq!(state(), "queued");
    let begin = || BeginTurn { project: project(), conversation: id, turn: TurnNumber(1) };
    store.database.send(begin()).await.unwrap().unwrap();
    assert_eq!(state(), "running");
    let failed =
        entry(TurnNumber(1), Seq(4), Seq(4), "error", r#"{"content":"no","retryable":true}"#);
    store.write(id, vec![failed]).await.unwrap();
    assert_eq!(state(), "done");
    let second = store.write(id, vec![done(TurnNumber(1), Seq(5))]).await;
    assert!(
        matches!(second, Err(DatabaseError::SecondEnd { turn: TurnNumber(1), .. })),
        "{second:?}"
    );
    store.database.send(begin()).await.unwrap().unwrap();
    assert_eq!(state(), "done", "an ended turn ran again");
}

#[actix::test]
async fn the_first_question_titles_and_lists_the_conversation() {
    let store = Store::new();
    let id = store.conversation().await;
    assert_eq!(store.reader.conversations(&project(), &anybody()).unwrap(), []);

    let long = "Wo steht der Anfang? ".repeat(5);
    store.write(id, vec![question(TurnNumber(1), Seq(3), "a", &long)]).await.unwrap();
    store.write(id, vec![question(TurnNumber(2), Seq(4), "b", "And then?")]).await.unwrap();

    let listed = store.reader.conversations(&project(), &anybody()).unwrap();
    let title: String = long.chars().take(50).chain("...".chars()).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].title.as_deref(), Some(title.as_str()));
    assert_eq!(store.reader.conversations(&project(), &anybody()).unwrap().len(), 1);
}

#[actix::test]
async fn time_never_goes_backwards_in_a_conversation() {
    let seconds = Arc::new(AtomicI64::new(100));
    let clock = seconds.clone();
    let store = Store::open(
        tempfile::tempdir().unwrap(),
        Clock::new(move || at(clock.load(Ordering::SeqCst))),
    );
    let id = store.create(true, vec![]).await.id;
    seconds.store(40, Ordering::SeqCst);
    store.write(id, vec![question(TurnNumber(1), Seq(1), "a", "hi")]).await.unwrap();

    let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
    assert_eq!(detail.messages[0].timestamp, detail.created_at);
    assert_eq!(detail.updated_at, detail.created_at);
    seconds.store(200, Ordering::SeqCst);
    store.write(id, vec![text(TurnNumber(1), Seq(2), Seq(2), "ho")]).await.unwrap();
    let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
    assert!(detail.updated_at > detail.created_at, "{detail:?}");
}

#[actix::test]
async fn reserved_numbers_are_only_ever_raised() {
    let store = Store::new();
    let id = store.conversation().await;
    let reserved = || store.reader.load(&project(), id, usize::MAX).unwrap().unwrap().reserved_seq;
    for (up_to, expected) in [(500, 500), (20, 500)] {
        let reserve = ReserveSeq { project: project(), conversation: id, up_to: Seq(up_to) };
        store.database.send(reserve).await.unwrap().unwrap();
        assert_eq!(reserved(), Seq(expected));
    }
    // Written beyond what was reserved.
    store.write(id, vec![text(TurnNumber(1), Seq(501), Seq(501), "x")]).await.unwrap();
    assert_eq!(reserved(), Seq(501));
}

#[actix::test]
async fn the_agent_session_is_remembered_and_forgotten() {
    let store = Store::new();
    let id = store.conversation().await;
    for session in [Some("5c1f".to_owned()), None] {
        let set = SetAgentSession {
            project: project(),
            conversation: id,
            agent_session: session.clone(),
        };
        store.database.send(set).await.unwrap().unwrap();
        let stored = store.reader.load(&project(), id, usize::MAX).unwrap().unwrap();
        assert_eq!(stored.agent_session, session);
    }
}

#[actix::test]
async fn deleting_takes_everything_and_the_id_is_never_used_again() {
    let store = Store::new();
    let id = store.conversation().await;
    let asked = vec![
        question(TurnNumber(1), Seq(3), "a", "findable"),
        text(TurnNumber(1), Seq(4), Seq(4), "answer"),
        done(TurnNumber(1), Seq(5)),
    ];
    store.write(id, asked).await.unwrap();
    let delete = |project: &str| {
        store.database.send(DeleteConversation {
            project: ProjectName::parse(project).unwrap(),
            conversation: id,
        })
    };
    assert!(!delete("other").await.unwrap().unwrap(), "another project's");
    assert!(delete("demo").await.unwrap().unwrap());
    assert!(!delete("demo").await.unwrap().unwrap());

    for table in ["entries", "turns", "search", "search_docsize", "conversations"] {
        let rows: i64 = one(&store.look(), &format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, 0, "{table} kept rows");
    }
    let late = store.write(id, vec![done(TurnNumber(1), Seq(6))]).await;
    assert!(matches!(late, Err(DatabaseError::ConversationGone { .. })), "{late:?}");
    assert!(store.conversation().await > id);
}

#[actix::test]
async fn only_a_conversation_that_nobody_wrote_in_or_asked_for_is_empty() {
    let store = Store::new();
    let untouched = store.conversation().await;
    let written = store.conversation().await;
    store.write(written, vec![question(TurnNumber(1), Seq(3), "a", "hi")]).await.unwrap();
    let explicit = store.create(true, vec![]).await.id;
    for (conversation, empty) in [(untouched, true), (written, false), (explicit, false)] {
        let deleted = store.database.send(DeleteIfEmpty { project: project(), conversation });
        assert_eq!(deleted.await.unwrap().unwrap(), empty, "{conversation}");
    }
}

#[actix::test]
async fn an_answer_to_a_question_that_waited_shows_that_its_turn_runs() {
    let store = Store::new();
    let id = store.conversation().await;
    let entries =
        vec![question(TurnNumber(1), Seq(3), "a", "hi"), text(TurnNumber(1), Seq(4), Seq(4), "ho")];
    store.write(id, entries).await.unwrap();
    let state: String = one(&store.look(), "SELECT state FROM turns WHERE turn = 1");
    assert_eq!(state, "running");
}

#[actix::test]
async fn a_given_title_stays() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    let rename = |project: &str| {
        store.database.send(RenameConversation {
            project: ProjectName::parse(project).unwrap(),
            conversation: id,
            title: Some("Ours".to_owned()),
        })
    };
    assert_eq!(rename("other").await.unwrap().unwrap(), None);
    let renamed = rename("demo").await.unwrap().unwrap().unwrap();
    assert_eq!(renamed.title.as_deref(), Some("Ours"));
    store.write(id, vec![question(TurnNumber(1), Seq(1), "a", "hi")]).await.unwrap();
    let listed = store.reader.conversations(&project(), &anybody()).unwrap();
    assert_eq!(listed[0].title.as_deref(), Some("Ours"));
}
