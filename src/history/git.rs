//! Runs the system's `git` on a project's repository, with every setting of the repository that could
//! make it run another program switched off.

use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::{HistoryError, git_dir::GitDir, parse};

/// Longest time of one command.
const MAX_TIME: Duration = Duration::from_secs(6);

/// Limits of one command, where it cannot be killed: seconds of processor, KiB of address space.
const LIMITS: &str = "ulimit -t 8; ulimit -v 2097152; ulimit -c 0; exec git \"$@\"";

/// Largest file of the repository that is read whole, in bytes.
const MAX_BLOB_BYTES: usize = 4 << 20;

/// Longest complaint that is kept, in bytes.
const MAX_WORDS: u64 = 4 << 10;

/// Exit codes of a shell whose program is not there or cannot be run.
const NOT_RUN: [i32; 2] = [126, 127];

/// Settings that win over those of the repository.
const SETTINGS: [&str; 22] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.bigFileThreshold=2m",
    "core.packedGitLimit=128m",
    "core.packedGitWindowSize=16m",
    "core.deltaBaseCacheLimit=32m",
    "core.quotePath=true",
    "core.sshCommand=false",
    "core.askPass=false",
    "credential.helper=",
    "diff.external=",
    "diff.orderFile=/dev/null",
    "diff.submodule=short",
    "diff.ignoreSubmodules=all",
    "gpg.program=false",
    "log.showSignature=false",
    "mailmap.file=",
    "protocol.allow=never",
    "safe.directory=*",
];

/// One command at a time, so that a few questions cannot take the whole machine.
static RUNNING: Mutex<()> = Mutex::new(());

/// The repository of a project.
#[derive(Debug)]
pub(crate) struct Git {
    dir: PathBuf,
    git_dir: GitDir,
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) bytes: Vec<u8>,
    /// It printed more than was read.
    pub(crate) is_cut: bool,
}

impl Printed {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Git {
    /// The repository in `dir`, which has a commit.
    pub(crate) fn open(dir: &Path) -> Result<Self, HistoryError> {
        let git = Self { dir: dir.to_owned(), git_dir: GitDir::of(dir)? };
        match git.commit_id("HEAD")? {
            Some(_) => Ok(git),
            None => Err(HistoryError::Empty),
        }
    }

    /// Whether the history of this clone ends early.
    pub(crate) fn is_shallow(&self) -> bool {
        self.git_dir.common.join("shallow").exists()
    }

    /// The hash of the commit that `name` means. `name` must be [a revision](parse::is_revision).
    pub(crate) fn commit_id(&self, name: &str) -> Result<Option<String>, HistoryError> {
        let name = format!("{name}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        let (printed, is_done, words) = self.execute(&args, 200)?;
        let id = printed.text().trim().to_owned();
        match is_done {
            true if parse::is_full_id(&id) => Ok(Some(id)),
            _ if words.is_empty() || is_about_names(&words) => Ok(None),
            _ => Err(failed(&words)),
        }
    }

    /// `blob`, `tree` and the like; `None` where there is no such object.
    pub(crate) fn kind_of(&self, object: &str) -> Result<Option<String>, HistoryError> {
        let (printed, is_done, _) = self.execute(&["cat-file", "-t", object], 200)?;
        Ok(is_done.then(|| printed.text().trim().to_owned()))
    }

    /// The content of a file; `None` where there is none, or too much.
    pub(crate) fn blob(&self, object: &str) -> Result<Option<Vec<u8>>, HistoryError> {
        let (printed, is_done, _) = self.execute(&["cat-file", "blob", object], MAX_BLOB_BYTES)?;
        Ok((is_done && !printed.is_cut).then_some(printed.bytes))
    }

    /// What a command prints, at most `max_bytes` of it.
    pub(crate) fn run(
        &self,
        args: &[impl AsRef<str>],
        max_bytes: usize,
    ) -> Result<Printed, HistoryError> {
        match self.execute(args, max_bytes)? {
            (printed, true, _) => Ok(printed),
            (printed, false, _) if printed.is_cut => Ok(printed),
            (_, false, words) => Err(failed(&words)),
        }
    }

    /// What a search prints; `None` where it finds nothing.
    pub(crate) fn found(
        &self,
        args: &[impl AsRef<str>],
        max_bytes: usize,
    ) -> Result<Option<Printed>, HistoryError> {
        match self.execute(args, max_bytes)? {
            (printed, is_done, _) if is_done || printed.is_cut => Ok(Some(printed)),
            (_, _, words) if words.is_empty() => Ok(None),
            (_, _, words) => Err(failed(&words)),
        }
    }

    /// What a command prints, whether it succeeded, and what it complains of.
    fn execute(
        &self,
        args: &[impl AsRef<str>],
        max_bytes: usize,
    ) -> Result<(Printed, bool, String), HistoryError> {
        let _turn = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: std::io::Error| HistoryError::Failed(error.to_string());
        let mut child = match self.command(args).spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(HistoryError::NoGit);
            }
            spawned => spawned.map_err(failed)?,
        };
        let (sender, printed) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let words = thread::spawn(move || read(stderr, MAX_WORDS));
        let most = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        // It ends with the command, whose output ends at the latest when its time is up.
        thread::spawn(move || sender.send(read(stdout, most)).ok());
        let Ok(mut bytes) = printed.recv_timeout(MAX_TIME) else {
            end(&mut child);
            return Err(HistoryError::TooLong(MAX_TIME));
        };
        let is_cut = bytes.len() > max_bytes;
        bytes.truncate(max_bytes);
        if is_cut {
            end(&mut child);
        }
        let status = child.wait().map_err(failed)?;
        if status.code().is_some_and(|code| NOT_RUN.contains(&code)) {
            return Err(HistoryError::NoGit);
        }
        let words = String::from_utf8_lossy(&words.join().unwrap_or_default()).into_owned();
        let words = words.lines().next_back().unwrap_or_default().to_owned();
        Ok((Printed { bytes, is_cut }, status.success(), words))
    }

    fn command(&self, args: &[impl AsRef<str>]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.env_clear().current_dir(&self.dir).env("PATH", search_path());
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_EXTERNAL_DIFF", ""),
            ("GIT_PAGER", "cat"),
            ("HOME", "/nonexistent"),
            ("LC_ALL", "C"),
        ] {
            command.env(name, value);
        }
        command.args(["-c", LIMITS, "git", "--no-pager"]);
        command.arg(joined("--git-dir=", &self.git_dir.own));
        // Otherwise a setting could place the work tree elsewhere, and with it every path.
        command.arg(joined("--work-tree=", &self.dir));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(args.iter().map(AsRef::as_ref));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The complaint goes to the log alone: it may quote any file that a setting names.
fn failed(words: &str) -> HistoryError {
    log::debug!("git complains words={words:?}");
    HistoryError::Refused
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

/// Programs of the system first: only these may be run in the cage.
fn search_path() -> OsString {
    let mut path = OsString::from("/usr/bin:/bin");
    if let Some(own) = std::env::var_os("PATH") {
        path.push(":");
        path.push(own);
    }
    path
}

fn read(from: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from
        && let Err(error) = from.take(most).read_to_end(&mut bytes)
    {
        log::debug!("cannot read what git prints error={error}");
    }
    bytes
}

/// Ends a command. On kernels where it may not be killed, its limit of time does.
fn end(child: &mut Child) {
    drop(child.stdout.take());
    if let Err(error) = child.kill() {
        log::debug!("cannot end git error={error}");
        return;
    }
    if let Err(error) = child.wait() {
        log::debug!("cannot see the end of git error={error}");
    }
}

/// Whether a complaint is that a name means nothing or too much.
fn is_about_names(words: &str) -> bool {
    ["unknown revision", "Needed a single", "ambiguous", "not a valid", "expected commit", "bad "]
        .iter()
        .any(|known| words.contains(known))
}
