//! Answer texts, one module per kind of question.
//!
//! Every statement about the project cites the file and line that it comes from.

pub(crate) mod code;
pub(crate) mod history;
pub(crate) mod progress;
pub(crate) mod project;
pub(crate) mod small_talk;
