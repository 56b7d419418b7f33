//! The server's TCP connections: their limits, per address and in total, and the end of idle ones.
//!
//! This applies before any token is checked.

pub(crate) mod socket;
pub(crate) mod table;

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use actix_web::rt::net::TcpStream;
use ipnet::IpNet;

use socket::SocketHandle;
use table::{Admission, ConnectionId, ConnectionLimits, ConnectionTable};

#[derive(Debug)]
pub(crate) struct Connections {
    table: Mutex<ConnectionTable<Arc<Connection>>>,
    /// Peers that stand for many clients, and so have no limit of their own.
    proxies: Vec<IpNet>,
    /// The addresses of other nodes, which stand for many clients too.
    nodes: Mutex<HashSet<IpAddr>>,
    /// The zero of [`Connection::last_active_ms`].
    started_at: Instant,
}

/// An open connection, as its requests see it.
#[derive(Debug)]
pub(crate) struct Connection {
    connections: Arc<Connections>,
    id: ConnectionId,
    address: IpAddr,
    socket: SocketHandle,
    /// Requests in progress.
    requests: AtomicUsize,
    /// The last write or end of a response, in milliseconds since [`Connections::started_at`].
    last_active_ms: AtomicU64,
}

/// Keeps a connection in the table; owned by its I/O.
#[derive(Debug)]
pub(crate) struct ConnectionGuard(Arc<Connection>);

/// Marks a connection as a WebSocket in use until it is dropped.
#[derive(Debug)]
pub(crate) struct SocketGuard(Arc<Connection>);

/// Marks a request as in progress until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<Connection>);

impl Connections {
    pub(crate) fn new(limits: ConnectionLimits, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(ConnectionTable::new(limits)),
            proxies,
            nodes: Mutex::default(),
            started_at: Instant::now(),
        })
    }

    /// Admits an accepted connection, for which another may be shut down; `None` if there is no room.
    pub(crate) fn admit(self: &Arc<Self>, socket: &TcpStream) -> Option<ConnectionGuard> {
        let peer = socket.peer_addr().ok()?.ip().to_canonical();
        let handle = SocketHandle::new(socket)?;
        let is_limited =
            !peer.is_loopback() && !self.proxies.iter().any(|network| network.contains(&peer));
        let address = network(peer);
        let is_limited = is_limited && !self.nodes().contains(&address);
        let mut admitted = None;
        let admission = self.table().admit(address, is_limited, |id| {
            let connection = Arc::new(Connection {
                connections: Arc::clone(self),
                id,
                address,
                socket: handle,
                requests: AtomicUsize::new(0),
                last_active_ms: AtomicU64::new(self.now_ms()),
            });
            admitted = Some(Arc::clone(&connection));
            connection
        });
        match admission {
            Admission::Admitted(displaced) => {
                if let Some(displaced) = displaced {
                    log::debug!("connection displaced address={}", displaced.address);
                    displaced.shutdown();
                }
            }
            Admission::Refused => log::debug!("no room for a connection address={peer}"),
        }
        admitted.map(ConnectionGuard)
    }

    /// Shuts down the connections without a request for longer than `timeout`.
    pub(crate) fn shut_down_idle(&self, timeout: Duration) {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let now = self.now_ms();
        let is_idle = |connection: &&Arc<Connection>| {
            connection.requests.load(Relaxed) == 0
                && now.saturating_sub(connection.last_active_ms.load(Relaxed)) > timeout_ms
        };
        let idle: Vec<_> = self.table().idle().filter(is_idle).cloned().collect();
        for connection in idle {
            log::debug!("connection is idle address={}", connection.address);
            connection.shutdown();
        }
    }

    fn nodes(&self) -> MutexGuard<'_, HashSet<IpAddr>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable<Arc<Connection>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Marks the connection as a WebSocket in use; `None` if there are too many of them.
    pub(crate) fn open_socket(self: &Arc<Self>) -> Option<SocketGuard> {
        let is_open = self.connections.table().open_socket(self.address, self.id);
        is_open.then(|| SocketGuard(Arc::clone(self)))
    }

    /// Notes that another node of the cluster has opened it, whose address has no limit of its own from now on.
    pub(crate) fn is_of_node(&self) {
        self.connections.nodes().insert(self.address);
    }

    pub(crate) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Relaxed);
        RequestGuard(Arc::clone(self))
    }

    fn touch(&self) {
        self.last_active_ms.store(self.connections.now_ms(), Relaxed);
    }

    /// Whether the client has closed its side: it waits for no response then.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.socket.is_closed_by_peer().unwrap_or(false)
    }

    /// Shuts the connection down from outside its task.
    pub(crate) fn shutdown(&self) {
        if let Err(error) = self.socket.shutdown() {
            log::warn!("cannot shut down a connection error={error}");
        }
    }
}

impl ConnectionGuard {
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.0)
    }

    /// Notes a write.
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

/// The address under which a client is counted: of IPv6 its /64 network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}
