//! Security headers of every response.
//!
//! No script of another origin runs in our page, no other page frames it or learns its address, and
//! caches keep nothing about a project.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

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

/// One year.
const HSTS: &str = "max-age=31536000";

const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, PUT, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// What the headers of a response depend on.
#[derive(Debug, Default)]
pub(crate) struct HeaderContext {
    /// Whether browsers must use TLS from now on. Never set for loopback: HSTS covers all ports of a
    /// host, so it would lock out every other server on this machine.
    pub use_hsts: bool,
    /// Whether any foreign origin is allowed, so that responses vary by origin.
    pub varies_by_origin: bool,
    /// The foreign origin that may read this response.
    pub allowed_origin: Option<String>,
    pub is_preflight: bool,
}

pub(crate) fn add(headers: &mut HeaderMap, context: &HeaderContext) {
    for (name, value) in ALWAYS {
        // A response may restrict itself further.
        if name == header::CONTENT_SECURITY_POLICY && headers.contains_key(&name) {
            continue;
        }
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if context.use_hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    if context.varies_by_origin {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let origin = context.allowed_origin.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(origin)) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let credentials = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        if context.is_preflight {
            for (name, value) in PREFLIGHT {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(context: &HeaderContext) -> HeaderMap {
        let mut headers = HeaderMap::new();
        add(&mut headers, context);
        headers
    }

    #[test]
    fn a_response_keeps_its_own_cache_control() {
        assert_eq!(added(&HeaderContext::default()).get("cache-control").unwrap(), "no-store");
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        add(&mut headers, &HeaderContext::default());
        assert_eq!(headers.get("cache-control").unwrap(), "no-cache");
    }

    #[test]
    fn no_page_of_another_origin_reads_unless_it_is_allowed() {
        let plain = added(&HeaderContext::default());
        assert!(!plain.contains_key("access-control-allow-origin"));
        assert!(!plain.contains_key("strict-transport-security"));
        let allowed_origin = Some("http://localhost:5173".to_owned());
        let named = added(&HeaderContext {
            varies_by_origin: true,
            allowed_origin,
            ..HeaderContext::default()
        });
        assert_eq!(named.get("access-control-allow-origin").unwrap(), "http://localhost:5173");
        assert_eq!(named.get("vary").unwrap(), "Origin");
        assert!(!named.contains_key("access-control-allow-methods"));
    }
}
