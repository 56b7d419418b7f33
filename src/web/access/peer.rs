//! Who is at the other end: a client, or another node of the cluster that hands a client's request on.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{HttpMessage as _, HttpRequest, dev::ServiceRequest};

use super::{
    AccessControl,
    client_address::{ClientIdentity, ForwardedHeaders},
    problems,
};
use crate::{
    cluster::peers::{self, HandedOn, PeerClient},
    web::problem::Problem,
};

impl AccessControl {
    pub(super) fn client(&self, request: &ServiceRequest) -> ClientIdentity {
        let all =
            |name: &str| request.headers().get_all(name).map(|value| value.as_bytes()).collect();
        let forwarded = ForwardedHeaders {
            forwarded_for: all("x-forwarded-for"),
            proto: request.headers().get("x-forwarded-proto").map(|value| value.as_bytes()),
            user: self.user_header.as_deref().map_or_else(Vec::new, all),
            groups: self.groups_header.as_deref().map_or_else(Vec::new, all),
        };
        let peer = self.peer(request.request());
        let mut client = self.proxies.client(peer.address, &forwarded);
        client.is_secure = client.is_secure.or(Some(peer.is_secure));
        client
    }

    /// Who connects: to this node, or to the one that has handed the request on.
    pub(crate) fn peer(&self, request: &HttpRequest) -> PeerClient {
        if let Some(handed_on) = request.extensions().get::<HandedOn>() {
            return handed_on.client.clone();
        }
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let address = request.peer_addr().map_or(unknown, |address| address.ip());
        PeerClient { address, is_secure: self.has_tls }
    }

    /// What another node of the cluster tells of a request that it hands on.
    pub(super) fn handed_on(&self, request: &ServiceRequest) -> Result<Option<HandedOn>, Problem> {
        let Some(header) = request.headers().get(peers::HEADER) else { return Ok(None) };
        if !self.cluster.is_clustered() {
            return Ok(None);
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let handed_on = header
            .to_str()
            .ok()
            .and_then(|header| self.cluster.handed_on(request.method().as_str(), path, header));
        handed_on.map(Some).ok_or_else(problems::handed_to_another)
    }
}
