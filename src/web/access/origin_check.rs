//! Which pages may do something. A browser sends a page's origin with every WebSocket and with
//! every request of another origin that could change something; a program that is no browser
//! sends none, and acts for its own user. Pure.

use crate::authority::{Authority, Scheme, WebOrigin};

/// The pages that may use the interface besides our own.
#[derive(Debug)]
pub(crate) struct AllowedOrigins(Vec<WebOrigin>);

/// What a request says of the page that sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestSource<'a> {
    /// The only `Origin` header. `Err` where there are several.
    pub origin: Result<Option<&'a [u8]>, ()>,
    /// The only `Sec-Fetch-Site` header, which newer browsers send with every request.
    pub fetch_site: Result<Option<&'a [u8]>, ()>,
}

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// Our own page's, or that of a program which is no browser.
    Own,
    /// That of a page which the configuration names.
    Named(WebOrigin),
    /// Another page's.
    Foreign,
}

impl AllowedOrigins {
    /// Only our own page and `named`.
    pub(crate) fn new(named: Vec<WebOrigin>) -> Self {
        Self(named)
    }

    /// Whether pages of other origins are served at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose a request to `host` is. `is_secure` tells that it came over TLS.
    pub(crate) fn page(
        &self,
        sender: RequestSource<'_>,
        host: &Authority,
        is_secure: bool,
    ) -> RequestOrigin {
        let Ok(origin) = sender.origin else { return RequestOrigin::Foreign };
        let Some(origin) = origin else {
            // Of a browser's requests only those to its own origin lack one; what a page of another
            // site can make it send without, it marks in another way.
            return match sender.fetch_site {
                Ok(None | Some(b"same-origin" | b"none")) => RequestOrigin::Own,
                Ok(Some(_)) | Err(()) => RequestOrigin::Foreign,
            };
        };
        let origin = std::str::from_utf8(origin).ok().and_then(|text| text.parse().ok());
        // `null` is what a page without an origin sends, such as one in a sandboxed frame.
        let Some(origin): Option<WebOrigin> = origin else { return RequestOrigin::Foreign };
        // Without TLS of our own a proxy may have added it, unseen by us.
        if origin.is_of(host) && (origin.scheme == Scheme::Https || !is_secure) {
            return RequestOrigin::Own;
        }
        if self.0.iter().any(|named| named.is(&origin)) {
            return RequestOrigin::Named(origin);
        }
        RequestOrigin::Foreign
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
        let sender = RequestSource { origin: Ok(origin), fetch_site: Ok(fetch_site) };
        origins.page(sender, &"localhost:8080".parse().unwrap(), is_secure)
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
        assert_eq!(
            plain,
            RequestOrigin::Foreign,
            "who can change an unencrypted page is not trusted"
        );
    }

    #[test]
    fn a_page_that_is_named_may_use_the_interface() {
        let named = &["http://localhost:5173"];
        let origin = "http://localhost:5173";
        assert_eq!(
            page(named, Some(origin), None, false),
            RequestOrigin::Named(origin.parse().unwrap())
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
                AllowedOrigins::new(Vec::new()).page(several, &host, false),
                RequestOrigin::Foreign
            );
        }
    }
}
