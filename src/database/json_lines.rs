//! The whole store as JSON Lines, for other programs and for a new store: a head, each row, and an end.
//!
//! ```text
//! {"format":"cicerone-export","schema":8,"exported_at":"2026-01-07T10:00:00.000000Z"}
//! {"table":"conversations","row":{"id":1,"project":"shop",…}}
//! {"end":true,"rows":1}
//! ```
//!
//! Bytes are `{"base64":"…"}`. The index of the search is left out: the import builds it anew.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rusqlite::{
    Connection, params_from_iter,
    types::{Value, ValueRef},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{
    backup::{self, BackupError},
    clock::timestamp,
    connection,
    error::OpenError,
    integrity,
    lock::DirectoryLock,
    schema,
};

/// What the head names.
const FORMAT: &str = "cicerone-export";

/// SQLite's own table that keeps ids from being given again.
const SEQUENCES: &str = "sqlite_sequence";

/// Longest line, in bytes: an attachment with what stands around it.
const MAX_LINE: u64 = 64 << 20; // 64 MiB

/// Why nothing was imported. There is no store then, as before.
#[derive(Debug, thiserror::Error)]
pub enum JsonImportError {
    /// The file cannot be read, or the store not written.
    #[error("cannot use {path}: {source}")]
    Files {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a store already.
    #[error(
        "there is a database at {0} already, and an import makes a new one: move it away, or choose \
         another place with --data-dir"
    )]
    Exists(PathBuf),
    /// A line is not what an export writes.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A newer version has written it.
    #[error("a newer version of this program wrote it (schema {0}): import it with that version")]
    Newer(i64),
    /// The store that came out is not sound.
    #[error("what it holds does not fit together: {0}")]
    Unsound(String),
    /// SQLite failed.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    schema: i64,
    exported_at: String,
}

/// Any other line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ExportLine {
    Row { table: String, row: Map<String, Json> },
    End { end: bool, rows: u64 },
}

/// Writes the store at `database`, as it is at this moment, to the new file `target`, which only its owner can
/// read. Answers the number of rows. Blocks; a server's writes go on.
///
/// # Errors
/// As of a backup.
pub fn export(database: &Path, target: &Path) -> Result<u64, BackupError> {
    let connection = backup::connect(database)?;
    let file = backup::create(target)?;
    let written =
        write_all(&connection, file).and_then(|rows| backup::sync_to_disk(target).map(|_| rows));
    if written.is_err() {
        backup::remove_unfinished(target);
    }
    written.map_err(|source| BackupError::Target { path: target.to_owned(), source })
}

fn write_all(connection: &Connection, file: File) -> io::Result<u64> {
    let mut out = BufWriter::new(file);
    // One view of the store for all tables.
    let transaction = connection.unchecked_transaction().map_err(io::Error::other)?;
    let schema = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(io::Error::other)?;
    let exported_at = timestamp(OffsetDateTime::now_utc());
    write_line(&mut out, &Head { format: FORMAT.to_owned(), schema, exported_at })?;
    let mut rows = 0;
    for (table, columns) in tables(&transaction).map_err(io::Error::other)? {
        rows += write_table(&transaction, &table, &columns, &mut out)?;
    }
    write_line(&mut out, &json!({"end": true, "rows": rows}))?;
    out.flush()?;
    Ok(rows)
}

fn write_table(
    connection: &Connection,
    table: &str,
    columns: &[String],
    out: &mut impl Write,
) -> io::Result<u64> {
    let select = format!("SELECT {} FROM \"{table}\"", quoted(columns));
    let mut statement = connection.prepare(&select).map_err(io::Error::other)?;
    let mut rows = statement.query(()).map_err(io::Error::other)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(io::Error::other)? {
        let mut fields = Map::new();
        for (at, column) in columns.iter().enumerate() {
            let value = to_json(row.get_ref(at).map_err(io::Error::other)?)?;
            fields.insert(column.clone(), value);
        }
        write_line(out, &json!({"table": table, "row": fields}))?;
        count += 1;
    }
    Ok(count)
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The tables of the store with their columns, in the order in which they were made; without the index of the
/// search and its own tables.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let mut names = connection.prepare(
        "SELECT list.name FROM pragma_table_list AS list JOIN sqlite_schema USING (name)
         WHERE list.schema = 'main' AND list.type = 'table'
             AND (list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR list.name = ?1)
         ORDER BY sqlite_schema.rowid",
    )?;
    let names: Vec<String> =
        names.query_map([SEQUENCES], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let columns = |table: &String| -> rusqlite::Result<Vec<String>> {
        // Computed columns are hidden there.
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        columns.query_map([table], |row| row.get(0))?.collect()
    };
    names.into_iter().map(|table| Ok((table.clone(), columns(&table)?))).collect()
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn to_json(value: ValueRef<'_>) -> io::Result<Json> {
    Ok(match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => std::str::from_utf8(text).map_err(io::Error::other)?.into(),
        ValueRef::Blob(bytes) => json!({"base64": BASE64_STANDARD.encode(bytes)}),
    })
}

fn from_json(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Real(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text),
        Json::Object(mut bytes) => {
            Value::Blob(BASE64_STANDARD.decode(bytes.remove("base64")?.as_str()?).ok()?)
        }
        Json::Bool(_) | Json::Array(_) => return None,
    })
}

/// Makes a new store at `database` from an export, of this version or an earlier one. Answers the number of
/// rows. Blocks.
///
/// # Errors
/// See [`JsonImportError`].
pub fn import(export: &Path, database: &Path) -> Result<u64, JsonImportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| JsonImportError::Files { path, source }
    };
    let directory = connection::make_directory(database)?;
    let _lock = DirectoryLock::acquire(&directory)?;
    if database.exists() {
        return Err(JsonImportError::Exists(database.to_owned()));
    }
    let mut lines = Lines::of(File::open(export).map_err(failed(export))?);
    let new = database.with_extension("importing");
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    made.map_err(failed(&new))?;
    let outcome = fill(&mut lines, &new).and_then(|rows| {
        File::open(&new).and_then(|it| it.sync_all()).map_err(failed(&new))?;
        fs::rename(&new, database).map_err(failed(database))?;
        backup::sync_name(database).map_err(failed(&directory))?;
        Ok(rows)
    });
    if outcome.is_err() {
        backup::remove_unfinished(&new);
    }
    outcome
}

fn fill(lines: &mut Lines, new: &Path) -> Result<u64, JsonImportError> {
    let explain = |error: rusqlite::Error| JsonImportError::Open(connection::explain(new, error));
    let head: Head = lines.next()?.ok_or_else(|| lines.wrong("the file is empty"))?;
    if head.format != FORMAT || head.schema < 1 {
        return Err(lines.wrong("this is no export of this program"));
    }
    if head.schema > schema::VERSION {
        return Err(JsonImportError::Newer(head.schema));
    }
    let connection = Connection::open_with_flags(new, connection::flags()).map_err(explain)?;
    schema::migrate_to(&connection, head.schema).map_err(|error| connection::refuse(new, error))?;
    // Rows come table by table, and some refer to later ones; the check at the end tells what does not fit.
    connection.pragma_update(None, "foreign_keys", false).map_err(explain)?;
    let transaction = connection.unchecked_transaction().map_err(explain)?;
    let rows = insert_rows(lines, &transaction)?;
    transaction
        .execute("INSERT INTO search (search) VALUES ('rebuild')", ())
        .and_then(|_| transaction.commit())
        .map_err(explain)?;
    schema::migrate(&connection).map_err(|error| connection::refuse(new, error))?;
    let mut problems = integrity::of_file(&connection).map_err(explain)?;
    problems.extend(integrity::of_references(&connection).map_err(explain)?);
    match problems.into_iter().next() {
        None => Ok(rows),
        Some(problem) => Err(JsonImportError::Unsound(problem)),
    }
}

/// Inserts the rows of all lines up to the end, which must be there.
fn insert_rows(lines: &mut Lines, connection: &Connection) -> Result<u64, JsonImportError> {
    let known = tables(connection).map_err(|error| lines.wrong(&error.to_string()))?;
    let known: HashMap<String, Vec<String>> = known.into_iter().collect();
    let mut rows = 0;
    loop {
        match lines.next()? {
            Some(ExportLine::Row { table, row }) => {
                let Some(columns) = known.get(&table) else {
                    return Err(lines.wrong(&format!("there is no table `{table}`")));
                };
                insert(connection, &table, columns, row).map_err(|what| lines.wrong(&what))?;
                rows += 1;
            }
            Some(ExportLine::End { end: true, rows: all }) if all == rows => return Ok(rows),
            Some(ExportLine::End { rows: all, .. }) => {
                return Err(lines.wrong(&format!("{rows} rows came of {all}")));
            }
            None => return Err(lines.wrong("the file is cut off: its end is missing")),
        }
    }
}

/// Names come from the store, and never from the file.
fn insert(
    connection: &Connection,
    table: &str,
    columns: &[String],
    mut row: Map<String, Json>,
) -> Result<(), String> {
    let mut values = Vec::new();
    for column in columns {
        let value = row.remove(column).ok_or_else(|| format!("`{table}` lacks `{column}`"))?;
        values.push(from_json(value).ok_or_else(|| format!("`{column}` is no value of a store"))?);
    }
    if let Some(unknown) = row.keys().next() {
        return Err(format!("`{table}` has no `{unknown}`"));
    }
    if table == SEQUENCES {
        // SQLite has noted the ids of the rows before.
        connection
            .execute("DELETE FROM sqlite_sequence WHERE name = ?1", [&values[0]])
            .map_err(|error| error.to_string())?;
    }
    let places = vec!["?"; values.len()].join(", ");
    let insert = format!("INSERT INTO \"{table}\" ({}) VALUES ({places})", quoted(columns));
    let mut statement = connection.prepare_cached(&insert).map_err(|error| error.to_string())?;
    statement.execute(params_from_iter(values)).map(drop).map_err(|error| error.to_string())
}

/// The lines of an export.
struct Lines {
    source: BufReader<File>,
    number: u64,
}

impl Lines {
    fn of(file: File) -> Self {
        Self { source: BufReader::new(file), number: 0 }
    }

    fn wrong(&self, what: &str) -> JsonImportError {
        JsonImportError::Line { line: self.number.max(1), what: what.to_owned() }
    }

    /// The next line; `None` at the end of the file.
    fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, JsonImportError> {
        self.number += 1;
        let mut line = Vec::new();
        let mut bounded = io::Read::take(&mut self.source, MAX_LINE);
        bounded.read_until(b'\n', &mut line).map_err(|error| self.wrong(&error.to_string()))?;
        if line.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice(&line) {
            Ok(read) => Ok(Some(read)),
            Err(error) => Err(self.wrong(&format!("this is no line of an export: {error}"))),
        }
    }
}
