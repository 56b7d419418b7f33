//! Reads a configuration file into keys, values and the lines they stand on. Which keys exist and
//! what their values mean is not its matter.

use std::path::Path;

use serde::Deserialize;
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::config::ConfigError;

/// One key of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileEntry {
    /// Table and key, joined by a dot; a key outside any table is alone.
    pub path: String,
    /// Its value.
    pub value: Value,
    /// The line, from 1.
    pub line: usize,
}

/// Reads `text`, in the order of the lines. An empty table gives no entry, but an unknown empty
/// table would be a mistake nobody is told of, so it is an entry of its own.
pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<FileEntry>, ConfigError> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    };
    let table = DeTable::parse(text).map_err(syntax)?.into_inner();
    let mut entries = Vec::new();
    for (name, item) in table {
        let line = line_of(name.span().start);
        let name = name.into_inner();
        match item.into_inner() {
            DeValue::Table(inner) if !inner.is_empty() => {
                for (key, item) in inner {
                    entries.push(FileEntry {
                        path: format!("{name}.{}", key.get_ref()),
                        line: line_of(key.span().start),
                        value: value(item).map_err(syntax)?,
                    });
                }
            }
            DeValue::Table(_) if name == crate::config::catalogue::PROJECTS => (),
            other => entries.push(FileEntry {
                path: name.into_owned(),
                line,
                value: value(Spanned::new(0..0, other)).map_err(syntax)?,
            }),
        }
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn value(item: Spanned<DeValue<'_>>) -> Result<Value, toml::de::Error> {
    Value::deserialize(ValueDeserializer::from(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_with_their_lines_in_their_order() {
        let entries = parse("[b]\nz = 1\n\na = \"x\"\n[a]\nq = [1]\n", "f".as_ref()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.path.as_str(), e.line)).collect();
        assert_eq!(seen, [("b.z", 2), ("b.a", 4), ("a.q", 6)]);
        assert_eq!(entries[1].value, Value::from("x"));
    }

    #[test]
    fn a_broken_file_is_refused_with_the_line() {
        let error = parse("[server]\nlisten = \n", "f.toml".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("f.toml:2: "), "{error}");
        let error = parse("[a]\nb = 1\nb = 2\n", "f.toml".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("f.toml:3: "), "{error}");
    }
}
