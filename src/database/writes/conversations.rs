//! Rows of conversations.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::{
    database::{
        error::DatabaseError,
        messages::{CreateConversation, RenameConversation, ShareConversation, Sharing},
        title,
    },
    ids::{ConversationId, Seq},
    project::ProjectName,
};

pub(super) fn create(
    connection: &Connection,
    conversation: ConversationId,
    new: &CreateConversation,
    at: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "INSERT INTO conversations
                 (id, project, agent_session, reserved_seq, explicit, created_at, updated_at,
                  owner, private, forked_from, forked_turn)
             VALUES (:id, :project, :agent_session, :reserved_seq, :explicit, :at, :at,
                 :owner, :private, :forked_from, :forked_turn)",
        )?
        .execute(named_params! {
            ":id": conversation,
            ":project": new.project.as_str(),
            ":agent_session": new.agent_session,
            ":reserved_seq": new.reserved_seq,
            ":explicit": new.explicit,
            ":at": at,
            ":owner": new.ownership.owner,
            ":private": !new.ownership.visibility.is_team(),
            ":forked_from": new.forked_from.map(|it| it.conversation_id),
            ":forked_turn": new.forked_from.map(|it| it.turn),
        })?;
    Ok(())
}

/// Notes that the conversation changes, and that numbers up to `seq` are in use. Answers the
/// time to store.
pub(super) fn touch(
    connection: &Connection,
    conversation: ConversationId,
    seq: Seq,
    at: &str,
) -> Result<String, DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET updated_at = max(updated_at, ?2), reserved_seq = max(reserved_seq, ?3)
             WHERE id = ?1 RETURNING updated_at",
        )?
        .query_row(params![conversation, at, seq], |row| row.get(0))
        .optional()?
        .ok_or(DatabaseError::ConversationGone { conversation })
}

/// Lists the conversation, and titles it by its first question.
pub(super) fn note_question(
    connection: &Connection,
    conversation: ConversationId,
    question: &str,
) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET written = 1, title = ifnull(nullif(title, ''), nullif(?2, ''))
             WHERE id = ?1 AND (ifnull(title, '') = '' OR written = 0)",
        )?
        .execute(params![conversation, title::from_message(question)])?;
    Ok(())
}

pub(super) fn rename(
    connection: &Connection,
    rename: &RenameConversation,
) -> Result<bool, DatabaseError> {
    let RenameConversation { project, conversation, title } = rename;
    let renamed = connection
        .prepare_cached("UPDATE conversations SET title = ?3 WHERE id = ?1 AND project = ?2")?
        .execute(params![conversation, project.as_str(), title])?;
    Ok(renamed > 0)
}

pub(super) fn share(
    connection: &Connection,
    share: &ShareConversation,
) -> Result<bool, DatabaseError> {
    let ShareConversation { project, conversation, sharing } = share;
    let (id, project) = (conversation, project.as_str());
    let changed = match sharing {
        Sharing::Visibility(visibility) => connection
            .prepare_cached("UPDATE conversations SET private = ?3 WHERE id = ?1 AND project = ?2")?
            .execute(params![id, project, !visibility.is_team()])?,
        Sharing::Link(link) => {
            connection
                .prepare_cached(
                    "DELETE FROM guests WHERE conversation_id = (
                         SELECT id FROM conversations WHERE id = ?1 AND project = ?2)",
                )?
                .execute(params![id, project])?;
            connection
                .prepare_cached(
                    "UPDATE conversations SET link = ?3 WHERE id = ?1 AND project = ?2",
                )?
                .execute(params![id, project, link])?
        }
        Sharing::Guest { user, link } => connection
            .prepare_cached(
                "INSERT INTO guests (conversation_id, user)
                 SELECT id, ?3 FROM conversations WHERE id = ?1 AND project = ?2 AND link = ?4
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![id, project, user, link])?,
    };
    Ok(changed > 0)
}

pub(super) fn reserve_seq(
    connection: &Connection,
    conversation: ConversationId,
    up_to: Seq,
) -> Result<(), DatabaseError> {
    let reserved = connection
        .prepare_cached(
            "UPDATE conversations SET reserved_seq = max(reserved_seq, ?2) WHERE id = ?1",
        )?
        .execute(params![conversation, up_to])?;
    require(reserved, conversation)
}

pub(super) fn set_agent_session(
    connection: &Connection,
    conversation: ConversationId,
    agent_session: Option<&str>,
) -> Result<(), DatabaseError> {
    let set = connection
        .prepare_cached("UPDATE conversations SET agent_session = ?2 WHERE id = ?1")?
        .execute(params![conversation, agent_session])?;
    require(set, conversation)
}

fn require(changed: usize, conversation: ConversationId) -> Result<(), DatabaseError> {
    match changed {
        0 => Err(DatabaseError::ConversationGone { conversation }),
        _ => Ok(()),
    }
}

pub(super) fn delete(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<bool, DatabaseError> {
    let newest_entry: Option<Option<i64>> = connection
        .prepare_cached(
            "SELECT (SELECT max(id) FROM entries WHERE conversation_id = ?1)
             FROM conversations WHERE id = ?1 AND project = ?2",
        )?
        .query_row(params![conversation, project.as_str()], |row| row.get(0))
        .optional()?;
    let Some(newest_entry) = newest_entry else { return Ok(false) };
    if let Some(id) = newest_entry {
        retire_entry_ids(connection, Seq(id))?;
    }
    connection
        .prepare_cached("DELETE FROM conversations WHERE id = ?1")?
        .execute([conversation])?;
    Ok(true)
}

/// Deletes a conversation in which nobody wrote and for which nobody asked.
pub(super) fn delete_if_empty(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
) -> Result<bool, DatabaseError> {
    let is_empty = connection
        .prepare_cached(
            "SELECT 1 FROM conversations WHERE id = ?1 AND explicit = 0 AND written = 0",
        )?
        .exists([conversation])?;
    Ok(is_empty && delete(connection, project, conversation)?)
}

/// Keeps ids of entries up to `newest` from being used again. SQLite remembers the highest id in
/// the same place for tables with AUTOINCREMENT.
pub(super) fn retire_entry_ids(connection: &Connection, newest: Seq) -> Result<(), DatabaseError> {
    let known = connection
        .prepare_cached("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'entries'")?
        .execute([newest])?;
    if known == 0 {
        connection
            .prepare_cached("INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?1)")?
            .execute([newest])?;
    }
    Ok(())
}
