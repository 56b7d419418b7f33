//! Highlighter: syntax highlighting in the background, within limits. Runs in readers only.
//!
//! [`markdown::code`](crate::markdown::code) does the work; this module runs it on threads, a few at
//! a time. A block that still grows is highlighted ahead, so that little is left when it closes.
//!
//! Used grammars take much memory, and all of it is released once nothing has been highlighted for
//! a while. The C library returns memory to the system only in large contiguous pieces. Therefore
//! each job has a thread that ends with it, and what jobs leave behind is released together.

mod context;
mod prefetch;
mod threads;
mod worker;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::settings::HighlightingSettings,
    markdown::code::{Budget, CodeBlock, excerpt_lines},
};

use context::HighlightContext;
use prefetch::PrefetchedBlocks;
use worker::{HighlightedBlock, WorkerJob};

/// Closed blocks highlighted at once.
const CLOSED_BLOCKS: usize = 2;

/// Open blocks highlighted at once; closed ones do not wait for them.
const OPEN_BLOCKS: usize = 1;

/// Excerpts of files highlighted at once; blocks do not wait for them.
const EXCERPTS: usize = 1;

/// The wait for a job that runs when everything is to be released.
const BUSY: Duration = Duration::from_millis(100);

/// How long a job may exceed the timeout before nobody waits for it any more.
const GRACE: Duration = Duration::from_secs(5);

/// Highlights code. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Highlighter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: Arc<HighlightContext>,
    closed_permits: Arc<Semaphore>,
    open_permits: Arc<Semaphore>,
    excerpt_permits: Arc<Semaphore>,
    memory: Mutex<Memory>,
}

/// What is kept besides the grammars.
#[derive(Debug, Default)]
struct Memory {
    prefetched: PrefetchedBlocks,
    /// The last use; `None` while nothing is kept.
    used: Option<Instant>,
}

/// An excerpt of a file to highlight.
#[derive(Debug)]
pub(crate) struct HighlightRequest {
    /// The path, whose name tells the language.
    pub path: PathBuf,
    /// The first line of the file, whose interpreter may tell it too.
    pub first_line: String,
    /// The lines before the excerpt.
    pub before: String,
    pub shown: Arc<str>,
}

impl Highlighter {
    pub(crate) fn new(settings: &HighlightingSettings) -> Self {
        Self(Arc::new(Shared {
            context: Arc::new(HighlightContext::new(settings)),
            closed_permits: Arc::new(Semaphore::new(CLOSED_BLOCKS)),
            open_permits: Arc::new(Semaphore::new(OPEN_BLOCKS)),
            excerpt_permits: Arc::new(Semaphore::new(EXCERPTS)),
            memory: Mutex::default(),
        }))
    }

    /// Highlights the whole lines of a block that is still open, so that [`block`](Self::block) has
    /// little left to do. Does nothing while another open block is being highlighted.
    pub(crate) fn prefetch(&self, block: Arc<CodeBlock>) {
        if block.code.is_empty() || block.code.len() > self.settings().block_bytes {
            return;
        }
        let Ok(permit) = Arc::clone(&self.0.open_permits).try_acquire_owned() else { return };
        let Some(worker) = self.0.memory().prefetched.on_grown(&block) else { return };
        self.note_use();
        let context = Arc::clone(&self.0.context);
        drop(worker.send(WorkerJob { context, block, permit, reply: None }));
    }

    /// The highlighted HTML of a closed block, and whether the limits sufficed; `None` if it stays plain.
    pub(crate) async fn block(&self, block: &Arc<CodeBlock>) -> Option<(String, bool)> {
        if block.code.len() > self.settings().block_bytes {
            return None;
        }
        self.note_use();
        let HighlightedBlock { html, is_whole, .. } = self.finish(block).await?;
        Some((html, is_whole))
    }

    /// Highlights what is left of a closed block.
    async fn finish(&self, block: &Arc<CodeBlock>) -> Option<HighlightedBlock> {
        let prefetched = self.0.memory().prefetched.on_closed(block);
        let permit = Arc::clone(&self.0.closed_permits).acquire_owned().await.ok()?;
        let worker = prefetched.unwrap_or_else(worker::start);
        let (reply, highlighted) = oneshot::channel();
        let start = Instant::now();
        let context = Arc::clone(&self.0.context);
        let job = WorkerJob { context, block: Arc::clone(block), permit, reply: Some(reply) };
        drop(worker.send(job));
        let highlighted = self.in_time(highlighted).await?.ok()??;
        let CodeBlock { language, code } = &**block;
        let (bytes, ms) = (code.len(), start.elapsed().as_millis());
        let ahead = highlighted.prefetched_bytes;
        log::debug!("highlighted language={language} bytes={bytes} ahead={ahead} ms={ms}");
        Some(highlighted)
    }

    /// Each line of an excerpt as HTML, highlighted as far as the limits allow.
    pub(crate) async fn excerpt(&self, request: HighlightRequest) -> Vec<String> {
        let shown = Arc::clone(&request.shown);
        self.note_use();
        let permit = Arc::clone(&self.0.excerpt_permits).acquire_owned().await;
        let context = Arc::clone(&self.0.context);
        let highlighted = threads::run(move || {
            let _permit = permit;
            threads::to_hand_over(highlight_excerpt(&context, &request).join("\n"))
        });
        let highlighted = self.in_time(highlighted).await.and_then(Result::ok);
        let lines = highlighted.map(|lines| lines.split('\n').map(str::to_owned).collect());
        lines.unwrap_or_else(|| {
            let mut budget = Budget { line_bytes: 0, has_time: &mut || false };
            excerpt_lines("", &shown, None, &mut budget)
        })
    }

    /// Waits for a job, which normally ends by itself at its timeout. A grammar may loop forever
    /// within a line, where the budget is not asked: then nobody waits any longer.
    async fn in_time<T>(&self, job: impl Future<Output = T>) -> Option<T> {
        let ended = tokio::time::timeout(self.settings().timeout + GRACE, job).await;
        ended.inspect_err(|_| log::error!("highlighting does not end")).ok()
    }

    fn settings(&self) -> &HighlightingSettings {
        self.0.context.settings()
    }

    /// Notes a use. The first one starts the task that releases memory after the last.
    fn note_use(&self) {
        if self.0.memory().used.replace(Instant::now()).is_none() {
            tokio::spawn(release_when_unused(Arc::downgrade(&self.0)));
        }
    }
}

fn highlight_excerpt(context: &HighlightContext, request: &HighlightRequest) -> Vec<String> {
    let HighlightRequest { path, first_line, before, shown } = request;
    let most = context.settings().file_bytes;
    let grammar = match shown.len() <= most {
        true => context.grammars().get_or_insert_default().of_path(path, first_line),
        false => None,
    };
    let before = last_lines(before, most.saturating_sub(shown.len()));
    let (lines, _) =
        context.with_budget(Duration::ZERO, |budget| excerpt_lines(before, shown, grammar, budget));
    lines
}

/// Releases everything once nothing has been highlighted for long enough.
async fn release_when_unused(shared: Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let idle_timeout = shared.context.settings().idle_timeout;
        let unused = shared.memory().used.map_or(idle_timeout, |used| used.elapsed());
        // A job that runs would make the grammars again.
        let wait = match idle_timeout.checked_sub(unused).filter(|left| !left.is_zero()) {
            None if !shared.is_busy() => return shared.release(),
            None => BUSY,
            Some(left) => left,
        };
        drop(shared);
        tokio::time::sleep(wait).await;
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a job runs.
    fn is_busy(&self) -> bool {
        let all = [
            (&self.closed_permits, CLOSED_BLOCKS),
            (&self.open_permits, OPEN_BLOCKS),
            (&self.excerpt_permits, EXCERPTS),
        ];
        all.iter().any(|(permits, all)| permits.available_permits() < *all)
    }

    /// Drops the grammars and the prefetched blocks.
    fn release(&self) {
        let mut memory = self.memory();
        memory.used = None;
        let prefetched = std::mem::take(&mut memory.prefetched);
        drop(memory);
        let context = Arc::clone(&self.context);
        drop(threads::run(move || {
            drop(prefetched);
            let grammars = context.grammars().take();
            drop(grammars);
            log::debug!("released the grammars");
        }));
    }
}

/// The last whole lines of a text with at most `most` bytes together.
fn last_lines(text: &str, most: usize) -> &str {
    let Some(cut) = text.len().checked_sub(most).filter(|cut| *cut > 0) else { return text };
    let newline = text.as_bytes().iter().skip(cut - 1).position(|byte| *byte == b'\n');
    newline.and_then(|at| text.get(cut + at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
