//! Calls of the project's tools over an agent's own pipe: requests go out as lines, and their answers
//! come back among the lines of input.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::guide::{
    output::LineOutput,
    protocol::{self, CallResponse},
};

/// What a request brought: the `result` of JSON-RPC, or in words why there is none.
pub(crate) type ToolResponse = Result<Value, String>;

/// The requests that wait for their answers.
#[derive(Debug)]
pub(crate) struct PipeCalls {
    output: Arc<LineOutput>,
    open: Mutex<OpenCalls>,
}

#[derive(Debug, Default)]
struct OpenCalls {
    waiting: HashMap<String, mpsc::Sender<ToolResponse>>,
    /// The input has ended: nothing comes any more.
    is_closed: bool,
}

impl PipeCalls {
    pub(crate) fn new(output: Arc<LineOutput>) -> Self {
        Self { output, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, OpenCalls> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request. The channel closes where no answer can come.
    pub(crate) fn request(&self, method: &str, params: &Value) -> mpsc::Receiver<ToolResponse> {
        let (sender, response) = mpsc::channel();
        let request_id = Uuid::new_v4().to_string();
        {
            let mut open = self.open();
            if open.is_closed {
                return response;
            }
            open.waiting.insert(request_id.clone(), sender);
        }
        let line = protocol::tool_request(&request_id, method, params);
        if let Err(error) = self.output.line(&line) {
            log::warn!("cannot ask for a tool: {error}");
            self.open().waiting.remove(&request_id);
        }
        response
    }

    /// Calls a tool.
    pub(crate) fn call(&self, name: &str, arguments: &Value) -> mpsc::Receiver<ToolResponse> {
        self.request("tools/call", &json!({"name": name, "arguments": arguments}))
    }

    /// Waits for none of the answers any more: those of a turn before.
    pub(crate) fn forget(&self) {
        self.open().waiting.clear();
    }

    /// Passes on what was waited for; other responses are late ones.
    pub(crate) fn on_response(&self, response: CallResponse) {
        let Some(sender) = self.open().waiting.remove(&response.request_id) else { return };
        // An error means that nobody waits for it any more.
        sender.send(response.response.and_then(|body| result(&body))).ok();
    }

    /// Ends all waits: the input has ended.
    pub(crate) fn close(&self) {
        let mut open = self.open();
        open.is_closed = true;
        open.waiting.clear();
    }
}

/// The result in a response.
pub(super) fn result(body: &Value) -> ToolResponse {
    let message = &body["mcp_response"];
    if let Some(error) = message.pointer("/error/message").and_then(Value::as_str) {
        return Err(error.to_owned());
    }
    match message.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err("the answer could not be read: it has no result".to_owned()),
    }
}

/// The text of a call's result; the error is what the tool said went wrong.
pub(crate) fn text(result: &Value) -> Result<String, String> {
    let content = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = content.iter().filter_map(|part| part["text"].as_str()).collect();
    let text = texts.join("\n");
    if result["isError"] == json!(true) { Err(text) } else { Ok(text) }
}
