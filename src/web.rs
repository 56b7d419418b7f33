//! The HTTP server: routes, access control, the API, the page and the viewers' WebSockets.
//!
//! It decides nothing about conversations.

pub(crate) mod access;
pub(crate) mod api;
pub(crate) mod assets;
pub mod asyncapi;
pub(crate) mod base_path;
pub(crate) mod browser_cookie;
pub(crate) mod budget;
pub(crate) mod connections;
pub(crate) mod cookies;
pub(crate) mod event_streams;
pub(crate) mod json_body;
pub(crate) mod metrics;
pub(crate) mod openai_error;
pub mod openapi;
pub(crate) mod placement;
pub(crate) mod problem;
pub(crate) mod readings;
pub(crate) mod state;
pub(crate) mod websocket;

use actix_web::{
    HttpResponse, Resource,
    web::{QueryConfig, ServiceConfig, delete, get, patch, post, put, resource, route},
};
use serde_json::json;

use api::{
    actions, ask, attachments, charts, conversations, drawings, export, follow_ups, fork, login,
    mcp, notes, openai, projects, reactions, readiness, references, repositories, search, sessions,
    sharing, similar, snapshots, store_copy, suggestions, symbols, text_search, tokens, usage,
};
use problem::method_not_allowed;
use websocket::{events, upgrade};

/// Adds all routes but those of the page.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(QueryConfig::default().error_handler(problem::bad_query))
        .service(at("/api/assistant/ws/{project}").route(get().to(upgrade::connect)))
        .service(at("/api/assistant/events/{project}").route(get().to(events::open)))
        .service(
            at("/api/assistant/events/{project}/{stream}")
                .route(post().to(events::send))
                .route(delete().to(events::leave)),
        )
        .service(
            at("/api/assistant/conversations/{project}")
                .route(get().to(conversations::list))
                .route(post().to(conversations::create)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}")
                .route(get().to(conversations::detail))
                .route(patch().to(conversations::rename))
                .route(delete().to(conversations::delete)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/export")
                .route(get().to(export::download)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/attachments")
                .route(post().to(attachments::upload)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/attachments/{attachment}")
                .route(get().to(attachments::download)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/notes/{turn}")
                .route(put().to(notes::keep))
                .route(delete().to(notes::drop)),
        )
        .service(at("/api/projects/{project}/notes").route(get().to(notes::list)))
        .service(
            at("/api/assistant/conversations/{project}/{id}/reactions")
                .route(get().to(reactions::list)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/reactions/{turn}")
                .route(put().to(reactions::react))
                .route(delete().to(reactions::withdraw)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/references")
                .route(get().to(references::compare)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/follow-ups")
                .route(get().to(follow_ups::show)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/fork").route(post().to(fork::fork)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/visibility")
                .route(put().to(sharing::set_visibility)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/link")
                .route(put().to(sharing::make_link))
                .route(delete().to(sharing::withdraw_link)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/guests")
                .route(post().to(sharing::open_link)),
        )
        .service(
            at("/api/assistant/conversations/{project}/{id}/snapshot")
                .route(get().to(snapshots::published))
                .route(put().to(snapshots::publish))
                .route(delete().to(snapshots::withdraw)),
        )
        .service(at("/s/{token}").route(get().to(snapshots::show)))
        .service(at("/api/assistant/search/{project}").route(get().to(search::find)))
        .service(at("/api/projects/{project}/questions/similar").route(get().to(similar::find)))
        .service(at("/api/assistant/asked/{project}").route(get().to(similar::find_formerly)))
        .service(at("/api/assistant/sessions").route(get().to(sessions::list)))
        .service(
            at("/api/assistant/sessions/{project}")
                .route(get().to(sessions::info))
                .route(delete().to(sessions::close)),
        )
        .service(at("/api/admin/repositories").route(get().to(repositories::list)))
        .service(at("/api/admin/repositories/{project}").route(post().to(repositories::refresh)))
        .service(at("/api/admin/status").route(get().to(readiness::status)))
        .service(at("/api/admin/reactions").route(get().to(reactions::admin_list)))
        .service(at("/api/admin/snapshots").route(get().to(snapshots::admin_list)))
        .service(
            at("/api/admin/snapshots/{project}/{conversation}")
                .route(delete().to(snapshots::admin_withdraw)),
        )
        .service(at("/api/admin/usage").route(get().to(usage::table)))
        .service(at("/api/admin/charts").route(get().to(charts::show)))
        .service(at("/api/admin/actions").route(get().to(actions::list)))
        .service(at("/api/admin/sessions").route(get().to(sessions::admin_list)))
        .service(at("/api/admin/sessions/{project}").route(delete().to(sessions::admin_close)))
        .service(
            at("/api/admin/sessions/{project}/{conversation}")
                .route(delete().to(sessions::admin_close_one)),
        )
        .service(at("/api/v1/ask").route(post().to(ask::ask)))
        .service(
            at("/api/v1/ask/{project}/{id}")
                .route(get().to(ask::follow))
                .route(delete().to(ask::stop)),
        )
        .service(at("/mcp").route(post().to(mcp::receive)).route(delete().to(mcp::end)))
        .service(at("/v1/models").route(get().to(openai::models::list)))
        .service(at("/v1/models/{model}").route(get().to(openai::models::show)))
        .service(at("/v1/chat/completions").route(post().to(openai::complete)))
        .service(at("/api/projects").route(get().to(projects::list)))
        .service(at("/api/projects/{project}/files").route(get().to(api::files::find)))
        .service(at("/api/projects/{project}/drawings").route(post().to(drawings::draw)))
        .service(at("/api/projects/{project}/drawings/{name}").route(get().to(drawings::show)))
        .service(at("/api/projects/{project}/file").route(get().to(api::files::show)))
        .service(at("/api/projects/{project}/file/places").route(get().to(api::files::find_places)))
        .service(at("/api/projects/{project}/budget").route(get().to(usage::budget)))
        .service(at("/api/projects/{project}/text").route(get().to(text_search::find)))
        .service(at("/api/projects/{project}/tree").route(get().to(api::files::list)))
        .service(at("/api/projects/{project}/symbols").route(get().to(symbols::find)))
        .service(at("/api/projects/{project}/uses").route(get().to(symbols::find_uses)))
        .service(at("/api/projects/{project}/blame").route(get().to(symbols::blame)))
        .service(at("/api/projects/{project}/commit").route(get().to(api::files::show_commit)))
        .service(at("/api/projects/{project}/questions").route(get().to(suggestions::show)))
        .service(at("/api/asyncapi.json").route(get().to(asyncapi::show)))
        .service(at("/api/me").route(get().to(login::me)))
        .service(at("/api/me/tokens").route(get().to(tokens::list)).route(post().to(tokens::make)))
        .service(at("/api/me/tokens/{id}").route(delete().to(tokens::revoke)))
        .service(at("/api/admin/tokens").route(get().to(tokens::admin_list)))
        .service(at("/api/admin/tokens/{id}").route(delete().to(tokens::admin_revoke)))
        .service(at("/login").route(get().to(assets::serve)).route(post().to(login::log_in)))
        .service(at("/login/options").route(get().to(login::options)))
        .service(at("/.well-known/oauth-protected-resource").route(get().to(login::resource)))
        .service(at("/login/begin").route(get().to(login::begin)))
        .service(at("/login/callback").route(get().to(login::callback)))
        .service(at("/logout").route(post().to(login::log_out)))
        .service(at("/api/openapi.json").route(get().to(openapi::show)))
        .service(at("/api/health").route(get().to(health)))
        .service(at("/api/cluster/store").route(get().to(store_copy::show)))
        .service(at("/healthz").route(get().to(healthz)))
        .service(at("/metrics").route(get().to(metrics::show)))
        .service(at("/readyz").route(get().to(readiness::ready)));
    #[cfg(feature = "faults")]
    config.service(at("/api/faults/{project}/panic").route(post().to(faults::panic)));
}

/// A resource that answers other methods with an error.
fn at(path: &str) -> Resource {
    resource(path).default_service(route().to(method_not_allowed))
}

/// `GET /api/health`: the same for legacy clients.
#[utoipa::path(get, path = "/api/health", tag = "health", responses((status = 200, body = Value)))]
async fn health() -> HttpResponse {
    healthz().await
}

/// `GET /healthz`: whether the server is running.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Value)))]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "healthy" }))
}

#[cfg(feature = "faults")]
mod faults {
    use actix_web::{HttpResponse, web};

    use crate::{project::ProjectName, session::describe::InjectPanic};

    use super::{problem::Problem, state::AppState};

    /// Makes a session panic.
    pub(super) async fn panic(
        state: web::Data<AppState>,
        project: web::Path<String>,
    ) -> Result<HttpResponse, Problem> {
        let project = ProjectName::parse(&project).map_err(|_| Problem::bad_project_name())?;
        let Some(session) = state.live_session(&project).await? else {
            return Err(Problem::not_found("No active session for this project"));
        };
        // It cannot answer.
        session.send(InjectPanic).await.unwrap_or_default();
        Ok(HttpResponse::NoContent().finish())
    }
}
