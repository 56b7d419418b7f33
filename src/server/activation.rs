//! What systemd does for a service: sockets that it opens before the start, and what it is told.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::config::settings::Settings;

use super::ServerError;

/// The sockets that systemd has opened for this process, and `settings` with their addresses; none without
/// socket activation.
///
/// # Errors
/// One of them is no TCP socket that listens, or others could reach it and there is no token.
pub(super) fn inherited(settings: &mut Settings) -> Result<Vec<TcpListener>, ServerError> {
    let mut passed = ListenFd::from_env();
    let number = passed.len();
    let take =
        |at| passed.take_tcp_listener(at)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    let listeners = (0..number).map(take).collect::<io::Result<Vec<_>>>();
    let listeners = listeners.map_err(ServerError::ForeignSocket)?;
    let addresses: io::Result<Vec<SocketAddr>> =
        listeners.iter().map(TcpListener::local_addr).collect();
    let addresses = addresses?;
    if let Some(first) = addresses.first() {
        let open = addresses.iter().find(|address| !address.ip().is_loopback());
        if let Some(open) = open.filter(|_| !settings.access.has_token()) {
            return Err(ServerError::OpenSocket(*open));
        }
        log::info!(
            "listening on sockets that systemd has opened first={first} number={}",
            addresses.len()
        );
        settings.listen = addresses;
    }
    Ok(listeners)
}

/// Tells systemd that the server answers.
pub(super) fn tell_ready() {
    tell(NotifyState::Ready);
}

/// Tells systemd that the server is ending.
pub(super) fn tell_stopping() {
    tell(NotifyState::Stopping);
}

/// Does nothing where no service manager wants to know.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("the service manager cannot be told of the server's state error={error}");
    }
}
