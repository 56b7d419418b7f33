//! What the headers of a request tell of the page that made a browser send it.

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap},
    },
};

use crate::web::assets;

use super::origin_check::RequestSource;

/// Whether a request that a page of another site has caused may pass: it opens our page, or any
/// document that people link to, in a tab of its own, and not from within that page.
pub(super) fn is_link(request: &ServiceRequest) -> bool {
    let (head, method) = (request.headers(), request.method());
    if !matches!(*method, Method::GET | Method::HEAD) || head.contains_key(header::UPGRADE) {
        return false;
    }
    let says = |name, value| only(head, name) == Ok(Some(value));
    let opens_document = says("sec-fetch-mode", b"navigate") && says("sec-fetch-dest", b"document");
    opens_document || assets::is_page(request.match_info().as_str())
}

/// What the request says of the page that sent it.
pub(super) fn sender(head: &HeaderMap) -> RequestSource<'_> {
    RequestSource { origin: only(head, "origin"), fetch_site: only(head, "sec-fetch-site") }
}

/// The only header of this name; `Err` where there are several.
fn only<'a>(head: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut values = head.get_all(name).map(|value| value.as_bytes());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}
