//! Prefetched blocks: open blocks that have been highlighted as far as they go.
//!
//! Nobody tells when a block is given up. Its worker stays until newer blocks take its place, or
//! until nothing has been highlighted for a while.

use std::sync::{Arc, mpsc::Sender};

use crate::markdown::code::CodeBlock;

use super::worker::{self, WorkerJob};

/// Blocks remembered at once.
const MAX_BLOCKS: usize = 16;

/// In the order of their growth, the latest last.
#[derive(Debug, Default)]
pub(super) struct PrefetchedBlocks(Vec<PrefetchedBlock>);

#[derive(Debug)]
struct PrefetchedBlock {
    /// What the worker has been given so far.
    block: Arc<CodeBlock>,
    worker: Sender<WorkerJob>,
}

impl PrefetchedBlocks {
    /// The worker of this block, or `None` if the block has not grown.
    pub(super) fn on_grown(&mut self, block: &Arc<CodeBlock>) -> Option<Sender<WorkerJob>> {
        let worker = match self.find(block) {
            Some((_, known)) if known.block.code.len() == block.code.len() => return None,
            Some((at, _)) => self.0.remove(at).worker,
            None => worker::start(),
        };
        if self.0.len() >= MAX_BLOCKS {
            self.0.remove(0);
        }
        self.0.push(PrefetchedBlock { block: Arc::clone(block), worker: worker.clone() });
        Some(worker)
    }

    /// Removes and returns the worker of a block that is closed now.
    pub(super) fn on_closed(&mut self, block: &CodeBlock) -> Option<Sender<WorkerJob>> {
        let (at, _) = self.find(block)?;
        Some(self.0.remove(at).worker)
    }

    /// The longest known block that `block` is or has grown from.
    fn find(&self, block: &CodeBlock) -> Option<(usize, &PrefetchedBlock)> {
        let known = self.0.iter().enumerate().filter(|(_, known)| block.continues(&known.block));
        known.max_by_key(|(_, known)| known.block.code.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl PrefetchedBlocks {
        pub(in crate::highlighter) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }

    fn block(code: &str) -> Arc<CodeBlock> {
        Arc::new(CodeBlock { language: "rust".to_owned(), code: code.to_owned() })
    }

    #[test]
    fn a_block_is_prefetched_only_when_it_has_grown_and_until_it_is_closed() {
        let mut prefetched = PrefetchedBlocks::default();
        assert!(prefetched.on_grown(&block("a\n")).is_some());
        assert!(prefetched.on_grown(&block("a\n")).is_none());
        assert!(prefetched.on_grown(&block("a\nb\n")).is_some());
        assert!(prefetched.on_closed(&block("a\nc\n")).is_none());
        assert!(prefetched.on_closed(&block("a\nb\n")).is_some());
        assert!(prefetched.on_closed(&block("a\nb\n")).is_none());
        assert!(prefetched.on_grown(&block("a\n")).is_some());
    }

    #[test]
    fn the_longest_beginning_counts() {
        let mut prefetched = PrefetchedBlocks::default();
        for code in ["a\nb\nc\n", "a\n", "a\nb\n"] {
            assert!(prefetched.on_grown(&block(code)).is_some());
        }
        let longest = |prefetched: &PrefetchedBlocks, code: &str| {
            prefetched.find(&block(code)).map(|(_, known)| known.block.code.clone())
        };
        assert_eq!(prefetched.0.len(), 2, "one has grown");
        assert_eq!(longest(&prefetched, "a\nb\nd\n").unwrap(), "a\nb\n");
        assert_eq!(longest(&prefetched, "a\nb\nc\nd\n").unwrap(), "a\nb\nc\n");
        assert_eq!(longest(&prefetched, "b\n"), None);
    }

    #[test]
    fn the_block_that_grew_longest_ago_is_replaced() {
        let mut prefetched = PrefetchedBlocks::default();
        for number in 0..2 * MAX_BLOCKS {
            let longer = "x\n".repeat(number + 1);
            assert!(prefetched.on_grown(&block(&longer)).is_some());
            assert!(prefetched.on_grown(&block(&format!("{number}\n"))).is_some());
        }
        assert_eq!(prefetched.0.len(), MAX_BLOCKS);
        assert!(prefetched.on_closed(&block(&"x\n".repeat(2 * MAX_BLOCKS))).is_some());
        assert!(prefetched.on_closed(&block("1\n")).is_none());
    }
}
