//! Why a server does not start.

use std::{io, net::SocketAddr, time::Duration};

use crate::{cluster::membership::NotJoined, database, web::assets::AssetsError};

use super::tls;

/// Why the server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] database::OpenError),
    /// The server cannot be part of its cluster.
    #[error("cannot be part of the cluster: {0}")]
    Cluster(#[from] NotJoined),
    /// The page cannot be served.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The certificate or its key is not usable.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; another program may use the port: choose another \
         with --listen, or port 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// A socket that the service manager has opened is not usable.
    #[error(
        "a socket that systemd passes is none that listens for TCP: {0}; use ListenStream= with a port"
    )]
    ForeignSocket(io::Error),
    /// Others could reach the server, and nobody would have to show a token.
    #[error(
        "systemd listens on {0} for this server, which others can reach, and there is no token; set \
         access.viewer_token_file, or listen on 127.0.0.1"
    )]
    OpenSocket(SocketAddr),
    /// Another error of the operating system.
    #[error("the server failed: {0}")]
    Io(#[from] io::Error),
    /// Not everything was stored in time.
    #[error("shutting down took longer than {0:?}; what was not stored yet is lost")]
    Overdue(Duration),
}
