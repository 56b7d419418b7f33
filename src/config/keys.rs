//! Keys: the list of all settings, read from the JSON Schema of the tables.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde::Deserialize as _;
use serde_json::{Map, Value as Json};
use toml::Value;

use crate::config::{
    settings::Tables,
    values::{PATH, PROGRAM},
};

/// The table whose keys are names of projects.
pub(super) const PROJECTS: &str = "projects";

/// The table whose keys are names of groups of projects.
pub(super) const GROUPS: &str = "groups";

/// The table whose keys are names of agents.
pub(super) const AGENTS: &str = "agents";

/// The table whose keys are names of forges.
pub(super) const FORGES: &str = "discovery.forges";

/// The tables whose keys are names.
pub(super) const NAMED: [&str; 4] = [PROJECTS, GROUPS, AGENTS, FORGES];

/// The table that holds the tables of the advanced keys.
const ADVANCED: &str = "advanced.";

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Tables and name, joined by dots.
    pub(crate) path: String,
    /// The path of an advanced key in earlier versions. It is still read, with a warning.
    pub(super) former_path: Option<String>,
    /// The default; an empty text or list stands for "not set".
    pub(crate) default: Value,
    /// What it does, in one or more lines.
    pub(super) description: String,
    /// Whether a reload of the configuration changes it.
    pub(crate) is_live: bool,
    /// The command-line flag that sets it, without hyphens.
    pub(crate) flag: Option<String>,
    /// The fields of [`Tables`] and of the struct there that it fills.
    pub(super) field: (String, String),
    /// Its description, default and range, as JSON Schema.
    pub(super) schema: Map<String, Json>,
}

/// A table of the file.
#[derive(Debug)]
pub(super) struct ConfigTable {
    /// `limits` or `advanced.limits`.
    pub(super) path: String,
    pub(super) description: String,
    pub(super) keys: Vec<Key>,
}

/// What a text that is a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathKind {
    File,
    /// A name without a directory is looked up on the `PATH`.
    Program,
}

/// All tables but those of names, the advanced ones last.
pub(super) fn tables() -> &'static [ConfigTable] {
    static TABLES: LazyLock<Vec<ConfigTable>> = LazyLock::new(read_tables);
    &TABLES
}

/// All settings.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    tables().iter().flat_map(|table| &table.keys)
}

/// Whether the file may have a table of this path, under its present or its former name.
pub(super) fn is_table(path: &str) -> bool {
    let holds = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    NAMED.contains(&path)
        || keys().any(|key| holds(&key.path) || key.former_path.as_deref().is_some_and(holds))
}

impl ConfigTable {
    pub(super) fn is_advanced(&self) -> bool {
        self.path.starts_with(ADVANCED)
    }
}

impl Key {
    fn new(table: &str, field: (&str, &str), is_live: bool, schema: &Map<String, Json>) -> Self {
        let mut schema = schema.clone();
        let mut take = |keyword| schema.shift_remove(keyword);
        let (_, name) = field;
        let former_path = match take("formerly") {
            Some(Json::String(path)) => Some(path),
            _ => table.strip_prefix(ADVANCED).map(|table| format!("{table}.{name}")),
        };
        let flag = take("flag").and_then(|flag| Some(flag.as_str()?.to_owned()));
        take("advanced");
        take("live");
        let empty = match schema.get("type").and_then(Json::as_str) {
            Some("array") => Json::Array(Vec::new()),
            _ => Json::String(String::new()),
        };
        let default = schema.entry("default").or_insert(empty);
        Self {
            path: format!("{table}.{name}"),
            former_path,
            default: Value::deserialize(&*default).unwrap_or(Value::String(String::new())),
            description: text(&schema, "description").to_owned(),
            is_live,
            flag,
            field: (field.0.to_owned(), name.to_owned()),
            schema,
        }
    }

    /// The part of the path after the table.
    pub(super) fn name(&self) -> &str {
        &self.field.1
    }

    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        variable(self.flag.as_deref().unwrap_or(&self.path))
    }

    /// The environment variable that set it in earlier versions.
    pub(super) fn former_variable(&self) -> Option<String> {
        self.former_path.as_deref().map(variable)
    }

    /// Its documentation in one line, with the words that fit.
    pub(super) fn documentation(&self) -> String {
        let words = self.choices().map(|choices| format!(" {choices}")).unwrap_or_default();
        self.description.replace('\n', " ") + &words
    }

    /// A sentence that lists the words that fit, where only certain words do.
    pub(super) fn choices(&self) -> Option<String> {
        let words: Vec<_> = self.words().map(|word| format!("`{word}`")).collect();
        (!words.is_empty()).then(|| format!("One of {}.", words.join(", ")))
    }

    /// Its documentation for `--help`.
    pub(crate) fn help(&self) -> String {
        let text = self.documentation().replace('`', "");
        let variable = self.variable();
        match self.default.as_str() {
            None | Some("") => format!("{text} [env: {variable}]"),
            Some(default) => format!("{text} [env: {variable}] [default: {default}]"),
        }
    }

    /// What stands for its value in `--help`.
    pub(crate) fn placeholder(&self) -> String {
        match self.path_kind() {
            Some(_) => "PATH".to_owned(),
            None => self.name().to_ascii_uppercase(),
        }
    }

    /// The words that fit, where only certain words do.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.schema
            .get("enum")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
    }

    /// `None` where its texts are no paths.
    pub(super) fn path_kind(&self) -> Option<PathKind> {
        let of_items = self.schema.get("items").and_then(|items| items.get("format"));
        match self.schema.get("format").or(of_items)?.as_str()? {
            PATH => Some(PathKind::File),
            PROGRAM => Some(PathKind::Program),
            _ => None,
        }
    }

    /// Turns the text of a flag or a variable into the type of value that the default has. A text
    /// that does not fit stays one and is refused when the settings are read.
    pub(super) fn value_of_text(&self, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match self.default {
            Value::Integer(_) => text.parse().map_or_else(|_| as_text(), Value::Integer),
            Value::Boolean(_) => text.parse().map_or_else(|_| as_text(), Value::Boolean),
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

/// The variable of a flag or a path.
fn variable(name: &str) -> String {
    format!("CICERONE_{}", name.to_ascii_uppercase().replace(['.', '-'], "_"))
}

fn read_tables() -> Vec<ConfigTable> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<Tables>();
    let mut tables: Vec<ConfigTable> = Vec::new();
    for (field, fields) in schema.as_object().into_iter().flat_map(properties) {
        let table = match text(fields, "table") {
            "" => field,
            table => table,
        };
        for (name, schema) in properties(fields) {
            let has = |word| [fields, schema].iter().any(|it| it.contains_key(word));
            let path =
                if has("advanced") { format!("{ADVANCED}{table}") } else { table.to_owned() };
            let key = Key::new(&path, (field, name), has("live"), schema);
            match tables.iter_mut().find(|table| table.path == path) {
                Some(table) => table.keys.push(key),
                None => {
                    let description = text(fields, "description").to_owned();
                    tables.push(ConfigTable { path, description, keys: vec![key] });
                }
            }
        }
    }
    tables.sort_by_key(ConfigTable::is_advanced);
    tables
}

/// The properties of an object and what each may be.
fn properties(schema: &Map<String, Json>) -> impl Iterator<Item = (&str, &Map<String, Json>)> {
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    properties.filter_map(|(name, schema)| Some((name.as_str(), schema.as_object()?)))
}

fn text<'a>(schema: &'a Map<String, Json>, keyword: &str) -> &'a str {
    schema.get(keyword).and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_is_documented() {
        for key in keys() {
            assert!(key.description.ends_with('.'), "{} has no documentation", key.path);
        }
        assert!(tables().iter().all(|table| table.description.ends_with('.')));
    }

    #[test]
    fn about_forty_keys_are_for_everybody() {
        let (advanced, usual): (Vec<_>, Vec<_>) =
            tables().iter().partition(|table| table.is_advanced());
        let count =
            |tables: Vec<&ConfigTable>| tables.iter().map(|it| it.keys.len()).sum::<usize>();
        assert_eq!((count(usual), count(advanced)), (95, 52));
    }

    #[test]
    fn no_two_keys_share_an_environment_variable() {
        let variables: HashSet<_> = keys()
            .flat_map(|key| [Some(key.variable()), key.former_variable()])
            .flatten()
            .collect();
        let former = keys().filter(|key| key.former_path.is_some()).count();
        assert_eq!(variables.len(), keys().count() + former);
        assert!(variables.contains("CICERONE_LISTEN"));
        assert!(variables.contains("CICERONE_LIMITS_AGENTS"));
    }

    #[test]
    fn text_becomes_the_kind_of_value_that_the_default_has() {
        let value = |path: &str, text| {
            let key = keys().find(|key| key.path == path).unwrap();
            key.value_of_text(text)
        };
        assert_eq!(value("limits.agents", "3"), Value::Integer(3));
        assert_eq!(value("limits.agents", "x"), Value::from("x"));
        assert_eq!(value("agent.env", "A, B,"), Value::from(vec!["A", "B"]));
        assert_eq!(value("limits.message_bytes", "1000"), Value::from("1000"));
    }
}
