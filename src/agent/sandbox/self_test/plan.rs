//! The probe's instructions, passed to it as JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::user_files::UserFiles;

/// Where the probe tries what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbePlan {
    /// The project.
    pub project: PathBuf,
    /// What stands beside it, where the project may be destroyed: a directory with `secret`, and
    /// a socket.
    pub decoys: Option<Decoys>,
    /// What an agent has to itself.
    pub own: Vec<PathBuf>,
    /// A file of the server that no agent may read.
    pub database: PathBuf,
    /// Whether it may have a network.
    pub has_network: bool,
    /// The server; its child is the probe's parent.
    #[serde(default)]
    pub server: Option<u32>,
    /// Whether it may read what modes of files deny to its user.
    #[serde(default)]
    pub reads_all: bool,
    /// What is nobody's but the user's and the server's.
    #[serde(default)]
    pub user_files: UserFiles,
}

/// What stands beside a project that may be destroyed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decoys {
    /// A directory with a file `secret`.
    pub dir: PathBuf,
    /// A port that somebody listens on and that is none of an agent's.
    pub port: u16,
    /// An abstract socket that somebody listens on.
    pub abstract_socket: String,
    /// A file's socket that somebody listens on.
    pub socket: Option<PathBuf>,
    /// A file's socket that takes datagrams.
    #[serde(default)]
    pub datagrams: Option<PathBuf>,
}
