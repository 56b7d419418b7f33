//! An answer as it comes, for people: its text, what the agent does meanwhile, and what it cites. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    markdown::terminal::{TerminalLook, TerminalText, harmless, visible},
    web::api::ask::shown_place::{ShownPlace, places},
};

/// Longest text that is shown of what a tool was asked, in characters.
const MAX_SHOWN: usize = 60;

/// A frame of the protocol, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AnswerFrame {
    Text {
        block: u64,
        content: String,
        #[serde(default)]
        replace: bool,
    },
    ToolCall {
        tool: String,
        #[serde(default)]
        input: Value,
    },
    Status {
        state: String,
        #[serde(default)]
        detail: String,
    },
    Question {
        #[serde(default)]
        questions: Value,
    },
    ResponseDone {
        outcome: String,
        #[serde(default)]
        citations: Vec<ShownPlace>,
        #[serde(default)]
        notes: Vec<String>,
    },
    Error {
        content: String,
    },
    #[serde(other)]
    Other,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerEnd {
    /// The answer is complete.
    Completed,
    /// Somebody stopped it, or the server was stopped.
    Stopped,
    /// There is no answer, for this reason.
    Failed(String),
}

/// What a frame shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The answer goes on so.
    pub(super) text: String,
    /// What happens meanwhile: a line for people that wait.
    pub(super) progress: Option<String>,
    pub(super) end: Option<AnswerEnd>,
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerStyle {
    /// Markdown as it comes, for programs.
    Markdown,
    /// Set for a terminal of that width.
    Terminal { width: usize, is_styled: bool },
}

/// Shows one answer.
#[derive(Debug)]
pub(super) struct AnswerText {
    style: AnswerStyle,
    /// The block that is being written, and all of its text.
    block: Option<(u64, String)>,
    terminal: Option<TerminalText>,
    is_begun: bool,
}

impl AnswerText {
    pub(super) fn new(style: AnswerStyle) -> Self {
        Self { style, block: None, terminal: None, is_begun: false }
    }

    /// Takes a frame, as JSON. What is no frame shows nothing.
    pub(super) fn take(&mut self, frame: &str) -> Shown {
        let frame = serde_json::from_str(frame).unwrap_or(AnswerFrame::Other);
        let text = |text| Shown { text, ..Shown::default() };
        let progress = |line: String| Shown { progress: Some(line), ..Shown::default() };
        match frame {
            AnswerFrame::Text { block, content, replace: false } => text(self.add(block, &content)),
            AnswerFrame::Text { block, content, replace: true } => {
                text(self.replace(block, &content))
            }
            AnswerFrame::ToolCall { tool, input } => progress(tool_line(&tool, &input)),
            AnswerFrame::Status { state, detail } => match state.as_str() {
                "idle" | "running" => Shown::default(),
                _ if detail.is_empty() => progress(state),
                _ => progress(visible(&detail)),
            },
            AnswerFrame::Question { questions } => progress(question_line(&questions)),
            AnswerFrame::ResponseDone { outcome, citations, notes } => {
                self.end(&outcome, &citations, &notes)
            }
            AnswerFrame::Error { content } => Shown {
                text: self.end_block(),
                end: Some(AnswerEnd::Failed(visible(&content))),
                progress: None,
            },
            AnswerFrame::Other => Shown::default(),
        }
    }

    fn add(&mut self, block: u64, content: &str) -> String {
        let mut out = String::new();
        if self.block.as_ref().is_some_and(|(current, _)| *current != block) {
            out = self.end_block();
        }
        self.block.get_or_insert_with(|| (block, String::new())).1.push_str(content);
        out.push_str(&self.write(content));
        out
    }

    /// Writes a block again. A terminal takes nothing back, so that only what is new can be shown.
    fn replace(&mut self, block: u64, content: &str) -> String {
        let shown = match &self.block {
            Some((current, shown)) if *current == block => shown.clone(),
            _ => String::new(),
        };
        if let Some(new) = content.strip_prefix(shown.as_str()) {
            return if new.is_empty() { String::new() } else { self.add(block, new) };
        }
        let mut out = self.end_block();
        if !shown.trim().is_empty() {
            out.push_str("\n(The answer begins again.)\n");
        }
        if !content.is_empty() {
            out.push_str(&self.add(block, content));
        }
        out
    }

    fn write(&mut self, content: &str) -> String {
        let AnswerStyle::Terminal { width, is_styled } = self.style else {
            let gap = if self.is_begun && self.is_new_block(content) { "\n" } else { "" };
            self.is_begun |= !content.is_empty();
            return format!("{gap}{}", harmless(content));
        };
        let is_begun = self.is_begun;
        let terminal = self
            .terminal
            .get_or_insert_with(|| TerminalText::new(TerminalLook { width, is_styled }, is_begun));
        let shown = terminal.append(content);
        self.is_begun |= !shown.is_empty();
        shown
    }

    fn is_new_block(&self, content: &str) -> bool {
        self.block.as_ref().is_some_and(|(_, text)| text.len() == content.len())
    }

    /// The rest of the block, when another one begins or none follows.
    fn end_block(&mut self) -> String {
        let block = self.block.take();
        if let Some(mut terminal) = self.terminal.take() {
            let rest = terminal.end();
            self.is_begun |= !rest.is_empty();
            return rest;
        }
        let is_open = block.is_some_and(|(_, text)| !text.is_empty() && !text.ends_with('\n'));
        if is_open { "\n".to_owned() } else { String::new() }
    }

    fn end(&mut self, outcome: &str, citations: &[ShownPlace], notes: &[String]) -> Shown {
        let mut text = self.end_block();
        let sources = places(citations, ShownPlace::first_line);
        if !sources.is_empty() {
            text.push_str(if self.is_begun { "\nSources:\n" } else { "Sources:\n" });
            text.extend(sources.iter().map(|place| format!("  {}\n", visible(place))));
        }
        text.extend(notes.iter().map(|note| format!("\n{}\n", visible(note))));
        let end = match outcome {
            "completed" => AnswerEnd::Completed,
            _ => AnswerEnd::Stopped,
        };
        Shown { text, end: Some(end), progress: None }
    }
}

/// What a tool does, such as `Grep close`.
fn tool_line(tool: &str, input: &Value) -> String {
    let told = input.as_object().and_then(|input| input.values().find_map(Value::as_str));
    let told: String = told.unwrap_or_default().chars().take(MAX_SHOWN).collect();
    visible(format!("{tool} {told}").trim_end())
}

/// The question of an agent, which nobody here can answer.
fn question_line(questions: &Value) -> String {
    let first = questions.get(0).and_then(|it| it.get("question")).and_then(Value::as_str);
    let asked = visible(first.unwrap_or("something"));
    format!("The agent asks: {asked} (answer it on the page)")
}

#[cfg(test)]
mod tests;
