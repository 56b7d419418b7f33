//! A forge of a test: the API that lists an organisation's repositories, two on a page, and git beside it.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode, web};
use serde_json::{Value, json};

use crate::git_http::{self, Backend};

/// Repositories on a page.
const PER_PAGE: usize = 2;

/// The APIs that are known, and their paths.
pub const KINDS: [(&str, &str); 3] =
    [("github", "/api/v3"), ("gitlab", "/api/v4"), ("gitea", "/api/v1")];

/// A running forge. It ends with the test.
pub struct FakeForge {
    kind: &'static str,
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    kind: &'static str,
    repositories: Vec<Value>,
    /// The token that is wanted.
    token: Option<String>,
    /// In place of a list.
    failure: Option<Failure>,
    /// What was asked for, with the token that was shown.
    requests: Vec<(String, Option<String>)>,
}

#[derive(Clone)]
struct Failure {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl FakeForge {
    /// The forge of `acme`, an organisation, whose repositories lie below `root`.
    pub fn start(kind: &'static str, root: &Path) -> Self {
        let state = Arc::new(Mutex::new(State { kind, ..State::default() }));
        let (shared, backend) = (Arc::clone(&state), Backend::open(root));
        let (tell, address) = mpsc::channel();
        // A server that starts blocks its test, and asks meanwhile.
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(web::Data::from(Arc::clone(&shared)))
                    .app_data(web::Data::new(backend.clone()))
                    .route("/repositories.txt", web::get().to(text))
                    .route("/api/{path:.*}", web::get().to(list))
                    .default_service(web::to(git_http::answer))
            });
            let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
            tell.send(server.addrs()[0].to_string()).unwrap();
            actix_web::rt::System::new().block_on(server.disable_signals().run()).unwrap();
        });
        let address = address.recv().unwrap();
        Self { kind, address, state }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Lists a repository of this forge.
    pub fn list(&self, name: &str) {
        self.list_as(name, |_| ());
    }

    /// Lists a repository that differs from the usual one.
    pub fn list_as(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let address = self.url(&format!("/{name}/.git"));
        let mut repository = match self.kind {
            "gitlab" => json!({
                "path": name, "path_with_namespace": format!("acme/{name}"),
                "http_url_to_repo": address, "archived": false,
            }),
            _ => json!({"name": name, "clone_url": address, "archived": false, "fork": false}),
        };
        change(&mut repository);
        self.state.lock().unwrap().repositories.push(repository);
    }

    /// Lists a repository under an address.
    pub fn list_at(&self, name: &str, address: &str) {
        self.list_as(name, |it| {
            let key = if it["clone_url"].is_string() { "clone_url" } else { "http_url_to_repo" };
            it[key] = json!(address);
        });
    }

    /// Wants a token.
    pub fn want(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// Answers with this in place of a list.
    pub fn fail(&self, status: u16, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let failure = Failure { status, headers, body: body.to_owned() };
        self.state.lock().unwrap().failure = Some(failure);
    }

    /// Answers with lists again.
    pub fn recover(&self) {
        self.state.lock().unwrap().failure = None;
    }

    /// The paths that were asked for, with the tokens that were shown.
    pub fn requests(&self) -> Vec<(String, Option<String>)> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn text(state: web::Data<Mutex<State>>) -> HttpResponse {
    let state = state.lock().unwrap();
    let addresses = state.repositories.iter().filter_map(|it| it["clone_url"].as_str());
    HttpResponse::Ok().body(addresses.collect::<Vec<_>>().join("\n"))
}

async fn list(state: web::Data<Mutex<State>>, request: HttpRequest) -> HttpResponse {
    let mut state = state.lock().unwrap();
    let token = shown_token(state.kind, &request);
    state.requests.push((request.uri().to_string(), token.clone()));
    if let Some(Failure { status, headers, body }) = state.failure.clone() {
        let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
        for header in headers {
            response.insert_header(header);
        }
        return response.body(body);
    }
    if state.token.is_some() && state.token != token {
        return HttpResponse::Unauthorized().json(json!({"message": "Bad credentials"}));
    }
    let (_, api) = KINDS.into_iter().find(|(kind, _)| *kind == state.kind).unwrap();
    let of_group = match state.kind {
        "gitlab" => format!("{api}/groups/acme/projects"),
        _ => format!("{api}/orgs/acme/repos"),
    };
    if request.path() != of_group && request.path() != of_group.replace("/orgs/acme", "/users/ann")
    {
        return HttpResponse::NotFound().json(json!({"message": "Not Found"}));
    }
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).unwrap();
    let value =
        |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let hides_archived = value("archived") == Some("false");
    let all = state.repositories.iter().filter(|it| !(hides_archived && it["archived"] == true));
    let all: Vec<_> = all.collect();
    let number: usize = value("page").map_or(1, |page| page.parse().unwrap());
    let page: Vec<_> = all.iter().skip((number - 1) * PER_PAGE).take(PER_PAGE).collect();
    let has_next = number * PER_PAGE < all.len();
    let mut response = HttpResponse::Ok();
    match state.kind {
        "github" if has_next => {
            let host = request.connection_info().host().to_owned();
            let next =
                format!("<http://{host}{of_group}?per_page=2&page={}>; rel=\"next\"", number + 1);
            response.insert_header(("Link", next));
        }
        "gitlab" => {
            let next = if has_next { (number + 1).to_string() } else { String::new() };
            response.insert_header(("X-Next-Page", next));
        }
        _ => (),
    }
    response.json(page)
}

fn shown_token(kind: &str, request: &HttpRequest) -> Option<String> {
    let (header, start) = match kind {
        "github" => ("authorization", "Bearer "),
        "gitlab" => ("private-token", ""),
        _ => ("authorization", "token "),
    };
    let value = request.headers().get(header)?.to_str().ok()?;
    Some(value.strip_prefix(start)?.to_owned())
}
