//! What the store has applied of the journal, in tables that a store without one does not have.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    database::{Reader, error::DatabaseError},
    project::ProjectName,
};

use super::{FreeIds, JournalScope, Owner, Position};

/// The tables. They are written in the transactions whose records they count.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS journal (
        -- A project, '$shared' or '$ids'.
        scope       TEXT    NOT NULL PRIMARY KEY,
        -- The place of the newest record that was applied.
        applied     INTEGER NOT NULL,
        -- Whose the project is; NULL where it is nobody's.
        node        TEXT,
        incarnation TEXT,
        -- The node whose agents the sessions of its conversations are of.
        sessions_of TEXT
    ) STRICT, WITHOUT ROWID;

    -- One row.
    CREATE TABLE IF NOT EXISTS journal_state (
        one               INTEGER PRIMARY KEY CHECK (one = 1),
        -- All records up to this place are applied.
        watermark         INTEGER NOT NULL,
        -- The first ids that no node has taken.
        next_conversation INTEGER NOT NULL,
        next_entry        INTEGER NOT NULL,
        -- Which log the records are of; '' until one is known.
        log               TEXT    NOT NULL
    ) STRICT;

    INSERT INTO journal_state (one, watermark, next_conversation, next_entry, log)
        VALUES (1, 0, 1, 1, '') ON CONFLICT DO NOTHING;";

type Sqlite<T> = rusqlite::Result<T>;

/// Makes the tables where they are missing.
pub(crate) fn prepare(connection: &Connection) -> Sqlite<()> {
    connection.execute_batch(TABLES)
}

/// The place of the scope's newest record that was applied.
pub(crate) fn applied(connection: &Connection, scope: &JournalScope) -> Sqlite<Position> {
    let applied = connection
        .prepare_cached("SELECT applied FROM journal WHERE scope = ?1")?
        .query_row([scope.as_str()], |row| row.get(0))
        .optional()?;
    Ok(applied.unwrap_or_default())
}

/// Notes that the scope's record at `at` is applied.
pub(crate) fn set_applied(
    connection: &Connection,
    scope: &JournalScope,
    at: Position,
) -> Sqlite<()> {
    connection
        .prepare_cached(
            "INSERT INTO journal (scope, applied) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET applied = excluded.applied",
        )?
        .execute(params![scope.as_str(), at])?;
    Ok(())
}

/// Whose the scope is.
pub(crate) fn owner(connection: &Connection, scope: &JournalScope) -> Sqlite<Option<Owner>> {
    let owner = connection
        .prepare_cached("SELECT node, incarnation FROM journal WHERE scope = ?1")?
        .query_row([scope.as_str()], |row| {
            let (node, incarnation): (Option<_>, Option<_>) = (row.get(0)?, row.get(1)?);
            Ok(node.zip(incarnation).map(|(node, incarnation)| Owner { node, incarnation }))
        })
        .optional()?;
    Ok(owner.flatten())
}

/// What a store has applied, when a node starts.
#[derive(Debug)]
pub(crate) struct JournalState {
    /// All records up to this place are applied.
    pub(crate) watermark: Position,
    /// The owners of projects, by their newest records.
    pub(crate) owners: Vec<(ProjectName, Option<Owner>, Position)>,
}

impl Reader {
    /// What the store has applied of the journal.
    pub(crate) fn journal_state(&self) -> Result<JournalState, DatabaseError> {
        self.read(|connection| {
            let sql = "SELECT watermark FROM journal_state";
            let watermark = connection.query_row(sql, (), |row| row.get(0))?;
            Ok(JournalState { watermark, owners: owners(connection)? })
        })
    }
}

fn owners(connection: &Connection) -> Sqlite<Vec<(ProjectName, Option<Owner>, Position)>> {
    let mut statement =
        connection.prepare("SELECT scope, node, incarnation, applied FROM journal")?;
    let mut rows = statement.query(())?;
    let mut owners = Vec::new();
    while let Some(row) = rows.next()? {
        let scope: String = row.get(0)?;
        if let Some(JournalScope::Project(project)) = JournalScope::parse(&scope) {
            let (node, incarnation): (Option<_>, Option<_>) = (row.get(1)?, row.get(2)?);
            let owner = node.zip(incarnation);
            let owner = owner.map(|(node, incarnation)| Owner { node, incarnation });
            owners.push((project, owner, row.get(3)?));
        }
    }
    Ok(owners)
}

/// Notes which log the records are of. Answers whether it is the one of before, if there was one.
pub(crate) fn use_log(connection: &Connection, log: &str) -> Sqlite<bool> {
    let noted =
        connection.execute("UPDATE journal_state SET log = ?1 WHERE log IN ('', ?1)", [log])?;
    Ok(noted > 0)
}

/// Gives a project to `owner`, or to nobody. Sessions of agents are files of one node: another one does
/// not go on with them.
pub(crate) fn set_owner(
    connection: &Connection,
    scope: &JournalScope,
    owner: Option<&Owner>,
) -> Sqlite<()> {
    connection
        .prepare_cached(
            "INSERT INTO journal (scope, applied, node, incarnation) VALUES (?1, 0, ?2, ?3)
             ON CONFLICT DO UPDATE SET node = excluded.node, incarnation = excluded.incarnation",
        )?
        .execute(params![
            scope.as_str(),
            owner.map(|owner| &owner.node),
            owner.map(|owner| &owner.incarnation)
        ])?;
    let Some(owner) = owner else { return Ok(()) };
    let moved = connection
        .prepare_cached(
            "UPDATE journal SET sessions_of = ?2 WHERE scope = ?1 AND sessions_of IS NOT ?2",
        )?
        .execute(params![scope.as_str(), owner.node])?;
    if moved > 0 {
        connection
            .prepare_cached(
                "UPDATE conversations SET agent_session = NULL
                 WHERE project = ?1 AND agent_session IS NOT NULL",
            )?
            .execute([scope.as_str()])?;
    }
    Ok(())
}

/// Notes that all records up to `at` are applied.
pub(crate) fn set_watermark(connection: &Connection, at: Position) -> Sqlite<()> {
    connection
        .prepare_cached("UPDATE journal_state SET watermark = max(watermark, ?1)")?
        .execute([at])?;
    Ok(())
}

/// The first ids that no node has taken, as far as this store knows.
pub(crate) fn free_ids(connection: &Connection) -> Sqlite<FreeIds> {
    connection
        .prepare_cached(
            "SELECT max(next_conversation,
                     1 + ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'conversations'), 0)),
                 max(next_entry,
                     1 + ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0),
                     1 + ifnull((SELECT max(id) FROM entries), 0))
             FROM journal_state",
        )?
        .query_row((), |row| Ok(FreeIds { conversation: row.get(0)?, entry: row.get(1)? }))
}

/// Notes which ids nodes have taken.
pub(crate) fn set_free_ids(connection: &Connection, free: FreeIds) -> Sqlite<()> {
    connection
        .prepare_cached(
            "UPDATE journal_state SET next_conversation = max(next_conversation, ?1),
                 next_entry = max(next_entry, ?2)",
        )?
        .execute(params![free.conversation, free.entry])?;
    Ok(())
}

/// Forgets all places and owners: the store is what the log begins with.
pub(crate) fn begin(connection: &Connection, log: &str) -> Sqlite<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("UPDATE journal SET applied = 0, node = NULL, incarnation = NULL", ())?;
    transaction.execute("UPDATE journal_state SET watermark = 0, log = ?1", [log])?;
    transaction.commit()
}
