//! Cache of highlighted blocks, oldest evicted first.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::markdown::code::CodeBlock;

#[derive(Debug, Default)]
pub(crate) struct BlockCache {
    blocks: HashMap<Arc<CodeBlock>, Arc<str>>,
    order: VecDeque<Arc<CodeBlock>>,
    /// The sum of the sizes of all keys and values.
    bytes: usize,
}

impl BlockCache {
    pub(crate) fn get(&self, block: &CodeBlock) -> Option<Arc<str>> {
        self.blocks.get(block).cloned()
    }

    /// Adds a block, and evicts the oldest ones until all take at most `most` bytes.
    pub(crate) fn insert(&mut self, block: Arc<CodeBlock>, html: Arc<str>, most: usize) {
        self.bytes += size(&block, &html);
        self.order.push_back(Arc::clone(&block));
        if let Some(before) = self.blocks.insert(Arc::clone(&block), html) {
            // Two callers highlighted it at once.
            self.bytes -= size(&block, &before);
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

fn size(block: &CodeBlock, html: &str) -> usize {
    block.language.len() + block.code.len() + html.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_block_is_evicted() {
        let mut cache = BlockCache::default();
        let block = |number: u8| {
            Arc::new(CodeBlock { language: "rust".to_owned(), code: format!("let a{number};\n") })
        };
        for number in [0, 1, 1, 2, 3, 4, 5, 6, 7, 8] {
            cache.insert(block(number), "<b>let</b>;\n".into(), 100);
            assert!(cache.get(&block(number)).is_some());
            let bytes = cache.blocks.iter().map(|(block, html)| size(block, html)).sum::<usize>();
            assert_eq!((cache.bytes, cache.order.len()), (bytes, cache.blocks.len()));
            assert!(cache.bytes <= 100);
        }
        assert_eq!(cache.get(&block(0)), None);
    }
}
