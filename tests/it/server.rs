//! A server process of a test, on a free port and a temporary directory, killed when dropped.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rusqlite::OptionalExtension as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// The longest that a test waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A marker in the environment: the shell's `ulimit` commands to run before the server.
const OPEN_FILES: &str = "TEST_OPEN_FILES";

/// A marker in the environment: the projects are those of the configuration file alone.
const FILE_PROJECTS: &str = "TEST_FILE_PROJECTS";

/// The project that every server of a test serves.
pub const PROJECT: &str = "demo";

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    address: String,
    files: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Builds the arguments, environment and files of a [`Server`].
pub struct Setup {
    files: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// One project, answered by the scripted agent.
    pub fn scripted() -> Self {
        let agent = scripted_agent();
        Self::new().args(["--agent", "claude", "--claude", agent.to_str().unwrap()])
    }

    /// One project, answered by the guide.
    pub fn guide() -> Self {
        Self::new().args(["--agent", "guide"])
    }

    /// One project and no agent chosen.
    pub fn new() -> Self {
        let files = TempDir::new().unwrap();
        let project = files.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::write(project.join("README.md"), "# Demo\n\nA project of a test.\n").unwrap();
        Self { files, arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds arguments.
    pub fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// Sets a variable of the server's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the limits on open files with which the server starts.
    pub fn open_files(self, soft: u32, hard: u32) -> Self {
        self.env(OPEN_FILES, &format!("ulimit -Sn {soft} && ulimit -Hn {hard}"))
    }

    /// Writes a configuration file and passes it with `--config`.
    pub fn config(self, toml: &str) -> Self {
        let path = self.files.path().join("cicerone.toml");
        std::fs::write(&path, toml).unwrap();
        self.args(["--config", path.to_str().unwrap()])
    }

    /// As [`Setup::config`], whose projects are the only ones.
    pub fn config_with_projects(self, toml: &str) -> Self {
        self.config(toml).env(FILE_PROJECTS, "1")
    }

    /// The temporary directory: project, data and log are in it.
    pub fn files_dir(&self) -> &Path {
        self.files.path()
    }

    /// The directory of [`PROJECT`].
    pub fn project_dir(&self) -> PathBuf {
        self.files.path().join("project")
    }

    /// Adds another project, empty.
    pub fn project(mut self, name: &str) -> Self {
        let dir = self.files.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        self.arguments.extend(["--project".to_owned(), format!("{name}={}", dir.display())]);
        self
    }

    /// Starts the server and waits until it is ready.
    pub fn start(self) -> Server {
        let Self { files, arguments, environment } = self;
        let (child, address) = launch(files.path(), &arguments, &environment);
        Server { child, address, files, arguments, environment }
    }

    /// Starts a server that must fail to start; returns its exit status and stderr.
    pub fn fail(self) -> (ExitStatus, String) {
        let mut child = command(self.files.path(), &self.arguments, &self.environment)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (wait(&mut child), stderr)
    }
}

impl Server {
    /// A server with one project that is answered by the scripted agent.
    pub fn start() -> Self {
        Setup::scripted().start()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The HTTP URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The path of one of the page's scripts or styles, as documents load it.
    pub async fn asset(&self, name: &str) -> String {
        let document = reqwest::get(self.url("/")).await.unwrap().text().await.unwrap();
        let (_, loaded) = document.split_once("/assets/").unwrap();
        let (version, _) = loaded.split_once('/').unwrap();
        format!("/assets/{version}/{name}")
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory of the project.
    pub fn project_dir(&self) -> PathBuf {
        self.files.path().join("project")
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap()
    }

    /// The temporary directory: project, data and log are in it.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// The directory of the database.
    pub fn data_dir(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// A read-only connection to the database.
    pub fn database(&self) -> rusqlite::Connection {
        let path = self.data_dir().join("cicerone.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        rusqlite::Connection::open_with_flags(path, flags).unwrap()
    }

    /// Waits until the turn is stored as running. A crash before that asks the question again; a
    /// crash after it interrupts the turn.
    pub async fn has_begun(&self, conversation: i64, turn: i64) {
        let state = "SELECT state FROM turns WHERE conversation_id = ?1 AND turn = ?2";
        eventually("the store knows that the turn runs", async || {
            let place = [conversation, turn];
            let state = self.database().query_row(state, place, |row| row.get::<_, String>(0));
            (state.optional().unwrap()? == "running").then_some(())
        })
        .await;
    }

    /// A writable connection to the database, to damage or lock it.
    pub fn writable_database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data_dir().join("cicerone.db")).unwrap()
    }

    /// Opens a socket to the project.
    pub async fn connect(&self) -> Client {
        self.connect_to(PROJECT).await
    }

    /// Opens a socket to a project.
    pub async fn connect_to(&self, project: &str) -> Client {
        Client::connect(&self.address, project, None).await
    }

    /// Opens a socket to a stored conversation; returns the frames up to `caught_up`.
    pub async fn enter(&self, conversation: i64, after: Value) -> (Client, Vec<Value>) {
        let mut client = self.connect().await;
        let frames = client.enter(conversation, after).await;
        (client, frames)
    }

    /// The process id of the first live conversation's agent, once it runs.
    pub async fn agent_pid(&self) -> u32 {
        eventually("the admin list knows the agent's process", async || {
            let (_, list) = self.get("/api/admin/sessions").await;
            list[0]["conversations"][0]["agent"]["pid"]
                .as_u64()
                .map(|pid| u32::try_from(pid).unwrap())
        })
        .await
    }

    /// Sends a GET request; returns the status and the body, as JSON if it parses and else as text.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request(reqwest::Method::GET, path).await
    }

    /// As [`Server::get`], with another method.
    pub async fn request(&self, method: reqwest::Method, path: &str) -> (u16, Value) {
        let request = reqwest::Client::new().request(method, self.url(path)).timeout(DEADLINE);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        wait(&mut self.child);
    }

    /// Kills the server with SIGKILL and starts it again on the same data.
    pub fn crash(&mut self) {
        self.kill();
        self.launch_again();
    }

    /// Sends SIGTERM and waits for the exit.
    pub fn terminate(&mut self) -> ExitStatus {
        signal(self.pid(), "TERM");
        self.terminated()
    }

    /// Waits for the exit of a server that was told to stop.
    pub fn terminated(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Starts the server again, which must fail; returns its stderr.
    pub fn launch_in_vain(&self) -> String {
        let words = self.files.path().join("words");
        let mut child = command(self.files.path(), &self.arguments, &self.environment)
            .stderr(std::fs::File::create(&words).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            child.kill().ok();
        }
        wait(&mut child);
        assert!(line.is_empty(), "the server started");
        std::fs::read_to_string(words).unwrap()
    }

    /// Starts the server again on the same data after it has exited.
    pub fn launch_again(&mut self) {
        let (child, address) = launch(self.files.path(), &self.arguments, &self.environment);
        self.child = child;
        self.address = address;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default();
            eprintln!("--- the server's log\n{log}---");
        }
    }
}

/// A file that a script waits for and that the test creates.
pub struct Gate(PathBuf);

impl Gate {
    /// A gate whose file does not exist yet.
    pub fn new(server: &Server) -> Self {
        Self(server.project_dir().join("gate"))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The script command that waits for the file.
    pub fn script(&self) -> String {
        format!("await {}", self.0.display())
    }

    /// Creates the file, so that the script continues.
    pub fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

/// A port that nothing listens on at the moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A file of `config/deploy`.
pub fn deployed(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/deploy");
    fs::read_to_string(dir.join(name)).unwrap()
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "no process {pid} to signal");
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Polls until `condition` returns a value; fails the test after [`DEADLINE`].
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn launch(files: &Path, arguments: &[String], environment: &[(String, String)]) -> (Child, String) {
    let log = std::fs::File::options().create(true).append(true).open(files.join("log")).unwrap();
    let mut child = command(files, arguments, environment).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").and_then(|url| url.split_once("://"));
    let Some((_, address)) = address else {
        child.kill().ok();
        child.wait().ok();
        let log = std::fs::read_to_string(files.join("log")).unwrap_or_default();
        panic!("the server did not start: {line:?}\n{log}");
    };
    (child, address.to_owned())
}

fn command(files: &Path, arguments: &[String], environment: &[(String, String)]) -> Command {
    let program = env!("CARGO_BIN_EXE_cicerone");
    let limits = environment.iter().find(|(name, _)| name == OPEN_FILES);
    let mut command = match limits {
        None => Command::new(program),
        // `$0` is the program, and the shell becomes it.
        Some((_, limits)) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), program]);
            shell
        }
    };
    let project =
        ["--project".to_owned(), format!("{PROJECT}={}", files.join("project").display())];
    let is_of_file = environment.iter().any(|(name, _)| name == FILE_PROJECTS);
    let project = project.into_iter().filter(|_| !is_of_file);
    let has_address = arguments.iter().any(|argument| argument == "--listen");
    let address: &[&str] = if has_address { &[] } else { &["--listen", "127.0.0.1:0"] };
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", files)
        .env("CICERONE_LOG", "debug")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .args(address)
        .arg("--data-dir")
        .arg(files.join("data"))
        .args(project)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the server does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The program that stands in for the real agent and plays a script.
pub fn scripted_agent() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_scripted-agent"))
}

/// Writes a file of a project, and the directories above it.
pub fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs git in a directory, as somebody with this name, and gives what it printed.
pub fn git(dir: &std::path::Path, name: &str, args: &[&str]) -> String {
    let mut git = std::process::Command::new("git");
    git.current_dir(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), name);
        git.env(format!("GIT_{role}_EMAIL"), "one@example.org");
    }
    let done = git.output().unwrap();
    assert!(done.status.success(), "{args:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
