//! Threads that read one block each, as it grows, and end with it: how far a block is read never
//! leaves its thread.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::markdown::code::{CodeBlock, IncrementalHighlight};

use super::{Shared, THREAD, handed_over};

/// Something to do for whoever reads a block.
pub(super) struct WorkerJob {
    pub shared: Arc<Shared>,
    /// The block as far as it goes.
    pub fence: Arc<CodeBlock>,
    /// Held while it is done.
    pub permit: OwnedSemaphorePermit,
    /// Who waits for all of it, where it is closed; nothing is sent where it stays plain.
    pub end: Option<oneshot::Sender<Option<HighlightedBlock>>>,
}

/// A block with its colours.
#[derive(Debug)]
pub(super) struct HighlightedBlock {
    pub html: String,
    /// Whether the limits were wide enough.
    pub is_whole: bool,
    /// Bytes that had been read ahead.
    pub ahead: usize,
}

/// What has become of a block.
enum Progress {
    /// Nothing has been read.
    New,
    /// It has been read, which has taken so long altogether.
    Read(Box<IncrementalHighlight>, Duration),
    /// Nothing will come of reading it ahead: it takes too long, or has no language that is known.
    Lost,
}

/// Starts to read a block. Whoever has the sender has the thread; what panics does nothing any more.
pub(super) fn start() -> mpsc::Sender<WorkerJob> {
    let (sender, steps) = mpsc::channel();
    let thread = thread::Builder::new().name(THREAD.to_owned());
    if let Err(error) = thread.spawn(move || run(&steps)) {
        log::error!("nothing can be highlighted error={error}");
    }
    sender
}

fn run(steps: &mpsc::Receiver<WorkerJob>) {
    let mut state = Progress::New;
    for WorkerJob { shared, fence, permit, end } in steps {
        if let Some(end) = end {
            let finished = shared.read_all(&fence, state);
            drop(permit);
            return drop(end.send(finished));
        }
        state = shared.read(&fence, state);
    }
}

impl Shared {
    /// Starts to read a block; `None` where its language is not known.
    fn begin(&self, fence: &CodeBlock) -> Option<Box<IncrementalHighlight>> {
        let grammar = self.grammars().get_or_insert_default().of_fence(fence)?;
        Some(Box::new(IncrementalHighlight::new(fence, grammar)))
    }

    /// Reads what has been added to a block.
    fn read(&self, fence: &CodeBlock, before: Progress) -> Progress {
        let (begun, spent) = match before {
            Progress::New => (self.begin(fence), Duration::ZERO),
            Progress::Read(reading, spent) => (Some(reading), spent),
            Progress::Lost => (None, Duration::ZERO),
        };
        let Some(mut reading) = begun else { return Progress::Lost };
        let start = Instant::now();
        let ((), is_whole) = self.with_budget(spent, |budget| reading.read(&fence.code, budget));
        let CodeBlock { language, .. } = fence;
        log::debug!("read ahead language={language} bytes={}", reading.bytes());
        if is_whole { Progress::Read(reading, spent + start.elapsed()) } else { Progress::Lost }
    }

    /// Reads what is left of a block.
    fn read_all(&self, fence: &CodeBlock, before: Progress) -> Option<HighlightedBlock> {
        // What ran out of time when it was read ahead has all of it again.
        let (finished, is_whole) = self.with_budget(Duration::ZERO, |budget| {
            let reading = match before {
                Progress::Read(reading, _) => reading,
                Progress::New | Progress::Lost => self.begin(fence)?,
            };
            let ahead = reading.bytes();
            Some((reading.finish(&fence.code, budget), ahead))
        });
        let (html, ahead) = finished?;
        Some(HighlightedBlock { html: handed_over(html), is_whole, ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fence, highlighter};
    use super::*;

    #[test]
    fn what_took_too_long_ahead_has_all_its_time_again() {
        let (highlighter, code) = (highlighter(), fence("rust", "let a;\n"));
        let shared = &highlighter.0;
        let spent = Progress::Read(shared.begin(&code).unwrap(), shared.settings.timeout);
        let lost = shared.read(&code, spent);
        assert!(matches!(lost, Progress::Lost));
        assert!(matches!(shared.read(&code, Progress::Lost), Progress::Lost));
        let finished = shared.read_all(&code, lost).unwrap();
        assert_eq!(finished.html, "<span class=\"keyword\">let</span> a;\n");
        assert!(finished.is_whole);
    }
}
