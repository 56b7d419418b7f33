//! How far blocks that still grow have been read ahead: a few of them, each by a thread of its own.
//!
//! Nobody says when a block is given up. What was read of it stays until newer ones take its place
//! or nothing has been highlighted for a while.

use std::sync::{Arc, mpsc::Sender};

use crate::markdown::code::CodeBlock;

use super::worker::{self, WorkerJob};

/// Blocks that are kept in mind.
const BLOCKS: usize = 16;

/// What is read ahead.
#[derive(Debug, Default)]
pub(super) struct PrefetchedBlocks(Vec<PrefetchedBlock>);

/// A block that grows.
#[derive(Debug)]
struct PrefetchedBlock {
    /// As far as its reader has been given it.
    fence: Arc<CodeBlock>,
    reader: Sender<WorkerJob>,
}

impl PrefetchedBlocks {
    /// Whoever reads a block that is this long now; nobody does where there is nothing new in it.
    pub(super) fn grown(&mut self, fence: &Arc<CodeBlock>) -> Option<Sender<WorkerJob>> {
        let reader = match self.find(fence) {
            Some((_, begun)) if begun.fence.code.len() == fence.code.len() => return None,
            Some((at, _)) => self.0.remove(at).reader,
            None => worker::start(),
        };
        if self.0.len() >= BLOCKS {
            self.0.remove(0);
        }
        self.0.push(PrefetchedBlock { fence: Arc::clone(fence), reader: reader.clone() });
        Some(reader)
    }

    /// Whoever has read of a block that is closed now. Nobody gets it again.
    pub(super) fn closed(&mut self, fence: &CodeBlock) -> Option<Sender<WorkerJob>> {
        let (at, _) = self.find(fence)?;
        Some(self.0.remove(at).reader)
    }

    /// The one that this is, or has been: the longest of them.
    fn find(&self, fence: &CodeBlock) -> Option<(usize, &PrefetchedBlock)> {
        let known = self.0.iter().enumerate().filter(|(_, begun)| fence.continues(&begun.fence));
        known.max_by_key(|(_, begun)| begun.fence.code.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl PrefetchedBlocks {
        /// Whether anything is kept.
        pub(in crate::highlighter) fn has_any(&self) -> bool {
            !self.0.is_empty()
        }
    }

    fn fence(code: &str) -> Arc<CodeBlock> {
        Arc::new(CodeBlock { language: "rust".to_owned(), code: code.to_owned() })
    }

    #[test]
    fn a_block_is_read_on_only_when_it_has_grown_and_until_it_is_closed() {
        let mut ahead = PrefetchedBlocks::default();
        assert!(ahead.grown(&fence("a\n")).is_some());
        assert!(ahead.grown(&fence("a\n")).is_none());
        assert!(ahead.grown(&fence("a\nb\n")).is_some());
        assert!(ahead.closed(&fence("a\nc\n")).is_none());
        assert!(ahead.closed(&fence("a\nb\n")).is_some());
        assert!(ahead.closed(&fence("a\nb\n")).is_none());
        assert!(ahead.grown(&fence("a\n")).is_some());
    }

    #[test]
    fn the_longest_beginning_counts() {
        let mut ahead = PrefetchedBlocks::default();
        for code in ["a\nb\nc\n", "a\n", "a\nb\n"] {
            assert!(ahead.grown(&fence(code)).is_some());
        }
        let begun = |ahead: &PrefetchedBlocks, code: &str| {
            ahead.find(&fence(code)).map(|(_, begun)| begun.fence.code.clone())
        };
        assert_eq!(ahead.0.len(), 2, "one has grown");
        assert_eq!(begun(&ahead, "a\nb\nd\n").unwrap(), "a\nb\n");
        assert_eq!(begun(&ahead, "a\nb\nc\nd\n").unwrap(), "a\nb\nc\n");
        assert_eq!(begun(&ahead, "b\n"), None);
    }

    #[test]
    fn what_grew_longest_ago_makes_room() {
        let mut ahead = PrefetchedBlocks::default();
        for number in 0..2 * BLOCKS {
            let longer = "x\n".repeat(number + 1);
            assert!(ahead.grown(&fence(&longer)).is_some());
            assert!(ahead.grown(&fence(&format!("{number}\n"))).is_some());
        }
        assert_eq!(ahead.0.len(), BLOCKS);
        assert!(ahead.closed(&fence(&"x\n".repeat(2 * BLOCKS))).is_some());
        assert!(ahead.closed(&fence("1\n")).is_none());
    }
}
