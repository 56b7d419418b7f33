//! Charts of the last hour and of the last thirty days, for admins.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

use crate::{
    database::timestamp,
    web::{
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};
use series::{Figure, Span};

mod series;
mod svg;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChartsQuery {
    /// `hour` for the last sixty minutes, or `month` for the last thirty days.
    span: Option<String>,
}

/// A chart of one figure over time.
#[derive(Debug, Serialize, ToSchema)]
struct Chart {
    /// `answers`, `first_text`, `tokens`, `cost` or `agents`.
    name: &'static str,
    title: &'static str,
    /// What it shows, in one sentence.
    summary: String,
    /// An SVG without style: its parts have classes.
    svg: String,
}

/// `GET /api/admin/charts`: answers, time to the first text, tokens, cost and agents at work.
#[utoipa::path(
    get,
    path = "/api/admin/charts",
    tag = "admin",
    params(ChartsQuery),
    responses((status = 200, body = [Chart]), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    query: web::Query<ChartsQuery>,
) -> HandlerResult {
    let span = match query.span.as_deref() {
        None | Some("hour") => Span::Hour,
        Some("month") => Span::Month,
        Some(other) => {
            let words = format!("There is no span {other:?}: use `hour` or `month`.");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words));
        }
    };
    let now = OffsetDateTime::now_utc();
    let begin = span.begin(now.unix_timestamp());
    let from = OffsetDateTime::from_unix_timestamp(begin).unwrap_or(now - Duration::days(30));
    let answers = state.resources.reader.ask(move |it| it.charted_answers(&timestamp(from)));
    let answers = answers.await?;
    let charts = Figure::ALL.map(|figure| {
        let series = figure.series(&answers, span, begin);
        Chart {
            name: figure.name(),
            title: figure.title(),
            summary: series.summary.clone(),
            svg: svg::draw(figure.title(), &series),
        }
    });
    Ok(HttpResponse::Ok().json(charts))
}
