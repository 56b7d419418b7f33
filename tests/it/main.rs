//! The program as its users meet it: started as a process, spoken to over its pipes and sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod agent_probe;
mod agents;
mod claude;
mod client;
mod config;
mod fake_api;
mod guide;
mod launcher;
mod mcp;
mod page;
mod seed;
mod server;
