//! Addresses of files: targets of links, and pages of files at code hosts. Pure code.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

use crate::{history::git_config, source::language::is_known_extension};

use super::suffix::{self, Lines};

/// The page of a file at a code host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilePage<'a> {
    /// The address up to the file's name.
    pub address: &'a str,
    pub lines: Option<Lines>,
}

/// A repository at a code host: host and path, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The host and the path, in lower case.
    address: String,
    /// What the project's paths of its files begin with.
    prefix: String,
}

/// Schemes after which what looks like a path is none of a project.
const SCHEMES: [&str; 12] = [
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "git",
    "http",
    "https",
    "javascript",
    "mailto",
    "tel",
    "vbscript",
];

/// Components that the name of a branch may have.
const MOST_BRANCH_PARTS: usize = 6;

/// Pages of files: GitHub's `/blob/`, GitLab's `/-/blob/`, Gitea's and Bitbucket's `/src/`. Groups: the
/// repository, and the branch with the path.
static PAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^https?://([^/?#\s]+(?:/[^/?#\s]+){2,}?)/(?:-/)?(?:blob|blame|raw|edit|src)/(?:branch/|tag/|commit/)?([^?#\s]+/[^?#\s]+)$",
    )
    .ok()
});

/// The page of a file that an address of the web is.
pub(crate) fn parse_page(target: &str) -> Option<FilePage<'_>> {
    if !target.starts_with("http") {
        return None;
    }
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let (address, rest) = target.split_at_checked(end)?;
    PAGE.as_ref()?
        .is_match(address)
        .then(|| FilePage { address, lines: suffix::parse(rest).and_then(|it| it.lines) })
}

/// The paths that a page of one of the `remotes` may show: the branch may have several components.
pub(crate) fn paths_of_page(address: &str, remotes: &[Remote]) -> Vec<String> {
    let Some(found) = PAGE.as_ref().and_then(|page| page.captures(address)) else {
        return Vec::new();
    };
    let address = found[1].to_lowercase();
    let of_page = remotes.iter().filter(|it| it.address == address);
    let prefixes: Vec<&str> = of_page.map(|it| it.prefix.as_str()).collect();
    if prefixes.is_empty() {
        return Vec::new();
    }
    let rest = percent_decoded(&found[2]).into_owned();
    let ends = rest.match_indices('/').take(MOST_BRANCH_PARTS);
    let paths = ends.filter_map(|(at, _)| rest.get(at + 1..));
    paths.flat_map(|path| prefixes.iter().map(move |prefix| format!("{prefix}{path}"))).collect()
}

/// The repositories that a git configuration names as remotes.
pub(crate) fn remotes(config: &str, prefix: &str) -> Vec<Remote> {
    let addresses = git_config::values(config, "remote", true, "url");
    addresses.iter().filter_map(|address| remote(address, prefix)).collect()
}

/// `https://user@host:port/owner/name.git`, `ssh://git@host/owner/name`, `git@host:owner/name.git`.
fn remote(url: &str, prefix: &str) -> Option<Remote> {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let path = path.trim_matches('/').trim_end_matches(".git");
    let is_remote = host.contains('.') && path.contains('/');
    let address = format!("{host}/{path}").to_lowercase();
    is_remote.then(|| Remote { address, prefix: prefix.to_owned() })
}

/// The path and the lines of a link's target within the project.
pub(crate) fn parse_target(target: &str) -> Option<(String, Option<Lines>)> {
    let target = target.strip_prefix("file://").unwrap_or(target);
    if has_scheme(target) {
        return None;
    }
    let (path, lines) = match suffix::splits(target).find(|(path, _)| !path.is_empty()) {
        // A link's `#` and `?` begin what is no path.
        Some((path, lines)) if !path.contains(['#', '?']) => (path, lines),
        _ => (target.split(['#', '?']).next().unwrap_or_default(), None),
    };
    (!path.is_empty()).then(|| (percent_decoded(path).into_owned(), lines))
}

/// Whether a target begins with a scheme, and so leads out of the project: `mailto:`, `https://`.
fn has_scheme(target: &str) -> bool {
    let Some((scheme, rest)) = target.split_once(':') else { return target.starts_with("//") };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c));
    is_scheme
        && !rest.starts_with(|c: char| c.is_ascii_digit() || c == 'L' || c == ':')
        && !may_be_member(scheme, rest)
}

/// Whether what looks like a scheme may be the name of a project before a path: `web:src/x.ts`.
fn may_be_member(scheme: &str, rest: &str) -> bool {
    let path = rest.split(['#', '?', ':']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    !SCHEMES.contains(&&*scheme.to_ascii_lowercase())
        && !rest.starts_with('/')
        && is_known_extension(name)
}

/// The text with `%20` and the like as characters; unchanged if that is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| !after.starts_with('+')) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text as the path of a link: all but letters, digits and a few marks as `%20` and the like.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@github.com:Own/App.git\n\
        [remote \"lab\"]\n url = https://me:pass@gitlab.com:443/group/sub/app\n[branch \"main\"]\n url = x.y:a/b\n";

    #[test]
    fn a_page_of_the_projects_own_remote_is_one_of_its_files() {
        let remotes = remotes(CONFIG, "");
        let first = |address: &str| {
            let page = parse_page(address)?;
            let lines = page.lines.map(|lines| (lines.first, lines.last));
            Some((paths_of_page(page.address, &remotes).first()?.clone(), lines))
        };
        for (address, path, lines) in [
            ("https://github.com/own/app/blob/main/src/a.rs#L2-L4", "src/a.rs", Some((2, Some(4)))),
            ("https://gitlab.com/group/sub/app/-/blob/main/a%20b.rs#L2", "a b.rs", Some((2, None))),
            ("https://github.com/own/app/src/branch/main/src/a.rs", "src/a.rs", None),
            ("https://github.com/own/app/blob/main/a.md?plain=1#L7", "a.md", Some((7, None))),
        ] {
            assert_eq!(first(address), Some((path.to_owned(), lines)), "{address}");
        }
        let page = "https://github.com/own/app/blob/feature/x/src/a.rs";
        assert!(paths_of_page(page, &remotes).contains(&"src/a.rs".to_owned()));
        assert_eq!(first("https://github.com/other/app/blob/main/src/a.rs"), None);
        assert_eq!(first("https://a.b/src/a.rs"), None);
    }

    #[test]
    fn a_target_is_a_path_unless_it_has_a_scheme() {
        for (target, path, line) in [
            ("src/my%20file.rs#L3", "src/my file.rs", Some(3)),
            ("src/a.rs:3", "src/a.rs", Some(3)),
            ("README.md#install", "README.md", None),
            ("file:///p/src/a.rs#L3", "/p/src/a.rs", Some(3)),
            ("web:src/a.rs#L3", "web:src/a.rs", Some(3)),
            ("a%2", "a%2", None),
        ] {
            let found = parse_target(target).unwrap();
            assert_eq!((found.0.as_str(), found.1.map(|it| it.first)), (path, line), "{target}");
        }
        for target in [
            "javascript:alert(1)",
            "javascript:x.js",
            "mailto:a@b.rs",
            "https://a.b/c.rs",
            "//a.b/c.rs",
            "#x",
        ] {
            assert_eq!(parse_target(target), None, "{target}");
        }
    }
}
