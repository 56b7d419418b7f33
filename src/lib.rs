//! Cicerone.

pub mod agent;
pub mod cli;
pub mod config;
pub mod database;
pub mod entry;
pub mod features;
pub mod foreign_database;
pub mod mcp;
pub mod project;
