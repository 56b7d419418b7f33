//! Forgetting a user: what the user asked goes, and no row names the user any more.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
};

use super::{
    clock::Clock,
    connection,
    error::{DatabaseError, OpenError},
    lock::DirectoryLock,
    messages::DeleteConversation,
    recorder::Recorder,
    title,
    writes::{self, Change},
};

/// What was forgotten of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Conversations in which nobody else asked, deleted.
    pub conversations: usize,
    /// Questions with their answers, deleted from conversations of several people.
    pub turns: usize,
    /// Other rows that named the user.
    pub others: usize,
}

/// A conversation of which something goes.
pub(crate) type Affected = (ProjectName, ConversationId);

/// Forgets a user in the store at `path`, while no server uses it, in one transaction. `clear` is told
/// before it of which conversations files may be left elsewhere. Blocks: the file is written anew, so
/// that nothing is left in it of what was deleted, now or before.
///
/// # Errors
///
/// A server uses the store, or it cannot be opened or written. It is as it was then.
pub(crate) fn forget(
    path: &Path,
    user: &str,
    clear: impl FnOnce(&[Affected]),
) -> Result<Forgotten, OpenError> {
    let directory = connection::make_directory(path)?;
    let _lock = DirectoryLock::acquire(&directory)?;
    let mut connection = connection::connect(path)?;
    connection::require_alone(&connection, path)?;
    forget_rows(&mut connection, user, clear)
        .and_then(|forgotten| {
            connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
            Ok(forgotten)
        })
        .map_err(|error| connection::explain(path, error))
}

fn forget_rows(
    connection: &mut Connection,
    user: &str,
    clear: impl FnOnce(&[Affected]),
) -> Result<Forgotten, DatabaseError> {
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (alone, shared) = affected(&transaction, user)?;
    let all: Vec<_> = alone.iter().chain(&shared).cloned().collect();
    clear(&all);
    writes::retire_entry_ids(&transaction)?;
    let mut forgotten = Forgotten { conversations: alone.len(), ..Forgotten::default() };
    let mut recorder = Recorder::new(&transaction, Clock::system().now())?;
    for (project, conversation) in alone {
        recorder.apply(Change::DeleteConversation(DeleteConversation { project, conversation }))?;
    }
    drop(recorder);
    for (_, conversation) in shared {
        forgotten.turns += forget_turns(&transaction, conversation, user)?;
    }
    forgotten.others = forget_names(&transaction, user)?;
    // The index keeps words of deleted texts until its parts are merged.
    transaction.execute("INSERT INTO search (search) VALUES ('optimize')", ())?;
    transaction.commit()?;
    Ok(forgotten)
}

/// Each question with who asked it: those that were accepted, and those that have an entry.
const QUESTIONS: &str = "
    WITH questions (conversation_id, turn, author, message) AS (
        SELECT conversation_id, turn, question ->> '$.author', question FROM turns
            WHERE question IS NOT NULL
        UNION SELECT conversation_id, turn, payload ->> '$.author', payload FROM entries
            WHERE kind = 'user_message') ";

/// The conversations that are the user's or in which the user asked: those in which nobody else asked since
/// they began there, if they are the user's, and the others.
fn affected(
    connection: &Connection,
    user: &str,
) -> Result<(Vec<Affected>, Vec<Affected>), DatabaseError> {
    let mut statement = connection.prepare(&format!(
        "{QUESTIONS} SELECT project, id, owner IS ?1 AND NOT EXISTS (
                 SELECT 1 FROM questions WHERE conversation_id = id AND author IS NOT ?1
                     AND turn > ifnull(forked_turn, 0))
             FROM conversations WHERE owner = ?1
                 OR id IN (SELECT conversation_id FROM questions WHERE author = ?1)"
    ))?;
    let mut rows = statement.query([user])?;
    let (mut alone, mut shared) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        // A name that is none any more has no session and no files.
        if let Ok(project) = ProjectName::parse(&row.get::<_, String>(0)?) {
            let those = if row.get(2)? { &mut alone } else { &mut shared };
            those.push((project, row.get(1)?));
        }
    }
    Ok((alone, shared))
}

/// Deletes the user's questions and their answers from a conversation with questions of others.
fn forget_turns(
    transaction: &Transaction<'_>,
    conversation: ConversationId,
    user: &str,
) -> Result<usize, DatabaseError> {
    let asked = asked(transaction, conversation, user)?;
    let turns: BTreeSet<_> = asked.iter().map(|(turn, ..)| *turn).collect();
    for (_, _, attachments) in &asked {
        transaction.execute(
            "DELETE FROM attachments WHERE conversation_id = ?1
                 AND id IN (SELECT value ->> '$.id' FROM json_each(?2))",
            params![conversation, attachments],
        )?;
    }
    for turn in &turns {
        for table in ["entries", "turns", "reactions", "notes"] {
            transaction.execute(
                &format!("DELETE FROM {table} WHERE conversation_id = ?1 AND turn = ?2"),
                params![conversation, turn],
            )?;
        }
    }
    // The frozen copy and the agent's own session have them too.
    transaction.execute("DELETE FROM snapshots WHERE conversation_id = ?1", [conversation])?;
    transaction
        .execute("UPDATE conversations SET agent_session = NULL WHERE id = ?1", [conversation])?;
    let title: Option<String> = transaction.query_row(
        "SELECT title FROM conversations WHERE id = ?1",
        [conversation],
        |row| row.get(0),
    )?;
    let is_of_question = |(_, content, _): &(TurnNumber, String, String)| {
        title.as_ref() == Some(&title::from_message(content))
    };
    if asked.iter().any(is_of_question) {
        let first: Option<String> = transaction.query_row(
            &format!(
                "{QUESTIONS} SELECT (SELECT message ->> '$.content' FROM questions
                     WHERE conversation_id = ?1 ORDER BY turn LIMIT 1)"
            ),
            [conversation],
            |row| row.get(0),
        )?;
        transaction.execute(
            "UPDATE conversations SET title = ?2 WHERE id = ?1",
            params![conversation, first.as_deref().map(title::from_message)],
        )?;
    }
    own_anew(transaction, conversation, user)?;
    Ok(turns.len())
}

/// Turn, text and attachments of each of the user's questions.
fn asked(
    connection: &Connection,
    conversation: ConversationId,
    user: &str,
) -> Result<Vec<(TurnNumber, String, String)>, DatabaseError> {
    let mut statement = connection.prepare(&format!(
        "{QUESTIONS} SELECT turn, ifnull(message ->> '$.content', ''),
             ifnull(message -> '$.attachments', '[]')
         FROM questions WHERE conversation_id = ?1 AND author = ?2"
    ))?;
    let rows = statement.query_map(params![conversation, user], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A conversation that was the user's is the first remaining author's, and shared with nobody.
fn own_anew(
    transaction: &Transaction<'_>,
    conversation: ConversationId,
    user: &str,
) -> Result<(), DatabaseError> {
    transaction.execute(
        "DELETE FROM guests WHERE conversation_id =
             (SELECT id FROM conversations WHERE id = ?1 AND owner = ?2)",
        params![conversation, user],
    )?;
    transaction.execute(
        &format!(
            "{QUESTIONS} UPDATE conversations SET link = NULL, owner = (
                 SELECT author FROM questions
                 WHERE conversation_id = ?1 AND author IS NOT NULL ORDER BY turn LIMIT 1)
             WHERE id = ?1 AND owner = ?2"
        ),
        params![conversation, user],
    )?;
    Ok(())
}

/// Takes the name out of all other rows. Sums of use stay, and the audit log keeps what happened.
fn forget_names(connection: &Connection, user: &str) -> Result<usize, DatabaseError> {
    let statements = [
        "DELETE FROM guests WHERE user = ?1",
        "DELETE FROM reactions WHERE user = ?1 OR person = 'user ' || ?1",
        "UPDATE notes SET kept_by = NULL WHERE kept_by = ?1",
        "DELETE FROM snapshots WHERE published_by = ?1",
        "DELETE FROM attachments WHERE sender = 'user ' || ?1",
        "DELETE FROM credentials WHERE user = ?1",
        "UPDATE answers SET user = NULL WHERE user = ?1",
        // Two that differ by the name alone are one.
        "INSERT INTO audit (at, kind, project, conversation_id, user, detail, is_admin)
             SELECT at, kind, project, conversation_id, '', '', is_admin FROM audit
             WHERE user = ?1 OR detail = ?1
                 OR (kind = 'revoked_token' AND substr(detail, -4 - length(?1)) = ' of ' || ?1)
             ON CONFLICT DO NOTHING",
        "DELETE FROM audit WHERE user = ?1 OR detail = ?1
             OR (kind = 'revoked_token' AND substr(detail, -4 - length(?1)) = ' of ' || ?1)",
    ];
    let mut changed = 0;
    for statement in statements {
        let rows = connection.execute(statement, [user])?;
        changed += if statement.starts_with("INSERT") { 0 } else { rows };
    }
    Ok(changed)
}
