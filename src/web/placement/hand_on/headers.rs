//! Headers as they are handed on: all but those of one connection. Pure.

use actix_web::{
    HttpResponseBuilder,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::cluster::peers;

/// What is of one connection alone, or that nodes tell each other.
const NOT_HANDED_ON: [&str; 12] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    peers::HEADER,
    peers::POSITION_HEADER,
];

fn is_handed_on(name: &str) -> bool {
    !NOT_HANDED_ON.contains(&name)
}

/// Adds the headers of a client's request to the one that is sent.
pub(super) fn sent(from: &HeaderMap, to: &mut hyper::HeaderMap) {
    for (name, value) in from {
        if is_handed_on(name.as_str()) {
            add(name.as_str(), value.as_bytes(), to);
        }
    }
    if let Some(protocol) = from.get("upgrade") {
        add("connection", b"upgrade", to);
        add("upgrade", protocol.as_bytes(), to);
    }
}

fn add(name: &str, value: &[u8], to: &mut hyper::HeaderMap) {
    let name = hyper::header::HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, hyper::header::HeaderValue::from_bytes(value)) {
        to.append(name, value);
    }
}

/// Adds the headers of an answer to the one that the client gets.
pub(super) fn answered(from: &hyper::HeaderMap, to: &mut HttpResponseBuilder) {
    for (name, value) in from {
        let is_own = name != "date" && name != "content-length";
        if is_own
            && is_handed_on(name.as_str())
            && let Ok(name) = HeaderName::from_bytes(name.as_str().as_bytes())
            && let Ok(value) = HeaderValue::from_bytes(value.as_bytes())
        {
            to.append_header((name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;

    use super::*;

    fn client(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        headers.collect()
    }

    #[test]
    fn what_is_of_one_connection_stays_there() {
        let headers = client(&[
            ("host", "guide.example.org"),
            ("cookie", "a=b"),
            ("connection", "close"),
            ("keep-alive", "5"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("x-cicerone-peer", "somebody"),
        ]);
        let mut to = hyper::HeaderMap::new();
        sent(&headers, &mut to);
        let mut names: Vec<_> = to.keys().map(hyper::header::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "cookie", "host"]);
    }

    #[test]
    fn a_socket_is_asked_for_at_the_other_node_too() {
        let headers = client(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "x"),
        ]);
        let mut to = hyper::HeaderMap::new();
        sent(&headers, &mut to);
        assert_eq!(
            (to["connection"].as_bytes(), to["upgrade"].as_bytes()),
            (&b"upgrade"[..], &b"websocket"[..])
        );
        assert_eq!(to["sec-websocket-key"], "x");
    }

    #[test]
    fn an_answer_keeps_its_cookies_and_what_it_is() {
        let mut from = hyper::HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("content-type", "text/event-stream"),
            ("content-length", "7"),
            ("connection", "close"),
            ("x-cicerone-position", "7"),
        ] {
            from.append(
                hyper::header::HeaderName::from_static(name),
                hyper::header::HeaderValue::from_static(value),
            );
        }
        let mut to = HttpResponse::Ok();
        answered(&from, &mut to);
        let to = to.finish();
        assert_eq!(to.headers().get_all("set-cookie").count(), 2);
        assert_eq!(to.headers().get("content-type").unwrap(), "text/event-stream");
        assert!(!to.headers().contains_key("x-cicerone-position"));
    }
}
