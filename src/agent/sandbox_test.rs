//! Runs the probe in an agent's place, by the very launcher and under the very rules of an agent,
//! and judges what it tells.

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
    path::PathBuf,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    Agents,
    claude::Login,
    directories::{Directories, own_user},
    invocation::Invocation,
    run_once,
    sandbox::self_test::{
        Attempt, Decoys, ProbePlan, ProbeReport, ProjectTest, SUBCOMMAND, SelfTest, UserFiles,
        Verdict, judge,
    },
};
use crate::{
    config::settings::Sandbox,
    project::{Project, ProjectName},
};

/// Longest run of a probe.
const PROBE: Duration = Duration::from_secs(20);

/// Projects that are tried at once.
const AT_ONCE: usize = 4;

/// What stands for a project that may be destroyed, removed at the end.
struct Scratch {
    dir: PathBuf,
    project: Project,
    decoys: Decoys,
    /// Open as long as the probe runs.
    _listening: (TcpListener, UnixListener, Option<UnixListener>, Option<UnixDatagram>),
}

/// One run of the probe.
struct Probed {
    report: ProbeReport,
    note: Option<String>,
}

/// Tests the sandbox of agents in general and in each of `projects`.
pub(crate) async fn run(agents: &Agents, projects: &[Project]) -> SelfTest {
    if agents.inner.settings.sandbox == Sandbox::Off {
        return of_nothing(Verdict::Off, Vec::new());
    }
    let each = stream::iter(projects.iter().cloned()).map(|project| in_project(agents, project));
    let (general, own) =
        tokio::join!(general(agents), each.buffered(AT_ONCE).collect::<Vec<ProjectTest>>());
    let mut test = match general {
        Ok(probed) => of(probed),
        Err(words) => of_nothing(Verdict::Failed, vec![no_test(&words)]),
    };
    test.projects = own;
    test
}

/// Tests the sandbox of agents in one project.
pub(crate) async fn in_project(agents: &Agents, project: Project) -> ProjectTest {
    let name = project.name.to_string();
    let test = match probe(agents, project, None).await {
        Ok(probed) => of(probed),
        Err(words) => of_nothing(Verdict::Failed, vec![no_test(&words)]),
    };
    ProjectTest {
        project: name,
        verdict: test.verdict,
        uid: test.uid,
        missing: test.missing,
        attempts: test.attempts,
    }
}

fn no_test(words: &str) -> String {
    format!("a test ({words})")
}

async fn general(agents: &Agents) -> Result<Probed, String> {
    let place = Directories::new(&agents.inner.data_dir);
    let made = spawn_blocking(move || Scratch::new(&place)).await;
    let cannot = |error: io::Error| format!("its files cannot be made: {error}");
    let scratch = made.map_err(|error| error.to_string())?.map_err(cannot)?;
    let probed = probe(agents, scratch.project.clone(), Some(scratch.decoys.clone())).await;
    let dir = scratch.dir.clone();
    if let Err(error) = tokio::fs::remove_dir_all(&dir).await {
        log::warn!("cannot remove the files of the self-test dir={dir:?} error={error}");
    }
    probed
}

/// Lets the probe try `project`.
async fn probe(
    agents: &Agents,
    project: Project,
    decoys: Option<Decoys>,
) -> Result<Probed, String> {
    let request = agents.trial_request(project.clone()).map_err(|error| error.to_string())?;
    let cicerone = request.cicerone.clone();
    let leftovers = Directories::new(&agents.inner.data_dir).of_start(request.id);
    let prepared = spawn_blocking(|| request.prepare()).await.map_err(|error| error.to_string())?;
    let told = match &prepared {
        Ok(invocation) => ask(agents, invocation, &project, decoys, cicerone).await,
        Err(words) => Err(words.clone()),
    };
    Directories::remove(leftovers).await;
    Ok(Probed { report: told?, note: prepared?.note })
}

/// Starts the probe and waits for what it tells.
async fn ask(
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
        (inner.settings.kept_from.clone(), Directories::new(&inner.data_dir).states);
    let found = spawn_blocking(move || {
        UserFiles::find(login.as_ref().map(Login::dir), &kept_from, &transcripts)
    });
    let plan = ProbePlan {
        user_files: found.await.map_err(|error| error.to_string())?,
        project: project.dir.clone(),
        decoys,
        // The temporary directory first: what is left in it goes with it.
        own: std::iter::once(invocation.temporary.clone())
            .chain(invocation.home.iter().map(|home| home.dir().to_owned()))
            .collect(),
        database: agents.inner.data_dir.join("cicerone.db"),
        has_network: profile.is_some_and(|profile| !profile.ports.is_empty()),
        server: Some(std::process::id()),
        reads_all: profile.is_some_and(|profile| profile.reads_all),
    };
    let plan = serde_json::to_string(&plan).map_err(|error| error.to_string())?;
    let arguments = [OsString::from(SUBCOMMAND), plan.into()];
    let spawner = &agents.inner.spawner;
    let paths = [cicerone.as_path(), &project.dir, &cicerone];
    let told = run_once::run(invocation, spawner, paths, &arguments, PROBE).await?;
    serde_json::from_str(&told.stdout)
        .map_err(|_| format!("the probe told nothing ({}): {}", told.status, told.stderr.trim()))
}

impl Scratch {
    fn new(place: &Directories) -> io::Result<Self> {
        place.make()?;
        let dir = place.self_tests.join(Uuid::new_v4().to_string());
        let (project, decoys) = (dir.join("project"), dir.join("beside"));
        fs::create_dir_all(project.join("dir"))?;
        fs::create_dir(&decoys)?;
        for (path, text) in [(project.join("file"), "text"), (decoys.join("secret"), "secret")] {
            fs::write(&path, text)?;
            // But for the sandbox, everybody could change it.
            open_to_all(&path, 0o666)?;
        }
        for path in [&project.join("dir"), &project, &decoys, &dir] {
            open_to_all(path, 0o777)?;
        }
        symlink(&decoys, project.join("link-out"))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?;
        let name = format!("cicerone-self-test-{}", Uuid::new_v4());
        let unnamed = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        let socket = dir.join("socket");
        // A path to a socket must be short, and this one may not be: then that is not tried.
        let named = match UnixListener::bind(&socket) {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => return Err(error),
            named => named.ok(),
        };
        let socket = named.is_some().then_some(socket);
        let to = dir.join("datagrams");
        let taking = UnixDatagram::bind(&to).ok();
        let datagrams = taking.is_some().then_some(to);
        let sockets = socket.iter().chain(&datagrams);
        sockets.into_iter().try_for_each(|socket| open_to_all(socket, 0o777))?;
        Ok(Self {
            project: Project { name: ProjectName::mend("self-test"), dir: project },
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

fn open_to_all(path: &std::path::Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn of(probed: Probed) -> SelfTest {
    let Probed { report, note } = probed;
    let missing: Vec<String> = report.kernel.unsupported();
    let verdict = judge(&report.attempts, &missing);
    SelfTest {
        at: now(),
        verdict,
        landlock: report.kernel.landlock,
        uid: report.uid,
        missing: missing.into_iter().chain(note).collect(),
        attempts: report.attempts,
        projects: Vec::new(),
    }
}

fn of_nothing(verdict: Verdict, missing: Vec<String>) -> SelfTest {
    SelfTest {
        at: now(),
        verdict,
        landlock: 0,
        uid: own_user().uid,
        missing,
        attempts: Vec::<Attempt>::new(),
        projects: Vec::new(),
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
