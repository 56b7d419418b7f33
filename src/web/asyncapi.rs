//! The AsyncAPI 3 description of the frames over a WebSocket and of event streams, from their types.
//!
//! A test validates the frames of conversations against it.

mod frames;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::{
    entry::{AgentQuestion, ResponseDone, ToolCall, ToolResult, TurnError, UserMessage},
    wire::server_frame::Notice,
};

use frames::{HistoryPlace, HtmlFragment, SentFrame, TextPart};

const SOCKET: &str = "socket";
const EVENTS: &str = "events";
const REQUESTS: &str = "requests";

/// The frames of the history, and the type of what each of them tells.
const HISTORY: [(&str, &str); 9] = [
    ("user_message", "UserMessage"),
    ("text", "TextPart"),
    ("thinking", "TextPart"),
    ("html", "HtmlFragment"),
    ("tool_call", "ToolCall"),
    ("tool_result", "ToolResult"),
    ("question", "AgentQuestion"),
    ("response_done", "ResponseDone"),
    ("error", "TurnError"),
];

#[derive(OpenApi)]
#[openapi(components(schemas(
    SentFrame,
    Notice,
    HistoryPlace,
    TextPart,
    HtmlFragment,
    UserMessage,
    ToolCall,
    ToolResult,
    AgentQuestion,
    ResponseDone,
    TurnError,
)))]
struct Types;

/// The description of all frames of protocol 1.
pub fn description() -> Value {
    let types = json!(Types::openapi().components);
    let mut schemas = types.get("schemas").cloned().unwrap_or_default();
    let client = alternatives(&mut schemas, "SentFrame");
    let mut server = alternatives(&mut schemas, "Notice");
    for (kind, told) in HISTORY {
        let frame = json!({ "allOf": [
            { "type": "object", "required": ["type"], "properties": { "type": { "const": kind } } },
            reference("schemas", "HistoryPlace"),
            reference("schemas", told),
        ] });
        let frame = match server.remove(kind) {
            // One outside a turn has no place in the history.
            Some(outside) if kind == "error" => json!({ "anyOf": [frame, outside] }),
            _ => frame,
        };
        server.insert(kind.to_owned(), frame);
    }
    let (sent, taken) = (names(&server), names(&client));
    let messages: BTreeMap<String, Value> = server
        .into_iter()
        .chain(client)
        .map(|(name, payload)| (name.clone(), json!({ "name": name, "payload": payload })))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cicerone",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The frames of protocol 1: questions and answers as they come.",
        },
        "defaultContentType": "application/json",
        "channels": {
            SOCKET: socket(&[&sent[..], &taken[..]].concat()),
            EVENTS: channel("/api/assistant/events/{project}", &["project"], &sent),
            REQUESTS: channel(
                "/api/assistant/events/{project}/{stream}", &["project", "stream"], &taken,
            ),
        },
        "operations": {
            "receiveFrames": operation("receive", SOCKET, &taken),
            "sendFrames": operation("send", SOCKET, &sent),
            "sendEvents": operation("send", EVENTS, &sent),
            "receiveRequests": operation("receive", REQUESTS, &taken),
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

/// `GET /api/asyncapi.json`: this description.
#[utoipa::path(
    get,
    path = "/api/asyncapi.json",
    tag = "health",
    responses((status = 200, body = Value)),
)]
pub async fn show() -> HttpResponse {
    HttpResponse::Ok().json(description())
}

/// Takes a type of several frames apart: the schema of each by its `type`.
fn alternatives(schemas: &mut Value, name: &str) -> BTreeMap<String, Value> {
    let all = schemas.as_object_mut().and_then(|schemas| schemas.remove(name)).unwrap_or_default();
    let all = all.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    all.into_iter().filter_map(|frame| Some((kind(&frame)?, frame))).collect()
}

/// The `type` of a frame by its schema.
fn kind(schema: &Value) -> Option<String> {
    let of = |schema: &Value| {
        let kind = &schema["properties"]["type"];
        let kind = kind.get("const").or_else(|| kind["enum"].get(0));
        kind.and_then(Value::as_str).map(str::to_owned)
    };
    of(schema).or_else(|| schema["allOf"].as_array()?.iter().find_map(of))
}

fn names(frames: &BTreeMap<String, Value>) -> Vec<String> {
    frames.keys().cloned().collect()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn channel(address: &str, parameters: &[&str], frames: &[String]) -> Value {
    let parameters: BTreeMap<_, _> = parameters
        .iter()
        .map(|name| (*name, json!({ "description": format!("The {name}'s name or id.") })))
        .collect();
    let messages: BTreeMap<_, _> =
        frames.iter().map(|name| (name, reference("messages", name))).collect();
    json!({ "address": address, "parameters": parameters, "messages": messages })
}

fn socket(frames: &[String]) -> Value {
    let mut socket = channel("/api/assistant/ws/{project}", &["project"], frames);
    let protocol = json!({ "type": "string", "const": "1" });
    socket["bindings"] = json!({ "ws": {
        "method": "GET",
        "query": { "type": "object", "properties": { "protocol": protocol } },
    } });
    socket
}

fn operation(action: &str, channel: &str, frames: &[String]) -> Value {
    let messages: Vec<_> = frames
        .iter()
        .map(|name| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") }))
        .collect();
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages,
    })
}
