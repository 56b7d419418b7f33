//! The texts and thoughts of a turn, counted from 0 in the order in which they began, as the history
//! counts them too: so that one can be named when it is taken back.

use std::{collections::VecDeque, mem};

/// AnswerBlocks that can still be taken back.
const KEPT: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AnswerBlocks {
    kept: VecDeque<AnswerBlock>,
    /// How many came before those that are kept.
    forgotten: usize,
    /// The line that is being read.
    line: String,
}

/// A text or a thought.
#[derive(Debug)]
pub(super) struct AnswerBlock {
    /// The message that it belongs to.
    pub message: String,
    /// The line that brought it whole.
    pub line: String,
    thinking: bool,
    state: BlockState,
    /// What was said, as long as no finished block has confirmed it.
    text: String,
    /// What a cut stream had said in its place, as long as what streams only repeats it.
    before: Option<String>,
}

/// What came of text that may repeat what a cut stream had said.
pub(super) enum Repetition {
    /// Nothing but that.
    SoFar,
    /// All of that, and this.
    And(String),
    /// Something else: this is the whole of it.
    Otherwise(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockState {
    /// It streams.
    Open,
    /// Its message has come to its end.
    Closed,
    /// A finished block has confirmed it.
    Confirmed,
    Withdrawn,
}

/// A piece that a finished block is about.
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
    /// The id of the line that is being read.
    pub(super) fn set_line(&mut self, uuid: &str) {
        uuid.clone_into(&mut self.line);
    }

    /// The pieces that are there and of which this is so.
    pub(super) fn find(&self, is_so: impl Fn(&AnswerBlock) -> bool) -> Vec<usize> {
        let there = self.numbered().filter(|(_, piece)| piece.state != BlockState::Withdrawn);
        there.filter(|(_, piece)| is_so(piece)).map(|(at, _)| at).collect()
    }

    /// Begins a piece; `text` is what it begins with, where it streams. Tells whether the one before
    /// it is of the same kind.
    pub(super) fn begin(&mut self, message: &str, thinking: bool, text: Option<&str>) -> bool {
        let follows_its_kind = self.kept.back().is_some_and(|last| last.thinking == thinking);
        let state = if text.is_some() { BlockState::Open } else { BlockState::Confirmed };
        let line = if text.is_some() { String::new() } else { self.line.clone() };
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(AnswerBlock {
            message: message.to_owned(),
            line,
            thinking,
            state,
            text: text.unwrap_or_default().to_owned(),
            before: None,
        });
        follows_its_kind
    }

    /// Adds to the last piece, where that is one of this message and kind that streams.
    pub(super) fn grow(&mut self, message: &str, thinking: bool, text: &str) -> bool {
        let last = self.kept.back_mut().filter(|last| {
            last.state == BlockState::Open && last.thinking == thinking && last.message == message
        });
        last.map(|last| last.text.push_str(text)).is_some()
    }

    /// The last piece belongs to another message, which is expected to repeat it.
    pub(super) fn repeat_last(&mut self, message: &str) {
        self.take_over_last(message);
        if let Some(last) = self.kept.back_mut() {
            last.before = Some(mem::take(&mut last.text));
        }
    }

    /// The last piece belongs to another message.
    pub(super) fn take_over_last(&mut self, message: &str) {
        if let Some(last) = self.kept.back_mut() {
            message.clone_into(&mut last.message);
            last.state = BlockState::Open;
        }
    }

    /// Takes text that may repeat; none where nothing is to be repeated.
    pub(super) fn repeat(&mut self, text: &str) -> Option<Repetition> {
        let last = self.kept.back_mut()?;
        let before = last.before.as_deref()?;
        last.text.push_str(text);
        if before.starts_with(&last.text) {
            return Some(Repetition::SoFar);
        }
        let repeated = match last.text.strip_prefix(before) {
            Some(more) => Repetition::And(more.to_owned()),
            None => Repetition::Otherwise(last.text.clone()),
        };
        last.before = None;
        Some(repeated)
    }

    /// Nothing more is repeated: gives what was said, where it is less than before.
    pub(super) fn end_repetition(&mut self) -> Option<String> {
        let last = self.kept.back_mut()?;
        let before = last.before.take()?;
        (before != last.text).then(|| last.text.clone())
    }

    /// The repetition was cut too: what is shown is still what was said before it.
    pub(super) fn forget_repetition(&mut self) {
        if let Some(last) = self.kept.back_mut()
            && let Some(before) = last.before.take()
        {
            last.text = before;
        }
    }

    /// Confirms a piece.
    pub(super) fn confirm_at(&mut self, at: usize) {
        let line = self.line.clone();
        if let Some(piece) = self.get_mut(at) {
            piece.state = BlockState::Confirmed;
            piece.line = line;
            // What was said need not be known any more.
            piece.text = String::new();
        }
    }

    /// The newest piece of this message and kind that no block has confirmed; takes its text.
    pub(super) fn unconfirmed(&mut self, message: &str, thinking: bool) -> Option<Unconfirmed> {
        let last = self.forgotten + self.kept.len().checked_sub(1)?;
        let (at, _) = self.numbered().rev().find(|(_, piece)| {
            let is_unconfirmed = matches!(piece.state, BlockState::Open | BlockState::Closed);
            is_unconfirmed && piece.thinking == thinking && piece.message == message
        })?;
        let piece = self.get_mut(at)?;
        let streamed = mem::take(&mut piece.text);
        // What is shown counts.
        let text = piece.before.take().unwrap_or(streamed);
        Some(Unconfirmed { at, is_last: at == last, text })
    }

    /// Whether the last piece is of this kind, streams, and has said this.
    pub(super) fn is_open(&self, thinking: bool, text: &str) -> bool {
        let last = self.kept.back().filter(|last| last.state == BlockState::Open);
        last.is_some_and(|last| last.thinking == thinking && last.text == text)
    }

    /// What streams has come to its end.
    pub(super) fn close(&mut self) {
        for piece in &mut self.kept {
            if piece.state == BlockState::Open {
                piece.state = BlockState::Closed;
            }
        }
    }

    /// No block comes any more that confirms what has come to its end.
    pub(super) fn forget_texts(&mut self) {
        for piece in self.kept.iter_mut().filter(|piece| piece.state == BlockState::Closed) {
            piece.state = BlockState::Confirmed;
            piece.text = String::new();
        }
    }

    /// Whether it is the last piece and a text.
    pub(super) fn is_last_text(&self, at: usize) -> bool {
        let is_last = at + 1 == self.forgotten + self.kept.len();
        is_last && self.kept.back().is_some_and(|last| !last.thinking)
    }

    /// Whether it is the last piece, and a text that streams.
    pub(super) fn is_open_text(&self, at: usize) -> bool {
        self.is_last_text(at) && self.kept.back().is_some_and(|last| last.state == BlockState::Open)
    }

    /// Marks pieces as taken back.
    pub(super) fn withdraw(&mut self, pieces: &[usize]) {
        for at in pieces {
            if let Some(piece) = self.get_mut(*at) {
                piece.state = BlockState::Withdrawn;
                piece.text = String::new();
                piece.before = None;
            }
        }
    }

    fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &AnswerBlock)> {
        let first = self.forgotten;
        self.kept.iter().enumerate().map(move |(index, piece)| (first + index, piece))
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut AnswerBlock> {
        self.kept.get_mut(at.checked_sub(self.forgotten)?)
    }
}
