//! What chat programs ask a model for themselves: titles, tags and the like. Answered from the text
//! itself, so that no agent works and no conversation begins for it. Pure.

use serde_json::{Value, json};

/// Words of a title.
const TITLE_WORDS: usize = 8;

/// The answer to a question that a program asks for itself; `None` to one of a person.
pub(crate) fn answer(question: &str) -> Option<String> {
    let has = |text: &str| question.contains(text);
    let is_webui = question.starts_with("### Task:") && has("<chat_history>");
    let is_librechat = question.starts_with("Provide a concise, 5-word-or-less title");
    let told = match () {
        () if is_webui && has("\"follow_ups\":") => json!({ "follow_ups": [] }),
        () if is_webui && has("\"tags\":") => json!({ "tags": [] }),
        () if is_webui && has("\"queries\":") => json!({ "queries": [] }),
        () if is_webui && has("\"title\":") => json!({ "title": title(question) }),
        () if is_librechat => Value::String(title(question)),
        () => return None,
    };
    Some(told.as_str().map_or_else(|| told.to_string(), str::to_owned))
}

/// The beginning of the first thing that a person says in a chat.
fn title(question: &str) -> String {
    let chat = question.split("<chat_history>").nth(1).unwrap_or(question);
    let said = ["USER:", "User:", "user:", "Human:"].iter().find_map(|who| chat.split(who).nth(1));
    let words = said.unwrap_or_default().lines().find(|line| !line.trim().is_empty());
    let words: Vec<_> = words.unwrap_or_default().split_whitespace().take(TITLE_WORDS).collect();
    match words.is_empty() {
        true => "Chat".to_owned(),
        false => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn webui(output: &str) -> String {
        format!(
            "### Task:\nGenerate something.\n### Output:\nJSON format: {{ {output} }}\n### Chat History:\n\
             <chat_history>\nUSER: Where are the orders of a customer stored, and why?\nASSISTANT: There.\n\
             </chat_history>"
        )
    }

    #[test]
    fn what_a_program_asks_for_itself_is_no_question() {
        for (question, expected) in [
            (webui(r#""title": "your title""#), r#"{"title":"Where are the orders of a customer stored,"}"#),
            (webui(r#""tags": ["tag1"]"#), r#"{"tags":[]}"#),
            (webui(r#""follow_ups": ["one"]"#), r#"{"follow_ups":[]}"#),
            (webui(r#""queries": ["one"]"#), r#"{"queries":[]}"#),
            (
                "Provide a concise, 5-word-or-less title for the conversation.\nUser: Why so?\nAI: So.".to_owned(),
                "Why so?",
            ),
        ] {
            assert_eq!(answer(&question).as_deref(), Some(expected), "{question}");
        }
    }

    #[test]
    fn what_a_person_asks_is_none() {
        for question in [
            "What is the title of the page?",
            "### Task:\nRespond to the user query using the provided context.\n<context>\"title\":</context>",
            "",
        ] {
            assert_eq!(answer(question), None, "{question}");
        }
    }

    proptest! {
        #[test]
        fn p9_any_chat_has_a_title(chat in any::<String>()) {
            let question = format!("### Task:\n\"title\":\n<chat_history>{chat}");
            let answer: Value = serde_json::from_str(&answer(&question).unwrap()).unwrap();
            prop_assert!(answer.is_object());
        }
    }
}
