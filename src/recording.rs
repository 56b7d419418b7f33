//! Recordings: the lines between the server and one agent's process, as a file that can be played
//! back. Pure but for [`play`], which is the process that plays one.
//!
//! A recording is JSON lines: a [`Head`], then one [`RecordedLine`] a line. It may come from anybody: every
//! length is bounded, and a line that cannot be read costs that line.

pub mod play;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the format that is written and read.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Largest recording that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20; // 64 MiB

/// Longest line of a recording, in bytes. A longer one is left out.
pub(crate) const MAX_LINE_BYTES: usize = 2 << 20; // 2 MiB

/// Entries of a recording that are read.
const MAX_ENTRIES: usize = 500_000;

/// Longest head that is read, in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 16 << 10; // 16 KiB

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// See [`FORMAT_VERSION`].
    pub(crate) cicerone_recording: u32,
    /// How the process was spoken to.
    pub(crate) protocol: Protocol,
    /// The version of this program.
    #[serde(default)]
    pub(crate) version: String,
    /// The agent's name in the settings, and its kind.
    #[serde(default)]
    pub(crate) agent: String,
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) project: String,
    /// When the process started, RFC 3339.
    #[serde(default)]
    pub(crate) started: String,
    /// Whether the agent counts the tokens of its session, not those of a turn.
    #[serde(default)]
    pub(crate) counts_session: bool,
}

/// How an agent's process, or a model service, is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// Claude Code's lines.
    StreamJson,
    /// The Agent Client Protocol.
    Acp,
    /// A model service: chat completions.
    Chat,
    /// A model service: Anthropic's messages.
    Messages,
}

/// Where a line went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// To the process.
    Stdin,
    /// From it.
    Stdout,
    /// Nowhere: a remark of the recorder.
    Note,
}

/// One line that went by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordedLine {
    /// Milliseconds since the process started.
    pub(crate) ms: u64,
    pub(crate) dir: Direction,
    /// The line, where it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) msg: Option<Box<RawValue>>,
    /// The line, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// A recording that was read.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) head: Head,
    pub(crate) entries: Vec<RecordedLine>,
    /// Lines that could not be read.
    pub(crate) unread: usize,
}

/// Why a file is no recording that can be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Its first line is none of a recording.
    #[error("its first line is not that of a recording made with `agent.record`: {0}")]
    Head(String),
    /// It was made by a later program.
    #[error("it has version {0} of the format, and this program reads {FORMAT_VERSION}: update it")]
    Version(u32),
    /// What was recorded is no agent.
    #[error("it holds what a model service said, which no agent can play back")]
    NoAgent,
}

impl Head {
    /// Reads the first line.
    pub(crate) fn parse(line: &str) -> Result<Self, RecordingError> {
        #[derive(Deserialize)]
        struct Version {
            cicerone_recording: u32,
        }
        if line.len() > MAX_HEAD_BYTES {
            return Err(RecordingError::Head("it is too long".to_owned()));
        }
        let wrong = |error: serde_json::Error| RecordingError::Head(error.to_string());
        let Version { cicerone_recording: version } = serde_json::from_str(line).map_err(wrong)?;
        match version {
            FORMAT_VERSION => serde_json::from_str(line).map_err(wrong),
            other => Err(RecordingError::Version(other)),
        }
    }

    /// The same, if what was recorded is an agent.
    pub(crate) fn of_agent(line: &str) -> Result<Self, RecordingError> {
        let head = Self::parse(line)?;
        match head.protocol {
            Protocol::StreamJson | Protocol::Acp => Ok(head),
            Protocol::Chat | Protocol::Messages => Err(RecordingError::NoAgent),
        }
    }
}

impl RecordedLine {
    /// The entry of a line without its end.
    pub(crate) fn of_line(ms: u64, dir: Direction, line: &str) -> Self {
        // A null would be read as no line.
        let msg: Option<Box<RawValue>> = serde_json::from_str(line).ok();
        let msg = msg.filter(|msg| msg.get() != "null");
        let text = msg.is_none().then(|| line.to_owned());
        Self { ms, dir, msg, text }
    }

    /// The line as it went by, without its end.
    pub(crate) fn line(&self) -> &str {
        match (&self.msg, &self.text) {
            (Some(msg), _) => msg.get(),
            (None, text) => text.as_deref().unwrap_or_default(),
        }
    }
}

impl Recording {
    /// Reads a file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, RecordingError> {
        let mut lines = text.lines();
        let head = Head::parse(lines.next().unwrap_or_default())?;
        let mut recording = Self { head, entries: Vec::new(), unread: 0 };
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let is_bounded = line.len() <= MAX_LINE_BYTES && recording.entries.len() < MAX_ENTRIES;
            match serde_json::from_str::<RecordedLine>(line) {
                // An agent's line is one line; within a text another could hide.
                Ok(entry) if is_bounded && !entry.line().contains('\n') => {
                    recording.entries.push(entry);
                }
                _ => recording.unread += 1,
            }
        }
        Ok(recording)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"cicerone_recording":1,"protocol":"acp"}"#;

    #[test]
    fn a_line_is_kept_byte_for_byte_whether_it_is_json_or_not() {
        for line in [r#"{"a": 1.50,  "b":"\u00e9"}"#, "{broken", "", "null", "plain words"] {
            let entry = RecordedLine::of_line(7, Direction::Stdout, line);
            let written = serde_json::to_string(&entry).unwrap();
            let read = Recording::parse(&format!("{HEAD}\n{written}\n")).unwrap();
            assert_eq!((read.entries[0].line(), read.entries[0].ms), (line, 7), "{written}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_costs_that_line() {
        let good = r#"{"ms":1,"dir":"stdout","msg":{}}"#;
        let hidden = r#"{"ms":1,"dir":"stdout","text":"a\n{}"}"#;
        let long = format!(r#"{{"ms":1,"dir":"stdout","text":"{}"}}"#, "x".repeat(MAX_LINE_BYTES));
        for bad in
            ["{", "[]", r#"{"ms":-1,"dir":"stdout"}"#, r#"{"ms":1,"dir":"up"}"#, hidden, &long]
        {
            let read = Recording::parse(&format!("{HEAD}\n{good}\n{bad}\n\n{good}")).unwrap();
            assert_eq!((read.entries.len(), read.unread), (2, 1), "{:.60}", bad);
        }
    }

    #[test]
    fn another_file_and_another_version_are_refused_in_words() {
        for (head, words) in [
            ("", "first line"),
            ("[package]", "first line"),
            (r#"{"cicerone_recording":1}"#, "protocol"),
            (r#"{"cicerone_recording":1,"protocol":"telnet"}"#, "telnet"),
            (r#"{"cicerone_recording":2,"protocol":"new"}"#, "version 2"),
            (&"x".repeat(MAX_HEAD_BYTES + 1), "too long"),
        ] {
            let error = Recording::parse(head).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let service = r#"{"cicerone_recording":1,"protocol":"chat"}"#;
        assert_eq!(Head::of_agent(service), Err(RecordingError::NoAgent));
    }
}
