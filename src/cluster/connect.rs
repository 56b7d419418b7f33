//! Connecting to NATS, and what its servers must be like.

use std::{
    iter,
    time::{Duration, Instant},
};

use async_nats::{
    ConnectOptions,
    jetstream::{
        self,
        context::GetStreamErrorKind,
        kv::Store as Bucket,
        stream::{DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};

use super::{base::LogBase, error::ClusterError, nats_log::NatsLog, sync_check};
use crate::config::{settings::ClusterSettings, sync_check::SyncCheck};

/// The oldest servers that keep what they promise: older ones let two writers win one place, or sync each
/// record for tens of milliseconds.
const OLDEST: (u64, u64) = (2, 15);

/// What a record may need, in bytes: an image that is attached to a question is one.
const LEAST_PAYLOAD: usize = 8 << 20; // 8 MiB

/// How long the mark of an expired lease stays, so that every node sees it.
const MARKED: Duration = Duration::from_secs(600);

/// Wait before a stream is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// What JetStream answers where there is no stream of a name.
const NO_SUCH_STREAM: usize = 404;

/// Says in a stream's metadata that it is ours.
const MARK: (&str, &str) = ("cicerone", "log");

/// What a node has of NATS.
#[derive(Clone)]
pub(super) struct NatsConnection {
    pub(super) log: NatsLog,
    /// The leases of the nodes.
    pub(super) leases: Bucket,
    pub(super) context: jetstream::Context,
    /// Tells this log from one that was made anew in its place.
    pub(super) log_id: String,
    /// What the log begins with.
    pub(super) base: LogBase,
    /// The name of this node.
    pub(super) node: String,
}

/// NATS servers that were checked.
pub(super) struct NatsContext {
    pub(super) context: jetstream::Context,
    max_payload: usize,
}

/// Connects, checks the servers, and makes what is not there.
pub(super) async fn connect(settings: &ClusterSettings) -> Result<NatsConnection, ClusterError> {
    let NatsContext { context, max_payload } = self::context(settings).await?;
    let (stream, leases) = streams(&context, settings).await?;
    let (log_id, base) = (log_id(&stream), LogBase::of(&stream.cached_info().config.metadata));
    let log = NatsLog::new(&context, stream, max_payload, settings.append_timeout);
    Ok(NatsConnection { log, leases, context, log_id, base, node: settings.node.clone() })
}

/// Tells a log from one that was made anew in its place.
pub(super) fn log_id(stream: &Stream) -> String {
    stream.cached_info().created.unix_timestamp_nanos().to_string()
}

/// Connects, and checks the servers.
pub(super) async fn context(settings: &ClusterSettings) -> Result<NatsContext, ClusterError> {
    let servers = settings.nats.join(",");
    let unreachable = |error: &dyn ToString| ClusterError::Unreachable {
        servers: servers.clone(),
        reason: error.to_string(),
    };
    let options = options(settings)?;
    let client = tokio::time::timeout(settings.append_timeout, options.connect(&settings.nats))
        .await
        .map_err(|_| unreachable(&"no answer in time"))?
        .map_err(|error| unreachable(&error))?;
    let info = client.server_info();
    require_version(&info.version)?;
    if info.max_payload < LEAST_PAYLOAD {
        return Err(ClusterError::Payload { found: info.max_payload, least: LEAST_PAYLOAD });
    }
    if settings.sync == SyncCheck::Required {
        sync_check::require(settings).await?;
    }
    Ok(NatsContext { context: jetstream::new(client), max_payload: info.max_payload })
}

fn options(settings: &ClusterSettings) -> Result<ConnectOptions, ClusterError> {
    let mut options = ConnectOptions::new()
        .name(format!("cicerone {}", settings.node))
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .ping_interval(Duration::from_secs(1))
        .require_tls(settings.nats.iter().any(|address| address.starts_with("tls://")));
    if let Some(user) = &settings.user {
        let (user, password) = user.reveal().split_once(':').ok_or(ClusterError::UserFile)?;
        options = options.user_and_password(user.to_owned(), password.to_owned());
    }
    if let Some(authorities) = &settings.tls_ca {
        options = options.add_root_certificates(authorities.clone());
    }
    if let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

fn require_version(version: &str) -> Result<(), ClusterError> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().unwrap_or_default());
    let found = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match found >= OLDEST {
        true => Ok(()),
        false => Err(ClusterError::Version {
            found: version.to_owned(),
            oldest: format!("{}.{}", OLDEST.0, OLDEST.1),
        }),
    }
}

/// The streams of the log and of the leases. Servers that have just started do not agree on who leads yet: it is
/// tried again for a while.
async fn streams(
    context: &jetstream::Context,
    settings: &ClusterSettings,
) -> Result<(Stream, Bucket), ClusterError> {
    let deadline = Instant::now() + settings.append_timeout;
    loop {
        let made = match stream(context, settings, &LogBase::Nothing).await {
            Ok(stream) => leases(context, settings).await.map(|leases| (stream, leases)),
            Err(error) => Err(error),
        };
        match made {
            Err(error @ ClusterError::Stream { .. }) if Instant::now() < deadline => {
                log::warn!("{error}; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
            made => return made,
        }
    }
}

/// The stream of the log, which is made where it is missing, to begin with what is given.
pub(super) async fn stream(
    context: &jetstream::Context,
    settings: &ClusterSettings,
    base: &LogBase,
) -> Result<Stream, ClusterError> {
    let name = &settings.stream;
    let mark = (MARK.0.to_owned(), MARK.1.to_owned());
    let wanted = jetstream::stream::Config {
        name: name.clone(),
        subjects: subjects(settings),
        retention: RetentionPolicy::Limits,
        // What is full refuses: nothing of the log may go by itself.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        max_bytes: i64::try_from(settings.log_bytes).unwrap_or(i64::MAX),
        allow_direct: false,
        deny_delete: true,
        metadata: iter::once(mark).chain(base.metadata()).collect(),
        ..Default::default()
    };
    let stream = context
        .get_or_create_stream(wanted)
        .await
        .map_err(|error| ClusterError::Stream { name: name.clone(), reason: error.to_string() })?;
    require_own(&stream, settings)?;
    let config = &stream.cached_info().config;
    if !config.max_age.is_zero()
        || config.max_messages_per_subject > 0
        || config.discard != DiscardPolicy::New
    {
        return Err(ClusterError::DroppingStream(name.clone()));
    }
    if config.num_replicas < settings.replicas {
        log::warn!(
            "the stream has fewer replicas than configured stream={name} replicas={}",
            config.num_replicas
        );
    }
    Ok(stream)
}

fn subjects(settings: &ClusterSettings) -> Vec<String> {
    vec![format!("{}.log.>", settings.stream)]
}

/// Refuses a stream that is none of ours.
pub(super) fn require_own(stream: &Stream, settings: &ClusterSettings) -> Result<(), ClusterError> {
    let config = &stream.cached_info().config;
    let is_marked = config.metadata.get(MARK.0).map(String::as_str) == Some(MARK.1);
    match is_marked && config.subjects == subjects(settings) {
        true => Ok(()),
        false => Err(ClusterError::ForeignStream(settings.stream.clone())),
    }
}

/// The stream of the log, if there is one.
pub(super) async fn existing_stream(
    context: &jetstream::Context,
    settings: &ClusterSettings,
) -> Result<Option<Stream>, ClusterError> {
    let stream = find_stream(context, &settings.stream).await?;
    if let Some(stream) = &stream {
        require_own(stream, settings)?;
    }
    Ok(stream)
}

/// The leases of the nodes, if there are any.
pub(super) async fn existing_leases(
    context: &jetstream::Context,
    settings: &ClusterSettings,
) -> Result<Option<Bucket>, ClusterError> {
    let bucket = bucket(settings);
    if find_stream(context, &format!("KV_{bucket}")).await?.is_none() {
        return Ok(None);
    }
    let leases = context.get_key_value(&bucket).await;
    leases
        .map(Some)
        .map_err(|error| ClusterError::Stream { name: bucket, reason: error.to_string() })
}

async fn find_stream(
    context: &jetstream::Context,
    name: &str,
) -> Result<Option<Stream>, ClusterError> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.code() == NO_SUCH_STREAM => Ok(None),
            _ => Err(ClusterError::Stream { name: name.to_owned(), reason: error.to_string() }),
        },
    }
}

fn bucket(settings: &ClusterSettings) -> String {
    format!("{}_NODES", settings.stream)
}

async fn leases(
    context: &jetstream::Context,
    settings: &ClusterSettings,
) -> Result<Bucket, ClusterError> {
    let bucket = bucket(settings);
    let wanted = jetstream::kv::Config {
        bucket: bucket.clone(),
        history: 1,
        num_replicas: settings.replicas,
        limit_markers: Some(MARKED),
        ..Default::default()
    };
    match context.get_key_value(&bucket).await {
        Ok(leases) => Ok(leases),
        Err(_) => context
            .create_key_value(wanted)
            .await
            .map_err(|error| ClusterError::Stream { name: bucket, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_do_not_keep_their_promises_are_refused_in_words() {
        for version in ["2.15.0", "2.15.1", "2.16.0-dev", "3.0.0"] {
            require_version(version).unwrap();
        }
        for version in ["2.14.9", "2.9.10", "1.4.1", "", "nonsense"] {
            let words = require_version(version).unwrap_err().to_string();
            assert!(words.contains("2.15") && words.contains("upgrade"), "{words}");
        }
    }
}
