//! The self-test of the sandbox: runs the probe under an agent's launcher and rules, and judges its report.

use std::{
    ffi::OsString,
    fs, io,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, symlink},
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    AgentError, AgentKind, AgentSession, Agents,
    choice::AgentProgram,
    claude::Login,
    directories::{Directories, own_user},
    invocation::{self, Invocation, LaunchRequest},
    run_once,
    sandbox::{
        Profile,
        self_test::{
            Decoys, ProbePlan, ProbeReport, ProjectTest, SUBCOMMAND, SelfTest, UserFiles, Verdict,
            judge,
        },
        status,
    },
};
use crate::{
    config::settings::{AgentChoice, Sandbox, agents::AgentName},
    project::{Project, ProjectName},
};

/// Longest run of the probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Projects that are tested at the same time.
const CONCURRENT_TESTS: usize = 4;

/// A project that may be destroyed, with decoys around it; removed at the end.
struct ScratchProject {
    dir: PathBuf,
    project: Project,
    decoys: Decoys,
    /// Open while the probe runs.
    _listening: (TcpListener, UnixListener, Option<UnixListener>, Option<UnixDatagram>),
}

/// The probe's report, and a note on how far it was confined.
struct ProbeResult {
    report: ProbeReport,
    has_network: bool,
    note: Option<String>,
}

impl Agents {
    /// A start of which nothing is kept, of the agent of this name, else of the project's. Where its
    /// program is missing or may not be used, this one stands in its place.
    fn trial_request(
        &self,
        project: Project,
        agent: Option<&AgentName>,
    ) -> Result<LaunchRequest, AgentError> {
        let program = match self.wanted(Some(&project.name), agent) {
            Err(error) if error.is_about_program() => AgentProgram::Claude {
                program: self.inner.server.program.as_ref().ok().cloned().unwrap_or_default(),
                model: None,
            },
            chosen => chosen?.program,
        };
        self.launch_request(program, project, None, AgentSession::New(Uuid::new_v4()))
    }

    /// Tests the sandbox, in general and in each of `projects`, and publishes the result. Where
    /// the sandbox is required, no agent starts before.
    pub async fn test_sandbox(&self, projects: &[Project]) -> Arc<SelfTest> {
        if let Err(error) = self.kind() {
            log::error!("no agent can start: {error}");
        }
        let fetched: Vec<_> = projects.iter().filter(|it| !self.is_to_come(it)).cloned().collect();
        let test = run(self, &fetched).await;
        log_result(&test);
        self.inner.sandbox_status.publish(test)
    }

    /// Whether a project from git is not fetched yet. It is tested before its first agent starts.
    fn is_to_come(&self, project: &Project) -> bool {
        let kept = Directories::new(&self.inner.data_dir).repositories;
        project.roots.dirs().any(|dir| dir.starts_with(&kept) && !dir.exists())
    }

    /// Waits until the agent of this name may start in `project`. Each agent has a cage of its own, which
    /// is tested before its first start in a project. A failed test is repeated: the cause may be gone.
    /// The error is for a person.
    pub(super) async fn may_start(
        &self,
        project: &Project,
        agent: &AgentName,
        kind: AgentKind,
    ) -> Result<(), String> {
        if self.inner.settings.sandbox != Sandbox::Required {
            return Ok(());
        }
        let known = self.inner.sandbox_status.known().await?;
        if let Some(words) = self.inner.sandbox_status.refusal(kind) {
            return Err(status::not_confined(&words));
        }
        let is_proved = |own: &ProjectTest| own.verdict == Verdict::Proved;
        if known.of(project.name.as_str(), agent.as_str()).is_some_and(is_proved) {
            return Ok(());
        }
        let checked = project.clone();
        let is_there = spawn_blocking(move || invocation::check_dirs(&checked));
        is_there.await.map_err(|error| error.to_string())??;
        let own = in_project(self, project.clone(), Some(agent)).await;
        let (is_proved, words) = (is_proved(&own), own.words());
        self.inner.sandbox_status.publish_project(own);
        if is_proved { Ok(()) } else { Err(status::not_confined(&words)) }
    }
}

fn log_result(test: &SelfTest) {
    let level = |verdict| match verdict {
        Verdict::Proved => log::Level::Info,
        Verdict::Partly | Verdict::Off => log::Level::Warn,
        Verdict::Failed => log::Level::Error,
    };
    log::log!(
        level(test.verdict),
        "sandbox tested verdict={} landlock={} uid={} result={:?} missing={:?}",
        test.verdict.as_str(),
        test.landlock,
        test.uid,
        test.words(),
        test.missing
    );
    let is_notable = |own: &&ProjectTest| own.verdict != Verdict::Proved || own.uid != test.uid;
    for own in test.projects.iter().filter(is_notable) {
        log::log!(
            level(own.verdict),
            "sandbox tested project={} verdict={} uid={} result={:?} missing={:?}",
            own.project,
            own.verdict.as_str(),
            own.uid,
            own.words(),
            own.missing
        );
    }
}

async fn run(agents: &Agents, projects: &[Project]) -> SelfTest {
    if agents.inner.settings.sandbox == Sandbox::Off {
        return untested(Verdict::Off, Vec::new());
    }
    let wanted = agents.wanted(None, None).map_or(AgentKind::Claude, |it| it.program.kind());
    let test = run_as(agents, projects, None).await;
    let settings = &agents.inner.settings;
    let has_choice = wanted != AgentKind::Guide && settings.default == AgentChoice::Auto;
    let is_refused = settings.sandbox == Sandbox::Required && test.verdict != Verdict::Proved;
    if !has_choice || !is_refused {
        return test;
    }
    // An older kernel may confine the guide, which needs less.
    let of_guide = run_as(agents, projects, Some(&AgentName::guide())).await;
    match of_guide.verdict {
        Verdict::Proved => SelfTest { models_refused: Some(test.words()), ..of_guide },
        _ => test,
    }
}

/// Tests the cage of this agent, else of the one that answers by default.
async fn run_as(agents: &Agents, projects: &[Project], agent: Option<&AgentName>) -> SelfTest {
    let each =
        stream::iter(projects.iter().cloned()).map(|project| in_project(agents, project, agent));
    let each = each.buffered(CONCURRENT_TESTS).collect();
    let (general, own) = tokio::join!(general(agents, agent), each);
    SelfTest { projects: own, ..judged(general) }
}

async fn in_project(agents: &Agents, project: Project, agent: Option<&AgentName>) -> ProjectTest {
    let name = project.name.clone();
    let tested = match agents.named(Some(&name), agent) {
        Some(named) => named.name.clone(),
        None => agents.wanted(Some(&name), None).map_or(AgentName::claude(), |it| it.name),
    };
    let SelfTest { verdict, uid, missing, attempts, .. } =
        judged(probe(agents, project, agent, None).await);
    let (project, agent) = (name.to_string(), tested.to_string());
    ProjectTest { project, agent, verdict, uid, missing, attempts }
}

async fn general(agents: &Agents, agent: Option<&AgentName>) -> Result<ProbeResult, String> {
    let place = Directories::new(&agents.inner.data_dir);
    let made = spawn_blocking(move || ScratchProject::new(&place)).await;
    let cannot = |error: io::Error| format!("cannot create its files: {error}");
    let scratch = made.map_err(|error| error.to_string())?.map_err(cannot)?;
    let probed = probe(agents, scratch.project.clone(), agent, Some(scratch.decoys.clone())).await;
    let dir = scratch.dir.clone();
    if let Err(error) = tokio::fs::remove_dir_all(&dir).await {
        log::warn!("cannot remove the files of the self-test dir={dir:?} error={error}");
    }
    probed
}

/// Prepares an agent in `project` and runs the probe in its place.
async fn probe(
    agents: &Agents,
    project: Project,
    agent: Option<&AgentName>,
    decoys: Option<Decoys>,
) -> Result<ProbeResult, String> {
    let request =
        agents.trial_request(project.clone(), agent).map_err(|error| error.to_string())?;
    let cicerone = request.cicerone.clone();
    let leftovers = Directories::new(&agents.inner.data_dir).of_start(request.id);
    let prepared = spawn_blocking(|| request.prepare()).await.map_err(|error| error.to_string())?;
    let report = match &prepared {
        Ok(invocation) => run_probe(agents, invocation, &project, decoys, cicerone).await,
        Err(words) => Err(words.clone()),
    };
    Directories::remove(leftovers).await;
    let invocation = prepared?;
    let mut report = report?;
    let profile = invocation.profile.unwrap_or_default();
    report.kernel = profile.capped(report.kernel);
    Ok(ProbeResult { report, has_network: profile.has_network(), note: invocation.note })
}

/// Runs the probe and reads its report.
async fn run_probe(
    agents: &Agents,
    invocation: &Invocation,
    project: &Project,
    decoys: Option<Decoys>,
    cicerone: PathBuf,
) -> Result<ProbeReport, String> {
    let profile = invocation.profile.as_ref();
    let inner = &agents.inner;
    let login = Login::of(&inner.server.environment);
    let (kept_from, transcripts) =
        (inner.live.get().agents.kept_from.clone(), Directories::new(&inner.data_dir).states);
    let found = spawn_blocking(move || {
        UserFiles::find(login.as_ref().map(Login::dir), &kept_from, &transcripts)
    });
    let plan = ProbePlan {
        user_files: found.await.map_err(|error| error.to_string())?,
        roots: project.roots.dirs().map(Path::to_owned).collect(),
        reads_project: invocation.dir == project.roots.first(),
        decoys,
        own: invocation.own_directories(),
        database: agents.inner.data_dir.join("cicerone.db"),
        has_network: profile.is_some_and(Profile::has_network),
        server: Some(std::process::id()),
        reads_all: profile.is_some_and(|profile| profile.reads_all),
    };
    let plan = serde_json::to_string(&plan).map_err(|error| error.to_string())?;
    let arguments = [OsString::from(SUBCOMMAND), plan.into()];
    let spawner = &agents.inner.spawner;
    let paths = [cicerone.as_path(), &cicerone];
    let output =
        run_once::run(invocation, spawner, paths, &arguments, PROBE_TIMEOUT.into()).await?;
    serde_json::from_str(&output.stdout).map_err(|_| {
        format!("the probe ended without a report ({}): {}", output.status, output.stderr.trim())
    })
}

impl ScratchProject {
    fn new(place: &Directories) -> io::Result<Self> {
        place.make()?;
        let dir = place.self_tests.join(Uuid::new_v4().to_string());
        let (project, decoys) = (dir.join("project"), dir.join("beside"));
        fs::create_dir_all(project.join("dir"))?;
        fs::create_dir(&decoys)?;
        for (path, text) in [(project.join("file"), "text"), (decoys.join("secret"), "secret")] {
            fs::write(&path, text)?;
            // Everybody could change it, were it not for the sandbox.
            set_mode(&path, 0o666)?;
        }
        for path in [&project.join("dir"), &project, &decoys, &dir] {
            set_mode(path, 0o777)?;
        }
        symlink(&decoys, project.join("link-out"))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?;
        let name = format!("cicerone-self-test-{}", Uuid::new_v4());
        let unnamed = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        let socket = dir.join("socket");
        // The path may be too long for a socket: then that attempt is left out.
        let named = match UnixListener::bind(&socket) {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => return Err(error),
            named => named.ok(),
        };
        let socket = named.is_some().then_some(socket);
        let to = dir.join("datagrams");
        let taking = UnixDatagram::bind(&to).ok();
        let datagrams = taking.is_some().then_some(to);
        let sockets = socket.iter().chain(&datagrams);
        sockets.into_iter().try_for_each(|socket| set_mode(socket, 0o777))?;
        Ok(Self {
            project: Project::new(ProjectName::mend("self-test"), project),
            decoys: Decoys {
                dir: decoys,
                port: port.local_addr()?.port(),
                abstract_socket: name,
                socket,
                datagrams,
            },
            dir,
            _listening: (port, unnamed, named, taking),
        })
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn judged(probed: Result<ProbeResult, String>) -> SelfTest {
    let ProbeResult { report, has_network, note } = match probed {
        Ok(result) => result,
        Err(reason) => return untested(Verdict::Failed, vec![format!("no test ran: {reason}")]),
    };
    let missing = report.kernel.unsupported(has_network);
    SelfTest {
        at: now(),
        verdict: judge(&report.attempts, &missing),
        models_refused: None,
        landlock: report.kernel.landlock,
        uid: report.uid,
        missing: missing.into_iter().chain(note).collect(),
        attempts: report.attempts,
        projects: Vec::new(),
    }
}

fn untested(verdict: Verdict, missing: Vec<String>) -> SelfTest {
    let uid = own_user().uid;
    let (attempts, projects) = (Vec::new(), Vec::new());
    SelfTest {
        at: now(),
        verdict,
        models_refused: None,
        landlock: 0,
        uid,
        missing,
        attempts,
        projects,
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
