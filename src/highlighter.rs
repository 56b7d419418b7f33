//! Colours of code for whoever waits for them: highlighted where blocking is allowed, a few at a time,
//! within limits, and kept for a while. What [`render::code`](crate::render::code) does, this does in time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::sync::Semaphore;

use crate::{
    config::settings::HighlightingSettings,
    render::code::{self, Fence, Patience},
};

/// Blocks of answers that are highlighted at once.
const BLOCKS: usize = 2;

/// Pages of files that are highlighted at once: those of answers do not wait for them.
const PAGES: usize = 1;

/// Highlights code. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Highlighter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: HighlightingSettings,
    blocks: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

/// Coloured blocks, the oldest of which make room.
#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<Arc<Fence>, Arc<str>>,
    order: VecDeque<Arc<Fence>>,
    bytes: usize,
}

/// A page of a file.
#[derive(Debug)]
pub struct Page {
    /// The file's language, as [`code::of_path`] has it.
    pub language: Option<&'static str>,
    /// What stands before the page.
    pub before: String,
    /// The page.
    pub shown: Arc<str>,
}

impl Highlighter {
    /// A highlighter that keeps to these limits.
    pub fn new(settings: &HighlightingSettings) -> Self {
        Self(Arc::new(Shared {
            settings: settings.clone(),
            blocks: Arc::new(Semaphore::new(BLOCKS)),
            pages: Arc::new(Semaphore::new(PAGES)),
            kept: Mutex::default(),
        }))
    }

    /// A block of code as HTML with its colours; `None` where it stays plain.
    pub async fn block(&self, fence: Arc<Fence>) -> Option<Arc<str>> {
        let shared = Arc::clone(&self.0);
        if fence.code.len() > shared.settings.block_bytes {
            return None;
        }
        if let Some(known) = shared.kept(|kept| kept.blocks.get(&fence).cloned()) {
            return Some(known);
        }
        let permit = Arc::clone(&shared.blocks).acquire_owned().await.ok()?;
        let highlighted = tokio::task::spawn_blocking(move || {
            // Its own: who waits for the colours may leave, and the work goes on.
            let _permit = permit;
            let (html, is_whole) = shared.patiently(|patience| code::block(&fence, patience));
            let html: Arc<str> = html?.into();
            if is_whole {
                let most = shared.settings.kept_bytes;
                shared.kept(|kept| kept.keep(fence, Arc::clone(&html), most));
            }
            Some(html)
        });
        highlighted.await.unwrap_or_else(|error| {
            log::error!("highlighting failed error={error}");
            None
        })
    }

    /// Each line of a page as HTML with its colours, as far as the limits allow.
    pub async fn page(&self, page: Page) -> Vec<String> {
        let shared = Arc::clone(&self.0);
        let shown = Arc::clone(&page.shown);
        let permit = Arc::clone(&shared.pages).acquire_owned().await;
        let highlighted = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let Page { language, before, shown } = page;
            let most = shared.settings.file_bytes;
            let language = language.filter(|_| shown.len() <= most);
            let before = last_lines(&before, most.saturating_sub(shown.len()));
            shared.patiently(|patience| code::lines(before, &shown, language, patience)).0
        });
        highlighted.await.unwrap_or_else(|error| {
            log::error!("highlighting failed error={error}");
            let mut patience = Patience { line_bytes: 0, goes_on: &mut || false };
            code::lines("", &shown, None, &mut patience)
        })
    }
}

impl Shared {
    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs it within the limits. Whether they were wide enough.
    fn patiently<T>(&self, run: impl FnOnce(&mut Patience<'_>) -> T) -> (T, bool) {
        let end = Instant::now() + self.settings.timeout;
        let mut is_whole = true;
        let mut goes_on = || {
            is_whole &= Instant::now() < end;
            is_whole
        };
        let line_bytes = self.settings.line_bytes;
        let done = run(&mut Patience { line_bytes, goes_on: &mut goes_on });
        (done, is_whole)
    }
}

impl Kept {
    fn keep(&mut self, fence: Arc<Fence>, html: Arc<str>, most: usize) {
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

fn size(fence: &Fence, html: &str) -> usize {
    fence.language.len() + fence.code.len() + html.len()
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

    fn highlighter() -> Highlighter {
        Highlighter::new(&HighlightingSettings {
            block_bytes: 100,
            file_bytes: 100,
            line_bytes: 50,
            timeout: Duration::from_secs(60),
            kept_bytes: 200,
        })
    }

    fn fence(language: &str, code: &str) -> Arc<Fence> {
        Arc::new(Fence { language: language.to_owned(), code: code.to_owned() })
    }

    #[actix::test]
    async fn a_block_is_coloured_once_and_the_oldest_makes_room() {
        let highlighter = highlighter();
        let one = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
        assert_eq!(*one, *"<span class=\"keyword\">let</span> a;\n");
        let again = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        for number in 0..9 {
            highlighter.block(fence("rust", &format!("let a{number};\n"))).await.unwrap();
            highlighter.0.kept(|kept| assert!(kept.bytes <= 200 && !kept.blocks.is_empty()));
        }
        let later = highlighter.block(fence("rust", "let a;\n")).await.unwrap();
        assert!(!Arc::ptr_eq(&one, &later));
        highlighter.0.kept(|kept| {
            let bytes = kept.blocks.iter().map(|(fence, html)| size(fence, html)).sum::<usize>();
            assert_eq!((kept.bytes, kept.order.len()), (bytes, kept.blocks.len()));
        });
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
        highlighter.0.kept(|kept| assert!(kept.blocks.is_empty()));
    }

    #[actix::test]
    async fn a_page_knows_the_lines_before_it_as_far_as_there_is_room() {
        let highlighter = highlighter();
        let page = |before: &str, shown: &str| Page {
            language: Some("Rust"),
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
