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
         the NATS servers"
    )]
    LostEnd { end: u64, applied: u64 },
    #[error(
        "this store belongs to another log than that of cluster.stream: use another --data-dir, or \
         restore the data of the NATS servers"
    )]
    OtherLog,
    #[error("cannot read the store: {0}")]
    Store(#[from] crate::database::DatabaseError),
    #[error("cannot start the cluster's thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the cluster's thread has ended")]
    Ended,
}
