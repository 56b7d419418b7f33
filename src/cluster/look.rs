//! A cluster as it is seen from outside, for `cicerone doctor`. Nothing is changed.

use super::{ClusterView, base::WayIn, connect, error::ClusterError, lease, node_client};
use crate::{
    cluster::base::LogBase,
    config::settings::Settings,
    database::{self, journal::stored_log::StoredLog},
};

/// Looks at the NATS servers, the log, and the nodes that live.
pub(super) async fn look(settings: &Settings) -> Result<ClusterView, ClusterError> {
    let cluster = &settings.cluster;
    let context = connect::context(cluster).await?.context;
    let Some(stream) = connect::existing_stream(&context, cluster).await? else {
        let text = "NATS is in order; there is no log yet, which the first node makes".to_owned();
        return Ok(ClusterView { text, problems: Vec::new() });
    };
    let info = stream.cached_info();
    let (records, end) = (info.state.messages, info.state.last_sequence);
    let stored = StoredLog::of(&settings.data_dir.join(database::FILE_NAME))?.unwrap_or_default();
    let mut problems = Vec::new();
    match LogBase::of(&info.config.metadata).way_in(&connect::log_id(&stream), &stored) {
        WayIn::Follow | WayIn::Snapshot => (),
        WayIn::OtherLog => problems.push(ClusterError::OtherLog.to_string()),
        WayIn::MoreThanBase => {
            problems.push(ClusterError::MoreThanBase(stored.most().0).to_string());
        }
    }
    let mut names = Vec::new();
    if let Some(leases) = connect::existing_leases(&context, cluster).await? {
        for (name, node) in lease::live_nodes(&leases).await? {
            let opened = node_client::open::<String>(&node.address, cluster).await;
            if let Err(error) = opened {
                let address = &node.address;
                problems.push(format!(
                    "the node {name} cannot be reached at its cluster.address {address:?}: {error}"
                ));
            }
            names.push(name);
        }
    }
    let live = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let text =
        format!("the log has {records} records, the newest is {end}; nodes that live: {live}");
    Ok(ClusterView { text, problems })
}
