//! Headers that every response has: nothing from another origin runs in our page, no other page
//! frames it or learns where its reader came from, and nothing of a project is kept in a cache.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// On every response.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (
        header::PERMISSIONS_POLICY,
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// For a year the browser comes over TLS alone.
const ONLY_TLS: &str = "max-age=31536000";

/// What a page of another origin may send, and for how many seconds it need not ask again.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, PUT, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// What the headers of a response depend on.
#[derive(Debug, Default)]
pub(crate) struct HeaderContext {
    /// The browser is to come over TLS from now on. Never said of loopback: that holds for all
    /// ports of a host, so it would shut out every other server of the machine.
    pub only_tls: bool,
    /// Pages of other origins are served, so the answer depends on the origin.
    pub by_origin: bool,
    /// The origin of such a page, which may read the answer.
    pub reader: Option<String>,
    /// It asks what it may send.
    pub is_preflight: bool,
}

/// Adds the headers.
pub(crate) fn secure(headers: &mut HeaderMap, header_context: &HeaderContext) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if header_context.only_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    if header_context.by_origin {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let reader = header_context.reader.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(reader)) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        let credentials = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        if header_context.is_preflight {
            for (name, value) in PREFLIGHT {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(header_context: &HeaderContext) -> HeaderMap {
        let mut headers = HeaderMap::new();
        secure(&mut headers, header_context);
        headers
    }

    #[test]
    fn what_sets_its_own_time_in_the_cache_keeps_it() {
        assert_eq!(secured(&HeaderContext::default()).get("cache-control").unwrap(), "no-store");
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        secure(&mut headers, &HeaderContext::default());
        assert_eq!(headers.get("cache-control").unwrap(), "no-cache");
    }

    #[test]
    fn no_page_of_another_origin_reads_unless_it_is_named() {
        let plain = secured(&HeaderContext::default());
        assert!(!plain.contains_key("access-control-allow-origin"));
        assert!(!plain.contains_key("strict-transport-security"));
        let reader = Some("http://localhost:5173".to_owned());
        let named = secured(&HeaderContext { by_origin: true, reader, ..HeaderContext::default() });
        assert_eq!(named.get("access-control-allow-origin").unwrap(), "http://localhost:5173");
        assert_eq!(named.get("vary").unwrap(), "Origin");
        assert!(!named.contains_key("access-control-allow-methods"));
    }
}
