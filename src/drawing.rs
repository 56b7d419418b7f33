//! Diagrams and formulas of answers: Mermaid as SVG, LaTeX as MathML.
//!
//! The libraries that draw are not trusted: some sources make them run for long, or abort. They run
//! in a process of their own ([`program`]), without network and files, with limits on time and
//! memory. What it prints is not trusted either: the server parses it and writes anew only the
//! elements and attributes that it knows ([`allowed`], [`mathml`], [`svg`]).

pub(crate) mod allowed;
mod cache;
mod css;
#[cfg(feature = "diagrams")]
mod diagram;
mod formula;
pub(crate) mod mathml;
mod outcome;
mod process;
pub mod program;
mod service;
mod sources;
pub(crate) mod svg;
#[cfg(feature = "diagrams")]
mod widths;

pub(crate) use outcome::{DiagramImage, Drawing};
pub use service::Drawings;
pub(crate) use service::DrawingsBusy;
pub(crate) use sources::{DrawingSource, MAX_BATCH, Theme};
