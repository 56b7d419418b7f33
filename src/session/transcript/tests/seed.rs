//! A client of the original: it appends what it gets, and knows no numbers.

use serde_json::Value;

use crate::session::transcript::Cursor;

/// What stands for a tool call, and for the end of a turn, in what the original's clients see.
pub const CALL: &str = "\u{1}call\u{1}";
pub const END: &str = "\u{1}end\u{1}";

/// A client of the original.
#[derive(Debug)]
pub struct Seed {
    pub cursor: Cursor,
    pub got: String,
    /// What it will have got when it has read everything.
    pub expected: String,
    /// Where the newest entry begins in it.
    pub newest_from: usize,
}

impl Seed {
    pub fn take(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        self.got.push_str(match frame["type"].as_str().unwrap() {
            "text" => frame["content"].as_str().unwrap(),
            "tool_call" => CALL,
            "response_done" => END,
            other => panic!("the original knows no {other}"),
        });
        let is_due = self.expected.starts_with(&self.got);
        assert!(is_due, "{:?} is no beginning of {:?}", self.got, self.expected);
    }

    /// It cannot take back what it has: the new text follows what it got of the old.
    pub fn replace(&mut self, text: &str) {
        self.newest_from = self.newest_from.max(self.got.len());
        self.expected.truncate(self.newest_from);
        self.expected.push_str(text);
    }
}
