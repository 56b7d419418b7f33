//! The list of all settings, read from the embedded `config/cicerone.toml`: key, default and
//! meaning stand there and nowhere else. What the values mean to the program is `settings`' matter.

use toml::Value;

use crate::config::{
    ConfigError,
    file::{self, FileEntry},
};

/// The text of the file that lists every key with its default.
pub const DEFAULTS: &str = include_str!("../../config/cicerone.toml");

/// The table whose keys are names of projects.
pub const PROJECTS: &str = "projects";

/// The keys that have a flag, and its name. All others are set in the file or the environment.
const FLAGS: [(&str, &str); 8] = [
    ("server.listen", "listen"),
    ("server.data_dir", "data-dir"),
    ("server.assets", "assets"),
    ("server.log", "log"),
    ("agent.kind", "agent"),
    ("agent.claude", "claude"),
    ("agent.env", "agent-env"),
    ("agent.sandbox", "sandbox"),
];

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Table and key, joined by a dot.
    pub path: String,
    /// The default; an empty text stands for "not set".
    pub default: Value,
    /// What it does, one line.
    pub meaning: String,
    /// The environment variable that sets it.
    pub variable: String,
    /// The command-line flag that sets it, without hyphens.
    pub flag: Option<&'static str>,
}

/// All settings, in the order of the embedded file.
pub fn keys() -> Result<Vec<Key>, ConfigError> {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let entries = file::parse(DEFAULTS, "config/cicerone.toml".as_ref())?;
    Ok(entries
        .into_iter()
        .map(|FileEntry { path, value, line }| {
            let above = line.checked_sub(2).and_then(|index| lines.get(index));
            let meaning = above.and_then(|text| text.strip_prefix("# "));
            let flag = flag(&path);
            Key {
                meaning: meaning.unwrap_or_default().to_owned(),
                variable: variable(&path, flag),
                default: value,
                path,
                flag,
            }
        })
        .collect())
}

/// The names of the tables that the file may have.
pub fn tables(keys: &[Key]) -> Vec<&str> {
    let mut tables: Vec<&str> = keys.iter().map(Key::table).collect();
    tables.dedup();
    tables.push(PROJECTS);
    tables
}

/// All settings as a Markdown table, for the README.
pub fn markdown_table(keys: &[Key]) -> String {
    let mut table = String::from(
        "| key | default | flag, environment | meaning |\n| --- | --- | --- | --- |\n",
    );
    for key in keys {
        let flag = key.flag.map(|flag| format!("`--{flag}`, ")).unwrap_or_default();
        table.push_str(&format!(
            "| `{}` | `{}` | {flag}`{}` | {} |\n",
            key.path, key.default, key.variable, key.meaning
        ));
    }
    table
}

impl Key {
    /// The table that the key stands in.
    pub fn table(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }

    /// Turns the text of a flag or an environment variable into the kind of value that the
    /// default has. What does not fit stays text and is refused by whoever reads the setting.
    pub fn value_of_text(&self, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match self.default {
            Value::Integer(_) => text.parse().map_or_else(|_| as_text(), Value::Integer),
            Value::Array(_) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect::<Vec<_>>()
                .into(),
            _ => as_text(),
        }
    }
}

fn flag(path: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(key, _)| *key == path).map(|(_, flag)| *flag)
}

fn variable(path: &str, flag: Option<&str>) -> String {
    let name = flag.unwrap_or(path).to_ascii_uppercase();
    format!("CICERONE_{}", name.replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_of_the_file_is_documented_in_one_line() {
        for key in keys().unwrap() {
            assert!(key.meaning.ends_with('.'), "{} has no comment", key.path);
        }
    }

    #[test]
    fn every_flag_belongs_to_a_key() {
        let keys = keys().unwrap();
        for (path, _) in FLAGS {
            assert!(keys.iter().any(|key| key.path == path), "no key {path}");
        }
    }

    #[test]
    fn no_two_keys_share_an_environment_variable() {
        let keys = keys().unwrap();
        let variables: HashSet<_> = keys.iter().map(|key| &key.variable).collect();
        assert_eq!(variables.len(), keys.len());
        assert!(variables.contains(&"CICERONE_LISTEN".to_owned()));
        assert!(variables.contains(&"CICERONE_LIMITS_AGENTS".to_owned()));
    }

    #[test]
    fn the_table_for_the_readme_has_a_row_for_each_key() {
        let keys = keys().unwrap();
        let table = markdown_table(&keys);
        assert_eq!(table.lines().count(), keys.len() + 2);
        assert!(table.contains(
            "| `server.listen` | `\"127.0.0.1:8080\"` | `--listen`, `CICERONE_LISTEN` | \
             Address or name, and port, to listen on; port 0 takes a free one. |\n"
        ));
        assert!(table.lines().all(|row| row.matches('|').count() == 5));
    }

    #[test]
    fn text_becomes_the_kind_of_value_that_the_default_has() {
        let keys = keys().unwrap();
        let value = |path: &str, text| {
            let key = keys.iter().find(|key| key.path == path).unwrap();
            key.value_of_text(text)
        };
        assert_eq!(value("limits.agents", "3"), Value::Integer(3));
        assert_eq!(value("limits.agents", "x"), Value::from("x"));
        assert_eq!(value("agent.env", "A, B,"), Value::from(vec!["A", "B"]));
        assert_eq!(value("limits.frame_bytes", "1000"), Value::from("1000"));
    }
}
