//! The model agent: answers questions with any model service that speaks a known dialect.
//!
//! A [`service`] is what the configuration says of one.

pub mod service;
