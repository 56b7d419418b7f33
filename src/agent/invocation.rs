//! From settings to a command line: which program answers, and with what it is started.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;
use uuid::Uuid;

use crate::{
    config::settings::{AgentChoice, AgentSettings},
    policy::Secrets,
    project::Project,
};

use super::{AgentError, AgentKind, Server, StartAgent, claude, guide, launcher, prompt};

/// Does what must be done before the start. The error is told to a person.
pub(super) type Prepare = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// One start of an agent.
pub(super) struct Invocation {
    pub kind: AgentKind,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    pub prepare: Prepare,
    /// The file of the system prompt, which lives as long as the agent.
    pub prompt: Option<PathBuf>,
    /// The tools that it may come with, where that is checked.
    pub allowed_tools: Option<Vec<String>>,
    /// Where it puts results that are too long to show.
    pub results: Option<PathBuf>,
}

/// The `claude` program that is to answer; `None` is for the guide.
pub(super) fn find_claude(
    settings: &AgentSettings,
    server: &Server,
) -> Result<Option<PathBuf>, AgentError> {
    if settings.kind == AgentChoice::Guide {
        return Ok(None);
    }
    if let Some(program) = &settings.claude {
        return if is_executable(program) {
            Ok(Some(program.clone()))
        } else {
            Err(AgentError::ProgramUnusable(program.clone()))
        };
    }
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    let found = env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("claude"))
        .find(|program| is_executable(program));
    match settings.kind {
        AgentChoice::Claude if found.is_none() => Err(AgentError::ClaudeNotFound),
        _ => Ok(found),
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

impl Invocation {
    /// Claude Code as a guide to the project.
    pub fn of_claude(
        start: &StartAgent,
        program: PathBuf,
        cicerone: &Path,
        server: &Server,
        settings: &AgentSettings,
        secrets: &Secrets,
        data_dir: &Path,
    ) -> Self {
        let prompts = data_dir.join("agents").join("prompts");
        // A name of its own: the file of an earlier start goes when that one's process is gone.
        let prompt = prompts.join(format!("{}.md", Uuid::new_v4()));
        let has_web = settings.has_web(&start.project.name);
        let arguments = claude::arguments(&claude::Launch {
            model: settings.model.as_deref(),
            project: &start.project,
            session: start.session,
            prompt: &prompt,
            cicerone,
            secrets: secrets.globs(),
            has_web,
        });
        let environment =
            claude::environment(server.environment.iter().cloned(), settings, data_dir);
        let results = claude::results_dir(&environment, &start.project.dir, start.session);
        let state_dir = claude::state_dir(data_dir);
        let (project, file) = (start.project.clone(), prompt.clone());
        let prepare = move || {
            check_dir(&project)?;
            let text = prompt::system_prompt(&project, has_web);
            private_dir(&state_dir)
                .and_then(|()| private_dir(&prompts))
                .and_then(|()| private_file(&file, &text))
                .map_err(|error| format!("The agent's prompt {file:?} cannot be written: {error}."))
        };
        Self {
            kind: AgentKind::Claude,
            program,
            arguments,
            environment,
            prepare: Box::new(prepare),
            prompt: Some(prompt),
            allowed_tools: Some(claude::allowed_tools(has_web)),
            results,
        }
    }

    /// The built-in guide to the project.
    pub fn of_guide(
        start: &StartAgent,
        cicerone: &Path,
        server: &Server,
        secrets: &Secrets,
    ) -> Self {
        let project = start.project.clone();
        Self {
            kind: AgentKind::Guide,
            program: cicerone.to_owned(),
            arguments: guide::arguments(&start.project, secrets.globs()),
            environment: guide::environment(server.environment.iter().cloned()),
            prepare: Box::new(move || check_dir(&project)),
            prompt: None,
            allowed_tools: None,
            results: None,
        }
    }

    /// The command that starts it, through the launcher, in the project's directory, as the
    /// leader of a process group of its own.
    pub fn command(&self, cicerone: &Path, dir: &Path) -> Command {
        let mut command = Command::new(cicerone);
        command
            .args(launcher::arguments(self.program.as_os_str(), &self.arguments))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

fn check_dir(project: &Project) -> Result<(), String> {
    match fs::read_dir(&project.dir) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "The project's directory {:?} cannot be read: {error}. Restore it, or correct its \
             path in the settings.",
            project.dir
        )),
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a file that only its owner can read. It never follows a link that waits in its place.
fn private_file(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
