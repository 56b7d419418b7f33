//! The one setting of git that is needed here: where the user's own ignore rules are. Pure.

use super::Variables;

/// The name of the setting, in lower case.
const SETTING: &str = "core.excludesfile";
/// Options given by variables that are looked at.
const MAX_OPTIONS: usize = 100;

/// The value among the options that variables stand for.
pub(super) fn of_variables(variables: Variables<'_>) -> Option<String> {
    let count: usize = variables("GIT_CONFIG_COUNT")?.to_str()?.parse().ok()?;
    let option = |n: usize| {
        let key = variables(&format!("GIT_CONFIG_KEY_{n}"))?;
        let is_it = key.to_str()?.to_lowercase() == SETTING;
        is_it.then(|| variables(&format!("GIT_CONFIG_VALUE_{n}")))?
    };
    let value = (0..count.min(MAX_OPTIONS)).rev().find_map(option)?;
    Some(value.to_str()?.to_owned())
}

/// The value in the text of a file of settings; the last one counts.
pub(super) fn excludes_file(text: &str) -> Option<String> {
    let mut is_core = false;
    let mut found = None;
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    for line in joined.lines() {
        let mut line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let (name, rest) = section.split_once(']').unwrap_or((section, ""));
            is_core = name.trim().eq_ignore_ascii_case("core");
            line = rest.trim();
        }
        let Some((key, given)) = line.split_once('=').filter(|_| is_core) else {
            continue;
        };
        if key.trim().eq_ignore_ascii_case("excludesfile") {
            found = Some(value(given));
        }
    }
    found.filter(|found| !found.is_empty())
}

/// A value without its quotes, escapes and comment.
fn value(given: &str) -> String {
    let mut value = String::new();
    // Up to here, spaces at the end are no part of it.
    let mut kept = 0;
    let mut is_quoted = false;
    let mut characters = given.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(escaped) => value.push(escaped),
                None => break,
            },
            other => value.push(other),
        }
        if is_quoted || !character.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_found_as_git_writes_it() {
        for (text, expected) in [
            ("[core]\n\texcludesFile = ~/.ignore\n", Some("~/.ignore")),
            ("[core]\nexcludesfile=/a b/c # x\n", Some("/a b/c")),
            ("[Core] ExcludesFile = \"/a # b\" ; c\n", Some("/a # b")),
            (
                "[core]\nexcludesfile = /a\n[user]\nname = b\n[core]\nexcludesfile = /b\n",
                Some("/b"),
            ),
            ("[core]\nexcludesfile = /a\\\n/b\n", Some("/a/b")),
            ("[core \"x\"]\nexcludesfile = /a\n", None),
            ("[user]\nexcludesfile = /a\n", None),
            ("[core]\neditor = vi\n", None),
            ("[core]\nexcludesfile =\n", None),
            ("", None),
        ] {
            assert_eq!(excludes_file(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_option_of_the_environment_counts() {
        let variables = |name: &str| match name {
            "GIT_CONFIG_COUNT" => Some("2".into()),
            "GIT_CONFIG_KEY_0" => Some("user.name".into()),
            "GIT_CONFIG_KEY_1" => Some("core.excludesFile".into()),
            "GIT_CONFIG_VALUE_1" => Some("/rules".into()),
            _ => None,
        };
        assert_eq!(of_variables(&variables).as_deref(), Some("/rules"));
        assert_eq!(of_variables(&|_| None), None);
    }
}
