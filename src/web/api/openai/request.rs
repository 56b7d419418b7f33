//! What a client of the chat completions asks for. Pure.

use serde_json::Value;

/// Messages that an agent is told of a chat that it does not know, at most; the newest ones.
const TOLD_MESSAGES: usize = 30;

/// Characters of each of them.
const TOLD_CHARACTERS: usize = 600;

/// Characters of all of them.
const TOLD_ALL_CHARACTERS: usize = 8000;

/// A chat up to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatRequest {
    /// The name of a project.
    pub(crate) model: String,
    pub(crate) question: String,
    /// What was said before the question.
    pub(crate) before: Vec<ChatWords>,
    pub(crate) wants_stream: bool,
    /// Whether a stream ends with what the answer took.
    pub(crate) wants_usage: bool,
    /// How thorough the answer is to be.
    pub(crate) effort: Option<&'static str>,
}

/// A message of a person or of an assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatWords {
    pub(crate) by_person: bool,
    pub(crate) text: String,
}

/// A request that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRequest {
    pub(crate) message: String,
    /// The field that is wrong.
    pub(crate) param: &'static str,
}

/// Reads a request. What changes nothing about an answer is ignored: sampling, limits of length, tools that
/// need not be used, and the instructions of the client, as the agent has its own.
pub(crate) fn parse(body: &Value) -> Result<ChatRequest, BadRequest> {
    let refuse = |param, message: &str| Err(BadRequest { message: message.to_owned(), param });
    if !body.is_object() {
        return refuse("messages", "The body must be a JSON object.");
    }
    let Some(model) = body["model"].as_str() else {
        return refuse("model", "`model` must be the name of a project.");
    };
    if !matches!(body["n"].as_u64(), None | Some(1)) {
        return refuse("n", "There is one answer to a question: `n` must be 1.");
    }
    if is_forced(&body["tool_choice"]) || is_forced(&body["function_call"]) {
        let message =
            "Tools of the client cannot be called: `tool_choice` must be `auto` or `none`.";
        return refuse("tool_choice", message);
    }
    if body["logprobs"] == true {
        return refuse("logprobs", "Probabilities of words are not known.");
    }
    let format = body["response_format"]["type"].as_str();
    if format.is_some_and(|format| format != "text") {
        return refuse(
            "response_format",
            "Answers are Markdown: `response_format` must be `text`.",
        );
    }
    let wants_audio =
        body["modalities"].as_array().is_some_and(|all| all.iter().any(|it| it != "text"));
    if wants_audio {
        return refuse("modalities", "Answers are text: `modalities` must be `[\"text\"]`.");
    }
    let Some(messages) = body["messages"].as_array() else {
        return refuse("messages", "`messages` must be a list of messages.");
    };
    let (question, before) = chat(messages)?;
    Ok(ChatRequest {
        model: model.to_owned(),
        question,
        before,
        wants_stream: body["stream"] == true,
        wants_usage: body["stream_options"]["include_usage"] == true,
        effort: match body["reasoning_effort"].as_str() {
            Some("none" | "minimal" | "low") => Some("quick"),
            Some("high" | "xhigh") => Some("thorough"),
            _ => None,
        },
    })
}

/// Whether a client insists on a tool.
fn is_forced(choice: &Value) -> bool {
    choice.is_object() || choice == "required"
}

/// The last question, and what was said before it.
fn chat(messages: &[Value]) -> Result<(String, Vec<ChatWords>), BadRequest> {
    let last = messages.iter().rposition(|message| message["role"] == "user");
    let Some((question, before)) =
        last.and_then(|at| Some((messages.get(at)?, messages.get(..at)?)))
    else {
        let message = "`messages` must have a message of the role `user`.".to_owned();
        return Err(BadRequest { message, param: "messages" });
    };
    let (text, other) = text_of(&question["content"]);
    if let Some(kind) = other {
        let message = format!(
            "A message with a part of the type {kind:?} cannot be asked: only text is taken here. Attach \
             files to a question on the page."
        );
        return Err(BadRequest { message, param: "messages" });
    }
    if text.trim().is_empty() {
        let message = "The last message of the user is empty.".to_owned();
        return Err(BadRequest { message, param: "messages" });
    }
    let said = before.iter().filter_map(|message| {
        let by_person = match message["role"].as_str()? {
            "user" => true,
            "assistant" => false,
            _ => return None,
        };
        let (text, _) = text_of(&message["content"]);
        (!text.trim().is_empty()).then_some(ChatWords { by_person, text })
    });
    Ok((text, said.collect()))
}

/// The text of a message, and the type of a part that is none.
fn text_of(content: &Value) -> (String, Option<String>) {
    let Some(parts) = content.as_array() else {
        return (content.as_str().unwrap_or_default().to_owned(), None);
    };
    let mut texts = Vec::new();
    let mut other = None;
    for part in parts {
        match (part["text"].as_str().or(part.as_str()), part["type"].as_str()) {
            (Some(text), _) => texts.push(text),
            (None, kind) => other = Some(kind.unwrap_or_default().to_owned()),
        }
    }
    (texts.join("\n"), other)
}

/// A question with what was said in a chat that nobody here knows, in short. It stands in the question
/// itself, so that everybody sees what the agent was told.
pub(crate) fn with_chat(question: &str, before: &[ChatWords]) -> String {
    match in_short(before) {
        Some(said) => format!("{question}\n\nBefore, in this chat:\n\n{}", said.trim_end()),
        None => question.to_owned(),
    }
}

/// What was said in a chat, in short; `None` if nothing was.
fn in_short(before: &[ChatWords]) -> Option<String> {
    let mut told = Vec::new();
    let mut characters = 0;
    for said in before.iter().rev().take(TOLD_MESSAGES) {
        let who = if said.by_person { "Person" } else { "You" };
        let text = match said.text.char_indices().nth(TOLD_CHARACTERS) {
            Some((end, _)) => format!("{} […]", said.text.get(..end).unwrap_or_default()),
            None => said.text.clone(),
        };
        let line = format!("{who}: {text}\n\n");
        characters += line.chars().count();
        if characters > TOLD_ALL_CHARACTERS {
            break;
        }
        told.push(line);
    }
    told.reverse();
    (!told.is_empty()).then(|| told.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(by_person: bool, text: &str) -> ChatWords {
        ChatWords { by_person, text: text.to_owned() }
    }

    #[test]
    fn the_last_message_of_the_user_is_the_question() {
        let chat = parse(&json!({
            "model": "demo", "stream": true, "stream_options": { "include_usage": true },
            "temperature": 0.2, "max_tokens": 10, "stop": ["x"], "tools": [{}], "tool_choice": "auto",
            "n": 1, "user": "7", "reasoning_effort": "low",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "What is it?" },
                { "role": "assistant", "content": null, "tool_calls": [] },
                { "role": "assistant", "content": [{ "type": "text", "text": "A shop." }] },
                { "role": "tool", "content": "x" },
                { "role": "user", "content": [{ "type": "text", "text": "Why" }, { "type": "text", "text": "so?" }] },
                { "role": "assistant", "content": "Be" },
            ],
        }));
        let expected = ChatRequest {
            model: "demo".to_owned(),
            question: "Why\nso?".to_owned(),
            before: vec![said(true, "What is it?"), said(false, "A shop.")],
            wants_stream: true,
            wants_usage: true,
            effort: Some("quick"),
        };
        assert_eq!(chat, Ok(expected));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_its_field() {
        let image =
            json!([{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }]);
        for (field, value, param) in [
            ("model", json!(null), "model"),
            ("model", json!(7), "model"),
            ("messages", json!(null), "messages"),
            ("messages", json!([]), "messages"),
            ("messages", json!([{ "role": "system", "content": "x" }]), "messages"),
            ("messages", json!([{ "role": "user", "content": " " }]), "messages"),
            ("messages", json!([{ "role": "user", "content": image }]), "messages"),
            ("n", json!(2), "n"),
            ("tool_choice", json!("required"), "tool_choice"),
            ("tool_choice", json!({ "type": "function" }), "tool_choice"),
            ("logprobs", json!(true), "logprobs"),
            ("response_format", json!({ "type": "json_object" }), "response_format"),
            ("modalities", json!(["text", "audio"]), "modalities"),
        ] {
            let mut body =
                json!({ "model": "demo", "messages": [{ "role": "user", "content": "x" }] });
            assert!(parse(&body).is_ok());
            body[field] = value;
            assert_eq!(parse(&body).unwrap_err().param, param, "{body}");
        }
    }

    #[test]
    fn an_unknown_chat_is_told_in_short_from_its_end() {
        assert_eq!(in_short(&[]), None);
        let chat = [said(true, "what?"), said(false, &"é".repeat(700))];
        let told = in_short(&chat).unwrap();
        assert!(
            told.starts_with("Person: what?\n\nYou: é") && told.ends_with("é […]\n\n"),
            "{told}"
        );
        let long: Vec<_> =
            (0..100).map(|n| said(n % 2 == 0, &format!("{n} {}", "x".repeat(500)))).collect();
        let told = in_short(&long).unwrap();
        assert!(told.chars().count() <= TOLD_ALL_CHARACTERS && told.contains("You: 99 x"));
    }

    fn json() -> impl Strategy<Value = Value> {
        let word = "(model|messages|role|user|assistant|content|type|text|n|stream|stream_options|\\PC{0,8})";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            word.prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(word, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn p9_whatever_a_client_sends_is_a_chat_or_refused_in_words(body in json(), messages in json()) {
            let wrapped = json!({ "model": "demo", "messages": messages });
            for body in [body, wrapped] {
                match parse(&body) {
                    Ok(chat) => prop_assert!(!chat.question.trim().is_empty()),
                    Err(refused) => prop_assert!(!refused.message.is_empty()),
                }
            }
        }
    }
}
