//! The TCP connections of the server: how many there may be, of one address and of all, and that
//! none is kept which does nothing. This holds before anybody has shown a token.

pub(crate) mod socket;
pub(crate) mod table;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use actix_web::rt::net::TcpStream;
use ipnet::IpNet;

use super::access::rate_limit::network;
use socket::SocketHandle;
use table::{Admission, ConnectionId, ConnectionLimits, ConnectionTable};

/// All connections.
#[derive(Debug)]
pub(crate) struct Connections {
    table: Mutex<ConnectionTable<Arc<Connection>>>,
    /// Peers that speak for others.
    proxies: Vec<IpNet>,
    /// What `Connection::last_active` counts from.
    begun: Instant,
}

/// One connection, as requests on it see it.
#[derive(Debug)]
pub(crate) struct Connection {
    connections: Arc<Connections>,
    id: ConnectionId,
    address: IpAddr,
    line: SocketHandle,
    /// Requests that are being answered.
    requests: AtomicUsize,
    /// When it was last written to or its last answer was complete: milliseconds since the
    /// beginning.
    last_active: AtomicU64,
}

/// Keeps a connection in the table; held by the connection itself.
#[derive(Debug)]
pub(crate) struct ConnectionGuard(Arc<Connection>);

/// Held while the connection carries a WebSocket that is in use.
#[derive(Debug)]
pub(crate) struct SocketGuard(Arc<Connection>);

/// Held while a request is answered.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<Connection>);

impl Connections {
    /// None yet.
    pub(crate) fn new(bounds: ConnectionLimits, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(ConnectionTable::new(bounds)),
            proxies,
            begun: Instant::now(),
        })
    }

    /// Takes in a connection that was accepted, for which another may have to go; `None` where
    /// there is no room for it.
    pub(crate) fn admit(self: &Arc<Self>, socket: &TcpStream) -> Option<ConnectionGuard> {
        let peer = socket.peer_addr().ok()?.ip().to_canonical();
        let line = SocketHandle::of(socket)?;
        let is_limited =
            !peer.is_loopback() && !self.proxies.iter().any(|network| network.contains(&peer));
        let address = network(peer);
        let mut admitted = None;
        let admission = self.table().admit(address, is_limited, |id| {
            let connection = Arc::new(Connection {
                connections: Arc::clone(self),
                id,
                address,
                line,
                requests: AtomicUsize::new(0),
                last_active: AtomicU64::new(self.now()),
            });
            admitted = Some(Arc::clone(&connection));
            connection
        });
        match admission {
            Admission::Admitted(displaced) => {
                if let Some(displaced) = displaced {
                    log::debug!("connection makes room address={}", displaced.address);
                    displaced.cut();
                }
            }
            Admission::Refused => log::debug!("no room for a connection address={peer}"),
        }
        admitted.map(ConnectionGuard)
    }

    /// Cuts the connections on which no request was begun for this long.
    pub(crate) fn cut_idle(&self, longest: Duration) {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let now = self.now();
        let is_idle = |connection: &&Arc<Connection>| {
            connection.requests.load(Relaxed) == 0
                && now.saturating_sub(connection.last_active.load(Relaxed)) > longest
        };
        let idle: Vec<_> = self.table().waiting().filter(is_idle).cloned().collect();
        for connection in idle {
            log::debug!("connection is idle address={}", connection.address);
            connection.cut();
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable<Arc<Connection>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// What ends it from outside.
    pub(crate) fn line(&self) -> SocketHandle {
        self.line
    }

    /// It carries a WebSocket in use as long as this is kept; `None` where there are too many.
    pub(crate) fn open_socket(self: &Arc<Self>) -> Option<SocketGuard> {
        let is_open = self.connections.table().open_socket(self.address, self.id);
        is_open.then(|| SocketGuard(Arc::clone(self)))
    }

    /// A request has arrived and is answered as long as this is kept.
    pub(crate) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Relaxed);
        RequestGuard(Arc::clone(self))
    }

    fn touch(&self) {
        self.last_active.store(self.connections.now(), Relaxed);
    }

    fn cut(&self) {
        if let Err(error) = self.line.cut() {
            log::warn!("cannot cut a connection error={error}");
        }
    }
}

impl ConnectionGuard {
    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.0)
    }

    /// Something was written to it.
    pub(crate) fn touch(&self) {
        self.0.touch();
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.connections.table().remove(self.0.address, self.0.id);
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        self.0.connections.table().close_socket(self.0.address, self.0.id);
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.touch();
        self.0.requests.fetch_sub(1, Relaxed);
    }
}
