//! The kernel's lock on an agent: what its process, and every process that it starts, can do at
//! all. The server describes it as a [`Profile`]; the launcher applies it to itself right before
//! it becomes the agent. It trusts neither the agent nor its rules.
//!
//! Five means, each for what the others leave open: Landlock (files by path, TCP ports, signals,
//! abstract sockets), a filter of system calls (which lets through what programs need, and nothing
//! that changes or locks what can only be read, reaches other processes or leaves the agent's own),
//! no capabilities, another user where the server is root, and limits on resources.

mod access;
mod confine;
mod landlock_rules;
mod seccomp;
mod syscall_lists;
pub(crate) mod user;

pub mod self_test;
pub(crate) mod status;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(super) use access::{AccessNeeds, ports, value};
pub(crate) use confine::{can_read_all, confine, die_with, lower};
pub(crate) use landlock_rules::{KernelSupport, kernel_support};
#[cfg(test)]
use seccomp::ruled_syscalls;
pub(crate) use user::User;

/// What a confined process may do. Everything else is forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whether nothing is started where the kernel cannot do all of this.
    pub strict: bool,
    /// Files, and directories with all below them, that can be read.
    pub read: Vec<PathBuf>,
    /// Likewise those that can also be run.
    pub run: Vec<PathBuf>,
    /// Likewise those that can be read and changed, and not run.
    pub write: Vec<PathBuf>,
    /// TCP ports that can be connected to. Where there is none there is no network at all.
    pub ports: Vec<u16>,
    /// The user to become; `None` stays the launcher's.
    pub user: Option<User>,
    /// Whether it reads the above also where modes of files deny it to its user. This takes one
    /// capability, which changes nothing, in place of being root.
    #[serde(default)]
    pub reads_all: bool,
    /// Files that can be open at once.
    pub open_files: u64,
    /// Size of a file that it writes, in bytes.
    pub file_bytes: u64,
    /// Processes and threads of the user, where the process becomes another one.
    pub processes: u64,
    /// Names of rules that a test leaves out.
    #[cfg(feature = "faults")]
    #[serde(default)]
    pub faults: Vec<String>,
}

impl Profile {
    /// Whether a rule is in force: always, but for tests that leave one out.
    fn has_rule(&self, _name: &str) -> bool {
        #[cfg(feature = "faults")]
        return !self.faults.iter().any(|fault| fault == _name);
        #[cfg(not(feature = "faults"))]
        true
    }
}

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The kernel has no Landlock, or not all of it that is asked for.
    #[error(
        "this kernel cannot confine an agent as `agent.sandbox = \"required\"` asks for: {0}. Linux \
         6.12 or newer with Landlock enabled can; `--sandbox best-effort` does with less"
    )]
    Landlock(#[from] landlock::RulesetError),
    /// The filter of system calls.
    #[error("this kernel does not take the filter of system calls: {0}")]
    SystemCalls(String),
    /// A right could not be given up.
    #[error("cannot give up {what}: {source}")]
    Rights {
        /// Which.
        what: &'static str,
        /// Why.
        source: rustix::io::Errno,
    },
    /// The server ended before the agent began.
    #[error("the server that asked for the agent is gone")]
    ParentGone,
}
