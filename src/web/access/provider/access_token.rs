//! Access tokens of the provider (RFC 9068), given out to a program for a resource of this server. Pure.

use openidconnect::{
    JsonWebKey as _,
    core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{ALGORITHMS, SKEW};

/// Longest token that is looked at, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// What a token must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    /// The resource for which it must have been given out.
    pub(super) resource: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    #[error("it is no token of the login service")]
    Malformed,
    #[error("it is signed by a key that the login service does not have")]
    UnknownKey,
    #[error("it is not for this server")]
    OtherAudience,
    #[error("it has ended, or does not begin yet")]
    NotNow,
}

/// The claims of a token, and when it ends in seconds since 1970.
pub(super) fn verified(
    token: &str,
    keys: &CoreJsonWebKeySet,
    expected: Expected<'_>,
) -> Result<(Map<String, Value>, i64), BadToken> {
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(BadToken::Malformed)?;
    if token.len() > MAX_BYTES {
        return Err(BadToken::Malformed);
    }
    let (header, claims) = (object(header)?, object(claims)?);
    let signature = bytes(signature)?;
    let algorithm = header.get("alg").cloned().unwrap_or_default();
    let algorithm: CoreJwsSigningAlgorithm =
        serde_json::from_value(algorithm).map_err(|_| BadToken::Malformed)?;
    // Extensions that must be understood are not.
    if !ALGORITHMS.contains(&algorithm) || header.contains_key("crit") || !is_access(&header) {
        return Err(BadToken::Malformed);
    }
    let id = header.get("kid").and_then(Value::as_str);
    let is_signer = |key: &&_| {
        let key: &openidconnect::core::CoreJsonWebKey = key;
        id.is_none_or(|id| key.key_id().is_none_or(|own| own.as_str() == id))
            && key.verify_signature(&algorithm, signed.as_bytes(), &signature).is_ok()
    };
    keys.keys().iter().find(is_signer).ok_or(BadToken::UnknownKey)?;
    let ends_at = check(&claims, expected)?;
    Ok((claims, ends_at))
}

/// Whether a header is that of an access token. Some providers call it only a token.
fn is_access(header: &Map<String, Value>) -> bool {
    let Some(kind) = header.get("typ") else { return true };
    let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "at+jwt" | "jwt")
}

fn check(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<i64, BadToken> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|at| at as i64);
    // One with a nonce is proof of a login, and was given to another program.
    if text("iss") != Some(expected.issuer) || claims.contains_key("nonce") {
        return Err(BadToken::Malformed);
    }
    let is_for = |audience: &Value| match audience {
        Value::String(one) => one == expected.resource,
        Value::Array(all) => all.iter().any(|one| one == expected.resource),
        _ => false,
    };
    if !claims.get("aud").is_some_and(is_for) {
        return Err(BadToken::OtherAudience);
    }
    let ends_at = time("exp").ok_or(BadToken::Malformed)?;
    let begins = ["nbf", "iat"].into_iter().filter_map(time).max();
    let skew = SKEW.as_secs().cast_signed();
    let ends_at = ends_at.saturating_add(skew);
    let latest = expected.now.saturating_add(skew);
    if ends_at <= expected.now || begins.is_some_and(|at| at > latest) {
        return Err(BadToken::NotNow);
    }
    Ok(ends_at)
}

fn bytes(part: &str) -> Result<Vec<u8>, BadToken> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Malformed)
}

/// The object that a part of a token encodes.
pub(super) fn object(part: &str) -> Result<Map<String, Value>, BadToken> {
    serde_json::from_slice(&bytes(part)?).map_err(|_| BadToken::Malformed)
}
