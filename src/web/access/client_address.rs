//! Who sent a request, if a proxy stands between. Pure.
//!
//! Anybody can write the headers of a proxy, so they count only if a trusted proxy sent them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Longest user name in characters.
const MAX_USER_CHARS: usize = 64;

/// Groups of one user that count, and the longest name of one in characters.
const MAX_GROUPS: usize = 500;
const MAX_GROUP_CHARS: usize = 256;

/// The proxies of `access.trusted_proxies`.
#[derive(Debug)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

/// The headers with which a proxy describes its client.
#[derive(Debug, Default)]
pub(crate) struct ForwardedHeaders<'a> {
    /// All `X-Forwarded-For` headers, in order.
    pub forwarded_for: Vec<&'a [u8]>,
    /// `X-Forwarded-Proto`.
    pub proto: Option<&'a [u8]>,
    /// All headers named `access.user_header`.
    pub user: Vec<&'a [u8]>,
    /// All headers named `access.groups_header`.
    pub groups: Vec<&'a [u8]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientIdentity {
    pub address: IpAddr,
    /// The user named by a proxy.
    pub user: Option<String>,
    /// The user's groups, as the proxy names them.
    pub groups: Vec<String>,
    /// Whether the client's own connection is encrypted, if a proxy says.
    pub is_secure: Option<bool>,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client behind a request that came from the address `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &ForwardedHeaders<'_>) -> ClientIdentity {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            let (user, groups) = (None, Vec::new());
            return ClientIdentity { address: peer, user, groups, is_secure: None };
        }
        ClientIdentity {
            address: self.client_address(peer, &headers.forwarded_for),
            user: match headers.user.as_slice() {
                [name] => user_name(name),
                _ => None,
            },
            groups: match headers.groups.as_slice() {
                [names] => group_names(names),
                _ => Vec::new(),
            },
            is_secure: headers.proto.map(|proto| proto.eq_ignore_ascii_case(b"https")),
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The last address written by a trusted proxy. Those before it are only claimed by the client.
    fn client_address(&self, peer: IpAddr, forwarded_for: &[&[u8]]) -> IpAddr {
        let mut client = peer;
        let addresses = forwarded_for.iter().rev().flat_map(|value| value.rsplit(|b| *b == b','));
        for address in addresses {
            let parsed = std::str::from_utf8(address).ok().and_then(|text| parse(text.trim()));
            let Some(address) = parsed else { return client };
            client = address;
            if !self.is_trusted(client) {
                return client;
            }
        }
        client
    }
}

/// An address with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let address = bare.parse().ok().or_else(with_port)?;
    Some(IpAddr::to_canonical(&address))
}

/// A user name without the characters that would change how the text around it is shown.
fn user_name(bytes: &[u8]) -> Option<String> {
    let is_visible = |c: &char| {
        let is_format_control = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
        !c.is_control() && !is_format_control
    };
    let name: String = std::str::from_utf8(bytes).ok()?.chars().filter(is_visible).collect();
    let name: String = name.trim().chars().take(MAX_USER_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

/// The names in a list that is separated by commas. They are only compared, and so taken as they are.
fn group_names(bytes: &[u8]) -> Vec<String> {
    let names = std::str::from_utf8(bytes).unwrap_or_default().split(',').map(str::trim);
    let fits = |name: &&str| !name.is_empty() && name.chars().count() <= MAX_GROUP_CHARS;
    names.filter(fits).take(MAX_GROUPS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(socket: &str, forwarded_for: &[&str], user: &[&str]) -> ClientIdentity {
        let networks = ["127.0.0.1/32", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let bytes = |texts: &[&'static str]| texts.iter().map(|text| text.as_bytes()).collect();
        let leak = |texts: &[&str]| -> Vec<&'static str> {
            texts.iter().map(|text| &*text.to_string().leak()).collect()
        };
        let forwarded = ForwardedHeaders {
            forwarded_for: bytes(&leak(forwarded_for)),
            proto: Some(b"https"),
            user: bytes(&leak(user)),
            groups: bytes(&leak(user)),
        };
        TrustedProxies::new(networks.to_vec()).client(socket.parse().unwrap(), &forwarded)
    }

    fn address(socket: &str, forwarded_for: &[&str]) -> String {
        client(socket, forwarded_for, &[]).address.to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_itself() {
        let peer = client("192.0.2.9", &["203.0.113.7"], &["ada"]);
        assert_eq!(peer.address.to_string(), "192.0.2.9");
        assert_eq!((peer.user, peer.groups, peer.is_secure), (None, Vec::new(), None));
    }

    #[test]
    fn the_client_is_the_last_address_that_a_trusted_proxy_wrote() {
        assert_eq!(address("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(address("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(address("::ffff:127.0.0.1", &["203.0.113.7:4711"]), "203.0.113.7");
        assert_eq!(address("127.0.0.1", &["1.1.1.1, 203.0.113.7, 10.1.2.3"]), "203.0.113.7");
        assert_eq!(address("127.0.0.1", &["1.1.1.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(address("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(address("127.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(address("127.0.0.1", &["1.1.1.1, unknown"]), "127.0.0.1");
    }

    #[test]
    fn a_user_has_one_name_without_invisible_characters() {
        let user = |headers: &[&str]| client("127.0.0.1", &[], headers).user;
        assert_eq!(user(&[" Ada L\u{f6}velace "]).unwrap(), "Ada L\u{f6}velace");
        assert_eq!(user(&["a\u{202e}b\tc"]).unwrap(), "abc");
        assert_eq!(user(&["ada", "root"]), None);
        assert_eq!(user(&["\u{200f} "]), None);
        assert_eq!(user(&[&"x".repeat(100)]).unwrap().len(), 64);
    }

    #[test]
    fn groups_are_a_list_in_one_header_alone() {
        let groups = |headers: &[&str]| client("127.0.0.1", &[], headers).groups;
        assert_eq!(groups(&["team-a, Team B ,,x"]), ["team-a", "Team B", "x"]);
        assert_eq!(groups(&[&"x".repeat(257)]), [""; 0]);
        assert_eq!(groups(&["team-a", "admins"]), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_header_changes_who_an_untrusted_peer_is(value in "\\PC{0,60}") {
            let peer = client("192.0.2.9", &[&value], &[&value]);
            prop_assert_eq!(peer.address.to_string(), "192.0.2.9");
            prop_assert_eq!((peer.user, peer.groups), (None, Vec::new()));
        }

        #[test]
        fn addresses_that_a_client_claims_are_ignored(value in "[ -~]{0,60}") {
            let forwarded = format!("{value}, 203.0.113.7");
            prop_assert_eq!(address("127.0.0.1", &[&forwarded]), "203.0.113.7");
        }
    }
}
