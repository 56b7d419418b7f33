//! Open files: how many there may be, and how many of them connections get. The rest is kept for
//! the database, the agents and the files that are read.

use rustix::{
    io,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::config::settings::Limits;

/// Open files of the server itself: the database's, those that are read, what threads wait on.
const OWN: usize = 128;

/// Open files for an agent: its pipes, its process, what is read to start it.
const PER_AGENT: usize = 8;

/// Raises the limit of this process as far as it may; gives what it is now.
pub(crate) fn raise() -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(count(maximum))
}

/// The limit that this process may have at most.
pub(crate) fn hard_limit() -> usize {
    count(getrlimit(Resource::Nofile).maximum)
}

fn count(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// How many connections there may be where so many files may be open: what `limits` say, as far
/// as enough is left, and at least half.
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
