//! Limit of open files, and how many of them connections get. The rest is for the database, the
//! agents and files that are read.

use rustix::{
    io,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::config::settings::Limits;

/// Open files of the server itself: the database, files that are read, event queues.
const OWN: usize = 128;

/// Open files of an agent: its pipes, its process, files that are read to start it.
const PER_AGENT: usize = 8;

/// Raises the limit of this process as far as allowed and returns it.
pub(crate) fn raise() -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(count(maximum))
}

/// The highest limit that this process may set.
pub(crate) fn hard_limit() -> usize {
    count(getrlimit(Resource::Nofile).maximum)
}

fn count(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Connections that fit into so many open files: those of `limits` as far as enough is left, and at
/// least half.
pub(crate) fn connections(limits: &Limits, open_files: usize) -> usize {
    let left = open_files.saturating_sub(reserve(limits)).max(open_files / 2);
    left.min(limits.connections)
}

/// The limit of open files that leaves room for all connections.
pub(crate) fn needed(limits: &Limits) -> usize {
    limits.connections.saturating_add(reserve(limits))
}

fn reserve(limits: &Limits) -> usize {
    PER_AGENT.saturating_mul(limits.agents).saturating_add(OWN)
}
