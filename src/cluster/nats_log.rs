//! The journal in a stream of NATS: a subject for each scope.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    context::PublishError,
    message::{PublishMessage, StreamMessage},
    stream::{RawMessageErrorKind, Stream},
};
use futures_util::{TryStreamExt as _, future::join_all};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use super::{
    Member,
    append::{self, NextStep},
};
use crate::database::{
    DatabaseError,
    journal::{
        Append, Journal, JournalScope, Owner, Placed, Position, Record, Unappended, VERSION,
    },
};

/// Wait for one answer, before the same is sent again.
const ANSWER: Duration = Duration::from_secs(2);

/// Pauses before the same is sent again.
const SHORT_PAUSE: Duration = Duration::from_millis(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What NATS adds to a record, in bytes.
const OVERHEAD: usize = 4096;

/// The log of a cluster. Cheap to clone.
#[derive(Clone)]
pub(super) struct NatsLog(Arc<Inner>);

struct Inner {
    context: jetstream::Context,
    stream: Stream,
    name: String,
    max_payload: usize,
    timeout: Duration,
}

/// A record that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("the record at {at} of the stream cannot be read: {reason}")]
pub(super) struct Unreadable {
    at: u64,
    reason: String,
}

impl NatsLog {
    pub(super) fn new(
        context: &jetstream::Context,
        stream: Stream,
        max_payload: usize,
        timeout: Duration,
    ) -> Self {
        let name = stream.cached_info().config.name.clone();
        let context = context.clone();
        Self(Arc::new(Inner { context, stream, name, max_payload, timeout }))
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.0.stream
    }

    fn subject(&self, scope: &JournalScope) -> String {
        format!("{}.log.{scope}", self.0.name)
    }

    /// Adds a record behind the one that it names, or finds it there. Counts how often it is sent again.
    async fn append(&self, append: &Append, again: &AtomicU64) -> Result<Position, Unappended> {
        let deadline = Instant::now() + self.0.timeout;
        let Append { scope, record } = append;
        let unreachable = |error: &dyn ToString| Unappended::Unreachable(error.to_string());
        let payload = serde_json::to_vec(record).map_err(|error| unreachable(&error))?;
        let most = self.0.max_payload.saturating_sub(OVERHEAD);
        let too_large = Unappended::TooLarge { bytes: payload.len(), most };
        if payload.len() > most {
            return Err(too_large);
        }
        let publish = PublishMessage::build()
            .payload(payload.into())
            .expected_stream(&self.0.name)
            .expected_last_subject_sequence(record.after.0);
        let subject = self.subject(scope);
        loop {
            let sent = self.0.context.send_publish(subject.clone(), publish.clone());
            let (step, words) = match tokio::time::timeout(ANSWER, sent).await {
                Ok(Ok(answer)) => match tokio::time::timeout(ANSWER, answer).await {
                    Ok(Ok(added)) => return Ok(Position(added.sequence)),
                    Ok(Err(error)) => (next_step(&error), error.to_string()),
                    Err(_) => (NextStep::AgainLater, "no answer in time".to_owned()),
                },
                Ok(Err(error)) => (next_step(&error), error.to_string()),
                Err(_) => (NextStep::AgainLater, "no connection".to_owned()),
            };
            let pause = match step {
                NextStep::Refuse => return Err(too_large),
                NextStep::Again => SHORT_PAUSE,
                NextStep::AgainLater => PAUSE,
                NextStep::Look => match self.newer(scope, record.after).await {
                    Ok(newer) if !newer.is_empty() => {
                        return append::landed(&record.batch, newer);
                    }
                    // Who answered knows less than who refused.
                    Ok(_) => SHORT_PAUSE,
                    Err(error) => {
                        log::debug!("cannot read what came first scope={scope} error={error}");
                        PAUSE
                    }
                },
            };
            if Instant::now() + pause > deadline {
                match step {
                    NextStep::Look => log::error!(
                        "the log does not have the record {} of {scope} any more: it was emptied or lost \
                         its end; stop all nodes and run `cicerone cluster reset` on the one that has \
                         applied most",
                        record.after.0
                    ),
                    _ => log::error!("cannot add to the log scope={scope} error={words}"),
                }
                return Err(Unappended::Unreachable(words));
            }
            tokio::time::sleep(pause).await;
            again.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The records of a scope behind one, as the leader of the stream has them.
    async fn newer(&self, scope: &JournalScope, after: Position) -> Result<Vec<Placed>, LogError> {
        let mut newer = Vec::new();
        let mut from = after;
        while let Some(next) = self.next_after(scope, from).await? {
            from = next.at;
            newer.push(next);
        }
        Ok(newer)
    }

    /// The first record of a scope behind a place, as the leader of the stream has it.
    pub(super) async fn next_after(
        &self,
        scope: &JournalScope,
        after: Position,
    ) -> Result<Option<Placed>, LogError> {
        let next = self.message_from(after.0 + 1, &self.subject(scope)).await?;
        let read = |it: StreamMessage| decode(it.sequence, &it.subject, &it.payload);
        Ok(next.map(read).transpose()?)
    }

    /// The first message of these subjects from a place on.
    async fn message_from(
        &self,
        from: u64,
        subjects: &str,
    ) -> Result<Option<StreamMessage>, LogError> {
        let next = self.0.stream.raw_message_builder();
        match next.sequence(from).next_by_subject(subjects).send().await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The scopes that have records.
    pub(super) async fn scopes(&self) -> Result<Vec<JournalScope>, LogError> {
        let mut subjects = self.0.stream.info_with_subjects(self.all_subjects()).await?;
        let mut scopes = Vec::new();
        while let Some((subject, _)) = subjects.try_next().await? {
            scopes.extend(subject.rsplit('.').next().and_then(JournalScope::parse));
        }
        Ok(scopes)
    }

    /// The place of a scope's newest record, as the leader of the stream has it.
    pub(super) async fn newest(&self, scope: &JournalScope) -> Result<Position, LogError> {
        let newest = self.0.stream.get_last_raw_message_by_subject(&self.subject(scope)).await?;
        Ok(Position(newest.sequence))
    }

    /// The place of the first record since a time, by the clocks of the servers, or behind all records.
    pub(super) async fn first_since(&self, time: OffsetDateTime) -> Result<Position, LogError> {
        let state = self.0.stream.get_info().await?.state;
        let (mut low, mut high) = (state.first_sequence, state.last_sequence + 1);
        // Every record before `low` is older, and none from `high` on.
        while low < high {
            let middle = low + (high - low) / 2;
            match self.message_from(middle, &self.all_subjects()).await? {
                Some(message) if message.time.unix_timestamp() < time.unix_timestamp() => {
                    low = message.sequence + 1;
                }
                _ => high = middle,
            }
        }
        Ok(Position(low))
    }

    /// Takes the records of a scope before a place out of the log. Answers how many there were.
    pub(super) async fn purge(
        &self,
        scope: &JournalScope,
        before: Position,
    ) -> Result<u64, LogError> {
        let purge = self.0.stream.purge().filter(self.subject(scope)).sequence(before.0);
        Ok(purge.await?.purged)
    }

    fn all_subjects(&self) -> String {
        format!("{}.log.>", self.0.name)
    }
}

/// Why the log could not be asked.
pub(super) type LogError = Box<dyn std::error::Error + Send + Sync>;

/// What is to be done after an error of NATS.
fn next_step(error: &PublishError) -> NextStep {
    let source = std::error::Error::source(error);
    let source = source.and_then(|it| it.downcast_ref::<jetstream::Error>());
    NextStep::after(error.kind(), source.map(jetstream::Error::error_code))
}

/// Reads a message of the stream.
pub(super) fn decode(at: u64, subject: &str, payload: &[u8]) -> Result<Placed, Unreadable> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let unreadable = |reason: String| Unreadable { at, reason };
    let scope = subject.rsplit('.').next().and_then(JournalScope::parse);
    let scope =
        scope.ok_or_else(|| unreadable(format!("the subject {subject:?} is of no project")))?;
    // What a newer program wrote may have another shape.
    let Version { v } =
        serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?;
    let record = match v > VERSION {
        true => Record { v, ..Record::new("", Position(at)) },
        false => serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?,
    };
    Ok(Placed { at: Position(at), scope, record })
}

/// Appends that wait for the thread of the cluster.
pub(super) struct AppendRequest {
    appends: Arc<[Append]>,
    reply: oneshot::Sender<Vec<Result<Position, Unappended>>>,
}

/// Adds what is asked for until nobody asks any more.
pub(super) async fn serve(
    log: NatsLog,
    member: Arc<Member>,
    mut requests: mpsc::UnboundedReceiver<AppendRequest>,
) {
    while let Some(AppendRequest { appends, reply }) = requests.recv().await {
        let (log, member) = (log.clone(), Arc::clone(&member));
        tokio::task::spawn_local(async move {
            let added = appends.iter().map(|append| log.append(append, &member.append_retries));
            let added = join_all(added).await;
            // The writer waits for it.
            reply.send(added).unwrap_or_default();
        });
    }
}

/// The way of the writer to the log.
pub(crate) struct NatsJournal {
    owner: Owner,
    requests: mpsc::UnboundedSender<AppendRequest>,
    member: Arc<Member>,
    most_bytes: usize,
}

impl NatsJournal {
    pub(super) fn new(
        log: &NatsLog,
        requests: mpsc::UnboundedSender<AppendRequest>,
        member: Arc<Member>,
    ) -> Self {
        let owner = member.ownership().me().clone();
        Self { owner, requests, member, most_bytes: log.0.max_payload }
    }

    /// Notes what an answer says of the owner of a project.
    fn note(&self, append: &Append, answer: &Result<Position, Unappended>) {
        let JournalScope::Project(project) = &append.scope else { return };
        let Record { open, close, .. } = &append.record;
        let mut ownership = self.member.ownership();
        let is_lost = match answer {
            Ok(at) if open.is_some() && !close => {
                ownership.on_record(project, open.clone(), *at);
                false
            }
            Ok(at) if *close => {
                ownership.give_up(project);
                ownership.on_record(project, None, *at);
                false
            }
            Ok(_) | Err(Unappended::TooLarge { .. }) => false,
            // What may have landed is behind the next record that opens the project, or never lands.
            Err(Unappended::Behind(_) | Unappended::Unreachable(_)) => ownership.give_up(project),
        };
        drop(ownership);
        if is_lost {
            self.member.tell_lost([project.clone()]);
        }
    }
}

impl Journal for NatsJournal {
    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn append(&self, appends: Arc<[Append]>) -> Vec<Result<Position, Unappended>> {
        let begun = Instant::now();
        let (reply, added) = oneshot::channel();
        let request = AppendRequest { appends: Arc::clone(&appends), reply };
        let is_sent = self.requests.send(request).is_ok();
        let added = if is_sent { added.blocking_recv().ok() } else { None };
        let added = added.unwrap_or_else(|| {
            let ended = Unappended::Unreachable("the server is shutting down".to_owned());
            vec![Err(ended); appends.len()]
        });
        self.member.appends.add(begun.elapsed());
        for (append, answer) in appends.iter().zip(&added) {
            if let Ok(at) = answer {
                self.member.added.fetch_max(at.0, Ordering::AcqRel);
                self.member.log_end.fetch_max(at.0, Ordering::Relaxed);
                if append.record.deletes() {
                    self.member.note_deletion(append.scope.clone(), *at);
                }
            }
            self.note(append, answer);
        }
        added
    }

    fn is_behind(&self, error: &DatabaseError) {
        log::error!("what is in the log of the cluster could not be stored here error={error}");
        self.member.is_behind.store(true, Ordering::Relaxed);
        let lost = self.member.ownership().give_up_all();
        self.member.tell_lost(lost);
    }

    fn most_bytes(&self) -> usize {
        self.most_bytes
    }
}
