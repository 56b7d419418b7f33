//! Whom a request comes from, when a proxy stands between. What a proxy's headers say is believed
//! of the configured peers alone: anybody else could write them too. Pure.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Characters of a user's name at most.
const LONGEST_USER: usize = 64;

/// The proxies that are believed.
#[derive(Debug)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

/// What a request's headers say of whom it comes from.
#[derive(Debug, Default)]
pub(crate) struct ForwardedHeaders<'a> {
    /// `X-Forwarded-For`, in the order of the headers.
    pub forwarded_for: Vec<&'a [u8]>,
    /// `X-Forwarded-Proto`.
    pub proto: Option<&'a [u8]>,
    /// The headers that name the user.
    pub user: Vec<&'a [u8]>,
}

/// Whom a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientIdentity {
    /// The client's address, as far as it can be believed.
    pub address: IpAddr,
    /// The user, where a proxy names one.
    pub user: Option<String>,
    /// Whether the client's connection is encrypted, where a proxy tells.
    pub is_secure: Option<bool>,
}

impl TrustedProxies {
    /// Only these.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whom a request comes from that `socket` has sent.
    pub(crate) fn peer(&self, socket: IpAddr, forwarded: &ForwardedHeaders<'_>) -> ClientIdentity {
        let socket = socket.to_canonical();
        if !self.trust(socket) {
            return ClientIdentity { address: socket, user: None, is_secure: None };
        }
        ClientIdentity {
            address: self.client(socket, &forwarded.forwarded_for),
            user: match forwarded.user.as_slice() {
                [name] => user_name(name),
                _ => None,
            },
            is_secure: forwarded.proto.map(|proto| proto.eq_ignore_ascii_case(b"https")),
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The last address that a believed proxy has written down. Those before it are the word of
    /// whoever it names.
    fn client(&self, socket: IpAddr, forwarded_for: &[&[u8]]) -> IpAddr {
        let mut client = socket;
        let addresses = forwarded_for.iter().rev().flat_map(|value| value.rsplit(|b| *b == b','));
        for address in addresses {
            let read = std::str::from_utf8(address).ok().and_then(|text| parse(text.trim()));
            let Some(address) = read else { return client };
            client = address;
            if !self.trust(client) {
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

/// A user's name as it is shown: without what would change how other text is shown.
fn user_name(bytes: &[u8]) -> Option<String> {
    let is_shown = |c: &char| {
        let turns_text = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
        !c.is_control() && !turns_text
    };
    let name: String = std::str::from_utf8(bytes).ok()?.chars().filter(is_shown).collect();
    let name: String = name.trim().chars().take(LONGEST_USER).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(socket: &str, forwarded_for: &[&str], user: &[&str]) -> ClientIdentity {
        let networks = ["127.0.0.1/32", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let bytes = |texts: &[&'static str]| texts.iter().map(|text| text.as_bytes()).collect();
        let leak = |texts: &[&str]| -> Vec<&'static str> {
            texts.iter().map(|text| &*text.to_string().leak()).collect()
        };
        let forwarded = ForwardedHeaders {
            forwarded_for: bytes(&leak(forwarded_for)),
            proto: Some(b"https"),
            user: bytes(&leak(user)),
        };
        TrustedProxies::new(networks.to_vec()).peer(socket.parse().unwrap(), &forwarded)
    }

    fn address(socket: &str, forwarded_for: &[&str]) -> String {
        peer(socket, forwarded_for, &[]).address.to_string()
    }

    #[test]
    fn a_proxy_that_is_not_named_is_not_believed() {
        let peer = peer("192.0.2.9", &["203.0.113.7"], &["ada"]);
        assert_eq!(peer.address.to_string(), "192.0.2.9");
        assert_eq!((peer.user, peer.is_secure), (None, None));
    }

    #[test]
    fn the_client_is_the_last_address_that_a_believed_proxy_wrote() {
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
    fn a_user_has_one_name_without_characters_that_nobody_sees() {
        let user = |headers: &[&str]| peer("127.0.0.1", &[], headers).user;
        assert_eq!(user(&[" Ada L\u{f6}velace "]).unwrap(), "Ada L\u{f6}velace");
        assert_eq!(user(&["a\u{202e}b\tc"]).unwrap(), "abc");
        assert_eq!(user(&["ada", "root"]), None);
        assert_eq!(user(&["\u{200f} "]), None);
        assert_eq!(user(&[&"x".repeat(100)]).unwrap().len(), 64);
    }

    proptest! {
        #[test]
        fn no_header_makes_an_unnamed_peer_somebody_else(value in "\\PC{0,60}") {
            let peer = peer("192.0.2.9", &[&value], &[&value]);
            prop_assert_eq!(peer.address.to_string(), "192.0.2.9");
            prop_assert_eq!(peer.user, None);
        }

        #[test]
        fn what_a_client_writes_before_its_own_address_counts_for_nothing(value in "[ -~]{0,60}") {
            let forwarded = format!("{value}, 203.0.113.7");
            prop_assert_eq!(address("127.0.0.1", &[&forwarded]), "203.0.113.7");
        }
    }
}
