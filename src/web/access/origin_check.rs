//! Which pages may call the API. Pure.
//!
//! A browser sends a page's origin with every WebSocket handshake and with every request to another
//! origin that could change something. A program that is no browser sends none, and acts for its
//! own user.

use crate::authority::{Authority, Scheme, WebOrigin};

/// The foreign origins of `access.origins`.
#[derive(Debug)]
pub(crate) struct AllowedOrigins(Vec<WebOrigin>);

/// What a request says about the page that sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestSource<'a> {
    /// The only `Origin` header; `Err` if there are several.
    pub origin: Result<Option<&'a [u8]>, ()>,
    /// The only `Sec-Fetch-Site` header; `Err` if there are several.
    pub fetch_site: Result<Option<&'a [u8]>, ()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// Our own page, or a program that is no browser.
    Own,
    /// A page of a configured origin.
    Allowed(WebOrigin),
    Foreign,
}

impl AllowedOrigins {
    pub(crate) fn new(origins: Vec<WebOrigin>) -> Self {
        Self(origins)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Classifies a request to `host`. `is_secure` says that the client's connection is encrypted.
    pub(crate) fn classify(
        &self,
        source: RequestSource<'_>,
        host: &Authority,
        is_secure: bool,
    ) -> RequestOrigin {
        let Ok(origin) = source.origin else { return RequestOrigin::Foreign };
        let Some(origin) = origin else {
            // A browser omits the origin only towards the page's own origin, or for a request that it
            // marks as cross-site in `Sec-Fetch-Site`.
            return match source.fetch_site {
                Ok(None | Some(b"same-origin" | b"none")) => RequestOrigin::Own,
                Ok(Some(_)) | Err(()) => RequestOrigin::Foreign,
            };
        };
        let origin = std::str::from_utf8(origin).ok().and_then(|text| text.parse().ok());
        // `null` is the origin of a page in a sandboxed frame, among others.
        let Some(origin): Option<WebOrigin> = origin else { return RequestOrigin::Foreign };
        // An unknown proxy may terminate TLS, so a secure origin is ours on a plain connection too.
        if origin.matches_host(host) && (origin.scheme == Scheme::Https || !is_secure) {
            return RequestOrigin::Own;
        }
        match self.0.contains(&origin) {
            true => RequestOrigin::Allowed(origin),
            false => RequestOrigin::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(
        named: &[&str],
        origin: Option<&str>,
        site: Option<&str>,
        is_secure: bool,
    ) -> RequestOrigin {
        let origins =
            AllowedOrigins::new(named.iter().map(|origin| origin.parse().unwrap()).collect());
        let (origin, fetch_site) = (origin.map(str::as_bytes), site.map(str::as_bytes));
        let source = RequestSource { origin: Ok(origin), fetch_site: Ok(fetch_site) };
        origins.classify(source, &"localhost:8080".parse().unwrap(), is_secure)
    }

    #[test]
    fn a_page_of_the_same_host_and_port_is_our_own() {
        assert_eq!(page(&[], Some("http://localhost:8080"), None, false), RequestOrigin::Own);
        assert_eq!(page(&[], Some("https://localhost:8080"), None, true), RequestOrigin::Own);
        for foreign in [
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://evil.example:8080",
            "null",
            "",
            "http://localhost:8080, http://localhost:8080",
            "http://localhost:8080/",
        ] {
            assert_eq!(page(&[], Some(foreign), None, false), RequestOrigin::Foreign, "{foreign}");
        }
        let plain = page(&[], Some("http://localhost:8080"), None, true);
        assert_eq!(plain, RequestOrigin::Foreign, "an unencrypted page can be tampered with");
    }

    #[test]
    fn a_page_of_a_configured_origin_is_allowed() {
        let named = &["http://localhost:5173"];
        let origin = "http://localhost:5173";
        assert_eq!(
            page(named, Some(origin), None, false),
            RequestOrigin::Allowed(origin.parse().unwrap())
        );
        assert_eq!(page(named, Some("http://localhost:5174"), None, false), RequestOrigin::Foreign);
    }

    #[test]
    fn without_an_origin_it_is_a_program_or_our_own_page() {
        assert_eq!(page(&[], None, None, false), RequestOrigin::Own);
        assert_eq!(page(&[], None, Some("same-origin"), false), RequestOrigin::Own);
        assert_eq!(page(&[], None, Some("none"), false), RequestOrigin::Own);
        assert_eq!(page(&[], None, Some("same-site"), false), RequestOrigin::Foreign);
        assert_eq!(page(&[], None, Some("cross-site"), false), RequestOrigin::Foreign);
        let host = "localhost:8080".parse().unwrap();
        for several in [
            RequestSource { origin: Err(()), fetch_site: Ok(None) },
            RequestSource { origin: Ok(None), fetch_site: Err(()) },
        ] {
            assert_eq!(
                AllowedOrigins::new(Vec::new()).classify(several, &host, false),
                RequestOrigin::Foreign
            );
        }
    }
}
