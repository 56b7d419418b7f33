//! Read access to a project's feature list, a `features.db` that other programs write.
//!
//! Never writes or makes the file. Older files lack columns, so some questions have no answer.

mod dependencies;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Params, Row};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use dependencies::Dependencies;

use crate::project::Roots;
use crate::sqlite_readonly::{self, SqliteReadError, optional_text, text};

const FILE: &str = "features.db";

/// Directories that may hold the file, relative to the project; the first that does counts.
const FOLDERS: [&str; 3] = [".autoforge", ".autocoder", ""];

/// The order of work.
const ORDER: &str = "ORDER BY priority, id";

/// A longer query is interrupted: the file may be made to harm.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// Steps of SQLite between two checks of the time limit. One step can call a function on a large
/// value, which takes milliseconds.
const STEPS_PER_CHECK: i32 = 100;

/// Progress of a project.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeatureStats {
    pub passing: i64,
    /// Features that somebody works on.
    pub in_progress: i64,
    pub total: i64,
    /// `passing` in percent of `total`, one digit after the point; 0 where there are none.
    pub percentage: f64,
}

/// One feature. The order of the fields is that of the legacy API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Feature {
    pub id: i64,
    /// Lower comes first.
    pub priority: i64,
    /// A kind of feature, such as "functional".
    pub category: String,
    pub name: String,
    pub description: String,
    /// Steps that show it, usually a list of texts.
    pub steps: Value,
    /// Whether it passes, where that is known.
    pub passes: Option<bool>,
    /// Whether somebody works on it.
    pub in_progress: Option<bool>,
    /// The columns that newer files have.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<FeatureExtensions>,
}

/// The columns that only newer files have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FeatureExtensions {
    /// Ids of the features that must pass before it.
    pub dependencies: Value,
    /// Whether it waits for a person.
    pub needs_human_input: Option<bool>,
    /// What the person is asked.
    pub human_input_request: Value,
    /// What the person answered.
    pub human_input_response: Value,
}

/// Why the features cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeaturesError {
    /// The file is a link out of the project, which must not be followed.
    #[error("{} links to a file outside the project and is not read", .0.display())]
    Outside(PathBuf),
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] SqliteReadError),
    /// The file does not hold what it should.
    #[error("cannot read the features in {}: {source}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is older than dependencies are.
    #[error("{} has no dependencies: an older version made it", .0.display())]
    NoDependencies(PathBuf),
}

/// A project's features, opened for reading.
#[derive(Debug)]
pub(crate) struct Features {
    connection: Connection,
    path: PathBuf,
    columns: HashSet<String>,
}

/// Whether the project in `project_dir` has a feature list. Opens nothing, but blocks.
pub(crate) fn exists(project_dir: &Path) -> bool {
    file(project_dir).is_some()
}

/// The root of a project whose feature list counts: the first that has one. Opens nothing, but blocks.
pub(crate) fn root_of(roots: &Roots) -> &Path {
    roots.dirs().find(|dir| exists(dir)).unwrap_or(roots.first())
}

fn file(project_dir: &Path) -> Option<PathBuf> {
    let mut paths = FOLDERS.iter().map(|dir| project_dir.join(dir).join(FILE));
    paths.find(|path| path.symlink_metadata().is_ok())
}

impl Features {
    /// Opens the features of the project in `project_dir`; `None` where it has no such file.
    pub(crate) fn open(project_dir: &Path) -> Result<Option<Self>, FeaturesError> {
        let Some(path) = file(project_dir) else { return Ok(None) };
        let Some(path) = inside(&path, project_dir) else {
            return Err(FeaturesError::Outside(path));
        };
        let connection = sqlite_readonly::open(&path)?;
        let mut features = Self { connection, path, columns: HashSet::new() };
        // A view of that name could compute without end.
        let columns = "SELECT c.name FROM sqlite_schema t, pragma_table_info('features') c
             WHERE t.type = 'table' AND t.name = 'features'";
        features.columns = features.all(columns, [], |row| row.get(0))?;
        Ok(Some(features))
    }

    /// How far the project is.
    pub(crate) fn stats(&self) -> Result<FeatureStats, FeaturesError> {
        if self.columns.is_empty() {
            return Ok(FeatureStats::of(0, 0, 0));
        }
        let sql = format!(
            "SELECT count(*) FILTER (WHERE passes = 1), count(*) FILTER (WHERE {} = 1), count(*)
             FROM features",
            self.column("in_progress", "0")
        );
        self.query(|connection| {
            connection.query_row(&sql, [], |row| {
                Ok(FeatureStats::of(row.get(0)?, row.get(1)?, row.get(2)?))
            })
        })
    }

    /// The first feature that does not pass; one that somebody works on counts too.
    pub(crate) fn next(&self) -> Result<Option<Feature>, FeaturesError> {
        let found = self.features(&format!("WHERE passes = 0 {ORDER} LIMIT 1"), [])?;
        Ok(found.into_iter().next())
    }

    /// At most `limit` features that pass, any of them.
    pub(crate) fn for_regression(&self, limit: u32) -> Result<Vec<Feature>, FeaturesError> {
        self.features("WHERE passes = 1 ORDER BY random() LIMIT ?", [limit])
    }

    /// The feature with this id.
    pub(crate) fn by_id(&self, id: i64) -> Result<Option<Feature>, FeaturesError> {
        let found = self.features("WHERE id = ?", [id])?;
        Ok(found.into_iter().next())
    }

    /// Whether the file tells which feature needs which.
    pub(crate) fn has_dependencies(&self) -> bool {
        self.columns.contains("dependencies")
    }

    /// What can be begun and what waits for what.
    pub(crate) fn dependencies(&self) -> Result<Dependencies, FeaturesError> {
        if !self.has_dependencies() {
            return Err(FeaturesError::NoDependencies(self.path.clone()));
        }
        let passing = "SELECT id FROM features WHERE passes = 1";
        let passing = self.all(passing, [], |row| row.get(0))?;
        let open = self.features(&format!("WHERE passes IS NOT 1 {ORDER}"), [])?;
        Ok(Dependencies { passing, open })
    }

    fn features(&self, clause: &str, params: impl Params) -> Result<Vec<Feature>, FeaturesError> {
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT id, priority, category, name, description, steps, passes, {}, {}, {}, {}, {}
             FROM features {clause}",
            self.column("in_progress", "0"),
            self.column("dependencies", "NULL"),
            self.column("needs_human_input", "0"),
            self.column("human_input_request", "NULL"),
            self.column("human_input_response", "NULL"),
        );
        let has_extensions = self.has_dependencies();
        self.all(&sql, params, |row| Feature::from_row(row, has_extensions))
    }

    /// The column where the file has it, else what stands for it.
    fn column<'a>(&self, name: &'a str, otherwise: &'a str) -> &'a str {
        match self.columns.contains(name) {
            true => name,
            false => otherwise,
        }
    }

    fn all<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<C, FeaturesError> {
        self.query(|connection| connection.prepare(sql)?.query_map(params, read)?.collect())
    }

    fn query<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, FeaturesError> {
        let deadline = Instant::now() + QUERY_TIMEOUT;
        let is_late = move || Instant::now() > deadline;
        let answer = self
            .connection
            .progress_handler(STEPS_PER_CHECK, Some(is_late))
            .and_then(|()| query(&self.connection));
        answer.map_err(|source| FeaturesError::Query { path: self.path.clone(), source })
    }
}

impl FeatureStats {
    /// Figures from counts.
    pub(crate) fn of(passing: i64, in_progress: i64, total: i64) -> Self {
        let percentage = match total {
            0 => 0.0,
            _ => one_digit(passing as f64 / total as f64 * 100.0),
        };
        Self { passing, in_progress, total, percentage }
    }
}

impl Feature {
    fn from_row(row: &Row<'_>, has_extensions: bool) -> rusqlite::Result<Self> {
        let extensions = || -> rusqlite::Result<FeatureExtensions> {
            Ok(FeatureExtensions {
                dependencies: json(row, 8)?,
                needs_human_input: row.get(9)?,
                human_input_request: json(row, 10)?,
                human_input_response: json(row, 11)?,
            })
        };
        Ok(Self {
            id: row.get(0)?,
            priority: row.get(1)?,
            category: text(row, 2)?,
            name: text(row, 3)?,
            description: text(row, 4)?,
            steps: json(row, 5)?,
            passes: row.get(6)?,
            in_progress: row.get(7)?,
            extensions: has_extensions.then(extensions).transpose()?,
        })
    }
}

/// A column of JSON text. What is no JSON is shown as the text it is.
fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    Ok(match optional_text(row, column)? {
        Some(text) => crate::json::value(&text).unwrap_or(Value::String(text)),
        None => Value::Null,
    })
}

/// `value` rounded to one digit after the point, as decimal text rounds: from the exact value.
fn one_digit(value: f64) -> f64 {
    format!("{value:.1}").parse().unwrap_or(value)
}

/// The file with every link in its path resolved; `None` where they lead out of `dir`.
fn inside(path: &Path, dir: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    real.starts_with(dir.canonicalize().ok()?).then_some(real)
}

#[cfg(test)]
mod tests;
