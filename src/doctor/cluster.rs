//! The cluster that the server is a node of.

use super::Check;
use crate::{
    cluster::{ClusterView, membership::look},
    config::settings::Settings,
};

const ABOUT: &str = "cluster";

/// Checks what the node needs of NATS and of the others; nothing where the server is alone.
pub(super) async fn checks(settings: &Settings) -> Vec<Check> {
    match look(settings).await {
        None => Vec::new(),
        Some(Err(error)) => vec![Check::fail(ABOUT, error.to_string())],
        Some(Ok(ClusterView { text, problems })) => {
            let problems = problems.into_iter().map(|problem| Check::fail(ABOUT, problem));
            problems.chain([Check::ok(ABOUT, text)]).collect()
        }
    }
}
