//! Credential helpers: programs that the configuration names for the login at a remote. They speak the
//! protocol of git's own helpers, and are run by the server and not by git: in its cage, git could
//! run nothing that reads the operator's files, and outside of it no program may see a repository.
//!
//! What a helper gets is of the configuration alone. No shell reads it.

use std::{
    ffi::OsString,
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::git_remote::{
    GitRemote,
    credentials::{self, RemoteCredentials},
};

/// Longest run of a helper.
const LONGEST: Duration = Duration::from_secs(20);

/// How long it may take to end after its last word.
const TO_END: Duration = Duration::from_secs(1);

/// Part of its output that is read, in bytes.
const MAX_OUTPUT: u64 = 16 << 10; // 16 KiB

/// What a helper finds its own files and services by, besides what leads to the network.
const VARIABLES: [&str; 9] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Asks the helper of a remote for its login. Nothing that it prints is in the error. Blocks.
pub(super) fn ask(
    remote: &GitRemote,
    environment: &[(OsString, OsString)],
) -> Result<RemoteCredentials, String> {
    let helper = &remote.login.credential_helper;
    let asked = credentials::question(&remote.address, remote.login.user.as_deref());
    let (program, arguments) = helper.split_first().ok_or("no helper is named")?;
    let passed = environment.iter().filter(|(name, _)| {
        let mut known = VARIABLES.iter().chain(&super::sandbox::NETWORK_VARIABLES);
        known.any(|passed| name == passed)
    });
    let mut child = Command::new(program)
        .args(arguments)
        .arg("get")
        .env_clear()
        .envs(passed.cloned())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("its `credential_helper` cannot be started: {error}"))?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads nothing knows what it is asked.
        stdin.write_all(asked.as_bytes()).ok();
    }
    let (told, printed) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut text = String::new();
            let read = stdout.take(MAX_OUTPUT).read_to_string(&mut text);
            told.send(read.map(|_| text)).ok();
        });
    }
    let printed = printed.recv_timeout(LONGEST);
    let status = ended(&mut child, group);
    let text = match printed {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return Err("its `credential_helper` prints no text".to_owned()),
        Err(_) => return Err(format!("its `credential_helper` did not answer within {LONGEST:?}")),
    };
    match (RemoteCredentials::parse(&text), status) {
        (Some(found), _) => Ok(found),
        (None, Some(status)) if !status.success() => {
            Err(format!("its `credential_helper` failed ({status})"))
        }
        (None, _) => Err("its `credential_helper` names no password".to_owned()),
    }
}

/// How a helper has ended that has closed its output or is too slow. What is left of it is killed.
fn ended(child: &mut Child, group: Option<Pid>) -> Option<ExitStatus> {
    let begun = Instant::now();
    let mut status = None;
    while status.is_none() && begun.elapsed() < TO_END {
        status = child.try_wait().ok().flatten();
        thread::sleep(Duration::from_millis(5));
    }
    if let Some(group) = group {
        kill_process_group(group, Signal::KILL).ok();
    }
    status.or_else(|| child.wait().ok())
}
