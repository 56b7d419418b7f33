//! The error responses of access control.

use actix_web::http::{
    StatusCode,
    header::{self, HeaderMap},
};

use crate::web::problem::Problem;

use super::{
    host_check::WrongHost,
    rate_limit::{LimitExceeded, whole_seconds},
};

/// Longest part of a client's text that a response or log line repeats, in characters.
const MAX_QUOTE_CHARS: usize = 100;

pub(super) fn wrong_host(error: &WrongHost) -> Problem {
    match error {
        WrongHost::Ambiguous => Problem::new(
            StatusCode::BAD_REQUEST,
            "The request must name exactly one host, in its `Host` header.",
        ),
        WrongHost::NotAllowed(host) => {
            let host = quote(host.to_string().as_bytes());
            let detail = format!(
                "This server does not answer to the host {host}. If it should, add the host to \
                 `access.hosts`."
            );
            Problem::new(StatusCode::MISDIRECTED_REQUEST, detail)
        }
    }
}

/// Another node takes this one for another run of it, or has another secret.
pub(super) fn handed_to_another() -> Problem {
    let detail = "This request was not handed on to this run of this node. If that stays so, check that \
                  `cluster.secret_file` has the same on all nodes and `cluster.address` is right.";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, detail)
}

pub(super) fn foreign_page(headers: &HeaderMap) -> Problem {
    let detail = match headers.get(header::ORIGIN) {
        Some(origin) => format!(
            "Pages of {} may not do this. To allow it, add the origin to `access.origins`.",
            quote(origin.as_bytes())
        ),
        None => "Pages of other sites may not do this.".to_owned(),
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}

pub(super) fn token_in_url() -> Problem {
    let detail = "Do not put a token in the URL: browsers and logs keep it. Log in at /login, or \
                  send the header `Authorization: Bearer TOKEN`.";
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

pub(super) fn token_required() -> Problem {
    let detail = "A token is required. Log in at /login, or send the header `Authorization: \
                  Bearer TOKEN`.";
    unauthorized(detail, "")
}

pub(super) fn wrong_token() -> Problem {
    unauthorized("This server does not know this token.", ", error=\"invalid_token\"")
}

fn unauthorized(detail: &str, parameters: &str) -> Problem {
    let challenge = format!("Bearer realm=\"cicerone\"{parameters}");
    Problem::new(StatusCode::UNAUTHORIZED, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

pub(crate) fn scope_required() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "This token may only read: make one that may also ask.")
}

pub(super) fn no_tokens() -> Problem {
    let detail = "This server has no tokens, so there is no need to log in with one.";
    Problem::new(StatusCode::CONFLICT, detail)
}

pub(super) fn admin_required() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "This requires the token of an admin.")
}

pub(crate) fn limit_exceeded(limit: LimitExceeded) -> Problem {
    let seconds = whole_seconds(limit.retry_after).to_string();
    Problem::new(StatusCode::TOO_MANY_REQUESTS, limit.message)
        .with_header(header::RETRY_AFTER, seconds)
}

/// A client's text as it may be repeated: quoted, escaped and cut.
pub(super) fn quote(text: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(text).chars().take(MAX_QUOTE_CHARS).collect();
    format!("{text:?}")
}
