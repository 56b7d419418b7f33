//! What the grammars' scopes mean to a reader: the few classes that have a colour.

use std::sync::LazyLock;

use syntect::parsing::Scope;

/// What a token is. Without a colour unless something says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Meaning {
    #[default]
    Plain,
    /// Of this class.
    Is(&'static str),
    /// A keyword where it is a word, such as `and`, and plain where it is a sign.
    Operator,
}

impl Meaning {
    /// The class of a token with this meaning, empty for none.
    pub(super) fn class(self, text: &str) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Is(class) => class,
            Self::Operator if text.contains(char::is_alphabetic) => "keyword",
            Self::Operator => "",
        }
    }
}

/// Scopes by how they begin. The first that fits counts, and a scope that is none of these means what
/// the one around it means: a quotation mark is a string's.
const MEANINGS: &[(&str, Meaning)] = &[
    ("comment", Meaning::Is("comment")),
    ("meta.diff.header", Meaning::Is("comment")),
    ("meta.diff.range", Meaning::Is("comment")),
    ("entity.name.section.diff", Meaning::Is("comment")),
    ("markup.inserted", Meaning::Is("added")),
    ("markup.deleted", Meaning::Is("removed")),
    // Code within a string is code.
    ("source", Meaning::Plain),
    ("text", Meaning::Plain),
    ("meta.group.expansion", Meaning::Plain),
    ("meta.interpolation", Meaning::Plain),
    ("meta.template.expression", Meaning::Plain),
    ("meta.embedded", Meaning::Plain),
    ("string", Meaning::Is("string")),
    ("constant.character", Meaning::Is("string")),
    ("markup.raw", Meaning::Is("string")),
    ("constant.numeric", Meaning::Is("number")),
    ("constant.other.datetime", Meaning::Is("number")),
    ("constant.language", Meaning::Is("keyword")),
    ("variable.language.star", Meaning::Plain),
    ("variable.language", Meaning::Is("keyword")),
    ("keyword.other.unit", Meaning::Is("number")),
    ("keyword.operator", Meaning::Operator),
    ("keyword", Meaning::Is("keyword")),
    ("storage.type.function.arrow", Meaning::Plain),
    ("storage.modifier.lifetime", Meaning::Plain),
    ("storage.modifier.conversion", Meaning::Plain),
    ("storage.type.go", Meaning::Is("type")),
    ("storage.type.string", Meaning::Is("string")),
    ("storage", Meaning::Is("keyword")),
    ("entity.name.function", Meaning::Is("function")),
    ("entity.name.macro", Meaning::Is("function")),
    ("entity.name.constant", Meaning::Plain),
    ("entity.name.tag", Meaning::Is("keyword")),
    ("entity.name.table", Meaning::Is("type")),
    ("entity.name.section", Meaning::Is("keyword")),
    ("entity.name.enum.tag-digest", Meaning::Plain),
    ("entity.name.label", Meaning::Plain),
    ("entity.name", Meaning::Is("type")),
    ("entity.other.attribute-name", Meaning::Is("type")),
    ("entity.other.pseudo-class", Meaning::Is("type")),
    ("entity.other.inherited-class", Meaning::Is("type")),
    ("support.function", Meaning::Is("function")),
    ("support.macro", Meaning::Is("function")),
    ("support.type", Meaning::Is("type")),
    ("support.class", Meaning::Is("type")),
    ("variable.function", Meaning::Is("function")),
    ("variable.annotation", Meaning::Is("function")),
    ("variable", Meaning::Plain),
    ("markup.heading", Meaning::Is("keyword")),
];

static SCOPES: LazyLock<Vec<(Scope, Meaning)>> = LazyLock::new(|| {
    let scope = |begin: &str| Scope::new(begin).ok();
    MEANINGS.iter().filter_map(|(begin, meaning)| Some((scope(begin)?, *meaning))).collect()
});

/// What a scope means by itself, if anything.
pub(super) fn meaning(scope: Scope) -> Option<Meaning> {
    let found = SCOPES.iter().find(|(begin, _)| begin.is_prefix_of(scope));
    found.map(|(_, meaning)| *meaning)
}
