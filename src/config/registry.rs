//! Project registry of the legacy system, a SQLite file that is only read.

use std::path::{Path, PathBuf};

use crate::{
    config::error::ConfigMistake,
    sqlite_readonly::{self, SqliteReadError},
};

/// The names and directories in the registry at `path`, by name.
pub(super) fn read(path: &Path) -> Result<Vec<(String, PathBuf)>, ConfigMistake> {
    rows(path).map_err(|source| ConfigMistake::Registry { path: path.to_owned(), source })
}

fn rows(path: &Path) -> Result<Vec<(String, PathBuf)>, SqliteReadError> {
    let connection = sqlite_readonly::open(path)?;
    let query = || -> rusqlite::Result<Vec<_>> {
        connection
            .prepare("SELECT name, path FROM projects ORDER BY name")?
            .query_map([], |row| Ok((row.get(0)?, PathBuf::from(row.get::<_, String>(1)?))))?
            .collect()
    };
    query().map_err(|source| SqliteReadError::Sqlite { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_of_the_legacy_system_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(
                "CREATE TABLE projects (name VARCHAR(50) NOT NULL, path VARCHAR NOT NULL,
                   created_at DATETIME NOT NULL, PRIMARY KEY (name));
                 INSERT INTO projects VALUES ('b', '/src/b', '2026-01-07 10:00:00.000000'),
                   ('a', '/src/a', '2026-01-07 10:00:00.000000');",
            )
            .unwrap();
        let expected = [("a".into(), "/src/a".into()), ("b".into(), "/src/b".into())];
        assert_eq!(read(&path).unwrap(), expected);
    }

    #[test]
    fn a_registry_that_is_not_there_is_an_error_that_names_the_key() {
        let error = read("/nowhere/registry.db".as_ref()).unwrap_err();
        assert!(error.to_string().contains("`discovery.registry`"), "{error}");
    }
}
