//! The program as its users meet it: started as a process, spoken to over its pipes and sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod mcp;
