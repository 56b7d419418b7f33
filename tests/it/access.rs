//! P10: closed by default. What comes in from where, with what in its hand, and what each who must
//! stay outside is told.

mod crowds;
mod limits;
mod pages;
pub mod personal;
mod private;
pub mod projects;
pub mod raw;
pub mod rights;
pub mod tls;
mod tokens;
