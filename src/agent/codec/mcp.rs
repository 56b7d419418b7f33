//! MCP messages of the agent: it is the client of a server that speaks over the agent's own pipe.
//!
//! The server keeps no state, since an agent may initialize it more than once.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{HostAction, command};
use crate::{
    json::{Object, Text},
    tools::{self, CallOutcome, Caller, ProjectCall},
};

/// The version of MCP that is spoken to an agent that names none.
const PROTOCOL_VERSION: &str = "2025-06-18";

/// Codes of JSON-RPC.
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;

/// A call that waits for its result: what to repeat in the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingCall {
    /// The control request.
    request_id: String,
    /// The id inside of it, which may be a number or a string.
    id: Value,
}

/// What the host has to do about a message to the server named `server`.
pub(super) fn message(
    request_id: &str,
    server: &str,
    message: Option<&RawValue>,
    caller: Caller,
) -> HostAction {
    let message = message.and_then(|message| Object::read(message.get()).ok());
    let Some(message) = message.filter(|_| server == tools::SERVER_NAME) else {
        return HostAction::Reply(command::unsupported(request_id, "mcp_message"));
    };
    let method = message.text("method").unwrap_or_default();
    let reply = |response: Value| HostAction::Reply(command::mcp_response(request_id, &response));
    let Some(id) = message.get::<Value>("id").filter(|id| !id.is_null()) else {
        // A notification.
        return reply(json!({"jsonrpc": "2.0", "result": {}}));
    };
    let params = message.object("params");
    match method.as_str() {
        "initialize" => {
            let version = params.and_then(|params| params.text("protocolVersion"));
            reply(success(&id, initialized(version)))
        }
        "ping" => reply(success(&id, json!({}))),
        "tools/list" => reply(success(&id, json!({"tools": listed(caller)}))),
        "tools/call" => match params.and_then(|params| called(&params)) {
            Some(call) => {
                let pending = PendingCall { request_id: request_id.to_owned(), id };
                HostAction::CallTool { pending, call }
            }
            None => reply(failure(&id, INVALID_PARAMS, "the call names no tool")),
        },
        "" => reply(failure(&id, INVALID_REQUEST, "the request has no method")),
        unknown => reply(failure(&id, METHOD_NOT_FOUND, &format!("unknown method {unknown:?}"))),
    }
}

fn called(params: &Object<'_>) -> Option<ProjectCall> {
    let name = params.text("name")?.0.into_owned();
    let arguments = params.object("arguments").map(|arguments| arguments.values());
    Some(ProjectCall { name, arguments: arguments.unwrap_or_default() })
}

fn initialized(version: Option<Text<'_>>) -> Value {
    let version = version.map_or_else(|| PROTOCOL_VERSION.into(), |version| version.0);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": tools::SERVER_NAME, "version": env!("CARGO_PKG_VERSION")},
    })
}

/// The tools of an agent. Claude Code has the feature tools from a server of their own.
fn listed(caller: Caller) -> Vec<Value> {
    let features = match caller {
        Caller::Model => crate::mcp::tools(),
        Caller::Claude | Caller::Guide => Vec::new(),
    };
    let features = features.iter().map(|tool| {
        let description = tool.description.as_deref().unwrap_or_default();
        described(&tool.name, description, json!(tool.input_schema))
    });
    let own = tools::of(caller).map(|tool| described(tool.name, tool.description, (tool.schema)()));
    own.chain(features).collect()
}

fn described(name: &str, description: &str, schema: Value) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": schema,
        "annotations": {"readOnlyHint": true, "openWorldHint": false},
    })
}

/// The line with the result of a call.
pub(crate) fn result(pending: &PendingCall, result: &CallOutcome) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct CallResult<'a> {
        content: [Content<'a>; 1],
        is_error: bool,
    }
    #[derive(Serialize)]
    struct Content<'a> {
        r#type: &'static str,
        text: &'a str,
    }
    let content = [Content { r#type: "text", text: &result.text }];
    let result = json!(CallResult { content, is_error: result.is_error });
    command::mcp_response(&pending.request_id, &success(&pending.id, result))
}

fn success(id: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn failure(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(server: &str, request: Value) -> HostAction {
        let request = serde_json::value::to_raw_value(&request).unwrap();
        message("r", server, Some(&request), Caller::Claude)
    }

    /// The JSON-RPC answer in a reply.
    fn answered(request: Value) -> Value {
        let HostAction::Reply(line) = asked(tools::SERVER_NAME, request) else { panic!() };
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["response"]["request_id"], "r");
        line["response"]["response"]["mcp_response"].clone()
    }

    #[test]
    fn a_client_is_told_of_the_server_and_its_tools_as_often_as_it_asks() {
        for id in [json!(0), json!("a")] {
            let request = json!({"jsonrpc": "2.0", "id": id, "method": "initialize",
                "params": {"protocolVersion": "2025-11-25"}});
            let response = answered(request);
            assert_eq!(response["id"], id);
            assert_eq!(response["result"]["protocolVersion"], "2025-11-25");
            let listed = answered(json!({"id": id, "method": "tools/list"}));
            let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().collect();
            assert!(names.iter().any(|tool| tool["name"] == "search"), "{names:?}");
        }
        assert_eq!(answered(json!({"id": 1, "method": "ping"}))["result"], json!({}));
    }

    #[test]
    fn an_agent_without_tools_of_its_own_is_listed_those_for_files_and_features_too() {
        let names = |caller| {
            let listed = listed(caller).into_iter();
            listed.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (claude, model) = (names(Caller::Claude), names(Caller::Model));
        assert!(claude.iter().all(|name| model.contains(name)), "{claude:?} {model:?}");
        for name in ["read", "grep", "glob", "list", "feature_get_ready", "ask_user"] {
            assert!(model.contains(&name.to_owned()), "{name}");
            assert!(!claude.contains(&name.to_owned()), "{name}");
        }
        assert!(names(Caller::Guide).is_empty());
    }

    #[test]
    fn a_notification_is_answered_without_an_id() {
        let response = answered(json!({"method": "notifications/initialized"}));
        assert_eq!(response, json!({"jsonrpc": "2.0", "result": {}}));
    }

    #[test]
    fn what_is_no_request_of_this_server_is_an_error() {
        for (request, code) in [
            (json!({"id": 1, "method": "resources/list"}), METHOD_NOT_FOUND),
            (json!({"id": 1}), INVALID_REQUEST),
            (json!({"id": 1, "method": "tools/call"}), INVALID_PARAMS),
            (json!({"id": 1, "method": "tools/call", "params": {"name": 7}}), INVALID_PARAMS),
        ] {
            assert_eq!(answered(request.clone())["error"]["code"], code, "{request}");
        }
        for (server, request) in
            [("other", json!({"id": 1, "method": "ping"})), ("project", json!(7))]
        {
            let HostAction::Reply(line) = asked(server, request) else { panic!() };
            assert!(line.contains("unsupported request"), "{line}");
        }
    }

    #[test]
    fn a_call_is_passed_on_and_its_result_goes_back_under_both_ids() {
        let request = json!({"id": 2, "method": "tools/call",
            "params": {"name": "search", "arguments": {"query": "x\ny"}, "_meta": {"a": 1}}});
        let HostAction::CallTool { pending, call } = asked("project", request) else { panic!() };
        assert_eq!((call.name.as_str(), &call.arguments["query"]), ("search", &json!("x\ny")));
        let line = result(&pending, &CallOutcome { text: "a\n\"b\"".to_owned(), is_error: false });
        expect_test::expect![[r#"
            {"type":"control_response","response":{"subtype":"success","request_id":"r","response":{"mcp_response":{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"a\n\"b\""}],"isError":false}}}}}
        "#]]
        .assert_eq(&line);
    }
}
