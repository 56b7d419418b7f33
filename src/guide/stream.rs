//! Turn stream: writes a recorded answer as protocol lines, as a model would stream it, until
//! interrupted.

use std::{io, time::Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::guide::{
    lines::{ProtocolLines, TokenCounts, TurnEnd},
    output::LineOutput,
    turn::AnswerStep,
};

/// The tools that the guide uses, by the names that agents give them.
const TOOLS: [&str; 3] = ["Glob", "Grep", "Read"];

/// Size of a streamed piece of text, about, bytes.
const PIECE_BYTES: usize = 24;

/// Why a stream ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamStopped {
    /// The user interrupted it.
    #[error("interrupted by the user")]
    Interrupted,
    /// The reader of the output is gone.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(super) struct TurnStream<'a> {
    output: &'a LineOutput,
    lines: &'a ProtocolLines,
    is_interrupted: &'a dyn Fn() -> bool,
    started: Instant,
    message_id: String,
    /// The number of blocks of the open message, `None` if none is open.
    open: Option<usize>,
    n_messages: u32,
    text: String,
}

impl<'a> TurnStream<'a> {
    /// Opens a turn.
    ///
    /// # Errors
    /// The reader of the output is gone.
    pub(super) fn open(
        output: &'a LineOutput,
        lines: &'a ProtocolLines,
        cwd: &str,
        is_interrupted: &'a dyn Fn() -> bool,
    ) -> io::Result<Self> {
        output.line(&lines.init(cwd, &TOOLS))?;
        Ok(Self {
            output,
            lines,
            is_interrupted,
            started: Instant::now(),
            message_id: String::new(),
            open: None,
            n_messages: 0,
            text: String::new(),
        })
    }

    /// Writes the steps of an answer.
    ///
    /// # Errors
    /// The turn was stopped.
    pub(super) fn write(&mut self, steps: &[AnswerStep]) -> Result<(), StreamStopped> {
        steps.iter().try_for_each(|step| match step {
            AnswerStep::Text(text) => self.text(text),
            AnswerStep::Tool { name, input, result } => self.tool(name, input, result),
        })
    }

    /// Fails once the user has interrupted.
    ///
    /// # Errors
    /// [`StreamStopped::Interrupted`].
    pub(super) fn check(&self) -> Result<(), StreamStopped> {
        if (self.is_interrupted)() { Err(StreamStopped::Interrupted) } else { Ok(()) }
    }

    fn open_message(&mut self) -> io::Result<usize> {
        if let Some(n_blocks) = self.open {
            self.open = Some(n_blocks + 1);
            return Ok(n_blocks);
        }
        self.message_id = format!("msg_{}", Uuid::new_v4().simple());
        self.n_messages += 1;
        self.output.line(&self.lines.message_start(&self.message_id))?;
        self.open = Some(1);
        Ok(0)
    }

    fn close_message(&mut self, stop_reason: &str) -> io::Result<()> {
        if self.open.take().is_some() {
            self.output.line(&self.lines.message_delta(stop_reason, TokenCounts::default()))?;
            self.output.line(&self.lines.message_stop())?;
        }
        Ok(())
    }

    fn tool(
        &mut self,
        tool: &str,
        input: &Value,
        result: &Result<String, String>,
    ) -> Result<(), StreamStopped> {
        self.check()?;
        let index = self.open_message()?;
        let id = format!("toolu_{}", Uuid::new_v4().simple());
        let block = json!({"type": "tool_use", "id": id, "name": tool, "input": input});
        self.output.line(&self.lines.tool_start(index, &id, tool))?;
        self.output.line(&self.lines.tool_delta(index, input))?;
        self.output.line(&self.lines.assistant(&self.message_id, &block))?;
        self.output.line(&self.lines.block_stop(index))?;
        self.close_message("tool_use")?;
        let (Ok(content) | Err(content)) = result;
        self.output.line(&self.lines.tool_result(&id, content, result.is_err()))?;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), StreamStopped> {
        self.check()?;
        let index = self.open_message()?;
        self.output.line(&self.lines.text_start(index))?;
        let mut streamed = 0;
        let stopped = pieces(text).try_for_each(|piece| {
            self.check()?;
            self.output.line(&self.lines.text_delta(index, piece))?;
            streamed += piece.len();
            Ok::<(), StreamStopped>(())
        });
        self.text.push_str(&text[..streamed]);
        // After an interrupt, the message has the text that was streamed.
        let block = json!({"type": "text", "text": &text[..streamed]});
        self.output.line(&self.lines.assistant(&self.message_id, &block))?;
        stopped?;
        self.output.line(&self.lines.block_stop(index))?;
        Ok(())
    }

    fn end(&self) -> TurnEnd<'_> {
        TurnEnd {
            text: &self.text,
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            n_messages: self.n_messages,
            tokens: TokenCounts::default(),
            total_cost: Some(0.0),
        }
    }

    /// Ends an answered turn.
    ///
    /// # Errors
    /// The reader of the output is gone.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close_message("end_turn")?;
        self.output.line(&self.lines.success(self.end(), "end_turn"))
    }

    /// Ends an interrupted turn.
    ///
    /// # Errors
    /// The reader of the output is gone.
    pub(super) fn abort(self) -> io::Result<()> {
        self.output.line(&self.lines.interrupted())?;
        self.output.line(&self.lines.aborted(self.end()))
    }

    /// Ends a turn without an answer, for this reason.
    ///
    /// # Errors
    /// The reader of the output is gone.
    pub(super) fn fail(self, why: &str) -> io::Result<()> {
        self.output.line(&self.lines.failed(self.end(), why))
    }
}

/// `text` in pieces of whole words.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .char_indices()
            .find(|(at, character)| *at >= PIECE_BYTES && character.is_whitespace())
            .map_or(rest.len(), |(at, character)| at + character.len_utf8());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_words_and_lose_nothing() {
        let text = "Où est la gare? ".repeat(9) + "\n```rust\nfn a() {}\n```\n";
        let all: Vec<&str> = pieces(&text).collect();
        assert_eq!(all.concat(), text);
        assert!(all.len() > 4);
        assert!(all[..all.len() - 1].iter().all(|piece| piece.ends_with(char::is_whitespace)));
    }
}
