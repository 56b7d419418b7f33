//! Where a turn stands in its conversation's history, and which question has a client's id.

use rusqlite::{OptionalExtension as _, params};

use crate::{
    database::{Reader, error::DatabaseError},
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
};

/// Conversations of a project, the latest change first, in which a repeated question is looked for.
const LATEST: i64 = 256;

/// A turn and its place in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnPlace {
    pub(crate) turn: TurnNumber,
    /// The number before the first of its entries.
    pub(crate) before: Seq,
    /// The number of its end, once that is stored.
    pub(crate) end: Option<Seq>,
}

impl Reader {
    /// The place of a turn of a conversation, or of its newest turn; `None` if there is no such turn.
    pub(crate) fn turn_place(
        &self,
        conversation: ConversationId,
        turn: Option<TurnNumber>,
    ) -> Result<Option<TurnPlace>, DatabaseError> {
        self.read(|connection| {
            // A question that was just accepted has no entry yet: it will be behind all others.
            let mut statement = connection.prepare_cached(
                "SELECT turns.turn,
                     coalesce(min(own.first_seq) - 1,
                         (SELECT max(last_seq) FROM entries WHERE conversation_id = ?1), 0),
                     max(own.last_seq) FILTER (WHERE own.kind IN ('response_done', 'error'))
                 FROM turns LEFT JOIN entries AS own
                     ON own.conversation_id = turns.conversation_id AND own.turn = turns.turn
                 WHERE turns.conversation_id = ?1 AND turns.turn =
                     coalesce(?2, (SELECT max(turn) FROM turns WHERE conversation_id = ?1))
                 GROUP BY turns.turn",
            )?;
            let found = statement.query_row(params![conversation, turn], |row| {
                Ok(TurnPlace { turn: row.get(0)?, before: row.get(1)?, end: row.get(2)? })
            });
            Ok(found.optional()?)
        })
    }

    /// The newest sequence number of a conversation.
    pub(crate) fn newest_seq(&self, conversation: ConversationId) -> Result<Seq, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ifnull(max(last_seq), 0) FROM entries WHERE conversation_id = ?1",
            )?;
            Ok(statement.query_row([conversation], |row| row.get(0))?)
        })
    }

    /// The question of this author that has a client's id: in one conversation, or in the latest of the
    /// project.
    pub(crate) fn turn_of_message(
        &self,
        project: &ProjectName,
        conversation: Option<ConversationId>,
        author: Option<&str>,
        message_id: &str,
    ) -> Result<Option<(ConversationId, TurnNumber)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT turns.conversation_id, turns.turn
                 FROM (SELECT id FROM conversations
                         WHERE project = ?1 AND (explicit = 1 OR written = 1)
                             AND (?2 IS NULL OR id = ?2)
                         ORDER BY updated_at DESC, id DESC LIMIT ?5) AS latest
                 CROSS JOIN turns
                     ON turns.conversation_id = latest.id AND turns.message_id = ?4
                 WHERE turns.question ->> '$.author' IS ?3 LIMIT 1",
            )?;
            let of = params![project.as_str(), conversation, author, message_id, LATEST];
            Ok(statement.query_row(of, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        })
    }
}
