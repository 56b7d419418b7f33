//! Texts that this server, or its cluster, has signed (HMAC with SHA-256). Pure.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::hex;

/// A key that never leaves those who sign with it.
pub(crate) struct SigningKey(Vec<u8>);

impl SigningKey {
    pub(crate) fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// The signature of a text, in hexadecimal digits.
    pub(crate) fn sign(&self, text: &str) -> String {
        let mac = self.mac(text).map(|mac| mac.finalize().into_bytes());
        mac.map_or_else(String::new, |mac| hex::digits(&mac))
    }

    /// Whether a signature is that of a text. The time this takes reveals nothing of it.
    pub(crate) fn is_signature(&self, signature: &str, text: &str) -> bool {
        let given = bytes(signature);
        self.mac(text).zip(given).is_some_and(|(mac, given)| mac.verify_slice(&given).is_ok())
    }

    /// A key of this kind may have any length, so that there is always one.
    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    // In one case alone: a signature has no other spelling.
    let is_hex = digits.len().is_multiple_of(2)
        && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { digits.as_bytes().chunks(2).map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_is_of_one_text_and_one_key() {
        let key = SigningKey::new("key");
        // RFC 4231's algorithm on the example of RFC 2104's successors.
        let text = "The quick brown fox jumps over the lazy dog";
        let signature = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert_eq!(key.sign(text), signature);
        assert!(key.is_signature(signature, text));
        assert!(!key.is_signature(signature, "another text"));
        assert!(!SigningKey::new("another").is_signature(signature, text));
        for wrong in [
            "",
            "f7",
            &signature[1..],
            &format!("{signature}00"),
            "not hex",
            &signature.to_uppercase(),
        ] {
            assert!(!key.is_signature(wrong, text), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }

    proptest! {
        #[test]
        fn no_other_text_is_taken_for_a_signature(text in "\\PC{0,100}") {
            prop_assert!(!SigningKey::new("key").is_signature(&text, "a text"));
        }
    }
}
