//! Coloured blocks that are kept for whoever wants them again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::markdown::code::CodeBlock;

/// Coloured blocks, the oldest of which make room.
#[derive(Debug, Default)]
pub(super) struct BlockCache {
    blocks: HashMap<Arc<CodeBlock>, Arc<str>>,
    order: VecDeque<Arc<CodeBlock>>,
    bytes: usize,
}

impl BlockCache {
    /// The colours of a block.
    pub(super) fn find(&self, fence: &CodeBlock) -> Option<Arc<str>> {
        self.blocks.get(fence).cloned()
    }

    /// Keeps the colours of a block, of all of them at most so many bytes.
    pub(super) fn keep(&mut self, fence: Arc<CodeBlock>, html: Arc<str>, most: usize) {
        self.bytes += size(&fence, &html);
        self.order.push_back(Arc::clone(&fence));
        if let Some(before) = self.blocks.insert(Arc::clone(&fence), html) {
            // Two asked at once.
            self.bytes -= size(&fence, &before);
            self.order.pop_back();
        }
        while self.bytes > most
            && let Some(oldest) = self.order.pop_front()
        {
            let html = self.blocks.remove(&oldest);
            self.bytes -= html.map_or(0, |html| size(&oldest, &html));
        }
    }
}

fn size(fence: &CodeBlock, html: &str) -> usize {
    fence.language.len() + fence.code.len() + html.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut kept = BlockCache::default();
        let fence = |number: u8| {
            Arc::new(CodeBlock { language: "rust".to_owned(), code: format!("let a{number};\n") })
        };
        for number in [0, 1, 1, 2, 3, 4, 5, 6, 7, 8] {
            kept.keep(fence(number), "<b>let</b>;\n".into(), 100);
            assert!(kept.find(&fence(number)).is_some());
            let bytes = kept.blocks.iter().map(|(fence, html)| size(fence, html)).sum::<usize>();
            assert_eq!((kept.bytes, kept.order.len()), (bytes, kept.blocks.len()));
            assert!(kept.bytes <= 100);
        }
        assert_eq!(kept.find(&fence(0)), None);
    }
}
