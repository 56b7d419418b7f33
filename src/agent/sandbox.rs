//! The sandbox: what an agent's process and its descendants can do, enforced by the kernel.
//!
//! The server describes it as a [`Profile`]; the launcher applies it to itself right before it becomes the
//! agent. Five mechanisms complement each other: Landlock (files by path, TCP ports, signals, abstract
//! sockets), a seccomp filter (only calls that programs need, and none that changes metadata, reaches other
//! processes or escapes the process group), no capabilities, another user if the server is root, and
//! resource limits.

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

pub(super) use access::{AccessNeeds, NETWORK_VARIABLES, parts_of, port_of, ports, value};
pub(crate) use confine::{can_read_all, confine, die_with, lower};
pub(crate) use landlock_rules::{KernelSupport, kernel_support};
#[cfg(test)]
use seccomp::ruled_syscalls;
pub(crate) use user::User;

/// What a confined process may do. Everything else is forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whether to fail if the kernel cannot enforce all of this.
    pub strict: bool,
    /// Readable files, and directories with all below them.
    pub read: Vec<PathBuf>,
    /// Likewise readable and executable.
    pub run: Vec<PathBuf>,
    /// Likewise readable and writable, but not executable.
    pub write: Vec<PathBuf>,
    /// TCP ports to connect to. Without any there is no network at all.
    pub ports: Vec<u16>,
    /// The user to become; `None` keeps the launcher's.
    pub user: Option<User>,
    /// Whether file modes are ignored when reading the above (CAP_DAC_READ_SEARCH), in place of being
    /// root.
    #[serde(default)]
    pub reads_all: bool,
    /// Limit of open files.
    pub open_files: u64,
    /// Largest file that it can write, in bytes.
    pub file_bytes: u64,
    /// Limit of the user's processes and threads, if `user` is set.
    pub processes: u64,
    /// Names of rules that a test disables.
    #[cfg(feature = "faults")]
    #[serde(default)]
    pub faults: Vec<String>,
}

impl Profile {
    /// Whether a rule is enforced: always, except for rules that a test disables.
    fn has_rule(&self, _name: &str) -> bool {
        #[cfg(feature = "faults")]
        return !self.faults.iter().any(|fault| fault == _name);
        #[cfg(not(feature = "faults"))]
        true
    }

    /// Whether there is a network.
    pub(crate) fn has_network(&self) -> bool {
        !self.ports.is_empty()
    }

    /// The kernel's support, or that of an older kernel which a test asks for.
    pub(crate) fn capped(&self, kernel: KernelSupport) -> KernelSupport {
        #[cfg(feature = "faults")]
        if let Some(cap) = self.faults.iter().find_map(|it| it.strip_prefix("abi ")?.parse().ok()) {
            return KernelSupport { landlock: kernel.landlock.min(cap) };
        }
        kernel
    }
}

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Landlock rejected the rules.
    #[error("this kernel rejects the rules of the sandbox: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// Landlock is missing or too old.
    #[error(
        "this kernel cannot confine an agent as `agent.sandbox = \"required\"` asks for: it {0}. Linux \
         6.12 or newer with Landlock enabled can; `--sandbox best-effort` does with less"
    )]
    Kernel(String),
    /// The seccomp filter was rejected.
    #[error("this kernel rejects the filter of system calls: {0}")]
    SystemCalls(String),
    /// A right could not be dropped.
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
