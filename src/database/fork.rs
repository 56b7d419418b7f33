//! Forks: a conversation that goes on from a turn of another one.

use rusqlite::{OptionalExtension as _, params};

use crate::{
    attachment,
    database::{
        error::DatabaseError,
        messages::{
            CopiedAttachment, CreateConversation, ForkConversation, Forked, RenameConversation,
        },
        queries::{conversations, load},
        recorder::Recorder,
        writes::Change,
    },
    entry::{EntryRow, UserMessage},
    ids::Seq,
};

/// Bytes of a history that is copied, at most: it is written in one go.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Copies the turns up to one that has ended, with their numbers, into a new conversation.
pub(super) fn fork(
    recorder: &mut Recorder<'_>,
    fork: ForkConversation,
) -> Result<Forked, DatabaseError> {
    let ForkConversation { project, from, ownership, reserved } = fork;
    let connection = recorder.connection();
    let Some(origin) = conversations::summary(connection, &project, from.conversation_id)? else {
        return Ok(Forked::NoSuchTurn);
    };
    let has_ended = connection
        .prepare_cached(
            "SELECT state = 'done' FROM turns WHERE conversation_id = ?1 AND turn = ?2",
        )?
        .query_row(params![from.conversation_id, from.turn], |row| row.get(0))
        .optional()?;
    if has_ended != Some(true) {
        return Ok(Forked::NoSuchTurn);
    }
    let mut entries = load::rows(connection, from.conversation_id, Seq::ZERO, Seq::MAX)?;
    entries.retain(|entry| entry.turn <= from.turn);
    if entries.iter().map(|entry| entry.payload.len()).sum::<usize>() > MOST_BYTES {
        return Ok(Forked::TooLong);
    }
    let mut copied = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.kind == "user_message") {
        copied.extend(with_own_files(entry)?);
    }
    let last = entries.iter().map(|entry| entry.last_seq).max().unwrap_or(Seq::ZERO);
    let conversation = recorder.allocate_conversation()?;
    let new = CreateConversation {
        project: project.clone(),
        explicit: true,
        reserved_seq: last + reserved,
        agent_session: None,
        entries,
        ownership,
        forked_from: Some(from),
        copied,
    };
    recorder.apply(Change::CreateConversation { conversation, new })?;
    let (project, title) = (project.clone(), origin.title);
    let rename = RenameConversation { project: project.clone(), conversation, title };
    recorder.apply(Change::RenameConversation(rename))?;
    let summary = conversations::summary(recorder.connection(), &project, conversation)?;
    let summary = summary.ok_or(DatabaseError::ConversationGone { conversation })?;
    Ok(Forked::Made(Box::new(summary)))
}

/// Gives the files of a question ids of their own. Answers what is to be copied.
fn with_own_files(entry: &mut EntryRow) -> Result<Vec<CopiedAttachment>, DatabaseError> {
    let mut message: UserMessage = serde_json::from_str(&entry.payload)?;
    let copied = message.attachments.iter_mut().map(|file| {
        let (from, to) = (file.id.clone(), attachment::new_id());
        file.id.clone_from(&to);
        CopiedAttachment { from, to }
    });
    let copied: Vec<_> = copied.collect();
    if !copied.is_empty() {
        entry.payload = serde_json::to_string(&message)?;
    }
    Ok(copied)
}
