//! Tests of the store on files, as it is used: opened, written through the actor, read back.

mod accepting;
mod attaching;
mod backing_up;
mod group_commit;
mod importing;
mod journaling;
mod memory_journal;
mod opening;
mod reacting;
mod reading;
mod recovering;
mod replaying;
mod searching;
mod sharing;
mod similar;
mod snapshots;
mod spending;
mod writing;

use std::path::{Path, PathBuf};

use actix::{Actor as _, Addr};
use rusqlite::Connection;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::{
    entry::EntryRow,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    rights::{Ownership, Principal},
};

use super::{
    Clock, Database, DatabaseError, FILE_NAME, Reader, Summary,
    messages::{CreateConversation, Flush, WriteEntries},
};

/// Somebody whom the store does not know.
fn anybody() -> Principal {
    Principal::default()
}

/// A store in a directory of its own.
struct Store {
    database: Addr<Database>,
    reader: Reader,
    directory: TempDir,
}

impl Store {
    /// A new store. Needs a running actix system.
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), Clock::system())
    }

    fn open(directory: TempDir, clock: Clock) -> Self {
        let (database, reader) =
            Database::open_with(&directory.path().join(FILE_NAME), clock, None).unwrap();
        Self { database: database.start(), reader, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(FILE_NAME)
    }

    /// Ends the actor and opens the same file again.
    async fn reopen(self) -> Self {
        let Self { database, reader, directory } = self;
        database.send(Flush).await.unwrap().unwrap();
        drop((database, reader));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            // The actor ends soon after its last address.
            actix::clock::sleep(std::time::Duration::from_millis(1)).await;
            match Database::open(&directory.path().join(FILE_NAME)) {
                Ok((database, reader)) => {
                    return Self { database: database.start(), reader, directory };
                }
                Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
            }
        }
    }

    /// A conversation with a greeting, sequence numbers 1 and 2.
    async fn conversation(&self) -> ConversationId {
        self.create(false, greeting()).await.id
    }

    async fn create(&self, explicit: bool, entries: Vec<EntryRow>) -> Summary {
        let new = CreateConversation {
            project: project(),
            explicit,
            reserved_seq: Seq(10),
            agent_session: None,
            entries,
            ownership: Ownership::default(),
            forked_from: None,
            copied: Vec::new(),
        };
        self.database.send(new).await.unwrap().unwrap()
    }

    async fn write(
        &self,
        conversation: ConversationId,
        entries: Vec<EntryRow>,
    ) -> Result<(), DatabaseError> {
        let write = WriteEntries { project: project(), conversation, entries };
        self.database.send(write).await.unwrap()
    }

    /// A connection beside the store's own, to look at the rows.
    fn look(&self) -> Connection {
        look(&self.path())
    }
}

fn look(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection
}

fn one<T: rusqlite::types::FromSql>(connection: &Connection, query: &str) -> T {
    connection.query_row(query, (), |row| row.get(0)).unwrap()
}

fn project() -> ProjectName {
    ProjectName::parse("demo").unwrap()
}

fn greeting() -> Vec<EntryRow> {
    vec![text(TurnNumber(0), Seq(1), Seq(1), "Hello!"), done(TurnNumber(0), Seq(2))]
}

fn question(turn: TurnNumber, seq: Seq, message_id: &str, content: &str) -> EntryRow {
    let payload = serde_json::json!({"message_id": message_id, "content": content});
    entry(turn, seq, seq, "user_message", &payload.to_string())
}

fn text(turn: TurnNumber, first_seq: Seq, last_seq: Seq, content: &str) -> EntryRow {
    let payload = serde_json::json!({"block": 0, "content": content});
    entry(turn, first_seq, last_seq, "text", &payload.to_string())
}

fn done(turn: TurnNumber, seq: Seq) -> EntryRow {
    entry(turn, seq, seq, "response_done", r#"{"outcome":"completed"}"#)
}

fn entry(turn: TurnNumber, first_seq: Seq, last_seq: Seq, kind: &str, payload: &str) -> EntryRow {
    EntryRow { turn, first_seq, last_seq, kind: kind.to_owned(), payload: payload.to_owned() }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
}
