//! Masks secrets in a text: those that the server knows, and what has the shape of one.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

/// What stands in a secret's place.
pub(crate) const MASKED: &str = "[masked]";

/// Shortest secret that is looked for, in bytes: a shorter one is part of many words.
const SHORTEST: usize = 8;

/// Parts of the names of variables that hold a secret.
const SECRET_NAMES: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// What keys and tokens look like. In front of each stands no letter and no digit, or an escape of
/// JSON.
static SHAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shapes = [
        r"sk-[A-Za-z0-9_-]{16,}",
        r"gh[pousr]_[A-Za-z0-9]{20,}",
        r"github_pat_[A-Za-z0-9_]{20,}",
        r"glpat-[A-Za-z0-9_-]{16,}",
        r"xox[abeprs]-[A-Za-z0-9-]{10,}",
        r"A(?:KIA|SIA)[A-Z0-9]{16}",
        r"AIza[A-Za-z0-9_-]{30,}",
        r"ya29\.[A-Za-z0-9_-]{20,}",
        r"hf_[A-Za-z0-9]{20,}",
        r"npm_[A-Za-z0-9]{30,}",
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}",
        r"(?i:bearer) +[A-Za-z0-9._~+/=-]{16,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,. -]|\\+[rn])*",
    ];
    let pattern = format!(
        r"(?P<before>^|[^A-Za-z0-9]|\\[bfnrt])(?:{})|(?P<scheme>://[^/\s:@\x22\\]{{0,100}}:)[^/\s@\x22\\]{{1,200}}@",
        shapes.join("|")
    );
    // A test proves that it is well formed.
    Regex::new(&pattern).ok()
});

/// The secrets to mask.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    /// The longest first, as each is written in JSON.
    known: Vec<String>,
}

impl Mask {
    /// Masks these secrets besides what has the shape of one.
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST)
            .filter_map(|secret| {
                let quoted = serde_json::to_string(&secret).ok()?;
                Some(quoted.trim_matches('"').to_owned())
            })
            .collect();
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        known.dedup();
        Self { known }
    }

    /// The line with its secrets masked. JSON stays JSON.
    pub(crate) fn apply<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(line);
        for secret in &self.known {
            if memchr::memmem::find(masked.as_bytes(), secret.as_bytes()).is_some() {
                masked = Cow::Owned(masked.replace(secret, MASKED));
            }
        }
        let Some(shapes) = &*SHAPES else { return Cow::Borrowed(MASKED) };
        let keep = |found: &Captures<'_>| match found.name("scheme") {
            Some(scheme) => format!("{}{MASKED}@", scheme.as_str()),
            None => format!("{}{MASKED}", found.name("before").map_or("", |it| it.as_str())),
        };
        match shapes.replace_all(&masked, keep) {
            Cow::Borrowed(_) => masked,
            Cow::Owned(text) => Cow::Owned(text),
        }
    }
}

/// Whether a variable of this name holds a secret.
pub(crate) fn names_secret(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_has_the_shape_of_a_secret_is_masked_wherever_it_stands() {
        let long = "a1B2c3D4".repeat(5);
        let secrets = [
            format!("sk-ant-api03-{long}"),
            format!("sk-{long}"),
            format!("ghp_{long}"),
            format!("github_pat_{long}"),
            format!("glpat-{long}"),
            format!("xoxb-{long}"),
            "AKIAABCDEFGHIJKLMNOP".to_owned(),
            format!("AIza{long}"),
            format!("ya29.{long}"),
            format!("hf_{long}"),
            format!("npm_{long}"),
            format!("eyJ{long}.{long}.{long}"),
            format!("Bearer {long}"),
            format!("-----BEGIN RSA PRIVATE KEY-----\n{long}\n{long}\n"),
        ];
        let mask = Mask::default();
        for secret in &secrets {
            for text in [
                secret.clone(),
                format!("the key\n{secret}"),
                format!("KEY={secret} and more"),
                format!("\"{secret}\""),
                format!("two: {secret} {secret}"),
            ] {
                let line = json!({"text": text, "n": 1}).to_string();
                let masked = mask.apply(&line);
                assert!(masked.contains(MASKED) && !masked.contains(&long), "{line} -> {masked}");
                let value: Value = serde_json::from_str(&masked).unwrap();
                assert_eq!(value["n"], 1, "{masked}");
            }
        }
        let line = r#"{"url":"https://me:hunter2@example.org/x"}"#;
        assert_eq!(mask.apply(line), r#"{"url":"https://me:[masked]@example.org/x"}"#);
    }

    #[test]
    fn plain_words_and_code_stay_as_they_are() {
        let mask = Mask::new(["short".to_owned()]);
        for line in [
            "task-management-with-many-words and risk-assessment-of-everything",
            r#"{"text":"a short text\nabout src/main.rs:42, sk-learn and AKIA"}"#,
            "-----BEGIN CERTIFICATE-----",
            "https://example.org:8080/path@2",
        ] {
            assert_eq!(mask.apply(line), line);
        }
    }

    #[test]
    fn a_known_secret_is_masked_as_json_writes_it() {
        let secret = "pass\"word\\with\tall";
        let mask = Mask::new([secret.to_owned(), "pass\"word\\".to_owned()]);
        let line = json!({"said": format!("it is {secret}!")}).to_string();
        assert_eq!(mask.apply(&line), r#"{"said":"it is [masked]!"}"#);
    }

    #[test]
    fn variables_with_secrets_are_known_by_their_names() {
        for name in ["ANTHROPIC_API_KEY", "GH_TOKEN", "client_secret", "PGPASSWORD"] {
            assert!(names_secret(name), "{name}");
        }
        assert!(!names_secret("HOME") && !names_secret("PATH"));
    }
}
