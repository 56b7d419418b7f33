//! Which hosts a request may be addressed to. A page of another site can turn its own name to
//! this machine's address (DNS rebinding), but not have its browser send another `Host` than that
//! name. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::authority::{Authority, Host, Scheme};

/// The hosts that the server goes by.
#[derive(Debug)]
pub(crate) struct AllowedHosts {
    /// The addresses that are listened on, but for those that stand for all.
    listening: Vec<IpAddr>,
    /// What the configuration adds.
    added: Vec<Authority>,
}

/// Why a request is addressed to nobody here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WrongHost {
    /// None or several hosts are named, or what is named is none.
    Unclear,
    /// Another host is meant.
    Another(Authority),
}

impl AllowedHosts {
    /// Loopback, the addresses that are listened on, and `added`.
    pub(crate) fn new(listening: &[SocketAddr], added: Vec<Authority>) -> Self {
        let listening = listening.iter().map(SocketAddr::ip);
        Self { listening: listening.filter(|address| !address.is_unspecified()).collect(), added }
    }

    /// The host that a request is addressed to. `named` are its `Host` headers and the authority
    /// in its first line, where there is one; `port` is the one that is listened on.
    pub(crate) fn host<'a>(
        &self,
        named: impl IntoIterator<Item = &'a [u8]>,
        port: u16,
        scheme: Scheme,
    ) -> Result<Authority, WrongHost> {
        let mut host: Option<Authority> = None;
        for name in named {
            let read = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
            let read: Authority = read.ok_or(WrongHost::Unclear)?;
            if host.is_some_and(|host| host != read) {
                return Err(WrongHost::Unclear);
            }
            host = Some(read);
        }
        let host = host.ok_or(WrongHost::Unclear)?;
        if self.admit(&host, port, scheme) { Ok(host) } else { Err(WrongHost::Another(host)) }
    }

    fn admit(&self, host: &Authority, port: u16, scheme: Scheme) -> bool {
        let named = host.port_for(scheme);
        // No other site goes by a loopback name; its port may be that of a tunnel.
        let is_listening =
            matches!(host.host, Host::Address(address) if self.listening.contains(&address));
        host.host.is_loopback()
            || (is_listening && named == port)
            || self
                .added
                .iter()
                .any(|added| added.host == host.host && added.port.is_none_or(|port| port == named))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(listening: &str, added: &[&str]) -> AllowedHosts {
        let added = added.iter().map(|host| host.parse().unwrap()).collect();
        AllowedHosts::new(&[SocketAddr::new(listening.parse().unwrap(), 8080)], added)
    }

    fn is_let_in(hosts: &AllowedHosts, host: &str) -> bool {
        hosts.host([host.as_bytes()], 8080, Scheme::Http).is_ok()
    }

    #[test]
    fn loopback_is_let_in_with_any_port_and_nothing_that_only_looks_like_it() {
        let hosts = hosts("127.0.0.1", &[]);
        for own in
            ["127.0.0.1:8080", "localhost:9000", "localhost", "LocalHost.:8080", "[::1]:8080"]
        {
            assert!(is_let_in(&hosts, own), "{own}");
        }
        for other in [
            "evil.example:8080",
            "10.0.0.1:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "0.0.0.0:8080",
        ] {
            assert!(!is_let_in(&hosts, other), "{other}");
        }
    }

    #[test]
    fn what_is_listened_on_and_what_is_added_is_let_in() {
        let hosts = hosts("192.168.1.2", &["guide.example.org", "tunnel.example.org:9000"]);
        for own in [
            "192.168.1.2:8080",
            "guide.example.org",
            "guide.example.org:9",
            "tunnel.example.org:9000",
        ] {
            assert!(is_let_in(&hosts, own), "{own}");
        }
        for other in ["192.168.1.3:8080", "tunnel.example.org", "x.guide.example.org"] {
            assert!(!is_let_in(&hosts, other), "{other}");
        }
        assert!(!is_let_in(&self::hosts("0.0.0.0", &[]), "0.0.0.0:8080"));
    }

    #[test]
    fn a_request_names_one_host() {
        let hosts = hosts("127.0.0.1", &[]);
        let host = |named: &[&str]| {
            hosts.host(named.iter().map(|name| name.as_bytes()), 8080, Scheme::Http)
        };
        assert_eq!(host(&[]), Err(WrongHost::Unclear));
        assert_eq!(host(&[""]), Err(WrongHost::Unclear));
        assert_eq!(host(&["localhost:8080", "evil.example"]), Err(WrongHost::Unclear));
        assert_eq!(host(&["localhost:8080, evil.example"]), Err(WrongHost::Unclear));
        // The first line may say it once more (RFC 9112, 3.2.2).
        assert!(host(&["localhost:8080", "localhost:8080"]).is_ok());
        let another = "evil.example".parse().unwrap();
        assert_eq!(host(&["evil.example"]), Err(WrongHost::Another(another)));
    }

    proptest! {
        #[test]
        fn no_other_text_is_let_in(text in "(localhost|127\\.0\\.0\\.1|[a-z.:@/\\[\\]0-9]{0,8}){1,3}(:8080)?") {
            let hosts = hosts("127.0.0.1", &[]);
            let has_port = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
            let name = has_port.map_or(text.as_str(), |(name, _)| name).trim_end_matches('.');
            let is_own = name == "localhost" || name.ends_with(".localhost") || name == "[::1]"
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
            prop_assert!(is_own || !is_let_in(&hosts, &text), "{}", text);
        }
    }
}
