//! The path below which a proxy publishes the server.

use std::{str::FromStr, sync::Arc};

/// First segments of the server's own paths: below one of them a request could mean two things.
const OWN: [&str; 12] = [
    "admin", "api", "assets", "healthz", "login", "logout", "mcp", "metrics", "p", "readyz", "s",
    "v1",
];

/// The path that all addresses of this server begin with, such as `/team/guide`; empty at the root of its
/// host. Cloning shares it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BasePath(Arc<str>);

impl BasePath {
    /// The path, without a slash at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of one of the server's paths on its host.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// What comes behind the base path in a path, which may go on with a query. `None` if the path does
    /// not begin with it: a proxy may have removed it.
    pub(crate) fn own_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let own = path.strip_prefix(&*self.0)?;
        (own.is_empty() || own.starts_with(['/', '?'])).then_some(own)
    }
}

/// A text that is no base path, or begins as one of the server's own paths.
#[derive(Debug)]
pub(crate) struct NoBasePath;

impl FromStr for BasePath {
    type Err = NoBasePath;

    /// A slash at the end does not matter.
    fn from_str(text: &str) -> Result<Self, NoBasePath> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self::default());
        }
        let mut segments = path.strip_prefix('/').ok_or(NoBasePath)?.split('/');
        let is_own = segments.clone().next().is_some_and(|first| OWN.contains(&first));
        if segments.all(is_plain) && !is_own { Ok(Self(path.into())) } else { Err(NoBasePath) }
    }
}

fn is_plain(segment: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    !segment.is_empty()
        && segment.bytes().all(is_plain)
        && !segment.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_made_of_plain_segments_that_are_not_the_servers_own() {
        for (text, path) in [
            ("", Some("")),
            ("/", Some("")),
            ("/guide", Some("/guide")),
            ("/guide/", Some("/guide")),
            ("/team-a/guide_2.1~x", Some("/team-a/guide_2.1~x")),
            ("/guide/api", Some("/guide/api")),
            ("/apis", Some("/apis")),
            ("guide", None),
            ("//guide", None),
            ("/guide//", None),
            ("/a/../b", None),
            ("/.", None),
            ("/a b", None),
            ("/a%20b", None),
            ("/a\"b", None),
            ("/ä", None),
            ("/a?b", None),
            ("https://host/guide", None),
            ("/api", None),
            ("/p/guide", None),
            ("/s", None),
        ] {
            let parsed = text.parse().ok();
            assert_eq!(parsed.as_ref().map(BasePath::as_str), path, "{text:?}");
        }
    }

    #[test]
    fn a_request_is_for_what_comes_behind_the_base_path() {
        let base = BasePath::from_str("/team/guide").unwrap();
        for (path, own) in [
            ("/team/guide", Some("")),
            ("/team/guide/", Some("/")),
            ("/team/guide?x=/y", Some("?x=/y")),
            ("/team/guide/p/demo/1", Some("/p/demo/1")),
            ("/team/guide//p", Some("//p")),
            ("/team/guides", None),
            ("/team", None),
            ("/", None),
            ("/Team/guide/", None),
        ] {
            assert_eq!(base.own_path(path), own, "{path}");
        }
        assert_eq!(BasePath::default().own_path("/p/demo"), None);
        assert_eq!(base.address("/p/demo"), "/team/guide/p/demo");
    }
}
