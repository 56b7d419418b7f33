//! What a log begins with, as the metadata of its stream tell. Pure.

use std::collections::HashMap;

use crate::database::journal::{Position, stored_log::StoredLog};

/// Says in a stream's metadata that its first record comes after what is in a store.
const KEY: &str = "cicerone-base";

/// What was before the first record of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LogBase {
    Nothing,
    /// The store of a server that was alone.
    Store,
    /// A store that has another log up to this place.
    Log(String, Position),
}

/// How a store comes to what is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WayIn {
    /// It follows the log from where it is.
    Follow,
    /// It misses what was before the log.
    Snapshot,
    /// It is of another log.
    OtherLog,
    /// It has more than the store with which the log began.
    MoreThanBase,
}

impl LogBase {
    pub(super) fn of(metadata: &HashMap<String, String>) -> Self {
        let Some(base) = metadata.get(KEY) else { return Self::Nothing };
        let log = base
            .split_once('@')
            .and_then(|(log, at)| Some(Self::Log(log.to_owned(), Position(at.parse().ok()?))));
        log.unwrap_or(Self::Store)
    }

    /// The entry of the metadata; none where there was nothing.
    pub(super) fn metadata(&self) -> Option<(String, String)> {
        let value = match self {
            Self::Nothing => return None,
            Self::Store => "store".to_owned(),
            Self::Log(log, Position(at)) => format!("{log}@{at}"),
        };
        Some((KEY.to_owned(), value))
    }

    /// How a store comes to the log of this name, which it may not have been opened with before.
    pub(super) fn way_in(&self, log: &str, stored: &StoredLog) -> WayIn {
        if stored.log == log {
            return WayIn::Follow;
        }
        match self {
            Self::Nothing if stored.log.is_empty() => WayIn::Follow,
            _ if stored.log.is_empty() => WayIn::Snapshot,
            Self::Log(before, at) if *before == stored.log => match stored.most() <= *at {
                true => WayIn::Snapshot,
                false => WayIn::MoreThanBase,
            },
            _ => WayIn::OtherLog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(log: &str, watermark: u64) -> StoredLog {
        let mut stored = StoredLog::default();
        (stored.log, stored.watermark) = (log.to_owned(), Position(watermark));
        stored
    }

    #[test]
    fn what_is_written_into_the_metadata_is_read_again() {
        for base in [LogBase::Nothing, LogBase::Store, LogBase::Log("17".to_owned(), Position(5))] {
            let metadata = base.metadata().into_iter().collect();
            assert_eq!(LogBase::of(&metadata), base);
        }
    }

    #[test]
    fn a_store_comes_to_a_log_without_losing_what_it_has() {
        let replaced = LogBase::Log("old".to_owned(), Position(5));
        for (base, store, way) in [
            (LogBase::Nothing, stored("", 0), WayIn::Follow),
            (LogBase::Nothing, stored("log", 9), WayIn::Follow),
            (LogBase::Nothing, stored("old", 9), WayIn::OtherLog),
            (LogBase::Store, stored("", 0), WayIn::Snapshot),
            (LogBase::Store, stored("log", 0), WayIn::Follow),
            (LogBase::Store, stored("old", 5), WayIn::OtherLog),
            (replaced.clone(), stored("", 0), WayIn::Snapshot),
            (replaced.clone(), stored("old", 5), WayIn::Snapshot),
            (replaced.clone(), stored("old", 6), WayIn::MoreThanBase),
            (replaced.clone(), stored("older", 1), WayIn::OtherLog),
            (replaced, stored("log", 0), WayIn::Follow),
        ] {
            assert_eq!(base.way_in("log", &store), way, "{base:?} {store:?}");
        }
    }
}
