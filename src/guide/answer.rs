//! Answers: what is said to each kind of question, built from what was found and from nothing
//! else. Every statement about the project carries the file and line that it comes from.

pub(crate) mod code;
pub(crate) mod progress;
pub(crate) mod project;
pub(crate) mod small_talk;
