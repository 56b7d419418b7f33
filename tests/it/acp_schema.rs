//! The lines for agents of the Agent Client Protocol, checked against its published schema.

use std::{fs, sync::Arc};

use cicerone::agent::codec::{
    CodecOutput, HostAction,
    acp::{AcpCodec, AcpLines, AcpSettings, UsageScope},
};
use jsonschema::Validator;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::peers;

/// The version of `@agentclientprotocol/sdk` with the schema; `.ci/setup` reads it from here.
const SDK: &str = "2.4.0";

/// What the schema says of one type.
fn validator(of: &str) -> Validator {
    let path = peers::module("@agentclientprotocol/sdk/schema/v1/schema.json");
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("@agentclientprotocol/sdk@{SDK} is missing: run `.ci/setup` ({error})")
    });
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    assert!(schema["$defs"].get(of).is_some(), "the schema has no {of}");
    let definitions = schema["$defs"].take();
    let schema = json!({"$ref": format!("#/$defs/{of}"), "$defs": definitions});
    jsonschema::validator_for(&schema).unwrap()
}

fn check(of: &str, value: &Value) {
    let validator = validator(of);
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{value} is no {of}: {errors:?}");
}

/// An agent's codec, and what came of its lines.
struct Spoken {
    codec: AcpCodec,
    lines: Arc<AcpLines>,
    output: CodecOutput,
}

impl Spoken {
    fn new(resume: Option<&str>) -> Self {
        let settings = AcpSettings {
            tool_result_bytes: 1000,
            dir: "/project".to_owned(),
            session: Uuid::nil(),
            resume: resume.map(str::to_owned),
            auth_method: Some("key".to_owned()),
            mode: Some("plan".to_owned()),
            meta: Some(json!({"x": 1})),
            preface: Some("Be brief.".to_owned()),
            usage: UsageScope::Turn,
            log_in: String::new(),
        };
        let lines = Arc::new(AcpLines::default());
        let codec = AcpCodec::new(settings, Arc::clone(&lines));
        Self { codec, lines, output: CodecOutput::default() }
    }

    fn hears(&mut self, message: Value) {
        self.codec.line(message.to_string().as_bytes(), &mut self.output);
    }

    /// The newest line that was written to the agent.
    fn reply(&self) -> Value {
        match self.output.actions.last() {
            Some(HostAction::Reply(line)) => serde_json::from_str(line).unwrap(),
            other => panic!("no reply but {other:?}"),
        }
    }
}

#[test]
fn every_request_is_as_the_schema_wants_it() {
    let (resume, load) =
        (json!({"sessionCapabilities": {"resume": {}}}), json!({"loadSession": true}));
    for (session, capabilities, of) in [
        (None, json!({}), "NewSessionRequest"),
        (Some("old"), resume, "ResumeSessionRequest"),
        (Some("old"), load, "LoadSessionRequest"),
    ] {
        let mut agent = Spoken::new(session);
        let hello: Value = serde_json::from_str(&agent.lines.initialize()).unwrap();
        check("InitializeRequest", &hello["params"]);
        let result = json!({"protocolVersion": 1, "agentCapabilities": capabilities});
        check("InitializeResponse", &result);
        agent.hears(json!({"jsonrpc": "2.0", "id": hello["id"], "result": result}));
        let line = agent.reply();
        check("AuthenticateRequest", &line["params"]);
        agent.hears(json!({"jsonrpc": "2.0", "id": line["id"], "result": {}}));
        let line = agent.reply();
        check(of, &line["params"]);
        agent.hears(json!({"jsonrpc": "2.0", "id": line["id"], "result": {"sessionId": "old"}}));
        check("SetSessionModeRequest", &agent.reply()["params"]);
        for question in ["one", "/two"] {
            let line: Value = serde_json::from_str(&agent.lines.prompt(question).unwrap()).unwrap();
            check("PromptRequest", &line["params"]);
        }
        let line: Value = serde_json::from_str(&agent.lines.cancel().unwrap()).unwrap();
        check("CancelNotification", &line["params"]);
    }
}

#[test]
fn every_answer_to_a_permission_is_as_the_schema_wants_it() {
    for kinds in [vec![], vec!["reject_once"], vec!["allow_once", "reject_always"]] {
        let options: Vec<Value> = kinds
            .iter()
            .map(|kind| json!({"optionId": kind, "name": kind, "kind": kind}))
            .collect();
        let params = json!({"sessionId": "s", "toolCall": {"toolCallId": "c", "kind": "edit"},
            "options": options});
        check("RequestPermissionRequest", &params);
        let mut agent = Spoken::new(None);
        let method = "session/request_permission";
        agent.hears(json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
        check("RequestPermissionResponse", &agent.reply()["result"]);
    }
}

/// A renamed field would be read as missing, and nobody would notice.
#[test]
fn the_fields_that_are_read_stand_in_the_schema() {
    let path = peers::module("@agentclientprotocol/sdk/schema/v1/schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for (of, fields) in [
        ("InitializeResponse", &["protocolVersion", "agentCapabilities", "agentInfo"][..]),
        ("AgentCapabilities", &["loadSession", "sessionCapabilities"]),
        ("SessionCapabilities", &["resume"]),
        ("NewSessionResponse", &["sessionId", "configOptions"]),
        ("SessionNotification", &["sessionId", "update"]),
        ("ContentChunk", &["content", "messageId"]),
        (
            "ToolCall",
            &[
                "toolCallId",
                "title",
                "kind",
                "status",
                "locations",
                "rawInput",
                "rawOutput",
                "content",
            ],
        ),
        (
            "ToolCallUpdate",
            &[
                "toolCallId",
                "title",
                "kind",
                "status",
                "locations",
                "rawInput",
                "rawOutput",
                "content",
            ],
        ),
        ("ToolCallLocation", &["path", "line"]),
        ("RequestPermissionRequest", &["toolCall", "options"]),
        ("PermissionOption", &["optionId", "kind"]),
        ("PromptResponse", &["stopReason"]),
        ("Cost", &["amount", "currency"]),
    ] {
        let known = &schema["$defs"][of]["properties"];
        for field in fields {
            assert!(known.get(field).is_some(), "{of} has no {field}: {known}");
        }
    }
    let text = schema["$defs"].to_string();
    for word in [
        "agent_message_chunk",
        "agent_thought_chunk",
        "tool_call_update",
        "usage_update",
        "allow_once",
        "reject_once",
        "reject_always",
        "end_turn",
        "max_tokens",
        "max_turn_requests",
        "refusal",
        "cancelled",
        "in_progress",
        "completed",
        "failed",
    ] {
        assert!(text.contains(&format!("\"{word}\"")), "the schema has no {word}");
    }
}
