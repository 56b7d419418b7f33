//! Lines written to an agent's stdin. Serde builds each from typed parts, so it is one line of valid JSON
//! whatever a person typed: a malformed line ends the agent, and a forged one would give it powers.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    attachment::told::{ToldBody, ToldFile},
    effort, tools,
};

/// Id of the handshake's request.
pub(crate) const HANDSHAKE_ID: &str = "handshake";

/// Name of the hook that the agent calls before each tool.
const TOOL_HOOK: &str = "tools";

/// Seconds that the agent waits for the answer to a hook.
const HOOK_TIMEOUT: u32 = 30;

/// The answer to a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookDecision {
    /// The agent's own rules decide.
    Pass,
    /// The tool must not run; the model reads the reason.
    Deny(String),
}

/// The first line: registers a hook that runs before every tool call.
pub(crate) fn handshake() -> String {
    #[derive(Serialize)]
    struct Initialize {
        subtype: &'static str,
        hooks: Hooks,
        #[serde(rename = "sdkMcpServers")]
        servers: [&'static str; 1],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Hooks {
        pre_tool_use: [Hook; 1],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Hook {
        matcher: &'static str,
        hook_callback_ids: [&'static str; 1],
        timeout: u32,
        on_failure: &'static str,
    }
    let hook = Hook {
        matcher: "*",
        hook_callback_ids: [TOOL_HOOK],
        timeout: HOOK_TIMEOUT,
        on_failure: "block",
    };
    control_request(
        HANDSHAKE_ID,
        Initialize {
            subtype: "initialize",
            hooks: Hooks { pre_tool_use: [hook] },
            servers: [tools::SERVER_NAME],
        },
    )
}

/// A person's message with its files. A leading line end keeps text that starts with a slash from being
/// read as one of the agent's own commands.
pub(crate) fn user_message(text: &str, files: &[ToldFile], id: Uuid) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        message: Message<'a>,
        parent_tool_use_id: Option<()>,
        session_id: &'static str,
        uuid: String,
    }
    #[derive(Serialize)]
    struct Message<'a> {
        role: &'static str,
        content: MessageContent<'a>,
    }
    let escaped;
    let content = if text.starts_with('/') {
        escaped = format!("\n{text}");
        &escaped
    } else {
        text
    };
    let content = match files {
        [] => MessageContent::Text(content),
        files => MessageContent::Blocks(blocks(files, content)),
    };
    line(&Line {
        r#type: "user",
        message: Message { role: "user", content },
        parent_tool_use_id: None,
        session_id: "default",
        uuid: id.to_string(),
    })
}

#[derive(Serialize)]
#[serde(untagged)]
enum MessageContent<'a> {
    Text(&'a str),
    Blocks(Vec<Value>),
}

/// The files, and the text after them.
fn blocks(files: &[ToldFile], text: &str) -> Vec<Value> {
    let text_block = |text: &str| json!({"type": "text", "text": text});
    let of_file = |file: &ToldFile| match &file.body {
        ToldBody::Image { media_type, base64 } => vec![
            text_block(&file.caption()),
            json!({"type": "image",
                "source": {"type": "base64", "media_type": media_type, "data": base64}}),
        ],
        ToldBody::Text(quoted) => vec![text_block(quoted)],
        ToldBody::Unread => vec![json!({"type": "attachment", "name": file.name})],
    };
    files.iter().flat_map(of_file).chain([text_block(text)]).collect()
}

/// What was said in a conversation before an agent without sessions of its own joins it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ToldTurn {
    pub(crate) question: String,
    /// As blocks of a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<Value>,
    pub(crate) answer: Vec<ToldPart>,
}

impl ToldTurn {
    /// Adds the files of the question.
    pub(crate) fn attach(&mut self, files: &[ToldFile]) {
        for file in files {
            match &file.body {
                ToldBody::Text(quoted) => self.question = format!("{quoted}\n{}", self.question),
                ToldBody::Image { .. } => {
                    let blocks = blocks(std::slice::from_ref(file), "").into_iter();
                    self.images.extend(blocks.filter(|block| block["type"] == "image"));
                    self.question = format!("{}\n{}", file.caption(), self.question);
                }
                ToldBody::Unread => {
                    self.question = format!("{}\n[attached: {}]", self.question, file.name);
                }
            }
        }
    }
}

/// A part of an answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToldPart {
    Text(String),
    Tool(ToldCall),
}

/// A call of a tool and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ToldCall {
    pub(crate) name: String,
    pub(crate) input: Box<RawValue>,
    pub(crate) result: String,
    pub(crate) is_error: bool,
}

/// The conversation so far, the oldest turn first.
pub(crate) fn history(turns: &[ToldTurn]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        turns: &'a [ToldTurn],
    }
    line(&Line { r#type: "history", turns })
}

/// What the guide's answer to the next question begins with.
pub(crate) fn note(text: &str) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        text: &'a str,
    }
    line(&Line { r#type: "note", text })
}

/// Ends the running turn.
pub(crate) fn interrupt() -> String {
    #[derive(Serialize)]
    struct Interrupt {
        subtype: &'static str,
    }
    control_request("interrupt", Interrupt { subtype: "interrupt" })
}

/// Bounds what an agent thinks before it answers, from now on; `None` leaves that to the agent again.
pub(crate) fn thinking(most_tokens: Option<u64>) -> String {
    #[derive(Serialize)]
    struct Thinking {
        subtype: &'static str,
        max_thinking_tokens: Option<u64>,
    }
    let request = Thinking { subtype: effort::REQUEST, max_thinking_tokens: most_tokens };
    control_request(effort::REQUEST, request)
}

/// Tells newer versions of Claude Code, which do not count thinking, how thorough to be.
pub(crate) fn effort_level(level: Option<&'static str>) -> String {
    const APPLY: &str = "apply_flag_settings";
    #[derive(Serialize)]
    struct Apply {
        subtype: &'static str,
        settings: Settings,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Settings {
        effort_level: Option<&'static str>,
    }
    control_request(APPLY, Apply { subtype: APPLY, settings: Settings { effort_level: level } })
}

/// The answer to a hook. Always a success: the agent runs the tool after an error.
pub(crate) fn hook_answer(request_id: &str, decision: &HookDecision) -> String {
    #[derive(Serialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        hook_specific_output: Option<Output<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Output<'a> {
        hook_event_name: &'static str,
        permission_decision: &'static str,
        permission_decision_reason: &'a str,
    }
    let hook_specific_output = match decision {
        HookDecision::Pass => None,
        HookDecision::Deny(reason) => Some(Output {
            hook_event_name: "PreToolUse",
            permission_decision: "deny",
            permission_decision_reason: reason,
        }),
    };
    control_success(request_id, Answer { hook_specific_output })
}

/// Denies a tool for which the agent asks a person's permission.
pub(crate) fn permission_denied(request_id: &str, message: &str) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        behavior: &'static str,
        message: &'a str,
    }
    control_success(request_id, Answer { behavior: "deny", message })
}

/// Answers a message to an MCP server.
pub(super) fn mcp_response(request_id: &str, response: &Value) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        mcp_response: &'a Value,
    }
    control_success(request_id, Answer { mcp_response: response })
}

/// Answers a request of an unknown kind.
pub(crate) fn unsupported(request_id: &str, subtype: &str) -> String {
    #[derive(Serialize)]
    struct Response<'a> {
        subtype: &'static str,
        request_id: &'a str,
        error: String,
    }
    control_response(Response {
        subtype: "error",
        request_id,
        error: format!("unsupported request {subtype:?}"),
    })
}

fn control_request(request_id: &str, request: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Line<'a, T> {
        r#type: &'static str,
        request_id: &'a str,
        request: T,
    }
    line(&Line { r#type: "control_request", request_id, request })
}

fn control_success(request_id: &str, response: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Success<'a, T> {
        subtype: &'static str,
        request_id: &'a str,
        response: T,
    }
    control_response(Success { subtype: "success", request_id, response })
}

fn control_response(response: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Line<T> {
        r#type: &'static str,
        response: T,
    }
    line(&Line { r#type: "control_response", response })
}

/// One line with its end. These types always serialize; should one fail, the empty line is ignored by
/// every agent.
fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: Expect) {
        expected.assert_eq(line);
    }

    #[test]
    fn the_handshake_asks_about_every_tool() {
        check(
            &handshake(),
            expect![[r#"
                {"type":"control_request","request_id":"handshake","request":{"subtype":"initialize","hooks":{"PreToolUse":[{"matcher":"*","hookCallbackIds":["tools"],"timeout":30,"onFailure":"block"}]},"sdkMcpServers":["project"]}}
            "#]],
        );
    }

    #[test]
    fn a_message_that_starts_with_a_slash_is_sent_as_text() {
        check(
            &user_message("/init\nnow", &[], Uuid::nil()),
            expect![[r#"
                {"type":"user","message":{"role":"user","content":"\n/init\nnow"},"parent_tool_use_id":null,"session_id":"default","uuid":"00000000-0000-0000-0000-000000000000"}
            "#]],
        );
    }

    #[test]
    fn files_are_blocks_before_the_text() {
        let file = |name: &str, body| ToldFile { name: name.to_owned(), body };
        let image = ToldBody::Image { media_type: "image/png", base64: "AAAA".to_owned() };
        let files = [
            file("a.png", image),
            file("b.txt", ToldBody::Text("quoted".to_owned())),
            file("c.png", ToldBody::Unread),
        ];
        let line: Value =
            serde_json::from_str(&user_message("/init", &files, Uuid::nil())).unwrap();
        let expected = json!([
            {"type": "text", "text": "The person attached this image (a.png):"},
            {"type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "text", "text": "quoted"},
            {"type": "attachment", "name": "c.png"},
            {"type": "text", "text": "\n/init"},
        ]);
        assert_eq!(line["message"]["content"], expected);
    }

    #[test]
    fn an_interrupt_is_a_control_request() {
        check(
            &interrupt(),
            expect![[r#"
                {"type":"control_request","request_id":"interrupt","request":{"subtype":"interrupt"}}
            "#]],
        );
    }

    #[test]
    fn an_answer_to_a_hook_is_always_a_success() {
        check(
            &hook_answer("h1", &HookDecision::Pass),
            expect![[r#"
                {"type":"control_response","response":{"subtype":"success","request_id":"h1","response":{}}}
            "#]],
        );
        check(
            &hook_answer("h2", &HookDecision::Deny("outside".to_owned())),
            expect![[r#"
                {"type":"control_response","response":{"subtype":"success","request_id":"h2","response":{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"outside"}}}}
            "#]],
        );
        check(
            &permission_denied("p", "no"),
            expect![[r#"
                {"type":"control_response","response":{"subtype":"success","request_id":"p","response":{"behavior":"deny","message":"no"}}}
            "#]],
        );
        check(
            &unsupported("u", "mcp_message"),
            expect![[r#"
                {"type":"control_response","response":{"subtype":"error","request_id":"u","error":"unsupported request \"mcp_message\""}}
            "#]],
        );
    }

    proptest! {
        #[test]
        fn a_message_is_one_line_that_says_what_was_typed(text in any::<String>()) {
            let line = user_message(&text, &[], Uuid::nil());
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let content = value["message"]["content"].as_str().unwrap();
            prop_assert!(!content.starts_with('/'));
            prop_assert_eq!(content.strip_prefix('\n').unwrap_or(content), text.strip_prefix('\n').unwrap_or(&text));
        }
    }
}
