//! The requests that wait for their answers, and what an answer, a deadline and an end mean to them.
//! Pure: the time is given.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::protocol::{ReaderAnswer, ReaderError};

/// Requests that may wait at once.
const MAX_WAITING: usize = 64;

/// Time to react to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a request may run beyond its deadline; nobody waits for it any more.
const GRACE: Duration = Duration::from_secs(10);

/// Whom the answer of a request goes to.
pub(super) type Reply = tokio::sync::oneshot::Sender<Result<ReaderAnswer, ReaderError>>;

/// The open requests of one reader.
#[derive(Debug)]
pub(super) struct WaitingRequests {
    next: u64,
    open: HashMap<u64, OpenRequest>,
    /// Why none is taken any more.
    closed: Option<String>,
    /// It was closed because nobody needed it.
    is_rested: bool,
    used: Instant,
}

#[derive(Debug)]
struct OpenRequest {
    /// `None` for a ping, and once its asker was told that it takes too long.
    reply: Option<Reply>,
    is_ping: bool,
    since: Instant,
    deadline: Instant,
}

/// What to do after a look at the deadlines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Nothing,
    /// Find out whether the reader still reacts.
    Ping,
    /// It does not: end it, for this reason.
    End(&'static str),
}

impl WaitingRequests {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: 1, open: HashMap::new(), closed: None, is_rested: false, used: now }
    }

    /// The number of a new request.
    pub(super) fn add(
        &mut self,
        reply: Reply,
        limit: Duration,
        now: Instant,
    ) -> Result<u64, NotTaken> {
        if self.closed.is_some() {
            return Err(NotTaken::Closed);
        }
        if self.open.len() >= MAX_WAITING {
            return Err(NotTaken::Busy);
        }
        self.used = now;
        Ok(self.insert(Some(reply), false, limit, now))
    }

    /// The number of a ping.
    pub(super) fn add_ping(&mut self, now: Instant) -> u64 {
        self.insert(None, true, PING_TIMEOUT, now)
    }

    fn insert(
        &mut self,
        reply: Option<Reply>,
        is_ping: bool,
        limit: Duration,
        now: Instant,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, OpenRequest { reply, is_ping, since: now, deadline: now + limit });
        id
    }

    /// Whether `id` was waited for. Passes on the answer, unless its asker has gone.
    pub(super) fn on_answer(&mut self, id: u64, answer: ReaderAnswer, now: Instant) -> bool {
        let Some(open) = self.open.remove(&id) else { return false };
        self.used = now;
        if let Some(reply) = open.reply {
            // An error means that nobody waits for it any more.
            drop(reply.send(Ok(answer)));
        }
        true
    }

    /// Tells the askers whose time is over, and what follows for the reader.
    pub(super) fn on_time(&mut self, now: Instant) -> Overdue {
        let mut overdue = Overdue::Nothing;
        for open in self.open.values_mut().filter(|open| open.deadline <= now) {
            match open.reply.take() {
                Some(reply) => {
                    drop(reply.send(Err(ReaderError::TimedOut(open.deadline - open.since))));
                    open.deadline = now + GRACE;
                    if overdue == Overdue::Nothing {
                        overdue = Overdue::Ping;
                    }
                }
                None if open.is_ping => return Overdue::End("it does not react"),
                None => return Overdue::End("a request did not end"),
            }
        }
        overdue
    }

    /// Takes no more requests, if none is open and none was made for so long.
    pub(super) fn close_if_idle(&mut self, timeout: Duration, now: Instant) -> bool {
        let is_idle = self.open.is_empty() && now.saturating_duration_since(self.used) >= timeout;
        if is_idle && self.closed.is_none() {
            self.is_rested = true;
            self.close("nobody needed it");
        }
        is_idle
    }

    /// Fails all that wait and takes no more; the first reason counts.
    pub(super) fn close(&mut self, reason: &str) {
        let reason = self.closed.get_or_insert_with(|| reason.to_owned());
        for reply in self.open.drain().filter_map(|(_, open)| open.reply) {
            drop(reply.send(Err(ReaderError::Died(reason.clone()))));
        }
    }

    /// Why it takes no more requests.
    pub(super) fn closed(&self) -> Option<&str> {
        self.closed.as_deref()
    }

    /// Whether it was closed because nobody needed it.
    pub(super) fn is_rested(&self) -> bool {
        self.is_rested
    }

    /// The time of the last use, while nothing is open.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.open.is_empty().then_some(self.used)
    }
}

/// Why a request was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The reader has ended.
    Closed,
    Busy,
}
