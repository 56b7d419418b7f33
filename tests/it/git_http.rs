//! A forge of a test: git's own `http-backend` behind a small server that may want a login.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// A running forge. It ends with the test.
pub struct Forge {
    address: String,
    logins: Arc<Mutex<Vec<String>>>,
}

/// What answers git below a directory.
#[derive(Clone)]
pub struct Backend {
    root: PathBuf,
    /// The `Authorization` that is wanted.
    login: Option<String>,
    logins: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// The repositories below `root`, for everybody.
    pub fn open(root: &Path) -> Self {
        Self { root: root.to_owned(), login: None, logins: Arc::default() }
    }
}

impl Forge {
    /// Serves the repositories below `root`.
    pub fn start(root: &Path, login: Option<&str>) -> Self {
        let logins = Arc::<Mutex<Vec<String>>>::default();
        let backend = Backend {
            root: root.to_owned(),
            login: login.map(str::to_owned),
            logins: Arc::clone(&logins),
        };
        let server = HttpServer::new(move || {
            let data = web::Data::new(backend.clone());
            App::new().app_data(data).default_service(web::to(answer))
        });
        let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0].to_string();
        actix_web::rt::spawn(server.disable_signals().run());
        Self { address, logins }
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// The logins that were shown.
    pub fn logins(&self) -> Vec<String> {
        self.logins.lock().unwrap().clone()
    }
}

/// Answers a request of git.
pub async fn answer(
    backend: web::Data<Backend>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let shown = header("authorization");
    if !shown.is_empty() {
        backend.logins.lock().unwrap().push(shown.clone());
    }
    if backend.login.as_ref().is_some_and(|login| *login != shown) {
        return HttpResponse::Unauthorized()
            .insert_header(("WWW-Authenticate", "Basic realm=\"forge\""))
            .finish();
    }
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "http-backend"])
        .env("GIT_PROJECT_ROOT", &backend.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", request.path())
        .env("QUERY_STRING", request.query_string())
        .env("REQUEST_METHOD", request.method().as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"));
    let input = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &input, &body).unwrap();
    std::io::Seek::rewind(&mut &input).unwrap();
    let done = web::block(move || git.stdin(Stdio::from(input)).output().unwrap()).await.unwrap();
    let at = done.stdout.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(0);
    let (head, content) = done.stdout.split_at(at);
    let head = String::from_utf8_lossy(head).into_owned();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let status = field("Status: ").and_then(|it| it.get(..3)?.parse().ok()).unwrap_or(200);
    let mut response = HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap());
    response.content_type(field("Content-Type: ").unwrap_or("text/plain").to_owned());
    response.body(content.get(4..).unwrap_or_default().to_vec())
}
