//! The server's side: drawings from the cache, or from a process, a few at a time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout},
};

use crate::{agent::Agents, project::Project};

use super::{
    cache::DrawingCache,
    outcome::{Drawing, PrintedLine},
    process::{self, Run, RunEnd},
    sources::{DRAWING_TIME, DrawingSource},
};

/// Processes that draw at once.
const PROCESSES: usize = 2;

/// Requests that draw or wait for it.
const MAX_REQUESTS: usize = 32;

/// Longest wait for a process.
const WAIT: Duration = Duration::from_secs(10);

/// Time for all sources of a request. A source that kills its process costs a new one.
const REQUEST: Duration = Duration::from_secs(12);

/// Bytes of drawings that are kept.
const CACHE: usize = 16 << 20; // 16 MiB

/// Makes drawings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drawings(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    agents: Agents,
    processes: Semaphore,
    requests: Semaphore,
    cache: Mutex<DrawingCache>,
}

/// Nothing was drawn, but may be later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawingsBusy {
    #[error("Many drawings are being made; try again in a moment.")]
    Busy,
    #[error("Nothing can be drawn: {0}.")]
    NotStarted(String),
}

/// What becomes of a source, and whether it would become the same again.
struct Outcome {
    drawing: Drawing,
    is_lasting: bool,
}

impl Drawings {
    /// Nothing is drawn yet.
    pub fn new(agents: Agents) -> Self {
        let processes = Semaphore::new(PROCESSES);
        let requests = Semaphore::new(MAX_REQUESTS);
        Self(Arc::new(Shared { agents, processes, requests, cache: Mutex::default() }))
    }

    /// A drawing that was made for the project and is still kept.
    pub(crate) fn kept(&self, project: &Project, hash: &str) -> Option<Arc<Drawing>> {
        self.cache().get(&project.name, hash)
    }

    /// The drawing of each source, in their order.
    ///
    /// # Errors
    /// Too much is drawn at the moment, or no process can be started.
    pub(crate) async fn draw(
        &self,
        project: &Project,
        sources: Vec<DrawingSource>,
    ) -> Result<Vec<Arc<Drawing>>, DrawingsBusy> {
        let mut batch: Vec<Item> = sources.into_iter().map(Item::new).collect();
        self.take_kept(project, &mut batch);
        if batch.iter().any(|item| item.drawing.is_none()) {
            let _request = self.0.requests.try_acquire().map_err(|_| DrawingsBusy::Busy)?;
            let _process = match timeout(WAIT, self.0.processes.acquire()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(DrawingsBusy::Busy),
            };
            // Somebody else may have asked for the same.
            self.take_kept(project, &mut batch);
            self.draw_missing(project, &mut batch).await?;
        }
        let late = || Arc::new(Drawing::failed("There was no time left to draw this."));
        Ok(batch.into_iter().map(|item| item.drawing.unwrap_or_else(late)).collect())
    }

    fn take_kept(&self, project: &Project, batch: &mut [Item]) {
        let cache = self.cache();
        for item in batch.iter_mut().filter(|item| item.drawing.is_none()) {
            item.drawing = cache.get(&project.name, &item.hash);
        }
    }

    /// Draws what is missing. A source that ends its process does not take the others with it.
    async fn draw_missing(
        &self,
        project: &Project,
        batch: &mut [Item],
    ) -> Result<(), DrawingsBusy> {
        let deadline = Instant::now() + REQUEST;
        while Instant::now() < deadline {
            let mut missing: Vec<&mut Item> =
                batch.iter_mut().filter(|item| item.drawing.is_none()).collect();
            let asked: Vec<DrawingSource> =
                missing.iter().map(|item| item.source.clone()).collect();
            if asked.is_empty() {
                break;
            }
            let run = process::run(&self.0.agents, project, &asked).await;
            let run = run.map_err(DrawingsBusy::NotStarted)?;
            // Reading the largest drawings takes a while.
            let outcomes = spawn_blocking(move || outcomes(run, &asked)).await;
            let outcomes = outcomes.map_err(|it| DrawingsBusy::NotStarted(it.to_string()))?;
            for (item, Outcome { drawing, is_lasting }) in missing.iter_mut().zip(outcomes) {
                let drawing = Arc::new(drawing);
                if is_lasting {
                    let (hash, kept) = (item.hash.clone(), Arc::clone(&drawing));
                    self.cache().insert(&project.name, hash, kept, CACHE);
                }
                item.drawing = Some(drawing);
            }
        }
        Ok(())
    }

    fn cache(&self) -> MutexGuard<'_, DrawingCache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One source of a request.
struct Item {
    source: DrawingSource,
    hash: String,
    drawing: Option<Arc<Drawing>>,
}

impl Item {
    fn new(source: DrawingSource) -> Self {
        let refused = source.refusal().map(|words| Arc::new(Drawing::failed(&words)));
        Self { hash: source.hash(), source, drawing: refused }
    }
}

/// What a run made of the sources that it came to, in their order; of at least one.
fn outcomes(run: Run, sources: &[DrawingSource]) -> Vec<Outcome> {
    let Run { lines, end } = run;
    let n_lines = lines.len();
    let mut outcomes: Vec<Outcome> = lines
        .into_iter()
        .zip(sources)
        .map(|(line, source)| Outcome { drawing: Drawing::of(line, source), is_lasting: true })
        .collect();
    // A machine that is busy now may have time later.
    let (words, is_lasting) = match end {
        RunEnd::Complete => return outcomes,
        RunEnd::TimedOut => (format!("it takes longer than {} s", DRAWING_TIME.as_secs()), false),
        RunEnd::Died(words) => (words, true),
    };
    if let Some(source) = sources.get(n_lines) {
        log::info!("a drawing failed reason={words:?}");
        let drawing = Drawing::of(PrintedLine::Failed(words), source);
        outcomes.push(Outcome { drawing, is_lasting });
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula(source: &str) -> DrawingSource {
        DrawingSource::Formula { source: source.to_owned(), display: false }
    }

    fn words(outcome: &Outcome) -> String {
        match &outcome.drawing {
            Drawing::Failed(words) => words.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_source_that_ended_a_run_is_told_why_and_those_after_it_are_drawn_again() {
        let sources = ["a", "b", "c"].map(formula);
        let lines = || vec![PrintedLine::Formula("<math><mi>a</mi></math>".to_owned())];
        let died = Run { lines: lines(), end: RunEnd::Died("it fell".to_owned()) };
        let found = outcomes(died, &sources);
        assert_eq!(found.len(), 2);
        assert!(matches!(found[0].drawing, Drawing::Formula(_)) && found[0].is_lasting);
        assert_eq!(words(&found[1]), "This formula cannot be drawn: it fell.");
        assert!(found[1].is_lasting);
        let late = outcomes(Run { lines: lines(), end: RunEnd::TimedOut }, &sources);
        assert_eq!(words(&late[1]), "This formula cannot be drawn: it takes longer than 2 s.");
        assert!(!late[1].is_lasting, "a busy machine may have time later");
    }
}
