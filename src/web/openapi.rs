//! The OpenAPI 3.1 description of the HTTP interface, from the attributes of the handlers.
//!
//! A test compares it with the routes and `src/docs/protocol.md`.

use actix_web::{HttpResponse, web};
use utoipa::OpenApi;

use super::{
    api::{
        actions, ask, attachments, charts, conversations, drawings, export, files, follow_ups,
        fork, login, mcp, notes, openai, projects, reactions, readiness, references, repositories,
        search, sessions, sharing, similar, snapshots, store_copy, suggestions, symbols,
        text_search, tokens, usage,
    },
    asyncapi, metrics,
    problem::{ProblemDocument, ProblemResponse},
    state::AppState,
    websocket::{events, upgrade},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cicerone",
        description = "A read-only guide to codebases. Where tokens are configured, send \
                       `Authorization: Bearer TOKEN`, or log in and keep the cookie.",
    ),
    paths(
        projects::list,
        files::find,
        files::show,
        files::find_places,
        drawings::draw,
        drawings::show,
        text_search::find,
        files::list,
        symbols::find,
        symbols::find_uses,
        symbols::blame,
        suggestions::show,
        usage::budget,
        ask::ask,
        ask::follow,
        ask::stop,
        mcp::receive,
        mcp::end,
        openai::models::list,
        openai::models::show,
        openai::complete,
        upgrade::connect,
        events::open,
        events::send,
        events::leave,
        conversations::list,
        conversations::create,
        conversations::detail,
        conversations::rename,
        conversations::delete,
        export::download,
        attachments::upload,
        attachments::download,
        notes::list,
        notes::keep,
        notes::drop,
        reactions::list,
        reactions::react,
        reactions::withdraw,
        references::compare,
        follow_ups::show,
        fork::fork,
        sharing::set_visibility,
        sharing::make_link,
        sharing::withdraw_link,
        sharing::open_link,
        snapshots::show,
        snapshots::published,
        snapshots::publish,
        snapshots::withdraw,
        files::show_commit,
        search::find,
        similar::find,
        similar::find_formerly,
        sessions::list,
        sessions::info,
        sessions::close,
        repositories::list,
        repositories::refresh,
        readiness::status,
        reactions::admin_list,
        snapshots::admin_list,
        snapshots::admin_withdraw,
        usage::table,
        charts::show,
        actions::list,
        sessions::admin_list,
        sessions::admin_close,
        sessions::admin_close_one,
        login::me,
        tokens::list,
        tokens::make,
        tokens::revoke,
        tokens::admin_list,
        tokens::admin_revoke,
        login_page,
        login::log_in,
        login::options,
        login::resource,
        login::begin,
        login::callback,
        login::log_out,
        show,
        asyncapi::show,
        metrics::show,
        super::health,
        store_copy::show,
        super::healthz,
        readiness::ready,
    ),
    components(schemas(ProblemDocument), responses(ProblemResponse))
)]
struct Description;

/// The description of all paths.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// `GET /api/openapi.json`: this description.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "health",
    responses((status = 200, body = Value)),
)]
pub(crate) async fn show(state: web::Data<AppState>) -> HttpResponse {
    let mut description = description();
    let base = state.base_path().as_str();
    if !base.is_empty() {
        description.servers = Some(vec![utoipa::openapi::Server::new(base)]);
    }
    HttpResponse::Ok().json(description)
}

/// `GET /login`: the page that asks for a token.
#[utoipa::path(
    get,
    path = "/login",
    tag = "login",
    responses((status = 200, body = String, content_type = "text/html")),
)]
#[expect(dead_code, reason = "it describes a page that `assets` serves")]
fn login_page() {}
