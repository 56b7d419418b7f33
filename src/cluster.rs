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

#[cfg(feature = "cluster")]
mod append;
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
mod nats_log;
#[cfg(feature = "cluster")]
mod node;
#[cfg(feature = "cluster")]
mod sync_check;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Addr;
use tokio::sync::mpsc;

use crate::{
    config::settings::Live,
    database::{Database, Reader, messages::credentials::ChangeCredential},
    project::ProjectName,
};
use ownership::{OwnedElsewhere, OwnerStanding, ProjectOwners};

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
}

/// The cluster as this node sees it. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Option<Arc<Member>>);

/// This node among others.
struct Member {
    ownership: Mutex<ProjectOwners>,
    /// Projects that are to be taken.
    wants: mpsc::UnboundedSender<ProjectName>,
    events: mpsc::UnboundedSender<ClusterEvent>,
    /// A record cannot be applied, so that no later one is.
    is_stuck: AtomicBool,
}

impl Member {
    fn ownership(&self) -> MutexGuard<'_, ProjectOwners> {
        self.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of projects that are lost.
    fn tell_lost(&self, lost: impl IntoIterator<Item = ProjectName>) {
        for project in lost {
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
        let is_in_reach = member.ownership().is_in_reach();
        (!is_in_reach).then_some("This node cannot reach its cluster.")
    }

    /// Whether there are other nodes, or may be.
    pub(crate) fn is_clustered(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cluster")
    }
}
