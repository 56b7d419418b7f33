//! The Model Context Protocol on stdin and stdout: each message is passed on to a server's `/mcp`, and what
//! comes back is printed.

use std::{
    io::{self, BufRead as _, Read as _, Write as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    AskOptions, DIR_NAME,
    client::{Answers, AskError, PassedOn, ServerClient},
    own_project,
    own_server::OwnServer,
};
use crate::config::token::Token;

/// Longest message of a client, in bytes; servers accept less.
const MAX_LINE_BYTES: u64 = 16 << 20; // 16 MiB

/// Requests that are under way at the same time; more wait in the pipe.
const MAX_REQUESTS: usize = 32;

/// How long requests that are under way are waited for once the client has closed stdin.
const GRACE: Duration = Duration::from_secs(2);

/// Codes of JSON-RPC: no JSON, and an error of the server.
const PARSE_ERROR: i32 = -32700;
const SERVER_ERROR: i32 = -32000;

/// Serves the protocol until the end of stdin.
///
/// # Errors
///
/// No server can be asked.
pub fn serve_mcp(options: AskOptions) -> Result<(), AskError> {
    let (client, _own_server) = match &options.server {
        Some(server) => {
            let token = options.token.as_deref().map(Token::new).transpose();
            (ServerClient::new(server, token.map_err(AskError::Token)?)?, None)
        }
        None => {
            let dir = options.settings.data_dir.join(DIR_NAME);
            let own = OwnServer::start(&own_project(options.settings, None)?, &dir, None)?;
            (own.client.clone(), Some(own))
        }
    };
    Bridge { client, agreed: Arc::default() }.run()
}

/// Passes messages between a client and a server.
#[derive(Clone)]
struct Bridge {
    client: ServerClient,
    agreed: Arc<Mutex<Agreed>>,
}

/// What the server has told by `initialize`.
#[derive(Debug, Default, Clone)]
struct Agreed {
    session: Option<String>,
    version: Option<String>,
}

/// A message of the client, as far as it has to be understood.
struct ClientMessage {
    text: String,
    /// Of a request.
    id: Option<Value>,
    method: String,
    /// The version that it names itself.
    version: Option<String>,
    /// What is called.
    name: Option<String>,
}

impl Bridge {
    fn run(&self) -> Result<(), AskError> {
        let unreadable = |source| AskError::Files { path: "stdin".to_owned(), source };
        let (done, ended) = mpsc::channel::<()>();
        let mut under_way = 0;
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let n_read = stdin.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            if n_read.map_err(unreadable)? == 0 {
                break;
            }
            let Some(message) = ClientMessage::parse(&crate::json::decode_text(&line)) else {
                if !line.trim_ascii().is_empty() {
                    print(&error(&Value::Null, PARSE_ERROR, "This is no JSON."));
                }
                continue;
            };
            under_way -= ended.try_iter().count();
            // A request may take long, and others, or its end, are to come through meanwhile. That of the
            // session is needed for what follows.
            if message.id.is_none() || message.method == "initialize" {
                self.pass_on(&message);
                continue;
            }
            if under_way == MAX_REQUESTS && ended.recv().is_ok() {
                under_way -= 1;
            }
            under_way += 1;
            let (bridge, done) = (self.clone(), done.clone());
            thread::spawn(move || {
                bridge.pass_on(&message);
                // Who counts them may have gone.
                done.send(()).ok();
            });
        }
        wait(&ended, under_way);
        Ok(())
    }

    fn agreed(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a message on, and prints what comes back.
    fn pass_on(&self, message: &ClientMessage) {
        let failed = |words: &str| {
            if let Some(id) = &message.id {
                print(&error(id, SERVER_ERROR, words));
            }
        };
        let Agreed { session, version } = match message.method == "initialize" {
            true => Agreed::default(),
            false => self.agreed().clone(),
        };
        let version = message.version.clone().or(version);
        let named = [
            ("mcp-session-id", session),
            ("mcp-protocol-version", version),
            ("mcp-method", Some(message.method.clone()).filter(|method| !method.is_empty())),
            ("mcp-name", message.name.clone()),
        ];
        let headers: Vec<_> = named
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .filter(|(_, value)| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
            .collect();
        let PassedOn { answers, session } = match self.client.pass_on(&message.text, &headers) {
            Ok(passed) => passed,
            Err(error) => return failed(&error.to_string()),
        };
        match answers {
            Answers::None => (),
            Answers::One(answer) => {
                if let Some(session) = session {
                    *self.agreed() =
                        Agreed { session: Some(session), version: agreed_version(&answer) };
                }
                print(&answer);
            }
            Answers::Events(mut events) => {
                let mut is_answered = false;
                while let Ok(Some(event)) = events.next() {
                    is_answered |= is_answer(&event.data);
                    print(&event.data);
                }
                if !is_answered {
                    failed("The request was cancelled, or the connection to the server broke.");
                }
            }
        }
    }
}

impl ClientMessage {
    /// `None` if it is no JSON.
    fn parse(text: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(text).ok()?;
        let told = |value: &Value| value.as_str().map(str::to_owned);
        let method = told(&message["method"]).unwrap_or_default();
        let params = &message["params"];
        Some(Self {
            id: Some(message["id"].clone()).filter(|id| !id.is_null() && !method.is_empty()),
            version: told(&params["_meta"]["io.modelcontextprotocol/protocolVersion"]),
            name: told(&params["name"]),
            method,
            text: text.trim().to_owned(),
        })
    }
}

/// Waits until all requests have ended, but not for long.
fn wait(ended: &Receiver<()>, under_way: usize) {
    for _ in 0..under_way {
        if ended.recv_timeout(GRACE).is_err() {
            return;
        }
    }
}

fn agreed_version(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer["result"]["protocolVersion"].as_str().map(str::to_owned)
}

fn is_answer(message: &str) -> bool {
    let message: Value = serde_json::from_str(message).unwrap_or_default();
    message.get("result").is_some() || message.get("error").is_some()
}

fn error(id: &Value, code: i32, words: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": words } }).to_string()
}

/// Prints a message in a line of its own. A client that does not read any more has left.
fn print(message: &str) {
    let mut stdout = io::stdout().lock();
    let printed = writeln!(stdout, "{}", message.trim_end()).and_then(|()| stdout.flush());
    if printed.is_err() {
        std::process::exit(0);
    }
}
