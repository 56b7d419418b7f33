//! The server's HTTP API, as the command line uses it.

use std::{
    io::{self, BufRead, BufReader, Read},
    time::Duration,
};

use serde::Deserialize;
use ureq::{Agent, Body, BodyReader, http::Response};
use url::Url;

use crate::{
    config::token::Token,
    http_client,
    ids::{ConversationId, TurnNumber},
    sse::{EventReader, SentEvent},
    web::api::ask::AskRequest,
};

/// Longest silence of a server, which sends a sign of life more often.
const SILENCE: Duration = Duration::from_secs(90);

/// Longest line of a stream, in bytes.
const MAX_LINE_BYTES: u64 = 16 << 20; // 16 MiB

/// Most that is read of an answer that is no stream, in bytes.
const MAX_BODY_BYTES: u64 = 64 << 20; // 64 MiB

/// Why a server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The address is no server's.
    #[error("`{0}` is no address of a server; write it as http://HOST:PORT or https://HOST")]
    Address(String),
    /// No answer came.
    #[error("cannot reach the server at {server}: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server refuses the request.
    #[error("the server refuses it ({status}): {detail}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// What answers is no Cicerone, or a much older one.
    #[error("what answers at {server} is no Cicerone that can be asked like this: {reason}")]
    Foreign {
        /// Its address.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The project has to be named.
    #[error("the server has several projects; name one with --project: {}", .0.join(", "))]
    WhichProject(Vec<String>),
    /// The server has none that this client may see.
    #[error("the server has no project")]
    NoProject,
    /// There is nothing to go on with.
    #[error("there is no conversation here to continue; ask without --continue first")]
    NothingToContinue,
    /// The command's own files cannot be used.
    #[error("cannot use {path}: {source}")]
    Files {
        /// The file or directory.
        path: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// No project has that name.
    #[error("there is no project `{name}`; there are: {}", .known.join(", "))]
    UnknownProject {
        /// As asked for.
        name: String,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// The token is no token.
    #[error("the token {0}")]
    Token(String),
    /// What is printed goes nowhere any more.
    #[error("nobody reads the output any more")]
    NobodyReads,
    /// The question is empty.
    #[error("there is no question; write it after `ask`, or `-` to read it from stdin")]
    NoQuestion,
    /// The own server did not start.
    #[error("cannot answer by itself: {0}")]
    OwnServer(String),
}

/// A turn at a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AskedTurnPlace {
    pub(super) conversation_id: ConversationId,
    pub(super) turn: TurnNumber,
    /// The page of the conversation.
    #[serde(default)]
    pub(super) link: Option<String>,
}

/// A project in the server's list.
#[derive(Debug, Deserialize)]
struct ListedProject {
    name: String,
}

/// What a server says of an error (RFC 9457).
#[derive(Debug, Default, Deserialize)]
struct ProblemBody {
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

/// The client of one server. Cloning shares its connections.
#[derive(Clone)]
pub(super) struct ServerClient {
    base: Url,
    token: Option<Token>,
    agent: Agent,
}

/// What a server answers to a message of the Model Context Protocol.
pub(super) struct PassedOn {
    pub(super) answers: Answers,
    /// The name of the session that it begins.
    pub(super) session: Option<String>,
}

/// The messages of an answer.
pub(super) enum Answers {
    None,
    One(String),
    Events(Box<TurnEvents>),
}

/// The events of a turn as they come.
pub(super) struct TurnEvents {
    lines: BufReader<BodyReader<'static>>,
    events: EventReader,
}

impl ServerClient {
    pub(super) fn new(server: &str, token: Option<Token>) -> Result<Self, AskError> {
        let malformed = || AskError::Address(server.to_owned());
        let mut base = Url::parse(server).map_err(|_| malformed())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(malformed());
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let agent = http_client::config(base.as_str(), SILENCE).new_agent();
        Ok(Self { base, token, agent })
    }

    /// The address, as people write it.
    pub(super) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The name of the only project.
    pub(super) fn only_project(&self) -> Result<String, AskError> {
        let url = self.url(&["api", "projects"])?;
        let body = self.text(self.send("GET", &url, "application/json", None, None)?)?;
        let mut projects: Vec<ListedProject> =
            serde_json::from_str(&body).map_err(|error| self.foreign(&error))?;
        match projects.len() {
            0 => Err(AskError::NoProject),
            1 => Ok(projects.remove(0).name),
            _ => Err(AskError::WhichProject(projects.into_iter().map(|it| it.name).collect())),
        }
    }

    /// Asks. The first event tells the place of the turn.
    pub(super) fn ask(&self, question: &AskRequest) -> Result<TurnEvents, AskError> {
        let url = self.url(&["api", "v1", "ask"])?;
        let body = serde_json::to_string(question).map_err(|error| self.foreign(&error))?;
        self.events(self.send("POST", &url, "text/event-stream", None, Some(&body))?)
    }

    /// Goes on with a turn after the event of that id.
    pub(super) fn resume(
        &self,
        project: &str,
        place: &AskedTurnPlace,
        after: Option<&str>,
    ) -> Result<TurnEvents, AskError> {
        let url = self.turn_url(project, place)?;
        self.events(self.send("GET", &url, "text/event-stream", after, None)?)
    }

    /// An ended turn, as JSON.
    pub(super) fn result(&self, project: &str, place: &AskedTurnPlace) -> Result<String, AskError> {
        let url = self.turn_url(project, place)?;
        self.text(self.send("GET", &url, "application/json", None, None)?)
    }

    /// Stops a turn.
    pub(super) fn stop(&self, project: &str, place: &AskedTurnPlace) -> Result<(), AskError> {
        let url = self.turn_url(project, place)?;
        self.send("DELETE", &url, "application/json", None, None).map(drop)
    }

    fn turn_url(&self, project: &str, place: &AskedTurnPlace) -> Result<Url, AskError> {
        let mut url =
            self.url(&["api", "v1", "ask", project, &place.conversation_id.to_string()])?;
        url.query_pairs_mut().append_pair("turn", &place.turn.to_string());
        Ok(url)
    }

    fn url(&self, path: &[&str]) -> Result<Url, AskError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| AskError::Address(self.base.to_string()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn send(
        &self,
        method: &str,
        url: &Url,
        accept: &str,
        after: Option<&str>,
        body: Option<&str>,
    ) -> Result<Response<Body>, AskError> {
        let after: Vec<_> = after.map(|after| ("last-event-id", after)).into_iter().collect();
        let response = self.request(method, url, accept, &after, body)?;
        match response.status().as_u16() {
            200..=299 => Ok(response),
            status => Err(self.refused(status, response)),
        }
    }

    /// Sends a request. Its response may be a refusal.
    fn request(
        &self,
        method: &str,
        url: &Url,
        accept: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Response<Body>, AskError> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(url.as_str())
            .header("accept", accept);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let unsent = |error: ureq::Error| self.unreachable(&error);
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body);
                self.agent.run(request.map_err(|error| unsent(error.into()))?)
            }
            None => self.agent.run(request.body(()).map_err(|error| unsent(error.into()))?),
        };
        response.map_err(unsent)
    }

    /// Passes a message of the Model Context Protocol on.
    pub(super) fn pass_on(
        &self,
        message: &str,
        headers: &[(&str, &str)],
    ) -> Result<PassedOn, AskError> {
        let url = self.url(&["mcp"])?;
        let accept = "application/json, text/event-stream";
        let response = self.request("POST", &url, accept, headers, Some(message))?;
        let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
        let session = header("mcp-session-id").map(str::to_owned);
        let kind = header("content-type").unwrap_or_default().to_owned();
        let answers = match response.status().as_u16() {
            202 | 204 => Answers::None,
            200 if kind.starts_with("text/event-stream") => {
                Answers::Events(Box::new(self.events(response)?))
            }
            // Errors of the protocol have a status of their own.
            _ if kind.starts_with("application/json") => Answers::One(self.text(response)?),
            status => return Err(self.refused(status, response)),
        };
        Ok(PassedOn { answers, session })
    }

    fn events(&self, response: Response<Body>) -> Result<TurnEvents, AskError> {
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        if !kind.starts_with("text/event-stream") {
            return Err(self.foreign(&format!("it sends {kind:?} in place of events")));
        }
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(TurnEvents { lines: BufReader::new(reader), events: EventReader::default() })
    }

    fn text(&self, response: Response<Body>) -> Result<String, AskError> {
        let body = response.into_body().into_with_config().limit(MAX_BODY_BYTES);
        body.read_to_string().map_err(|error| self.unreachable(&error))
    }

    fn refused(&self, status: u16, response: Response<Body>) -> AskError {
        let said = self.text(response).unwrap_or_default();
        let problem: ProblemBody = serde_json::from_str(&said).unwrap_or_default();
        match problem.detail.or(problem.title) {
            Some(detail) => AskError::Refused { status, detail },
            None if status == 404 => {
                self.foreign(&"it has no such path; it may be older than this program")
            }
            None => AskError::Refused { status, detail: "it does not say why".to_owned() },
        }
    }

    fn unreachable(&self, error: &dyn ToString) -> AskError {
        AskError::Unreachable { server: self.server().to_owned(), reason: error.to_string() }
    }

    /// What answers is no server that can be asked.
    pub(super) fn foreign(&self, reason: &dyn ToString) -> AskError {
        AskError::Foreign { server: self.server().to_owned(), reason: reason.to_string() }
    }
}

impl TurnEvents {
    /// The next event; `None` at the end of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<SentEvent>> {
        loop {
            let mut line = Vec::new();
            let n_read = self.lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
            if n_read == 0 {
                return Ok(None);
            }
            if line.pop_if(|last| *last == b'\n').is_none() {
                // What the end of the connection cut off comes again.
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            if let Some(event) = self.events.line(&line).map_err(io::Error::other)? {
                return Ok(Some(event));
            }
        }
    }
}
