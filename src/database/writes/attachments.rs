//! Rows of attached files.

use rusqlite::{Connection, named_params, params};

use crate::{
    database::{
        error::DatabaseError,
        messages::{AcceptQuestion, AddAttachment, CopiedAttachment},
    },
    ids::ConversationId,
    project::ProjectName,
};

pub(super) fn add(
    connection: &Connection,
    add: &AddAttachment,
    at: &str,
) -> Result<(), DatabaseError> {
    let AddAttachment { project, conversation, loaded, sender, .. } = add;
    let file = &loaded.file;
    let added = connection
        .prepare_cached(
            "INSERT INTO attachments
                 (id, conversation_id, name, type, width, height, sender, created_at, content)
             SELECT :id, id, :name, :type, :width, :height, :sender, :at, :content
             FROM conversations WHERE id = :conversation AND project = :project",
        )?
        .execute(named_params! {
            ":id": file.id,
            ":conversation": conversation,
            ":project": project.as_str(),
            ":name": file.name,
            ":type": file.content_type.as_str(),
            ":width": file.width,
            ":height": file.height,
            ":sender": sender,
            ":at": at,
            ":content": loaded.content,
        })?;
    match added {
        0 => Err(DatabaseError::ConversationGone { conversation: *conversation }),
        _ => Ok(()),
    }
}

/// Keeps the files that a question names for as long as its conversation.
pub(super) fn claim(
    connection: &Connection,
    question: &AcceptQuestion,
    at: &str,
) -> Result<(), DatabaseError> {
    let AcceptQuestion { project, conversation, message, copied, .. } = question;
    copy(connection, (project, *conversation), copied, at)?;
    for file in &message.attachments {
        let claimed = connection
            .prepare_cached(
                "UPDATE attachments SET sender = NULL WHERE id = ?1 AND conversation_id = ?2",
            )?
            .execute(params![file.id, conversation])?;
        if claimed == 0 {
            return Err(DatabaseError::AttachmentGone { name: file.name.clone() });
        }
    }
    Ok(())
}

/// Gives a conversation copies of files of others of its project.
pub(super) fn copy(
    connection: &Connection,
    (project, conversation): (&ProjectName, ConversationId),
    copied: &[CopiedAttachment],
    at: &str,
) -> Result<(), DatabaseError> {
    for CopiedAttachment { from, to } in copied {
        connection
            .prepare_cached(
                "INSERT INTO attachments
                     (id, conversation_id, name, type, width, height, created_at, content)
                 SELECT ?1, ?2, name, type, width, height, ?3, content
                 FROM attachments JOIN conversations ON conversations.id = conversation_id
                 WHERE attachments.id = ?4 AND project = ?5",
            )?
            .execute(params![to, conversation, at, from, project.as_str()])?;
    }
    Ok(())
}

/// Deletes the files of a project that no question named within an hour.
pub(super) fn drop_loose(
    connection: &Connection,
    project: &ProjectName,
    at: &str,
) -> Result<bool, DatabaseError> {
    let dropped = connection
        .prepare_cached(
            "DELETE FROM attachments
             WHERE sender IS NOT NULL
                 AND created_at < strftime('%Y-%m-%dT%H:%M:%f', ?2, '-1 hour')
                 AND conversation_id IN (SELECT id FROM conversations WHERE project = ?1)",
        )?
        .execute(params![project.as_str(), at])?;
    Ok(dropped > 0)
}
