//! Messages of the Model Context Protocol: what clients send, and what is sent to them. Pure.
//!
//! Versions with an `initialize` and the one without it differ in what a request has to say of itself, and
//! in fields of results; [`Version`] knows both.

use serde_json::{Map, Value, json};

/// The versions that are spoken, the oldest first.
pub(super) const VERSIONS: [&str; 5] =
    ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// The version of a request that names none.
const UNNAMED: Version = Version(1);

/// The newest version that a client agrees on by `initialize`.
const NEWEST_AGREED: Version = Version(3);

/// The version in which every request says what it is in headers, and results say how long they hold.
const SELF_CONTAINED: Version = Version(4);

/// The field of `_meta` with the version of a request.
const VERSION_FIELD: &str = "io.modelcontextprotocol/protocolVersion";

/// How long a client may keep what it is told of the server, in milliseconds.
const LASTING_MS: u32 = 300_000;

pub(super) const PARSE_ERROR: i32 = -32700;
pub(super) const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
pub(super) const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;

/// A version that is spoken: its place in [`VERSIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(usize);

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum McpMessage {
    Request(Request),
    /// Nothing answers it.
    Notification {
        method: String,
        params: Map<String, Value>,
    },
    /// The answer to a request, though none is made.
    Answer,
}

#[derive(Debug, PartialEq)]
pub(super) struct Request {
    /// A number or a text.
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

/// An error of the protocol: the request is not done.
#[derive(Debug, PartialEq)]
pub(super) struct RpcError {
    code: i32,
    message: String,
    data: Option<Box<Value>>,
}

/// The headers in which a request says what it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RequestHeaders<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) method: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

impl RpcError {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// A method that there is not.
    pub(super) fn no_method(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("There is no method {:?}.", shortened(method)))
    }

    /// The message that tells of it. `id` is null where the request could not be read.
    pub(super) fn message(&self, id: &Value) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = Value::clone(data);
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }

    /// The status of the response that it is.
    pub(super) fn status(&self, version: Version) -> u16 {
        match self.code {
            PARSE_ERROR | INVALID_REQUEST | HEADER_MISMATCH | UNSUPPORTED_VERSION => 400,
            METHOD_NOT_FOUND if version >= SELF_CONTAINED => 404,
            _ => 200,
        }
    }
}

impl Version {
    pub(super) fn named(name: &str) -> Option<Self> {
        VERSIONS.iter().position(|it| *it == name).map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        VERSIONS.get(self.0).copied().unwrap_or_default()
    }

    /// The version to speak with a client that has asked for this one by `initialize`.
    pub(super) fn agreed(wanted: Option<&str>) -> Self {
        wanted.and_then(Self::named).map_or(NEWEST_AGREED, |it| it.min(NEWEST_AGREED))
    }

    /// The version of a message, by its header.
    ///
    /// # Errors
    /// It is not spoken, or the message says something else of itself than its headers.
    pub(super) fn of(headers: RequestHeaders<'_>, message: &McpMessage) -> Result<Self, RpcError> {
        let (method, params) = match message {
            McpMessage::Request(request) => (request.method.as_str(), &request.params),
            McpMessage::Notification { method, params } => (method.as_str(), params),
            McpMessage::Answer => return Ok(UNNAMED),
        };
        let told = params.get("_meta").and_then(|meta| meta.get(VERSION_FIELD));
        let told = told.and_then(Value::as_str);
        let Some(name) = headers.version.or(told) else { return Ok(UNNAMED) };
        if method == "initialize" {
            return Ok(Self::named(name).unwrap_or(NEWEST_AGREED));
        }
        let version = Self::named(name).ok_or_else(|| RpcError {
            code: UNSUPPORTED_VERSION,
            message: "This version of the protocol is not spoken.".to_owned(),
            data: Some(Box::new(json!({ "supported": VERSIONS, "requested": shortened(name) }))),
        })?;
        if version >= SELF_CONTAINED {
            check_headers(headers, told, method, params)?;
        }
        Ok(version)
    }

    /// The message with the result of a request.
    pub(super) fn result(self, id: &Value, mut result: Value) -> Value {
        if self >= SELF_CONTAINED {
            result["resultType"] = json!("complete");
        }
        json!({ "jsonrpc": "2.0", "id": id, "result": result })
    }

    /// Adds how long a result holds, and for whom.
    pub(super) fn lasting(self, mut result: Value) -> Value {
        if self >= SELF_CONTAINED {
            result["ttlMs"] = json!(LASTING_MS);
            result["cacheScope"] = json!("private");
        }
        result
    }
}

/// Programs between client and server go by the headers, and so they have to be true.
fn check_headers(
    headers: RequestHeaders<'_>,
    version: Option<&str>,
    method: &str,
    params: &Map<String, Value>,
) -> Result<(), RpcError> {
    let name = params.get("name").and_then(Value::as_str).filter(|_| method == "tools/call");
    let wrong = |header: &str| {
        RpcError::new(HEADER_MISMATCH, format!("The header {header} is not what the body says."))
    };
    if headers.version != version {
        return Err(wrong("MCP-Protocol-Version"));
    }
    if headers.method != Some(method) {
        return Err(wrong("Mcp-Method"));
    }
    if name.is_some() && headers.name != name {
        return Err(wrong("Mcp-Name"));
    }
    Ok(())
}

/// Reads a message.
///
/// # Errors
/// It is none; with its id, as far as it has one.
pub(super) fn parse(body: Value) -> Result<McpMessage, (Value, RpcError)> {
    let invalid = |id: Value, words: &str| Err((id, RpcError::new(INVALID_REQUEST, words)));
    let mut fields = match body {
        Value::Object(fields) => fields,
        Value::Array(_) => return invalid(Value::Null, "Send one message at a time, no batch."),
        _ => return invalid(Value::Null, "A message is an object."),
    };
    let id = fields.shift_remove("id").filter(|id| !id.is_null());
    if id.as_ref().is_some_and(|id| !id.is_string() && !id.is_i64() && !id.is_u64()) {
        return invalid(Value::Null, "`id` is neither a whole number nor a text.");
    }
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(id.unwrap_or_default(), "`jsonrpc` is not \"2.0\".");
    }
    let params = match fields.shift_remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return invalid(id.unwrap_or_default(), "`params` is no object."),
    };
    match (fields.shift_remove("method"), id) {
        (Some(Value::String(method)), Some(id)) => {
            Ok(McpMessage::Request(Request { id, method, params }))
        }
        (Some(Value::String(method)), None) => Ok(McpMessage::Notification { method, params }),
        (Some(_), id) => invalid(id.unwrap_or_default(), "`method` is no text."),
        (None, Some(_)) if fields.contains_key("result") || fields.contains_key("error") => {
            Ok(McpMessage::Answer)
        }
        (None, id) => invalid(id.unwrap_or_default(), "`method` is missing."),
    }
}

/// A notification for a client.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// A client's word, as far as it is repeated.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: &str = "2026-07-28";

    fn request(method: &str, params: Value) -> McpMessage {
        parse(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).unwrap()
    }

    #[test]
    fn requests_notifications_and_answers_are_told_apart() {
        let McpMessage::Request(read) = request("tools/list", json!({ "a": 1 })) else { panic!() };
        assert_eq!((read.id, read.method.as_str()), (json!(1), "tools/list"));
        assert_eq!(read.params["a"], 1);
        let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" });
        assert!(matches!(parse(cancelled), Ok(McpMessage::Notification { .. })));
        let answer = json!({ "jsonrpc": "2.0", "id": "x", "result": {} });
        assert_eq!(parse(answer).unwrap(), McpMessage::Answer);
    }

    #[test]
    fn what_is_no_message_is_refused_with_the_id_that_it_has() {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
        for (field, wrong, id) in [
            ("jsonrpc", json!("1.0"), json!(7)),
            ("method", json!(3), json!(7)),
            ("params", json!([1]), json!(7)),
            ("id", json!(1.5), Value::Null),
            ("id", json!({}), Value::Null),
        ] {
            let mut message = request.clone();
            message[field] = wrong;
            let (told, error) = parse(message).unwrap_err();
            assert_eq!((told, error.code), (id, INVALID_REQUEST), "{field}");
        }
        for message in [json!([request]), json!("ping"), json!({ "jsonrpc": "2.0", "id": 7 })] {
            let (id, error) = parse(message).unwrap_err();
            assert_eq!(error.status(UNNAMED), 400);
            assert_eq!(error.message(&id)["error"]["code"], INVALID_REQUEST);
        }
    }

    #[test]
    fn a_client_gets_the_version_that_it_asks_for_or_the_newest_that_is_agreed_on() {
        for (wanted, agreed) in [
            (Some("2024-11-05"), "2024-11-05"),
            (Some("2025-06-18"), "2025-06-18"),
            (Some(NEW), "2025-11-25"),
            (Some("1999-01-01"), "2025-11-25"),
            (None, "2025-11-25"),
        ] {
            assert_eq!(Version::agreed(wanted).name(), agreed, "{wanted:?}");
        }
    }

    #[test]
    fn an_unknown_version_is_refused_with_those_that_are_spoken() {
        let headers = RequestHeaders { version: Some("1999-01-01"), ..RequestHeaders::default() };
        let error = Version::of(headers, &request("ping", json!({}))).unwrap_err();
        assert_eq!((error.code, error.status(UNNAMED)), (UNSUPPORTED_VERSION, 400));
        assert_eq!(error.data.unwrap()["supported"], json!(VERSIONS));
        let unnamed = Version::of(RequestHeaders::default(), &request("ping", json!({})));
        assert_eq!(unnamed, Ok(UNNAMED));
    }

    #[test]
    fn headers_that_contradict_the_body_are_refused_where_they_are_gone_by() {
        let call = request("tools/call", json!({ "name": "ask", "_meta": { VERSION_FIELD: NEW } }));
        let right =
            RequestHeaders { version: Some(NEW), method: Some("tools/call"), name: Some("ask") };
        assert_eq!(Version::of(right, &call), Ok(SELF_CONTAINED));
        for wrong in [
            RequestHeaders { method: Some("tools/list"), ..right },
            RequestHeaders { method: None, ..right },
            RequestHeaders { name: Some("outline"), ..right },
            RequestHeaders { version: None, ..right },
        ] {
            assert_eq!(Version::of(wrong, &call).unwrap_err().code, HEADER_MISMATCH, "{wrong:?}");
        }
        let older = RequestHeaders { version: Some("2025-11-25"), method: None, name: None };
        assert!(Version::of(older, &request("tools/list", json!({}))).is_ok());
    }

    proptest! {
        #[test]
        fn p9_any_text_is_a_message_or_refused(text in "\\PC{0,80}", version in "\\PC{0,12}") {
            if let Ok(Ok(message)) = serde_json::from_str(&text).map(parse) {
                let headers = RequestHeaders { version: Some(&version), ..RequestHeaders::default() };
                Version::of(headers, &message).ok();
            }
        }

        #[test]
        fn p9_fields_of_any_kind_are_a_message_or_refused(
            id in prop_oneof![Just(json!(1)), Just(json!("a")), Just(json!([])), Just(Value::Null)],
            method in prop_oneof![Just(json!("ping")), Just(json!(2)), Just(Value::Null)],
            params in prop_oneof![Just(json!({ "_meta": 3 })), Just(json!([])), Just(Value::Null)],
        ) {
            let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
            match parse(body) {
                Ok(message) => drop(Version::of(RequestHeaders::default(), &message)),
                Err((id, error)) => prop_assert!(error.message(&id)["error"]["code"].is_i64()),
            }
        }
    }
}
