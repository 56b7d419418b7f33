//! Several nodes that serve the same projects together: the table `cluster`.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::{
    sync_check::SyncCheck,
    token::Token,
    values::{
        As, CollectorUrl, Count, HookUrl, HumanDuration, List, OptionalPath, Size,
        cluster::{NatsAddress, NodeName, StreamName, SyncText},
    },
};

/// Several nodes that serve the same projects by NATS JetStream, where the program is built with `cluster`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "cluster"),
    expect(dead_code, reason = "a single machine needs none of it")
)]
pub(crate) struct ClusterSettings {
    /// Addresses of the NATS servers, such as `nats://10.0.0.1:4222` or `tls://n1.example.org:4222`; empty: this
    /// machine alone.
    #[serde(with = "As::<List<NatsAddress>>")]
    pub(crate) nats: Vec<String>,
    /// How other nodes reach this one, such as `http://10.0.0.1:8080`.
    #[serde(with = "As::<CollectorUrl>")]
    pub(crate) address: Option<Url>,
    /// The name of this node, which no other one has; empty: the name of the host.
    #[serde(with = "As::<NodeName>")]
    pub(crate) node: String,
    /// File with a secret that all nodes share, such as what `openssl rand -hex 32` prints.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) secret_file: Option<PathBuf>,
    /// What is in it.
    #[serde(skip)]
    pub(crate) secret: Option<Token>,
    /// File with `USER:PASSWORD` for the NATS servers.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) user_file: Option<PathBuf>,
    /// What is in it.
    #[serde(skip)]
    pub(crate) user: Option<Token>,
    /// File with the authorities of the certificates of NATS servers and nodes; empty: those of the system.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// File with the certificate that this node shows to the NATS servers.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// File with its private key.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The name of the stream, the same on all nodes of a cluster.
    #[serde(with = "As::<StreamName>")]
    #[schemars(extend("default" = "CICERONE"))]
    pub(crate) stream: String,
    /// NATS servers that keep each record.
    #[serde(with = "As::<Count>")]
    #[schemars(extend("default" = 3))]
    pub(crate) replicas: usize,
    /// Time after which a node that is not heard of is taken for gone, at least `2s`.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "4s"))]
    pub(crate) lease: Duration,
    /// Longest wait for the servers to take a record, before what is said is refused.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10s"))]
    pub(crate) append_timeout: Duration,
    /// Age from which records are taken out of the stream that all live nodes have applied. A node that was away for
    /// longer takes a snapshot of another one.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "7d"))]
    pub(crate) log_age: Duration,
    /// Most that the stream may hold. What is beyond is refused.
    #[serde(with = "As::<Size>")]
    #[schemars(extend("default" = "8GiB"))]
    pub(crate) log_bytes: usize,
    /// `required`: the servers are asked whether they have `sync_interval: always`; `vouched`: they have it.
    #[serde(with = "As::<SyncText>")]
    #[schemars(extend("default" = "required"))]
    pub(crate) sync: SyncCheck,
    /// Addresses at which they are asked, such as `http://10.0.0.1:8222`; empty: port 8222 of each server.
    #[serde(with = "As::<List<HookUrl>>")]
    pub(crate) monitoring: Vec<Url>,
}

impl ClusterSettings {
    /// Whether there may be other nodes.
    pub(crate) fn is_on(&self) -> bool {
        !self.nats.is_empty()
    }
}
