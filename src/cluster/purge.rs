//! Takes records out of the log that every live node has applied: what came before a deletion, and what is old.
//!
//! The stores are the long-term copies. The newest record of each subject stays, as the next one is added behind
//! it; a node that misses others takes a snapshot.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{Member, nats_log::NatsLog};
use crate::database::journal::Position;

/// How often it is looked for what was deleted.
const LOOK: Duration = Duration::from_secs(1);

/// How often the age is looked at, in its own length.
const LOOKS_PER_AGE: u32 = 20;

/// Longest time between two looks at the age.
const SELDOM: Duration = Duration::from_secs(600);

/// Purges for as long as this node runs.
pub(super) async fn purge_regularly(log: NatsLog, member: Arc<Member>, age: Duration) {
    let each = (age / LOOKS_PER_AGE).clamp(LOOK, SELDOM);
    let mut next_by_age = tokio::time::Instant::now() + each;
    loop {
        tokio::time::sleep(LOOK).await;
        let everywhere = member.ownership().applied_everywhere(member.applied());
        for (scope, before) in member.deletions_up_to(everywhere) {
            match log.purge(&scope, before).await {
                Ok(gone) => {
                    log::info!("what was deleted is out of the log scope={scope} records={gone}");
                }
                Err(error) => {
                    log::warn!("cannot purge the log scope={scope} error={error}");
                    member.note_deletion(scope, before);
                }
            }
        }
        let is_due = tokio::time::Instant::now() >= next_by_age;
        if is_due && member.ownership().is_first() {
            next_by_age = tokio::time::Instant::now() + each;
            match purge_old(&log, everywhere, age).await {
                Ok(0) => (),
                Ok(gone) => log::info!("old records are out of the log records={gone}"),
                Err(error) => log::warn!("cannot purge the log error={error}"),
            }
        }
    }
}

type Purged = Result<u64, Box<dyn std::error::Error + Send + Sync>>;

/// Takes out what is older than `age`, but for what a live node has not applied.
async fn purge_old(log: &NatsLog, everywhere: Option<Position>, age: Duration) -> Purged {
    let Some(everywhere) = everywhere else { return Ok(0) };
    let first_young = log.first_since(OffsetDateTime::now_utc() - age).await?;
    let before = first_young.min(Position(everywhere.0 + 1));
    let mut gone = 0;
    for scope in log.scopes().await? {
        let newest = log.newest(&scope).await?;
        gone += log.purge(&scope, before.min(newest)).await?;
    }
    Ok(gone)
}
