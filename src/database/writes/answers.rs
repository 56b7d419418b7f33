//! Rows of answers: what each took, read from the end of its turn.

use rusqlite::{Connection, named_params};

use crate::{
    database::error::DatabaseError, entry::EntryRow, ids::ConversationId, project::ProjectName,
};

/// Most tokens of one answer that are counted: agents report what they like.
const MAX_TOKENS: i64 = 1_000_000_000;

/// Most US dollars of one answer that are counted.
const MAX_COST: f64 = 100_000.0;

/// Most milliseconds of one answer that are counted.
const MAX_MILLIS: i64 = 1_000_000_000;

/// Notes the answers of an agent that these entries end. An end that is written again changes nothing.
pub(super) fn note(
    connection: &Connection,
    project: &ProjectName,
    conversation: ConversationId,
    entries: &[EntryRow],
    at: &str,
) -> Result<(), DatabaseError> {
    for end in entries.iter().filter(|it| matches!(&*it.kind, "response_done" | "error")) {
        connection
            .prepare_cached(
                "WITH told (is_error, facts) AS (
                     VALUES (:is_error, iif(json_valid(:payload), :payload, '{}')))
                 INSERT INTO answers
                     (conversation_id, turn, project, user, agent, outcome, ended_at, duration_ms,
                      first_text_ms, input_tokens, cached_tokens, output_tokens, cost_usd)
                 SELECT :conversation, :turn, :project,
                     (SELECT payload ->> '$.author' FROM entries
                      WHERE conversation_id = :conversation AND turn = :turn
                          AND kind = 'user_message'),
                     facts ->> '$.answered.by.name',
                     iif(is_error, 'failed', ifnull(facts ->> '$.outcome', 'completed')),
                     :at,
                     max(min(CAST(ifnull(facts ->> '$.duration_ms', 0) AS INTEGER), :millis), 0),
                     max(min(CAST(facts ->> '$.first_text_ms' AS INTEGER), :millis), 0),
                     max(min(CAST(ifnull(facts ->> '$.usage.input_tokens', 0) AS INTEGER)
                         + CAST(ifnull(facts ->> '$.usage.cache_write_tokens', 0) AS INTEGER),
                         :tokens), 0),
                     max(min(CAST(ifnull(facts ->> '$.usage.cache_read_tokens', 0) AS INTEGER),
                         :tokens), 0),
                     max(min(CAST(ifnull(facts ->> '$.usage.output_tokens', 0) AS INTEGER),
                         :tokens), 0),
                     max(min(CAST(ifnull(facts ->> '$.cost_usd', 0) AS REAL), :cost), 0.0)
                 FROM told WHERE facts ->> '$.answered.by.name' IS NOT NULL
                 ON CONFLICT DO NOTHING",
            )?
            .execute(named_params! {
                ":is_error": end.kind == "error",
                ":payload": end.payload,
                ":conversation": conversation,
                ":turn": end.turn,
                ":project": project.as_str(),
                ":at": at,
                ":millis": MAX_MILLIS,
                ":tokens": MAX_TOKENS,
                ":cost": MAX_COST,
            })?;
    }
    Ok(())
}
