//! A new log that begins with a store: that of a server that was alone, or that of a node whose log is lost.

use std::path::Path;

use super::{
    Beginning,
    base::LogBase,
    connect::{self, log_id},
    error::ClusterError,
    lease,
    nats_log::NatsLog,
};
use crate::{
    config::settings::{ClusterSettings, Settings},
    database::{
        self,
        journal::stored_log::{self, StoredLog},
    },
};

/// Makes a log that begins with the store of these settings.
pub(super) fn begin(settings: &Settings, beginning: Beginning) -> Result<(), ClusterError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(make(settings, beginning))
}

async fn make(settings: &Settings, beginning: Beginning) -> Result<(), ClusterError> {
    let path = settings.data_dir.join(database::FILE_NAME);
    let stored = StoredLog::of(&path)?;
    let base = match (beginning, &stored) {
        _ if !path.exists() => return Err(ClusterError::NoStore(path)),
        (Beginning::Import, None) => LogBase::Store,
        (Beginning::Import, Some(stored)) if stored.log.is_empty() => LogBase::Store,
        (Beginning::Import, Some(_)) => return Err(ClusterError::StoreOfNode),
        (Beginning::Reset, None) => return Err(ClusterError::StoreOfAlone),
        (Beginning::Reset, Some(stored)) => LogBase::Log(stored.log.clone(), stored.most()),
    };
    let context = connect::context(&settings.cluster).await?.context;
    if let Some(leases) = connect::existing_leases(&context, &settings.cluster).await? {
        let names: Vec<_> = lease::live_nodes(&leases).await?.into_keys().collect();
        if !names.is_empty() {
            return Err(ClusterError::NodesLive(names.join(", ")));
        }
    }
    remove_lost(&context, &settings.cluster, &stored.unwrap_or_default()).await?;
    let stream = connect::stream(&context, &settings.cluster, &base).await?;
    // A node that was just started may have been faster.
    let info = stream.cached_info();
    if LogBase::of(&info.config.metadata) != base || info.state.last_sequence > 0 {
        let (name, last) = (settings.cluster.stream.clone(), info.state.last_sequence);
        return Err(ClusterError::LogInUse { name, last });
    }
    begin_store(&path, &log_id(&stream))
}

/// Writes into the store which log it is of.
fn begin_store(path: &Path, log: &str) -> Result<(), ClusterError> {
    stored_log::begin(path, log)?;
    log::info!("the log begins with this store path={path:?} log={log}");
    Ok(())
}

/// Deletes the stream that is there, if it has nothing that this store has not.
async fn remove_lost(
    context: &async_nats::jetstream::Context,
    settings: &ClusterSettings,
    stored: &StoredLog,
) -> Result<(), ClusterError> {
    let name = &settings.stream;
    let Some(stream) = connect::existing_stream(context, settings).await? else { return Ok(()) };
    let is_known = stored.log == log_id(&stream);
    let log = NatsLog::new(context, stream, 0, settings.append_timeout);
    for scope in log.scopes().await? {
        let newest = log.newest(&scope).await?;
        if !is_known || newest > stored.applied(&scope) {
            return Err(ClusterError::LogInUse { name: name.clone(), last: newest.0 });
        }
    }
    match context.delete_stream(name).await {
        Ok(_) => Ok(()),
        Err(error) => Err(ClusterError::Stream { name: name.clone(), reason: error.to_string() }),
    }
}
