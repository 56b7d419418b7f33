//! Read queries, by what they read.

pub(crate) mod actions;
pub(crate) mod answers;
pub(crate) mod attachments;
pub(super) mod conversations;
pub(crate) mod credentials;
pub(crate) mod export;
pub(super) mod load;
pub(crate) mod notes;
mod old;
pub(crate) mod reactions;
pub(crate) mod search;
pub(crate) mod snapshots;
pub(crate) mod turns;
