//! Which hosts a request may be addressed to. Pure.
//!
//! This stops DNS rebinding: a page of another site can point its own name at this machine, but its
//! browser still sends that name as `Host`.

use std::net::{IpAddr, SocketAddr};

use crate::authority::{Authority, Host, Scheme};

#[derive(Debug)]
pub(crate) struct AllowedHosts {
    /// The addresses listened on, without `0.0.0.0` and `::`.
    listening: Vec<IpAddr>,
    /// From `access.hosts`; one without a port allows every port.
    configured: Vec<Authority>,
}

/// Why a request is not addressed to this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WrongHost {
    /// No host, several different ones, or one that does not parse.
    Ambiguous,
    NotAllowed(Authority),
}

impl AllowedHosts {
    /// Allows loopback, the addresses listened on, and `configured`.
    pub(crate) fn new(listening: &[SocketAddr], configured: Vec<Authority>) -> Self {
        let listening = listening.iter().map(SocketAddr::ip);
        let listening = listening.filter(|address| !address.is_unspecified()).collect();
        Self { listening, configured }
    }

    /// The host that a request is addressed to. `named` are its `Host` headers and the authority of
    /// its request line, if it has one; `port` is the port listened on.
    pub(crate) fn check<'a>(
        &self,
        named: impl IntoIterator<Item = &'a [u8]>,
        port: u16,
        scheme: Scheme,
    ) -> Result<Authority, WrongHost> {
        let host = Self::named(named)?;
        match self.is_allowed(&host, port, scheme) {
            true => Ok(host),
            false => Err(WrongHost::NotAllowed(host)),
        }
    }

    /// The host that a request names, which may be any.
    pub(crate) fn named<'a>(
        named: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Authority, WrongHost> {
        let mut host: Option<Authority> = None;
        for name in named {
            let parsed = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
            let parsed: Authority = parsed.ok_or(WrongHost::Ambiguous)?;
            if host.is_some_and(|host| host != parsed) {
                return Err(WrongHost::Ambiguous);
            }
            host = Some(parsed);
        }
        host.ok_or(WrongHost::Ambiguous)
    }

    fn is_allowed(
        &self,
        Authority { host, port }: &Authority,
        own_port: u16,
        scheme: Scheme,
    ) -> bool {
        let port = port.unwrap_or(scheme.default_port());
        let is_listening =
            matches!(host, Host::Address(address) if self.listening.contains(address));
        let is_configured = |allowed: &Authority| {
            allowed.host == *host && allowed.port.is_none_or(|allowed| allowed == port)
        };
        // No other site has a loopback name. Its port may be that of a tunnel.
        host.is_loopback()
            || (is_listening && port == own_port)
            || self.configured.iter().any(is_configured)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(listening: &str, configured: &[&str]) -> AllowedHosts {
        let configured = configured.iter().map(|host| host.parse().unwrap()).collect();
        AllowedHosts::new(&[SocketAddr::new(listening.parse().unwrap(), 8080)], configured)
    }

    fn is_allowed(hosts: &AllowedHosts, host: &str) -> bool {
        hosts.check([host.as_bytes()], 8080, Scheme::Http).is_ok()
    }

    #[test]
    fn loopback_is_allowed_with_any_port_and_nothing_that_only_looks_like_it() {
        let hosts = hosts("127.0.0.1", &[]);
        for own in
            ["127.0.0.1:8080", "localhost:9000", "localhost", "LocalHost.:8080", "[::1]:8080"]
        {
            assert!(is_allowed(&hosts, own), "{own}");
        }
        for other in [
            "evil.example:8080",
            "10.0.0.1:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "0.0.0.0:8080",
        ] {
            assert!(!is_allowed(&hosts, other), "{other}");
        }
    }

    #[test]
    fn what_is_listened_on_and_what_is_added_is_allowed() {
        let hosts = hosts("192.168.1.2", &["guide.example.org", "tunnel.example.org:9000"]);
        for own in [
            "192.168.1.2:8080",
            "guide.example.org",
            "guide.example.org:9",
            "tunnel.example.org:9000",
        ] {
            assert!(is_allowed(&hosts, own), "{own}");
        }
        for other in ["192.168.1.3:8080", "tunnel.example.org", "x.guide.example.org"] {
            assert!(!is_allowed(&hosts, other), "{other}");
        }
        assert!(!is_allowed(&self::hosts("0.0.0.0", &[]), "0.0.0.0:8080"));
    }

    #[test]
    fn a_request_names_one_host() {
        let hosts = hosts("127.0.0.1", &[]);
        let host = |named: &[&str]| {
            hosts.check(named.iter().map(|name| name.as_bytes()), 8080, Scheme::Http)
        };
        assert_eq!(host(&[]), Err(WrongHost::Ambiguous));
        assert_eq!(host(&[""]), Err(WrongHost::Ambiguous));
        assert_eq!(host(&["localhost:8080", "evil.example"]), Err(WrongHost::Ambiguous));
        assert_eq!(host(&["localhost:8080, evil.example"]), Err(WrongHost::Ambiguous));
        // The first line may say it once more (RFC 9112, 3.2.2).
        assert!(host(&["localhost:8080", "localhost:8080"]).is_ok());
        let another = "evil.example".parse().unwrap();
        assert_eq!(host(&["evil.example"]), Err(WrongHost::NotAllowed(another)));
    }

    proptest! {
        #[test]
        fn no_other_text_is_allowed(text in "(localhost|127\\.0\\.0\\.1|[a-z.:@/\\[\\]0-9]{0,8}){1,3}(:8080)?") {
            let hosts = hosts("127.0.0.1", &[]);
            let has_port = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
            let name = has_port.map_or(text.as_str(), |(name, _)| name).trim_end_matches('.');
            let is_own = name == "localhost" || name.ends_with(".localhost") || name == "[::1]"
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
            prop_assert!(is_own || !is_allowed(&hosts, &text), "{}", text);
        }
    }
}
