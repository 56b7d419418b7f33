//! Conversations that are older than they are kept.

use rusqlite::params;

use crate::{
    database::{Reader, error::DatabaseError},
    ids::ConversationId,
    project::ProjectName,
};

impl Reader {
    /// The oldest conversations that nobody has changed since `before` (UTC, as the store writes times): at most `limit`, without
    /// those that have a note, a public snapshot or a turn that has not ended.
    pub(crate) fn unchanged_since(
        &self,
        before: &str,
        limit: u32,
    ) -> Result<Vec<(ProjectName, ConversationId)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT project, id FROM conversations AS conversation
                 WHERE updated_at < ?1
                     AND NOT EXISTS (SELECT 1 FROM notes WHERE conversation_id = conversation.id)
                     AND NOT EXISTS (SELECT 1 FROM snapshots WHERE conversation_id = conversation.id)
                     AND NOT EXISTS (SELECT 1 FROM turns
                         WHERE conversation_id = conversation.id AND state <> 'done')
                 ORDER BY updated_at LIMIT ?2",
            )?;
            let rows = statement.query_map(params![before, limit], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?))
            })?;
            let mut old = Vec::new();
            for row in rows {
                let (project, id) = row?;
                // A name that breaks the rule is not from this program.
                old.extend(ProjectName::parse(&project).ok().map(|project| (project, id)));
            }
            Ok(old)
        })
    }
}
