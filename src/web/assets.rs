//! The page's files, embedded in the program or read from a directory during development.
//!
//! Documents have fixed addresses; browsers revalidate them on each visit. Scripts and styles lie
//! under `/assets/VERSION/`, where the version is a hash of all files together, and browsers keep
//! them for good. Scripts load each other by relative paths, so a page never mixes versions: one
//! that was loaded before an upgrade gets 404 for scripts that it loads later, and asks for a reload.
//!
//! The embedded files are put together when the server starts ([`link`]), so that a visit asks for
//! few. Files in a directory are served as they are.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher as _},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    http::{
        Method, StatusCode,
        header::{
            self, AcceptEncoding, CacheControl, CacheDirective, ContentEncoding, ETag, Encoding,
            EntityTag, IfNoneMatch,
        },
    },
    web::{self, Bytes, ServiceConfig},
};
use flate2::{Compression, write::GzEncoder};

use self::link::{Files, LinkError};
use super::problem::Problem;
use crate::config::base_path::BasePath;

mod link;
mod module;
mod script;
mod style;

/// The document of the conversations, shown at every address within the page.
const INDEX: &str = "index.html";

/// The prefix of what documents load. They are written without the version, which
/// [`File::document`] inserts behind it.
const PREFIX: &str = "/assets/";

/// The version of files in a directory, which change at any time.
const LIVE: &str = "live";

/// How long browsers keep an asset, in seconds: a year.
const MAX_AGE: u32 = 31_536_000;

/// The content type of files that are not the page's.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// `static/`. Debug builds read it from disk when the server starts.
#[derive(rust_embed::Embed)]
#[folder = "static/"]
struct Embedded;

/// The page's files. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    source: Arc<Source>,
    base: BasePath,
}

#[derive(Debug)]
enum Source {
    /// Files by their path under `static/`.
    Embedded { version: String, files: HashMap<String, Arc<File>> },
    /// An absolute path without symlinks.
    Directory(PathBuf),
}

#[derive(Debug)]
struct File {
    etag: EntityTag,
    bytes: Bytes,
    /// The bytes compressed, from the first request that accepts them so.
    gzip: OnceLock<Bytes>,
}

/// What a path of the page leads to.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Document(&'static str),
    Asset { version: &'a str, path: &'a str },
}

/// The page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// The directory given in place of the embedded files has no page.
    #[error("cannot serve the page from {}: {source}; give a directory with an {INDEX} in it", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The embedded files do not fit together.
    #[error("cannot put the page together: {0}")]
    Link(#[from] LinkError),
}

impl Assets {
    /// The files that were compiled in, put together, below `base`. Fails if they do not fit.
    pub(crate) fn embedded(base: &BasePath) -> Result<Self, AssetsError> {
        let files = link::link(&embedded_files())?;
        let version = fingerprint(&files);
        let served = files.into_iter().map(|(path, text)| {
            let file = Arc::new(File::new(&path, text.into(), &version, base));
            (path, file)
        });
        let files = served.collect();
        Ok(Self { source: Arc::new(Source::Embedded { version, files }), base: base.clone() })
    }

    /// The files of `dir`, read anew for each request, below `base`. Fails when `dir` holds no page.
    pub(crate) fn from_directory(dir: &Path, base: &BasePath) -> Result<Self, AssetsError> {
        let failed = |source| AssetsError::Directory { dir: dir.to_owned(), source };
        let absolute = dir.canonicalize().map_err(failed)?;
        absolute.join(INDEX).metadata().map_err(failed)?;
        Ok(Self { source: Arc::new(Source::Directory(absolute)), base: base.clone() })
    }

    fn version(&self) -> &str {
        match &*self.source {
            Source::Embedded { version, .. } => version,
            Source::Directory(_) => LIVE,
        }
    }

    /// The file at `path`, which is relative to `static/` and made of plain names.
    async fn file(&self, path: &str) -> Option<Arc<File>> {
        match &*self.source {
            Source::Embedded { files, .. } => files.get(path).cloned(),
            Source::Directory(dir) => {
                let file = tokio::fs::canonicalize(dir.join(path)).await.ok()?;
                // A symlink must not lead out of the directory.
                if !file.starts_with(dir) {
                    return None;
                }
                let bytes = tokio::fs::read(file).await.ok()?;
                Some(Arc::new(File::new(path, bytes.into(), LIVE, &self.base)))
            }
        }
    }

    /// A document at the top of `static/`, as text.
    pub(crate) async fn document(&self, name: &str) -> Option<String> {
        let file = self.file(name).await?;
        Some(String::from_utf8_lossy(&file.bytes).into_owned())
    }

    /// How long a browser keeps the target without asking for a newer one.
    fn cache_control(&self, target: &Target<'_>) -> CacheControl {
        CacheControl(match (target, &*self.source) {
            (Target::Asset { .. }, Source::Embedded { .. }) => vec![
                CacheDirective::Public,
                CacheDirective::MaxAge(MAX_AGE),
                CacheDirective::Extension("immutable".into(), None),
            ],
            _ => vec![CacheDirective::NoCache],
        })
    }
}

impl File {
    fn new(path: &str, bytes: Bytes, version: &str, base: &BasePath) -> Self {
        let is_document = path.ends_with(".html");
        let bytes = if is_document { Self::document(&bytes, version, base) } else { bytes };
        // Weak, because the compressed response has other bytes.
        let etag = EntityTag::new_weak(fingerprint(&bytes));
        Self { etag, bytes, gzip: OnceLock::new() }
    }

    /// A document that loads assets of this version, and that knows the base path.
    fn document(html: &[u8], version: &str, base: &BasePath) -> Bytes {
        let html = String::from_utf8_lossy(html);
        let html = html.replace(PREFIX, &base.address(&format!("{PREFIX}{version}/")));
        if base.as_str().is_empty() {
            return html.into();
        }
        let knowing = format!("<html data-base=\"{}\"", base.as_str());
        let html = html.replacen("<html", &knowing, 1);
        html.replace("href=\"/\"", &format!("href=\"{}\"", base.address("/"))).into()
    }

    /// The compressed bytes, or `None` if compressing failed.
    fn gzip(&self) -> Option<Bytes> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let written = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
            written.unwrap_or_default().into()
        };
        let bytes = self.gzip.get_or_init(compress).clone();
        (!bytes.is_empty()).then_some(bytes)
    }
}

impl<'a> Target<'a> {
    /// The target of `path`, or `None` if the path is not the page's. A path without an extension
    /// is an address within the page, which the page resolves itself.
    fn of(path: &'a str) -> Option<Self> {
        match path {
            "/login" => return Some(Self::Document("login.html")),
            "/admin" => return Some(Self::Document("admin.html")),
            path if !path.split('/').all(is_plain_name) => return None,
            _ => (),
        }
        if let Some(asset) = path.strip_prefix(PREFIX) {
            let (version, path) = asset.split_once('/')?;
            return Some(Self::Asset { version, path });
        }
        let is_interface = matches!(path.split('/').nth(1), Some("api" | "ws"));
        let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        (!is_interface && !is_file).then_some(Self::Document(INDEX))
    }
}

/// What was compiled in. All of it is text.
fn embedded_files() -> Files {
    let files =
        Embedded::iter().filter_map(|path| Embedded::get(&path).map(|file| (path, file.data)));
    files
        .map(|(path, data)| (path.into_owned(), String::from_utf8_lossy(&data).into_owned()))
        .collect()
}

/// Serves the page to every request that no other route takes. The fallback of the whole
/// application: `App::new().configure(|config| configure(config, assets.clone()))`.
pub(crate) fn configure(config: &mut ServiceConfig, assets: Assets) {
    config.app_data(web::Data::new(assets)).default_service(web::to(serve));
}

pub(crate) async fn serve(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    let Some(target) = Target::of(request.path()) else {
        return not_found("Not Found");
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, HEAD"))
            .finish();
    }
    let path = match target {
        Target::Asset { version, .. } if version != assets.version() => {
            return not_found("This version of the page is no longer served: reload the page");
        }
        Target::Document(path) | Target::Asset { path, .. } => path,
    };
    let Some(file) = assets.file(path).await else {
        return not_found("Not Found");
    };
    let mut response = HttpResponse::Ok();
    response.insert_header(ETag(file.etag.clone())).insert_header(assets.cache_control(&target));
    let is_known = match request.get_header() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&file.etag)),
        None => false,
    };
    if is_known {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(content_type(path));
    let supported = [Encoding::gzip(), Encoding::identity()];
    let accepts_gzip = request
        .get_header::<AcceptEncoding>()
        .is_some_and(|accepted| accepted.negotiate(supported.iter()) == Some(Encoding::gzip()));
    match accepts_gzip.then(|| file.gzip()).flatten() {
        Some(bytes) => response
            .insert_header(ContentEncoding::Gzip)
            .insert_header((header::VARY, "accept-encoding"))
            .body(bytes),
        None => response.body(file.bytes.clone()),
    }
}

/// Whether `path` belongs to the page itself, which shows nothing of any project: a document or an
/// asset.
pub(crate) fn is_page(path: &str) -> bool {
    match Target::of(path) {
        Some(Target::Document(INDEX)) => path == "/" || path.starts_with("/p/"),
        Some(Target::Document(_)) => true,
        Some(Target::Asset { path, .. }) => content_type(path) != UNKNOWN_TYPE,
        None => false,
    }
}

/// Whether a segment of a path can be looked up unchanged: no percent signs, no backslashes, no
/// hidden files, no `..`. Empty segments come from `/` and from a slash at the end.
fn is_plain_name(segment: &str) -> bool {
    !segment.starts_with('.')
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn not_found(detail: &str) -> HttpResponse {
    Problem::not_found(detail).error_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => UNKNOWN_TYPE,
    }
}

/// A hash that tells versions of our own files apart. It need not resist attacks.
fn fingerprint(content: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
