//! The template of an address that opens a file in an editor or at a code host. Pure.

/// Schemes of code hosts and of editors.
const SCHEMES: [&str; 13] = [
    "http",
    "https",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "cursor",
    "windsurf",
    "zed",
    "jetbrains",
    "idea",
    "subl",
    "txmt",
    "emacs",
];

/// The template of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditorUrl(String);

impl EditorUrl {
    /// `None` where it has another scheme, no `{path}`, or names what is not known.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let named = ["{path}", "{line}", "{dir}", "{project}"];
        let plain = named.iter().fold(rest.to_owned(), |rest, name| rest.replace(name, ""));
        let is_plain = |c: char| c.is_ascii_graphic() && !"{}<>\"`\\^|".contains(c);
        // What a file is called must not choose the host.
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fits = SCHEMES.contains(&scheme)
            && rest.contains("{path}")
            && !host.contains('{')
            && plain.chars().all(is_plain);
        fits.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_known_scheme_and_a_path() {
        for good in [
            "vscode://file/{dir}/{path}:{line}",
            "https://example.org/o/{project}/blob/main/{path}#L{line}",
            "http://[::1]:8080/{path}",
            "idea://open?file=/{dir}/{path}&line={line}",
        ] {
            assert!(EditorUrl::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "{path}",
            "javascript://x/%0a{path}",
            "data://{path}",
            "file:///{dir}/{path}",
            "HTTPS://example.org/{path}",
            "https://example.org/blob/main",
            "https://{path}/x",
            "https://example.org/{path}/{branch}",
            "https://example.org/{path} x",
            "https://example.org/{path}\"onclick=",
        ] {
            assert!(EditorUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
