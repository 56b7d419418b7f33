//! The follower: applies what nodes have written to this node's store, in the order of the log.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::Addr;
use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull::OrderedConfig},
    stream,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::{
    ClusterEvent, Member,
    nats_log::{NatsLog, Unreadable, decode},
};
use crate::database::{
    Database, DatabaseError,
    journal::messages::ApplyRecords,
    journal::{JournalScope, Placed, Position, Record},
};

/// Records that are applied in one transaction, at most.
const MOST_AT_ONCE: usize = 500;

/// Wait before the log is followed anew after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// Without a record for so long, the log is asked whether there is none.
const QUIET: Duration = Duration::from_secs(2);

/// How often it is told that the log cannot be followed any more.
const TOLD_EACH: Duration = Duration::from_secs(60);

/// What is told of a log that is not the one that was followed, or not whole.
const LOST: &str = "the log was made anew or lost its end: stop all nodes, and run `cicerone cluster \
                    reset` on the one that has applied most";

/// Whether a stream was made anew in the place of the log.
fn is_other(log: &NatsLog, now: &stream::Info) -> bool {
    now.created != log.stream().cached_info().created
}

/// Why the log cannot be followed.
enum NotFollowed {
    /// It may go on by itself.
    Broken(String),
    /// Somebody has to do something.
    Stuck(String),
}

impl From<Unreadable> for NotFollowed {
    fn from(unreadable: Unreadable) -> Self {
        Self::Stuck(unreadable.to_string())
    }
}

/// Follows the log for as long as this node runs.
pub(super) async fn follow(log: NatsLog, member: Arc<Member>, database: Addr<Database>) {
    let mut failed_at = None;
    loop {
        match follow_once(&log, &member, &database).await {
            NotFollowed::Broken(why) => {
                log::warn!("the log of the cluster is followed anew error={why}");
                tokio::time::sleep(PAUSE).await;
            }
            // What is missing may only not have come.
            NotFollowed::Stuck(why) if failed_at != Some(member.applied()) => {
                failed_at = Some(member.applied());
                log::warn!("the log of the cluster is followed anew error={why}");
                tokio::time::sleep(PAUSE).await;
            }
            NotFollowed::Stuck(why) => {
                member.is_stuck.store(true, Ordering::Relaxed);
                log::error!(
                    "this node does not follow its cluster any more after={} error={why}",
                    member.applied().0
                );
                tokio::time::sleep(TOLD_EACH).await;
            }
        }
    }
}

async fn follow_once(log: &NatsLog, member: &Member, database: &Addr<Database>) -> NotFollowed {
    let broken = |error: &dyn ToString| NotFollowed::Broken(error.to_string());
    let start_sequence = member.applied().0 + 1;
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        ..OrderedConfig::default()
    };
    let consumer = match log.stream().create_consumer(config).await {
        Ok(consumer) => consumer,
        Err(error) => return broken(&error),
    };
    let mut messages = match consumer.messages().await {
        Ok(messages) => messages,
        Err(error) => return broken(&error),
    };
    loop {
        let first = match tokio::time::timeout(QUIET, messages.next()).await {
            Ok(Some(first)) => first,
            Ok(None) => return broken(&"it ended"),
            // The server that sent them may be gone, which its client notices late.
            Err(_) => match log.stream().get_info().await {
                Ok(info)
                    if is_other(log, &info) || info.state.last_sequence < member.applied().0 =>
                {
                    return NotFollowed::Stuck(LOST.to_owned());
                }
                Ok(info) if info.state.last_sequence == member.applied().0 => continue,
                Ok(info) => {
                    member.log_end.fetch_max(info.state.last_sequence, Ordering::Relaxed);
                    return broken(&"no records come, and there are some");
                }
                Err(error) => return broken(&error),
            },
        };
        let mut received = vec![first];
        while received.len() < MOST_AT_ONCE
            && let Some(Some(next)) = messages.next().now_or_never()
        {
            received.push(next);
        }
        let mut records = Vec::with_capacity(received.len());
        for message in received {
            let message = match message {
                Ok(message) => message,
                Err(error) => return broken(&error),
            };
            let at = match message.info() {
                Ok(info) => info.stream_sequence,
                Err(error) => return broken(&error),
            };
            match decode(at, &message.subject, &message.payload) {
                Ok(placed) => records.push(placed),
                Err(unreadable) => return unreadable.into(),
            }
        }
        if let Err(why) = apply(member, database, records).await {
            return why;
        }
    }
}

/// Applies records to the store, and then tells what they say of owners.
async fn apply(
    member: &Member,
    database: &Addr<Database>,
    records: Vec<Placed>,
) -> Result<(), NotFollowed> {
    let Some(up_to) = records.last().map(|placed| placed.at) else { return Ok(()) };
    member.log_end.fetch_max(up_to.0, Ordering::Relaxed);
    let owners: Vec<_> = records.iter().filter_map(owner_of).collect();
    let me = member.ownership().me().incarnation.clone();
    let others = records.iter().map(|placed| &placed.record).filter(|record| record.by != me);
    let credentials: Vec<_> = others.flat_map(Record::credentials).cloned().collect();
    match database.send(ApplyRecords { records, up_to }).await {
        Ok(Ok(())) => (),
        Ok(Err(error)) if is_lasting(&error) => {
            return Err(NotFollowed::Stuck(error.to_string()));
        }
        Ok(Err(error)) => {
            if !error.is_retryable() {
                member.is_behind.store(true, Ordering::Relaxed);
            }
            return Err(NotFollowed::Broken(error.to_string()));
        }
        Err(error) => return Err(NotFollowed::Broken(error.to_string())),
    }
    member.applied.send_replace(up_to);
    member.is_stuck.store(false, Ordering::Relaxed);
    if up_to.0 >= member.added.load(Ordering::Acquire) {
        member.is_behind.store(false, Ordering::Relaxed);
    }
    if !owners.is_empty() {
        let lost = member.change_owners(|ownership| {
            let lost = owners
                .into_iter()
                .filter(|(project, owner, at)| ownership.on_record(project, owner.clone(), *at));
            lost.map(|(project, ..)| project).collect::<Vec<_>>()
        });
        member.tell_lost(lost);
    }
    for change in credentials {
        member.events.send(ClusterEvent::Credential(change)).unwrap_or_default();
    }
    Ok(())
}

type OwnerRecord = (crate::project::ProjectName, Option<crate::database::journal::Owner>, Position);

/// What a record says of a project's owner.
fn owner_of(placed: &Placed) -> Option<OwnerRecord> {
    let JournalScope::Project(project) = &placed.scope else { return None };
    match (&placed.record.open, placed.record.close) {
        (_, true) => Some((project.clone(), None, placed.at)),
        (Some(owner), false) => Some((project.clone(), Some(owner.clone()), placed.at)),
        (None, false) => None,
    }
}

/// Whether an error does not pass by itself. A full disk does, once somebody has made room.
fn is_lasting(error: &DatabaseError) -> bool {
    !error.is_retryable()
        && !matches!(
            error,
            DatabaseError::Full
                | DatabaseError::Disk(_)
                | DatabaseError::ReadOnly
                | DatabaseError::Stopped
                | DatabaseError::Connection(_)
        )
}
