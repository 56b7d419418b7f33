//! Syntax highlighting: code as HTML with a class for each kind of token.
//!
//! The grammars are Sublime Text's, collected by the `two-face` crate and read by `syntect`. The
//! patterns of a grammar are compiled on first use, which takes some milliseconds for a language.
//! Highlighting takes about a millisecond per KiB, so a block is highlighted while it still grows.
//! The output is escaped text in `<span class="…">` elements, which are never nested.

mod block;
mod excerpt;
mod grammars;
mod incremental;
mod line;
mod spans;
#[cfg(test)]
mod tests;
mod token_class;

pub use block::CodeBlock;
pub(crate) use excerpt::excerpt_lines;
pub use grammars::{Grammar, Grammars};
pub use incremental::IncrementalHighlight;
pub use line::Budget;
