//! The three that are compared: Cicerone, a program that only copies, and `websocketd`, each before
//! the same agent.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    client::Connection,
    process::Process,
    stamps::Stamps,
    viewer::{DEADLINE, Viewer},
};

/// The project that the server serves.
const PROJECT: &str = "bench";

/// As many agents and conversations as any measurement needs. The limits of answers and of starts go
/// by their former names, which an earlier version reads too.
const CONFIG: &str = "
[limits]
agents = 400
agents_per_project = 400
conversations_per_project = 2000
queued_messages = 100
conversations_per_minute = 100000
starts_per_minute = 100000
answer_bytes = \"1GiB\"
answer_entries = 10000000

[agent]
sandbox = \"best-effort\"
";

/// A running Cicerone.
pub struct Cicerone {
    /// Its process.
    pub process: Process,
    address: String,
}

impl Cicerone {
    /// Starts it on data in `dir`, and waits until it says that it listens.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, "")
    }

    /// The same with further settings.
    pub fn start_with(dir: &Path, more: &str) -> Self {
        let log = fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = Self::command(dir, more);
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = Process::start(&mut command);
        let line = first_line(&mut process);
        let address = line.strip_prefix("listening on http://").unwrap_or_else(|| {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            panic!("the server did not start: {line:?}\n{log}")
        });
        Self { address: address.to_owned(), process }
    }

    /// Runs one of its commands on the data in `dir`.
    pub fn run(dir: &Path, more: &str, arguments: &[&str]) {
        let output = Self::command(dir, more).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(dir: &Path, more: &str) -> Command {
        let (project, config) = (dir.join("project"), dir.join("cicerone.toml"));
        fs::create_dir_all(&project).unwrap();
        fs::write(&config, format!("{CONFIG}{more}")).unwrap();
        let other = env::var_os(crate::OTHER_SERVER);
        let mut command =
            Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_cicerone").into()));
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir)
            .args(["--listen", "127.0.0.1:0", "--agent", "claude"])
            .arg("--claude")
            .arg(env::current_exe().unwrap())
            .arg("--config")
            .arg(config)
            .arg("--data-dir")
            .arg(dir.join("data"))
            .arg("--project")
            .arg(format!("{PROJECT}={}", project.display()));
        command
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a WebSocket.
    pub async fn connect(&self) -> Connection {
        let path = format!("/api/assistant/ws/{PROJECT}");
        Connection::socket(&self.address, &path).await.unwrap()
    }

    /// A viewer of a new conversation.
    pub async fn begin(&self) -> Viewer {
        Viewer::enter(self.connect().await, None).await
    }

    /// A viewer of a new conversation that is shown answers as HTML.
    pub async fn begin_html(&self) -> Viewer {
        Viewer::enter_html(self.connect().await).await
    }

    /// A viewer of a conversation that is there.
    pub async fn enter(&self, conversation: i64) -> Viewer {
        Viewer::enter(self.connect().await, Some(conversation)).await
    }
}

/// One of the three.
pub enum Contestant {
    /// See [`crate::copy`].
    Copy(Process, String),
    /// Of Debian's package of that name.
    Websocketd(Process, String),
    /// Cicerone.
    Cicerone(Cicerone),
}

/// A conversation with an agent behind one of the three.
pub enum Talk {
    /// Lines of the agent pass as they are.
    Raw(Connection),
    /// Cicerone's.
    Ours(Viewer),
}

impl Contestant {
    /// The floor.
    pub fn copy() -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg(crate::AS_COPY).stdout(Stdio::piped());
        let mut process = Process::start(&mut command);
        let address = first_line(&mut process);
        Self::Copy(process, address)
    }

    /// `websocketd`, where it is installed.
    pub fn websocketd() -> Option<Self> {
        Command::new("websocketd").arg("--version").stdout(Stdio::null()).status().ok()?;
        // It cannot tell which free port it took.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("websocketd");
        command
            .args(["--address=127.0.0.1", "--loglevel=fatal"])
            .arg(format!("--port={port}"))
            .arg(env::current_exe().unwrap())
            .arg(crate::AS_AGENT);
        let process = Process::start(&mut command);
        Some(Self::Websocketd(process, format!("127.0.0.1:{port}")))
    }

    /// Cicerone, with its data in a directory that outlives it.
    pub fn cicerone(dir: &TempDir) -> Self {
        Self::Cicerone(Cicerone::start(dir.path()))
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        match self {
            Self::Copy(process, _) | Self::Websocketd(process, _) => process,
            Self::Cicerone(server) => &server.process,
        }
    }

    /// Begins to talk to an agent.
    pub async fn talk(&self) -> Talk {
        match self {
            Self::Copy(_, address) => Talk::Raw(Connection::lines(address).await.unwrap()),
            Self::Websocketd(_, address) => Talk::Raw(open_in_time(address).await),
            Self::Cicerone(server) => Talk::Ours(server.begin().await),
        }
    }
}

impl Talk {
    /// Has the agent stream, and reads all of it.
    pub async fn stream(&mut self, count: u64, period_us: u64) -> Stamps {
        let order = format!("stream {count} {period_us}");
        match self {
            Self::Ours(viewer) => {
                viewer.ask(&order).await;
                viewer.stamps().await
            }
            Self::Raw(connection) => {
                let message = serde_json::json!({"role": "user", "content": order});
                let line = serde_json::json!({"type": "user", "message": message}).to_string();
                connection.send(&line).await.unwrap();
                let mut stamps = Stamps::default();
                let whole = async {
                    let mut is_over = false;
                    while !is_over {
                        let read = connection.read(|line, now| {
                            if line.starts_with(br#"{"type":"stream_event""#) {
                                stamps.take(line, now);
                            }
                            is_over |= line.starts_with(br#"{"type":"result""#);
                        });
                        read.await.unwrap();
                    }
                };
                tokio::time::timeout(DEADLINE, whole).await.expect("no end came");
                stamps
            }
        }
    }
}

fn first_line(process: &mut Process) -> String {
    let mut line = String::new();
    BufReader::new(process.take_stdout()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

async fn open_in_time(address: &str) -> Connection {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match Connection::socket(address, "/").await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
