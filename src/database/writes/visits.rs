//! Rows of visits, a bounded number a project.

use rusqlite::{Connection, params};

use crate::database::{error::DatabaseError, messages::NoteVisit};

/// Visits of one project that are remembered.
const MAX_VISITS: i64 = 10_000;

pub(super) fn note(
    connection: &Connection,
    visit: &NoteVisit,
    at: &str,
) -> Result<(), DatabaseError> {
    let NoteVisit { browser, project, conversation, seq } = visit;
    connection
        .prepare_cached(
            "INSERT INTO visits (browser, project, conversation_id, seq, visited_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET conversation_id = excluded.conversation_id,
                 seq = excluded.seq, visited_at = excluded.visited_at",
        )?
        .execute(params![browser, project.as_str(), conversation, seq, at])?;
    // A page comes back within seconds. Only the project's own visits go: what a write leaves
    // must not depend on writes of other projects.
    connection
        .prepare_cached(
            "DELETE FROM visits
             WHERE project = ?1 AND (visited_at < strftime('%Y-%m-%dT%H:%M:%f', ?2, '-1 hour')
                 OR visited_at < (SELECT visited_at FROM visits WHERE project = ?1
                                  ORDER BY visited_at DESC LIMIT 1 OFFSET ?3))",
        )?
        .execute(params![project.as_str(), at, MAX_VISITS])?;
    Ok(())
}
