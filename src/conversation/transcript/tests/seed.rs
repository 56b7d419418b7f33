//! A client of the original: it appends what it gets, and knows no numbers.

use serde_json::Value;

use crate::conversation::transcript::Cursor;

/// What stands for a tool call, and for the end of a turn, in what the original's clients see.
pub(super) const CALL: &str = "\u{1}call\u{1}";
pub(super) const END: &str = "\u{1}end\u{1}";

/// A client of the original.
#[derive(Debug)]
pub(super) struct Seed {
    pub cursor: Cursor,
    pub got: String,
    /// What it will have got of each entry, from this one on, when it has read everything.
    segments: Vec<String>,
    first: usize,
}

impl Seed {
    /// One that comes in before the entry `from`, with what it is to get of that and of later ones. The
    /// entry before may still grow.
    pub(super) fn new(cursor: Cursor, from: usize, texts: Vec<String>) -> Self {
        let has_newest = !texts.is_empty() || from == 0;
        let before = (!has_newest).then(String::new);
        let first = from - usize::from(!has_newest);
        let segments = before.into_iter().chain(texts).collect();
        Self { cursor, got: String::new(), segments, first }
    }

    pub(super) fn expected(&self) -> String {
        self.segments.concat()
    }

    pub(super) fn take(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        self.got.push_str(match frame["type"].as_str().unwrap() {
            "text" => frame["content"].as_str().unwrap(),
            "tool_call" => CALL,
            "response_done" => END,
            other => panic!("the original knows no {other}"),
        });
        let expected = self.expected();
        let is_due = expected.starts_with(&self.got);
        assert!(is_due, "{:?} is no beginning of {expected:?}", self.got);
    }

    /// There is another entry.
    pub(super) fn add(&mut self, text: &str) {
        self.segments.push(text.to_owned());
    }

    /// The newest entry has grown.
    pub(super) fn grow(&mut self, text: &str) {
        self.segments.last_mut().unwrap().push_str(text);
    }

    /// It cannot take back what it has of an entry: the new text follows what it got of the old.
    pub(super) fn replace(&mut self, entry: usize, text: &str) {
        let Some(at) = entry.checked_sub(self.first) else { return };
        let before: usize = self.segments[..at].iter().map(String::len).sum();
        let got = self.got.len().saturating_sub(before);
        let segment = &mut self.segments[at];
        segment.truncate(got.min(segment.len()));
        segment.push_str(text);
    }
}
