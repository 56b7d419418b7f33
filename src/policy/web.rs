//! Which pages of the web may be fetched: public ones, by name.

use std::net::Ipv4Addr;

use serde::Deserialize;

use super::{Refusal, parse};

/// Ends of names that no public page has.
const PRIVATE_DOMAINS: [&str; 7] =
    ["localhost", "local", "internal", "intranet", "lan", "corp", "home"];

/// Refuses addresses of private networks, where a page may be a door to something.
pub(super) fn judge_fetch(tool: &str, input: &str) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Input {
        url: String,
    }
    let input: Input = parse(tool, input)?;
    if is_public(&input.url) { Ok(()) } else { Err(Refusal::Address(input.url)) }
}

fn is_public(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return false;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains(['@', '[', '%']) {
        return false;
    }
    let host = authority.split(':').next().unwrap_or_default();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let Some((_, last)) = host.rsplit_once('.') else {
        return false;
    };
    // A number at the end makes it an address, in one of the many ways to write one.
    let is_address =
        host.parse::<Ipv4Addr>().is_ok() || last.starts_with(|c: char| c.is_ascii_digit());
    !is_address && !PRIVATE_DOMAINS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_public_pages_may_be_fetched() {
        for public in ["https://docs.rs/actix", "HTTP://example.com:8080?q=1"] {
            assert!(is_public(public), "{public} was refused");
        }
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.0.0.1/",
            "http://10.0.0.8:9000",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://localhost:8080",
            "http://router/",
            "http://db.internal./x",
            "http://a@example.com/",
            "file:///etc/passwd",
            "example.com",
            "",
        ] {
            assert!(!is_public(private), "{private} was let through");
        }
    }
}
