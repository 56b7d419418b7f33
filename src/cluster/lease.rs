//! The lease of a node: a key that expires unless it is renewed in time. Who has none is thought gone, and
//! thinks so of itself first.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap,
    jetstream::{
        kv::{Operation, Store as Bucket},
        message::PublishMessage,
    },
};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Member, connect::NatsConnection, error::ClusterError, ownership::LiveNode};

/// Renewals in the time of a lease.
const RENEWALS: u32 = 3;

/// Wait before the nodes are watched anew.
const WATCH_AGAIN: Duration = Duration::from_millis(500);

/// This node's key.
pub(super) struct Lease {
    connection: NatsConnection,
    node: String,
    length: Duration,
    /// The revision of the newest renewal; `None` while there is no key.
    revision: Option<u64>,
}

impl Lease {
    pub(super) fn new(connection: &NatsConnection, node: &str, length: Duration) -> Self {
        Self { connection: connection.clone(), node: node.to_owned(), length, revision: None }
    }

    /// Takes the name of this node. Waits for the end of the lease of a run before; fails where another
    /// node has the name and lives.
    pub(super) async fn take(&mut self, value: &LiveNode) -> Result<(), ClusterError> {
        let begun = Instant::now();
        let mut seen = None;
        loop {
            match self.create(value).await {
                Ok(revision) => {
                    self.revision = Some(revision);
                    return Ok(());
                }
                Err(error) => {
                    let other =
                        self.connection.leases.entry(self.node.as_str()).await.ok().flatten();
                    let other = other.filter(|entry| entry.operation == Operation::Put);
                    let revision = other.map(|entry| entry.revision);
                    if let (Some(before), Some(now)) = (seen, revision)
                        && now > before
                    {
                        return Err(ClusterError::NameTaken(self.node.clone()));
                    }
                    seen = seen.or(revision);
                    if begun.elapsed() > self.length * 2 + Duration::from_secs(5) {
                        return Err(ClusterError::Lease(error));
                    }
                }
            }
            tokio::time::sleep(self.length / 10).await;
        }
    }

    async fn create(&self, value: &LiveNode) -> Result<u64, String> {
        let value = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        let created =
            self.connection.leases.create_with_ttl(&self.node, value.into(), self.length).await;
        created.map_err(|error| error.to_string())
    }

    /// Renews the key, if it is still that of the newest renewal.
    async fn renew(&self, revision: u64, value: &LiveNode) -> Result<u64, String> {
        let value = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        let subject = format!("$KV.{}.{}", self.connection.leases.name, self.node);
        let publish = PublishMessage::build()
            .headers(HeaderMap::new())
            .payload(value.into())
            .expected_last_subject_sequence(revision)
            .ttl(self.length);
        let sent = self.connection.context.send_publish(subject, publish).await;
        let answer = sent.map_err(|error| error.to_string())?.await;
        Ok(answer.map_err(|error| error.to_string())?.sequence)
    }

    /// Renews the lease for as long as the node runs. Where that fails for the time of a lease, the node
    /// gives all projects up.
    pub(super) async fn keep(mut self, member: Arc<Member>, value: impl Fn() -> LiveNode) {
        member.note_renewed(Instant::now());
        loop {
            tokio::time::sleep(self.length / RENEWALS).await;
            if member.is_behind.load(Ordering::Relaxed) {
                self.step_down(&member).await;
                continue;
            }
            // What counts is when it was sent: the servers may have got it then.
            let sent = Instant::now();
            let value = value();
            let attempt = async {
                match self.revision {
                    Some(revision) => self.renew(revision, &value).await,
                    None => self.create(&value).await,
                }
            };
            let answer = tokio::time::timeout(self.length / RENEWALS, attempt).await;
            match answer.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(revision) => {
                    member.note_renewed(sent);
                    self.revision = Some(revision);
                    if !member.ownership().is_in_reach() {
                        log::info!("the cluster is in reach again node={}", self.node);
                    }
                    member.change_owners(|ownership| ownership.set_in_reach(true));
                }
                Err(error) => {
                    log::warn!("cannot renew the lease node={} error={error}", self.node);
                    if member.renewed_at().elapsed() > self.length {
                        self.give_up(&member);
                    }
                    self.find_key(&member).await;
                }
            }
        }
    }

    /// Lets the others take the projects of this node, whose store takes nothing.
    async fn step_down(&mut self, member: &Member) {
        if self.revision.take().is_some() {
            self.give_up(member);
            give_back(&self.connection, &self.node).await;
        }
    }

    /// Gives all projects up: others may take them by now.
    fn give_up(&self, member: &Member) {
        let lost = member.change_owners(|ownership| {
            if ownership.is_in_reach() {
                log::error!(
                    "this node has lost its lease and gives its projects up node={}",
                    self.node
                );
            }
            ownership.set_in_reach(false)
        });
        member.tell_lost(lost);
    }

    /// Finds out whether the key is there, after a renewal whose answer is not known.
    async fn find_key(&mut self, member: &Member) {
        let entry = self.connection.leases.entry(self.node.as_str());
        let Ok(Ok(entry)) = tokio::time::timeout(self.length / RENEWALS, entry).await else {
            return;
        };
        let me = member.ownership().me().incarnation.clone();
        let is_mine = |value: &[u8]| {
            serde_json::from_slice::<LiveNode>(value).is_ok_and(|node| node.incarnation == me)
        };
        self.revision = match entry.filter(|entry| entry.operation == Operation::Put) {
            Some(entry) if is_mine(&entry.value) => Some(entry.revision),
            Some(_) => {
                log::error!(
                    "another node has the name {:?}: give this one another `cluster.node`",
                    self.node
                );
                None
            }
            None => None,
        };
    }
}

/// Deletes the key of this node, whose lease is not renewed any more.
pub(super) async fn give_back(connection: &NatsConnection, node: &str) {
    if let Err(error) = connection.leases.delete(node).await {
        log::warn!("cannot give the lease back error={error}");
    }
}

/// The nodes that live, by their names.
pub(super) async fn live_nodes(
    leases: &Bucket,
) -> Result<BTreeMap<String, LiveNode>, ClusterError> {
    let failed = |error: &dyn ToString| ClusterError::Lease(error.to_string());
    let names = leases.keys().await.map_err(|error| failed(&error))?;
    let names: Vec<String> = names.try_collect().await.map_err(|error| failed(&error))?;
    let mut nodes = BTreeMap::new();
    for name in names {
        let value = leases.get(&name).await.map_err(|error| failed(&error))?;
        let node = value.and_then(|value| serde_json::from_slice(&value).ok());
        nodes.extend(node.map(|node| (name, node)));
    }
    Ok(nodes)
}

/// Watches which nodes live, for as long as this one runs. Calls `is_known` once it knows of all.
pub(super) async fn watch(bucket: Bucket, member: Arc<Member>, is_known: impl Fn()) {
    loop {
        if let Err(error) = watch_once(&bucket, &member, &is_known).await {
            log::warn!("cannot watch which nodes live error={error}");
        }
        tokio::time::sleep(WATCH_AGAIN).await;
    }
}

async fn watch_once(
    bucket: &Bucket,
    member: &Member,
    is_known: &impl Fn(),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut entries = bucket.watch_with_history(">").await?;
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let node = match entry.operation {
            Operation::Put => serde_json::from_slice(&entry.value).ok(),
            Operation::Delete | Operation::Purge => None,
        };
        let is_live = node.is_some();
        if member.change_owners(|ownership| ownership.on_node(&entry.key, node)) {
            log::info!("a node {} node={}", if is_live { "lives" } else { "is gone" }, entry.key);
        }
        if entry.seen_current {
            is_known();
        }
    }
    Ok(())
}
