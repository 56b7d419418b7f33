//! The readers of all projects: each is started on demand, and anew when it died or when another
//! directory has taken the project's place.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    agent::{Agents, process::resources::ResourceLimits},
    config::settings::Settings,
    project::{Project, ProjectName, Roots, identity::RootsIdentity},
};

use super::{
    process::{ProcessLimits, ReaderProcess},
    protocol::{ReadLimits, ReaderAnswer, ReaderError, ReaderPlan, ReaderRequest},
    serve,
};

/// Time to look at the project's directory, which may lie on a disk that does not answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Processes and threads of a reader.
const TASKS: u64 = 256;

/// Longest answer, bytes, for usual limits.
const LINE_BYTES: usize = 16 << 20; // 16 MiB

/// The longest answer, in pages: a character of a page may need six bytes in JSON, and is told as text
/// and as HTML.
const LINE_PAGES: usize = 16;

/// Starts of one request, when readers end before they can take it.
const ATTEMPTS: usize = 3;

/// Early deaths after which each further start waits.
const PATIENCE: u32 = 3;

/// A reader that lived this long has not died early.
const EARLY: Duration = Duration::from_secs(60);

/// Longest wait before a start.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Finds or starts the reader of a project. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    agents: Agents,
    settings: Arc<Settings>,
    projects: Mutex<HashMap<ProjectName, Arc<ProjectReader>>>,
    restarts: AtomicU64,
}

/// The reader of one project.
#[derive(Debug, Default)]
struct ProjectReader {
    /// Locked while it is started.
    start: tokio::sync::Mutex<()>,
    state: Mutex<ReaderState>,
}

#[derive(Debug, Default)]
struct ReaderState {
    running: Option<(RootsIdentity, Arc<ReaderProcess>)>,
    /// Early deaths in a row.
    deaths: u32,
    /// No start before, and the last death.
    next_start: Option<(Instant, String)>,
}

impl ProjectReader {
    fn state(&self) -> MutexGuard<'_, ReaderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    /// No reader runs yet.
    pub fn new(agents: Agents, settings: Arc<Settings>) -> Self {
        let (projects, restarts) = (Mutex::default(), AtomicU64::default());
        Self(Arc::new(Shared { agents, settings, projects, restarts }))
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.all().iter().filter(|reader| reader.state().running().is_some()).count()
    }

    /// Whether there is a reader of the project that has not ended.
    pub(crate) fn is_running(&self, project: &Project) -> bool {
        self.project(&project.name).state().running().is_some()
    }

    /// How many were started in the place of one that had died.
    pub(crate) fn restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Asks the reader of the project, starting it if need be.
    pub(super) async fn ask(
        &self,
        project: &Project,
        mut request: ReaderRequest,
        limit: Duration,
    ) -> Result<ReaderAnswer, ReaderError> {
        for _ in 0..ATTEMPTS {
            let process = self.process(project, request.needs_files()).await?;
            // It may have ended in the moment since it was found.
            request = match process.ask(request, limit).await {
                Ok(Ok(ReaderAnswer::Failed(words))) => {
                    return Err(ReaderError::Failed(super::checks::sentence(words)));
                }
                Ok(answer) => return answer,
                Err(request) => request,
            };
        }
        Err(ReaderError::Died("it ended again and again".to_owned()))
    }

    /// Ends the project's reader because of an answer that cannot be one.
    pub(super) fn on_nonsense(&self, project: &Project) -> ReaderError {
        const REASON: &str = "its answer made no sense";
        if let Some((_, process)) = &self.project(&project.name).state().running {
            process.end(REASON);
        }
        ReaderError::Died(REASON.to_owned())
    }

    fn projects(&self) -> MutexGuard<'_, HashMap<ProjectName, Arc<ProjectReader>>> {
        self.0.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn project(&self, name: &ProjectName) -> Arc<ProjectReader> {
        Arc::clone(self.projects().entry(name.clone()).or_default())
    }

    fn all(&self) -> Vec<Arc<ProjectReader>> {
        self.projects().values().cloned().collect()
    }

    /// The running reader of the project as its directory is now; of another if no file is needed.
    async fn process(
        &self,
        project: &Project,
        needs_files: bool,
    ) -> Result<Arc<ReaderProcess>, ReaderError> {
        let reader = self.project(&project.name);
        if !needs_files && let Some(process) = reader.state().running() {
            return Ok(process);
        }
        let absence = || self.0.agents.absences().of(project).map(ReaderError::Absent);
        let identity = identity(project).await.map_err(|error| absence().unwrap_or(error))?;
        if let Some(process) = reader.state().usable(&identity) {
            return Ok(process);
        }
        let _start = reader.start.lock().await;
        if let Some(process) = reader.state().usable(&identity) {
            return Ok(process);
        }
        let is_restart = reader.state().bury(&identity, Instant::now())?;
        self.make_room();
        let process = self.start(project, identity.roots.clone()).await?;
        if is_restart {
            self.0.restarts.fetch_add(1, Ordering::Relaxed);
        }
        reader.state().running = Some((identity, Arc::clone(&process)));
        Ok(process)
    }

    async fn start(
        &self,
        project: &Project,
        roots: Roots,
    ) -> Result<Arc<ReaderProcess>, ReaderError> {
        let settings = &self.0.settings;
        let not_started = |words: String| ReaderError::NotStarted(words);
        let secrets = self.0.agents.secret_globs();
        let plan = ReaderPlan {
            roots: roots.clone(),
            secrets: secrets.map_err(|error| not_started(error.to_string()))?,
            limits: ReadLimits::of(settings),
            index: self.0.agents.index_dir(&project.name),
            log: log::max_level().to_string(),
        };
        let plan = serde_json::to_string(&plan).map_err(|error| not_started(error.to_string()))?;
        let memory = u64::try_from(settings.reader.memory).unwrap_or(u64::MAX);
        let real = Project { roots, ..project.clone() };
        let limits = ResourceLimits { memory, tasks: TASKS };
        let arguments = vec![serve::SUBCOMMAND.into(), plan.into()];
        let started = self.0.agents.start_reader(real, arguments, limits).await;
        let started = started.map_err(not_started)?;
        let limits = ProcessLimits {
            line_bytes: LINE_BYTES.max(settings.reading.page_bytes.saturating_mul(LINE_PAGES)),
            idle_timeout: settings.reader.idle_timeout,
        };
        log::info!("reader started project={}", project.name);
        Ok(ReaderProcess::attend(started, project.name.clone(), limits))
    }

    /// Ends the readers that have rested longest, until one more may run.
    fn make_room(&self) {
        let mut running: Vec<_> =
            self.all().iter().filter_map(|reader| reader.state().running()).collect();
        running.sort_by_key(|process| process.idle_since());
        let mut left = running.len();
        for process in running.iter().filter(|process| process.idle_since().is_some()) {
            if left < self.0.settings.reader.processes {
                return;
            }
            left -= usize::from(process.end_if_idle());
        }
    }
}

impl ReaderState {
    fn running(&self) -> Option<Arc<ReaderProcess>> {
        let (_, process) = self.running.as_ref()?;
        process.closed().is_none().then(|| Arc::clone(process))
    }

    /// The running reader of these directories.
    fn usable(&self, identity: &RootsIdentity) -> Option<Arc<ReaderProcess>> {
        let (of, _) = self.running.as_ref()?;
        self.running().filter(|_| of == identity)
    }

    /// Takes leave of a reader that has ended or reads another directory. Returns whether it had died;
    /// fails where readers die so soon that the next has to wait.
    fn bury(&mut self, identity: &RootsIdentity, now: Instant) -> Result<bool, ReaderError> {
        let mut has_died = false;
        if let Some((of, process)) = self.running.take() {
            match process.closed() {
                // One that is replaced answers those who wait, then ends.
                None => log::info!(
                    "another directory is read old={:?} new={:?}",
                    of.roots,
                    identity.roots
                ),
                Some(reason) if !process.is_rested() => {
                    has_died = true;
                    let is_early = now.saturating_duration_since(process.started) < EARLY;
                    self.deaths = if is_early { self.deaths + 1 } else { 1 };
                    let wait = backoff(self.deaths);
                    self.next_start = Some((now + wait, reason));
                }
                Some(_) => self.deaths = 0,
            }
        }
        match &self.next_start {
            Some((at, cause)) if *at > now => {
                let wait = Duration::from_secs((*at - now).as_secs() + 1);
                Err(ReaderError::KeepsDying { cause: cause.clone(), wait })
            }
            _ => Ok(has_died),
        }
    }
}

/// The wait before a start after so many early deaths in a row.
fn backoff(deaths: u32) -> Duration {
    match deaths.checked_sub(PATIENCE) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << more.min(5)).min(MAX_WAIT),
    }
}

/// What is at the project's path now.
async fn identity(project: &Project) -> Result<RootsIdentity, ReaderError> {
    let checked = project.clone();
    let look = spawn_blocking(move || RootsIdentity::of(&checked));
    match timeout(LOOK_TIMEOUT, look).await {
        Ok(Ok(found)) => found.map_err(|(dir, error)| ReaderError::gone(dir, &error)),
        Ok(Err(error)) => Err(ReaderError::Failed(error.to_string())),
        Err(_) => {
            let dir = project.roots.first().to_owned();
            Err(ReaderError::gone(dir, &io::ErrorKind::TimedOut.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_dies_at_once_is_started_again_at_once_twice_and_then_ever_later() {
        let waits: Vec<u64> = (1..11).map(|deaths| backoff(deaths).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
