//! Why a node does not start, with how to mend it.

/// Why a node cannot be part of its cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error("cannot reach NATS at {servers}: {reason}; check cluster.nats and cluster.user_file")]
    Unreachable { servers: String, reason: String },
    #[error(
        "{0:?} is no address of a NATS server; write it as nats://HOST:4222 or tls://HOST:4222"
    )]
    Address(String),
    #[error("cluster.secret_file is missing")]
    NoSecret,
    #[error("cluster.user_file has to hold USER:PASSWORD in one line")]
    UserFile,
    #[error(
        "the NATS server has version {found}: upgrade it to {oldest} or later, as older ones do not \
         keep two nodes from writing the same project"
    )]
    Version { found: String, oldest: String },
    #[error(
        "the NATS server takes messages of {found} bytes: set max_payload to {least} or more in its \
         configuration"
    )]
    Payload { found: usize, least: usize },
    #[error(
        "the NATS server at {server} does not write to the disk before it acknowledges, and loses \
         everything when all servers lose power: set sync_interval: always in its jetstream block"
    )]
    NotSynced { server: String },
    #[error(
        "cannot find out whether the NATS server at {server} writes to the disk before it \
         acknowledges: {reason}; name its monitoring address in cluster.monitoring, or set \
         cluster.sync = \"vouched\" if you know that it has sync_interval: always"
    )]
    SyncUnknown { server: String, reason: String },
    #[error("cannot use the stream {name}: {reason}")]
    Stream { name: String, reason: String },
    #[error(
        "there is a stream {0}, and it is none of Cicerone: name another one in cluster.stream"
    )]
    ForeignStream(String),
    #[error(
        "the stream {0} drops records by itself (max_age, max_msgs_per_subject or discard: old), and \
         nodes that are away would miss them: change its configuration"
    )]
    DroppingStream(String),
    #[error("another node has the name {0:?}: give this one another `cluster.node`")]
    NameTaken(String),
    #[error("cannot get a lease: {0}")]
    Lease(String),
    #[error(
        "the log of the cluster ends at {end}, and this store has applied up to {applied}: the \
         stream was emptied or made anew, and nothing may be written to it; restore the data of \
         the NATS servers, or run `cicerone cluster reset` on the node that has applied most"
    )]
    LostEnd { end: u64, applied: u64 },
    #[error(
        "the log of the cluster does not have the record {at} of {scope} that this store has applied: it was \
         emptied, and nothing may be written to it; stop all nodes and run `cicerone cluster reset` on the one \
         that has applied most"
    )]
    Emptied { scope: String, at: u64 },
    #[error(
        "this store belongs to another log than that of cluster.stream: use another --data-dir, or \
         restore the data of the NATS servers; if its log is lost, stop all nodes and run `cicerone \
         cluster reset` on the one that has applied most"
    )]
    OtherLog,
    #[error(
        "this store has records up to {0} of the log before, and the log that replaced it began with a store \
         that has fewer: nothing is lost yet. Stop all nodes and run `cicerone cluster reset` on this one"
    )]
    MoreThanBase(u64),
    #[error(
        "this node needs a snapshot of another one and got none ({0}): start a node first whose store \
         follows the log"
    )]
    NoSnapshot(String),
    #[error("cannot put a snapshot in the place of the store: {0}")]
    Snapshot(String),
    #[error("there is no database at {0}: check --data-dir")]
    NoStore(std::path::PathBuf),
    #[error(
        "this is the store of a node already: start it, or run `cicerone cluster reset` if its log is lost"
    )]
    StoreOfNode,
    #[error("this is the store of a server that was alone: run `cicerone cluster import`")]
    StoreOfAlone,
    #[error("these nodes run: {0}. Stop all nodes first, and wait for their leases to end")]
    NodesLive(String),
    #[error(
        "the stream {name} has records up to {last} that would be lost: start this node to follow them, or \
         name another stream in cluster.stream"
    )]
    LogInUse { name: String, last: u64 },
    #[error("cannot open the store: {0}")]
    Open(#[from] crate::database::OpenError),
    #[error("cannot ask the log: {0}")]
    Log(#[from] Box<dyn std::error::Error + Send + Sync>),
    #[error("this node cannot follow the log of its cluster: its own log says why")]
    Stuck,
    #[error("cannot read the store: {0}")]
    Store(#[from] crate::database::DatabaseError),
    #[error("cannot start the cluster's thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the cluster's thread has ended")]
    Ended,
}
