//! Configuration file: a TOML text as keys, values and the lines they stand on.

use std::path::Path;

use serde::Deserialize;
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::config::{
    error::ConfigMistake,
    keys::{NAMED, is_table},
};

/// One key of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileEntry {
    /// Tables and key, joined by dots; a key outside any table is alone.
    pub(super) path: String,
    pub(super) value: Value,
    /// The line, from 1.
    pub(super) line: usize,
}

/// Reads `text`, in the order of the lines. An empty table gives no entry, unless it is unknown: then
/// it is an entry itself, so that the mistake is reported.
pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<FileEntry>, ConfigMistake> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let table = DeTable::parse(text).and_then(|table| {
        let mut entries = Vec::new();
        add_entries(table.into_inner(), "", &line_of, &mut entries)?;
        entries.sort_by_key(|entry| entry.line);
        Ok(entries)
    });
    table.map_err(|error| ConfigMistake::Syntax {
        path: path.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}

fn add_entries(
    table: DeTable<'_>,
    within: &str,
    line_of: &impl Fn(usize) -> usize,
    entries: &mut Vec<FileEntry>,
) -> Result<(), toml::de::Error> {
    for (name, item) in table {
        let line = line_of(name.span().start);
        let path = format!("{within}{}", name.get_ref());
        match item.into_inner() {
            DeValue::Table(inner) if may_have_entries(&path, &inner) => {
                add_entries(inner, &format!("{path}."), line_of, entries)?;
            }
            value => {
                let value = ValueDeserializer::from(Spanned::new(0..0, value));
                entries.push(FileEntry { path, value: Value::deserialize(value)?, line });
            }
        }
    }
    Ok(())
}

/// Whether a table is more than a value.
fn may_have_entries(path: &str, table: &DeTable<'_>) -> bool {
    let is_in = |named: &str| path.strip_prefix(named).is_some_and(|rest| rest.starts_with('.'));
    is_table(path) || !(NAMED.iter().any(|it| is_in(it)) || table.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_with_their_lines_in_their_order() {
        let text = "[b]\nz = 1\n\na = \"x\"\n[a]\nq = [1]\n[b.c]\ny = 2\n";
        let entries = parse(text, "f".as_ref()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.path.as_str(), e.line)).collect();
        assert_eq!(seen, [("b.z", 2), ("b.a", 4), ("a.q", 6), ("b.c.y", 8)]);
        assert_eq!(entries[1].value, Value::from("x"));
    }

    #[test]
    fn an_empty_table_is_an_entry_only_if_it_is_unknown() {
        let text = "[limits]\n[advanced.socket]\n[socket]\n[projects]\n[limit]\n";
        let entries = parse(text, "f".as_ref()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.path.as_str(), e.line)).collect();
        assert_eq!(seen, [("limit", 5)]);
    }

    #[test]
    fn a_broken_file_is_refused_with_the_line() {
        let error = parse("[server]\nlisten = \n", "f.toml".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("f.toml:2: "), "{error}");
        let error = parse("[a]\nb = 1\nb = 2\n", "f.toml".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("f.toml:3: "), "{error}");
    }
}
