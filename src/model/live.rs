//! A turn as it is written: pieces of text and thinking when they come, tools, and exactly one end.

use std::{io, time::Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::guide::{
    lines::{ExplainedFailure, ProtocolLines, RequestRetry, TokenCounts, TurnEnd},
    output::LineOutput,
};

use super::reply::Piece;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Text,
    Thinking,
}

/// The block that is being written.
#[derive(Debug)]
struct OpenBlock {
    kind: BlockKind,
    text: String,
}

/// A tool's use on the page.
#[derive(Debug)]
pub(super) struct ToolCard<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) input: &'a Value,
}

/// Writes the lines of one turn.
#[derive(Debug)]
pub(super) struct LiveTurn<'a> {
    output: &'a LineOutput,
    lines: &'a ProtocolLines,
    started: Instant,
    message_id: String,
    /// The number of finished blocks of the open message, `None` if none is open.
    n_blocks: Option<usize>,
    block: Option<OpenBlock>,
    n_messages: u32,
    /// Text of the whole turn.
    text: String,
    pub(super) tokens: TokenCounts,
    /// US dollars since the process started.
    pub(super) total_cost: Option<f64>,
}

impl<'a> LiveTurn<'a> {
    pub(super) fn open(
        output: &'a LineOutput,
        lines: &'a ProtocolLines,
        cwd: &str,
        tools: &[String],
    ) -> io::Result<Self> {
        output.line(&lines.init(cwd, tools))?;
        Ok(Self {
            output,
            lines,
            started: Instant::now(),
            message_id: String::new(),
            n_blocks: None,
            block: None,
            n_messages: 0,
            text: String::new(),
            tokens: TokenCounts::default(),
            total_cost: None,
        })
    }

    /// Whether the open message shows anything.
    pub(super) fn shows_any(&self) -> bool {
        self.n_blocks.is_some()
    }

    fn open_message(&mut self) -> io::Result<usize> {
        if let Some(n_blocks) = self.n_blocks {
            return Ok(n_blocks);
        }
        self.message_id = format!("msg_{}", Uuid::new_v4().simple());
        self.n_messages += 1;
        self.output.line(&self.lines.message_start(&self.message_id))?;
        self.n_blocks = Some(0);
        Ok(0)
    }

    /// Shows a piece of the answer.
    pub(super) fn piece(&mut self, piece: &Piece) -> io::Result<()> {
        let (kind, text) = match piece {
            Piece::Text(text) => (BlockKind::Text, text),
            Piece::Thinking(text) => (BlockKind::Thinking, text),
        };
        if self.block.as_ref().is_some_and(|block| block.kind != kind) {
            self.close_block()?;
        }
        let at = self.open_message()?;
        let is_new = self.block.is_none();
        let block = self.block.get_or_insert_with(|| OpenBlock { kind, text: String::new() });
        block.text.push_str(text);
        let (start, delta) = match kind {
            BlockKind::Text => (self.lines.text_start(at), self.lines.text_delta(at, text)),
            BlockKind::Thinking => {
                (self.lines.thinking_start(at), self.lines.thinking_delta(at, text))
            }
        };
        if is_new {
            self.output.line(&start)?;
        }
        self.output.line(&delta)?;
        if kind == BlockKind::Text {
            self.text.push_str(text);
        }
        Ok(())
    }

    fn close_block(&mut self) -> io::Result<()> {
        let (Some(OpenBlock { kind, text }), Some(at)) = (self.block.take(), self.n_blocks) else {
            return Ok(());
        };
        let block = match kind {
            BlockKind::Text => json!({"type": "text", "text": text}),
            BlockKind::Thinking => json!({"type": "thinking", "thinking": text, "signature": ""}),
        };
        self.output.line(&self.lines.assistant(&self.message_id, &block))?;
        self.output.line(&self.lines.block_stop(at))?;
        self.n_blocks = Some(at + 1);
        Ok(())
    }

    /// Shows the use of a tool.
    pub(super) fn tool(&mut self, card: &ToolCard<'_>) -> io::Result<()> {
        self.close_block()?;
        let at = self.open_message()?;
        let ToolCard { id, name, input } = card;
        let block = json!({"type": "tool_use", "id": id, "name": name, "input": input});
        self.output.line(&self.lines.tool_start(at, id, name))?;
        self.output.line(&self.lines.tool_delta(at, input))?;
        self.output.line(&self.lines.assistant(&self.message_id, &block))?;
        self.output.line(&self.lines.block_stop(at))?;
        self.n_blocks = Some(at + 1);
        Ok(())
    }

    /// Shows what a tool gave back.
    pub(super) fn tool_result(&self, id: &str, text: &str, is_error: bool) -> io::Result<()> {
        self.output.line(&self.lines.tool_result(id, text, is_error))
    }

    /// Ends the open message.
    pub(super) fn close_message(
        &mut self,
        stop_reason: &str,
        tokens: TokenCounts,
    ) -> io::Result<()> {
        self.close_block()?;
        if self.n_blocks.take().is_some() {
            self.output.line(&self.lines.message_delta(stop_reason, tokens))?;
            self.output.line(&self.lines.message_stop())?;
        }
        Ok(())
    }

    /// Tells that a request is repeated.
    pub(super) fn retry(&self, retry: RequestRetry<'_>) -> io::Result<()> {
        self.output.line(&self.lines.api_retry(retry))
    }

    /// Tells that the agent waits, and lives.
    pub(super) fn keep_alive(&self) -> io::Result<()> {
        self.output.line(&self.lines.keep_alive())
    }

    fn end(&self) -> TurnEnd<'_> {
        TurnEnd {
            text: &self.text,
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            n_messages: self.n_messages,
            tokens: self.tokens,
            total_cost: self.total_cost,
        }
    }

    /// Ends an answered turn.
    pub(super) fn finish(self, stop_reason: &str) -> io::Result<()> {
        self.output.line(&self.lines.success(self.end(), stop_reason))
    }

    /// Ends an interrupted turn.
    pub(super) fn abort(mut self) -> io::Result<()> {
        self.close_block()?;
        self.output.line(&self.lines.interrupted())?;
        self.output.line(&self.lines.aborted(self.end()))
    }

    /// Ends a turn that failed.
    pub(super) fn fail(mut self, failure: &ExplainedFailure) -> io::Result<()> {
        self.close_block()?;
        self.output.line(&self.lines.explained(self.end(), failure))
    }
}
