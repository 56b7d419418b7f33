//! Requests in both dialects, from one history. Pure.
//!
//! What comes first never changes within a conversation, so that services can keep it in a cache.

use serde_json::{Map, Value, json};

use super::{messages::SignedThinking, reply::ModelCall, service::ServiceDialect};
use crate::effort::Effort;

/// A tool as it is offered to a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OfferedTool {
    pub(super) name: String,
    pub(super) description: String,
    /// JSON Schema of the arguments.
    pub(super) schema: Value,
}

/// What the model is told of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// The images of the question that follows.
    Images(Vec<Image>),
    Question(String),
    Answer {
        text: String,
        calls: Vec<ModelCall>,
        /// Sent back within the turn where the dialect wants it.
        thinking: SignedThinking,
    },
    /// The result of a call.
    Result {
        id: String,
        text: String,
        is_error: bool,
    },
}

/// An image of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    media_type: String,
    base64: String,
}

impl Image {
    /// Reads a block of a message; `None` if it is no image.
    pub(super) fn of_block(block: &Value) -> Option<Self> {
        let text = |pointer: &str| Some(block.pointer(pointer)?.as_str()?.to_owned());
        Some(Self { media_type: text("/source/media_type")?, base64: text("/source/data")? })
    }

    fn chat(&self) -> Value {
        let url = format!("data:{};base64,{}", self.media_type, self.base64);
        json!({"type": "image_url", "image_url": {"url": url}})
    }

    fn block(&self) -> Value {
        let Self { media_type, base64 } = self;
        json!({"type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": base64}})
    }
}

impl Said {
    /// The end of a turn that had none.
    pub(super) fn unanswered() -> Self {
        Self::text("(There was no answer.)".to_owned())
    }

    /// An answer without calls.
    pub(super) fn text(text: String) -> Self {
        Self::Answer { text, calls: Vec::new(), thinking: SignedThinking::default() }
    }
}

/// What of a request the settings decide.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RequestSettings {
    pub(super) dialect: ServiceDialect,
    pub(super) model: String,
    /// Longest answer, in tokens.
    pub(super) max_output: Option<u64>,
    /// Whether `max_tokens` has its newer name, which OpenAI's reasoning models insist on.
    pub(super) has_new_limit_name: bool,
    /// Whether tools are offered: a model without them would ignore them in silence.
    pub(super) has_tools: bool,
    /// How thorough the answer is to be; `None` leaves it to the service.
    pub(super) effort: Option<Effort>,
    /// Whether a model's reasoning goes back to it within a turn, where the dialect does not demand it.
    pub(super) sends_reasoning: bool,
}

/// The most tokens of an answer where a dialect requires a limit and none is set.
const DEFAULT_MAX_OUTPUT: u64 = 8192;

/// The fewest tokens of thinking that the Messages dialect takes.
const MIN_THINKING: u64 = 1024;

/// The body of a request.
pub(super) fn body(
    settings: &RequestSettings,
    system: &str,
    tools: &[OfferedTool],
    said: &[Said],
) -> Value {
    match settings.dialect {
        ServiceDialect::Chat => chat(settings, system, tools, said),
        ServiceDialect::Messages => messages(settings, system, tools, said),
    }
}

fn chat(settings: &RequestSettings, system: &str, tools: &[OfferedTool], said: &[Said]) -> Value {
    let mut all = vec![json!({"role": "system", "content": system})];
    let last_question = said.iter().rposition(|said| matches!(said, Said::Question(_)));
    let images_before = |at: usize| match at.checked_sub(1).and_then(|before| said.get(before)) {
        Some(Said::Images(images)) => images.as_slice(),
        _ => &[],
    };
    all.extend(said.iter().enumerate().filter_map(|(at, said)| {
        Some(match said {
            Said::Images(_) => return None,
            Said::Question(text) => match images_before(at) {
                [] => json!({"role": "user", "content": text}),
                images => {
                    let images = images.iter().map(Image::chat);
                    let text = json!({"type": "text", "text": text});
                    json!({"role": "user", "content": images.chain([text]).collect::<Vec<_>>()})
                }
            },
            Said::Answer { text, calls, .. } if calls.is_empty() => {
                json!({"role": "assistant", "content": text})
            }
            Said::Answer { text, calls, thinking } => {
                let calls: Vec<Value> = calls.iter().map(chat_call).collect();
                let mut message =
                    json!({"role": "assistant", "content": text, "tool_calls": calls});
                let is_of_this_turn = last_question.is_some_and(|last| at > last);
                if settings.sends_reasoning && is_of_this_turn {
                    message["reasoning_content"] = json!(thinking.text());
                }
                message
            }
            Said::Result { id, text, .. } => {
                json!({"role": "tool", "tool_call_id": id, "content": text})
            }
        })
    }));
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(settings.model));
    body.insert("messages".to_owned(), json!(all));
    if settings.has_tools && !tools.is_empty() {
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.schema,
                }})
            })
            .collect();
        body.insert("tools".to_owned(), json!(tools));
    }
    body.insert("stream".to_owned(), json!(true));
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    if let Some(effort) = settings.effort {
        body.insert("reasoning_effort".to_owned(), json!(effort.level()));
    }
    if let Some(limit) = settings.max_output {
        let name = if settings.has_new_limit_name { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.to_owned(), json!(limit));
    }
    Value::Object(body)
}

/// A call as it is sent back: some services refuse arguments that are no JSON.
fn chat_call(call: &ModelCall) -> Value {
    let arguments = Value::Object(call.parsed().unwrap_or_default()).to_string();
    json!({"id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": arguments}})
}

fn messages(
    settings: &RequestSettings,
    system: &str,
    tools: &[OfferedTool],
    said: &[Said],
) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(settings.model));
    body.insert("max_tokens".to_owned(), json!(settings.max_output.unwrap_or(DEFAULT_MAX_OUTPUT)));
    // This mark covers the tools as well.
    body.insert(
        "system".to_owned(),
        json!([{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]),
    );
    if settings.has_tools && !tools.is_empty() {
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({"name": tool.name, "description": tool.description,
                    "input_schema": tool.schema})
            })
            .collect();
        body.insert("tools".to_owned(), json!(tools));
    }
    body.insert("messages".to_owned(), json!(turns(said)));
    body.insert("stream".to_owned(), json!(true));
    // The dialect has no word for less thinking than by default, which is none.
    let limit = settings.max_output.unwrap_or(DEFAULT_MAX_OUTPUT);
    if settings.effort == Some(Effort::Thorough) && limit > MIN_THINKING {
        let budget = (limit / 2).max(MIN_THINKING);
        body.insert("thinking".to_owned(), json!({"type": "enabled", "budget_tokens": budget}));
    }
    Value::Object(body)
}

/// Messages that take turns: all results of one answer are one message of the user.
fn turns(said: &[Said]) -> Vec<Value> {
    let last_question = said.iter().rposition(|said| matches!(said, Said::Question(_)));
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for (at, said) in said.iter().enumerate() {
        let (role, blocks) = blocks(said, last_question.is_some_and(|last| at > last));
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ if blocks.is_empty() => (),
            _ => turns.push((role, blocks)),
        }
    }
    // What comes after the newest message is not in the cache yet.
    let newest = turns.iter_mut().rev().find(|(role, _)| *role == "user");
    if let Some(Value::Object(block)) = newest.and_then(|(_, blocks)| blocks.last_mut()) {
        block.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
    }
    turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

/// The role and the content of one message. Thinking goes back within the turn only.
fn blocks(said: &Said, is_of_this_turn: bool) -> (&'static str, Vec<Value>) {
    match said {
        Said::Images(images) => ("user", images.iter().map(Image::block).collect()),
        Said::Question(text) => ("user", vec![json!({"type": "text", "text": text})]),
        Said::Result { id, text, is_error } => (
            "user",
            vec![
                json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error}),
            ],
        ),
        Said::Answer { text, calls, thinking } => {
            let mut blocks = if is_of_this_turn { thinking.content() } else { Vec::new() };
            if !text.trim().is_empty() {
                blocks.push(json!({"type": "text", "text": text}));
            }
            blocks.extend(calls.iter().map(|call| {
                let input = call.parsed().unwrap_or_default();
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
            }));
            ("assistant", blocks)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dialect: ServiceDialect) -> RequestSettings {
        RequestSettings {
            dialect,
            model: "m".to_owned(),
            max_output: None,
            has_new_limit_name: false,
            has_tools: true,
            effort: None,
            sends_reasoning: false,
        }
    }

    fn call(id: &str, arguments: &str) -> ModelCall {
        ModelCall {
            id: id.to_owned(),
            name: "read".to_owned(),
            arguments: arguments.to_owned(),
            ..ModelCall::default()
        }
    }

    fn said() -> Vec<Said> {
        let result =
            |id: &str| Said::Result { id: id.to_owned(), text: "one".to_owned(), is_error: false };
        vec![
            Said::Question("Q".to_owned()),
            Said::Answer {
                text: String::new(),
                calls: vec![call("a", "{\"p\":1}"), call("b", "{\"p\":")],
                thinking: SignedThinking::default(),
            },
            result("a"),
            result("b"),
        ]
    }

    #[test]
    fn chat_gets_content_and_arguments_that_every_service_takes() {
        let tool = OfferedTool {
            name: "read".to_owned(),
            description: "Reads.".to_owned(),
            schema: json!({"type": "object"}),
        };
        let body = body(&settings(ServiceDialect::Chat), "S", &[tool], &said());
        assert_eq!(body["messages"][2]["content"], "");
        let arguments = |at: usize| &body["messages"][2]["tool_calls"][at]["function"]["arguments"];
        assert_eq!((arguments(0), arguments(1)), (&json!("{\"p\":1}"), &json!("{}")));
        assert_eq!(body["messages"][4]["tool_call_id"], "b");
        assert_eq!(body["tools"][0]["function"]["name"], "read");
        assert!(body.get("max_tokens").is_none() && body.get("tool_choice").is_none());
        let limited = RequestSettings {
            max_output: Some(9),
            has_new_limit_name: true,
            has_tools: false,
            ..settings(ServiceDialect::Chat)
        };
        let body = super::body(&limited, "S", &[], &said());
        assert_eq!((&body["max_completion_tokens"], body.get("tools")), (&json!(9), None));
    }

    #[test]
    fn an_effort_is_asked_for_in_the_words_of_the_dialect() {
        let asked = |dialect, effort, max_output| {
            let settings = RequestSettings { effort, max_output, ..settings(dialect) };
            let body = body(&settings, "S", &[], &said());
            (body["reasoning_effort"].clone(), body["thinking"]["budget_tokens"].clone())
        };
        let (chat, messages) = (ServiceDialect::Chat, ServiceDialect::Messages);
        let (quick, thorough) = (Some(Effort::Quick), Some(Effort::Thorough));
        let none = Value::Null;
        for (dialect, effort, max_output, expected) in [
            (chat, None, None, (none.clone(), none.clone())),
            (chat, quick, None, (json!("low"), none.clone())),
            (chat, thorough, None, (json!("high"), none.clone())),
            (messages, None, None, (none.clone(), none.clone())),
            (messages, quick, None, (none.clone(), none.clone())),
            (messages, thorough, None, (none.clone(), json!(4096))),
            (messages, thorough, Some(32_000), (none.clone(), json!(16_000))),
        ] {
            assert_eq!(asked(dialect, effort, max_output), expected, "{dialect:?} {effort:?}");
        }
        // Some tokens have to be left for the answer.
        for most in [1, 100, 1024, 1025, 3000] {
            let settings =
                RequestSettings { effort: thorough, max_output: Some(most), ..settings(messages) };
            let budget = body(&settings, "S", &[], &said())["thinking"]["budget_tokens"].as_u64();
            assert!(
                budget.is_none_or(|budget| (1024..most).contains(&budget)),
                "{most} {budget:?}"
            );
        }
    }

    #[test]
    fn messages_take_turns_and_the_newest_is_marked_for_the_cache() {
        let body = body(&settings(ServiceDialect::Messages), "S", &[], &said());
        let roles: Vec<&Value> =
            body["messages"].as_array().unwrap().iter().map(|it| &it["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        let results = &body["messages"][2]["content"];
        assert_eq!(results.as_array().unwrap().len(), 2);
        assert_eq!(results[1]["cache_control"]["type"], "ephemeral");
        assert!(results[0].get("cache_control").is_none());
        assert_eq!(body["max_tokens"], DEFAULT_MAX_OUTPUT);
        assert_eq!(body["system"][0]["cache_control"]["type"], "ephemeral");
    }
}
