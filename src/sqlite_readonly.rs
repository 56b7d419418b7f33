//! Read-only access to SQLite files of other programs.
//!
//! Opening and reading changes neither the file nor any file beside it.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Row, limits::Limit, types::ValueRef};

/// How long a reader waits for another program's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest row or value that is read, in bytes. A longer one was made to use up memory.
const MAX_VALUE: i32 = 16 << 20;

/// Suffixes of the files that SQLite opens beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

#[derive(Debug, thiserror::Error)]
pub(crate) enum SqliteReadError {
    /// The operating system refuses the file.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite cannot read its content.
    #[error("cannot read the database {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Opens the database at `path` for reading only.
///
/// The difficult case is a database in WAL mode: a plain read-only connection would create its
/// `-shm` and `-wal` files. Where they exist they are used without writing. Where they do not,
/// everything is in the file itself, which is read as one that does not change. (A `-wal` file
/// without its `-shm` comes from copying and never from a crash: such a copy is read without its
/// `-wal`.)
pub(crate) fn open(path: &Path) -> Result<Connection, SqliteReadError> {
    let file_error = |source| SqliteReadError::File { path: path.to_owned(), source };
    let path = &path.canonicalize().map_err(file_error)?;
    check_plain(path)?;
    for suffix in BESIDE {
        check_plain(&beside(path, suffix))?;
    }
    let sqlite_error = |source| SqliteReadError::Sqlite { path: path.to_owned(), source };
    if !is_wal(path).map_err(file_error)? {
        return connect(path, "").map_err(sqlite_error);
    }
    if beside(path, "-shm").is_file() && beside(path, "-wal").is_file() {
        // The index may be stale, broken or another user's: the file alone is still good.
        if let Ok(connection) = connect(path, "?readonly_shm=1") {
            return Ok(connection);
        }
    }
    connect(path, "?immutable=1").map_err(sqlite_error)
}

/// Refuses what is not a plain file: SQLite would wait for a pipe for ever, and follow a link that
/// nobody checked.
fn check_plain(path: &Path) -> Result<(), SqliteReadError> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => Err(SqliteReadError::File {
            path: path.to_owned(),
            source: io::Error::other("it is not a regular file"),
        }),
        // SQLite itself reports a missing file.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn connect(path: &Path, options: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        // All links in the path are resolved: one that is there now was made since.
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("{}{options}", uri(path)), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    // The schema is another program's: it may call no function with side effects.
    connection.pragma_update(None, "trusted_schema", false)?;
    // The first read shows whether the file is a database.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Bytes 18 and 19 of the header are 2 in WAL mode. An empty file is a database without tables.
fn is_wal(path: &Path) -> io::Result<bool> {
    let mut header = Vec::with_capacity(20);
    File::open(path)?.take(20).read_to_end(&mut header)?;
    Ok(header.get(18..20) == Some(&[2, 2]))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// `path` as a `file:` URI, with every byte escaped that could end the path or begin an option.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// A text column. Bytes that are not UTF-8 become U+FFFD: SQLite stores any bytes as text.
pub(crate) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => row.get(column),
    }
}

/// A text column that may be null.
pub(crate) fn optional_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => text(row, column).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, time::SystemTime};

    use super::*;

    /// Every file of a directory with its time of change.
    fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
        let files = fs::read_dir(dir).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let changed = path.metadata().unwrap().modified().unwrap();
            (path.clone(), (changed, fs::read(path).unwrap()))
        });
        files.collect()
    }

    fn count(path: &Path) -> i64 {
        open(path).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn database(path: &Path, mode: &str) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode={mode}; CREATE TABLE t (a); INSERT INTO t VALUES (1);"
            ))
            .unwrap();
        connection
    }

    #[test]
    fn reading_leaves_no_trace_in_either_journal_mode() {
        for mode in ["delete", "wal"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a b?#%.db");
            drop(database(&path, mode));
            let before = snapshot(dir.path());
            assert_eq!(before.len(), 1);
            assert_eq!(count(&path), 1);
            assert_eq!(snapshot(dir.path()), before, "in mode {mode}");
        }
    }

    #[test]
    fn what_another_program_has_just_written_is_seen_while_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let writer = database(&path, "wal");
        let before = snapshot(dir.path());
        assert_eq!(before.len(), 3, "the writer holds -wal and -shm");
        assert_eq!(count(&path), 1);
        writer.execute("INSERT INTO t VALUES (2)", []).unwrap();
        assert_eq!(count(&path), 2);
    }

    #[test]
    fn the_journal_of_a_program_that_crashed_is_read_but_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let writer = database(&path, "wal");
        let crashed = tempfile::tempdir().unwrap();
        for name in ["f.db", "f.db-wal", "f.db-shm"] {
            fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
        }
        drop(writer);
        let before = snapshot(crashed.path());
        assert_eq!(count(&crashed.path().join("f.db")), 1);
        assert_eq!(snapshot(crashed.path()), before);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        assert!(matches!(open(&path), Err(SqliteReadError::File { .. })));
        assert!(matches!(open(dir.path()), Err(SqliteReadError::File { .. })));
        fs::write(&path, "no database, but long enough to look at its header").unwrap();
        assert!(matches!(open(&path), Err(SqliteReadError::Sqlite { .. })));
    }

    #[test]
    fn p10_what_stands_beside_a_database_and_is_no_plain_file_is_not_opened() {
        for suffix in BESIDE {
            for mode in ["delete", "wal"] {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("f.db");
                drop(database(&path, mode));
                let beside = beside(&path, suffix);
                let made = std::process::Command::new("mkfifo").arg(&beside).status().unwrap();
                assert!(made.success());
                assert!(open(&path).is_err(), "a pipe {suffix} in mode {mode}");
                fs::remove_file(&beside).unwrap();
                for target in ["/dev/zero", "/etc/passwd", "f.db", "nowhere"] {
                    std::os::unix::fs::symlink(target, &beside).unwrap();
                    assert!(open(&path).is_err(), "{suffix} to {target} in mode {mode}");
                    fs::remove_file(&beside).unwrap();
                }
                assert_eq!(count(&path), 1);
            }
        }
    }

    #[test]
    fn nothing_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        drop(database(&path, "wal"));
        let error = open(&path).unwrap().execute("INSERT INTO t VALUES (2)", []);
        assert!(error.is_err());
    }
}
