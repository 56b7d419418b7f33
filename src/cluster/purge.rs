//! Takes records out of the log that every live node has applied: what came before a deletion, and what is old.
//!
//! The stores are the long-term copies. The newest record of each subject stays, as the next one is added behind
//! it; a node that misses others takes a snapshot.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use super::{Member, nats_log::NatsLog};
use crate::database::journal::Position;

/// How often it is looked for what was deleted.
const LOOK: Duration = Duration::from_secs(1);

/// How often the age is looked at, in its own length.
const LOOKS_PER_AGE: u32 = 20;

/// Longest time between two looks at the age.
const SELDOM: Duration = Duration::from_secs(600);

/// For so long, what a node that is gone had not applied is kept for it, unless `cluster.log_age` is less.
const AWHILE: Duration = Duration::from_secs(3600);

/// The other nodes of late.
#[derive(Default)]
struct SeenNodes(HashMap<String, (Position, Instant)>);

impl SeenNodes {
    /// The place up to which this node, the others that live and those that were there a while ago have applied
    /// the log. `None` where no other one lives: nobody else has it then.
    fn applied(
        &mut self,
        own: Position,
        others: Vec<(String, Position)>,
        now: Instant,
        awhile: Duration,
    ) -> Option<Position> {
        let is_alone = others.is_empty();
        self.0.extend(others.into_iter().map(|(name, applied)| (name, (applied, now))));
        self.0.retain(|_, (_, seen)| now.duration_since(*seen) <= awhile);
        let least = self.0.values().map(|(applied, _)| *applied).min()?;
        (!is_alone).then_some(least.min(own))
    }
}

/// Purges for as long as this node runs.
pub(super) async fn purge_regularly(log: NatsLog, member: Arc<Member>, age: Duration) {
    let each = (age / LOOKS_PER_AGE).clamp(LOOK, SELDOM);
    let mut next_by_age = Instant::now() + each;
    let mut nodes = SeenNodes::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let others = member.ownership().applied_by_others();
        let everywhere = nodes.applied(member.applied(), others, Instant::now(), age.min(AWHILE));
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
        let is_due = Instant::now() >= next_by_age;
        if is_due && member.ownership().is_first() {
            next_by_age = Instant::now() + each;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_that_was_there_lately_has_not_applied_is_kept_for_it() {
        let (mut nodes, begun, awhile) = (SeenNodes::default(), Instant::now(), AWHILE);
        let others = |all: &[(&str, u64)]| {
            all.iter().map(|(name, at)| ((*name).to_owned(), Position(*at))).collect::<Vec<_>>()
        };
        let own = Position(20);
        let mut at = |seconds, all: &[(&str, u64)]| {
            let now = begun + Duration::from_secs(seconds);
            nodes.applied(own, others(all), now, awhile)
        };
        assert_eq!(at(0, &[]), None, "nobody else has it");
        assert_eq!(at(1, &[("b", 10), ("c", 30)]), Some(Position(10)));
        // One is gone: it finds what it misses for a while.
        assert_eq!(at(2, &[("c", 30)]), Some(Position(10)));
        assert_eq!(at(3601, &[("c", 30)]), Some(Position(10)));
        assert_eq!(at(3602, &[("c", 30)]), Some(own));
        assert_eq!(at(3603, &[]), None);
    }
}
