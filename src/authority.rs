//! Hosts and origins as HTTP headers write them: `name:port` and `scheme://name:port`. Pure.
//!
//! A parser of URLs would take more than a `Host` header may hold, such as user names, escapes and
//! `127.1` for `127.0.0.1`; every one of these is refused here.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Longest host name in bytes (RFC 1035).
const MAX_NAME_BYTES: usize = 253;

/// A host without its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// In lower case, without a trailing dot.
    Name(String),
    Address(IpAddr),
}

/// A host and the port written after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub host: Host,
    pub port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The origin of a page (RFC 6454). A default port is never kept, so equal origins are `==`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebOrigin {
    pub scheme: Scheme,
    pub authority: Authority,
}

/// The text is neither a host nor an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form `name`, `name:port` or, for an origin, `scheme://name:port`")]
pub(crate) struct InvalidAuthority;

impl Host {
    /// Whether the host is this machine, whatever a name server answers.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            // Browsers resolve these names themselves (RFC 6761).
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }
}

impl Scheme {
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Authority {
    /// The port, or the default of `scheme` if none is written.
    pub(crate) fn port_for(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }
}

impl WebOrigin {
    /// Whether a page of this origin came from the server addressed as `host`. A `Host` header does
    /// not tell the scheme, so the origin's is assumed.
    pub(crate) fn matches_host(&self, host: &Authority) -> bool {
        self.authority.host == host.host
            && self.authority.port_for(self.scheme) == host.port_for(self.scheme)
    }
}

impl FromStr for Authority {
    type Err = InvalidAuthority;

    fn from_str(text: &str) -> Result<Self, InvalidAuthority> {
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        };
        Ok(Self { host: parse_host(host)?, port: port.map(parse_port).transpose()? })
    }
}

fn parse_host(text: &str) -> Result<Host, InvalidAuthority> {
    if let Some(bracketed) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let address: Ipv6Addr = bracketed.parse().map_err(|_| InvalidAuthority)?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) {
        true => Ok(Host::Name(name.to_ascii_lowercase())),
        false => Err(InvalidAuthority),
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidAuthority> {
    // `u16::from_str` also takes a sign.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(InvalidAuthority)
}

impl FromStr for WebOrigin {
    type Err = InvalidAuthority;

    fn from_str(text: &str) -> Result<Self, InvalidAuthority> {
        let (scheme, authority) = match text.split_once("://") {
            Some(("http", authority)) => (Scheme::Http, authority),
            Some(("https", authority)) => (Scheme::Https, authority),
            _ => return Err(InvalidAuthority),
        };
        let Authority { host, port } = authority.parse()?;
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self { scheme, authority: Authority { host, port } })
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
            assert_eq!(nonsense.parse::<Authority>(), Err(InvalidAuthority), "{nonsense}");
        }
    }

    #[test]
    fn loopback_names_are_those_that_no_name_server_can_redirect() {
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
        let matches_host = |origin: &str, host| {
            origin.parse::<WebOrigin>().unwrap().matches_host(&authority(host))
        };
        assert!(matches_host("http://localhost:8080", "LOCALHOST:8080"));
        assert!(matches_host("https://guide.example.org", "guide.example.org"));
        assert!(matches_host("https://guide.example.org", "guide.example.org:443"));
        assert!(matches_host("http://guide.example.org:80", "guide.example.org"));
        assert!(!matches_host("http://localhost:8081", "localhost:8080"));
        assert!(!matches_host("http://localhost", "localhost:8080"));
        assert!(!matches_host("http://127.0.0.1:8080", "localhost:8080"));
        for nonsense in ["null", "", "localhost", "file://", "http://", "http://a/", "ftp://a"] {
            assert_eq!(nonsense.parse::<WebOrigin>(), Err(InvalidAuthority), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn display_round_trips(text in "\\PC{0,40}") {
            if let Ok(authority) = text.parse::<Authority>() {
                prop_assert_eq!(authority.to_string().parse(), Ok(authority));
            }
        }

        #[test]
        fn an_origin_matches_only_its_own_name_and_port(
            name in "[a-z0-9-]{1,20}", other in "[a-z0-9-]{1,20}", port: u16, other_port: u16,
        ) {
            let host: Authority = format!("{name}:{port}").parse().unwrap();
            let origin: WebOrigin = format!("http://{other}:{other_port}").parse().unwrap();
            prop_assert_eq!(origin.matches_host(&host), name == other && port == other_port);
        }
    }
}
