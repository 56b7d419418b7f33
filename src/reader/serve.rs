//! The reader's own process: reads requests from stdin and writes answers to stdout, as they come.
//!
//! Every request runs by itself, so that a slow one delays no other.

mod code_parts;
mod files;
mod find_in_file;
mod grown_code;
mod history_tools;
mod symbols;
mod text_search;
mod tools;
mod uses;

use std::{
    io::{self, Write as _},
    sync::Arc,
    thread,
    time::Duration,
};

use log::LevelFilter;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use crate::{highlighter::Highlighter, policy::InvalidSecret, tools::SEARCH};

use files::ReadableFiles;
use grown_code::GrownCodes;

use super::protocol::{
    AnswerFrame, HighlightedCode, INDEX_WAIT, PageOf, ReadPage, ReaderAnswer, ReaderPlan,
    ReaderRequest, RequestFrame,
};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "reader";

/// Threads for requests.
const THREADS: usize = 32;

/// Requests for whole files that run at once; each may take several times the largest file.
const MAX_READS: usize = 4;

/// Questions to the index that run or wait for it at once.
const MAX_SEARCHES: usize = 8;

/// Calls of tools that need no index, and may read every file, that run at once.
const MAX_LOOKUPS: usize = 4;

/// Answers that may wait to be written.
const OUTPUT_LINES: usize = 16;

/// Why a reader ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The plan is not what the server of the same version writes.
    #[error("the plan of the reader is not valid: {0}")]
    Plan(#[from] serde_json::Error),
    /// A glob of secret files is invalid.
    #[error(transparent)]
    Secrets(#[from] InvalidSecret),
    /// It cannot run, or its input cannot be read.
    #[error("the reader cannot go on: {0}")]
    Io(#[from] io::Error),
}

/// Answers requests from stdin on stdout until stdin ends. `plan` is the project and the limits;
/// `set_up_log` is called with the level that the server logs.
///
/// # Errors
/// The plan is not valid, or stdin cannot be read.
pub fn run(plan: &str, set_up_log: impl FnOnce(LevelFilter)) -> Result<(), ServeError> {
    let plan: ReaderPlan = serde_json::from_str(plan)?;
    set_up_log(plan.log.parse().unwrap_or(LevelFilter::Warn));
    let reader = Arc::new(ProjectReader {
        highlighter: Highlighter::new(&plan.limits.highlighting()),
        codes: GrownCodes::default(),
        reads: Semaphore::new(MAX_READS),
        searches: Semaphore::new(MAX_SEARCHES),
        lookups: Semaphore::new(MAX_LOOKUPS),
        tool_wait: plan.limits.index_wait,
        files: Arc::new(ReadableFiles::new(plan)?),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(THREADS)
        .build()?;
    let served = runtime.block_on(serve(&reader));
    // A request may never end.
    runtime.shutdown_background();
    Ok(served?)
}

async fn serve(reader: &Arc<ProjectReader>) -> io::Result<()> {
    let output = writer()?;
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        let RequestFrame { id, request } = serde_json::from_slice(&line)?;
        line.clear();
        line.shrink_to(OUTPUT_LINES << 10);
        let (reader, output) = (Arc::clone(reader), output.clone());
        tokio::spawn(async move {
            let answered = tokio::spawn(async move { reader.answer(request).await }).await;
            let answer = answered.unwrap_or_else(|error| ReaderAnswer::Failed(error.to_string()));
            // The server is gone if nobody takes it.
            output.send(AnswerFrame { id, answer }).await.ok();
        });
    }
    Ok(())
}

/// Starts the thread that writes answers.
fn writer() -> io::Result<mpsc::Sender<AnswerFrame>> {
    let (sender, mut answers) = mpsc::channel::<AnswerFrame>(OUTPUT_LINES);
    let write = move || -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        while let Some(answer) = answers.blocking_recv() {
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            stdout.write_all(&line)?;
            stdout.flush()?;
        }
        Ok(())
    };
    thread::Builder::new().name("answers".to_owned()).spawn(write)?;
    Ok(sender)
}

/// What answers the requests.
struct ProjectReader {
    files: Arc<ReadableFiles>,
    highlighter: Highlighter,
    codes: GrownCodes,
    reads: Semaphore,
    searches: Semaphore,
    lookups: Semaphore,
    tool_wait: Duration,
}

impl ProjectReader {
    async fn answer(&self, request: ReaderRequest) -> ReaderAnswer {
        match request {
            ReaderRequest::Ping => ReaderAnswer::Done,
            ReaderRequest::FindFiles { query, limit } => {
                self.blocking(move |files| files.find(&query, limit)).await
            }
            ReaderRequest::Page { of, line, is_highlighted } => {
                self.page(of, line, is_highlighted).await
            }
            ReaderRequest::PrefetchCode(grown) => match self.codes.grow(grown) {
                Some(block) => {
                    self.highlighter.prefetch(block);
                    ReaderAnswer::Done
                }
                None => ReaderAnswer::UnknownCode,
            },
            ReaderRequest::HighlightCode(grown) => {
                let Some(block) = self.codes.close(grown) else { return ReaderAnswer::UnknownCode };
                let highlighted = self.highlighter.block(&block).await;
                ReaderAnswer::Code(
                    highlighted.map(|(html, is_whole)| HighlightedCode { html, is_whole }),
                )
            }
            ReaderRequest::CheckReferences { references, read } => {
                let _permit = self.reads.acquire().await;
                self.blocking(move |files| files.check_references(references, &read)).await
            }
            ReaderRequest::CompareCitations(citations) => {
                let _permit = self.reads.acquire().await;
                self.blocking(move |files| files.standings(&citations)).await
            }
            ReaderRequest::Checkouts => {
                self.limited(&self.lookups, self.tool_wait, ReadableFiles::checkouts).await
            }
            ReaderRequest::Suggest => self.blocking(ReadableFiles::suggest).await,
            ReaderRequest::FeatureStats => self.blocking(ReadableFiles::feature_stats).await,
            ReaderRequest::CheckContent { path } => {
                self.blocking(move |files| files.check_content(&path)).await
            }
            ReaderRequest::Specification { max_chars } => {
                self.blocking(move |files| files.specification(max_chars)).await
            }
            ReaderRequest::Instructions { max_chars } => {
                self.blocking(move |files| files.instructions(max_chars)).await
            }
            ReaderRequest::Answer(task) => {
                self.limited(&self.searches, INDEX_WAIT, move |files| files.answer(*task)).await
            }
            ReaderRequest::Directory { path } => {
                self.blocking(move |files| files.directory(&path)).await
            }
            ReaderRequest::FindSymbols(query) => {
                let find = move |files: &ReadableFiles| symbols::find(files, &query);
                self.limited(&self.searches, self.tool_wait, find).await
            }
            ReaderRequest::Blame { path, first, last } => {
                let blame = move |files: &ReadableFiles| symbols::blame(files, &path, first, last);
                self.limited(&self.lookups, self.tool_wait, blame).await
            }
            ReaderRequest::SearchText(step) => {
                let search = move |files: &ReadableFiles| text_search::search(files, &step);
                self.limited(&self.lookups, self.tool_wait, search).await
            }
            ReaderRequest::FindInFile { of, text } => {
                let find = move |files: &ReadableFiles| find_in_file::find(files, &of, &text);
                self.limited(&self.lookups, self.tool_wait, find).await
            }
            ReaderRequest::FindUses { name } => uses::find(self, name).await,
            ReaderRequest::CallTool(call) => {
                let permits = if call.name == SEARCH { &self.searches } else { &self.lookups };
                let call = |files: &ReadableFiles| ReaderAnswer::Tool(tools::call(files, call));
                self.limited(permits, self.tool_wait, call).await
            }
        }
    }

    /// A page, highlighted if that is asked for.
    async fn page(&self, of: PageOf, line: Option<usize>, is_highlighted: bool) -> ReaderAnswer {
        let permit = self.reads.acquire().await;
        let files = Arc::clone(&self.files);
        let read = spawn_blocking(move || files.page(&of, line, is_highlighted)).await;
        drop(permit);
        let (excerpt, unhighlighted) = match read {
            Ok(Ok(page)) => page,
            Ok(Err(refusal)) => return ReaderAnswer::Refused(refusal),
            Err(error) => return ReaderAnswer::Failed(error.to_string()),
        };
        let lines = match unhighlighted {
            Some(_) if excerpt.total_lines == 0 => Some(Vec::new()),
            Some(unhighlighted) => Some(self.highlighter.excerpt(unhighlighted).await),
            None => None,
        };
        ReaderAnswer::Page(ReadPage { excerpt, lines })
    }

    /// Does what may take long, for which other requests do not wait.
    async fn limited(
        &self,
        permits: &Semaphore,
        patience: Duration,
        work: impl FnOnce(&ReadableFiles) -> ReaderAnswer + Send + 'static,
    ) -> ReaderAnswer {
        match timeout(patience, permits.acquire()).await {
            Ok(_permit) => self.blocking(work).await,
            Err(_) => ReaderAnswer::Failed("too many wait for them at once".to_owned()),
        }
    }

    async fn blocking(
        &self,
        work: impl FnOnce(&ReadableFiles) -> ReaderAnswer + Send + 'static,
    ) -> ReaderAnswer {
        let files = Arc::clone(&self.files);
        let done = spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|error| ReaderAnswer::Failed(error.to_string()))
    }
}
