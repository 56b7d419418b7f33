//! Owns how the page's files are served: embedded in the binary, or read from a directory while
//! developing. Whatever no other route takes ends here. Does not know what the files do.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    http::{
        Method, StatusCode,
        header::{self, AcceptEncoding, ContentEncoding, Encoding},
    },
    web::{self, Bytes, ServiceConfig},
};
use flate2::{Compression, write::GzEncoder};

use super::problem::Problem;

/// The file that every address of the page shows.
const INDEX: &str = "index.html";

/// The file that asks for a token, and its address.
const LOGIN: &str = "login.html";
const LOGIN_PATH: &str = "/login";

/// The file that shows admins the sessions, and its address.
const ADMIN: &str = "admin.html";
const ADMIN_PATH: &str = "/admin";

/// The page's files by their path under `static/`.
const FILES: &[(&str, &[u8])] = &[
    (ADMIN, include_bytes!("../../static/admin.html")),
    ("admin.js", include_bytes!("../../static/admin.js")),
    ("admin/format.js", include_bytes!("../../static/admin/format.js")),
    ("admin/sessions_table.js", include_bytes!("../../static/admin/sessions_table.js")),
    ("address.js", include_bytes!("../../static/address.js")),
    ("announcer.js", include_bytes!("../../static/announcer.js")),
    ("api.js", include_bytes!("../../static/api.js")),
    ("app.js", include_bytes!("../../static/app.js")),
    ("commands.js", include_bytes!("../../static/commands.js")),
    ("similar_question.js", include_bytes!("../../static/similar_question.js")),
    ("usage.js", include_bytes!("../../static/usage.js")),
    ("drafts.js", include_bytes!("../../static/drafts.js")),
    ("search_state.js", include_bytes!("../../static/search_state.js")),
    ("server_events.js", include_bytes!("../../static/server_events.js")),
    ("icon.svg", include_bytes!("../../static/icon.svg")),
    (INDEX, include_bytes!("../../static/index.html")),
    ("storage.js", include_bytes!("../../static/storage.js")),
    ("keyboard.js", include_bytes!("../../static/keyboard.js")),
    ("conversation_actions.js", include_bytes!("../../static/conversation_actions.js")),
    (LOGIN, include_bytes!("../../static/login.html")),
    ("login.js", include_bytes!("../../static/login.js")),
    ("lazy_features.js", include_bytes!("../../static/lazy_features.js")),
    ("mention.js", include_bytes!("../../static/mention.js")),
    ("navigation.js", include_bytes!("../../static/navigation.js")),
    ("page.js", include_bytes!("../../static/page.js")),
    ("protocol.js", include_bytes!("../../static/protocol.js")),
    ("file_navigation.js", include_bytes!("../../static/file_navigation.js")),
    ("input_history.js", include_bytes!("../../static/input_history.js")),
    ("reference.js", include_bytes!("../../static/reference.js")),
    ("delayed_deletion.js", include_bytes!("../../static/delayed_deletion.js")),
    ("connection.js", include_bytes!("../../static/connection.js")),
    ("throttle.js", include_bytes!("../../static/throttle.js")),
    ("step_text.js", include_bytes!("../../static/step_text.js")),
    ("store.js", include_bytes!("../../static/store.js")),
    ("style.css", include_bytes!("../../static/style.css")),
    ("theme.js", include_bytes!("../../static/theme.js")),
    ("turns.js", include_bytes!("../../static/turns.js")),
    ("text.js", include_bytes!("../../static/text.js")),
    ("views/actions_menu.js", include_bytes!("../../static/views/actions_menu.js")),
    ("views/answer_text.js", include_bytes!("../../static/views/answer_text.js")),
    ("views/question_text.js", include_bytes!("../../static/views/question_text.js")),
    ("views/similar_hint.js", include_bytes!("../../static/views/similar_hint.js")),
    ("views/question_composer.js", include_bytes!("../../static/views/question_composer.js")),
    ("views/conversation_view.js", include_bytes!("../../static/views/conversation_view.js")),
    ("views/dom.js", include_bytes!("../../static/views/dom.js")),
    ("views/file_finder.js", include_bytes!("../../static/views/file_finder.js")),
    ("views/pane_splitter.js", include_bytes!("../../static/views/pane_splitter.js")),
    ("views/spoken_text.js", include_bytes!("../../static/views/spoken_text.js")),
    ("views/html.js", include_bytes!("../../static/views/html.js")),
    ("views/shortcuts.js", include_bytes!("../../static/views/shortcuts.js")),
    ("views/conversation_list.js", include_bytes!("../../static/views/conversation_list.js")),
    ("views/menu.js", include_bytes!("../../static/views/menu.js")),
    ("views/virtual_list.js", include_bytes!("../../static/views/virtual_list.js")),
    ("views/page_notice.js", include_bytes!("../../static/views/page_notice.js")),
    ("views/question_card.js", include_bytes!("../../static/views/question_card.js")),
    ("views/page_sidebar.js", include_bytes!("../../static/views/page_sidebar.js")),
    ("views/file_reader.js", include_bytes!("../../static/views/file_reader.js")),
    ("views/references.js", include_bytes!("../../static/views/references.js")),
    ("views/step_group.js", include_bytes!("../../static/views/step_group.js")),
    ("views/search_dialog.js", include_bytes!("../../static/views/search_dialog.js")),
    ("views/sources.js", include_bytes!("../../static/views/sources.js")),
    ("views/tool_call.js", include_bytes!("../../static/views/tool_call.js")),
    ("views/turn_view.js", include_bytes!("../../static/views/turn_view.js")),
    ("views/welcome_text.js", include_bytes!("../../static/views/welcome_text.js")),
];

/// The page's files. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Assets(Source);

#[derive(Debug, Clone)]
enum Source {
    Embedded(Arc<HashMap<&'static str, File>>),
    /// An absolute path without symlinks.
    Directory(Arc<Path>),
}

/// One file, ready to be sent.
#[derive(Debug, Clone)]
struct File {
    content_type: &'static str,
    etag: String,
    bytes: Bytes,
    /// The same, compressed as well as it goes, from the first time that it was asked for.
    gzip: Arc<OnceLock<Bytes>>,
}

/// The directory given instead of the embedded files cannot serve.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the page from {}: {source}; give a directory with an {INDEX} in it", dir.display())]
pub struct AssetsError {
    dir: PathBuf,
    source: io::Error,
}

impl Assets {
    /// The files that were compiled in.
    pub(crate) fn embedded() -> Self {
        let files = FILES
            .iter()
            .map(|&(path, bytes)| (path, File::new(path, Bytes::from_static(bytes))))
            .collect();
        Self(Source::Embedded(Arc::new(files)))
    }

    /// The files of `dir`, read anew for each request. Fails when `dir` holds no page.
    pub(crate) fn from_directory(dir: &Path) -> Result<Self, AssetsError> {
        let failed = |source| AssetsError { dir: dir.to_owned(), source };
        let absolute = dir.canonicalize().map_err(failed)?;
        absolute.join(INDEX).metadata().map_err(failed)?;
        Ok(Self(Source::Directory(absolute.into())))
    }

    /// The file at `path`, which is relative to `static/` and made of plain names alone.
    async fn file(&self, path: &str) -> Option<File> {
        match &self.0 {
            Source::Embedded(files) => files.get(path).cloned(),
            Source::Directory(dir) => {
                // A symlink in the directory may not lead out of it either.
                let found = tokio::fs::canonicalize(dir.join(path)).await.ok()?;
                if !found.starts_with(dir) {
                    return None;
                }
                let bytes = tokio::fs::read(found).await.ok()?;
                Some(File::new(path, bytes.into()))
            }
        }
    }
}

impl File {
    fn new(path: &str, bytes: Bytes) -> Self {
        // Weak, because a compressed response has other bytes than these.
        let etag = format!("W/\"{:016x}\"", fnv1a(&bytes));
        Self { content_type: content_type(path), etag, bytes, gzip: Arc::default() }
    }

    /// The file's bytes as gzip; as they are where they cannot be compressed.
    fn gzip(&self) -> Option<Bytes> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder
                .write_all(&self.bytes)
                .and_then(|()| encoder.finish())
                .unwrap_or_default()
                .into()
        };
        let bytes = self.gzip.get_or_init(compress).clone();
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Serves the page to every request that no other route takes. The fallback of the whole
/// application: `App::new().configure(|config| configure(config, assets.clone()))`.
pub(crate) fn configure(config: &mut ServiceConfig, assets: Assets) {
    config.app_data(web::Data::new(assets)).default_service(web::to(serve));
}

/// The file that a path stands for.
pub(crate) async fn serve(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    let Some(path) = target(request.path()) else {
        return not_found();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, HEAD"))
            .finish();
    }
    let Some(file) = assets.file(path).await else {
        return not_found();
    };
    let is_known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|value| matches_etag(value, &file.etag));
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ETAG, file.etag.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if is_known {
        return response.finish();
    }
    response.content_type(file.content_type);
    let accepted = request.get_header::<AcceptEncoding>();
    let takes_gzip = accepted.is_some_and(|accepted| {
        let supported = [Encoding::gzip(), Encoding::identity()];
        accepted.negotiate(supported.iter()) == Some(Encoding::gzip())
    });
    match file.gzip().filter(|_| takes_gzip) {
        Some(bytes) => response
            .insert_header(ContentEncoding::Gzip)
            .insert_header((header::VARY, "accept-encoding"))
            .body(bytes),
        None => response.body(file.bytes),
    }
}

/// The file that answers a request for `path`, or `None` when the path is not the page's.
/// A path without an extension is an address within the page: the page itself sorts it out.
fn target(path: &str) -> Option<&str> {
    match path {
        LOGIN_PATH => return Some(LOGIN),
        ADMIN_PATH => return Some(ADMIN),
        _ => (),
    }
    let path = path.strip_prefix('/')?;
    let mut segments = path.split('/');
    if matches!(segments.next(), Some("api" | "ws")) || !path.split('/').all(is_plain_name) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    Some(if name.contains('.') { path } else { INDEX })
}

/// Whether `path` is one of the page itself, in which there is nothing of any project: one of its
/// files or of its addresses.
pub(crate) fn is_page(path: &str) -> bool {
    let is_address = matches!(path, "/" | LOGIN_PATH | ADMIN_PATH) || path.starts_with("/p/");
    target(path).is_some_and(|file| match file {
        INDEX | LOGIN | ADMIN => is_address,
        file => content_type(file) != UNKNOWN_TYPE,
    })
}

/// Whether a segment of a path can be looked up as it stands: no percent signs, no backslashes, no
/// hidden files, no `..`. The empty one comes from `/` and from a slash at the end.
fn is_plain_name(segment: &str) -> bool {
    !segment.starts_with('.')
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Whether one of the tags in an `If-None-Match` is `etag`, compared weakly (RFC 9110, 13.1.2).
fn matches_etag(if_none_match: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

fn not_found() -> HttpResponse {
    Problem::not_found("Not Found").error_response()
}

/// The type of what the page has none of.
const UNKNOWN_TYPE: &str = "application/octet-stream";

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => UNKNOWN_TYPE,
    }
}

/// FNV-1a. Tells versions of our own files apart; nobody chooses them to collide.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
