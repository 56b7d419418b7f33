//! Attached files: stored before their question, kept with it, gone with its conversation.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::*;
use crate::{
    attachment::{AttachedFile, AttachedType, LoadedFile},
    database::{
        messages::{
            AcceptQuestion, AddAttachment, AttachmentAdded, CopiedAttachment, DeleteConversation,
            DropLoose,
        },
        queries::attachments::StoredFiles,
    },
    entry::UserMessage,
};

fn file(id: &str, content: &str) -> LoadedFile {
    let file = AttachedFile {
        id: id.to_owned(),
        name: format!("{id}.txt"),
        content_type: AttachedType::Text,
        bytes: content.len() as u64,
        width: None,
        height: None,
    };
    LoadedFile { file, content: content.as_bytes().to_vec() }
}

fn add(conversation: ConversationId, loaded: LoadedFile) -> AddAttachment {
    let most = StoredFiles { conversation: 20, loose: 12, n_loose: 3 };
    AddAttachment { project: project(), conversation, loaded, sender: "user a".to_owned(), most }
}

fn ask(conversation: ConversationId, turn: i64, files: &[&LoadedFile]) -> AcceptQuestion {
    AcceptQuestion {
        project: project(),
        conversation,
        turn: TurnNumber(turn),
        message: UserMessage {
            content: "see".to_owned(),
            attachments: files.iter().map(|loaded| loaded.file.clone()).collect(),
            ..UserMessage::default()
        },
        copied: Vec::new(),
        is_text_audited: false,
    }
}

impl Store {
    async fn add(&self, add: AddAttachment) -> Result<AttachmentAdded, DatabaseError> {
        self.database.send(add).await.unwrap()
    }

    fn loaded(&self, conversation: ConversationId, id: &str) -> Option<LoadedFile> {
        self.reader.loaded_file(&project(), conversation, id).unwrap()
    }
}

#[actix::test]
async fn a_file_is_read_back_as_it_was_stored_and_only_in_its_own_conversation() {
    let store = Store::new();
    let (one, other) = (store.conversation().await, store.conversation().await);
    let loaded = file("a", "hello");
    assert_eq!(store.add(add(one, loaded.clone())).await.unwrap(), AttachmentAdded::Stored);
    assert_eq!(store.loaded(one, "a"), Some(loaded.clone()));
    assert_eq!(store.loaded(other, "a"), None);
    let foreign = ProjectName::parse("other").unwrap();
    assert_eq!(store.reader.loaded_file(&foreign, one, "a").unwrap(), None);
    let ids = ["x".to_owned(), "a".to_owned()];
    let found = store.reader.attached_files(&project(), one, &ids).unwrap();
    assert_eq!(found, std::slice::from_ref(&loaded.file));
    let elsewhere = AddAttachment { project: foreign, ..add(one, file("b", "x")) };
    let refused = store.add(elsewhere).await;
    assert!(matches!(refused, Err(DatabaseError::ConversationGone { .. })), "{refused:?}");
    // The same id is not stored twice.
    assert!(store.add(add(one, loaded)).await.is_err());
}

#[actix::test]
async fn a_question_keeps_the_files_of_its_conversation_and_no_others() {
    let store = Store::new();
    let (one, other) = (store.conversation().await, store.conversation().await);
    let loaded = file("a", "hello");
    store.add(add(one, loaded.clone())).await.unwrap();
    for (conversation, files) in [(other, [&loaded]), (one, [&file("b", "x")])] {
        let refused = store.database.send(ask(conversation, 1, &files)).await.unwrap();
        assert!(matches!(refused, Err(DatabaseError::AttachmentGone { .. })), "{refused:?}");
    }
    assert_eq!(one_number(&store, "SELECT count(*) FROM turns WHERE question IS NOT NULL"), 0);
    store.database.send(ask(one, 1, &[&loaded])).await.unwrap().unwrap();
    // The question carries them through a restart.
    let store = store.reopen().await;
    let stored = store.reader.load(&project(), one, usize::MAX).unwrap().unwrap();
    let row = stored.entries.iter().find(|row| row.kind == "user_message").unwrap();
    let message: UserMessage = serde_json::from_str(&row.payload).unwrap();
    assert_eq!(message.attachments, [loaded.file]);
}

#[actix::test]
async fn a_question_that_goes_on_elsewhere_takes_copies_along() {
    let store = Store::new();
    let (one, other) = (store.conversation().await, store.conversation().await);
    let loaded = file("a", "hello");
    store.add(add(one, loaded.clone())).await.unwrap();
    let copy = LoadedFile { file: AttachedFile { id: "b".to_owned(), ..loaded.file }, ..loaded };
    let copied = vec![CopiedAttachment { from: "a".to_owned(), to: "b".to_owned() }];
    let onward = AcceptQuestion { copied, ..ask(other, 1, &[&copy]) };
    store.database.send(onward).await.unwrap().unwrap();
    let delete = DeleteConversation { project: project(), conversation: one };
    assert!(store.database.send(delete).await.unwrap().unwrap());
    assert_eq!(store.loaded(one, "a"), None);
    assert_eq!(store.loaded(other, "b").unwrap().content, b"hello");
    assert_eq!(one_number(&store, "SELECT count(*) FROM attachments"), 1);
}

#[actix::test]
async fn files_are_bounded_by_conversation_and_by_sender() {
    let store = Store::new();
    let (one, other) = (store.conversation().await, store.conversation().await);
    let added = async |conversation, id: &str, bytes: usize| {
        store.add(add(conversation, file(id, &"x".repeat(bytes)))).await.unwrap()
    };
    assert_eq!(added(one, "a", 21).await, AttachmentAdded::ConversationFull);
    assert_eq!(added(one, "a", 13).await, AttachmentAdded::TooManyLoose);
    assert_eq!(added(one, "a", 12).await, AttachmentAdded::Stored);
    assert_eq!(added(other, "b", 1).await, AttachmentAdded::TooManyLoose);
    let claimed = file("a", &"x".repeat(12));
    store.database.send(ask(one, 1, &[&claimed])).await.unwrap().unwrap();
    assert_eq!(added(other, "b", 12).await, AttachmentAdded::Stored);
    store.database.send(ask(other, 1, &[&file("b", &"x".repeat(12))])).await.unwrap().unwrap();
    assert_eq!(added(one, "c", 9).await, AttachmentAdded::ConversationFull);
    assert_eq!(added(one, "c", 1).await, AttachmentAdded::Stored);
    assert_eq!(added(one, "d", 1).await, AttachmentAdded::Stored);
    assert_eq!(added(one, "e", 1).await, AttachmentAdded::Stored);
    assert_eq!(added(one, "f", 1).await, AttachmentAdded::TooManyLoose);
}

#[actix::test]
async fn files_that_no_question_names_are_deleted_after_an_hour() {
    let seconds = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&seconds);
    let clock = Clock::new(move || at(clock.load(Ordering::SeqCst)));
    let store = Store::open(tempfile::tempdir().unwrap(), clock);
    let id = store.conversation().await;
    for name in ["a", "b"] {
        store.add(add(id, file(name, "x"))).await.unwrap();
    }
    store.database.send(ask(id, 1, &[&file("a", "x")])).await.unwrap().unwrap();
    for (elapsed, left) in [(3599, 2), (3602, 1), (900_000, 1)] {
        seconds.store(elapsed, Ordering::SeqCst);
        store.database.send(DropLoose).await.unwrap().unwrap();
        assert_eq!(one_number(&store, "SELECT count(*) FROM attachments"), left, "{elapsed}");
    }
    assert!(store.loaded(id, "a").is_some());
}

#[actix::test]
async fn a_store_of_an_earlier_version_takes_files_once_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let connection = look(&path);
    for step in [include_str!("../schema/1.sql"), include_str!("../schema/2.sql")] {
        connection.execute_batch(step).unwrap();
    }
    connection
        .execute_batch(
            "PRAGMA user_version = 2;
             PRAGMA application_id = 1128874834;
             INSERT INTO conversations (id, project, reserved_seq, explicit, created_at, updated_at)
             VALUES (5, 'demo', 10, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z');",
        )
        .unwrap();
    drop(connection);
    let store = Store::open(directory, Clock::system());
    let loaded = file("a", "hello");
    store.add(add(ConversationId(5), loaded.clone())).await.unwrap();
    assert_eq!(store.loaded(ConversationId(5), "a"), Some(loaded));
}

fn one_number(store: &Store, query: &str) -> i64 {
    one(&store.look(), query)
}
