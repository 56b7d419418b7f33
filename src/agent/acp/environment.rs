//! The environment of an agent: an allow-list of the server's variables, and what its recipe sets.

use std::ffi::{OsStr, OsString};

use super::recipe::Recipe;
use crate::agent::sandbox::{NETWORK_VARIABLES, value};

/// Variables that every agent gets, besides those of the network.
const PASSED: [&str; 9] =
    ["PATH", "USER", "LOGNAME", "LANG", "TZ", "TERM", "SHELL", "NODE_EXTRA_CA_CERTS", "LC_ALL"];

/// The whole environment, filtered from the server's. `named` are names that the operator adds; `fill`
/// replaces what a start chooses.
pub(super) fn environment(
    server: &[(OsString, OsString)],
    recipe: &Recipe,
    named: &[&[String]],
    fill: &impl Fn(&str) -> String,
) -> Vec<(OsString, OsString)> {
    let passes = |name: &OsStr| {
        let Some(name) = name.to_str() else { return false };
        PASSED.contains(&name)
            || NETWORK_VARIABLES.contains(&name)
            || recipe.passes(name)
            || named.iter().any(|names| names.iter().any(|named| named == name))
    };
    let mut environment: Vec<(OsString, OsString)> =
        server.iter().filter(|(name, _)| passes(name)).cloned().collect();
    let mut set = |name: &str, value: String| {
        environment.retain(|(known, _)| known != name);
        environment.push((name.into(), value.into()));
    };
    for (name, fields) in recipe.merged {
        let given = value(server, name).and_then(OsStr::to_str);
        set(name, Recipe::merge(given, fields));
    }
    for (name, text) in recipe.set {
        set(name, fill(text));
    }
    set("HOME", fill("{home}"));
    environment
}

/// The method of `authenticate` that the environment has the account for.
pub(super) fn auth_method(
    environment: &[(OsString, OsString)],
    recipe: &Recipe,
) -> Option<&'static str> {
    let found = recipe.logins.iter().find(|(name, _)| value(environment, name).is_some());
    found.map(|(_, method)| *method)
}

/// TCP ports of all web addresses in variables that the recipe or the operator names, also of those
/// within JSON.
pub(super) fn ports(environment: &[(OsString, OsString)]) -> Vec<u16> {
    let mut ports = Vec::new();
    for (_, value) in environment {
        let Some(value) = value.to_str() else { continue };
        for scheme in ["http://", "https://"] {
            for (at, _) in value.match_indices(scheme) {
                let rest = value.get(at..).unwrap_or_default();
                let end = rest.find(|c: char| c.is_whitespace() || "\"'`,;<>\\".contains(c));
                let address = end.map_or(rest, |end| rest.get(..end).unwrap_or_default());
                ports.extend(crate::agent::sandbox::port_of(address));
            }
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn recipe(name: &str) -> &'static Recipe {
        Recipe::of(&[name.to_owned()])
    }

    #[test]
    fn an_agent_gets_what_its_recipe_or_the_operator_names() {
        let server = variables(&[
            ("PATH", "/bin"),
            ("HOME", "/root"),
            ("GEMINI_API_KEY", "k"),
            ("OPENAI_API_KEY", "o"),
            ("SECRET", "s"),
            ("MINE", "m"),
        ]);
        let named = ["MINE".to_owned()];
        let fill = |text: &str| text.replace("{home}", "/h");
        let given = environment(&server, recipe("gemini"), &[&named], &fill);
        let expected = variables(&[
            ("PATH", "/bin"),
            ("GEMINI_API_KEY", "k"),
            ("MINE", "m"),
            ("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "/h/.gemini/system.json"),
            ("HOME", "/h"),
        ]);
        assert_eq!(given, expected);
        assert_eq!(auth_method(&given, recipe("gemini")), Some("gemini-api-key"));
        assert_eq!(auth_method(&[], recipe("gemini")), None);
        let unknown = environment(&server, recipe("goose"), &[], &fill);
        assert_eq!(unknown, variables(&[("PATH", "/bin"), ("HOME", "/h")]));
    }

    #[test]
    fn ports_are_those_of_every_address_in_the_environment() {
        let environment = variables(&[
            ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:8787"),
            ("CODEX_CONFIG", r#"{"model_providers":{"x":{"base_url":"http://[::1]:81/v1"}}}"#),
            ("OPENAI_BASE_URL", "https://api.example/v1"),
            ("PATH", "/bin:http"),
        ]);
        assert_eq!(ports(&environment), [81, 443, 8787]);
    }
}
