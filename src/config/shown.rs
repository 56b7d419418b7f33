//! What messages show of the configuration: nothing that may be secret.

use std::{fmt, path::Path, sync::LazyLock};

use regex::Regex;
use toml::Value;

use crate::mask::{MASKED, Mask, names_secret};

/// Shortest name of a file that may be a secret in the place of a name, in bytes.
const SHORTEST_SECRET: usize = 20;

/// Digits that such a name has at least.
const DIGITS: usize = 3;

/// User info of addresses, with and without a scheme, and parameters that are secret by their names.
static ADDRESSES: LazyLock<Option<[Regex; 3]>> = LazyLock::new(|| {
    let [with_scheme, without, parameters] = [
        r#"(?P<before>:/{1,2})[^\s"'`]*@"#,
        r#"(?P<before>[^\s"'`/:@]+:)[^\s"'`/@]+@"#,
        r#"(?i)(?P<before>[?&;][a-z0-9_.-]*(?:key|token|secret|passw|sig|auth|credential)[a-z0-9_.-]*=)[^\s"'`&]+"#,
    ]
    .map(|pattern| Regex::new(pattern).ok());
    Some([with_scheme?, without?, parameters?])
});

/// What serde says of the text that it found in the place of something else.
static FOUND_TEXT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"string "(?:[^"\\]|\\.)*""#).ok());

/// `text` without secrets: user info and secret parameters of addresses, and what has the shape of a key.
pub(super) fn message(text: &str) -> String {
    let Some([with_scheme, without, parameters]) = &*ADDRESSES else { return MASKED.to_owned() };
    let text = Mask::default().apply(text).into_owned();
    let text = with_scheme.replace_all(&text, format!("${{before}}{MASKED}@"));
    let text = without.replace_all(&text, format!("${{before}}{MASKED}@"));
    parameters.replace_all(&text, format!("${{before}}{MASKED}")).into_owned()
}

/// The value of `key` as TOML, for an error. Of a table there are the keys alone, as their values need not
/// be what is wrong, and a text in the place of a secret or of its file is not shown.
pub(super) fn value(key: &str, value: &Value) -> String {
    let is_secret = names_secret(key.rsplit('.').next().unwrap_or(key));
    match value {
        Value::Table(table) => {
            let keys: Vec<_> = table.keys().map(|key| format!("{key} = …")).collect();
            message(&format!("{{ {} }}", keys.join(", ")))
        }
        Value::String(_) if is_secret => Value::from(MASKED).to_string(),
        value => of_report(key, value).to_string(),
    }
}

/// The value of `key` for the report of what is set. It is still TOML.
pub(super) fn of_report(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if key == "webhooks.urls" => hook(text).into(),
        Value::String(text) if names_secret(key) => secret_file(Path::new(text)).into(),
        Value::String(text) => message(&without_user(text)).into(),
        Value::Array(items) => {
            let after_flag = [false].into_iter().chain(items.iter().map(is_secret_flag));
            let shown = items.iter().zip(after_flag).map(|(item, is_secret)| match item {
                Value::String(_) if is_secret => MASKED.into(),
                item => of_report(key, item),
            });
            shown.collect::<Vec<_>>().into()
        }
        Value::Table(table) => {
            let shown = table.iter().map(|(key, value)| (key.clone(), of_report(key, value)));
            Value::Table(shown.collect())
        }
        value => value.clone(),
    }
}

/// The path of a file with a secret. Whoever took the key for that of the secret itself wrote that.
pub(super) fn secret_file(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=".contains(&byte));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    match is_plain && name.len() >= SHORTEST_SECRET && digits >= DIGITS {
        true => path.with_file_name(MASKED).display().to_string(),
        false => message(&path.display().to_string()),
    }
}

/// What serde says of a value, in one line and without its texts.
pub(super) fn read_error(error: impl fmt::Display) -> String {
    let Some(found_text) = &*FOUND_TEXT else { return MASKED.to_owned() };
    let words = error.to_string();
    message(&found_text.replace_all(words.trim(), "a text").replace('\n', " "))
}

/// Whether what follows an argument of a program is secret: `--api-key`.
fn is_secret_flag(argument: &Value) -> bool {
    let argument = argument.as_str().unwrap_or_default();
    argument.starts_with('-') && !argument.contains('=') && names_secret(argument)
}

/// An address without user info, whatever characters are in that, or `--flag=` without its secret.
fn without_user(text: &str) -> String {
    if let Some((flag, _)) = text.split_once('=').filter(|(flag, _)| flag.starts_with('-'))
        && names_secret(flag)
    {
        return format!("{flag}={MASKED}");
    }
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) if rest.contains('@') => {
            format!("{scheme}://{MASKED}@{host}")
        }
        _ => text.to_owned(),
    }
}

/// The address of a webhook: its path is often a secret.
fn hook(text: &str) -> String {
    let text = message(&without_user(text));
    match text.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('/'))) {
        Some((scheme, Some((host, path)))) if !path.is_empty() => {
            format!("{scheme}://{host}/{MASKED}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    #[test]
    fn a_message_holds_no_login_of_an_address_and_no_key() {
        for (text, expected) in [
            ("https://me:hunter2@a.b/c is bad", "https://[masked]@a.b/c is bad"),
            ("https://me:hun@ter/2@a.b/c", "https://[masked]@a.b/c"),
            ("/etc/https:/me:hunter2@a.b/c", "/etc/https:/[masked]@a.b/c"),
            ("at me:hunter2@a.b:c", "at me:[masked]@a.b:c"),
            ("`https://a.b/c?x=1&api_key=hunter2`", "`https://a.b/c?x=1&api_key=[masked]`"),
            ("`glpat-hunter2hunter2hunter2`", "`[masked]`"),
            ("git@a.b:c (/etc/c.toml:3): a b", "git@a.b:c (/etc/c.toml:3): a b"),
            ("http://127.0.0.1:80/v1", "http://127.0.0.1:80/v1"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn of_a_table_an_error_shows_the_keys() {
        let table: Value = "{ git = 'https://me:a b@c/d', brunch = 'x' }".parse().unwrap();
        assert_eq!(value("projects.shop", &table), "{ brunch = …, git = … }");
    }

    #[test]
    fn the_report_is_toml_without_what_is_secret() {
        for (key, written, expected) in [
            ("oidc.issuer", "'https://me:a \"b@c.d/e'", "https://[masked]@c.d/e"),
            (
                "webhooks.urls",
                "['https://a.b/T1/x2', 'http://a.b/']",
                "\"https://a.b/[masked]\", \"http://a.b/\"",
            ),
            (
                "command",
                "['x', '--api-key', 'hunter2', '--token=hunter2', '--model', 'm']",
                "\"x\", \"--api-key\", \"[masked]\", \"--token=[masked]\", \"--model\", \"m\"",
            ),
            ("access.viewer_token_file", "'0a1b2c3d4e5f6a7b8c9d'", "\"[masked]\""),
            ("access.viewer_token_file", "'/etc/viewer.token'", "\"/etc/viewer.token\""),
        ] {
            let shown = of_report(key, &written.parse().unwrap()).to_string();
            assert!(shown.contains(expected), "{shown}");
            assert!(shown.parse::<Value>().is_ok() && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn serde_does_not_repeat_the_text_that_it_found() {
        let error = u32::deserialize(Value::from("hunt\"er\\2")).unwrap_err();
        assert_eq!(read_error(&error), "invalid type: a text, expected u32");
    }
}
