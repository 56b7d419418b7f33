//! Signatures of webhooks, as <https://www.standardwebhooks.com> describes them. Pure.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret of other products begins with; the rest is Base64.
const PREFIX: &str = "whsec_";

/// The secret that signs.
pub(super) struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// The key in a text: Base64 after `whsec_`, else the text itself.
    pub(super) fn new(text: &str) -> Self {
        let decoded = text.strip_prefix(PREFIX).and_then(|it| BASE64_STANDARD.decode(it).ok());
        Self(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        // A key of this kind may have any length, so that there is no error.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of its reference implementations.
        let secret = WebhookSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_text_is_a_secret_too() {
        let sign = |secret| WebhookSecret::new(secret).sign("a", "1", "{}");
        assert_ne!(sign("0123456789abcdef"), sign("0123456789abcdeg"));
        assert_ne!(sign("whsec_not base64"), sign("not base64"));
    }
}
