//! What answers took: how a person's budgets stand, and all of it for admins, as a table or as CSV.

use actix_web::{HttpResponse, http::StatusCode, http::header, web};
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime, format_description::BorrowedFormatItem, macros};
use utoipa::{IntoParams, ToSchema};

use crate::{
    budget::BudgetMonth,
    database::{
        queries::answers::{UsageFilter, UsageKeys, UsageRow},
        timestamp,
    },
    web::{
        access::rate_limit::Visitor,
        budget::{self, BudgetStatuses},
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

/// Rows of one answer, at most.
const MAX_ROWS: usize = 10_000;

const DAY: &[BorrowedFormatItem<'static>] = macros::format_description!("[year]-[month]-[day]");

/// `GET /api/projects/{project}/budget`: what the person and the project have spent this month, where
/// they have a budget.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/budget",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name")),
    responses((status = 200, body = BudgetStatuses), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn budget(
    state: web::Data<AppState>,
    project: web::Path<String>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?.name;
    let user = visitor.principal.user.as_deref();
    let statuses = budget::statuses(&state.resources, user, project).await?;
    Ok(HttpResponse::Ok().json(statuses))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// The first day, `YYYY-MM-DD` in UTC; without it the first of this month.
    from: Option<String>,
    /// The last day; without it today.
    to: Option<String>,
    /// By what it is told apart: any of `day`, `user`, `project` and `agent`, separated by commas.
    by: Option<String>,
    /// Answers to this user alone.
    user: Option<String>,
    /// Answers in this project alone.
    project: Option<String>,
    /// Answers of this agent alone.
    agent: Option<String>,
    /// `csv` for a table that spreadsheets read.
    format: Option<String>,
}

/// What answers took.
#[derive(Debug, Serialize, ToSchema)]
struct UsageTable {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// The newest days first, then the most costly.
    rows: Vec<UsageRow>,
    /// Whether there are more rows than are told.
    more: bool,
}

/// `GET /api/admin/usage`.
#[utoipa::path(
    get,
    path = "/api/admin/usage",
    tag = "admin",
    params(UsageQuery),
    responses((status = 200, body = UsageTable), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn table(
    state: web::Data<AppState>,
    query: web::Query<UsageQuery>,
) -> HandlerResult {
    let UsageQuery { from, to, by, user, project, agent, format } = query.into_inner();
    let keys = parse_keys(by.as_deref().unwrap_or_default())?;
    let now = OffsetDateTime::now_utc();
    let from = parse_day("from", from.as_deref())?.unwrap_or(BudgetMonth::of(now).start().date());
    let to = parse_day("to", to.as_deref())?.unwrap_or(now.date());
    let is_csv = match format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(bad(format!("There is no format {other:?}: use `csv`."))),
    };
    let end = to.next_day().unwrap_or(to);
    let moment = |day: Date| timestamp(day.midnight().assume_utc());
    let filter = UsageFilter { from: moment(from), to: moment(end), user, project, agent };
    let read = state.resources.reader.ask(move |reader| reader.usage(&filter, keys, MAX_ROWS + 1));
    let mut rows = read.await?;
    let more = rows.len() > MAX_ROWS;
    rows.truncate(MAX_ROWS);
    if is_csv {
        let name = format!("attachment; filename=\"usage-{from}-{to}.csv\"");
        return Ok(HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, name))
            .body(csv(&rows)));
    }
    Ok(HttpResponse::Ok().json(UsageTable {
        from: from.to_string(),
        to: to.to_string(),
        rows,
        more,
    }))
}

fn parse_day(name: &str, text: Option<&str>) -> Result<Option<Date>, Problem> {
    let parse = |text: &str| {
        let day = Date::parse(text, DAY);
        day.map_err(|_| bad(format!("`{name}` must be a day, such as 2026-11-28, not {text:?}.")))
    };
    text.map(parse).transpose()
}

fn parse_keys(by: &str) -> Result<UsageKeys, Problem> {
    let mut keys = UsageKeys::default();
    for key in by.split(',').map(str::trim).filter(|key| !key.is_empty()) {
        match key {
            "day" => keys.day = true,
            "user" => keys.user = true,
            "project" => keys.project = true,
            "agent" => keys.agent = true,
            other => {
                let words = format!(
                    "Usage is not told apart by {other:?}: use `day`, `user`, `project` or `agent`."
                );
                return Err(bad(words));
            }
        }
    }
    Ok(keys)
}

fn bad(words: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words)
}

fn csv(rows: &[UsageRow]) -> String {
    let mut text =
        "day,user,project,agent,answers,failed,input_tokens,cached_tokens,output_tokens,\
                    cost_usd\r\n"
            .to_owned();
    for row in rows {
        let names = [&row.day, &row.user, &row.project, &row.agent];
        let names = names.map(|name| csv_cell(name.as_deref().unwrap_or_default())).join(",");
        let numbers =
            [row.answers, row.failed, row.input_tokens, row.cached_tokens, row.output_tokens];
        let numbers = numbers.map(|number| number.to_string()).join(",");
        text.push_str(&format!("{names},{numbers},{:.6}\r\n", row.cost_usd));
    }
    text
}

/// A text as a cell that no spreadsheet takes for a formula.
fn csv_cell(text: &str) -> String {
    let formula = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let text = format!("{formula}{text}");
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        for (text, cell) in [
            ("ana", "ana"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
            ("-2", "'-2"),
        ] {
            assert_eq!(csv_cell(text), cell, "{text:?}");
        }
    }

    #[test]
    fn days_and_keys_are_read_or_refused_in_words() {
        let day = parse_day("from", Some("2026-02-28")).unwrap().unwrap();
        assert_eq!(day.to_string(), "2026-02-28");
        for bad in ["2026-02-30", "28.2.2026", "", "2026-2-1", "２０２６-02-01"] {
            let problem = parse_day("from", Some(bad)).unwrap_err();
            assert!(format!("{problem:?}").contains("must be a day"), "{bad}: {problem:?}");
        }
        let keys = parse_keys("day, agent,").unwrap();
        assert_eq!(keys, UsageKeys { day: true, agent: true, ..UsageKeys::default() });
        assert!(parse_keys("day,week").is_err());
    }
}
