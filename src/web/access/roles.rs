//! Who may do what: the roles, what each path needs, and how a token is recognised. Pure.

use actix_web::http::Method;
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::{config::access::Token, web::assets};

/// Keys of a query by which somebody may try to hand over a token.
const QUERY_KEYS: [&str; 4] = ["token", "access_token", "viewer_token", "admin_token"];

/// What somebody may do. The greater role may all that the lesser one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Reads and asks.
    Viewer,
    /// Also sees and ends the sessions of all.
    Admin,
}

/// The role that a request needs; `None` is open to everybody. `path` is the one that the router
/// sees. What is not known needs a role, so a path that comes to be is closed until it is opened.
pub(crate) fn needed(method: &Method, path: &str) -> Option<Role> {
    let is_page = matches!(*method, Method::GET | Method::HEAD) && assets::is_page(path);
    if is_page || matches!(path, "/healthz" | "/readyz" | "/login" | "/logout") {
        return None;
    }
    let is_within = |parent: &str| {
        path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let ends_session = *method == Method::DELETE && is_within("/api/assistant/sessions");
    if ends_session || is_within("/api/admin") || path == "/metrics" {
        Some(Role::Admin)
    } else {
        Some(Role::Viewer)
    }
}

/// The tokens that are configured.
#[derive(Debug)]
pub(crate) struct AccessTokens {
    viewer: Option<Token>,
    admin: Option<Token>,
}

impl AccessTokens {
    /// These; without any, nobody needs one.
    pub(crate) fn new(viewer: Option<Token>, admin: Option<Token>) -> Self {
        Self { viewer, admin }
    }

    /// Whether nobody needs one.
    pub(crate) fn is_empty(&self) -> bool {
        self.viewer.is_none() && self.admin.is_none()
    }

    /// Whose token this is. How long that takes tells nothing but its length.
    pub(crate) fn role(&self, shown: &str) -> Option<Role> {
        let is = |token: &Option<Token>| {
            let token = token.as_ref().map_or("", Token::reveal);
            bool::from(token.as_bytes().ct_eq(shown.as_bytes())) && !token.is_empty()
        };
        match (is(&self.admin), is(&self.viewer)) {
            (true, _) => Some(Role::Admin),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }
}

/// The token in an `Authorization` header. Another scheme is not ours: a proxy may ask for a
/// password by it and hand it on.
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a query has a key that stands for a token.
pub(crate) fn has_token(query: &str) -> bool {
    let mut keys = query.split('&').filter_map(|pair| pair.split('=').next());
    keys.any(|key| QUERY_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_but_the_page_and_the_probes_needs_a_role() {
        let (get, delete) = (Method::GET, Method::DELETE);
        for open in [
            "/",
            "/p/demo/12",
            "/admin",
            "/app.js",
            "/views/turn.js",
            "/healthz",
            "/readyz",
            "/login",
        ] {
            assert_eq!(needed(&get, open), None, "{open}");
        }
        for viewers in [
            "/api/projects",
            "/api/assistant/ws/demo",
            "/api/assistant/sessions",
            "/api",
            "/api/health",
            "//api/projects",
            "/x",
            "/api/administration",
            "/app.js/x",
        ] {
            assert_eq!(needed(&get, viewers), Some(Role::Viewer), "{viewers}");
        }
        for admins in ["/api/admin", "/api/admin/sessions", "/api/admin/sessions/demo", "/metrics"]
        {
            assert_eq!(needed(&get, admins), Some(Role::Admin), "{admins}");
        }
        assert_eq!(needed(&delete, "/api/assistant/sessions/demo"), Some(Role::Admin));
        let conversation = "/api/assistant/conversations/demo/1";
        assert_eq!(needed(&delete, conversation), Some(Role::Viewer));
        assert_eq!(needed(&Method::POST, "/"), Some(Role::Viewer));
    }

    fn tokens(viewer: Option<&str>, admin: Option<&str>) -> AccessTokens {
        let token = |text: &str| Token::new(text).unwrap();
        AccessTokens::new(viewer.map(token), admin.map(token))
    }

    #[test]
    fn a_token_gives_its_role_and_nothing_else_does() {
        let tokens = tokens(Some("viewers-0123456789"), Some("admins-0123456789"));
        assert_eq!(tokens.role("viewers-0123456789"), Some(Role::Viewer));
        assert_eq!(tokens.role("admins-0123456789"), Some(Role::Admin));
        for wrong in
            ["", "viewers", "viewers-012345678", "viewers-0123456789 ", "VIEWERS-0123456789"]
        {
            assert_eq!(tokens.role(wrong), None, "{wrong}");
        }
        assert_eq!(self::tokens(None, Some("admins-0123456789")).role(""), None);
    }

    #[test]
    fn a_bearer_token_is_read_and_another_scheme_is_left() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for other in ["Basic abc", "Bearer", "", "Bearerabc"] {
            assert_eq!(bearer(other), None, "{other}");
        }
        assert!(has_token("q=1&Token=abc") && has_token("access_token="));
        assert!(!has_token("q=token") && !has_token("") && !has_token("tokens=1"));
    }

    proptest! {
        #[test]
        fn no_path_below_the_admins_is_open_to_others(rest in "(/[a-z0-9.%-]{0,12}){0,4}") {
            prop_assert_eq!(needed(&Method::GET, &format!("/api/admin{rest}")), Some(Role::Admin));
        }

        #[test]
        fn only_the_token_itself_is_taken(shown in "\\PC{0,24}") {
            let tokens = tokens(Some("0123456789abcdef"), None);
            prop_assert_eq!(tokens.role(&shown).is_some(), shown == "0123456789abcdef");
        }
    }
}
