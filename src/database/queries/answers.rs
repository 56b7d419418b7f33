//! What answers took: of a user or a project, as a table, and over time.

use rusqlite::named_params;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    budget::Spending,
    database::{Reader, error::DatabaseError},
    project::ProjectName,
};

/// Answers that a chart is drawn of, at most; the newest.
const MAX_CHARTED: i64 = 200_000;

/// Which answers are meant: those of all that is `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct UsageFilter {
    /// The first moment, as the store writes it.
    pub(crate) from: String,
    /// The first moment that is not meant any more.
    pub(crate) to: String,
    pub(crate) user: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) agent: Option<String>,
}

/// By what usage is told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "any of them may be combined")]
pub(crate) struct UsageKeys {
    pub(crate) day: bool,
    pub(crate) user: bool,
    pub(crate) project: bool,
    pub(crate) agent: bool,
}

/// What some answers took together.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct UsageRow {
    /// In UTC, `YYYY-MM-DD`. Present where usage is told apart by it, as the others.
    pub(crate) day: Option<String>,
    /// `null` too where the user is not known.
    pub(crate) user: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) answers: u64,
    /// Those of the answers that failed.
    pub(crate) failed: u64,
    /// Tokens read, without those from a cache.
    pub(crate) input_tokens: u64,
    /// Tokens read from a cache.
    pub(crate) cached_tokens: u64,
    pub(crate) output_tokens: u64,
    /// US dollars, as far as agents report them.
    pub(crate) cost_usd: f64,
}

/// One answer of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartedAnswer {
    /// Seconds since 1970.
    pub(crate) ended_at: i64,
    pub(crate) duration_ms: u64,
    pub(crate) first_text_ms: Option<u64>,
    pub(crate) has_failed: bool,
    /// Tokens read and written, without those read from a cache.
    pub(crate) tokens: u64,
    pub(crate) cost_usd: f64,
}

macro_rules! spending_of {
    ($column:literal) => {
        concat!(
            "SELECT ifnull(sum(input_tokens + output_tokens), 0), total(cost_usd)
             FROM answers WHERE ",
            $column,
            " = ?1 AND ended_at >= ?2"
        )
    };
}

impl Reader {
    /// What the answers to a user took since a moment.
    pub(crate) fn user_spending(&self, user: &str, from: &str) -> Result<Spending, DatabaseError> {
        self.spending(spending_of!("user"), user, from)
    }

    /// What the answers in a project took since a moment.
    pub(crate) fn project_spending(
        &self,
        project: &ProjectName,
        from: &str,
    ) -> Result<Spending, DatabaseError> {
        self.spending(spending_of!("project"), project.as_str(), from)
    }

    fn spending(&self, sql: &str, of: &str, from: &str) -> Result<Spending, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row([of, from], |row| {
                let tokens = row.get(0).map(i64::unsigned_abs)?;
                Ok(Spending { tokens, dollars: row.get(1)? })
            })?)
        })
    }

    /// What answers took, told apart by `keys`: the newest days first, then the most costly.
    pub(crate) fn usage(
        &self,
        filter: &UsageFilter,
        keys: UsageKeys,
        limit: usize,
    ) -> Result<Vec<UsageRow>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT iif(:by_day, substr(ended_at, 1, 10), NULL) AS day,
                     iif(:by_user, user, NULL) AS who, iif(:by_project, project, NULL) AS place,
                     iif(:by_agent, agent, NULL) AS name,
                     count(*), count(*) FILTER (WHERE outcome = 'failed'), sum(input_tokens),
                     sum(cached_tokens), sum(output_tokens) AS written, total(cost_usd) AS cost
                 FROM answers
                 WHERE ended_at >= :from AND ended_at < :to
                     AND (:user IS NULL OR user = :user)
                     AND (:project IS NULL OR project = :project)
                     AND (:agent IS NULL OR agent = :agent)
                 GROUP BY day, who, place, name
                 ORDER BY day DESC, cost DESC, written DESC, who, place, name LIMIT :limit",
            )?;
            let rows = statement.query_map(
                named_params! {
                    ":by_day": keys.day,
                    ":by_user": keys.user,
                    ":by_project": keys.project,
                    ":by_agent": keys.agent,
                    ":from": filter.from,
                    ":to": filter.to,
                    ":user": filter.user,
                    ":project": filter.project,
                    ":agent": filter.agent,
                    ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
                },
                |row| {
                    let number = |at| row.get(at).map(i64::unsigned_abs);
                    Ok(UsageRow {
                        day: row.get(0)?,
                        user: row.get(1)?,
                        project: row.get(2)?,
                        agent: row.get(3)?,
                        answers: number(4)?,
                        failed: number(5)?,
                        input_tokens: number(6)?,
                        cached_tokens: number(7)?,
                        output_tokens: number(8)?,
                        cost_usd: row.get(9)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The answers since a moment, the newest first.
    pub(crate) fn charted_answers(&self, from: &str) -> Result<Vec<ChartedAnswer>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT unixepoch(ended_at), duration_ms, first_text_ms, outcome = 'failed',
                     input_tokens + output_tokens, cost_usd
                 FROM answers WHERE ended_at >= :from ORDER BY ended_at DESC LIMIT :limit",
            )?;
            let rows = statement.query_map(
                named_params! { ":from": from, ":limit": MAX_CHARTED },
                |row| {
                    let first_text: Option<i64> = row.get(2)?;
                    Ok(ChartedAnswer {
                        ended_at: row.get(0)?,
                        duration_ms: row.get(1).map(i64::unsigned_abs)?,
                        first_text_ms: first_text.map(i64::unsigned_abs),
                        has_failed: row.get(3)?,
                        tokens: row.get(4).map(i64::unsigned_abs)?,
                        cost_usd: row.get(5)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
