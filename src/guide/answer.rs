//! Answers: what is said to each kind of question, built from what was found and from nothing
//! else. Every statement about the project carries the file and line that it comes from.

pub mod code;
pub mod progress;
pub mod project;
pub mod talk;
