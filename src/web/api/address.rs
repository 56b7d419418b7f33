//! The server's own address.

use actix_web::{HttpRequest, http::header};

use crate::web::access::rate_limit::Visitor;

/// The server's address as the client reaches it, without a path; nothing where the client names no host.
pub(super) fn server_address(request: &HttpRequest, visitor: &Visitor) -> String {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match host.or(request.uri().authority().map(|authority| authority.as_str())) {
        Some(host) => format!("{}://{host}", if visitor.is_secure { "https" } else { "http" }),
        None => String::new(),
    }
}
