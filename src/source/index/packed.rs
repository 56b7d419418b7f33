//! Packed definitions: those of one file in one text, since an index keeps hundreds of thousands.

use std::sync::{Mutex, PoisonError};

use crate::source::document::Definition;

/// Separates the parts of a definition.
const PART: char = '\u{1f}';
/// Ends a definition.
const END: char = '\u{1e}';

/// Kinds of definitions that are told apart; further ones are called `item`.
const MAX_KINDS: usize = 200;

/// The definitions of one file, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct PackedDefinitions(Box<str>);

impl PackedDefinitions {
    pub(super) fn pack(definitions: &[Definition]) -> Self {
        let mut text = String::new();
        for it in definitions {
            for part in [it.kind, &*it.name, &it.line.to_string(), &*it.summary] {
                text.extend(part.chars().filter(|it| ![PART, END].contains(it)));
                text.push(PART);
            }
            text.push(END);
        }
        Self(text.into_boxed_str())
    }

    pub(super) fn unpack(&self) -> Vec<Definition> {
        self.0.split(END).filter_map(definition).collect()
    }

    /// The names alone.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(END).filter_map(|packed| packed.split(PART).nth(1))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.matches(END).count()
    }

    /// Memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

fn definition(packed: &str) -> Option<Definition> {
    let mut parts = packed.split(PART);
    Some(Definition {
        kind: kind(parts.next()?),
        name: parts.next()?.into(),
        line: parts.next()?.parse().ok()?,
        summary: parts.next()?.into(),
    })
}

/// The one copy of the name of a kind, for the time of the process.
fn kind(name: &str) -> &'static str {
    static KINDS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kind) = kinds.iter().find(|kind| **kind == name) {
        return kind;
    }
    if kinds.len() >= MAX_KINDS || name.len() > 40 {
        return "item";
    }
    let kind: &'static str = Box::leak(name.to_owned().into_boxed_str());
    kinds.push(kind);
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_unpacked_as_they_were() {
        let definition = |kind, name: &str, line, summary: &str| Definition {
            kind,
            name: name.into(),
            line,
            summary: summary.into(),
        };
        for definitions in [
            vec![],
            vec![definition("fn", "a", 1, "")],
            vec![
                definition("class", "Größe", 7, "A size, with: commas; and — dashes."),
                definition("heading", "", 4_000_000_000, "\"quoted\"\t"),
                definition("key", "a.b|c", 9, "x"),
            ],
        ] {
            let packed = PackedDefinitions::pack(&definitions);
            assert_eq!(packed.unpack(), definitions);
            assert_eq!(packed.len(), definitions.len());
            let names: Vec<&str> = definitions.iter().map(|it| &*it.name).collect();
            assert_eq!(packed.names().collect::<Vec<_>>(), names);
        }
        let odd = [definition("fn", "a\u{1e}b\u{1f}c", 1, "\u{1e}")];
        assert_eq!(&*PackedDefinitions::pack(&odd).unpack()[0].name, "abc");
    }
}
