//! Listening addresses: resolves `server.listen` and requires a token where others can reach it.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
};

use crate::{
    authority::{Authority, Host},
    config::{
        error::ConfigMistake, layers::Layers, settings::AccessSettings, values::ListenAddress,
    },
};

/// The addresses to listen on, IPv4 first. A host name that is not loopback is added to the hosts by
/// which the server may be addressed.
pub(super) fn addresses(
    listen: ListenAddress,
    access: &mut AccessSettings,
    layers: &Layers,
) -> Result<Vec<SocketAddr>, ConfigMistake> {
    let (host, port, addresses) = match listen {
        ListenAddress::Address(address) => {
            (Host::Address(address.ip()), address.port(), vec![address])
        }
        ListenAddress::Name(name, port) => {
            let addresses = resolve(&name, port).map_err(|error| {
                let expected = format!("a host that has an address; `{name}` has none ({error})");
                layers.refuse("server.listen", &expected)
            })?;
            (Host::Name(name), port, addresses)
        }
    };
    let open = addresses.iter().find(|address| !address.ip().is_loopback());
    if let Some(open) = open.filter(|_| !access.has_token()) {
        return Err(ConfigMistake::NotLoopback(*open));
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
        // Some machines do not know these names; they have no other addresses (RFC 6761).
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
