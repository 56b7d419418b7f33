//! Roles: what each path requires and which token grants it. Pure.

use actix_web::http::Method;
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::{cluster::peers::SNAPSHOT_PATH, config::Token, web::assets};

use super::credentials::TokenScope;

/// Query keys with which a client may try to pass a token.
const TOKEN_QUERY_KEYS: [&str; 4] = ["token", "access_token", "viewer_token", "admin_token"];

/// A role includes all that the lesser ones may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Reads and asks.
    Viewer,
    /// Also lists and ends everybody's sessions.
    Admin,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// The role that a request requires; `None` if it is open to everybody. `path` is the one that the
/// router matches. Unknown paths require a role, so a new one is closed until it is opened here.
pub(crate) fn required(method: &Method, path: &str) -> Option<Role> {
    let is_page = matches!(*method, Method::GET | Method::HEAD)
        && (assets::is_page(path) || is_snapshot(path));
    if is_page
        || matches!(path, "/healthz" | "/readyz" | "/login" | "/logout" | SNAPSHOT_PATH)
        || (*method == Method::GET
            && matches!(
                path,
                "/login/options"
                    | "/login/begin"
                    | "/login/callback"
                    | "/.well-known/oauth-protected-resource"
            ))
    {
        return None;
    }
    let is_within = |parent: &str| {
        path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let ends_session = *method == Method::DELETE && is_within("/api/assistant/sessions");
    match ends_session || is_within("/api/admin") || path == "/metrics" {
        true => Some(Role::Admin),
        false => Some(Role::Viewer),
    }
}

/// What a personal token must allow for a request. Over a WebSocket, or what stands for one, questions come.
/// At `/mcp`, each tool requires its own.
pub(crate) fn scope(method: &Method, path: &str) -> TokenScope {
    let has_questions = ["/api/assistant/ws/", "/api/assistant/events/"]
        .iter()
        .any(|parent| path.starts_with(parent));
    let only_draws = path.starts_with("/api/projects/") && path.ends_with("/drawings");
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match (reads && !has_questions) || only_draws || path == "/mcp" {
        true => TokenScope::Read,
        false => TokenScope::Ask,
    }
}

/// Whether a path is the address of a public snapshot.
fn is_snapshot(path: &str) -> bool {
    path.strip_prefix("/s/").is_some_and(|token| !token.is_empty() && !token.contains('/'))
}

/// The configured tokens. Without any, no request needs one.
#[derive(Debug)]
pub(crate) struct AccessTokens {
    viewer: Option<Token>,
    admin: Option<Token>,
}

impl AccessTokens {
    pub(crate) fn new(viewer: Option<Token>, admin: Option<Token>) -> Self {
        Self { viewer, admin }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.viewer.is_none() && self.admin.is_none()
    }

    /// The token that grants a role.
    pub(super) fn of(&self, role: Role) -> Option<&str> {
        let token = match role {
            Role::Viewer => &self.viewer,
            Role::Admin => &self.admin,
        };
        token.as_ref().map(Token::reveal)
    }

    /// The role that a token grants. The time this takes reveals only the token's length.
    pub(crate) fn role(&self, presented: &str) -> Option<Role> {
        let is = |token: &Option<Token>| {
            let token = token.as_ref().map_or("", Token::reveal);
            bool::from(token.as_bytes().ct_eq(presented.as_bytes())) && !token.is_empty()
        };
        match (is(&self.admin), is(&self.viewer)) {
            (true, _) => Some(Role::Admin),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }
}

/// The token of an `Authorization` header. Other schemes are ignored: a proxy may use basic
/// authentication and pass the header on.
pub(crate) fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a query string contains a key that looks like a token's.
pub(crate) fn has_token(query: &str) -> bool {
    let mut keys = query.split('&').filter_map(|pair| pair.split('=').next());
    keys.any(|key| TOKEN_QUERY_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_but_the_page_and_the_probes_require_a_role() {
        let (get, delete) = (Method::GET, Method::DELETE);
        for open in [
            "/",
            "/p/demo/12",
            "/admin",
            "/assets/1a2b/app.js",
            "/assets/1a2b/views/turn_view.js",
            "/healthz",
            "/readyz",
            "/login",
            "/s/0123456789abcdef",
        ] {
            assert_eq!(required(&get, open), None, "{open}");
        }
        for viewers in [
            "/api/projects",
            "/api/assistant/ws/demo",
            "/api/assistant/sessions",
            "/api",
            "/api/health",
            "//api/projects",
            "/x",
            "/s",
            "/s/",
            "/s/0123456789abcdef/x",
            "/api/administration",
            "/app.js",
            "/assets/1a2b/app.js/x",
        ] {
            assert_eq!(required(&get, viewers), Some(Role::Viewer), "{viewers}");
        }
        for admins in ["/api/admin", "/api/admin/sessions", "/api/admin/sessions/demo", "/metrics"]
        {
            assert_eq!(required(&get, admins), Some(Role::Admin), "{admins}");
        }
        assert_eq!(required(&delete, "/api/assistant/sessions/demo"), Some(Role::Admin));
        let conversation = "/api/assistant/conversations/demo/1";
        assert_eq!(required(&delete, conversation), Some(Role::Viewer));
        for path in ["/", "/s/0123456789abcdef"] {
            assert_eq!(required(&Method::POST, path), Some(Role::Viewer));
        }
    }

    fn tokens(viewer: Option<&str>, admin: Option<&str>) -> AccessTokens {
        let token = |text: &str| Token::new(text).unwrap();
        AccessTokens::new(viewer.map(token), admin.map(token))
    }

    #[test]
    fn a_token_grants_its_role_and_nothing_else_does() {
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
    fn a_bearer_token_is_read_and_other_schemes_are_ignored() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bearer  abc "), Some("abc"));
        for other in ["Basic abc", "Bearer", "", "Bearerabc"] {
            assert_eq!(bearer_token(other), None, "{other}");
        }
        assert!(has_token("q=1&Token=abc") && has_token("access_token="));
        assert!(!has_token("q=token") && !has_token("") && !has_token("tokens=1"));
    }

    proptest! {
        #[test]
        fn no_path_below_the_admins_is_open_to_others(rest in "(/[a-z0-9.%-]{0,12}){0,4}") {
            prop_assert_eq!(required(&Method::GET, &format!("/api/admin{rest}")), Some(Role::Admin));
        }

        #[test]
        fn only_the_token_itself_is_taken(shown in "\\PC{0,24}") {
            let tokens = tokens(Some("0123456789abcdef"), None);
            prop_assert_eq!(tokens.role(&shown).is_some(), shown == "0123456789abcdef");
        }
    }
}
