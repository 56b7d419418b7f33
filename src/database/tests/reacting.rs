//! Reactions and notes: in stores that know none, and as many as are kept.

use super::*;
use crate::{
    database::{
        OpenError,
        messages::{KeepNote, Marked, React},
    },
    reaction::{AnswerVerdict, Reaction, Reactor},
};

impl Store {
    /// A conversation with one answer.
    async fn answered(&self) -> ConversationId {
        let id = self.create(true, Vec::new()).await.id;
        let turn = TurnNumber(1);
        let entries = vec![
            question(turn, Seq(1), "m", "Where is it?"),
            text(turn, Seq(2), Seq(2), "Here."),
            done(turn, Seq(3)),
        ];
        self.write(id, entries).await.unwrap();
        id
    }

    async fn react(&self, conversation: ConversationId, user: &str, why: Option<&str>) -> Marked {
        let reaction = Reaction { verdict: AnswerVerdict::Wrong, why: why.map(str::to_owned) };
        let react = React {
            project: project(),
            conversation,
            turn: TurnNumber(1),
            by: Reactor::of_person(Some(user), ""),
            user: Some(user.to_owned()),
            reaction: Some(reaction),
        };
        self.database.send(react).await.unwrap().unwrap()
    }

    async fn keep(&self, conversation: ConversationId, is_kept: bool) -> Marked {
        let (turn, user) = (TurnNumber(1), None);
        let keep = KeepNote { project: project(), conversation, turn, user, is_kept };
        self.database.send(keep).await.unwrap().unwrap()
    }
}

#[actix::test]
async fn an_old_store_takes_reactions_and_notes() {
    let store = Store::new();
    let id = store.answered().await;
    let directory = store.directory;
    store.database.send(Flush).await.unwrap().unwrap();
    drop((store.database, store.reader));
    let connection = look(&directory.path().join(FILE_NAME));
    connection
        .execute_batch(
            "DROP TABLE reactions; DROP TABLE notes; DROP TABLE snapshots; DROP TABLE answers;
             DROP TABLE audit; DROP TABLE credentials;
             PRAGMA user_version = 4;",
        )
        .unwrap();
    drop(connection);
    let store = loop {
        actix::clock::sleep(std::time::Duration::from_millis(1)).await;
        match Database::open(&directory.path().join(FILE_NAME)) {
            Ok((database, reader)) => {
                break Store { database: database.start(), reader, directory };
            }
            Err(OpenError::InUse { .. }) => (),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.react(id, "ana", Some("old")).await, Marked::Stored);
    let kept = store.reader.answer_marks(id).unwrap();
    let kept = &kept[&TurnNumber(1)];
    assert_eq!(kept.reactions[0].reaction.why.as_deref(), Some("old"));
    assert_eq!(store.keep(id, true).await, Marked::Stored);
    assert!(store.reader.marks_of(id, TurnNumber(1)).unwrap().note.is_some());
    assert_eq!(store.keep(id, false).await, Marked::Stored);
    assert!(store.reader.marks_of(id, TurnNumber(1)).unwrap().note.is_none());
}

#[actix::test]
async fn the_reactions_of_one_person_replace_each_other_and_those_of_too_many_are_refused() {
    let store = Store::new();
    let id = store.answered().await;
    for number in 0..200 {
        let user = format!("user {number}");
        assert_eq!(store.react(id, &user, None).await, Marked::Stored, "{user}");
    }
    assert_eq!(store.react(id, "one more", None).await, Marked::TooMany);
    assert_eq!(store.react(id, "user 7", Some("again")).await, Marked::Stored);
    let kept = store.reader.marks_of(id, TurnNumber(1)).unwrap().reactions;
    let reasons: Vec<_> = kept.iter().filter_map(|it| it.reaction.why.as_deref()).collect();
    assert_eq!((kept.len(), reasons), (200, vec!["again"]));
    let other = store.create(true, Vec::new()).await.id;
    assert_eq!(store.react(other, "ana", None).await, Marked::NoSuchAnswer);
}
