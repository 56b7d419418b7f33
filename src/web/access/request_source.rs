//! What a request's headers say about the page that made the browser send it.

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};

use crate::web::assets;

use super::origin_check::RequestSource;

/// Whether a request caused by a page of another site only follows a link: it opens our page, or
/// navigates a tab to a document, and is not made from within that other page.
pub(super) fn is_link(request: &ServiceRequest) -> bool {
    let (headers, method) = (request.headers(), request.method());
    if !matches!(*method, Method::GET | Method::HEAD) || headers.contains_key(header::UPGRADE) {
        return false;
    }
    let has = |name, value| single(headers, name) == Ok(Some(value));
    let opens_document = has("sec-fetch-mode", b"navigate") && has("sec-fetch-dest", b"document");
    opens_document || assets::is_page(request.match_info().as_str())
}

pub(super) fn of(headers: &HeaderMap) -> RequestSource<'_> {
    RequestSource {
        origin: single(headers, "origin"),
        fetch_site: single(headers, "sec-fetch-site"),
    }
}

/// The value of a header that may occur once; `Err` if it occurs more often.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).map(|value| value.as_bytes());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}
