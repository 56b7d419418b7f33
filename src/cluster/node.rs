//! A node of a cluster: its thread, and what starts and ends there in which order.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use actix::Addr;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::{
    Cluster, ClusterEvent, Member, NodeStore,
    connect::{self, NatsConnection},
    error::ClusterError,
    follower, keeper,
    lease::{self, Lease},
    nats_log::{self, AppendRequest, NatsJournal},
    ownership::{LiveNode, ProjectOwners},
    peers::PeerSecret,
    purge, snapshot,
};
use crate::{
    config::settings::{ClusterSettings, Live, Settings},
    database::{
        Database,
        journal::{Journal, Owner, Position, messages::UseLog, positions::JournalState},
    },
    histogram::{Bounds, Histogram},
    project::ProjectName,
};

/// Looks for projects that a node left behind, in the time of a lease.
const LOOKS: u32 = 4;

/// An append takes a few milliseconds; an election some seconds.
const APPEND_BOUNDS: Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// Step of waiting for what the log holds already.
const CATCH_UP_STEP: Duration = Duration::from_millis(20);

/// A node that is connected and, once it has begun, follows and serves.
pub(crate) struct Node {
    cluster: Cluster,
    journal: Arc<NatsJournal>,
    events: Option<mpsc::UnboundedReceiver<ClusterEvent>>,
    commands: mpsc::UnboundedSender<Command>,
}

enum Command {
    /// Brings a snapshot where this node's store needs one, before it is opened.
    Prepare(Arc<Settings>, oneshot::Sender<Result<(), ClusterError>>),
    Begin(Box<NodeStore>, oneshot::Sender<Result<(), ClusterError>>),
    /// Gives everything back.
    Leave(Addr<Database>, oneshot::Sender<()>),
}

impl Node {
    /// Connects to the servers, on a thread of its own.
    pub(crate) async fn connect(settings: &ClusterSettings) -> Result<Self, ClusterError> {
        let secret = settings.secret.as_ref().ok_or(ClusterError::NoSecret)?;
        let me = Owner { node: settings.node.clone(), incarnation: Uuid::new_v4().to_string() };
        let (wants, wanted) = mpsc::unbounded_channel();
        let (events, told) = mpsc::unbounded_channel();
        let member = Arc::new(Member {
            ownership: Mutex::new(ProjectOwners::new(me)),
            wants,
            events,
            is_stuck: AtomicBool::new(false),
            is_behind: AtomicBool::new(false),
            applied: watch::Sender::new(Position(0)),
            added: AtomicU64::new(0),
            changes: watch::Sender::default(),
            log_end: AtomicU64::new(0),
            renewed: Mutex::new(Instant::now()),
            fenced: AtomicU64::new(0),
            append_retries: AtomicU64::new(0),
            appends: Histogram::new(&APPEND_BOUNDS),
            deletions: Mutex::default(),
            secret: PeerSecret::new(secret),
        });
        let (commands, ordered) = mpsc::unbounded_channel();
        let (append, appends) = mpsc::unbounded_channel();
        let thread =
            NodeThread { settings: settings.clone(), member: Arc::clone(&member), wanted, ordered };
        let (connected, is_connected) = oneshot::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    tokio::task::LocalSet::new().block_on(&runtime, thread.run(appends, connected))
                }
                Err(error) => connected.send(Err(error.into())).unwrap_or_default(),
            }
        };
        thread::Builder::new().name("cluster".to_owned()).spawn(run)?;
        let log = is_connected.await.map_err(|_| ClusterError::Ended)??;
        let journal = Arc::new(NatsJournal::new(&log, append, Arc::clone(&member)));
        let cluster = Cluster(Some(Arc::clone(&member)));
        Ok(Self { cluster, journal, events: Some(told), commands })
    }

    /// Where the store is to put its writes.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        self.journal.clone()
    }

    /// The cluster as the rest of the server sees it.
    pub(crate) fn cluster(&self) -> Cluster {
        self.cluster.clone()
    }

    /// What becomes of projects. Can be taken once.
    pub(crate) fn take_events(&mut self) -> Option<mpsc::UnboundedReceiver<ClusterEvent>> {
        self.events.take()
    }

    /// Brings a snapshot of another node where this one's store needs one.
    pub(crate) async fn prepare(&self, settings: Arc<Settings>) -> Result<(), ClusterError> {
        let (prepared, is_prepared) = oneshot::channel();
        let command = Command::Prepare(settings, prepared);
        self.commands.send(command).map_err(|_| ClusterError::Ended)?;
        is_prepared.await.map_err(|_| ClusterError::Ended)?
    }

    /// Follows the log and takes a lease. Answers once the store has all that was written before.
    pub(crate) async fn begin(&self, store: NodeStore) -> Result<(), ClusterError> {
        let (begun, has_begun) = oneshot::channel();
        let command = Command::Begin(Box::new(store), begun);
        self.commands.send(command).map_err(|_| ClusterError::Ended)?;
        has_begun.await.map_err(|_| ClusterError::Ended)?
    }

    /// Gives all projects and the lease back.
    pub(crate) async fn leave(&self, database: &Addr<Database>) {
        let (left, has_left) = oneshot::channel();
        if self.commands.send(Command::Leave(database.clone(), left)).is_ok() {
            has_left.await.unwrap_or_default();
        }
    }
}

/// What runs on the thread of a node.
struct NodeThread {
    settings: ClusterSettings,
    member: Arc<Member>,
    wanted: mpsc::UnboundedReceiver<ProjectName>,
    ordered: mpsc::UnboundedReceiver<Command>,
}

impl NodeThread {
    async fn run(
        mut self,
        appends: mpsc::UnboundedReceiver<AppendRequest>,
        connected: oneshot::Sender<Result<super::nats_log::NatsLog, ClusterError>>,
    ) {
        let connection = match connect::connect(&self.settings).await {
            Ok(connection) => connection,
            Err(error) => return connected.send(Err(error)).unwrap_or_default(),
        };
        connected.send(Ok(connection.log.clone())).unwrap_or_default();
        tokio::task::spawn_local(nats_log::serve(
            connection.log.clone(),
            Arc::clone(&self.member),
            appends,
        ));
        let mut renewing = None;
        while let Some(command) = self.ordered.recv().await {
            match command {
                Command::Prepare(settings, prepared) => {
                    let brought = snapshot::bring(&connection, &settings, &self.member.secret);
                    prepared.send(brought.await).unwrap_or_default();
                }
                Command::Begin(store, begun) => {
                    let result = self.begin(&connection, *store).await;
                    renewing = result.as_ref().ok().map(tokio::task::JoinHandle::abort_handle);
                    begun.send(result.map(drop)).unwrap_or_default();
                }
                Command::Leave(database, left) => {
                    keeper::leave_all(&self.member, &database).await;
                    // A renewal on its way would bring the key back.
                    if let Some(renewing) = renewing.take() {
                        renewing.abort();
                    }
                    lease::give_back(&connection, &self.settings.node).await;
                    left.send(()).unwrap_or_default();
                }
            }
        }
    }

    /// Starts all that runs while the node does. Answers the task that renews the lease.
    async fn begin(
        &mut self,
        connection: &NatsConnection,
        store: NodeStore,
    ) -> Result<tokio::task::JoinHandle<()>, ClusterError> {
        let NodeStore { database, reader, live, port } = store;
        let used = database.send(UseLog { log: connection.log_id.clone() }).await;
        if !used.map_err(|_| ClusterError::Ended)?? {
            return Err(ClusterError::OtherLog);
        }
        let state = reader.ask(|reader| reader.journal_state()).await?;
        let JournalState { watermark, owners } = state;
        let info = connection.log.stream().get_info().await;
        let end = info.map_err(|error| self.unreachable(&error))?.state.last_sequence;
        if end < watermark.0 {
            return Err(ClusterError::LostEnd { end, applied: watermark.0 });
        }
        for (project, owner, at) in owners {
            self.member.ownership().on_record(&project, owner, at);
        }
        self.member.applied.send_replace(watermark);
        tokio::task::spawn_local(follower::follow(
            connection.log.clone(),
            Arc::clone(&self.member),
            database.clone(),
        ));
        while self.member.applied().0 < end && !self.member.is_stuck.load(Ordering::Relaxed) {
            tokio::time::sleep(CATCH_UP_STEP).await;
        }
        if self.member.is_stuck.load(Ordering::Relaxed) {
            return Err(ClusterError::Stuck);
        }
        let value = describe(&self.settings, &self.member, live.clone(), port);
        let mut lease = Lease::new(connection, &self.settings.node, self.settings.lease);
        lease.take(&value()).await?;
        let knows = Arc::<tokio::sync::Notify>::default();
        let known = Arc::clone(&knows);
        tokio::task::spawn_local(lease::watch(
            connection.leases.clone(),
            Arc::clone(&self.member),
            move || known.notify_one(),
        ));
        knows.notified().await;
        self.member.change_owners(|ownership| ownership.set_in_reach(true));
        let renewing = tokio::task::spawn_local(lease.keep(Arc::clone(&self.member), value));
        let (_, none) = mpsc::unbounded_channel();
        let wanted = std::mem::replace(&mut self.wanted, none);
        let look_each = self.settings.lease / LOOKS;
        let member = Arc::clone(&self.member);
        tokio::task::spawn_local(keeper::keep(member, database, live, wanted, look_each));
        tokio::task::spawn_local(purge::purge_regularly(
            connection.log.clone(),
            Arc::clone(&self.member),
            self.settings.log_age,
        ));
        Ok(renewing)
    }

    fn unreachable(&self, error: &dyn ToString) -> ClusterError {
        ClusterError::Unreachable {
            servers: self.settings.nats.join(","),
            reason: error.to_string(),
        }
    }
}

/// What this node tells the others of itself.
fn describe(
    settings: &ClusterSettings,
    member: &Arc<Member>,
    live: Live,
    port: u16,
) -> impl Fn() -> LiveNode + use<> {
    let member = Arc::clone(member);
    let incarnation = member.ownership().me().incarnation.clone();
    let mut address = settings.address.clone();
    if let Some(address) = address.as_mut().filter(|address| address.port() == Some(0)) {
        // Only an address that cannot be a base has no port.
        address.set_port(Some(port)).unwrap_or_default();
    }
    let address = address.map(String::from).unwrap_or_default();
    move || LiveNode {
        incarnation: incarnation.clone(),
        address: address.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        projects: live.get().projects.iter().map(|project| project.name.clone()).collect(),
        applied: member.applied(),
    }
}
