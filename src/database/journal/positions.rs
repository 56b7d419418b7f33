//! What the store has applied of the journal, in tables that a store without one does not have.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{FreeIds, Owner, Position, Scope};

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
        next_entry        INTEGER NOT NULL
    ) STRICT;

    INSERT INTO journal_state (one, watermark, next_conversation, next_entry)
        VALUES (1, 0, 1, 1) ON CONFLICT DO NOTHING;";

type Sqlite<T> = rusqlite::Result<T>;

/// Makes the tables where they are missing.
pub(crate) fn prepare(connection: &Connection) -> Sqlite<()> {
    connection.execute_batch(TABLES)
}

/// The place of the scope's newest record that was applied.
pub(crate) fn applied(connection: &Connection, scope: &Scope) -> Sqlite<Position> {
    let applied = connection
        .prepare_cached("SELECT applied FROM journal WHERE scope = ?1")?
        .query_row([scope.as_str()], |row| row.get(0))
        .optional()?;
    Ok(applied.unwrap_or_default())
}

/// Notes that the scope's record at `at` is applied.
pub(crate) fn set_applied(connection: &Connection, scope: &Scope, at: Position) -> Sqlite<()> {
    connection
        .prepare_cached(
            "INSERT INTO journal (scope, applied) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET applied = excluded.applied",
        )?
        .execute(params![scope.as_str(), at])?;
    Ok(())
}

/// Whose the scope is.
pub(crate) fn owner(connection: &Connection, scope: &Scope) -> Sqlite<Option<Owner>> {
    let owner = connection
        .prepare_cached("SELECT node, incarnation FROM journal WHERE scope = ?1")?
        .query_row([scope.as_str()], |row| {
            let (node, incarnation): (Option<_>, Option<_>) = (row.get(0)?, row.get(1)?);
            Ok(node.zip(incarnation).map(|(node, incarnation)| Owner { node, incarnation }))
        })
        .optional()?;
    Ok(owner.flatten())
}

/// The owners of all projects that have one.
pub(crate) fn owners(connection: &Connection) -> Sqlite<Vec<(Scope, Owner)>> {
    let mut statement = connection.prepare_cached(
        "SELECT scope, node, incarnation FROM journal
         WHERE node IS NOT NULL AND incarnation IS NOT NULL",
    )?;
    let rows = statement.query_map((), |row| {
        let scope: String = row.get(0)?;
        Ok((Scope::parse(&scope), Owner { node: row.get(1)?, incarnation: row.get(2)? }))
    })?;
    rows.filter_map(|row| row.map(|(scope, owner)| Some((scope?, owner))).transpose()).collect()
}

/// Gives a project to `owner`, or to nobody. Sessions of agents are files of one node: another one does
/// not go on with them.
pub(crate) fn set_owner(
    connection: &Connection,
    scope: &Scope,
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

/// The place up to which all records are applied.
pub(crate) fn watermark(connection: &Connection) -> Sqlite<Position> {
    connection
        .prepare_cached("SELECT watermark FROM journal_state")?
        .query_row((), |row| row.get(0))
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
