//! The connection table: which connections are open and which one goes if there are too many. Pure.
//!
//! A connection is idle unless it carries a WebSocket in use. An idle one is cheap to make again, so
//! if a new connection finds no room, the oldest idle one of the address with the most idle ones is
//! displaced. An address with few connections keeps its own, whatever the others do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    pub connections: usize,
    /// Connections with a WebSocket in use; the rest is always left for others.
    pub sockets: usize,
    pub per_address: usize,
}

/// Greater ids are newer.
pub(crate) type ConnectionId = u64;

/// The open connections, each with a value.
#[derive(Debug)]
pub(crate) struct ConnectionTable<T> {
    limits: ConnectionLimits,
    next: ConnectionId,
    addresses: HashMap<IpAddr, AddressConnections<T>>,
    /// Addresses ordered by their number of idle connections.
    by_idle: BTreeSet<(usize, IpAddr)>,
    connections: usize,
    sockets: usize,
}

#[derive(Debug)]
struct AddressConnections<T> {
    idle: BTreeMap<ConnectionId, T>,
    sockets: HashMap<ConnectionId, T>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<T> {
    /// Admitted, in place of the displaced connection if there is one.
    Admitted(Option<T>),
    Refused,
}

impl<T> ConnectionTable<T> {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            next: 0,
            addresses: HashMap::new(),
            by_idle: BTreeSet::new(),
            connections: 0,
            sockets: 0,
        }
    }

    /// Adds a connection. `is_limited` says that its address stands for one client, and not for many
    /// or for this machine.
    pub(crate) fn admit(
        &mut self,
        address: IpAddr,
        is_limited: bool,
        make: impl FnOnce(ConnectionId) -> T,
    ) -> Admission<T> {
        let of_address = self.addresses.get(&address).map_or(0, AddressConnections::len);
        let crowded = if is_limited && of_address >= self.limits.per_address {
            Some(address)
        } else if self.connections >= self.limits.connections {
            match self.by_idle.last() {
                Some((_, address)) => Some(*address),
                None => return Admission::Refused,
            }
        } else {
            None
        };
        let displaced = crowded.and_then(|address| self.displace(address));
        if crowded.is_some() && displaced.is_none() {
            return Admission::Refused;
        }
        let id = self.next;
        self.next += 1;
        self.connections += 1;
        self.update(address, |connections| {
            connections.idle.insert(id, make(id));
        });
        Admission::Admitted(displaced)
    }

    /// Removes the oldest idle connection of an address.
    fn displace(&mut self, address: IpAddr) -> Option<T> {
        let (_, displaced) = self.update(address, |connections| connections.idle.pop_first())?;
        self.connections -= 1;
        Some(displaced)
    }

    /// Marks a connection as a WebSocket in use; false if there are too many of them.
    pub(crate) fn open_socket(&mut self, address: IpAddr, id: ConnectionId) -> bool {
        if self.sockets >= self.limits.sockets {
            return false;
        }
        let opened = self.update(address, |connections| {
            let connection = connections.idle.remove(&id)?;
            connections.sockets.insert(id, connection);
            Some(())
        });
        self.sockets += usize::from(opened.is_some());
        opened.is_some()
    }

    /// Marks a connection as idle again.
    pub(crate) fn close_socket(&mut self, address: IpAddr, id: ConnectionId) {
        let closed = self.update(address, |connections| {
            let connection = connections.sockets.remove(&id)?;
            connections.idle.insert(id, connection);
            Some(())
        });
        self.sockets -= usize::from(closed.is_some());
    }

    /// Removes a connection, if it is still there.
    pub(crate) fn remove(&mut self, address: IpAddr, id: ConnectionId) {
        self.close_socket(address, id);
        let removed = self.update(address, |connections| connections.idle.remove(&id));
        self.connections -= usize::from(removed.is_some());
    }

    pub(crate) fn idle(&self) -> impl Iterator<Item = &T> {
        self.addresses.values().flat_map(|connections| connections.idle.values())
    }

    /// Updates an address's connections and its place in the order.
    fn update<R>(
        &mut self,
        address: IpAddr,
        update: impl FnOnce(&mut AddressConnections<T>) -> R,
    ) -> R {
        let connections = self.addresses.entry(address).or_default();
        self.by_idle.remove(&(connections.idle.len(), address));
        let result = update(connections);
        if !connections.idle.is_empty() {
            self.by_idle.insert((connections.idle.len(), address));
        }
        if connections.len() == 0 {
            self.addresses.remove(&address);
        }
        result
    }
}

impl<T> AddressConnections<T> {
    fn len(&self) -> usize {
        self.idle.len() + self.sockets.len()
    }
}

impl<T> Default for AddressConnections<T> {
    fn default() -> Self {
        Self { idle: BTreeMap::new(), sockets: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: ConnectionLimits =
        ConnectionLimits { connections: 6, sockets: 4, per_address: 4 };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// The new connection's id and the displaced one's.
    fn admit(
        table: &mut ConnectionTable<ConnectionId>,
        last: u8,
    ) -> Option<(ConnectionId, Option<ConnectionId>)> {
        let id = table.next;
        match table.admit(address(last), true, |id| id) {
            Admission::Admitted(displaced) => Some((id, displaced)),
            Admission::Refused => None,
        }
    }

    #[test]
    fn p9_the_oldest_idle_connection_of_the_fullest_address_makes_room() {
        let mut table = ConnectionTable::new(LIMITS);
        for id in 0..4 {
            assert_eq!(admit(&mut table, 1), Some((id, None)));
        }
        assert_eq!(admit(&mut table, 1), Some((4, Some(0))), "an address has four");
        assert_eq!(admit(&mut table, 2), Some((5, None)));
        assert_eq!(admit(&mut table, 3), Some((6, None)));
        assert_eq!(admit(&mut table, 3), Some((7, Some(1))));
        assert_eq!(admit(&mut table, 4), Some((8, Some(2))), "the few of others stay");
        table.remove(address(4), 8);
        table.remove(address(4), 8);
        assert_eq!(admit(&mut table, 4), Some((9, None)));
    }

    #[test]
    fn p9_sockets_are_not_displaced_and_leave_room_for_requests() {
        let mut table = ConnectionTable::new(LIMITS);
        for id in 0..4 {
            admit(&mut table, 1);
            assert!(table.open_socket(address(1), id));
        }
        assert_eq!(admit(&mut table, 1), None, "all that this address may have are sockets");
        admit(&mut table, 2);
        assert!(!table.open_socket(address(2), 4), "the rest is for requests");
        admit(&mut table, 3);
        assert_eq!(admit(&mut table, 4).unwrap().1, Some(5));
        table.close_socket(address(1), 0);
        assert!(table.open_socket(address(2), 4));
        assert!(!table.open_socket(address(9), 77), "one that is not there");
    }

    #[test]
    fn p9_an_unlimited_address_may_have_all_connections() {
        let mut table = ConnectionTable::new(LIMITS);
        for _ in 0..6 {
            assert_eq!(table.admit(address(1), false, |id| id), Admission::Admitted(None));
        }
        assert_eq!(table.admit(address(1), false, |id| id), Admission::Admitted(Some(0)));
    }

    proptest! {
        #[test]
        fn p9_the_limits_always_hold(
            steps in prop::collection::vec((0..4_u8, 0..5_u8, 0..40_u64), 0..200),
        ) {
            let mut table = ConnectionTable::new(LIMITS);
            for (what, last, id) in steps {
                match what {
                    0 | 1 => drop(admit(&mut table, last)),
                    2 => drop(table.open_socket(address(last), id)),
                    _ if id % 2 == 0 => table.close_socket(address(last), id),
                    _ => table.remove(address(last), id),
                }
                let sockets: usize = table.addresses.values().map(|it| it.sockets.len()).sum();
                let idle = table.idle().count();
                prop_assert_eq!(sockets, table.sockets);
                prop_assert_eq!(sockets + idle, table.connections);
                prop_assert!(table.connections <= 6 && table.sockets <= 4);
                for (address, it) in &table.addresses {
                    prop_assert!((1..=4).contains(&it.len()));
                    let listed = table.by_idle.contains(&(it.idle.len(), *address));
                    prop_assert_eq!(listed, !it.idle.is_empty());
                }
                prop_assert!(table.by_idle.len() <= table.addresses.len());
            }
        }
    }
}
