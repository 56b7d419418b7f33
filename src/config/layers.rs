//! Lays file, environment and command line over the defaults, and keeps for each value where it
//! came from. Pure: what it needs of the process is handed in.

use std::{
    collections::HashMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use toml::Value;

use crate::config::{
    ConfigError, Origin,
    catalogue::{self, Key, PROJECTS},
    error::{hint, nearest},
    file, secrets,
    values::Kind,
};

/// What the configuration takes from the process it runs in.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The environment variables.
    pub environment: HashMap<String, OsString>,
    /// Where relative paths of flags and variables start.
    pub current_dir: PathBuf,
    /// The user's home directory.
    pub home_dir: Option<PathBuf>,
    /// Where programs keep their data.
    pub data_dir: Option<PathBuf>,
    /// Where programs keep their configuration.
    pub config_dir: Option<PathBuf>,
}

/// A value that was given on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagValue {
    /// The key that it sets.
    pub key: &'static str,
    /// The flag as typed, with hyphens.
    pub flag: &'static str,
    /// The values; more than one only where the key is a list.
    pub texts: Vec<String>,
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// All values by key, and the projects of the file.
#[derive(Debug)]
pub(crate) struct Layers {
    keys: Vec<Key>,
    values: HashMap<String, Given>,
    projects: Vec<(String, Given)>,
    current_dir: PathBuf,
    home_dir: Option<PathBuf>,
}

impl Layers {
    /// The defaults alone.
    pub(crate) fn of_defaults(surroundings: &Surroundings) -> Result<Self, ConfigError> {
        let keys = catalogue::keys()?;
        let default = |key: &Key| Given { value: key.default.clone(), origin: Origin::Default };
        Ok(Self {
            values: keys.iter().map(|key| (key.path.clone(), default(key))).collect(),
            keys,
            projects: Vec::new(),
            current_dir: surroundings.current_dir.clone(),
            home_dir: surroundings.home_dir.clone(),
        })
    }

    /// Lays the text of a file over the values. `path` is its absolute path.
    pub(crate) fn add_file(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        for entry in file::parse(text, path)? {
            let given = Given {
                value: entry.value,
                origin: Origin::File { path: path.to_owned(), line: entry.line },
            };
            if let Some(name) = project_name(&entry.path) {
                self.projects.push((name.to_owned(), given));
            } else if let Some(value) = self.values.get_mut(&entry.path) {
                *value = given;
            } else if catalogue::tables(&self.keys).contains(&entry.path.as_str()) {
                let expected = format!("a table, begun by a line [{}]", entry.path);
                return Err(bad_value(entry.path, &given, expected));
            } else {
                return Err(ConfigError::UnknownKey {
                    nearest: self.nearest_key(&entry.path),
                    key: entry.path,
                    origin: given.origin,
                });
            }
        }
        Ok(())
    }

    /// Lays the environment over the values and gives a warning for each `CICERONE_…` variable
    /// that means nothing. That is no error, because such variables can come from elsewhere:
    /// an orchestrator announces a service named `cicerone` as `CICERONE_PORT`.
    pub(crate) fn add_environment(&mut self, variables: &HashMap<String, OsString>) -> Vec<String> {
        let mut known = vec![super::CONFIG_VARIABLE, super::PROJECT_VARIABLE];
        known.extend([secrets::VIEWER, secrets::ADMIN, secrets::ON_STDIN]);
        for key in &self.keys {
            known.push(&key.variable);
            let text = variables.get(&key.variable).map(|text| text.to_string_lossy());
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                let given = Given {
                    value: key.value_of_text(&text),
                    origin: Origin::Environment(key.variable.clone()),
                };
                self.values.insert(key.path.clone(), given);
            }
        }
        let mut warnings: Vec<_> = variables
            .keys()
            .filter(|name| name.starts_with("CICERONE_") && !known.contains(&name.as_str()))
            .map(|name| {
                match nearest(&name.to_lowercase(), lowercase(&known).iter().map(String::as_str)) {
                    Some(nearest) => format!(
                        "environment variable {name} means nothing here; did you mean {}?",
                        nearest.to_uppercase()
                    ),
                    None => format!("environment variable {name} means nothing here"),
                }
            })
            .collect();
        warnings.sort();
        warnings
    }

    /// Lays the command line over the values.
    pub(crate) fn add_flags(&mut self, flags: &[FlagValue]) {
        for FlagValue { key, flag, texts } in flags {
            let Some(known) = self.keys.iter().find(|known| known.path == *key) else {
                continue;
            };
            let value = match texts.as_slice() {
                [text] => known.value_of_text(text),
                texts => texts.to_vec().into(),
            };
            let origin = Origin::Flag((*flag).to_owned());
            self.values.insert((*key).to_owned(), Given { value, origin });
        }
    }

    /// The value of `key`.
    pub(crate) fn get<T: Kind>(&self, key: &str) -> Result<T, ConfigError> {
        let given = self.given(key)?;
        T::read(&given.value).ok_or_else(|| {
            let word = given.value.as_str().unwrap_or_default();
            let nearest = nearest(word, T::words());
            let expected = T::expected() + &hint(nearest.as_ref());
            bad_value(key.to_owned(), given, expected)
        })
    }

    /// The text of `key`, or `None` when it is empty.
    pub(crate) fn get_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let text: String = self.get(key)?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// The absolute path in `key`, or `None` when it is empty.
    pub(crate) fn get_path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let origin = &self.given(key)?.origin;
        let text = self.get_text(key)?;
        Ok(text.map(|text| self.absolute(Path::new(&text), origin)))
    }

    /// The absolute paths in `key`.
    pub(crate) fn get_paths(&self, key: &str) -> Result<Vec<PathBuf>, ConfigError> {
        let origin = &self.given(key)?.origin;
        let texts: Vec<String> = self.get(key)?;
        Ok(texts.iter().map(|text| self.absolute(Path::new(text), origin)).collect())
    }

    /// The error for a value of `key` that reads well but does not do.
    pub(crate) fn refuse(&self, key: &str, expected: &str) -> ConfigError {
        match self.given(key) {
            Ok(given) => bad_value(key.to_owned(), given, expected.to_owned()),
            Err(error) => error,
        }
    }

    /// Where the value of `key` came from, and the value.
    pub(crate) fn given(&self, key: &str) -> Result<&Given, ConfigError> {
        self.values.get(key).ok_or_else(|| ConfigError::UnknownKey {
            key: key.to_owned(),
            origin: Origin::Default,
            nearest: self.nearest_key(key),
        })
    }

    /// All keys, in the order of the embedded file.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The names and directories in the file's table of projects, in its order.
    pub(crate) fn file_projects(&self) -> Result<Vec<(String, PathBuf, Origin)>, ConfigError> {
        let read = |(name, given): &(String, Given)| {
            let Some(text) = given.value.as_str().filter(|text| !text.is_empty()) else {
                let expected = "the directory as a text".to_owned();
                let key = format!("{PROJECTS}.{name}");
                return Err(bad_value(key, given, expected));
            };
            let dir = self.absolute(Path::new(text), &given.origin);
            Ok((name.clone(), dir, given.origin.clone()))
        };
        self.projects.iter().map(read).collect()
    }

    /// `path` made absolute: one of a file starts at the file's directory, any other at the
    /// current one, and a leading `~` is the home directory.
    pub(crate) fn absolute(&self, path: &Path, origin: &Origin) -> PathBuf {
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), &self.home_dir) {
            return home.join(rest);
        }
        match origin {
            Origin::File { path: file, .. } => file.parent().unwrap_or(file).join(path),
            _ => self.current_dir.join(path),
        }
    }

    fn nearest_key(&self, wrong: &str) -> Option<String> {
        let tables = catalogue::tables(&self.keys);
        let (table, name) = wrong.split_once('.').unwrap_or((wrong, wrong));
        let misplaced = self.keys.iter().find(|key| key.path.split('.').next_back() == Some(name));
        if let Some(key) = misplaced {
            return Some(key.path.clone());
        }
        if !wrong.contains('.') {
            return nearest(wrong, tables);
        }
        if nearest(table, tables).as_deref() == Some(PROJECTS) {
            return Some(format!("{PROJECTS}.{name}"));
        }
        nearest(wrong, self.keys.iter().map(|key| key.path.as_str()))
    }
}

fn project_name(path: &str) -> Option<&str> {
    path.strip_prefix(PROJECTS)?.strip_prefix('.')
}

fn lowercase(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

fn bad_value(key: String, given: &Given, expected: String) -> ConfigError {
    ConfigError::BadValue {
        key,
        origin: given.origin.clone(),
        found: given.value.to_string(),
        expected,
    }
}

#[cfg(test)]
mod tests;
