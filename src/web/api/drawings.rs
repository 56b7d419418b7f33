//! Diagrams and formulas of answers, drawn when a page asks for them.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    config::base_path::BasePath,
    drawing::{DiagramImage, Drawing, DrawingSource, DrawingsBusy, MAX_BATCH, Theme},
    web::{
        access::rate_limit::Visitor,
        json_body::Json,
        problem::{HandlerResult, Problem, ProblemResponse},
        state::AppState,
    },
};

/// A picture alone: it runs, loads and frames nothing, and its own styles apply.
const PICTURE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// The address of a picture names its content. Only the browser keeps it.
const KEPT: &str = "private, max-age=31536000, immutable";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DrawRequest {
    /// At most 64.
    drawings: Vec<DrawingSource>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DrawResponse {
    /// One for each source, in their order.
    drawings: Vec<DrawnSource>,
}

/// A drawing, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DrawnSource {
    /// A formula as safe MathML, whose `alttext` is the source.
    Formula(String),
    /// A diagram as two pictures.
    Diagram(DrawnDiagram),
    /// Why the source is not drawn, as one sentence.
    Error(String),
}

#[derive(Debug, Serialize, ToSchema)]
struct DrawnDiagram {
    /// The path of the SVG for a light page.
    light: String,
    /// The path of the SVG for a dark page.
    dark: String,
    /// In pixels of CSS.
    width: u32,
    /// In pixels of CSS.
    height: u32,
    /// What it shows: its title, or its kind and labels.
    description: String,
}

/// `POST /api/projects/{project}/drawings`: draws diagrams (Mermaid) and formulas (LaTeX). Nothing of
/// the project is read.
#[utoipa::path(
    post,
    path = "/api/projects/{project}/drawings",
    tag = "projects",
    params(("project" = String, Path, description = "The project's name")),
    request_body = DrawRequest,
    responses((status = 200, body = DrawResponse), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn draw(
    state: web::Data<AppState>,
    project: web::Path<String>,
    body: Json<DrawRequest>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let project = state.project(&visitor, &project).await?;
    let Json(DrawRequest { drawings }) = body;
    if drawings.len() > MAX_BATCH {
        let detail = format!("At most {MAX_BATCH} drawings can be asked for at once.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let drawn = state.resources.drawings.draw(&project, drawings).await?;
    let base = state.base_path();
    let shown = |drawing: &Drawing| match drawing {
        Drawing::Formula(mathml) => DrawnSource::Formula(mathml.clone()),
        Drawing::Diagram(image) => {
            DrawnSource::Diagram(addressed(base, project.name.as_str(), image))
        }
        Drawing::Failed(words) => DrawnSource::Error(words.clone()),
    };
    let drawings = drawn.iter().map(|drawing| shown(drawing)).collect();
    Ok(HttpResponse::Ok().json(DrawResponse { drawings }))
}

fn addressed(base: &BasePath, project: &str, image: &DiagramImage) -> DrawnDiagram {
    let DiagramImage { hash, size: [width, height], description, .. } = image;
    let of =
        |theme: &str| base.address(&format!("/api/projects/{project}/drawings/{hash}.{theme}.svg"));
    let (width, height, description) = (*width, *height, description.clone());
    DrawnDiagram { light: of("light"), dark: of("dark"), width, height, description }
}

/// `GET /api/projects/{project}/drawings/{name}`: the picture of a diagram, as long as it is kept. Ask
/// for the drawing again where it is gone.
#[utoipa::path(
    get,
    path = "/api/projects/{project}/drawings/{name}",
    tag = "projects",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("name" = String, Path, description = "The hash of the drawing, `.light.svg` or `.dark.svg`"),
    ),
    responses(
        (status = 200, body = String, content_type = "image/svg+xml"),
        (status = "default", response = ProblemResponse),
    ),
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    visitor: web::ReqData<Visitor>,
) -> HandlerResult {
    let (project, name) = path.into_inner();
    let project = state.project(&visitor, &project).await?;
    let gone = || Problem::not_found("There is no such drawing, or it is kept no longer.");
    let (hash, theme) = parse_name(&name).ok_or_else(gone)?;
    let kept = state.resources.drawings.kept(&project, hash).ok_or_else(gone)?;
    let Drawing::Diagram(image) = &*kept else { return Err(gone()) };
    Ok(HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CONTENT_SECURITY_POLICY, PICTURE))
        .insert_header((header::CACHE_CONTROL, KEPT))
        .body(image.svg(theme).clone()))
}

fn parse_name(name: &str) -> Option<(&str, Theme)> {
    let (hash, theme) = name.strip_suffix(".svg")?.split_once('.')?;
    let theme = match theme {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => return None,
    };
    Some((hash, theme))
}

impl From<DrawingsBusy> for Problem {
    fn from(error: DrawingsBusy) -> Self {
        let problem = Self::unavailable(&error);
        match error {
            DrawingsBusy::Busy => problem.with_header(header::RETRY_AFTER, "3"),
            DrawingsBusy::NotStarted(_) => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_named_by_hash_and_theme() {
        assert_eq!(parse_name("ab12.light.svg"), Some(("ab12", Theme::Light)));
        assert_eq!(parse_name("ab12.dark.svg"), Some(("ab12", Theme::Dark)));
        for other in ["", "ab12.svg", "ab12.light", "ab12.blue.svg", "ab12.light.svg.svg", ".svg"] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
