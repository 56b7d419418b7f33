//! Addresses of remotes and names of branches, with what git could take for something else refused.

use std::{fmt, path::PathBuf};

use url::{Host, Url};

use crate::project::ProjectName;

/// Longest address, and longest name of a branch, in bytes.
const MAX_ADDRESS: usize = 2000;
const MAX_BRANCH: usize = 200;

/// The address of a remote, without a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteAddress(Url);

impl RemoteAddress {
    /// Reads an address. The error is for a person and repeats nothing secret.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_ADDRESS || text.contains(|c: char| c.is_control() || c.is_whitespace())
        {
            return Err("is too long, or has spaces in it");
        }
        if text.split("://").next().is_some_and(|start| start.contains("::")) {
            return Err("names a helper program, which is never run");
        }
        let url = match text.contains("://") {
            true => Url::parse(text).ok(),
            false => scp_like(text),
        };
        let url = url.ok_or(
            "is no address such as https://example.org/shop.git, ssh://git@example.org/shop.git \
             or file:///srv/git/shop.git",
        )?;
        if url.password().is_some() {
            return Err("holds a password: write it to a file and name that in `token_file`");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a `?` or `#` in it");
        }
        let user = url.username();
        let is_odd = |text: &str| text.starts_with('-') || text.contains('%');
        if is_odd(user) || url.host_str().is_some_and(is_odd) || url.path().starts_with("/-") {
            return Err("could be taken for an option of a program");
        }
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        match url.scheme() {
            "https" | "http" if !user.is_empty() => {
                Err("holds a user, or a token: name it in `user`, and a file in `token_file`")
            }
            "https" | "http" | "ssh" if has_host && url.path().len() > 1 => Ok(Self(url)),
            "file" if !has_host && url.path().len() > 1 => Ok(Self(url)),
            "https" | "http" | "ssh" | "file" => Err("names no repository"),
            _ => Err("is of no kind that is fetched: use https, ssh, http or file"),
        }
    }

    pub(crate) fn scheme(&self) -> &str {
        self.0.scheme()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The port that git connects to; `None` for a directory.
    pub(crate) fn port(&self) -> Option<u16> {
        match self.scheme() {
            "file" => None,
            "ssh" => Some(self.0.port().unwrap_or(22)),
            _ => self.0.port_or_known_default(),
        }
    }

    /// The port that is not the usual one of the scheme.
    pub(crate) fn written_port(&self) -> Option<u16> {
        self.0.port()
    }

    /// The host, as it is written; `None` for a directory.
    pub(crate) fn host(&self) -> Option<&str> {
        self.0.host_str()
    }

    /// The directory of a repository on this machine.
    pub(crate) fn dir(&self) -> Option<PathBuf> {
        (self.scheme() == "file").then(|| self.0.to_file_path().ok())?
    }

    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_open(&self) -> bool {
        let is_local = match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => true,
        };
        self.scheme() == "http" && !is_local
    }

    /// A line of git's file of logins for this host. `user` and `secret` may hold anything but the ends
    /// of lines.
    pub(crate) fn credential(&self, user: &str, secret: &str) -> Option<String> {
        let mut url = self.0.clone();
        url.set_username(user).ok()?;
        url.set_password(Some(secret)).ok()?;
        url.set_path("");
        Some(format!("{url}\n"))
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `git@example.org:shop.git`.
fn scp_like(text: &str) -> Option<Url> {
    let (host, path) = text.split_once(':')?;
    let is_plain = !host.is_empty() && !host.contains('/') && !path.is_empty();
    is_plain.then(|| Url::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/'))).ok())?
}

/// The name of a branch or tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BranchName(String);

impl BranchName {
    /// Reads a name, by git's own rules.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_part =
            |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
        let is_forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let is_name = text.len() <= MAX_BRANCH
            && !text.starts_with('-')
            && !text.ends_with('.')
            && !text.contains("..")
            && !text.contains("@{")
            && text != "@"
            && !text.contains(is_forbidden)
            && text.split('/').all(is_part);
        is_name.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The project of this branch, where the first one of the repository has this name.
    pub(crate) fn project_of(&self, first: &ProjectName) -> ProjectName {
        ProjectName::mend(&format!("{first}-{self}"))
    }
}

/// A pattern for names of branches and tags, in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchPattern(String);

impl BranchPattern {
    /// Reads a pattern; `None` for a plain name, and for what matches no name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_pattern = text.contains('*') && BranchName::parse(&text.replace('*', "x")).is_some();
        is_pattern.then(|| Self(text.to_owned()))
    }

    pub(crate) fn matches(&self, name: &BranchName) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let last = pieces.next_back().unwrap_or_default();
        let rest = name.as_str().strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
        let found = pieces.try_fold(rest, |rest, piece| {
            let rest = rest?;
            let at = rest.find(piece)?;
            Some(rest.get(at + piece.len()..))
        });
        found.flatten().is_some()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, name, is_match) in [
            ("release-*", "release-1", true),
            ("release-*", "release-", true),
            ("release-*", "my-release-1", false),
            ("release/*", "release/2.0/fix", true),
            ("*", "main", true),
            ("*-lts", "v1-lts", true),
            ("*-lts", "v1-lts-2", false),
            ("v*.*.0", "v1.2.0", true),
            ("v*.*.0", "v1.0", false),
            ("a*a", "a", false),
            ("a*bc*c", "abcc", true),
            ("a*bc*c", "abc", false),
        ] {
            let name = BranchName::parse(name).unwrap();
            let matches = BranchPattern::parse(pattern).unwrap().matches(&name);
            assert_eq!(matches, is_match, "{pattern} {name}");
        }
        for no_pattern in ["main", "-*", "a..*", "*.lock", "a b*", ""] {
            assert_eq!(BranchPattern::parse(no_pattern), None, "{no_pattern}");
        }
    }

    #[test]
    fn addresses_that_git_fetches_are_read() {
        for (text, expected, port) in [
            ("https://example.org/shop.git", "https://example.org/shop.git", Some(443)),
            ("https://example.org:8443/a/b", "https://example.org:8443/a/b", Some(8443)),
            ("http://127.0.0.1:3000/a", "http://127.0.0.1:3000/a", Some(3000)),
            ("ssh://git@example.org/shop.git", "ssh://git@example.org/shop.git", Some(22)),
            ("git@example.org:team/shop.git", "ssh://git@example.org/team/shop.git", Some(22)),
            ("file:///srv/git/shop.git", "file:///srv/git/shop.git", None),
        ] {
            let address = RemoteAddress::parse(text).unwrap();
            assert_eq!((address.as_str(), address.port()), (expected, port));
        }
        assert!(RemoteAddress::parse("http://example.org/a").unwrap().is_open());
        assert!(!RemoteAddress::parse("http://[::1]/a").unwrap().is_open());
    }

    #[test]
    fn p10_secrets_helpers_and_options_in_addresses_are_refused() {
        for (text, words) in [
            ("https://me:hunter2@example.org/a", "password"),
            ("https://hunter2@example.org/a", "token_file"),
            ("ext::sh -c id", "spaces"),
            ("ext::sh", "helper"),
            ("fd::17://x", "helper"),
            ("--upload-pack=touch", "no address"),
            ("ssh://-oProxyCommand=id/a", "option"),
            ("ssh://-oX@example.org/a", "option"),
            ("-oX@example.org:a", "option"),
            ("ssh://example.org/-a", "option"),
            ("git://example.org/a", "kind"),
            ("ftp://example.org/a", "kind"),
            ("file://example.org/a", "no repository"),
            ("https://example.org", "no repository"),
            ("https://example.org/a?b", "`?`"),
            ("/srv/shop", "no address"),
            ("", "no address"),
        ] {
            let error = RemoteAddress::parse(text).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn names_of_branches_are_those_of_git() {
        for good in ["main", "release/2.0", "v1.0.0", "ü", "a-b_c", "feature/#12"] {
            assert_eq!(BranchName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "a~1",
            "a^",
            "x.lock",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "@",
            "a@{1}",
            "a\\b",
            "a*",
            "a?",
            "a[",
            "a\n",
        ] {
            assert_eq!(BranchName::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_login_is_for_its_host_alone() {
        let address = RemoteAddress::parse("https://example.org:8443/team/shop").unwrap();
        let line = address.credential("oauth2", "s3:cr@t/x").unwrap();
        assert_eq!(line, "https://oauth2:s3%3Acr%40t%2Fx@example.org:8443/\n");
    }
}
