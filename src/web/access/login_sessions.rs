//! Logins from the page with a configured token: a signed text in a cookie stands for a role until it ends. Pure.
//!
//! It holds on every node of a cluster, and outlives the server. No cookie contains a token; with
//! another token its logins end, as the token is signed with them.

use std::time::Duration;

use uuid::Uuid;

use super::roles::{AccessTokens, Role};
use crate::signing::SigningKey;

#[derive(Debug)]
pub(crate) struct LoginSessions {
    key: SigningKey,
    lifetime: Duration,
}

/// A login that was shown and has been signed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShownLogin {
    pub(crate) role: Role,
    /// Seconds since 1970.
    pub(crate) ends_at: i64,
}

impl LoginSessions {
    pub(crate) fn new(key: SigningKey, lifetime: Duration) -> Self {
        Self { key, lifetime }
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Begins a login and returns the text of its cookie. `now` is in seconds since 1970.
    pub(crate) fn begin(&self, tokens: &AccessTokens, role: Role, now: i64) -> String {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let ends_at = now.saturating_add(lifetime);
        let login = format!("{}.{ends_at}.{}", role.as_str(), Uuid::new_v4());
        let signature = self.key.sign(&signed(tokens, role, &login));
        format!("{login}.{signature}")
    }

    /// The login of a cookie, if it has not ended by itself.
    pub(crate) fn login(&self, tokens: &AccessTokens, shown: &str, now: i64) -> Option<ShownLogin> {
        let (login, signature) = shown.rsplit_once('.')?;
        let mut parts = login.split('.');
        let role = Role::parse(parts.next()?)?;
        let ends_at = parts.next()?.parse().ok()?;
        let is_own = self.key.is_signature(signature, &signed(tokens, role, login));
        (is_own && now < ends_at).then_some(ShownLogin { role, ends_at })
    }
}

fn signed(tokens: &AccessTokens, role: Role, login: &str) -> String {
    format!("login\n{}\n{login}", tokens.of(role).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Token;

    fn tokens(admin: &str) -> AccessTokens {
        let token = |text: &str| Some(Token::new(text).unwrap());
        AccessTokens::new(token("the-token-of-viewers"), token(admin))
    }

    fn logins(secret: &str) -> LoginSessions {
        LoginSessions::new(SigningKey::new(secret), Duration::from_secs(60))
    }

    #[test]
    fn a_login_lasts_for_its_lifetime_and_holds_wherever_its_key_is() {
        let (tokens, now) = (tokens("the-token-of-admins"), 1_000);
        for role in [Role::Viewer, Role::Admin] {
            let shown = logins("key").begin(&tokens, role, now);
            let at = |now| logins("key").login(&tokens, &shown, now);
            assert_eq!(at(now + 59), Some(ShownLogin { role, ends_at: 1_060 }));
            assert_eq!(at(now + 60), None);
            assert_eq!(logins("another key").login(&tokens, &shown, now), None);
        }
    }

    #[test]
    fn a_login_is_of_one_token_and_cannot_be_changed() {
        let (before, now) = (tokens("the-token-of-admins"), 1_000);
        let shown = logins("key").begin(&before, Role::Admin, now);
        assert_eq!(logins("key").login(&tokens("another-token-of-admins"), &shown, now), None);
        let viewer = logins("key").begin(&before, Role::Viewer, now);
        let after = tokens("another-token-of-admins");
        assert!(logins("key").login(&after, &viewer, now).is_some());
        for changed in [
            viewer.replace("viewer", "admin"),
            viewer.replace("1060", "9060"),
            format!("{viewer}0"),
            viewer.rsplit_once('.').unwrap().0.to_owned(),
            String::new(),
            "...".to_owned(),
        ] {
            assert_eq!(logins("key").login(&before, &changed, now), None, "{changed}");
        }
    }
}
