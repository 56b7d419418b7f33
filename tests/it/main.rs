//! The program as its users meet it: started as a process, spoken to over its pipes and sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod agent_life;
mod agent_probe;
mod agents;
mod api;
mod bad_agents;
mod bad_input;
mod claude;
mod claude_confined;
mod claude_server;
mod client;
mod company;
mod config;
mod crash;
mod doctor;
mod door;
mod durability;
mod fake_api;
mod faults;
mod files;
mod guide;
mod html;
mod launcher;
mod mcp;
mod orphans;
mod page;
mod peers;
mod processes;
mod questions;
mod replay;
mod rest;
mod sandbox;
mod screen;
mod search;
mod seed;
mod self_test;
mod server;
mod slow;
mod soak;
mod starting;
mod store_faults;
#[cfg(feature = "faults")]
mod supervision;
mod tidy;
mod tree;
mod v1;
