//! Questions that are accepted before they have an entry, and conversations that are taken over.

use super::*;
use crate::{
    database::messages::{AcceptQuestion, ClaimConversation},
    entry::UserMessage,
};

fn accept(conversation: ConversationId, turn: TurnNumber, message_id: &str) -> AcceptQuestion {
    AcceptQuestion {
        project: project(),
        conversation,
        turn,
        message: UserMessage {
            message_id: Some(message_id.to_owned()),
            content: format!("question {message_id}"),
            ..UserMessage::default()
        },
        copied: Vec::new(),
        is_text_audited: false,
    }
}

fn shape(store: &Store, conversation: ConversationId) -> Vec<(TurnNumber, Seq, String)> {
    let stored = store.reader.load(&project(), conversation, usize::MAX).unwrap().unwrap();
    stored.entries.into_iter().map(|row| (row.turn, row.first_seq, row.kind)).collect()
}

#[actix::test]
async fn p3_an_accepted_question_has_its_entry_after_a_restart_and_waits_as_before() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    store.database.send(accept(id, TurnNumber(1), "a")).await.unwrap().unwrap();
    store.write(id, vec![question(TurnNumber(1), Seq(3), "a", "question a")]).await.unwrap();
    store.database.send(accept(id, TurnNumber(2), "b")).await.unwrap().unwrap();

    let store = store.reopen().await;
    let kind = |turn, seq, kind: &str| (TurnNumber(turn), Seq(seq), kind.to_owned());
    assert_eq!(shape(&store, id), [kind(1, 3, "user_message"), kind(2, 11, "user_message")]);
    let waiting =
        [(TurnNumber(1), "question a".to_owned()), (TurnNumber(2), "question b".to_owned())];
    assert_eq!(store.reader.load(&project(), id, usize::MAX).unwrap().unwrap().waiting, waiting);
    assert_eq!(store.reader.unanswered().unwrap(), [(project(), id)]);
    let detail = store.reader.conversation(&project(), id).unwrap().unwrap();
    let contents: Vec<_> = detail.messages.iter().map(|m| m.content.as_str()).collect();
    assert_eq!(contents, ["question a", "question b"]);
}

#[actix::test]
async fn a_question_is_accepted_once_and_another_in_its_turn_is_not_taken_for_it() {
    let store = Store::new();
    let id = store.create(true, vec![]).await.id;
    store.database.send(accept(id, TurnNumber(1), "a")).await.unwrap().unwrap();
    let again = store.database.send(accept(id, TurnNumber(2), "a")).await.unwrap();
    assert!(matches!(again, Err(DatabaseError::DuplicateMessage { .. })), "{again:?}");
    let other = store.database.send(accept(id, TurnNumber(1), "b")).await.unwrap();
    assert!(matches!(other, Err(DatabaseError::Sqlite(_))), "{other:?}");
    let turns: i64 = one(&store.look(), "SELECT count(*) FROM turns");
    assert_eq!(turns, 1);
}

#[actix::test]
async fn an_accepted_question_lists_and_titles_the_conversation() {
    let store = Store::new();
    let id = store.conversation().await;
    store.database.send(accept(id, TurnNumber(1), "a")).await.unwrap().unwrap();
    let listed = store.reader.conversations(&project(), &anybody()).unwrap();
    assert_eq!(listed[0].title.as_deref(), Some("question a"));
    assert_eq!(
        store.reader.load(&project(), id, usize::MAX).unwrap().unwrap().next_turn,
        TurnNumber(2)
    );
}

#[actix::test]
async fn who_takes_a_conversation_over_ends_its_open_turns_and_gets_fresh_numbers() {
    let store = Store::new();
    let id = store.conversation().await;
    store
        .write(
            id,
            vec![
                question(TurnNumber(1), Seq(3), "a", "hi"),
                text(TurnNumber(1), Seq(4), Seq(6), "ho"),
            ],
        )
        .await
        .unwrap();
    let claim = |project: &str| {
        store.database.send(ClaimConversation {
            project: ProjectName::parse(project).unwrap(),
            conversation: id,
            range: 100,
        })
    };
    let refused = claim("other").await.unwrap();
    assert!(matches!(refused, Err(DatabaseError::ConversationGone { .. })), "{refused:?}");
    assert_eq!(shape(&store, id).len(), 4, "a refused claim ended a turn");

    // Ten numbers were reserved; the end takes one more.
    assert_eq!(claim("demo").await.unwrap().unwrap(), Seq(12));
    assert_eq!(
        shape(&store, id).pop().unwrap(),
        (TurnNumber(1), Seq(11), "response_done".to_owned())
    );
    assert_eq!(claim("demo").await.unwrap().unwrap(), Seq(112));
    assert_eq!(shape(&store, id).len(), 5, "a second claim ended the turn again");
}
