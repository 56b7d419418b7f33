//! The HTTP interface: one module for each resource.

pub(crate) mod actions;
mod address;
pub(crate) mod ask;
pub(crate) mod attachments;
pub(crate) mod charts;
pub(crate) mod conversations;
pub(crate) mod drawings;
mod editor_link;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod follow_ups;
pub(crate) mod fork;
pub(crate) mod notes;
pub(crate) mod openai;
pub(crate) mod projects;
pub(crate) mod reactions;
pub(crate) mod readiness;
pub(crate) mod references;
pub(crate) mod search;
pub(crate) mod sessions;
pub(crate) mod sharing;
pub(crate) mod similar;
pub(crate) mod snapshots;
pub(crate) mod suggestions;
pub(crate) mod symbols;
pub(crate) mod text_search;
pub(crate) mod usage;
