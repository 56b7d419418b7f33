//! What has become of the references of an answer since it was given.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    citation::{Citation, anchor::Standing},
    database::queries::export::StoredEntry,
    ids::TurnNumber,
    project::Project,
    reader::{ReaderError, Readers},
    rights::Action,
    web::{
        access::rate_limit::Visitor,
        api::conversations::permitted,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReferencesQuery {
    /// The turn of the answer.
    #[param(value_type = i64)]
    turn: TurnNumber,
}

/// The references of one answer.
#[derive(Debug, Serialize, ToSchema)]
struct AnswerReferences {
    /// In the order of the answer.
    references: Vec<ComparedReference>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ComparedReference {
    #[serde(flatten)]
    pub(super) citation: Citation,
    /// What has become of it.
    pub(super) standing: Standing,
}

/// `GET /api/assistant/conversations/{project}/{id}/references?turn=`: the references of an ended
/// answer, compared with the project as it is now.
#[utoipa::path(
    get,
    path = "/api/assistant/conversations/{project}/{id}/references",
    tag = "conversations",
    params(("project" = String, Path, description = "The project's name"), ("id" = i64, Path, description = "The conversation's id"), ReferencesQuery),
    responses((status = 200, body = AnswerReferences), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn compare(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    query: web::Query<ReferencesQuery>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (name, id, _) = permitted(&state, &path, &visitor, Action::Read).await?;
    let turn = query.turn;
    let reader = state.resources.reader.clone();
    let end = reader.ask(move |reader| reader.end_of_turn(&name, id, turn)).await?;
    let end =
        end.ok_or_else(|| Problem::not_found("There is no such answer, or it has not ended."))?;
    let project = state.project(&visitor, &path.0).await?;
    let references = of_end(&state.resources.readers, &project, &end).await?;
    Ok(HttpResponse::Ok().json(AnswerReferences { references }))
}

/// The references of the answer that this entry ends; none of another entry.
pub(super) async fn of_end(
    readers: &Readers,
    project: &Project,
    end: &StoredEntry,
) -> Result<Vec<ComparedReference>, ReaderError> {
    let (citations, _) = end.sources();
    let standings = readers.standings(project, citations.clone()).await?;
    let compared = citations.into_iter().zip(standings);
    Ok(compared.map(|(citation, standing)| ComparedReference { citation, standing }).collect())
}
