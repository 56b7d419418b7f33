//! What browsers and other clients reach over HTTP. Decides nothing about conversations.

pub mod assets;
