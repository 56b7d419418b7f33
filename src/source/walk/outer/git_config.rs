//! The one setting of git that is needed here: where the user's own ignore rules are. Pure.

use crate::history::git_config;

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
    let values = git_config::values(text, "core", false, "excludesfile");
    values.into_iter().next_back().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_found_as_git_writes_it() {
        for (text, expected) in [
            ("[core]\n\texcludesFile = ~/.ignore\n", Some("~/.ignore")),
            (
                "[core]\nexcludesfile = /a\n[user]\nname = b\n[core]\nexcludesfile = /b\n",
                Some("/b"),
            ),
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
