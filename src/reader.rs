//! The readers: one confined process for each project, which alone reads the project's files.
//!
//! A file of a project is foreign: it may be made to hang, to fill or to take over whoever reads it.
//! Therefore the server opens none and runs no grammar on a text of others. It asks `cicerone
//! reader`, a process in the cage of an agent: no network, no writing, bounded memory. [`readers`]
//! finds or starts the one of a project, [`process`] speaks with it by lines of JSON ([`protocol`]),
//! [`checks`] distrusts what it answers, and [`serve`] is the process itself.
//!
//! A reader that dies or hangs costs those who wait a sentence; the next question starts it afresh.

mod cache;
mod checks;
pub(crate) mod code;
mod code_questions;
pub(crate) mod excerpt;
pub(crate) mod file_list;
pub(crate) mod find_in_file;
mod process;
pub(crate) mod protocol;
pub(crate) mod questions;
mod readers;
pub mod serve;
pub(crate) mod symbols;
pub(crate) mod text_search;
mod tools;
pub(crate) mod uses;
mod waiting;

pub(crate) use protocol::{CheckedReferences, FileRefusal, ReaderError};
pub use readers::Readers;
