//! Project tables: the projects of the file, each a directory or a table.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::config::{
    error::{ConfigMistake, ValueOrigin},
    git_source::{self, ProjectSource},
    keys::PROJECTS,
    layers::{GivenValue, Layers, bad_value},
    settings::ProjectInstructions,
    shown,
};

/// A project of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileProject {
    pub(super) name: String,
    pub(super) source: ProjectSource,
    /// The agent that it names.
    pub(super) agent: Option<String>,
    pub(super) instructions: ProjectInstructions,
    /// The people and groups that it lists; none for everybody.
    pub(super) access: Vec<String>,
    pub(super) origin: ValueOrigin,
}

/// The table of a project that has more than a directory.
#[derive(Debug, Default, Deserialize)]
struct ProjectTable {
    dir: Option<String>,
    agent: Option<String>,
    instructions: Option<String>,
    #[serde(default)]
    repository_instructions: bool,
    #[serde(default)]
    access: Vec<String>,
    git: Option<String>,
    #[serde(flatten)]
    git_keys: Table,
}

/// The projects in the file's table, in its order.
pub(super) fn of_file(layers: &Layers) -> Result<Vec<FileProject>, ConfigMistake> {
    let read = |(name, given): &(String, GivenValue)| {
        read(layers, name, given).map_err(|why| bad_value(format!("{PROJECTS}.{name}"), given, why))
    };
    layers.projects.iter().map(read).collect()
}

/// Reads a project. The error completes "expected …".
fn read(layers: &Layers, name: &str, given: &GivenValue) -> Result<FileProject, String> {
    let table = table(&given.value).map_err(|why| {
        let expected = "the directory as a text, or a table such as { dir = \"~/src/app\", \
                        agent = \"guide\" } or { git = \"https://…\" }";
        match why.as_str() {
            "" => expected.to_owned(),
            why => format!("{expected}: {why}"),
        }
    })?;
    let absolute = |path: &str| layers.absolute(Path::new(path), &given.origin);
    let file = table.instructions.as_deref().filter(|file| !file.is_empty());
    let instructions = ProjectInstructions {
        file: file.map(absolute),
        of_repository: table.repository_instructions,
    };
    let source = match (&table.dir, &table.git) {
        (_, Some(address)) => {
            ProjectSource::Git(Box::new(git_source::read(address, table.git_keys, &absolute)?))
        }
        (dir, None) => ProjectSource::Dir(absolute(dir.as_deref().unwrap_or_default())),
    };
    let (agent, access) = (table.agent, table.access);
    let (name, origin) = (name.to_owned(), given.origin.clone());
    Ok(FileProject { name, source, agent, instructions, access, origin })
}

/// The table with either a directory or an address. The error says why there is none, where that is not plain.
fn table(value: &Value) -> Result<ProjectTable, String> {
    let table = match value {
        Value::String(dir) => ProjectTable { dir: Some(dir.clone()), ..ProjectTable::default() },
        Value::Table(_) => {
            ProjectTable::deserialize(value.clone()).map_err(|error| shown::read_error(&error))?
        }
        _ => return Err(String::new()),
    };
    match (&table.dir, &table.git) {
        (Some(dir), None) if dir.contains("://") => Err("an address stands in `git`".to_owned()),
        (Some(dir), None) if !dir.is_empty() => match table.git_keys.keys().next() {
            Some(key) => Err(format!("there is no `{key}` beside `dir`")),
            None => Ok(table),
        },
        (None, Some(_)) => Ok(table),
        (Some(_), Some(_)) => Err("it has `dir` or `git`, not both".to_owned()),
        _ => Err(String::new()),
    }
}
