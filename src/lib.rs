//! Cicerone.

pub mod agent;
pub mod config;
pub mod database;
pub mod entry;
pub mod policy;
pub mod project;
pub mod registry;
pub mod session;
pub mod wire;
