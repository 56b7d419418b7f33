//! An agent: a command line that reads a project and speaks a line protocol on stdin and stdout.

pub mod event;
