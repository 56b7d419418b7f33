//! Processes that are measured: what they take of the processor and of memory.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{time::clock_getcpuclockid, unistd::Pid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that ten thousand viewers need.
const OPEN_FILES: u64 = 24_000;

/// A program that runs until this is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a program; its output is nobody's unless the command says otherwise.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
    }

    /// Its stdout, once.
    pub fn take_stdout(&mut self) -> std::process::ChildStdout {
        self.0.stdout.take().unwrap()
    }

    /// What it has taken of the processor so far, without its children. Its own clock tells in
    /// nanoseconds what `/proc` counts in ticks of ten milliseconds.
    pub fn cpu(&self) -> Duration {
        let clock = clock_getcpuclockid(Pid::from_raw(self.0.id().cast_signed())).unwrap();
        Duration::from(clock.now().unwrap())
    }

    /// Its bytes in memory that are no file's, once all of them stand still.
    pub fn own_memory(&self) -> u64 {
        self.settled_memory();
        self.status("RssAnon:")
    }

    /// Its bytes in memory, once they stand still.
    pub fn settled_memory(&self) -> u64 {
        let mut before = self.status("VmRSS:");
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = self.status("VmRSS:");
            if now == before || Instant::now() > deadline {
                return now;
            }
            before = now;
        }
    }

    /// Bytes of which the kernel tells under this name.
    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Lets this process and those that it starts open as many files as the benchmark needs.
pub fn raise_open_files() {
    let now = getrlimit(Resource::Nofile);
    let maximum = now.maximum.map(|most| most.max(OPEN_FILES));
    let raised = Rlimit { current: maximum, maximum };
    if setrlimit(Resource::Nofile, raised).is_err() {
        // Who is not root may not raise the upper bound.
        setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now }).ok();
    }
}

/// How many files may be open.
pub fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
