//! A journal in memory, for tests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use crate::database::{
    error::DatabaseError,
    journal::{Append, Journal, Owner, Placed, Position, Unappended},
};

/// What all nodes of a test share: the records in their order.
pub(super) type Log = Arc<Mutex<Vec<Placed>>>;

/// What is to go wrong with an append.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// It is added, and nobody learns of it.
    LostAnswer,
    /// It is not added.
    NotSent,
}

/// The journal of one node.
pub(super) struct MemoryJournal {
    owner: Owner,
    log: Log,
    /// For the next appends.
    pub(super) faults: Mutex<VecDeque<Fault>>,
    /// How often it was told that a transaction did not commit.
    pub(super) failed_commits: Mutex<usize>,
}

impl MemoryJournal {
    pub(super) fn new(node: &str, incarnation: &str, log: &Log) -> Arc<Self> {
        let owner = Owner { node: node.to_owned(), incarnation: incarnation.to_owned() };
        Arc::new(Self {
            owner,
            log: Arc::clone(log),
            faults: Mutex::default(),
            failed_commits: Mutex::default(),
        })
    }

    fn add(&self, append: Append) -> Result<Position, Unappended> {
        let fault = self.faults.lock().unwrap().pop_front();
        let mut log = self.log.lock().unwrap();
        if matches!(fault, Some(Fault::NotSent)) {
            return Err(Unappended::Unreachable("not sent".to_owned()));
        }
        let newer: Vec<_> = log
            .iter()
            .filter(|placed| placed.scope == append.scope && placed.at > append.record.after)
            .cloned()
            .collect();
        if !newer.is_empty() {
            return Err(Unappended::Behind(newer));
        }
        let at = Position(log.len() as u64 + 1);
        log.push(Placed { at, scope: append.scope, record: append.record });
        match fault {
            Some(_) => Err(Unappended::Unreachable("no answer".to_owned())),
            None => Ok(at),
        }
    }
}

impl Journal for MemoryJournal {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn append(&self, appends: Arc<[Append]>) -> Vec<Result<Position, Unappended>> {
        appends.iter().map(|append| self.add(append.clone())).collect()
    }

    fn most_bytes(&self) -> usize {
        usize::MAX
    }

    fn is_behind(&self, _: &DatabaseError) {
        *self.failed_commits.lock().unwrap() += 1;
    }
}
