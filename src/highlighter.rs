//! Colours of code for whoever waits for them: highlighted on threads of their own, a few at a time,
//! within limits, and kept for a while. What [`markdown::code`](crate::markdown::code) does, this does in time.
//!
//! A block that still grows is read ahead, so that little is left to do when it is closed.
//!
//! Grammars take much memory once they are used, and all of it goes when nothing has been highlighted for
//! a while. The C library gives memory back only where nothing else stands in its midst: so each job
//! has a thread that ends with it, and whatever a job leaves behind goes together.

mod cache;
mod prefetch;
mod worker;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::settings::HighlightingSettings,
    markdown::code::{self, Budget, CodeBlock, Grammars},
};

use cache::BlockCache;
use prefetch::PrefetchedBlocks;
use worker::{HighlightedBlock, WorkerJob};

/// Bytes of a piece of memory that no thread keeps for itself.
const LARGE: usize = 4096;

/// The name of the threads.
const THREAD: &str = "colours";

/// Blocks of answers that are highlighted at once.
const BLOCKS: usize = 2;

/// Blocks that are read ahead at once: those that are closed do not wait for them.
const AHEAD: usize = 1;

/// Pages of files that are highlighted at once: blocks do not wait for them.
const PAGES: usize = 1;

/// What takes this much longer than it may is waited for no more.
const GRACE: Duration = Duration::from_secs(5);

/// Highlights code. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Highlighter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: HighlightingSettings,
    blocks: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    /// Held while one is unpacked, and so only on threads that may wait.
    grammars: Mutex<Option<Grammars>>,
    memory: Mutex<Memory>,
}

/// What is kept besides the grammars.
#[derive(Debug, Default)]
struct Memory {
    kept: BlockCache,
    ahead: PrefetchedBlocks,
    /// When something was highlighted last; `None` where nothing is kept.
    used: Option<Instant>,
}

/// A page of a file.
#[derive(Debug)]
pub struct HighlightRequest {
    /// The file's path, which tells its language.
    pub path: PathBuf,
    /// The file's first line, which may tell it too.
    pub first_line: String,
    /// What stands before the page.
    pub before: String,
    /// The page.
    pub shown: Arc<str>,
}

impl Highlighter {
    /// A highlighter that keeps to these limits.
    pub(crate) fn new(settings: &HighlightingSettings) -> Self {
        Self(Arc::new(Shared {
            settings: settings.clone(),
            blocks: Arc::new(Semaphore::new(BLOCKS)),
            ahead: Arc::new(Semaphore::new(AHEAD)),
            pages: Arc::new(Semaphore::new(PAGES)),
            grammars: Mutex::default(),
            memory: Mutex::default(),
        }))
    }

    /// A block of code as HTML with its colours; `None` where it stays plain.
    pub async fn block(&self, fence: Arc<CodeBlock>) -> Option<Arc<str>> {
        let shared = &self.0;
        if fence.code.len() > shared.settings.block_bytes {
            return None;
        }
        if let Some(known) = shared.memory().kept.find(&fence) {
            return Some(known);
        }
        self.is_used();
        let HighlightedBlock { html, is_whole, .. } = self.finish(&fence).await?;
        // Made here: nothing that stays longer may stand where a job had its memory.
        let html: Arc<str> = html.into();
        if is_whole {
            let most = shared.settings.cache_bytes;
            shared.memory().kept.keep(fence, Arc::clone(&html), most);
        }
        Some(html)
    }

    /// Reads a block ahead that is not closed yet, as far as its lines are whole; nothing happens while
    /// another is being read. When it has grown it is read on, and [`block`](Self::block) has little left
    /// to do.
    pub fn prefetch(&self, fence: Arc<CodeBlock>) {
        let shared = Arc::clone(&self.0);
        if fence.code.is_empty() || fence.code.len() > shared.settings.block_bytes {
            return;
        }
        let Ok(permit) = Arc::clone(&shared.ahead).try_acquire_owned() else { return };
        let Some(reader) = shared.memory().ahead.grown(&fence) else { return };
        self.is_used();
        drop(reader.send(WorkerJob { shared, fence, permit, end: None }));
    }

    /// Reads what is left of a block that may have been read ahead.
    async fn finish(&self, fence: &Arc<CodeBlock>) -> Option<HighlightedBlock> {
        let shared = Arc::clone(&self.0);
        let begun = shared.memory().ahead.closed(fence);
        let permit = Arc::clone(&shared.blocks).acquire_owned().await.ok()?;
        let reader = begun.unwrap_or_else(worker::start);
        let (end, finished) = oneshot::channel();
        let start = Instant::now();
        drop(reader.send(WorkerJob { shared, fence: Arc::clone(fence), permit, end: Some(end) }));
        let finished = self.in_time(finished).await?.ok()??;
        let CodeBlock { language, code } = &**fence;
        let (bytes, ahead, ms) = (code.len(), finished.ahead, start.elapsed().as_millis());
        log::debug!("highlighted language={language} bytes={bytes} ahead={ahead} ms={ms}");
        Some(finished)
    }

    /// Each line of a page as HTML with its colours, as far as the limits allow.
    pub async fn page(&self, page: HighlightRequest) -> Vec<String> {
        let shared = Arc::clone(&self.0);
        let shown = Arc::clone(&page.shown);
        self.is_used();
        let permit = Arc::clone(&shared.pages).acquire_owned().await;
        let highlighted = apart(move || {
            let _permit = permit;
            let HighlightRequest { path, first_line, before, shown } = page;
            let most = shared.settings.file_bytes;
            let mut grammar = None;
            if shown.len() <= most {
                let mut grammars = shared.grammars();
                grammar = grammars.get_or_insert_default().of_path(&path, &first_line);
            }
            let before = last_lines(&before, most.saturating_sub(shown.len()));
            let (lines, _) = shared
                .with_budget(Duration::ZERO, |budget| code::lines(before, &shown, grammar, budget));
            handed_over(lines.join("\n"))
        });
        let highlighted = self.in_time(highlighted).await.and_then(Result::ok);
        let lines = highlighted.map(|lines| lines.split('\n').map(str::to_owned).collect());
        lines.unwrap_or_else(|| {
            let mut budget = Budget { line_bytes: 0, has_time: &mut || false };
            code::lines("", &shown, None, &mut budget)
        })
    }

    /// Waits for what ends by itself when its time is over. A grammar may go in circles within a line,
    /// where it is not asked: nobody waits for that.
    async fn in_time<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        let ended = tokio::time::timeout(self.0.settings.timeout + GRACE, waiting).await;
        ended.inspect_err(|_| log::error!("highlighting does not end")).ok()
    }

    /// Notes that something is highlighted now, and lets everything go some time after the last.
    fn is_used(&self) {
        if self.0.memory().used.replace(Instant::now()).is_none() {
            tokio::spawn(when_unused(Arc::downgrade(&self.0)));
        }
    }
}

/// Lets everything go once nothing has been highlighted for long enough.
async fn when_unused(shared: Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let keep = shared.settings.idle_timeout;
        let unused = shared.memory().used.map_or(keep, |used| used.elapsed());
        if unused >= keep {
            return shared.let_go();
        }
        drop(shared);
        tokio::time::sleep(keep - unused).await;
    }
}

/// Runs it on a thread that ends with it, whether anybody waits for it or not. Gives nothing where it
/// panics.
fn apart<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().name(THREAD.to_owned());
    if let Err(error) = thread.spawn(move || drop(sender.send(run()))) {
        log::error!("nothing can be highlighted error={error}");
    }
    receiver
}

/// What a job hands to another thread. That thread would keep a small piece of memory for itself when it
/// is done with it, and what stands below it could not be given back.
fn handed_over(mut text: String) -> String {
    text.reserve_exact(LARGE.saturating_sub(text.len()));
    text
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grammars(&self) -> MutexGuard<'_, Option<Grammars>> {
        self.grammars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs it within the limits, some of the time being `spent`. Whether they were wide enough.
    fn with_budget<T>(&self, spent: Duration, run: impl FnOnce(&mut Budget<'_>) -> T) -> (T, bool) {
        let end = Instant::now() + self.settings.timeout.saturating_sub(spent);
        let mut is_whole = true;
        let mut has_time = || {
            is_whole &= Instant::now() < end;
            is_whole
        };
        let line_bytes = self.settings.line_bytes;
        let done = run(&mut Budget { line_bytes, has_time: &mut has_time });
        (done, is_whole)
    }

    /// Lets go what jobs have left behind; a job that still runs keeps its own a little longer.
    fn let_go(self: Arc<Self>) {
        let mut memory = self.memory();
        memory.used = None;
        let ahead = std::mem::take(&mut memory.ahead);
        drop(memory);
        drop(apart(move || {
            drop(ahead);
            let grammars = self.grammars().take();
            drop(grammars);
            log::debug!("let go of grammars");
        }));
    }
}

/// The last lines of a text that are whole and have at most `most` bytes together.
fn last_lines(text: &str, most: usize) -> &str {
    let Some(cut) = text.len().checked_sub(most).filter(|cut| *cut > 0) else { return text };
    let newline = text.as_bytes().iter().skip(cut - 1).position(|byte| *byte == b'\n');
    newline.and_then(|at| text.get(cut + at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    pub(super) fn highlighter() -> Highlighter {
        Highlighter::new(&HighlightingSettings {
            block_bytes: 100,
            file_bytes: 100,
            line_bytes: 50,
            timeout: Duration::from_secs(60),
            cache_bytes: 200,
            idle_timeout: Duration::from_secs(60),
        })
    }

    pub(super) fn fence(language: &str, code: &str) -> Arc<CodeBlock> {
        Arc::new(CodeBlock { language: language.to_owned(), code: code.to_owned() })
    }

    #[actix::test]
    async fn a_block_is_coloured_once() {
        let highlighter = highlighter();
        let one = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
        assert_eq!(*one, *"<span class=\"keyword\">let</span> a;\n");
        let again = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
        assert!(Arc::ptr_eq(&one, &again));
    }

    #[actix::test]
    async fn what_is_unknown_or_too_long_stays_plain() {
        let highlighter = highlighter();
        assert_eq!(highlighter.block(fence("klingon", "let a;\n")).await, None);
        assert_eq!(highlighter.block(fence("rust", &"let a;\n".repeat(15))).await, None);
        let long = highlighter.block(fence("rust", &format!("let {};\n", "a".repeat(50)))).await;
        assert!(!long.unwrap().contains('<'));
    }

    #[actix::test]
    async fn colouring_ends_with_its_time() {
        let Highlighter(shared) = highlighter();
        let mut shared = Arc::into_inner(shared).unwrap();
        shared.settings.timeout = Duration::ZERO;
        let highlighter = Highlighter(Arc::new(shared));
        assert_eq!(*highlighter.block(fence("rust", "let a;\n")).await.unwrap(), *"let a;\n");
        assert_eq!(highlighter.0.memory().kept.find(&fence("rust", "let a;\n")), None);
    }

    /// Has a block read ahead, and waits for it.
    async fn ahead(highlighter: &Highlighter, language: &str, code: &str) {
        highlighter.prefetch(fence(language, code));
        drop(highlighter.0.ahead.acquire().await.unwrap());
    }

    #[actix::test]
    async fn a_block_that_was_read_ahead_has_the_same_colours() {
        let code = "let a = \"b\n\nc\"; // d\n/* e\n*/ f!();\n";
        let whole = highlighter().block(fence("rust", code)).await.unwrap();
        for (first, then, read) in
            [(9, 12, 12), (10, 19, 12), (19, 24, 21), (24, 25, 21), (35, 35, 35), (12, 9, 12)]
        {
            let highlighter = highlighter();
            ahead(&highlighter, "rust", &code[..first]).await;
            ahead(&highlighter, "rust", &code[..then]).await;
            let finished = highlighter.finish(&fence("rust", code)).await.unwrap();
            assert_eq!((finished.html.as_str(), finished.ahead), (&*whole, read), "{first} {then}");
        }
    }

    #[actix::test]
    async fn what_was_replaced_is_read_anew_and_what_was_finished_is_gone() {
        let highlighter = highlighter();
        ahead(&highlighter, "rust", "a;\n").await;
        ahead(&highlighter, "rust", "b;\nc;\n").await;
        for (language, code, read) in [
            ("rust", "b;\nd;\n", 0),
            ("rust", "b;\nc;\n", 6),
            ("rust", "b;\nc;\n", 0),
            ("py", "a;\n", 0),
        ] {
            let finished = highlighter.finish(&fence(language, code)).await.unwrap();
            assert_eq!(finished.ahead, read, "{code:?}");
        }
    }

    #[actix::test]
    async fn what_cannot_be_coloured_is_not_read_ahead() {
        let highlighter = highlighter();
        for (language, code) in [("klingon", "a\n"), ("rust", &"let a;\n".repeat(15)), ("rust", "")]
        {
            ahead(&highlighter, language, code).await;
            ahead(&highlighter, language, &format!("{code}a\n")).await;
        }
        assert!(highlighter.finish(&fence("klingon", "a\na\n")).await.is_none());
        assert_eq!(highlighter.finish(&fence("rust", "a\n")).await.unwrap().ahead, 2);
    }

    #[actix::test]
    async fn a_block_that_closes_while_it_is_read_ahead_is_not_read_twice() {
        let highlighter = highlighter();
        let code = fence("rust", "let a = \"b\nc\";\n");
        highlighter.prefetch(Arc::clone(&code));
        assert_eq!(highlighter.finish(&code).await.unwrap().ahead, code.code.len());
    }

    #[actix::test]
    async fn everything_goes_when_nothing_has_been_highlighted_for_a_while() {
        let Highlighter(shared) = highlighter();
        let mut shared = Arc::into_inner(shared).unwrap();
        shared.settings.idle_timeout = Duration::ZERO;
        let highlighter = Highlighter(Arc::new(shared));
        for _ in 0..2 {
            let html = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
            assert!(html.contains("keyword"));
            highlighter.prefetch(fence("rust", "let b;\n"));
            let is_there = || {
                let has_grammars = highlighter.0.grammars().is_some();
                let memory = highlighter.0.memory();
                has_grammars || memory.used.is_some() || memory.ahead.has_any()
            };
            while is_there() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[actix::test]
    async fn a_page_knows_the_lines_before_it_as_far_as_there_is_room() {
        let highlighter = highlighter();
        let page = |before: &str, shown: &str| HighlightRequest {
            path: "a.rs".into(),
            first_line: String::new(),
            before: before.to_owned(),
            shown: shown.into(),
        };
        let comment = ["<span class=\"comment\">let a;</span>"];
        let code = ["<span class=\"keyword\">let</span> a;"];
        assert_eq!(highlighter.page(page("/*\n", "let a;")).await, comment);
        assert_eq!(
            highlighter.page(page(&format!("/*{}", "\n".repeat(90)), "let a;")).await,
            comment
        );
        assert_eq!(highlighter.page(page(&format!("/*{}", "\n".repeat(99)), "let a;")).await, code);
        let long = "let a;\n".repeat(20);
        let plain = highlighter.page(page("", &long)).await;
        assert_eq!(plain.join("\n"), long);
    }

    #[test]
    fn the_last_lines_are_whole() {
        for (most, expected) in
            [(0, ""), (2, ""), (3, "cc\n"), (5, "cc\n"), (6, "bb\ncc\n"), (9, "aa\nbb\ncc\n")]
        {
            assert_eq!(last_lines("aa\nbb\ncc\n", most), expected, "{most}");
        }
        assert_eq!(last_lines("ü\nü\n", 4), "ü\n");
    }
}
