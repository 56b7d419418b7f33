//! The client of a model service: requests on threads of their own, so that an interrupt waits for none.
//!
//! A request is ended by shutting down its connection, which also tells the service to stop.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use ureq::{
    Agent, Body,
    config::Config,
    http::{Response, StatusCode},
};

use super::{
    failure::{self, FailureKind, ServiceError},
    retry,
    service::Service,
};
use crate::{http_client, sse::EventReader};

/// Longest wait for what a service says of itself.
const FACTS: Duration = Duration::from_secs(5);

/// Longest line and longest whole answer, in bytes.
const MAX_LINE_BYTES: u64 = 16 << 20; // 16 MiB
const MAX_ANSWER_BYTES: u64 = 64 << 20; // 64 MiB

/// Most that is read of an error, and of what a service says of itself, in bytes.
const MAX_ERROR_BYTES: u64 = 64 << 10; // 64 KiB
const MAX_FACTS_BYTES: u64 = 8 << 20; // 8 MiB

/// Events that wait to be taken.
const WAITING: usize = 256;

/// What comes of a request.
#[derive(Debug)]
pub(super) enum ServiceEvent {
    /// The data of an event, or a whole answer that is no stream.
    Data(String),
    /// The service shows that it is there.
    Sign,
    /// Nothing more comes.
    End,
    Failed(ServiceError),
}

/// What a service says of itself at one path.
pub(super) type FactResponse = Result<String, ServiceError>;

/// The client of one service.
#[derive(Debug)]
pub(super) struct ServiceClient {
    base_url: String,
    /// With secrets, so never printed.
    headers: Headers,
    config: Config,
    agent: Mutex<Agent>,
}

/// Names and values.
struct Headers(Vec<(String, String)>);

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl ServiceClient {
    pub(super) fn new(service: &Service) -> Arc<Self> {
        let config = http_client::config(&service.base_url, service.silence());
        let headers = service.request_headers();
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let agent = Mutex::new(config.new_agent());
        Arc::new(Self {
            base_url: service.base_url.clone(),
            headers: Headers(headers),
            config,
            agent,
        })
    }

    fn agent(&self) -> Agent {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all requests.
    pub(super) fn cancel(&self) {
        let agent = {
            let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *agent, self.config.new_agent())
        };
        agent.shutdown();
    }

    /// Sends a request whose answer is a stream. The channel tells how it goes.
    pub(super) fn post(
        self: &Arc<Self>,
        path: &str,
        body: Vec<u8>,
    ) -> mpsc::Receiver<ServiceEvent> {
        let (sender, events) = mpsc::sync_channel(WAITING);
        let (client, url) = (Arc::clone(self), format!("{}{path}", self.base_url));
        // The agent of now: a request that begins after it was cancelled must fail.
        let agent = self.agent();
        thread::spawn(move || {
            let last = match client.stream(&agent, &url, &body, &sender) {
                Ok(()) => ServiceEvent::End,
                Err(error) => ServiceEvent::Failed(error),
            };
            // An error means that nobody waits for it any more.
            sender.send(last).ok();
        });
        events
    }

    fn stream(
        &self,
        agent: &Agent,
        url: &str,
        body: &[u8],
        sender: &mpsc::SyncSender<ServiceEvent>,
    ) -> Result<(), ServiceError> {
        let mut request = agent
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json");
        for (name, value) in &self.headers.0 {
            request = request.header(name, value);
        }
        let response = accepted(request.send(body).map_err(|error| unsent(&error))?)?;
        let is_whole = is_whole(&response)?;
        let limited = response.into_body().into_with_config().limit(MAX_ANSWER_BYTES).reader();
        let mut reader = BufReader::new(limited);
        if is_whole {
            let mut whole = String::new();
            reader.read_to_string(&mut whole).map_err(|error| unread(&error))?;
            sender.send(ServiceEvent::Data(whole)).ok();
            return Ok(());
        }
        send_events(&mut reader, sender)
    }

    /// Asks what the service says of itself at `url`; with a body as a POST.
    pub(super) fn ask_facts(
        self: &Arc<Self>,
        url: String,
        body: Option<String>,
    ) -> mpsc::Receiver<FactResponse> {
        let (sender, response) = mpsc::channel();
        let (client, agent) = (Arc::clone(self), self.agent());
        thread::spawn(move || sender.send(client.facts(&agent, &url, body)).ok());
        response
    }

    fn facts(&self, agent: &Agent, url: &str, body: Option<String>) -> FactResponse {
        let response = match body {
            None => {
                let mut request = agent.get(url).config().timeout_global(Some(FACTS)).build();
                for (name, value) in &self.headers.0 {
                    request = request.header(name, value);
                }
                request.call()
            }
            Some(body) => {
                let mut request = agent.post(url).config().timeout_global(Some(FACTS)).build();
                for (name, value) in &self.headers.0 {
                    request = request.header(name, value);
                }
                request.header("content-type", "application/json").send(body)
            }
        };
        let response = accepted(response.map_err(|error| unsent(&error))?)?;
        let body = response.into_body().into_with_config().limit(MAX_FACTS_BYTES);
        body.read_to_string().map_err(|error| unsent(&error))
    }

    /// The address without the version at its end, where services keep what is their own.
    pub(super) fn root(&self) -> &str {
        let base = self.base_url.as_str();
        base.strip_suffix("/v1").or_else(|| base.strip_suffix("/api/v0")).unwrap_or(base)
    }

    /// The address of `path`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

/// The response, if it is a success.
fn accepted(response: Response<Body>) -> Result<Response<Body>, ServiceError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let header = |name: &str| response.headers().get(name).and_then(|it| it.to_str().ok());
    if status.is_redirection() {
        let to = header("location").unwrap_or_default().to_owned();
        return Err(ServiceError {
            status: Some(status.as_u16()),
            ..ServiceError::new(FailureKind::Redirected, &to)
        });
    }
    let retry_after = retry::wait_asked(header, SystemTime::now());
    let mut body = Vec::new();
    let limited = response.into_body().into_with_config().limit(MAX_ERROR_BYTES);
    // What could be read of it says enough.
    limited.reader().read_to_end(&mut body).ok();
    let body = crate::json::decode_text(&body);
    Err(failure::in_response(status.as_u16(), &body, retry_after))
}

/// Whether the answer is one JSON text instead of a stream.
fn is_whole(response: &Response<Body>) -> Result<bool, ServiceError> {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    if kind.contains("html") || response.status() == StatusCode::NO_CONTENT {
        return Err(ServiceError::new(FailureKind::NotAService, "a web page"));
    }
    Ok(kind.contains("application/json"))
}

fn send_events(
    reader: &mut impl BufRead,
    sender: &mpsc::SyncSender<ServiceEvent>,
) -> Result<(), ServiceError> {
    let mut events = EventReader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let n_read = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| unread(&error))?;
        if n_read == 0 {
            if let Some(event) = events.end() {
                sender.send(ServiceEvent::Data(event.data)).ok();
            }
            return Ok(());
        }
        let Some(line) = line.strip_suffix(b"\n") else {
            if n_read as u64 == MAX_LINE_BYTES {
                return Err(ServiceError::new(FailureKind::Endless, ""));
            }
            // The last line; the next read tells that nothing follows.
            take_line(&mut events, &line, sender)?;
            continue;
        };
        if !take_line(&mut events, line, sender)? {
            return Ok(());
        }
    }
}

/// Gives false once nobody waits for events.
fn take_line(
    events: &mut EventReader,
    line: &[u8],
    sender: &mpsc::SyncSender<ServiceEvent>,
) -> Result<bool, ServiceError> {
    let line = String::from_utf8_lossy(line);
    let event = events
        .line(&line)
        .map_err(|error| ServiceError::new(FailureKind::Endless, &error.to_string()))?;
    let event = event.map_or(ServiceEvent::Sign, |event| ServiceEvent::Data(event.data));
    Ok(sender.send(event).is_ok())
}

/// Why there is no answer.
fn unsent(error: &ureq::Error) -> ServiceError {
    use ureq::{Error, Timeout};
    let said = error.to_string();
    let kind = match error {
        Error::Rustls(_) | Error::Tls(_) | Error::Pem(_) | Error::TlsRequired => {
            FailureKind::Insecure
        }
        Error::Io(error) if is_of_tls(error) => FailureKind::Insecure,
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => FailureKind::BrokenOff,
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            FailureKind::BrokenOff
        }
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => FailureKind::Unreachable,
        Error::Timeout(_) => FailureKind::Silent,
        Error::BodyExceedsLimit(_) => FailureKind::Endless,
        Error::Protocol(_) | Error::LargeResponseHeader(..) => FailureKind::NotAService,
        Error::Http(_) | Error::BadUri(_) => FailureKind::Refused,
        _ => FailureKind::Unreachable,
    };
    ServiceError::new(kind, &said)
}

fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>()
            || matches!(inner.downcast_ref::<ureq::Error>(), Some(ureq::Error::Rustls(_)))
    })
}

/// Why an answer that had begun goes on no more.
fn unread(error: &io::Error) -> ServiceError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match inner {
        Some(ureq::Error::Timeout(_)) => ServiceError::new(FailureKind::Silent, ""),
        Some(ureq::Error::BodyExceedsLimit(_)) => ServiceError::new(FailureKind::Endless, ""),
        _ => ServiceError::new(FailureKind::BrokenOff, &error.to_string()),
    }
}
