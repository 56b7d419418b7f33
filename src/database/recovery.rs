//! Recovery after a crash: ends turns that ran, keeps questions that wait.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    entry::{Content, EntryRow, Outcome, UserMessage},
    ids::{ConversationId, Seq, TurnNumber},
    json,
    project::ProjectName,
};

use super::{
    clock::Clock,
    error::DatabaseError,
    messages::DeleteIfEmpty,
    recorder::Recorder,
    writes::{Change, RecoverTurn},
};

/// How many rows recovery changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Running turns that were ended.
    pub(super) interrupted: usize,
    /// Turns whose question waits for an answer.
    pub(super) waiting: usize,
    /// Conversations in which nobody wrote, deleted.
    pub(super) emptied: usize,
}

struct OpenTurn {
    conversation: ConversationId,
    turn: TurnNumber,
    is_queued: bool,
    reserved_seq: Seq,
    /// The question, where it was accepted and its entry is missing.
    question: Option<UserMessage>,
}

/// Recovers all projects in one transaction, before any session exists.
pub(super) fn recover_all(
    connection: &mut Connection,
    clock: &Clock,
) -> Result<Recovery, DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut recorder = Recorder::new(&transaction, clock.now())?;
    let mut recovery = Recovery::default();
    for project in projects(&transaction)? {
        let Recovery { interrupted, waiting, emptied } = recover(&mut recorder, &project)?;
        recovery.interrupted += interrupted;
        recovery.waiting += waiting;
        recovery.emptied += emptied;
    }
    drop(recorder);
    transaction.commit()?;
    Ok(recovery)
}

/// Recovers a project that has no session: deletes its empty conversations and settles its open
/// turns.
pub(super) fn recover(
    recorder: &mut Recorder<'_>,
    project: &ProjectName,
) -> Result<Recovery, DatabaseError> {
    let empty = empty_conversations(recorder.connection(), project)?;
    let emptied = empty.len();
    for conversation in empty {
        let project = project.clone();
        recorder.apply(Change::DeleteIfEmpty(DeleteIfEmpty { project, conversation }))?;
    }
    Ok(Recovery { emptied, ..settle_open_turns(recorder, project, None)? })
}

/// Ends the turns that ran and completes those that wait, of one conversation or of all of the
/// project.
pub(super) fn settle_open_turns(
    recorder: &mut Recorder<'_>,
    project: &ProjectName,
    conversation: Option<ConversationId>,
) -> Result<Recovery, DatabaseError> {
    let mut recovery = Recovery::default();
    // Nobody has seen a number above the reserved ones. The entries that a conversation gets take
    // one after the other.
    let mut last_seqs = HashMap::new();
    for open in open_turns(recorder.connection(), project, conversation)? {
        let seq = last_seqs.entry(open.conversation).or_insert(open.reserved_seq);
        let question = open.question.map(Content::UserMessage);
        let end = (!open.is_queued).then(|| Content::plain_end(Outcome::Interrupted));
        let mut entries = Vec::new();
        for content in question.into_iter().chain(end) {
            *seq += 1;
            entries.push(EntryRow::new(open.turn, *seq, &content)?);
        }
        recorder.apply(Change::RecoverTurn(RecoverTurn {
            project: project.clone(),
            conversation: open.conversation,
            turn: open.turn,
            entries,
        }))?;
        match open.is_queued {
            true => recovery.waiting += 1,
            false => recovery.interrupted += 1,
        }
    }
    Ok(recovery)
}

/// The projects that have something to recover.
fn projects(connection: &Transaction<'_>) -> Result<Vec<ProjectName>, DatabaseError> {
    let mut statement = connection.prepare(
        "SELECT project FROM conversations WHERE explicit = 0 AND written = 0
         UNION
         SELECT project FROM turns JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done'",
    )?;
    let names = statement.query_map((), |row| row.get(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| ProjectName::parse(name).ok()).collect())
}

fn empty_conversations(
    connection: &Connection,
    project: &ProjectName,
) -> Result<Vec<ConversationId>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM conversations WHERE explicit = 0 AND written = 0 AND project = ?1",
    )?;
    let ids = statement.query_map([project.as_str()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn open_turns(
    connection: &Connection,
    project: &ProjectName,
    conversation: Option<ConversationId>,
) -> Result<Vec<OpenTurn>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT turns.conversation_id, turn, state = 'queued', reserved_seq, question,
                EXISTS (SELECT 1 FROM entries
                        WHERE entries.conversation_id = turns.conversation_id
                            AND entries.turn = turns.turn AND kind = 'user_message')
         FROM turns JOIN conversations ON conversations.id = turns.conversation_id
         WHERE state <> 'done' AND project = ?1 AND (?2 IS NULL OR turns.conversation_id = ?2)
         ORDER BY turns.conversation_id, turn",
    )?;
    let turns = statement.query_map(params![project.as_str(), conversation], |row| {
        let question: Option<String> = row.get(4)?;
        let has_entry: bool = row.get(5)?;
        let question = question.filter(|_| !has_entry);
        Ok(OpenTurn {
            conversation: row.get(0)?,
            turn: row.get(1)?,
            is_queued: row.get(2)?,
            reserved_seq: row.get(3)?,
            question: question.map(|payload| parse_message(&payload)).transpose()?,
        })
    })?;
    Ok(turns.collect::<Result<_, _>>()?)
}

fn parse_message(payload: &str) -> rusqlite::Result<UserMessage> {
    json::from_str(payload).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, error.into())
    })
}
