//! The text and thinking blocks of a turn, numbered from 0 in order of their beginning. The transcript
//! numbers them alike, so a withdrawal can name them.

use std::{collections::VecDeque, mem};

use crate::entry::TextKind;

/// Blocks that can still be withdrawn at most.
const MAX_KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct AnswerBlocks {
    kept: VecDeque<AnswerBlock>,
    /// Number of older blocks that are no longer kept.
    forgotten: usize,
    /// Id of the line being read.
    line: String,
}

/// A text or thinking block.
#[derive(Debug)]
pub(super) struct AnswerBlock {
    /// Id of its message.
    pub message: String,
    /// Id of the line that finished it.
    pub line: String,
    kind: TextKind,
    state: BlockState,
    /// Streamed text; empty once a finished block has confirmed it.
    text: String,
    /// Text of the cut stream, while the new stream only repeats it.
    before: Option<String>,
}

/// How a new stream compares with the text of the cut one.
pub(super) enum Repetition {
    /// It has repeated a part so far.
    Prefix,
    /// It has repeated everything and added this.
    Longer(String),
    /// It differs; this is its text so far.
    Different(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockState {
    Open,
    /// Its message has ended.
    Closed,
    /// A finished block has confirmed it.
    Confirmed,
    Withdrawn,
}

/// A streamed block that a finished block may confirm.
pub(super) struct Unconfirmed {
    pub at: usize,
    pub is_last: bool,
    pub text: String,
}

impl AnswerBlock {
    /// Whether a finished block has confirmed it.
    pub(super) fn is_confirmed(&self) -> bool {
        self.state == BlockState::Confirmed
    }
}

impl AnswerBlocks {
    /// Sets the id of the line being read.
    pub(super) fn set_line(&mut self, uuid: &str) {
        uuid.clone_into(&mut self.line);
    }

    /// Numbers of the blocks that are not withdrawn and match.
    pub(super) fn find(&self, is_so: impl Fn(&AnswerBlock) -> bool) -> Vec<usize> {
        let there = self.numbered().filter(|(_, block)| block.state != BlockState::Withdrawn);
        there.filter(|(_, block)| is_so(block)).map(|(at, _)| at).collect()
    }

    /// Begins a block; `text` is its first text if it streams. Returns whether the block before it is of
    /// the same kind.
    pub(super) fn begin(&mut self, message: &str, kind: TextKind, text: Option<&str>) -> bool {
        let follows_its_kind = self.kept.back().is_some_and(|last| last.kind == kind);
        let state = if text.is_some() { BlockState::Open } else { BlockState::Confirmed };
        let line = if text.is_some() { String::new() } else { self.line.clone() };
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(AnswerBlock {
            message: message.to_owned(),
            line,
            kind,
            state,
            text: text.unwrap_or_default().to_owned(),
            before: None,
        });
        follows_its_kind
    }

    /// Appends to the last block if it streams and has this message and kind.
    pub(super) fn append(&mut self, message: &str, kind: TextKind, text: &str) -> bool {
        let last = self.kept.back_mut().filter(|last| {
            last.state == BlockState::Open && last.kind == kind && last.message == message
        });
        last.map(|last| last.text.push_str(text)).is_some()
    }

    /// Moves the last block to another message, which is expected to repeat its text.
    pub(super) fn expect_repetition(&mut self, message: &str) {
        self.reassign_last(message);
        if let Some(last) = self.kept.back_mut() {
            last.before = Some(mem::take(&mut last.text));
        }
    }

    /// Moves the last block to another message.
    pub(super) fn reassign_last(&mut self, message: &str) {
        if let Some(last) = self.kept.back_mut() {
            message.clone_into(&mut last.message);
            last.state = BlockState::Open;
        }
    }

    /// Compares streamed text with the cut one; `None` where no repetition is expected.
    pub(super) fn repeat(&mut self, text: &str) -> Option<Repetition> {
        let last = self.kept.back_mut()?;
        let before = last.before.as_deref()?;
        last.text.push_str(text);
        if before.starts_with(&last.text) {
            return Some(Repetition::Prefix);
        }
        let repeated = match last.text.strip_prefix(before) {
            Some(more) => Repetition::Longer(more.to_owned()),
            None => Repetition::Different(last.text.clone()),
        };
        last.before = None;
        Some(repeated)
    }

    /// Ends the repetition. Returns its text if it is shorter than the cut one.
    pub(super) fn finish_repetition(&mut self) -> Option<String> {
        let last = self.kept.back_mut()?;
        let before = last.before.take()?;
        (before != last.text).then(|| last.text.clone())
    }

    /// The repetition was cut too: the earlier text stays.
    pub(super) fn abort_repetition(&mut self) {
        if let Some(last) = self.kept.back_mut()
            && let Some(before) = last.before.take()
        {
            last.text = before;
        }
    }

    pub(super) fn confirm_at(&mut self, at: usize) {
        let line = self.line.clone();
        if let Some(block) = self.get_mut(at) {
            block.state = BlockState::Confirmed;
            block.line = line;
            block.text = String::new();
        }
    }

    /// Takes the text of the newest unconfirmed block of this message and kind.
    pub(super) fn unconfirmed(&mut self, message: &str, kind: TextKind) -> Option<Unconfirmed> {
        let last = self.forgotten + self.kept.len().checked_sub(1)?;
        let (at, _) = self.numbered().rev().find(|(_, block)| {
            let is_unconfirmed = matches!(block.state, BlockState::Open | BlockState::Closed);
            is_unconfirmed && block.kind == kind && block.message == message
        })?;
        let block = self.get_mut(at)?;
        let streamed = mem::take(&mut block.text);
        // The text that viewers see.
        let text = block.before.take().unwrap_or(streamed);
        Some(Unconfirmed { at, is_last: at == last, text })
    }

    /// Whether the last block streams and has this kind and text.
    pub(super) fn is_streaming(&self, kind: TextKind, text: &str) -> bool {
        let last = self.kept.back().filter(|last| last.state == BlockState::Open);
        last.is_some_and(|last| last.kind == kind && last.text == text)
    }

    pub(super) fn close(&mut self) {
        for block in &mut self.kept {
            if block.state == BlockState::Open {
                block.state = BlockState::Closed;
            }
        }
    }

    /// Confirms closed blocks: no finished block will come for them.
    pub(super) fn confirm_closed(&mut self) {
        for block in self.kept.iter_mut().filter(|block| block.state == BlockState::Closed) {
            block.state = BlockState::Confirmed;
            block.text = String::new();
        }
    }

    /// Whether it is the last block and a text.
    pub(super) fn is_last_text(&self, at: usize) -> bool {
        let is_last = at + 1 == self.forgotten + self.kept.len();
        is_last && self.kept.back().is_some_and(|last| last.kind == TextKind::Answer)
    }

    /// Whether it is the last block, a text, and streams.
    pub(super) fn is_streaming_text(&self, at: usize) -> bool {
        self.is_last_text(at) && self.kept.back().is_some_and(|last| last.state == BlockState::Open)
    }

    /// Marks blocks as withdrawn.
    pub(super) fn withdraw(&mut self, blocks: &[usize]) {
        for at in blocks {
            if let Some(block) = self.get_mut(*at) {
                block.state = BlockState::Withdrawn;
                block.text = String::new();
                block.before = None;
            }
        }
    }

    fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &AnswerBlock)> {
        let first = self.forgotten;
        self.kept.iter().enumerate().map(move |(index, block)| (first + index, block))
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut AnswerBlock> {
        self.kept.get_mut(at.checked_sub(self.forgotten)?)
    }
}
