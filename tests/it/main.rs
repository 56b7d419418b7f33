//! Tests.

mod agent_probe;
mod claude;
mod fake_api;
