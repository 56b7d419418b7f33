//! The journal: where the writes of a transaction go before it commits, so that the stores of other
//! nodes make the same of them. The store of a single machine has none.
//!
//! A [`Record`] holds the writes of one [`JournalScope`] in one transaction. The records of a scope have one
//! order, and only the owner of a project adds to it: a record is added only behind the one that its
//! store applied last, and a new owner adds one that nobody before it knows of.

#![cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "a single machine has no journal"))]

pub(crate) mod messages;
pub(crate) mod positions;
pub(super) mod replay;
pub(crate) mod stored_log;

use std::{fmt, sync::Arc};

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::project::ProjectName;

use super::{
    error::DatabaseError,
    messages::credentials::ChangeCredential,
    writes::{Change, Write},
};

/// What the writes of a record mean. Raised with each change of [`Write`] that an older program would
/// read differently, or not at all.
pub(crate) const VERSION: u32 = 1;

/// Ids that a node takes at once.
pub(super) const CONVERSATION_IDS: i64 = 1024;
pub(super) const ENTRY_IDS: i64 = 65_536;

/// A place in the journal's order, from 1 on; 0 is before all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Position(pub(crate) u64);

impl ToSql for Position {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

impl FromSql for Position {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(|at| Self(at.unsigned_abs()))
    }
}

/// What has an order of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum JournalScope {
    /// The ids that nodes have taken.
    Ids,
    /// What is of no project, such as logins. Every node writes it.
    Shared,
    /// A project, written by its owner.
    Project(ProjectName),
}

impl JournalScope {
    /// Its name: that of the project, or one that no project can have.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Ids => "$ids",
            Self::Shared => "$shared",
            Self::Project(name) => name.as_str(),
        }
    }

    /// The scope of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "$ids" => Some(Self::Ids),
            "$shared" => Some(Self::Shared),
            name => ProjectName::parse(name).ok().map(Self::Project),
        }
    }

    /// That of a write.
    pub(super) fn of(write: &Write) -> Self {
        write.change.project().map_or(Self::Shared, |project| Self::Project(project.clone()))
    }
}

impl fmt::Display for JournalScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Who owns a project: one run of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// The node's name.
    pub(crate) node: String,
    /// Random, new at each start.
    pub(crate) incarnation: String,
}

/// The first ids that no node has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FreeIds {
    pub(crate) conversation: i64,
    pub(crate) entry: i64,
}

/// What one transaction does to one scope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// See [`VERSION`].
    pub(crate) v: u32,
    /// Random: by it, its writer finds a record whose acknowledgement was lost.
    pub(crate) batch: String,
    /// The run of the node that wrote it.
    #[serde(default)]
    pub(crate) by: String,
    /// The record of the scope that its writer's store applied last: it is added behind that one or not at
    /// all.
    pub(crate) after: Position,
    /// Whose the project is from this record on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<Owner>,
    /// Whether the project is nobody's after this record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) close: bool,
    /// Of [`JournalScope::Ids`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) free_ids: Option<FreeIds>,
    /// In their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) writes: Vec<Write>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(is: &bool) -> bool {
    !is
}

impl Record {
    /// A record that does nothing yet.
    pub(crate) fn new(by: &str, after: Position) -> Self {
        Self {
            v: VERSION,
            batch: Uuid::new_v4().to_string(),
            by: by.to_owned(),
            after,
            open: None,
            close: false,
            free_ids: None,
            writes: Vec::new(),
        }
    }

    /// Whether it takes something out of the store that somebody wrote.
    pub(crate) fn deletes(&self) -> bool {
        self.writes.iter().any(|write| matches!(write.change, Change::DeleteConversation(_)))
    }

    /// What it changes of what lets people in.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &ChangeCredential> {
        self.writes.iter().filter_map(|write| match &write.change {
            Change::ChangeCredential(change) => Some(change),
            _ => None,
        })
    }
}

/// A record with its place.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) at: Position,
    pub(crate) scope: JournalScope,
    pub(crate) record: Record,
}

/// A record to be added.
#[derive(Debug, Clone)]
pub(crate) struct Append {
    pub(crate) scope: JournalScope,
    pub(crate) record: Record,
}

/// Why a record is not known to be added.
#[derive(Debug, Clone)]
pub(crate) enum Unappended {
    /// These records of the scope came first. Nothing was added.
    Behind(Vec<Placed>),
    /// Nobody knows whether it was.
    Unreachable(String),
    /// It is longer than a record may be. Nothing was added.
    TooLarge {
        /// Its length in bytes, and the most.
        bytes: usize,
        most: usize,
    },
}

/// Where records go. Its methods block.
pub(crate) trait Journal: Send + Sync {
    /// This run of this node.
    fn owner(&self) -> &Owner;

    /// Adds records of different scopes, each by itself. Answers the place of each, in their order.
    fn append(&self, appends: Arc<[Append]>) -> Vec<Result<Position, Unappended>>;

    /// Is told that a transaction did not commit, although its records are in the journal: they come back
    /// as those of others do, and until then this store is behind.
    fn is_behind(&self, error: &DatabaseError);

    /// The length of a record, in bytes, that is added without delay.
    fn most_bytes(&self) -> usize;
}
