//! Cicerone.

pub mod agent;
pub mod config;
pub mod database;
pub mod entry;
pub mod guide;
pub mod project;
