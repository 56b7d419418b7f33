//! Highlighting of code in answers: the server asks the reader of the project and keeps the results.
//!
//! A block is told to the reader while it still grows, so that little is left to do when it closes.
//! Only what was added is told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Semaphore;

use crate::{
    markdown::code::CodeBlock,
    project::{Project, ProjectName},
};

use super::{
    Readers,
    cache::BlockCache,
    checks,
    protocol::{GrownCode, HighlightedCode, ReaderError},
    questions::CodeAnswer,
};

/// Growing blocks that are remembered.
const MAX_BLOCKS: usize = 16;

/// Growing blocks that are told at once.
const TOLD_AT_ONCE: usize = 2;

/// Closed blocks that one project's reader is asked about at once; others wait for their turn, as when
/// a long conversation is opened.
const CLOSED_AT_ONCE: usize = 8;

/// Highlights the code of answers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeHighlighter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    readers: Readers,
    cache: Mutex<BlockCache>,
    /// In the order of their growth, the latest last.
    told: Mutex<Vec<ToldBlock>>,
    permits: Arc<Semaphore>,
    /// Of each project, for closed blocks.
    closed_permits: Mutex<HashMap<ProjectName, Arc<Semaphore>>>,
    next: AtomicU64,
}

/// A growing block as far as its reader has it.
#[derive(Debug, Clone)]
struct ToldBlock {
    id: u64,
    project: ProjectName,
    block: Arc<CodeBlock>,
}

impl CodeHighlighter {
    /// Nothing is kept yet.
    pub fn new(readers: Readers) -> Self {
        Self(Arc::new(Shared {
            readers,
            cache: Mutex::default(),
            told: Mutex::default(),
            permits: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
            closed_permits: Mutex::default(),
            next: AtomicU64::new(1),
        }))
    }

    /// The highlighted HTML of a closed block; `None` if it stays plain.
    pub(crate) async fn block(&self, project: Project, block: Arc<CodeBlock>) -> Option<Arc<str>> {
        if block.code.len() > self.0.readers.settings().highlighting.block_bytes {
            return None;
        }
        if let Some(cached) = self.cache().get(&block) {
            return Some(cached);
        }
        let permits = self.closed_permits(&project.name);
        let _permit = permits.acquire().await.ok()?;
        // The same block may have been highlighted meanwhile.
        if let Some(cached) = self.cache().get(&block) {
            return Some(cached);
        }
        let told = self.take(&project.name, &block);
        let highlighted = self.ask(&project, &block, told, true).await;
        let highlighted = highlighted.unwrap_or_else(|error| {
            log::warn!("code stays plain project={} error={error}", project.name);
            None
        });
        let HighlightedCode { html, is_whole } = highlighted?;
        if !checks::is_highlighted(&html, &block.code) {
            log::error!("code stays plain: {}", self.0.readers.on_nonsense(&project));
            return None;
        }
        let html: Arc<str> = html.into();
        if is_whole {
            let most = self.0.readers.settings().highlighting.cache_bytes;
            self.cache().insert(block, Arc::clone(&html), most);
        }
        Some(html)
    }

    /// Tells the reader how far a block that is still open has grown. Does nothing while others are
    /// told.
    pub(crate) fn prefetch(&self, project: &Project, block: Arc<CodeBlock>) {
        if block.code.is_empty()
            || block.code.len() > self.0.readers.settings().highlighting.block_bytes
        {
            return;
        }
        let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() else { return };
        let told = self.take(&project.name, &block);
        if let Some(told) = told.as_ref().filter(|told| told.block.code.len() == block.code.len()) {
            return self.remember(told.clone());
        }
        let (highlighter, project) = (self.clone(), project.clone());
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = highlighter.ask(&project, &block, told, false).await {
                log::debug!("cannot highlight ahead project={} error={error}", project.name);
            }
        });
    }

    /// Tells the reader what it does not have of a block, or all of it.
    async fn ask(
        &self,
        project: &Project,
        block: &Arc<CodeBlock>,
        told: Option<ToldBlock>,
        is_closed: bool,
    ) -> Result<Option<HighlightedCode>, ReaderError> {
        let id =
            told.as_ref().map_or_else(|| self.0.next.fetch_add(1, Ordering::Relaxed), |it| it.id);
        let mut from = told.map_or(0, |told| told.block.code.len());
        loop {
            let added = block.code.get(from..).unwrap_or_default().to_owned();
            let grown = GrownCode { block: id, language: block.language.clone(), from, added };
            match self.0.readers.code(project, grown, is_closed).await? {
                CodeAnswer::Known(code) if is_closed => return Ok(code),
                CodeAnswer::Known(_) => {
                    let (project, block) = (project.name.clone(), Arc::clone(block));
                    self.remember(ToldBlock { id, project, block });
                    return Ok(None);
                }
                CodeAnswer::Unknown if from > 0 => from = 0,
                CodeAnswer::Unknown => return Err(self.0.readers.on_nonsense(project)),
            }
        }
    }

    /// Forgets and returns the longest block that `block` is or has grown from.
    fn take(&self, project: &ProjectName, block: &CodeBlock) -> Option<ToldBlock> {
        let mut told = self.told();
        let is_before = |it: &ToldBlock| it.project == *project && block.continues(&it.block);
        let known = told.iter().enumerate().filter(|(_, known)| is_before(known));
        let (at, _) = known.max_by_key(|(_, known)| known.block.code.len())?;
        Some(told.remove(at))
    }

    fn remember(&self, block: ToldBlock) {
        let mut told = self.told();
        if told.len() >= MAX_BLOCKS {
            told.remove(0);
        }
        told.push(block);
    }

    fn closed_permits(&self, project: &ProjectName) -> Arc<Semaphore> {
        let mut all = self.0.closed_permits.lock().unwrap_or_else(PoisonError::into_inner);
        let of_project = all.entry(project.clone());
        Arc::clone(of_project.or_insert_with(|| Arc::new(Semaphore::new(CLOSED_AT_ONCE))))
    }

    fn cache(&self) -> MutexGuard<'_, BlockCache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Vec<ToldBlock>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
