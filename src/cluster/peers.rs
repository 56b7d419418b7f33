//! Requests that a node hands on to another: who has sent them, and that the node which answers is the one
//! that was meant. Pure.
//!
//! The nodes share a secret, which never leaves them: what they send is signed with it.

use std::net::IpAddr;

use crate::{config::token::Token, signing::SigningKey};

/// What a node tells of a request that it hands on, and what the answer proves.
pub(crate) const HEADER: &str = "x-cicerone-peer";

/// The path of a copy of a node's store.
pub(crate) const SNAPSHOT_PATH: &str = "/api/cluster/store";

/// Up to where the log of the cluster has what a request has changed.
pub(crate) const POSITION_HEADER: &str = "x-cicerone-position";

/// What is signed of a request: whatever of it says where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedHead<'a> {
    pub(crate) method: &'a str,
    /// With the query, without the base path.
    pub(crate) path: &'a str,
    /// The run of the node that is to answer.
    pub(crate) incarnation: &'a str,
}

/// The client of a request that a node hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerClient {
    /// Who connects to the node.
    pub(crate) address: IpAddr,
    /// Whether that connection is encrypted.
    pub(crate) is_secure: bool,
}

/// A request that another node of the cluster has handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandedOn {
    pub(crate) client: PeerClient,
    /// What the header of the answer has to be.
    pub(crate) proof: String,
}

/// The secret of a cluster.
pub(crate) struct PeerSecret(SigningKey);

impl PeerSecret {
    pub(crate) fn new(secret: &Token) -> Self {
        Self(SigningKey::new(secret.reveal()))
    }

    /// The header of a request that is handed on.
    pub(crate) fn header(&self, head: SignedHead<'_>, client: &PeerClient) -> String {
        let scheme = if client.is_secure { "https" } else { "http" };
        let signature = self.0.sign(&request_text(head, client));
        format!("{} {scheme} {signature}", client.address)
    }

    /// The request that this header is of; `None` where no node has written it for this one.
    pub(crate) fn read(&self, head: SignedHead<'_>, header: &str) -> Option<HandedOn> {
        let mut parts = header.split(' ');
        let address = parts.next()?.parse().ok()?;
        let is_secure = match parts.next()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (signature, None) = (parts.next()?, parts.next()) else { return None };
        let client = PeerClient { address, is_secure };
        let is_ours = self.0.is_signature(signature, &request_text(head, &client));
        is_ours.then(|| HandedOn { client, proof: self.proof(signature) })
    }

    /// What the header of the answer has to be.
    pub(crate) fn proof_for(&self, header: &str) -> String {
        self.proof(header.rsplit(' ').next().unwrap_or_default())
    }

    fn proof(&self, signature: &str) -> String {
        self.0.sign(&format!("answer\n{signature}"))
    }
}

fn request_text(head: SignedHead<'_>, client: &PeerClient) -> String {
    let SignedHead { method, path, incarnation } = head;
    let PeerClient { address, is_secure } = client;
    format!("request\n{incarnation}\n{address}\n{is_secure}\n{method}\n{path}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> PeerSecret {
        PeerSecret::new(&Token::new(text).unwrap())
    }

    fn client() -> PeerClient {
        PeerClient { address: "203.0.113.7".parse().unwrap(), is_secure: true }
    }

    const HEAD: SignedHead<'_> =
        SignedHead { method: "POST", path: "/api/x?y=z", incarnation: "this run" };

    #[test]
    fn a_request_is_known_where_it_was_meant_to_go_and_its_answer_proves_it() {
        let secret = secret("the-secret-of-all-nodes");
        for client in
            [client(), PeerClient { address: "2001:db8::1".parse().unwrap(), is_secure: false }]
        {
            let header = secret.header(HEAD, &client);
            let read = secret.read(HEAD, &header).unwrap();
            assert_eq!(read.client, client);
            assert_eq!(read.proof, secret.proof_for(&header));
            assert!(!header.contains(&read.proof));
        }
    }

    #[test]
    fn what_was_signed_for_something_else_is_not_taken() {
        let secret = secret("the-secret-of-all-nodes");
        let header = secret.header(HEAD, &client());
        for head in [
            SignedHead { method: "GET", ..HEAD },
            SignedHead { path: "/api/x?y=w", ..HEAD },
            SignedHead { incarnation: "another run", ..HEAD },
        ] {
            assert_eq!(secret.read(head, &header), None, "{head:?}");
        }
        let others = self::secret("the-secret-of-others");
        assert_eq!(others.read(HEAD, &header), None);
        for changed in [
            header.replace("203.0.113.7", "203.0.113.8"),
            header.replace("https", "http"),
            format!("{header} "),
            format!("{header}00"),
            header.rsplit_once(' ').unwrap().0.to_owned(),
            String::new(),
        ] {
            assert_eq!(secret.read(HEAD, &changed), None, "{changed}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_header(text in "\\PC{0,120}") {
            prop_assert_eq!(secret("the-secret-of-all-nodes").read(HEAD, &text), None);
        }
    }
}
