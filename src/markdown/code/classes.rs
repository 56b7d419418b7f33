//! What the grammars' scopes mean to a reader: the few classes that have a colour.

use std::sync::LazyLock;

use syntect::parsing::Scope;

/// What a token is. Without a colour unless something says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum TokenClass {
    #[default]
    Plain,
    /// Of this class.
    Is(&'static str),
    /// A keyword where it is a word, such as `and`, and plain where it is a sign.
    Operator,
}

impl TokenClass {
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
const MEANINGS: &[(&str, TokenClass)] = &[
    ("comment", TokenClass::Is("comment")),
    ("meta.diff.header", TokenClass::Is("comment")),
    ("meta.diff.range", TokenClass::Is("comment")),
    ("entity.name.section.diff", TokenClass::Is("comment")),
    ("markup.inserted", TokenClass::Is("added")),
    ("markup.deleted", TokenClass::Is("removed")),
    // Code within a string is code.
    ("source", TokenClass::Plain),
    ("text", TokenClass::Plain),
    ("meta.group.expansion", TokenClass::Plain),
    ("meta.interpolation", TokenClass::Plain),
    ("meta.template.expression", TokenClass::Plain),
    ("meta.embedded", TokenClass::Plain),
    ("string", TokenClass::Is("string")),
    ("constant.character", TokenClass::Is("string")),
    ("markup.raw", TokenClass::Is("string")),
    ("constant.numeric", TokenClass::Is("number")),
    ("constant.other.datetime", TokenClass::Is("number")),
    ("constant.language", TokenClass::Is("keyword")),
    ("variable.language.star", TokenClass::Plain),
    ("variable.language", TokenClass::Is("keyword")),
    ("keyword.other.unit", TokenClass::Is("number")),
    ("keyword.operator", TokenClass::Operator),
    ("keyword", TokenClass::Is("keyword")),
    ("storage.type.function.arrow", TokenClass::Plain),
    ("storage.modifier.lifetime", TokenClass::Plain),
    ("storage.modifier.conversion", TokenClass::Plain),
    ("storage.type.go", TokenClass::Is("type")),
    ("storage.type.string", TokenClass::Is("string")),
    ("storage", TokenClass::Is("keyword")),
    ("entity.name.function", TokenClass::Is("function")),
    ("entity.name.macro", TokenClass::Is("function")),
    ("entity.name.constant", TokenClass::Plain),
    ("entity.name.tag", TokenClass::Is("keyword")),
    ("entity.name.table", TokenClass::Is("type")),
    ("entity.name.section", TokenClass::Is("keyword")),
    ("entity.name.enum.tag-digest", TokenClass::Plain),
    ("entity.name.label", TokenClass::Plain),
    ("entity.name", TokenClass::Is("type")),
    ("entity.other.attribute-name", TokenClass::Is("type")),
    ("entity.other.pseudo-class", TokenClass::Is("type")),
    ("entity.other.inherited-class", TokenClass::Is("type")),
    ("support.function", TokenClass::Is("function")),
    ("support.macro", TokenClass::Is("function")),
    ("support.type", TokenClass::Is("type")),
    ("support.class", TokenClass::Is("type")),
    ("variable.function", TokenClass::Is("function")),
    ("variable.annotation", TokenClass::Is("function")),
    ("variable", TokenClass::Plain),
    ("markup.heading", TokenClass::Is("keyword")),
];

static SCOPES: LazyLock<Vec<(Scope, TokenClass)>> = LazyLock::new(|| {
    let scope = |begin: &str| Scope::new(begin).ok();
    MEANINGS.iter().filter_map(|(begin, meaning)| Some((scope(begin)?, *meaning))).collect()
});

/// What a scope means by itself, if anything.
pub(super) fn meaning(scope: Scope) -> Option<TokenClass> {
    let found = SCOPES.iter().find(|(begin, _)| begin.is_prefix_of(scope));
    found.map(|(_, meaning)| *meaning)
}
