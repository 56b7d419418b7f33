//! Read access to a legacy `assistant.db` that changes neither it nor anything beside it.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use time::{PrimitiveDateTime, format_description::BorrowedFormatItem, macros};

use crate::{
    database::{clock::timestamp, connection::BUSY_TIMEOUT},
    ids::ConversationId,
    sqlite_readonly::{optional_text, text},
};

use super::ImportError;

const TIME: &[BorrowedFormatItem<'static>] = macros::format_description!(
    version = 2,
    "[year]-[month]-[day][first [ ][T]][hour]:[minute]:[second][optional [.[subsecond]]]"
);

/// The first bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

pub(super) struct SourceDatabase {
    connection: Connection,
    path: PathBuf,
    _copy: Option<Copy>,
}

#[derive(Debug)]
pub(super) struct SourceConversation {
    pub(super) id: i64,
    pub(super) title: Option<String>,
    /// In the store's format, where the source tells.
    pub(super) created_at: Option<String>,
    /// In the store's format, where the source tells.
    pub(super) updated_at: Option<String>,
}

#[derive(Debug)]
pub(super) struct SourceMessage {
    pub(super) role: String,
    pub(super) content: String,
    /// In the store's format, where the source tells.
    pub(super) timestamp: Option<String>,
}

/// A private copy of a file that cannot be read in place, deleted when it is dropped.
struct Copy {
    directory: PathBuf,
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            log::warn!("cannot delete a temporary copy path={:?} error={error}", self.directory);
        }
    }
}

impl SourceDatabase {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let unreadable = |source| ImportError::Unreadable { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(unreadable)?;
        let may_have_journal = check_header(&path)?;
        // SQLite applies or undoes a journal in the file itself. A copy takes that, so that the
        // source stays as it is.
        let copy = match may_have_journal {
            true => Some(copy(&path).map_err(unreadable)?),
            false => None,
        };
        let (file, flags) = match &copy {
            Some(copy) => (copy.file(), OpenFlags::SQLITE_OPEN_READ_WRITE),
            None => (path.clone(), OpenFlags::SQLITE_OPEN_READ_ONLY),
        };
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // All reads see one moment of the source.
            connection.execute_batch("BEGIN")?;
            Ok(connection)
        };
        let source = Self {
            connection: connect()
                .map_err(|source| ImportError::Source { path: path.clone(), source })?,
            path,
            _copy: copy,
        };
        source.check()?;
        Ok(source)
    }

    /// The name by which the store remembers imports from this file.
    pub(super) fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn check(&self) -> Result<(), ImportError> {
        let tables: i64 = self.read(|connection| {
            connection.query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table'
                     AND name IN ('conversations', 'conversation_messages')",
                (),
                |row| row.get(0),
            )
        })?;
        if tables < 2 {
            return Err(self.not_a_source(
                "it lacks the tables conversations and conversation_messages".to_owned(),
            ));
        }
        let health: String = self.read(|connection| {
            connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        })?;
        if health != "ok" {
            return Err(self.not_a_source(format!("it is damaged ({health})")));
        }
        Ok(())
    }

    pub(super) fn conversations(&self) -> Result<Vec<SourceConversation>, ImportError> {
        self.read(|connection| {
            connection
                .prepare("SELECT id, title, created_at, updated_at FROM conversations ORDER BY id")?
                .query_map((), |row| {
                    Ok(SourceConversation {
                        id: row.get(0)?,
                        title: optional_text(row, 1)?,
                        created_at: time(optional_text(row, 2)?),
                        updated_at: time(optional_text(row, 3)?),
                    })
                })?
                .collect()
        })
    }

    /// The conversation's messages in their order.
    pub(super) fn messages(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<SourceMessage>, ImportError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT role, content, timestamp FROM conversation_messages
                     WHERE conversation_id = ?1 ORDER BY timestamp, id",
                )?
                .query_map([conversation], |row| {
                    Ok(SourceMessage {
                        role: text(row, 0)?,
                        content: text(row, 1)?,
                        timestamp: time(optional_text(row, 2)?),
                    })
                })?
                .collect()
        })
    }

    pub(super) fn messages_without_conversation(&self) -> Result<usize, ImportError> {
        let count: i64 = self.read(|connection| {
            connection.query_row(
                "SELECT count(*) FROM conversation_messages
                 WHERE conversation_id NOT IN (SELECT id FROM conversations)",
                (),
                |row| row.get(0),
            )
        })?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ImportError> {
        query(&self.connection)
            .map_err(|source| ImportError::Source { path: self.path.clone(), source })
    }

    fn not_a_source(&self, reason: String) -> ImportError {
        ImportError::NotAnOriginal { path: self.path.clone(), reason }
    }
}

/// Whether the file may have a journal beside it; an error when it is no database.
fn check_header(path: &Path) -> Result<bool, ImportError> {
    let mut header = [0; 20];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .or_else(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(error),
        })
        .map_err(|source| ImportError::Unreadable { path: path.to_owned(), source })?;
    if !header.starts_with(MAGIC) {
        return Err(ImportError::NotAnOriginal {
            path: path.to_owned(),
            reason: "it is no SQLite database".to_owned(),
        });
    }
    let uses_wal = header[18] == 2;
    let journal = fs::metadata(beside(path, "-journal"));
    Ok(uses_wal || journal.is_ok_and(|journal| journal.len() > 0))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Copy {
    fn file(&self) -> PathBuf {
        self.directory.join("assistant.db")
    }
}

fn copy(path: &Path) -> io::Result<Copy> {
    let directory = std::env::temp_dir().join(format!("cicerone-import-{}", uuid::Uuid::new_v4()));
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    let copy = Copy { directory };
    fs::copy(path, copy.file())?;
    for suffix in ["-journal", "-wal"] {
        match fs::copy(beside(path, suffix), beside(&copy.file(), suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(copy)
}

/// Converts a time, `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, to the store's format.
fn time(text: Option<String>) -> Option<String> {
    let parsed = PrimitiveDateTime::parse(text?.trim(), TIME).ok()?;
    Some(timestamp(parsed.assume_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_microseconds_and_gain_the_zone() {
        let told = |text: &str| time(Some(text.to_owned()));
        let expected = Some("2026-01-07T10:11:12.034500Z".to_owned());
        assert_eq!(told("2026-01-07 10:11:12.034500"), expected);
        assert_eq!(told("2026-01-07T10:11:12.0345"), expected);
        assert_eq!(told("2026-01-07 10:11:12").as_deref(), Some("2026-01-07T10:11:12.000000Z"));
        assert_eq!(told("yesterday"), None);
        assert_eq!(time(None), None);
    }
}
