//! What both kinds of ends of a turn have in common.

use serde::{Deserialize, Serialize};

use crate::citation::Citation;

use super::{Content, ResponseDone, TurnError};

/// The agent that gave an answer, as the settings named it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredBy {
    /// `claude`, `model`, `acp`, `replay` or `guide`.
    pub kind: String,
    /// Its name in the settings.
    pub name: String,
    /// The model that it asked for, where the settings named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Who gave an answer, and when it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The agent; `None` where none had started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AnsweredBy>,
    /// UTC, ISO 8601.
    pub at: String,
}

/// The details of an end.
#[derive(Debug)]
pub struct EndDetails<'a> {
    /// See [`ResponseDone::citations`].
    pub citations: &'a mut Vec<Citation>,
    /// See [`ResponseDone::files_read`].
    pub files_read: &'a mut Vec<String>,
    /// See [`ResponseDone::fallback_model`].
    pub fallback_model: &'a mut Option<String>,
    /// See [`ResponseDone::notes`].
    pub notes: &'a mut Vec<String>,
    /// See [`ResponseDone::answered`].
    pub answered: &'a mut Option<Box<Answered>>,
}

impl Content {
    /// The details of an end; `None` of other contents.
    pub fn end_details(&mut self) -> Option<EndDetails<'_>> {
        match self {
            Self::ResponseDone(ResponseDone {
                citations,
                files_read,
                fallback_model,
                notes,
                answered,
                ..
            })
            | Self::Error(TurnError {
                citations,
                files_read,
                fallback_model,
                notes,
                answered,
                ..
            }) => Some(EndDetails { citations, files_read, fallback_model, notes, answered }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_of_an_older_version_names_nobody_and_a_new_one_is_read_as_it_was_written() {
        let older = Content::from_row("response_done", r#"{"outcome":"completed"}"#).unwrap();
        assert_eq!(older.payload().unwrap(), r#"{"outcome":"completed"}"#);
        let newer = r#"{"content":"x","retryable":true,"answered":{"by":{"kind":"acp","name":"gem"},"at":"2027-01-15T08:00:00.000000Z"}}"#;
        let mut read = Content::from_row("error", newer).unwrap();
        assert_eq!(read.payload().unwrap(), newer);
        let answered = read.end_details().unwrap().answered.take().unwrap();
        assert_eq!(answered.by.unwrap().name, "gem");
    }
}
