//! Where the server listens: a name is resolved to all its addresses, and those that others can
//! reach need a token.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
};

use crate::{
    authority::{Authority, Host},
    config::{ConfigError, access::AccessSettings, layers::Layers, values::ListenAddress},
};

/// The key.
const KEY: &str = "server.listen";

/// Reads the addresses, IPv4 first. A name that is no loopback one is added to the hosts by which
/// the server may be addressed.
pub(super) fn read(
    layers: &Layers,
    access: &mut AccessSettings,
) -> Result<Vec<SocketAddr>, ConfigError> {
    let (host, port, addresses) = match layers.get(KEY)? {
        ListenAddress::Address(address) => {
            (Host::Address(address.ip()), address.port(), vec![address])
        }
        ListenAddress::Name(name, port) => {
            let addresses = resolve(&name, port).map_err(|error| {
                let expected = format!("a host that has an address; `{name}` has none ({error})");
                layers.refuse(KEY, &expected)
            })?;
            (Host::Name(name), port, addresses)
        }
    };
    let open = addresses.iter().find(|address| !address.ip().is_loopback());
    if let Some(open) = open.filter(|_| !access.has_token()) {
        return Err(ConfigError::NotLoopback(*open));
    }
    if matches!(host, Host::Name(_)) && !host.is_loopback() {
        access.hosts.push(Authority { host, port: (port > 0).then_some(port) });
    }
    Ok(addresses)
}

/// All addresses of a name, IPv4 first; at least one.
fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let is_loopback = Host::Name(name.to_owned()).is_loopback();
    let found: BTreeSet<SocketAddr> = match (name, port).to_socket_addrs() {
        Ok(found) => found.collect(),
        // Not every machine knows these names, and they have no other addresses (RFC 6761).
        Err(_) if is_loopback => BTreeSet::new(),
        Err(error) => return Err(error),
    };
    if found.is_empty() && is_loopback {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        return Ok(loopback.map(|address| SocketAddr::new(address, port)).into());
    }
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no address was found"));
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_name_has_loopback_addresses_and_another_those_of_the_resolver() {
        for name in ["localhost", "guide.localhost"] {
            let found = resolve(name, 8080).unwrap();
            assert!(!found.is_empty(), "{name}");
            for address in found {
                assert!(address.ip().is_loopback() && address.port() == 8080, "{name} {address}");
            }
        }
        assert!(resolve("no-such-host.invalid", 8080).is_err());
    }
}
