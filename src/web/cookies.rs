//! Cookie lookup in requests. Pure.
//!
//! Browsers also send the cookies of other servers on the same host. A malformed one must not hide
//! ours.

use actix_web::http::header::{self, HeaderMap};

/// The values of the cookies of this name. Ours need no unescaping.
pub(crate) fn values<'a>(head: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = head.get_all(header::COOKIE);
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let (known, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        (known.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_malformed_ones() {
        for (line, found) in [
            ("a=1", vec!["1"]),
            ("x; a=1; =y; b=2", vec!["1"]),
            ("b=a=2;a=3", vec!["3"]),
            ("a=\u{e9};a= 4 ; aa=5; A=6", vec!["\u{e9}", "4"]),
            ("a=%zz", vec!["%zz"]),
            ("a=x=y", vec!["x=y"]),
            ("a", vec![]),
            ("", vec![]),
        ] {
            let mut head = HeaderMap::new();
            head.append(header::COOKIE, HeaderValue::from_bytes(b"\xff=\xfe; z").unwrap());
            head.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            assert_eq!(values(&head, "a").collect::<Vec<_>>(), found, "{line}");
        }
    }
}
