//! Attached files, with and without their content.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use crate::{
    attachment::{AttachedFile, AttachedType, LoadedFile},
    database::{Reader, error::DatabaseError},
    ids::ConversationId,
    project::ProjectName,
};

/// What is stored of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFiles {
    /// Bytes of all files of the conversation.
    pub(crate) conversation: u64,
    /// Bytes of all files of the sender that no question names yet.
    pub(crate) loose: u64,
    /// Number of those files.
    pub(crate) n_loose: u64,
}

impl Reader {
    /// Those of these files that a conversation of the project has, in the order of `ids`.
    pub(crate) fn attached_files(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
        ids: &[String],
    ) -> Result<Vec<AttachedFile>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT attachments.id, name, type, length(content), width, height
                 FROM attachments JOIN conversations ON conversations.id = conversation_id
                 WHERE attachments.id = ?1 AND conversation_id = ?2 AND project = ?3",
            )?;
            let find = |id: &String| {
                let found = params![id, conversation, project.as_str()];
                statement.query_row(found, read_file).optional()
            };
            let found: Result<Vec<_>, _> = ids.iter().map(find).collect();
            Ok(found?.into_iter().flatten().collect())
        })
    }

    /// A file with its content, if a conversation of the project has it.
    pub(crate) fn loaded_file(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
        id: &str,
    ) -> Result<Option<LoadedFile>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT attachments.id, name, type, length(content), width, height, content
                 FROM attachments JOIN conversations ON conversations.id = conversation_id
                 WHERE attachments.id = ?1 AND conversation_id = ?2 AND project = ?3",
            )?;
            let found = statement.query_row(params![id, conversation, project.as_str()], |row| {
                Ok(LoadedFile { file: read_file(row)?, content: row.get(6)? })
            });
            Ok(found.optional()?)
        })
    }
}

/// What the conversation and the sender have stored.
pub(in crate::database) fn stored_files(
    connection: &Connection,
    conversation: ConversationId,
    sender: &str,
) -> Result<StoredFiles, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT ifnull(sum(length(content)), 0) FROM attachments
                 WHERE conversation_id = ?1),
                (SELECT ifnull(sum(length(content)), 0) FROM attachments WHERE sender = ?2),
                (SELECT count(*) FROM attachments WHERE sender = ?2)",
    )?;
    Ok(statement.query_row(params![conversation, sender], |row| {
        let sum = |column| row.get(column).map(|sum: i64| u64::try_from(sum).unwrap_or(0));
        Ok(StoredFiles { conversation: sum(0)?, loose: sum(1)?, n_loose: sum(2)? })
    })?)
}

/// The projects with files that no question names yet.
pub(in crate::database) fn projects_with_loose(
    connection: &Connection,
) -> Result<Vec<ProjectName>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT project
         FROM attachments JOIN conversations ON conversations.id = conversation_id
         WHERE sender IS NOT NULL",
    )?;
    let names = statement.query_map((), |row| row.get(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| ProjectName::parse(name).ok()).collect())
}

fn read_file(row: &Row<'_>) -> rusqlite::Result<AttachedFile> {
    let media_type: String = row.get(2)?;
    Ok(AttachedFile {
        id: row.get(0)?,
        name: row.get(1)?,
        content_type: AttachedType::of(&media_type).unwrap_or(AttachedType::Text),
        bytes: row.get::<_, u32>(3)?.into(),
        width: row.get(4)?,
        height: row.get(5)?,
    })
}
