//! Processes of agents: how they start, what they may take, and how they end.

pub(crate) mod control;
pub(crate) mod disk_quota;
pub mod launch_args;
pub mod launcher;
pub mod lines;
pub(crate) mod reaper;
pub(crate) mod resources;
pub(crate) mod spawner;
pub(crate) mod stop_sequence;
mod supervisor;
pub(crate) mod tail;
pub(crate) mod tree;

pub(crate) use supervisor::LIMIT_EXCEEDED;
pub(super) use supervisor::limit_message;
