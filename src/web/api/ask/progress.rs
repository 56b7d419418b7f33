//! What an agent does meanwhile, as a line for those who wait. Pure.

use serde::Deserialize;
use serde_json::Value;

/// Longest part of a call's argument that is shown, in characters.
const MAX_SHOWN: usize = 100;

/// A frame that tells what happens.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ProgressFrame {
    ToolCall {
        tool: String,
        #[serde(default)]
        input: Value,
    },
    Status {
        #[serde(default)]
        state: String,
        #[serde(default)]
        detail: String,
    },
    #[serde(other)]
    Other,
}

/// The line that a frame is worth.
pub(crate) fn line(frame: &[u8]) -> Option<String> {
    match serde_json::from_slice(frame).ok()? {
        ProgressFrame::ToolCall { tool, input } => {
            let told = input.as_object().and_then(|input| input.values().find_map(Value::as_str));
            let told: String = told.unwrap_or_default().chars().take(MAX_SHOWN).collect();
            Some(one_line(format!("{tool} {told}").trim_end()))
        }
        ProgressFrame::Status { state, .. } if matches!(state.as_str(), "idle" | "running") => None,
        ProgressFrame::Status { detail, .. } if !detail.is_empty() => Some(one_line(&detail)),
        ProgressFrame::Status { state, .. } => Some(one_line(&state)),
        ProgressFrame::Other => None,
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_waiting_are_worth_a_line() {
        for (frame, expected) in [
            (
                r#"{"type":"tool_call","tool":"Read","input":{"n":1,"path":"a.rs"}}"#,
                Some("Read a.rs"),
            ),
            (r#"{"type":"tool_call","tool":"Read\u001b"}"#, Some("Read ")),
            (r#"{"type":"status","state":"queued","detail":"Two before"}"#, Some("Two before")),
            (r#"{"type":"status","state":"starting"}"#, Some("starting")),
            (r#"{"type":"status","state":"running","detail":"Using Read"}"#, None),
            (r#"{"type":"text","block":0,"content":"x"}"#, None),
            ("no frame", None),
        ] {
            assert_eq!(line(frame.as_bytes()).as_deref(), expected, "{frame}");
        }
    }
}
