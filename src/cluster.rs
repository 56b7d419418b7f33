//! Several nodes that serve the same projects together.
//!
//! One node at a time owns a project: it runs its session and agents, and it alone writes to it. Each
//! node applies what all have written to its own store and answers reads from there. What decides who
//! owns a project is the [journal](crate::database::journal) itself; a lease only tells who lives.
//! Without `[cluster]` in the configuration there is one node, which owns everything.
//!
//! The journal and the leases are kept by NATS JetStream, behind the cargo feature `cluster`.

#![cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "there is one node"))]

pub(crate) mod membership;
pub(crate) mod ownership;
pub(crate) mod peers;

#[cfg(feature = "cluster")]
mod append;
#[cfg(feature = "cluster")]
mod base;
#[cfg(feature = "cluster")]
mod connect;
#[cfg(feature = "cluster")]
mod error;
#[cfg(feature = "cluster")]
mod follower;
#[cfg(feature = "cluster")]
mod keeper;
#[cfg(feature = "cluster")]
mod lease;
#[cfg(feature = "cluster")]
mod look;
#[cfg(feature = "cluster")]
mod nats_log;
#[cfg(feature = "cluster")]
mod new_log;
#[cfg(feature = "cluster")]
mod node;
#[cfg(feature = "cluster")]
pub(crate) mod node_client;
#[cfg(feature = "cluster")]
mod purge;
#[cfg(feature = "cluster")]
mod snapshot;
#[cfg(feature = "cluster")]
mod sync_check;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Addr;
use tokio::sync::{mpsc, watch};

use crate::{
    config::settings::Live,
    database::{
        Database, Reader,
        journal::{JournalScope, Position},
        messages::credentials::ChangeCredential,
    },
    histogram::{Histogram, HistogramSnapshot},
    project::ProjectName,
};
use ownership::{OwnedElsewhere, OwnerStanding, ProjectOwners};
use peers::{HandedOn, PeerSecret, SignedHead};

pub use membership::{Beginning, NotJoined, begin_log};

/// Wait before a project that is being taken is asked for again.
const TAKING_STEP: Duration = Duration::from_millis(20);

/// Longest wait for a project that is being taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// Why this node may not write a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHere {
    /// Another node owns it.
    #[error("the project is served by the node {} now", .0.node)]
    Elsewhere(OwnedElsewhere),
    /// This node is cut off from the others.
    #[error("this node cannot reach its cluster now; try again in a moment")]
    OutOfReach,
}

/// What a node learns from its cluster.
#[derive(Debug, Clone)]
pub(crate) enum ClusterEvent {
    /// It is this node's now, and in order.
    Taken(ProjectName),
    /// It is not this node's any more: its agents are to end, and its viewers to go.
    Lost(ProjectName),
    /// Another node has changed what lets people in.
    Credential(ChangeCredential),
}

/// What a node needs of the server.
pub(crate) struct NodeStore {
    pub(crate) database: Addr<Database>,
    pub(crate) reader: Reader,
    pub(crate) live: Live,
    /// The port that the server listens on.
    pub(crate) port: u16,
}

/// The cluster as this node sees it. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Option<Arc<Member>>);

/// What the operators of a node watch.
pub(crate) struct ClusterFigures {
    /// Records that are in the log, as far as it is known, and not in this node's store.
    pub(crate) lag_records: u64,
    pub(crate) owned_projects: usize,
    pub(crate) live_nodes: usize,
    /// Since the lease was renewed.
    pub(crate) lease_age: Duration,
    /// Projects that were lost to another node.
    pub(crate) fenced: u64,
    /// Records that were sent again.
    pub(crate) append_retries: u64,
    /// Time until a record is in the log.
    pub(crate) appends: HistogramSnapshot,
}

/// A cluster as it is seen from outside.
pub(crate) struct ClusterView {
    pub(crate) text: String,
    /// What is wrong, and how to mend it.
    pub(crate) problems: Vec<String>,
}

/// This node among others.
struct Member {
    ownership: Mutex<ProjectOwners>,
    /// Projects that are to be taken.
    wants: mpsc::UnboundedSender<ProjectName>,
    events: mpsc::UnboundedSender<ClusterEvent>,
    /// A record cannot be applied, so that no later one is.
    is_stuck: AtomicBool,
    /// What this node has written is in the log and not in its store, which takes nothing.
    is_behind: AtomicBool,
    /// The place up to which this node's store has all records.
    applied: watch::Sender<Position>,
    /// The newest record that this node has added.
    added: AtomicU64,
    /// Told whenever it may have changed who owns what.
    changes: watch::Sender<()>,
    /// The newest record of the log that this node has heard of.
    log_end: AtomicU64,
    /// When the lease was renewed.
    renewed: Mutex<Instant>,
    fenced: AtomicU64,
    append_retries: AtomicU64,
    appends: Histogram,
    /// The newest deletion of each scope that may still be in the log.
    deletions: Mutex<HashMap<JournalScope, Position>>,
    secret: PeerSecret,
}

impl Member {
    fn ownership(&self) -> MutexGuard<'_, ProjectOwners> {
        self.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place up to which this node's store has all records.
    fn applied(&self) -> Position {
        *self.applied.borrow()
    }

    /// Changes what is known of owners, and tells those who wait for that.
    fn change_owners<T>(&self, change: impl FnOnce(&mut ProjectOwners) -> T) -> T {
        let changed = change(&mut self.ownership());
        self.changes.send_replace(());
        changed
    }

    /// Notes that what a scope has in the log before a place was deleted.
    fn note_deletion(&self, scope: JournalScope, at: Position) {
        let newest = &mut *self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.entry(scope).or_default();
        *known = at.max(*known);
    }

    /// Takes out the deletions that all nodes have applied.
    fn deletions_up_to(&self, everywhere: Option<Position>) -> Vec<(JournalScope, Position)> {
        let Some(everywhere) = everywhere else { return Vec::new() };
        let mut newest = self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        newest.extract_if(|_, at| *at <= everywhere).collect()
    }

    /// When the lease was renewed.
    fn renewed_at(&self) -> Instant {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_renewed(&self, at: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Tells of projects that are lost.
    fn tell_lost(&self, lost: impl IntoIterator<Item = ProjectName>) {
        for project in lost {
            self.fenced.fetch_add(1, Ordering::Relaxed);
            log::warn!("this node does not own the project any more project={project}");
            // Nobody listens only while the server ends.
            self.events.send(ClusterEvent::Lost(project)).unwrap_or_default();
        }
    }
}

impl Cluster {
    /// Whether this node may write the project now: `false` while it is being taken, which this begins
    /// where no live node owns it.
    pub(crate) fn is_here(&self, project: &ProjectName) -> Result<bool, NotHere> {
        let Some(member) = &self.0 else { return Ok(true) };
        let mut ownership = member.ownership();
        match ownership.standing(project) {
            OwnerStanding::Mine => Ok(true),
            OwnerStanding::Free => {
                if ownership.begin_taking(project) {
                    member.wants.send(project.clone()).unwrap_or_default();
                }
                Ok(false)
            }
            OwnerStanding::Elsewhere(owner) => Err(NotHere::Elsewhere(owner)),
            OwnerStanding::OutOfReach => Err(NotHere::OutOfReach),
        }
    }

    /// Waits until this node may write the project, which it takes where no live node owns it.
    pub(crate) async fn here(&self, project: &ProjectName) -> Result<(), NotHere> {
        let deadline = Instant::now() + TAKEN_WITHIN;
        while !self.is_here(project)? {
            if Instant::now() > deadline {
                return Err(NotHere::OutOfReach);
            }
            tokio::time::sleep(TAKING_STEP).await;
        }
        Ok(())
    }

    /// Why this node cannot serve all that it should.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let member = self.0.as_ref()?;
        if member.is_stuck.load(Ordering::Relaxed) {
            return Some("This node cannot follow its cluster any more; its log says why.");
        }
        if member.is_behind.load(Ordering::Relaxed) {
            return Some("This node cannot store what its cluster writes; its log says why.");
        }
        let is_in_reach = member.ownership().is_in_reach();
        (!is_in_reach).then_some("This node cannot reach its cluster.")
    }

    /// Whether there are other nodes, or may be.
    pub(crate) fn is_clustered(&self) -> bool {
        self.0.is_some()
    }

    /// The other nodes that live, in the order of their names.
    pub(crate) fn others(&self) -> Vec<OwnedElsewhere> {
        self.0.as_ref().map(|member| member.ownership().others()).unwrap_or_default()
    }

    /// The name of this node.
    pub(crate) fn node(&self) -> Option<String> {
        self.0.as_ref().map(|member| member.ownership().me().node.clone())
    }

    /// Whether this node may write the project now.
    pub(crate) fn is_mine(&self, project: &ProjectName) -> bool {
        let Some(member) = &self.0 else { return true };
        member.ownership().standing(project) == OwnerStanding::Mine
    }

    /// The other node that owns a project, where one does.
    pub(crate) fn elsewhere(&self, project: &ProjectName) -> Option<OwnedElsewhere> {
        match self.0.as_ref()?.ownership().standing(project) {
            OwnerStanding::Elsewhere(owner) => Some(owner),
            OwnerStanding::Mine | OwnerStanding::Free | OwnerStanding::OutOfReach => None,
        }
    }

    /// Waits until a run of another node has ended.
    pub(crate) async fn until_gone(self, node: OwnedElsewhere) {
        let Some(member) = &self.0 else { return };
        let mut changes = member.changes.subscribe();
        let is_there = || member.ownership().is_live(&node.node, &node.incarnation);
        while is_there() && changes.changed().await.is_ok() {}
    }

    /// The secret that the nodes share.
    pub(crate) fn secret(&self) -> Option<&PeerSecret> {
        self.0.as_ref().map(|member| &member.secret)
    }

    /// The request that another node has handed on with this header; `None` where it was not meant for this
    /// run of this node.
    pub(crate) fn handed_on(&self, method: &str, path: &str, header: &str) -> Option<HandedOn> {
        let member = self.0.as_ref()?;
        let incarnation = member.ownership().me().incarnation.clone();
        member.secret.read(SignedHead { method, path, incarnation: &incarnation }, header)
    }

    /// The newest record of this node, which has all that it has written.
    pub(crate) fn added(&self) -> Option<Position> {
        self.0.as_ref().map(|member| Position(member.added.load(Ordering::Acquire)))
    }

    /// What the operators of this node watch.
    pub(crate) fn figures(&self) -> Option<ClusterFigures> {
        let member = self.0.as_ref()?;
        let applied = member.applied().0;
        let (owned, lives) = {
            let ownership = member.ownership();
            (ownership.held().len(), ownership.others().len() + 1)
        };
        Some(ClusterFigures {
            lag_records: member.log_end.load(Ordering::Relaxed).saturating_sub(applied),
            owned_projects: owned,
            live_nodes: lives,
            lease_age: member.renewed_at().elapsed(),
            fenced: member.fenced.load(Ordering::Relaxed),
            append_retries: member.append_retries.load(Ordering::Relaxed),
            appends: member.appends.snapshot(),
        })
    }

    /// Waits until this node's store has all that is in the log up to a place, but not longer than this.
    pub(crate) async fn has_applied(&self, up_to: Position, within: Duration) -> bool {
        let Some(member) = &self.0 else { return true };
        let mut applied = member.applied.subscribe();
        let has_come = applied.wait_for(|applied| *applied >= up_to);
        tokio::time::timeout(within, has_come).await.is_ok()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cluster")
    }
}
