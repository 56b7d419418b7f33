//! The record of the probe's attempts.

use std::io;

use super::{Attempt, AttemptKind, AttemptOutcome};

/// Attempts in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Attempts(pub Vec<Attempt>);

impl Attempts {
    /// Records an attempt that must be refused.
    pub(super) fn refused<T>(&mut self, kind: AttemptKind, what: &str, tried: io::Result<T>) {
        self.add(kind, what, AttemptOutcome::Refused, tried.map(|_| ()));
    }

    /// Records an attempt that must work.
    pub(super) fn allowed<T>(&mut self, kind: AttemptKind, what: &str, tried: io::Result<T>) {
        self.add(kind, what, AttemptOutcome::Allowed, tried.map(|_| ()));
    }

    /// Whether a change that had to be refused was not.
    pub(super) fn is_broken(&self) -> bool {
        self.0
            .iter()
            .any(|attempt| attempt.kind == AttemptKind::Change && !attempt.is_as_expected())
    }

    fn add(
        &mut self,
        kind: AttemptKind,
        what: &str,
        expected: AttemptOutcome,
        tried: io::Result<()>,
    ) {
        let (outcome, detail) = match tried {
            Ok(()) => (AttemptOutcome::Allowed, String::new()),
            // A missing target proves nothing.
            Err(error) if is_missing(&error) => (AttemptOutcome::Untried, error.to_string()),
            Err(error) => (AttemptOutcome::Refused, error.to_string()),
        };
        self.0.push(Attempt { what: what.to_owned(), kind, expected, outcome, detail });
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
