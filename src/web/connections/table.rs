//! Which connections are there and which makes room when there are too many. Pure.
//!
//! A connection waits unless it carries a WebSocket that is in use: it shakes hands, sends a request
//! slowly, is kept alive, takes its answer. One that waits can be made again at little cost, so when there is
//! no room for a new one, the oldest that waits goes, of the address that has the most. An address
//! with few connections so keeps its own, whatever others do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

/// Upper bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// Connections.
    pub connections: usize,
    /// Connections that carry a WebSocket in use; the rest is always left for others.
    pub sockets: usize,
    /// Connections of one address.
    pub per_address: usize,
}

/// Names a connection. The greater one is newer.
pub(crate) type ConnectionId = u64;

/// The connections, each with something that belongs to it.
#[derive(Debug)]
pub(crate) struct ConnectionTable<T> {
    bounds: ConnectionLimits,
    next: ConnectionId,
    addresses: HashMap<IpAddr, Address<T>>,
    /// The addresses by how many of their connections wait.
    by_waiting: BTreeSet<(usize, IpAddr)>,
    connections: usize,
    sockets: usize,
}

#[derive(Debug)]
struct Address<T> {
    waiting: BTreeMap<ConnectionId, T>,
    sockets: HashMap<ConnectionId, T>,
}

/// What becomes of a new connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<T> {
    /// It may stay, and another has to go for it.
    Admitted(Option<T>),
    /// Nothing can go for it.
    Refused,
}

impl<T> ConnectionTable<T> {
    /// No connections.
    pub(crate) fn new(bounds: ConnectionLimits) -> Self {
        Self {
            bounds,
            next: 0,
            addresses: HashMap::new(),
            by_waiting: BTreeSet::new(),
            connections: 0,
            sockets: 0,
        }
    }

    /// Adds a connection. `is_limited` tells that its address stands for one client, not for many
    /// or for this machine.
    pub(crate) fn admit(
        &mut self,
        address: IpAddr,
        is_limited: bool,
        make: impl FnOnce(ConnectionId) -> T,
    ) -> Admission<T> {
        let of_address = self.addresses.get(&address).map_or(0, Address::connections);
        let crowded = if is_limited && of_address >= self.bounds.per_address {
            Some(address)
        } else if self.connections >= self.bounds.connections {
            match self.by_waiting.last() {
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
        self.change(address, |at| {
            at.waiting.insert(id, make(id));
        });
        Admission::Admitted(displaced)
    }

    /// Takes out the oldest connection of an address that waits.
    fn displace(&mut self, address: IpAddr) -> Option<T> {
        let (_, displaced) = self.change(address, |at| at.waiting.pop_first())?;
        self.connections -= 1;
        Some(displaced)
    }

    /// The connection carries a WebSocket from now on, if there may be one more.
    pub(crate) fn open_socket(&mut self, address: IpAddr, id: ConnectionId) -> bool {
        if self.sockets >= self.bounds.sockets {
            return false;
        }
        let is_there = self.change(address, |at| {
            let connection = at.waiting.remove(&id)?;
            at.sockets.insert(id, connection);
            Some(())
        });
        self.sockets += usize::from(is_there.is_some());
        is_there.is_some()
    }

    /// The connection carries its WebSocket no more.
    pub(crate) fn close_socket(&mut self, address: IpAddr, id: ConnectionId) {
        let was_there = self.change(address, |at| {
            let connection = at.sockets.remove(&id)?;
            at.waiting.insert(id, connection);
            Some(())
        });
        self.sockets -= usize::from(was_there.is_some());
    }

    /// Removes a connection, if it is still there.
    pub(crate) fn remove(&mut self, address: IpAddr, id: ConnectionId) {
        self.close_socket(address, id);
        let removed = self.change(address, |at| at.waiting.remove(&id));
        self.connections -= usize::from(removed.is_some());
    }

    /// The connections that carry no WebSocket.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.addresses.values().flat_map(|at| at.waiting.values())
    }

    /// Changes what an address has, and keeps the order of the addresses right.
    fn change<R>(&mut self, address: IpAddr, change: impl FnOnce(&mut Address<T>) -> R) -> R {
        let at = self.addresses.entry(address).or_default();
        self.by_waiting.remove(&(at.waiting.len(), address));
        let result = change(at);
        if !at.waiting.is_empty() {
            self.by_waiting.insert((at.waiting.len(), address));
        }
        if at.connections() == 0 {
            self.addresses.remove(&address);
        }
        result
    }
}

impl<T> Address<T> {
    fn connections(&self) -> usize {
        self.waiting.len() + self.sockets.len()
    }
}

impl<T> Default for Address<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), sockets: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: ConnectionLimits =
        ConnectionLimits { connections: 6, sockets: 4, per_address: 4 };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// The new connection's id and the one that goes for it.
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
    fn p9_the_oldest_that_waits_makes_room_of_the_address_that_has_the_most() {
        let mut table = ConnectionTable::new(BOUNDS);
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
        let mut table = ConnectionTable::new(BOUNDS);
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
    fn p9_an_address_that_stands_for_many_has_as_many_as_there_may_be() {
        let mut table = ConnectionTable::new(BOUNDS);
        for _ in 0..6 {
            assert_eq!(table.admit(address(1), false, |id| id), Admission::Admitted(None));
        }
        assert_eq!(table.admit(address(1), false, |id| id), Admission::Admitted(Some(0)));
    }

    proptest! {
        #[test]
        fn p9_the_bounds_hold_whatever_happens(
            steps in prop::collection::vec((0..4_u8, 0..5_u8, 0..40_u64), 0..200),
        ) {
            let mut table = ConnectionTable::new(BOUNDS);
            for (what, last, id) in steps {
                match what {
                    0 | 1 => drop(admit(&mut table, last)),
                    2 => drop(table.open_socket(address(last), id)),
                    _ if id % 2 == 0 => table.close_socket(address(last), id),
                    _ => table.remove(address(last), id),
                }
                let sockets: usize = table.addresses.values().map(|at| at.sockets.len()).sum();
                let waiting = table.waiting().count();
                prop_assert_eq!(sockets, table.sockets);
                prop_assert_eq!(sockets + waiting, table.connections);
                prop_assert!(table.connections <= 6 && table.sockets <= 4);
                for (address, at) in &table.addresses {
                    prop_assert!(at.connections() <= 4 && at.connections() > 0);
                    let listed = table.by_waiting.contains(&(at.waiting.len(), *address));
                    prop_assert_eq!(listed, !at.waiting.is_empty());
                }
                prop_assert!(table.by_waiting.len() <= table.addresses.len());
            }
        }
    }
}
