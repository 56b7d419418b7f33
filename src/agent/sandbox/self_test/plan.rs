//! The probe's instructions, passed to it as JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::user_files::UserFiles;

/// The probe's plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbePlan {
    /// The project's directories; the agent works in the first.
    pub roots: Vec<PathBuf>,
    /// Whether the agent reads it; else it works in a directory of its own.
    #[serde(default)]
    pub reads_project: bool,
    /// Targets around a scratch project, which may be destroyed; `None` in a real project.
    pub decoys: Option<Decoys>,
    /// Directories that belong to the agent.
    pub own: Vec<PathBuf>,
    /// The server's database, which no agent may read.
    pub database: PathBuf,
    /// Whether the agent may use the network.
    pub has_network: bool,
    /// The server's process id; its child is the probe's parent.
    #[serde(default)]
    pub server: Option<u32>,
    /// Whether the agent has CAP_DAC_READ_SEARCH.
    #[serde(default)]
    pub reads_all: bool,
    /// Files of the server's user, and secrets.
    #[serde(default)]
    pub user_files: UserFiles,
}

/// Targets around a scratch project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decoys {
    /// Directory with a file `secret`.
    pub dir: PathBuf,
    /// A TCP port with a listener that the agent must not reach.
    pub port: u16,
    /// Name of an abstract socket with a listener.
    pub abstract_socket: String,
    /// Path of a stream socket with a listener.
    pub socket: Option<PathBuf>,
    /// Path of a datagram socket.
    #[serde(default)]
    pub datagrams: Option<PathBuf>,
}
