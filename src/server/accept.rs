//! Accepting connections: admission, then TLS, then HTTP.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpSocket,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::web::connections::{Connection, ConnectionGuard, Connections};

use super::reload::CurrentTls;

/// Backlog of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Unsent bytes that the kernel keeps for a connection, at most: the cost of a viewer that does not
/// read, beside one batch.
const SEND_BUFFER: usize = 128 * 1024;

/// Attempts to find a port that is free on all addresses.
const ATTEMPTS: usize = 16;

/// Listens on all addresses, with one port.
///
/// # Errors
/// The address that cannot be listened on, and why. Addresses of a name that this machine does not
/// have are skipped, as long as it has one.
pub(super) fn listen(
    addresses: &[SocketAddr],
) -> Result<Vec<std::net::TcpListener>, (SocketAddr, io::Error)> {
    let mut attempts = 1..=ATTEMPTS;
    loop {
        let attempt = attempts.next();
        match listen_once(addresses) {
            // The free port of the first address may be in use on another one.
            Err((address, error))
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() == 0
                    && attempt.is_some() => {}
            outcome => return outcome,
        }
    }
}

fn listen_once(
    addresses: &[SocketAddr],
) -> Result<Vec<std::net::TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners: Vec<std::net::TcpListener> = Vec::new();
    let mut missing = None;
    for address in addresses {
        let port = listeners.first().and_then(|first| first.local_addr().ok());
        let port = port.map_or(address.port(), |first| first.port());
        match bind(SocketAddr::new(address.ip(), port), *address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_missing(&error) => missing = Some((*address, error)),
            Err(error) => return Err((*address, error)),
        }
    }
    match missing {
        Some((address, error)) if listeners.is_empty() => Err((address, error)),
        Some((address, error)) => {
            log::info!("not listening address={address} error={error}");
            Ok(listeners)
        }
        None => Ok(listeners),
    }
}

/// Whether this machine lacks the address or its family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind(mut address: SocketAddr, zoned: SocketAddr) -> io::Result<std::net::TcpListener> {
    if let (SocketAddr::V6(address), SocketAddr::V6(zoned)) = (&mut address, zoned) {
        address.set_scope_id(zoned.scope_id());
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// What every connection passes before HTTP.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub connections: Arc<Connections>,
    /// `None` serves plain HTTP.
    pub tls: Option<CurrentTls>,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time that the kernel keeps unsent bytes for a client that does not read.
    pub stall: Duration,
}

impl Acceptor {
    /// Admits a connection; `None` if it may not stay or its handshake fails.
    pub(super) async fn accept(self, socket: TcpStream) -> Option<(Stream, Option<SocketAddr>)> {
        let guard = self.connections.admit(&socket)?;
        bound_sending(&socket, self.stall);
        let peer = socket.peer_addr().ok();
        let Some(tls) = self.tls else {
            return Some((Stream { transport: Transport::Plain(socket), guard }, peer));
        };
        match timeout(self.handshake, TlsAcceptor::from(tls.get()).accept(socket)).await {
            Ok(Ok(socket)) => {
                let transport = Transport::Tls(Box::new(socket));
                Some((Stream { transport, guard }, peer))
            }
            Ok(Err(error)) => {
                log::debug!("no TLS peer={peer:?} error={error}");
                None
            }
            Err(_) => {
                log::debug!("no TLS in time peer={peer:?}");
                None
            }
        }
    }
}

/// Bounds what the kernel keeps for a client that does not read, and for how long.
fn bound_sending(socket: &TcpStream, stall: Duration) {
    let stall = u32::try_from(stall.as_millis()).unwrap_or(u32::MAX);
    let bounded = sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER)
        .and_then(|()| sockopt::set_tcp_user_timeout(socket, stall))
        .and_then(|()| sockopt::set_tcp_nodelay(socket, true));
    if let Err(error) = bounded {
        log::debug!("cannot set up a connection error={error}");
    }
}

/// A connection's bytes. Dropping it frees its place.
pub(super) struct Stream {
    transport: Transport,
    guard: ConnectionGuard,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The connection, for its requests.
    pub(super) fn connection(&self) -> Arc<Connection> {
        self.guard.connection()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_read(task, bytes),
            Transport::Tls(socket) => Pin::new(socket).poll_read(task, bytes),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write(task, bytes),
            Transport::Tls(socket) => Pin::new(socket).poll_write(task, bytes),
        });
        self.guard.touch();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write_vectored(task, bytes),
            Transport::Tls(socket) => Pin::new(socket).poll_write_vectored(task, bytes),
        });
        self.guard.touch();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(socket) => socket.is_write_vectored(),
            Transport::Tls(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_flush(task),
            Transport::Tls(socket) => Pin::new(socket).poll_flush(task),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_shutdown(task),
            Transport::Tls(socket) => Pin::new(socket).poll_shutdown(task),
        }
    }
}
