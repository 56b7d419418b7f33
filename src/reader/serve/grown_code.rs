//! Code blocks that still grow, put together from what the server told of them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{markdown::code::CodeBlock, reader::protocol::GrownCode};

/// Blocks remembered at once; nobody tells when one is given up.
const MAX_BLOCKS: usize = 32;

/// In the order of their growth, the latest last.
#[derive(Debug, Default)]
pub(super) struct GrownCodes(Mutex<Vec<(u64, Arc<CodeBlock>)>>);

impl GrownCodes {
    /// The block with what was added to it; `None` if what was before is not known.
    pub(super) fn grow(&self, grown: GrownCode) -> Option<Arc<CodeBlock>> {
        let id = grown.block;
        let block = self.close(grown)?;
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() >= MAX_BLOCKS {
            blocks.remove(0);
        }
        blocks.push((id, Arc::clone(&block)));
        Some(block)
    }

    /// As [`grow`](Self::grow), for the last time.
    pub(super) fn close(&self, grown: GrownCode) -> Option<Arc<CodeBlock>> {
        let GrownCode { block: id, language, from, added } = grown;
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = blocks.iter().position(|(known, _)| *known == id);
        let known = known.map(|at| blocks.remove(at).1);
        drop(blocks);
        if from == 0 {
            return Some(Arc::new(CodeBlock { language, code: added }));
        }
        let code = [known?.code.get(..from)?, &added].concat();
        Some(Arc::new(CodeBlock { language, code }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(block: u64, from: usize, added: &str) -> GrownCode {
        GrownCode { block, language: "rust".to_owned(), from, added: added.to_owned() }
    }

    #[test]
    fn a_block_is_put_together_from_what_was_added_and_unknown_where_a_part_is_missing() {
        let codes = GrownCodes::default();
        let code = |block: Option<Arc<CodeBlock>>| block.map(|block| block.code.clone());
        let is = |code: &str| Some(code.to_owned());
        assert_eq!(code(codes.grow(grown(1, 0, "let "))), is("let "));
        assert_eq!(code(codes.grow(grown(2, 4, "x"))), None);
        assert_eq!(code(codes.grow(grown(1, 4, "a = "))), is("let a = "));
        assert_eq!(code(codes.close(grown(1, 4, "b;"))), is("let b;"));
        assert_eq!(code(codes.close(grown(1, 4, "b;"))), None);
        codes.grow(grown(3, 0, "x"));
        assert_eq!(code(codes.grow(grown(3, 9, "y"))), None);
        for id in 10..10 + 2 * MAX_BLOCKS as u64 {
            codes.grow(grown(id, 0, "x"));
        }
        assert_eq!(codes.0.lock().unwrap().len(), MAX_BLOCKS);
    }
}
