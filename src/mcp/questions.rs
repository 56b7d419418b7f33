//! `ask_user`: validates questions of the model to the user.
//! The server shows them to the user from the tool call; the answer is the user's next message.

use serde::Deserialize;
use serde_json::{Value, json};

/// Most questions in a call, and most options of a question.
const MOST: usize = 10;

/// The result for valid questions.
const ASKED: &str = "The questions are now shown to the user. End your turn now, without answering \
    them yourself and without calling another tool: the user's answer comes as the next message.";

#[derive(Deserialize)]
struct Question {
    question: String,
    // Only their types are checked.
    #[serde(rename = "header")]
    _header: String,
    options: Vec<Choice>,
    #[serde(default, rename = "multiSelect")]
    _multi_select: bool,
}

#[derive(Deserialize)]
struct Choice {
    label: String,
    #[serde(default, rename = "description")]
    _description: String,
}

/// The parameter's JSON Schema.
pub(super) fn schema() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MOST,
        "items": {
            "type": "object",
            "properties": {
                "question": { "type": "string", "description": "The question, in full." },
                "header": { "type": "string", "description": "The question in a word or two." },
                "options": {
                    "type": "array",
                    "maxItems": MOST,
                    "description": "The choices; the user can also answer in other words.",
                    "items": {
                        "type": "object",
                        "properties": {
                            "label": { "type": "string", "description": "The choice, short." },
                            "description": { "type": "string", "description": "What it means." },
                        },
                        "required": ["label", "description"],
                    },
                },
                "multiSelect": {
                    "type": "boolean",
                    "description": "Whether several can be chosen.",
                    "default": false,
                },
            },
            "required": ["question", "header", "options"],
        },
    })
}

/// The result of the tool.
pub(super) fn ask(questions: Option<&Value>) -> Result<String, String> {
    match check(questions) {
        Ok(()) => Ok(ASKED.to_owned()),
        Err(problem) => Err(format!("Error executing tool ask_user: {problem}")),
    }
}

fn check(questions: Option<&Value>) -> Result<(), String> {
    let questions = questions.ok_or("`questions` is missing")?;
    let questions =
        Vec::<Question>::deserialize(questions).map_err(|error| format!("`questions`: {error}"))?;
    if questions.is_empty() || questions.len() > MOST {
        return Err(format!("`questions` must have 1 to {MOST} items"));
    }
    for (number, question) in questions.iter().enumerate() {
        if question.question.trim().is_empty() {
            return Err(format!("question {number} has no text"));
        }
        if question.options.len() > MOST {
            return Err(format!("question {number} has more than {MOST} options"));
        }
        if question.options.iter().any(|choice| choice.label.trim().is_empty()) {
            return Err(format!("an option of question {number} has no label"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(options: Value) -> Value {
        json!({ "question": "Which?", "header": "Kind", "options": options })
    }

    #[track_caller]
    fn check_refused(questions: Value, expected: &str) {
        assert_eq!(
            ask(Some(&questions)),
            Err(format!("Error executing tool ask_user: {expected}"))
        );
    }

    #[test]
    fn good_questions_end_the_turn() {
        let options = json!([{ "label": "A", "description": "a" }, { "label": "B" }]);
        let mut several = question(options.clone());
        several["multiSelect"] = true.into();
        let text = ask(Some(&json!([question(options), several, question(json!([]))])));
        assert!(text.unwrap().contains("End your turn now"));
    }

    #[test]
    fn bad_questions_are_refused_with_the_reason() {
        check_refused(json!([]), "`questions` must have 1 to 10 items");
        check_refused(
            json!([{ "header": "h", "options": [] }]),
            "`questions`: missing field `question`",
        );
        check_refused(
            json!([question(json!([])), question(json!([{ "label": " " }]))]),
            "an option of question 1 has no label",
        );
        check_refused(
            json!([{ "question": "", "header": "h", "options": [] }]),
            "question 0 has no text",
        );
        check_refused(json!(vec![question(json!([])); 11]), "`questions` must have 1 to 10 items");
        check_refused(
            json!([question(json!(vec![json!({ "label": "a" }); 11]))]),
            "question 0 has more than 10 options",
        );
        assert!(ask(None).unwrap_err().ends_with("`questions` is missing"));
        assert!(ask(Some(&json!("Which?"))).unwrap_err().contains("expected a sequence"));
    }
}
