//! Public snapshots: one by its address, that of a conversation, and the list of all.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::base_path::BasePath,
    database::{Reader, error::DatabaseError},
    ids::ConversationId,
    project::ProjectName,
};

/// A frozen copy as a stranger gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) project: String,
    pub(crate) title: Option<String>,
    /// UTC, ISO 8601.
    pub(crate) published_at: String,
    /// Questions and answers.
    pub(crate) html: String,
}

/// A frozen copy of a conversation that is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PublishedSnapshot {
    pub(crate) conversation_id: ConversationId,
    pub(crate) project: String,
    /// The conversation's title when it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// The path at which everybody reads it.
    pub(crate) path: String,
    /// Who published it, where users are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published_by: Option<String>,
    /// UTC, ISO 8601.
    pub(crate) published_at: String,
}

impl PublishedSnapshot {
    /// With the path on a host where the server lies below a base path.
    pub(crate) fn below(mut self, base: &BasePath) -> Self {
        self.path = base.address(&self.path);
        self
    }
}

macro_rules! published_columns {
    () => {
        "SELECT conversation_id, project, title, token, published_by, published_at FROM snapshots "
    };
}

impl Reader {
    /// The snapshot with this token in its address.
    pub(crate) fn snapshot(&self, token: &str) -> Result<Option<Snapshot>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT project, title, published_at, html FROM snapshots WHERE token = ?1",
            )?;
            let read = |row: &Row<'_>| {
                Ok(Snapshot {
                    project: row.get(0)?,
                    title: row.get(1)?,
                    published_at: row.get(2)?,
                    html: row.get(3)?,
                })
            };
            Ok(statement.query_row([token], read).optional()?)
        })
    }

    /// The snapshot of a project's conversation, if it is published.
    pub(crate) fn published(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> Result<Option<PublishedSnapshot>, DatabaseError> {
        self.read(|connection| Ok(published(connection, project, conversation)?))
    }

    /// The newest snapshots of all projects, at most `limit`.
    pub(crate) fn all_published(
        &self,
        limit: u32,
    ) -> Result<Vec<PublishedSnapshot>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(concat!(
                published_columns!(),
                "ORDER BY published_at DESC, conversation_id DESC LIMIT ?1"
            ))?;
            Ok(statement.query_map([limit], read_published)?.collect::<Result<_, _>>()?)
        })
    }
}

pub(in crate::database) fn published(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> rusqlite::Result<Option<PublishedSnapshot>> {
    let mut statement = connection.prepare_cached(concat!(
        published_columns!(),
        "WHERE conversation_id = ?1 AND project = ?2"
    ))?;
    statement.query_row(params![conversation, project.as_str()], read_published).optional()
}

fn read_published(row: &Row<'_>) -> rusqlite::Result<PublishedSnapshot> {
    let token: String = row.get(3)?;
    Ok(PublishedSnapshot {
        conversation_id: row.get(0)?,
        project: row.get(1)?,
        title: row.get(2)?,
        path: format!("/s/{token}"),
        published_by: row.get(4)?,
        published_at: row.get(5)?,
    })
}
