//! Client frames: each is a JSON object with a `type`.

use serde_json::{Map, Value};

use crate::{
    effort::Effort,
    ids::{ConversationId, Seq, TurnNumber},
    json,
};

use super::Dialect;

/// A frame that a client has sent.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// Begin a conversation or attach to one.
    Start(StartFrame),
    /// Ask a question.
    Message {
        /// The client's id of the question. A repeated one is not asked again.
        message_id: Option<String>,
        /// The text, untrimmed.
        content: String,
        /// The agent that is to answer from now on, or `auto` for the one of the settings; `None` for
        /// the one before.
        agent: Option<String>,
        /// How thorough the answer is to be; `None` leaves it to the agent.
        effort: Option<Effort>,
        /// The ids of the files that come with it.
        attachments: Vec<String>,
    },
    /// Answer the agent's questions, as a message.
    Answer {
        /// The client's id of the answer.
        message_id: Option<String>,
        /// All answers as one text.
        content: String,
        /// The tool call that asked, if the client says.
        call_id: Option<String>,
    },
    /// Repeat the question of a turn.
    Retry {
        /// The turn to repeat.
        turn: TurnNumber,
        /// The conversation of the turn, if it is another one; this one continues it.
        conversation: Option<ConversationId>,
        /// The agent that is to answer; `None` for the one of the settings.
        agent: Option<String>,
        /// The client's id of the new question.
        message_id: Option<String>,
    },
    /// Take back the question of a turn that waits.
    Withdraw {
        /// The turn, which then ends without an answer.
        turn: TurnNumber,
    },
    /// The user is typing: the agent may start ahead of the question.
    Typing,
    /// End the running turn.
    Stop,
    /// Check that the server is alive.
    Ping,
}

impl ClientFrame {
    /// The client's id of the question, if it has sent one.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Self::Message { message_id, .. }
            | Self::Answer { message_id, .. }
            | Self::Retry { message_id, .. } => message_id.as_deref(),
            Self::Start(_) | Self::Withdraw { .. } | Self::Typing | Self::Stop | Self::Ping => None,
        }
    }
}

/// See [`ClientFrame::Start`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFrame {
    /// The dialect of all later frames.
    pub dialect: Dialect,
    /// The conversation.
    pub target: StartTarget,
    /// The last sequence number that the client has seen.
    pub after: Option<Seq>,
    /// The client wants to be told what changes in the list of conversations, from this position on.
    pub list: Option<String>,
}

/// The conversation of a `start` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartTarget {
    /// A new one.
    New,
    /// An existing one.
    Conversation(ConversationId),
    /// A value that is no id, as the error repeats it.
    InvalidId(String),
}

/// Why a frame is invalid. The messages are those of legacy servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// Not JSON.
    #[error("Invalid JSON")]
    NotJson,
    /// A field is missing or has the wrong type.
    #[error("Server error: {0}")]
    WrongShape(String),
    /// The `type` is missing or unknown.
    #[error("Unknown message type: {0}")]
    UnknownType(String),
}

/// Parses a text frame.
pub fn parse(frame: &str) -> Result<ClientFrame, InvalidFrame> {
    let value = json::value(frame).map_err(|_| InvalidFrame::NotJson)?;
    let Value::Object(fields) = value else {
        return Err(InvalidFrame::WrongShape("a frame must be a JSON object".to_owned()));
    };
    match fields.get("type") {
        Some(Value::String(kind)) => match kind.as_str() {
            "start" => Ok(ClientFrame::Start(start(&fields)?)),
            "message" => message(&fields),
            "answer" => Ok(ClientFrame::Answer {
                message_id: message_id(&fields)?,
                content: answers(fields.get("answers")),
                call_id: fields.get("call_id").and_then(Value::as_str).map(str::to_owned),
            }),
            "retry" => retry(&fields),
            "withdraw" => Ok(ClientFrame::Withdraw { turn: turn(&fields, "withdraw")? }),
            "typing" => Ok(ClientFrame::Typing),
            "stop" => Ok(ClientFrame::Stop),
            "ping" => Ok(ClientFrame::Ping),
            unknown => Err(InvalidFrame::UnknownType(unknown.to_owned())),
        },
        None | Some(Value::Null) => Err(InvalidFrame::UnknownType("None".to_owned())),
        Some(other) => Err(InvalidFrame::UnknownType(other.to_string())),
    }
}

fn start(fields: &Map<String, Value>) -> Result<StartFrame, InvalidFrame> {
    let is_v1 = match fields.get("protocol") {
        None | Some(Value::Null) => false,
        Some(version) if version.as_i64() == Some(1) => true,
        Some(version) => {
            return Err(InvalidFrame::WrongShape(format!(
                "protocol {version} is not supported: use 1, or leave it out for legacy frames"
            )));
        }
    };
    let target = match fields.get("conversation_id") {
        None | Some(Value::Null) => StartTarget::New,
        Some(id) => match id.as_i64() {
            Some(id) if id > 0 => StartTarget::Conversation(ConversationId(id)),
            _ => StartTarget::InvalidId(id.to_string()),
        },
    };
    // With an invalid `after` everything is replayed.
    let after = fields.get("after").and_then(Value::as_i64).map(Seq);
    let is_html = match fields.get("format").filter(|_| is_v1) {
        None | Some(Value::Null) => false,
        Some(Value::String(format)) if format == "markdown" => false,
        Some(Value::String(format)) if format == "html" => true,
        Some(other) => {
            return Err(InvalidFrame::WrongShape(format!(
                "format {other} is not supported: use \"markdown\" or \"html\""
            )));
        }
    };
    let wants_changes = fields.get("changes") == Some(&Value::Bool(true));
    let dialect = match (is_v1, is_html) {
        (false, _) => Dialect::Legacy,
        (true, false) => Dialect::V1,
        (true, true) if wants_changes => Dialect::HtmlChanges,
        (true, true) => Dialect::Html,
    };
    let list = match fields.get("list").filter(|_| is_v1) {
        Some(Value::Bool(true)) => Some(String::new()),
        Some(Value::String(position)) => Some(position.clone()),
        _ => None,
    };
    Ok(StartFrame { dialect, target, after, list })
}

fn message(fields: &Map<String, Value>) -> Result<ClientFrame, InvalidFrame> {
    let content = match fields.get("content") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => {
            return Err(InvalidFrame::WrongShape(format!(
                "content must be text, not {}",
                type_name(other)
            )));
        }
    };
    Ok(ClientFrame::Message {
        message_id: message_id(fields)?,
        content,
        agent: agent(fields)?,
        effort: effort(fields)?,
        attachments: attachments(fields)?,
    })
}

fn attachments(fields: &Map<String, Value>) -> Result<Vec<String>, InvalidFrame> {
    let ids = match fields.get("attachments") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(ids)) => ids.iter().map(|id| id.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    ids.ok_or_else(|| {
        InvalidFrame::WrongShape("attachments must be a list of ids of attached files".to_owned())
    })
}

fn retry(fields: &Map<String, Value>) -> Result<ClientFrame, InvalidFrame> {
    let turn = turn(fields, "repeat")?;
    let conversation = match fields.get("conversation_id") {
        None | Some(Value::Null) => None,
        Some(id) => {
            Some(id.as_i64().filter(|id| *id > 0).map(ConversationId).ok_or_else(|| {
                InvalidFrame::WrongShape(
                    "conversation_id must be the id of a conversation".to_owned(),
                )
            })?)
        }
    };
    let (agent, message_id) = (agent(fields)?, message_id(fields)?);
    Ok(ClientFrame::Retry { turn, conversation, agent, message_id })
}

fn turn(fields: &Map<String, Value>, purpose: &str) -> Result<TurnNumber, InvalidFrame> {
    fields.get("turn").and_then(Value::as_i64).map(TurnNumber).ok_or_else(|| {
        InvalidFrame::WrongShape(format!("turn must be the number of the turn to {purpose}"))
    })
}

fn agent(fields: &Map<String, Value>) -> Result<Option<String>, InvalidFrame> {
    match fields.get("agent") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err(InvalidFrame::WrongShape("agent must be the name of an agent".to_owned())),
    }
}

fn effort(fields: &Map<String, Value>) -> Result<Option<Effort>, InvalidFrame> {
    let name = match fields.get("effort") {
        None | Some(Value::Null) => return Ok(None),
        Some(name) => name.as_str(),
    };
    let effort = name.and_then(Effort::named).map(Some);
    effort.ok_or_else(|| {
        InvalidFrame::WrongShape(format!("effort must be one of {}", Effort::NAMES.join(", ")))
    })
}

fn message_id(fields: &Map<String, Value>) -> Result<Option<String>, InvalidFrame> {
    match fields.get("message_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_MESSAGE_ID => {
            Ok(Some(id.clone()))
        }
        Some(_) => Err(InvalidFrame::WrongShape(format!(
            "message_id must be text of 1 to {MAX_MESSAGE_ID} bytes"
        ))),
    }
}

/// Longest `message_id` in bytes.
pub const MAX_MESSAGE_ID: usize = 128;

/// Answers as one text for the agent: the choices of a question are joined by `", "`, questions by
/// `"; "`. No answers count as agreement.
fn answers(answers: Option<&Value>) -> String {
    match answers {
        Some(Value::Object(by_question)) if by_question.is_empty() => "OK".to_owned(),
        Some(Value::Object(by_question)) => {
            let parts: Vec<String> = by_question.values().map(answer).collect();
            parts.join("; ")
        }
        None | Some(Value::Null) => "OK".to_owned(),
        Some(other) => text_of(other),
    }
}

fn answer(choice: &Value) -> String {
    match choice {
        Value::Array(choices) => choices.iter().map(text_of).collect::<Vec<_>>().join(", "),
        one => text_of(one),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(frame: &str) -> String {
        parse(frame).unwrap_err().to_string()
    }

    #[test]
    fn a_start_without_protocol_is_legacy() {
        for frame in [r#"{"type":"start"}"#, r#"{"type":"start","conversation_id":null}"#] {
            let (dialect, target) = (Dialect::Legacy, StartTarget::New);
            let start = StartFrame { dialect, target, after: None, list: None };
            assert_eq!(parse(frame), Ok(ClientFrame::Start(start)));
        }
    }

    #[test]
    fn a_start_names_a_conversation_and_where_to_go_on() {
        for (more, dialect) in [("", Dialect::Html), (r#","changes":true"#, Dialect::HtmlChanges)] {
            let frame = format!(
                r#"{{"type":"start","protocol":1,"conversation_id":7,"after":12,"format":"html"{more}}}"#
            );
            let (target, after) = (StartTarget::Conversation(ConversationId(7)), Some(Seq(12)));
            let start = StartFrame { dialect, target, after, list: None };
            assert_eq!(parse(&frame), Ok(ClientFrame::Start(start)));
        }
    }

    #[test]
    fn a_start_asks_for_the_list_from_a_position_on() {
        for (fields, list) in [
            (r#""protocol":1"#, None),
            (r#""protocol":1,"list":true"#, Some("")),
            (r#""protocol":1,"list":"a.7""#, Some("a.7")),
            (r#""protocol":1,"list":false"#, None),
            (r#""protocol":1,"list":7"#, None),
            // Legacy clients get no other frames than those that they know.
            (r#""list":true"#, None),
        ] {
            let frame = format!(r#"{{"type":"start",{fields}}}"#);
            let Ok(ClientFrame::Start(start)) = parse(&frame) else {
                panic!("{frame} was refused")
            };
            assert_eq!(start.list.as_deref(), list, "{frame}");
        }
    }

    #[test]
    fn an_invalid_id_is_kept_for_the_error() {
        for (id, shown) in [("\"abc\"", "\"abc\""), ("0", "0"), ("-1", "-1"), ("1.5", "1.5")] {
            let frame = format!(r#"{{"type":"start","conversation_id":{id}}}"#);
            let Ok(ClientFrame::Start(start)) = parse(&frame) else {
                panic!("{frame} was refused")
            };
            assert_eq!(start.target, StartTarget::InvalidId(shown.to_owned()));
        }
    }

    #[test]
    fn odd_values_cost_themselves_alone() {
        for (frame, id, text) in [
            (
                r#"{"type":"message","content":"a \ud83d","message_id":"m"}"#,
                Some("m"),
                "a \u{fffd}",
            ),
            (r#"{"type":"message","content":"\udc00\ud800"}"#, None, "\u{fffd}\u{fffd}"),
            (r#"{"type":"message","content":"x","message_id":"\ud83d"}"#, Some("\u{fffd}"), "x"),
            (r#"{"type":"message","\ud83d":1,"content":"x","odd":1e999}"#, None, "x"),
        ] {
            let expected = ClientFrame::Message {
                message_id: id.map(str::to_owned),
                content: text.to_owned(),
                agent: None,
                effort: None,
                attachments: Vec::new(),
            };
            assert_eq!(parse(frame), Ok(expected), "{frame}");
        }
    }

    #[test]
    fn invalid_frames_are_refused_in_the_words_of_legacy_servers() {
        assert_eq!(refused(""), "Invalid JSON");
        assert_eq!(refused("{"), "Invalid JSON");
        assert_eq!(refused(r#"{"type":"dance"}"#), "Unknown message type: dance");
        assert_eq!(refused("{}"), "Unknown message type: None");
        assert!(refused("[]").starts_with("Server error: "));
        assert!(refused(r#"{"type":"message","content":5}"#).starts_with("Server error: "));
    }

    #[test]
    fn answers_become_one_text() {
        let frame = r#"{"type":"answer","answers":{"0":"Red","1":["a","b"]}}"#;
        let answer = |content: &str| {
            let content = content.to_owned();
            Ok(ClientFrame::Answer { message_id: None, content, call_id: None })
        };
        assert_eq!(parse(frame), answer("Red; a, b"));
        let agreed = r#"{"type":"answer","answers":{}}"#;
        assert_eq!(parse(agreed), answer("OK"));
        let text = r#"{"type":"answer","answers":"yes"}"#;
        assert_eq!(parse(text), answer("yes"));
        let meant = r#"{"type":"answer","answers":"yes","call_id":"c1"}"#;
        let call_id = Some("c1".to_owned());
        let content = "yes".to_owned();
        assert_eq!(parse(meant), Ok(ClientFrame::Answer { message_id: None, content, call_id }));
    }

    #[test]
    fn a_message_names_its_files() {
        let frame =
            |list: &str| format!(r#"{{"type":"message","content":"x","attachments":{list}}}"#);
        for (list, expected) in [("[]", vec![]), ("null", vec![]), (r#"["a","b"]"#, vec!["a", "b"])]
        {
            let Ok(ClientFrame::Message { attachments, .. }) = parse(&frame(list)) else {
                panic!("{list} was refused")
            };
            assert_eq!(attachments, expected);
        }
        for list in ["7", r#""a""#, "[1]", "[null]", "{}"] {
            assert!(refused(&frame(list)).contains("attachments must be"), "{list}");
        }
    }

    #[test]
    fn an_effort_is_one_of_two_words() {
        let frame =
            |effort: &str| format!(r#"{{"type":"message","content":"x","effort":{effort}}}"#);
        for (text, expected) in [
            ("null", None),
            (r#""quick""#, Some(Effort::Quick)),
            (r#""thorough""#, Some(Effort::Thorough)),
        ] {
            let Ok(ClientFrame::Message { effort, .. }) = parse(&frame(text)) else {
                panic!("{text} was refused");
            };
            assert_eq!(effort, expected);
        }
        for bad in [r#""Quick""#, r#""""#, "1", "true", "[]"] {
            assert!(refused(&frame(bad)).contains("quick, thorough"), "{bad}");
        }
    }

    #[test]
    fn a_retry_names_a_turn() {
        let frame = r#"{"type":"retry","turn":3,"message_id":"m"}"#;
        let message_id = Some("m".to_owned());
        assert_eq!(
            parse(frame),
            Ok(ClientFrame::Retry {
                turn: TurnNumber(3),
                conversation: None,
                agent: None,
                message_id
            })
        );
        let elsewhere = r#"{"type":"retry","turn":3,"conversation_id":7,"agent":"guide"}"#;
        let expected = ClientFrame::Retry {
            turn: TurnNumber(3),
            conversation: Some(ConversationId(7)),
            agent: Some("guide".to_owned()),
            message_id: None,
        };
        assert_eq!(parse(elsewhere), Ok(expected));
        assert!(
            refused(r#"{"type":"retry","turn":3,"conversation_id":"x"}"#)
                .contains("conversation_id")
        );
        assert!(refused(r#"{"type":"retry","turn":3,"agent":1}"#).contains("agent must be"));
        assert!(refused(r#"{"type":"retry"}"#).contains("turn must be"));
        assert!(refused(r#"{"type":"retry","turn":3,"message_id":""}"#).contains("message_id"));
    }

    #[test]
    fn a_question_is_withdrawn_by_its_turn() {
        let turn = TurnNumber(4);
        assert_eq!(parse(r#"{"type":"withdraw","turn":4}"#), Ok(ClientFrame::Withdraw { turn }));
        for frame in [r#"{"type":"withdraw"}"#, r#"{"type":"withdraw","turn":"4"}"#] {
            assert!(refused(frame).contains("turn must be"), "{frame}");
        }
    }

    /// Any JSON, with the protocol's own words among its keys and texts.
    fn json() -> impl Strategy<Value = Value> {
        let word = prop_oneof![
            "(type|start|message|answer|retry|withdraw|typing|stop|ping|content|message_id|turn|after|answers)",
            "\\PC{0,12}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(word.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn p9_whatever_a_client_sends_is_a_request_or_refused_in_words(
            text in prop_oneof![any::<String>(), json().prop_map(|json| json.to_string())],
        ) {
            match parse(&text) {
                Ok(request) => {
                    let id = request.message_id().unwrap_or("x");
                    prop_assert!(!id.is_empty() && id.len() <= MAX_MESSAGE_ID);
                }
                Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
            }
        }
    }
}
