//! Public snapshots: published, replaced, withdrawn, and in stores of earlier versions.

use super::*;
use crate::database::{
    messages::{DeleteConversation, FrozenCopy, RenameConversation, SetSnapshot},
    queries::snapshots::{PublishedSnapshot, Snapshot},
};

impl Store {
    async fn publish(
        &self,
        conversation: ConversationId,
        token: &str,
        html: &str,
    ) -> Option<PublishedSnapshot> {
        let copy = FrozenCopy {
            token: token.to_owned(),
            title: Some("Where".to_owned()),
            user: Some("ana".to_owned()),
            html: html.to_owned(),
        };
        self.set_snapshot(project(), conversation, Some(copy)).await
    }

    async fn set_snapshot(
        &self,
        project: ProjectName,
        conversation: ConversationId,
        copy: Option<FrozenCopy>,
    ) -> Option<PublishedSnapshot> {
        let set = SetSnapshot { project, conversation, copy };
        self.database.send(set).await.unwrap().unwrap()
    }

    fn html(&self, token: &str) -> Option<String> {
        self.reader.snapshot(token).unwrap().map(|snapshot: Snapshot| snapshot.html)
    }
}

#[actix::test]
async fn publishing_again_replaces_the_copy_and_keeps_its_address_until_it_is_withdrawn() {
    let store = Store::new();
    let id = store.conversation().await;
    let first = store.publish(id, "first", "<p>one</p>").await.unwrap();
    assert_eq!((first.path.as_str(), first.published_by.as_deref()), ("/s/first", Some("ana")));
    assert_eq!(store.publish(id, "second", "<p>two</p>").await.unwrap().path, "/s/first");
    assert_eq!(store.html("first").as_deref(), Some("<p>two</p>"));
    assert_eq!(store.html("second"), None);

    let rename =
        RenameConversation { project: project(), conversation: id, title: Some("New".to_owned()) };
    store.database.send(rename).await.unwrap().unwrap();
    let listed = store.reader.all_published(9).unwrap();
    assert_eq!(listed[0].title.as_deref(), Some("Where"), "{listed:?}");

    // Only its own project withdraws it, and publishes it.
    let other = ProjectName::parse("other").unwrap();
    assert_eq!(store.set_snapshot(other.clone(), id, None).await, None);
    let copy = FrozenCopy { token: "x".to_owned(), title: None, user: None, html: String::new() };
    assert_eq!(store.set_snapshot(other, id, Some(copy)).await, None);
    assert_eq!(store.html("first").as_deref(), Some("<p>two</p>"));

    assert_eq!(store.set_snapshot(project(), id, None).await, None);
    assert_eq!(store.html("first"), None);
    assert_eq!(store.publish(id, "third", "").await.unwrap().path, "/s/third");
    assert_eq!(store.publish(ConversationId(99), "none", "").await, None);
}

#[actix::test]
async fn a_snapshot_goes_with_its_conversation_and_survives_a_restart() {
    let store = Store::new();
    let kept = store.create(true, greeting()).await.id;
    let gone = store.conversation().await;
    store.publish(kept, "kept", "<p>here</p>").await;
    store.publish(gone, "gone", "<p>there</p>").await;
    let delete = DeleteConversation { project: project(), conversation: gone };
    assert!(store.database.send(delete).await.unwrap().unwrap());
    assert_eq!(store.html("gone"), None);
    let store = store.reopen().await;
    assert_eq!(store.html("kept").as_deref(), Some("<p>here</p>"));
    assert_eq!(store.reader.all_published(9).unwrap().len(), 1);
}

#[actix::test]
async fn a_store_of_an_earlier_version_has_no_snapshots_and_takes_some() {
    let directory = tempfile::tempdir().unwrap();
    let connection = look(&directory.path().join(FILE_NAME));
    for step in [
        include_str!("../schema/1.sql"),
        include_str!("../schema/2.sql"),
        include_str!("../schema/3.sql"),
        include_str!("../schema/4.sql"),
        include_str!("../schema/5.sql"),
        include_str!("../schema/6.sql"),
    ] {
        connection.execute_batch(step).unwrap();
    }
    connection
        .execute_batch(
            "PRAGMA user_version = 6;
             PRAGMA application_id = 1128874834;
             INSERT INTO conversations (id, project, reserved_seq, explicit, created_at, updated_at)
             VALUES (5, 'demo', 10, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z');",
        )
        .unwrap();
    drop(connection);
    let store = Store::open(directory, Clock::system());
    assert_eq!(store.reader.all_published(9).unwrap(), []);
    assert_eq!(store.reader.published(&project(), ConversationId(5)).unwrap(), None);
    assert!(store.publish(ConversationId(5), "token", "").await.is_some());
}
