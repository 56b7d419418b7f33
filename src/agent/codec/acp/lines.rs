//! AcpLines for an agent's stdin. Serde builds each from typed parts, so it is one line of valid JSON
//! whatever a person typed.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::attachment::told::{self, ToldBody, ToldFile};

/// The only version of the protocol that is spoken.
pub(super) const PROTOCOL_VERSION: u64 = 1;

/// Ids of our requests.
pub(super) const INITIALIZE: u64 = 1;
pub(super) const AUTHENTICATE: u64 = 2;
pub(super) const OPEN_SESSION: u64 = 3;
pub(super) const LOAD_SESSION: u64 = 4;
pub(super) const SET_MODE: u64 = 5;

/// Id of the first prompt is one more.
const BEFORE_PROMPTS: u64 = 100;

/// JSON-RPC's error for a method that is not there.
const METHOD_NOT_FOUND: i64 = -32601;

/// What precedes a question that an agent would take for one of its own commands.
const NO_COMMAND: &str = "The question is:\n";

/// Builds the lines of one agent's process. Shared by its handle, which asks, and its codec, which
/// learns the session.
#[derive(Debug, Default)]
pub struct AcpLines {
    /// The agent's own id of its session.
    session: OnceLock<String>,
    /// Prompts so far.
    sent: AtomicU64,
    takes_images: AtomicBool,
    /// Precedes the first question of a new session.
    preface: Mutex<Option<String>>,
}

impl AcpLines {
    /// The first line.
    pub fn initialize(&self) -> String {
        let client = json!({
            "name": "cicerone",
            "title": "Cicerone",
            "version": env!("CARGO_PKG_VERSION"),
        });
        request(
            INITIALIZE,
            "initialize",
            &json!({
                "protocolVersion": PROTOCOL_VERSION,
                "clientCapabilities": {
                    "fs": {"readTextFile": false, "writeTextFile": false},
                    "terminal": false,
                },
                "clientInfo": client,
            }),
        )
    }

    /// A person's question; `None` before the session is open.
    pub fn prompt(&self, text: &str) -> Option<String> {
        self.prompt_with(text, &[])
    }

    /// The same with files. An agent that takes no images is told their names.
    pub(crate) fn prompt_with(&self, text: &str, files: &[ToldFile]) -> Option<String> {
        let session = self.session.get()?;
        let number = self.sent.fetch_add(1, Ordering::AcqRel) + 1;
        let preface = self.preface.lock().unwrap_or_else(PoisonError::into_inner).take();
        let question = match text.trim_start().starts_with('/') {
            true => format!("{NO_COMMAND}{text}"),
            false => text.to_owned(),
        };
        let text_block = |text: String| json!({"type": "text", "text": text});
        let files = files.iter().flat_map(|file| match &file.body {
            ToldBody::Image { media_type, base64 } if self.takes_images() => vec![
                text_block(file.caption()),
                json!({"type": "image", "mimeType": media_type, "data": base64}),
            ],
            ToldBody::Text(quoted) => vec![text_block(quoted.clone())],
            ToldBody::Image { .. } | ToldBody::Unread => {
                vec![text_block(told::unseen(&[&file.name]))]
            }
        });
        let preface = preface.into_iter().map(text_block);
        let blocks: Vec<Value> = preface.chain(files).chain([text_block(question)]).collect();
        let parameters = json!({"sessionId": session, "prompt": blocks});
        Some(request(BEFORE_PROMPTS + number, "session/prompt", &parameters))
    }

    /// Ends the running turn; `None` before the session is open.
    pub fn cancel(&self) -> Option<String> {
        let session = self.session.get()?;
        Some(notification("session/cancel", &json!({"sessionId": session})))
    }

    /// Whether the agent takes images, as it said when it began.
    pub(crate) fn takes_images(&self) -> bool {
        self.takes_images.load(Ordering::Acquire)
    }

    pub(super) fn set_takes_images(&self, takes_images: bool) {
        self.takes_images.store(takes_images, Ordering::Release);
    }

    /// Notes the session, and what precedes its first question.
    pub(super) fn open_session(&self, id: &str, preface: Option<String>) {
        *self.preface.lock().unwrap_or_else(PoisonError::into_inner) = preface;
        // Set once: an agent's process has one session.
        self.session.set(id.to_owned()).ok();
    }

    /// The number of the newest prompt, from 1; 0 before the first.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }
}

/// The number of the prompt whose request has this id, from 1.
pub(super) fn prompt_number(id: u64) -> Option<u64> {
    id.checked_sub(BEFORE_PROMPTS).filter(|number| *number > 0)
}

pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        jsonrpc: &'static str,
        id: u64,
        method: &'a str,
        params: &'a Value,
    }
    line(&Line { jsonrpc: "2.0", id, method, params })
}

fn notification(method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// The answer to a request of the agent.
pub(super) fn result(id: &RawValue, result: &Value) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        result: &'a Value,
    }
    line(&Line { jsonrpc: "2.0", id, result })
}

/// The answer to a request that this client does not serve.
pub(super) fn unsupported(id: &RawValue, method: &str) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        error: Value,
    }
    let error = json!({"code": METHOD_NOT_FOUND, "message": format!("Method not found: {method}")});
    line(&Line { jsonrpc: "2.0", id, error })
}

/// One line with its end. These types always serialize; should one fail, the empty line is ignored by
/// every agent.
fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}
