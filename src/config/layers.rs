//! Layers: defaults, file, environment and command line, one over the other.
//!
//! Every value keeps its origin. Pure: what is needed of the process is passed in.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_path_to_error::Segment;
use toml::{Table, Value};

use crate::config::{
    error::{ConfigMistake, ValueOrigin, hint, nearest},
    file,
    keys::{AGENTS, FORGES, GROUPS, Key, NAMED, PROJECTS, PathKind, is_table, keys},
    process_env::ProcessEnv,
    secrets,
    settings::Tables,
    shown,
};

/// The variable that names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "CICERONE_CONFIG";

/// The variable with the server that `ask` asks.
const SERVER_VARIABLE: &str = "CICERONE_SERVER";

/// The variable that names projects: `NAME=DIR` entries, separated like those of `PATH`.
pub(super) const PROJECT_VARIABLE: &str = "CICERONE_PROJECT";

/// A value that was given on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagValue {
    /// The path of the key that it sets.
    pub(crate) key: &'static str,
    /// The flag as typed, with hyphens.
    pub(crate) flag: String,
    /// The values; more than one only where the key is a list.
    pub(crate) texts: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct GivenValue {
    pub(super) value: Value,
    pub(super) origin: ValueOrigin,
}

/// A value of one layer, under the name that was used for the key.
struct NamedValue {
    key: &'static Key,
    name: String,
    /// The present name, where the one used is a former one.
    renamed: Option<String>,
    given: GivenValue,
}

/// All values by the paths of their keys, and the projects, groups, agents and forges of the file.
#[derive(Debug)]
pub(super) struct Layers {
    values: HashMap<&'static str, GivenValue>,
    pub(super) projects: Vec<(String, GivenValue)>,
    pub(super) groups: Vec<(String, GivenValue)>,
    pub(super) agents: Vec<(String, GivenValue)>,
    pub(super) forges: Vec<(String, GivenValue)>,
    /// Names that are unknown or former ones.
    pub(super) warnings: Vec<String>,
    current_dir: PathBuf,
    home_dir: Option<PathBuf>,
}

impl Layers {
    /// The defaults alone.
    pub(super) fn new(env: &ProcessEnv) -> Self {
        let default =
            |key: &Key| GivenValue { value: key.default.clone(), origin: ValueOrigin::Default };
        Self {
            values: keys().map(|key| (key.path.as_str(), default(key))).collect(),
            projects: Vec::new(),
            groups: Vec::new(),
            agents: Vec::new(),
            forges: Vec::new(),
            warnings: Vec::new(),
            current_dir: env.current_dir.clone(),
            home_dir: env.home_dir.clone(),
        }
    }

    /// Adds the text of a file. `path` is its absolute path.
    pub(super) fn add_file(&mut self, text: &str, path: &Path) -> Result<(), ConfigMistake> {
        let mut values = Vec::new();
        for entry in file::parse(text, path)? {
            let origin = ValueOrigin::File { path: path.to_owned(), line: entry.line };
            let given = GivenValue { value: entry.value, origin };
            let is_former = |key: &&Key| key.former_path.as_ref() == Some(&entry.path);
            if let Some(name) = name_in(PROJECTS, &entry.path) {
                self.projects.push((name.to_owned(), given));
            } else if let Some(name) = name_in(GROUPS, &entry.path) {
                self.groups.push((name.to_owned(), given));
            } else if let Some(name) = name_in(AGENTS, &entry.path) {
                self.agents.push((name.to_owned(), given));
            } else if let Some(name) = name_in(FORGES, &entry.path) {
                self.forges.push((name.to_owned(), given));
            } else if let Some(key) = keys().find(|key| key.path == entry.path) {
                values.push(NamedValue { key, name: entry.path, renamed: None, given });
            } else if let Some(key) = keys().find(is_former) {
                let renamed = Some(key.path.clone());
                values.push(NamedValue { key, name: entry.path, renamed, given });
            } else if is_table(&entry.path) {
                let expected = format!("a table that starts with a line [{}]", entry.path);
                return Err(bad_value(entry.path, &given, expected));
            } else {
                return Err(ConfigMistake::UnknownKey {
                    nearest: nearest_key(&entry.path),
                    key: entry.path,
                    origin: given.origin,
                });
            }
        }
        self.add(values)
    }

    /// Adds the environment, and warns of each unknown `CICERONE_…` variable. It is no error, as such
    /// variables can come from elsewhere: an orchestrator announces a service named `cicerone` as
    /// `CICERONE_PORT`.
    pub(super) fn add_environment(&mut self, env: &ProcessEnv) -> Result<(), ConfigMistake> {
        let mut known = [
            CONFIG_VARIABLE,
            PROJECT_VARIABLE,
            secrets::VIEWER,
            secrets::ADMIN,
            secrets::ON_STDIN,
            secrets::CLIENT,
            SERVER_VARIABLE,
        ]
        .map(str::to_owned)
        .to_vec();
        let mut values = Vec::new();
        for key in keys() {
            let present = Some((key.variable(), None));
            let former = key.former_variable().map(|name| (name, Some(key.variable())));
            for (name, renamed) in [present, former].into_iter().flatten() {
                if let Some(text) = env.variable(&name) {
                    let value = key.value_of_text(&text.to_string_lossy());
                    let origin = ValueOrigin::Environment(name.clone());
                    let given = GivenValue { value, origin };
                    values.push(NamedValue { key, name: name.clone(), renamed, given });
                }
                known.push(name);
            }
        }
        let mut unknown: Vec<_> = env
            .variables
            .keys()
            .filter(|name| name.starts_with("CICERONE_") && !known.contains(name))
            .map(|name| {
                let hint = hint(nearest(name, known.iter().map(String::as_str)).as_deref());
                format!("unknown environment variable {name}{hint}")
            })
            .collect();
        unknown.sort();
        self.warnings.append(&mut unknown);
        self.add(values)
    }

    /// Adds the command line.
    pub(super) fn add_flags(&mut self, flags: &[FlagValue]) {
        for FlagValue { key, flag, texts } in flags {
            let Some(key) = keys().find(|known| known.path == *key) else {
                continue;
            };
            let value = match texts.as_slice() {
                [text] => key.value_of_text(text),
                texts => texts.to_vec().into(),
            };
            let origin = ValueOrigin::Flag(flag.clone());
            self.values.insert(&key.path, GivenValue { value, origin });
        }
    }

    /// Adds the values of one layer. A key under both its names is an error.
    fn add(&mut self, values: Vec<NamedValue>) -> Result<(), ConfigMistake> {
        let mut names: HashMap<&str, String> = HashMap::new();
        for NamedValue { key, name, renamed, given } in values {
            let origin = given.origin.clone();
            if let Some(new_name) = renamed {
                self.warnings.push(match &origin {
                    ValueOrigin::Environment(_) => {
                        format!("environment variable {name} is deprecated: use {new_name}")
                    }
                    _ => format!("`{name}` ({origin}) is deprecated: use `{new_name}`"),
                });
            }
            self.values.insert(&key.path, given);
            if let Some(other) = names.insert(&key.path, name.clone()) {
                return Err(ConfigMistake::GivenTwice { name, origin, other });
            }
        }
        Ok(())
    }

    /// The values as structs, with absolute paths.
    pub(super) fn tables(&self) -> Result<Tables, ConfigMistake> {
        let mut tables = Table::new();
        for key in keys() {
            let (table, name) = key.field.clone();
            let table = tables.entry(table).or_insert_with(|| Table::new().into());
            if let (Value::Table(table), Some(given)) = (table, self.given(&key.path)) {
                table.insert(name, self.with_absolute_paths(key, given));
            }
        }
        serde_path_to_error::deserialize(Value::Table(tables)).map_err(|error| {
            let mut segments = error.path().iter().filter_map(|segment| match segment {
                Segment::Map { key } => Some(key.as_str()),
                _ => None,
            });
            let (table, name) = (segments.next(), segments.next());
            let is_at =
                |key: &&Key| Some(key.field.0.as_str()) == table && Some(key.name()) == name;
            match keys().find(is_at) {
                Some(key) => self.refuse_key(key, &shown::read_error(error.inner().message())),
                None => ConfigMistake::Settings(shown::read_error(&error)),
            }
        })
    }

    /// The error for the value of a key that cannot be read.
    fn refuse_key(&self, key: &Key, expected: &str) -> ConfigMistake {
        let expected = expected.rsplit_once(", expected ").map_or(expected, |(_, type_)| type_);
        let words: Vec<_> = key.words().map(|word| format!("{word:?}")).collect();
        if words.is_empty() {
            return self.refuse(&key.path, expected);
        }
        let given = self.given(&key.path).and_then(|given| given.value.as_str());
        let hint = hint(nearest(given.unwrap_or_default(), key.words()).as_deref());
        self.refuse(&key.path, &format!("one of {}{hint}", words.join(", ")))
    }

    /// The error for a value of `key` that is well written and yet not allowed.
    pub(super) fn refuse(&self, key: &str, expected: &str) -> ConfigMistake {
        match self.given(key) {
            Some(given) => bad_value(key.to_owned(), given, expected.to_owned()),
            None => ConfigMistake::Settings(format!("{key}: expected {expected}")),
        }
    }

    /// The value of a key and its origin.
    pub(super) fn given(&self, key: &str) -> Option<&GivenValue> {
        self.values.get(key)
    }

    /// `path` made absolute: one of a file starts at the file's directory, any other at the
    /// current one, and a leading `~` is the home directory.
    pub(super) fn absolute(&self, path: &Path, origin: &ValueOrigin) -> PathBuf {
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), &self.home_dir) {
            return home.join(rest);
        }
        match origin {
            ValueOrigin::File { path: file, .. } => file.parent().unwrap_or(file).join(path),
            _ => self.current_dir.join(path),
        }
    }

    fn with_absolute_paths(&self, key: &Key, given: &GivenValue) -> Value {
        let Some(kind) = key.path_kind() else { return given.value.clone() };
        let absolute = |value: &Value| match value.as_str() {
            Some(text) if !stays_relative(kind, text) => {
                let path = self.absolute(Path::new(text), &given.origin);
                Value::from(path.to_string_lossy().into_owned())
            }
            _ => value.clone(),
        };
        match &given.value {
            Value::Array(items) => items.iter().map(absolute).collect::<Vec<_>>().into(),
            value => absolute(value),
        }
    }
}

/// Whether a text is no path, or one that is looked up on the `PATH`.
pub(super) fn stays_relative(kind: PathKind, text: &str) -> bool {
    let is_name = || Path::new(text).components().count() == 1 && !text.starts_with('.');
    text.is_empty() || (kind == PathKind::Program && is_name())
}

/// The name in a path of a table of names.
fn name_in<'a>(table: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(table)?.strip_prefix('.')
}

/// The path of a key or the name of a table that may be meant.
fn nearest_key(wrong: &str) -> Option<String> {
    let (table, name) = wrong.rsplit_once('.').unwrap_or((wrong, wrong));
    if let Some(misplaced) = keys().find(|key| key.name() == name) {
        return Some(misplaced.path.clone());
    }
    let tables: Vec<_> = super::keys::tables().iter().map(|table| table.path.as_str()).collect();
    let tables = tables.into_iter().chain(NAMED);
    if !wrong.contains('.') {
        return nearest(wrong, tables);
    }
    if let Some(named) = nearest(table, tables).filter(|it| [PROJECTS, GROUPS].contains(&&**it)) {
        return Some(format!("{named}.{name}"));
    }
    let names = keys().flat_map(|key| [Some(&key.path), key.former_path.as_ref()]).flatten();
    let nearest = nearest(wrong, names.map(String::as_str))?;
    let renamed = keys().find(|key| key.former_path.as_ref() == Some(&nearest));
    Some(renamed.map_or(nearest, |key| key.path.clone()))
}

pub(super) fn bad_value(key: String, given: &GivenValue, expected: String) -> ConfigMistake {
    ConfigMistake::BadValue {
        found: shown::value(&key, &given.value),
        key,
        origin: given.origin.clone(),
        expected,
    }
}

#[cfg(test)]
mod tests;
