//! Hosts and origins as HTTP writes them: `name:port` in a `Host` header, `scheme://name:port` in
//! an `Origin` header. Reads and compares them; what is allowed is not its matter. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Longest name of a host, bytes (RFC 1035).
const LONGEST_NAME: usize = 253;

/// A host as a header names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case and without a dot at its end.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// A host with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
}

/// How an origin is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// Where a page came from (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    /// How.
    pub scheme: Scheme,
    /// From which host and port.
    pub authority: Authority,
}

/// A text is no host, or no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form `name`, `name:port` or, for an origin, `scheme://name:port`")]
pub struct NotUnderstood;

impl Host {
    /// Whether only this machine answers to it.
    pub fn is_loopback(&self) -> bool {
        match self {
            // Browsers resolve these themselves, so no name server can turn them elsewhere.
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }
}

impl Scheme {
    /// The port where none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Authority {
    /// The port, or the one that `scheme` has where none is written.
    pub fn port_for(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }
}

impl WebOrigin {
    /// Whether both name one origin; a default port may be written or not.
    pub fn is(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.is_of(&other.authority)
    }

    /// Whether a page of this origin came from a server that was addressed so. Which scheme that
    /// server was reached by is not told by `host`.
    pub fn is_of(&self, host: &Authority) -> bool {
        self.authority.host == host.host
            && self.authority.port_for(self.scheme) == host.port_for(self.scheme)
    }
}

impl FromStr for Authority {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(NotUnderstood)?;
                let address: Ipv6Addr = address.parse().map_err(|_| NotUnderstood)?;
                let port = match port {
                    "" => None,
                    _ => Some(port.strip_prefix(':').ok_or(NotUnderstood)?),
                };
                (Host::Address(address.into()), port)
            }
            None => {
                let (name, port) = match text.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (text, None),
                };
                (name_or_address(name)?, port)
            }
        };
        Ok(Self { host, port: port.map(parse_port).transpose()? })
    }
}

fn name_or_address(text: &str) -> Result<Host, NotUnderstood> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        return Err(NotUnderstood);
    }
    Ok(Host::Name(name.to_ascii_lowercase()))
}

fn parse_port(text: &str) -> Result<u16, NotUnderstood> {
    // The parser of numbers takes a sign, which is none of a port's.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(NotUnderstood)
}

impl FromStr for WebOrigin {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let (scheme, authority) = text.split_once("://").ok_or(NotUnderstood)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(NotUnderstood),
        };
        Ok(Self { scheme, authority: authority.parse()? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn authority(text: &str) -> Authority {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for (text, shown) in [
            ("localhost", "localhost"),
            ("Guide.Example.ORG.:8080", "guide.example.org:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]", "[::1]"),
            ("[0:0::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(authority(text).to_string(), shown);
        }
        for nonsense in [
            "",
            ":80",
            "a b",
            "a:",
            "a:+80",
            "a:70000",
            "::1",
            "[::1",
            "[::1]80",
            "[x]",
            "a/b",
            "user@host",
            "a:80:90",
            "h\u{e9}",
            ".",
            "*",
        ] {
            assert_eq!(nonsense.parse::<Authority>(), Err(NotUnderstood), "{nonsense}");
        }
    }

    #[test]
    fn loopback_is_what_no_name_server_can_turn_elsewhere() {
        for own in ["localhost", "x.localhost:80", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(authority(own).host.is_loopback(), "{own}");
        }
        for other in ["localhost.example.org", "mylocalhost", "0.0.0.0", "10.0.0.1", "[::2]"] {
            assert!(!authority(other).host.is_loopback(), "{other}");
        }
        assert!(authority("[::ffff:127.0.0.1]").host.is_loopback());
    }

    #[test]
    fn an_origin_is_that_of_a_host_with_the_same_name_and_port() {
        let is_of =
            |origin: &str, host| origin.parse::<WebOrigin>().unwrap().is_of(&authority(host));
        assert!(is_of("http://localhost:8080", "LOCALHOST:8080"));
        assert!(is_of("https://guide.example.org", "guide.example.org"));
        assert!(is_of("https://guide.example.org", "guide.example.org:443"));
        assert!(is_of("http://guide.example.org:80", "guide.example.org"));
        assert!(!is_of("http://localhost:8081", "localhost:8080"));
        assert!(!is_of("http://localhost", "localhost:8080"));
        assert!(!is_of("http://127.0.0.1:8080", "localhost:8080"));
        for nonsense in ["null", "", "localhost", "file://", "http://", "http://a/", "ftp://a"] {
            assert_eq!(nonsense.parse::<WebOrigin>(), Err(NotUnderstood), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_read_again_as_it_is_shown(text in "\\PC{0,40}") {
            if let Ok(authority) = text.parse::<Authority>() {
                prop_assert_eq!(authority.to_string().parse(), Ok(authority));
            }
        }

        #[test]
        fn a_name_with_a_port_is_told_from_every_other(
            name in "[a-z0-9-]{1,20}", other in "[a-z0-9-]{1,20}", port: u16, other_port: u16,
        ) {
            let host: Authority = format!("{name}:{port}").parse().unwrap();
            let origin: WebOrigin = format!("http://{other}:{other_port}").parse().unwrap();
            prop_assert_eq!(origin.is_of(&host), name == other && port == other_port);
        }
    }
}
