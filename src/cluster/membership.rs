//! This server's part in a cluster, or that it has none.

use std::sync::Arc;

use actix::Addr;
use tokio::sync::mpsc;

use super::{Cluster, ClusterEvent, ClusterView, NodeStore};
use crate::{
    config::settings::{ClusterSettings, Settings},
    database::{Database, journal::Journal},
};

/// Why a server cannot be part of its cluster.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotJoined(pub(super) String);

/// What the store is that a log is to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// That of a server that was alone.
    Import,
    /// That of a node, whose log was lost or emptied.
    Reset,
}

/// Makes a log that begins with the store of these settings, while no node runs. The other nodes take a
/// snapshot when they start. Blocks.
///
/// # Errors
///
/// No cluster is configured, NATS cannot be reached, a node lives, or there is a log that has what this
/// would lose.
pub fn begin_log(settings: &Settings, beginning: Beginning) -> Result<(), NotJoined> {
    if !settings.cluster.is_on() {
        return Err(NotJoined(
            "no cluster is configured: name its servers in cluster.nats".to_owned(),
        ));
    }
    #[cfg(feature = "cluster")]
    let begun = super::new_log::begin(settings, beginning).map_err(|it| NotJoined(it.to_string()));
    // A cluster is refused in the configuration then.
    #[cfg(not(feature = "cluster"))]
    let begun = Err(NotJoined(format!("this program cannot begin a log ({beginning:?})")));
    begun
}

/// Looks at the configured cluster, if there is one, and changes nothing.
#[cfg(feature = "cluster")]
pub(crate) async fn look(settings: &Settings) -> Option<Result<ClusterView, NotJoined>> {
    if !settings.cluster.is_on() {
        return None;
    }
    let view = super::look::look(settings).await;
    Some(view.map_err(|error| NotJoined(error.to_string())))
}

/// There is none.
#[cfg(not(feature = "cluster"))]
#[expect(clippy::unused_async, reason = "with the feature it waits")]
pub(crate) async fn look(_: &Settings) -> Option<Result<ClusterView, NotJoined>> {
    None
}

/// A server that is alone, or one node of several.
#[derive(Default)]
pub(crate) struct Membership {
    #[cfg(feature = "cluster")]
    node: Option<super::node::Node>,
}

#[cfg(feature = "cluster")]
impl Membership {
    /// Connects to the cluster, where one is configured.
    pub(crate) async fn join(settings: &ClusterSettings) -> Result<Self, NotJoined> {
        if !settings.is_on() {
            return Ok(Self::default());
        }
        let node = super::node::Node::connect(settings).await;
        Ok(Self { node: Some(node.map_err(|error| NotJoined(error.to_string()))?) })
    }

    /// Brings the store of another node in the place of this one's, where that misses what the log does not
    /// have any more. Before it is opened.
    pub(crate) async fn prepare(&self, settings: &Arc<Settings>) -> Result<(), NotJoined> {
        let Some(node) = &self.node else { return Ok(()) };
        let prepared = node.prepare(Arc::clone(settings)).await;
        prepared.map_err(|error| NotJoined(error.to_string()))
    }

    /// Where the store is to put its writes first.
    pub(crate) fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.node.as_ref().map(super::node::Node::journal)
    }

    /// The cluster as the rest of the server sees it.
    pub(crate) fn cluster(&self) -> Cluster {
        self.node.as_ref().map(super::node::Node::cluster).unwrap_or_default()
    }

    /// Begins to follow the others and to take projects. Answers once the store has all that was written
    /// before, and what becomes of projects from then on.
    pub(crate) async fn begin(
        &mut self,
        store: NodeStore,
    ) -> Result<Option<mpsc::UnboundedReceiver<ClusterEvent>>, NotJoined> {
        let Some(node) = &mut self.node else { return Ok(None) };
        node.begin(store).await.map_err(|error| NotJoined(error.to_string()))?;
        Ok(node.take_events())
    }

    /// Gives all projects back.
    pub(crate) async fn leave(&self, database: &Addr<Database>) {
        if let Some(node) = &self.node {
            node.leave(database).await;
        }
    }
}

#[cfg(not(feature = "cluster"))]
#[expect(clippy::unused_async, clippy::unused_self, reason = "with the feature they do something")]
impl Membership {
    /// Does nothing.
    pub(crate) async fn join(_: &ClusterSettings) -> Result<Self, NotJoined> {
        Ok(Self::default())
    }

    /// Does nothing.
    pub(crate) async fn prepare(&self, _: &Arc<Settings>) -> Result<(), NotJoined> {
        Ok(())
    }

    /// There is none.
    pub(crate) fn journal(&self) -> Option<Arc<dyn Journal>> {
        None
    }

    /// This server alone.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::default()
    }

    /// Does nothing.
    pub(crate) async fn begin(
        &mut self,
        _: NodeStore,
    ) -> Result<Option<mpsc::UnboundedReceiver<ClusterEvent>>, NotJoined> {
        Ok(None)
    }

    /// Does nothing.
    pub(crate) async fn leave(&self, _: &Addr<Database>) {}
}
