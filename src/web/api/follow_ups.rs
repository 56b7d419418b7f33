//! Questions that follow from an answer.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    citation::Citation,
    ids::TurnNumber,
    project::Project,
    reader::{Readers, protocol::PageOf},
    rights::Action,
    suggestions::follow_ups::{self, CitedPlace},
    web::{
        access::rate_limit::Visitor,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

use super::conversations::permitted;

/// Cited places whose definitions are looked up.
const LOOKED_UP: usize = 4;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowUpsQuery {
    /// The turn of the answer.
    #[param(value_type = i64)]
    turn: TurnNumber,
}

#[derive(Debug, Serialize, ToSchema)]
struct FollowUps {
    /// Up to three, each about what the answer cites or what was read for it.
    questions: Vec<String>,
}

/// `GET /api/assistant/conversations/{project}/{id}/follow-ups?turn=`: questions that follow from an
/// ended answer.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/follow-ups",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), FollowUpsQuery),
    responses((status = 200, body = FollowUps), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<FollowUpsQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (name, id, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let turn = query.turn;
    let found = state.resources.reader.ask(move |reader| {
        Ok((reader.end_of_turn(&name, id, turn)?, reader.question_of_turn(id, turn)?))
    });
    let (Some(end), question) = found.await? else {
        return Err(Problem::not_found("There is no such answer, or it has not ended."));
    };
    let (citations, read) = end.sources();
    let project = state.project(&visitor, &path.0).await?;
    let cited = places(&state.resources.readers, &project, citations).await;
    let questions = follow_ups::of(&question.unwrap_or_default(), &cited, &read);
    Ok(HttpResponse::Ok().json(FollowUps { questions }))
}

/// The places that were found, with what their files define. One that cannot be read defines nothing.
async fn places(readers: &Readers, project: &Project, citations: Vec<Citation>) -> Vec<CitedPlace> {
    let found = citations.into_iter().filter(|it| it.found && it.commit.is_none());
    let mut places = Vec::new();
    for citation in found.take(LOOKED_UP) {
        let (path, line) = (citation.file().to_owned(), citation.reference.line);
        let page = readers.page(project, PageOf::File(path.clone()), None, false).await;
        let outline = page.map(|page| page.excerpt.outline).unwrap_or_default();
        let definitions = outline.into_iter().map(|it| (it.name.into(), it.line)).collect();
        places.push(CitedPlace { path, line, definitions });
    }
    places
}
