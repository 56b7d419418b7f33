//! Workers: one thread per block, which highlights it as it grows and ends with it.
//!
//! The state of a block's highlighting never leaves its thread.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::markdown::code::{CodeBlock, IncrementalHighlight};

use super::{context::HighlightContext, threads};

/// A request to highlight more of a block.
pub(super) struct WorkerJob {
    pub context: Arc<HighlightContext>,
    /// The block as far as it goes.
    pub block: Arc<CodeBlock>,
    /// Held while the job runs.
    pub permit: OwnedSemaphorePermit,
    /// Gets the result of a closed block, `None` if it stays plain. An open block has no reply.
    pub reply: Option<oneshot::Sender<Option<HighlightedBlock>>>,
}

#[derive(Debug)]
pub(super) struct HighlightedBlock {
    pub html: String,
    /// Whether the limits sufficed.
    pub is_whole: bool,
    /// Bytes of code that had been highlighted before the block closed.
    pub prefetched_bytes: usize,
}

/// How far a block is highlighted.
enum Progress {
    New,
    /// Highlighted in part, which took this long altogether.
    Begun(Box<IncrementalHighlight>, Duration),
    /// Not worth continuing: it takes too long, or its language is unknown.
    GivenUp,
}

/// Starts the worker of a block. It ends when its sender is dropped.
pub(super) fn start() -> mpsc::Sender<WorkerJob> {
    let (sender, jobs) = mpsc::channel();
    threads::start(move || run(&jobs));
    sender
}

fn run(jobs: &mpsc::Receiver<WorkerJob>) {
    let mut progress = Progress::New;
    for WorkerJob { context, block, permit, reply } in jobs {
        if let Some(reply) = reply {
            let highlighted = finish(&context, &block, progress);
            drop(permit);
            return drop(reply.send(highlighted));
        }
        progress = extend(&context, &block, progress);
    }
}

/// Begins a block; `None` if its language is unknown.
fn begin(context: &HighlightContext, block: &CodeBlock) -> Option<Box<IncrementalHighlight>> {
    let grammar = context.grammars().get_or_insert_default().of_block(block)?;
    Some(Box::new(IncrementalHighlight::new(block, grammar)))
}

/// Highlights what was added to a block.
fn extend(context: &HighlightContext, block: &CodeBlock, before: Progress) -> Progress {
    let (begun, spent) = match before {
        Progress::New => (begin(context, block), Duration::ZERO),
        Progress::Begun(highlight, spent) => (Some(highlight), spent),
        Progress::GivenUp => (None, Duration::ZERO),
    };
    let Some(mut highlight) = begun else { return Progress::GivenUp };
    let start = Instant::now();
    let ((), is_whole) = context.with_budget(spent, |budget| highlight.extend(&block.code, budget));
    log::debug!("highlighted ahead language={} bytes={}", block.language, highlight.bytes());
    match is_whole {
        true => Progress::Begun(highlight, spent + start.elapsed()),
        false => Progress::GivenUp,
    }
}

/// Highlights the rest of a closed block.
fn finish(
    context: &HighlightContext,
    block: &CodeBlock,
    before: Progress,
) -> Option<HighlightedBlock> {
    // A block that ran out of time while it was open gets its whole time again.
    let (finished, is_whole) = context.with_budget(Duration::ZERO, |budget| {
        let highlight = match before {
            Progress::Begun(highlight, _) => highlight,
            Progress::New | Progress::GivenUp => begin(context, block)?,
        };
        let prefetched_bytes = highlight.bytes();
        Some((highlight.finish(&block.code, budget), prefetched_bytes))
    });
    let (html, prefetched_bytes) = finished?;
    Some(HighlightedBlock { html: threads::to_hand_over(html), is_whole, prefetched_bytes })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::settings, *};

    #[test]
    fn a_block_that_took_too_long_while_open_gets_its_whole_time_again() {
        let context = HighlightContext::new(&settings());
        let block = CodeBlock { language: "rust".to_owned(), code: "let a;\n".to_owned() };
        let spent = Progress::Begun(begin(&context, &block).unwrap(), context.settings().timeout);
        let given_up = extend(&context, &block, spent);
        assert!(matches!(given_up, Progress::GivenUp));
        assert!(matches!(extend(&context, &block, Progress::GivenUp), Progress::GivenUp));
        let finished = finish(&context, &block, given_up).unwrap();
        assert_eq!(finished.html, "<span class=\"keyword\">let</span> a;\n");
        assert!(finished.is_whole);
    }
}
