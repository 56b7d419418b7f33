//! Cluster settings: checks what the table `cluster` says together, and reads its files.

use std::{fs, time::Duration};

use crate::config::{
    access::read_token, error::ConfigMistake, layers::Layers, settings::ClusterSettings,
};

/// A lease is renewed three times; less than this is over before a slow disk answers.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

/// Where the kernel tells the name of the host.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Longest name of a node.
const MAX_NODE: usize = 50;

/// Checks the settings and completes them with what is in files.
pub(super) fn complete(
    cluster: &mut ClusterSettings,
    layers: &Layers,
) -> Result<(), ConfigMistake> {
    if !cluster.is_on() {
        return Ok(());
    }
    if cfg!(not(feature = "cluster")) {
        let expected = "no server: this program was built without the feature `cluster` \
                        (`cargo build --features cluster`)";
        return Err(layers.refuse("cluster.nats", expected));
    }
    if cluster.lease < SHORTEST_LEASE || cluster.lease.subsec_nanos() > 0 {
        return Err(layers.refuse("cluster.lease", "whole seconds, and at least \"2s\""));
    }
    if cluster.address.is_none() {
        let expected =
            "the address at which other nodes reach this one, as \"http://10.0.0.1:8080\"";
        return Err(layers.refuse("cluster.address", expected));
    }
    if cluster.tls_certificate.is_some() != cluster.tls_key.is_some() {
        let expected = "a file with the key of `cluster.tls_certificate`, and that file";
        return Err(layers.refuse("cluster.tls_key", expected));
    }
    cluster.user = match &cluster.user_file {
        Some(file) => Some(read_token("cluster.user_file", file)?),
        None => None,
    };
    let Some(file) = &cluster.secret_file else {
        let expected =
            "a file with a secret that all nodes share, such as what `openssl rand -hex 32` prints";
        return Err(layers.refuse("cluster.secret_file", expected));
    };
    cluster.secret = Some(read_token("cluster.secret_file", file)?);
    if cluster.node.is_empty() {
        cluster.node = host_name();
    }
    if cluster.node.is_empty() {
        return Err(layers.refuse("cluster.node", "a name: this host has none"));
    }
    Ok(())
}

/// The name of the host, with a hyphen for what a name of a node may not have.
fn host_name() -> String {
    let name = fs::read_to_string(HOSTNAME).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.trim().chars().map(|c| if fits(c) { c } else { '-' }).take(MAX_NODE).collect()
}
