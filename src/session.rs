//! Sessions.

pub mod transcript;
pub mod turn;
