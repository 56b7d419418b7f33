//! The signals that end the server, and one that must not.

use std::{io, sync::Arc};

use rustix::process::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use super::activation;

/// Resolves on a signal to end, or when the terminal is gone. Signals are caught from this call on.
pub(super) fn end_of_service(terminal_gone: Arc<Notify>) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = terminal_gone.notified() => "SIGHUP",
        };
        activation::tell_stopping();
        log::info!("shutting down signal={name}");
    })
}

/// A file size limit makes writes fail, which the database reports. While the returned value lives,
/// the signal does not end the server.
pub(super) fn outlive_file_limit() -> io::Result<tokio::signal::unix::Signal> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))
}
