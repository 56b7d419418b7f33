//! Ends of turns, and what is known of their answers.

use serde::{Deserialize, Serialize};

use crate::{citation::Citation, history::checkout::Checkout};

use super::Content;

/// Tokens of one turn, as the agent reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Tokens read, without those from a cache.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from a cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Tokens written to a cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
}

/// What an answer took, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnswerFacts {
    /// Tokens used, if the agent reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// US dollars, if the agent reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Milliseconds from the turn's start to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Milliseconds from the turn's start to the first text of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_text_ms: Option<u64>,
}

/// The agent that gave an answer, as the settings named it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answered {
    /// The agent; `None` where none had started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AnsweredBy>,
    /// UTC, ISO 8601.
    pub at: String,
}

/// See [`Content::ResponseDone`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResponseDone {
    /// How the turn ended.
    pub outcome: Outcome,
    /// See there.
    #[serde(flatten)]
    pub facts: Box<AnswerFacts>,
    /// The files of the project that the answer refers to, checked when it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// The files that the agent read for it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_read: Vec<String>,
    /// The commit of each directory of the project when the answer ended, where git tells one; files may
    /// have differed from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Checkout>,
    /// Who stopped it, if a proxy names the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// Whether the question was taken back while it waited behind others; then the outcome is
    /// [`Outcome::Stopped`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// The model that answered in place of the requested one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_model: Option<String>,
    /// Remarks on how the answer came about, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Who gave the answer, and when it ended. Not of answers of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Box<Answered>>,
}

/// How a turn ended that did not fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered in full.
    #[default]
    Completed,
    /// Stopped by a person.
    Stopped,
    /// Cut off by a shutdown or crash of the server; the answer so far is kept.
    Interrupted,
}

/// See [`Content::Error`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TurnError {
    /// What failed, why, and how to mend it.
    pub content: String,
    /// Whether asking again can help.
    pub retryable: bool,
    /// When asking again can help, if known: UTC, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// Whether asking again in a new conversation helps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start_over: bool,
    /// Of the answer before the failure.
    #[serde(flatten)]
    pub facts: Box<AnswerFacts>,
    /// As in [`ResponseDone::citations`], of the text before the failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// As in [`ResponseDone::files_read`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_read: Vec<String>,
    /// As in [`ResponseDone::commits`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Checkout>,
    /// As in [`ResponseDone::fallback_model`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_model: Option<String>,
    /// As in [`ResponseDone::notes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// As in [`ResponseDone::answered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Box<Answered>>,
}

/// What both kinds of ends have in common.
#[derive(Debug)]
pub struct EndDetails<'a> {
    /// See [`ResponseDone::facts`].
    pub facts: &'a mut AnswerFacts,
    /// See [`ResponseDone::citations`].
    pub citations: &'a mut Vec<Citation>,
    /// See [`ResponseDone::files_read`].
    pub files_read: &'a mut Vec<String>,
    /// See [`ResponseDone::commits`].
    pub commits: &'a mut Vec<Checkout>,
    /// See [`ResponseDone::fallback_model`].
    pub fallback_model: &'a mut Option<String>,
    /// See [`ResponseDone::notes`].
    pub notes: &'a mut Vec<String>,
    /// See [`ResponseDone::answered`].
    pub answered: &'a mut Option<Box<Answered>>,
}

impl TurnError {
    /// An error without details.
    pub fn new(content: impl Into<String>, retryable: bool) -> Self {
        Self { content: content.into(), retryable, ..Self::default() }
    }
}

impl Content {
    /// The end of a turn without details.
    pub fn plain_end(outcome: Outcome) -> Self {
        Self::ResponseDone(ResponseDone { outcome, ..ResponseDone::default() })
    }

    /// Whether it ends a turn whose question was taken back while it waited behind others.
    pub fn is_withdrawal(&self) -> bool {
        matches!(self, Self::ResponseDone(done) if done.withdrawn)
    }

    /// The details of an end; `None` of other contents.
    pub fn end_details(&mut self) -> Option<EndDetails<'_>> {
        match self {
            Self::ResponseDone(ResponseDone {
                facts,
                citations,
                files_read,
                commits,
                fallback_model,
                notes,
                answered,
                ..
            })
            | Self::Error(TurnError {
                facts,
                citations,
                files_read,
                commits,
                fallback_model,
                notes,
                answered,
                ..
            }) => Some(EndDetails {
                facts,
                citations,
                files_read,
                commits,
                fallback_model,
                notes,
                answered,
            }),
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
