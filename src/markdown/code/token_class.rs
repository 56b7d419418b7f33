//! Token classes: the few kinds of token that have a colour, by the scopes of the grammars.

use std::sync::LazyLock;

use syntect::parsing::Scope;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum TokenClass {
    #[default]
    Plain,
    Named(&'static str),
    /// A keyword if it is a word, such as `and`, else plain.
    Operator,
}

impl TokenClass {
    /// The CSS class of a token, empty for none.
    pub(super) fn name(self, token: &str) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Named(name) => name,
            Self::Operator if token.contains(char::is_alphabetic) => "keyword",
            Self::Operator => "",
        }
    }
}

/// Classes by prefixes of scopes. The first match counts. A scope without a match inherits the class
/// of its parent: a quotation mark belongs to its string.
const CLASSES: &[(&str, TokenClass)] = &[
    ("comment", TokenClass::Named("comment")),
    ("meta.diff.header", TokenClass::Named("comment")),
    ("meta.diff.range", TokenClass::Named("comment")),
    ("entity.name.section.diff", TokenClass::Named("comment")),
    ("markup.inserted", TokenClass::Named("added")),
    ("markup.deleted", TokenClass::Named("removed")),
    // Code within a string is code.
    ("source", TokenClass::Plain),
    ("text", TokenClass::Plain),
    ("meta.group.expansion", TokenClass::Plain),
    ("meta.interpolation", TokenClass::Plain),
    ("meta.template.expression", TokenClass::Plain),
    ("meta.embedded", TokenClass::Plain),
    ("string", TokenClass::Named("string")),
    ("constant.character", TokenClass::Named("string")),
    ("markup.raw", TokenClass::Named("string")),
    ("constant.numeric", TokenClass::Named("number")),
    ("constant.other.datetime", TokenClass::Named("number")),
    ("constant.language", TokenClass::Named("keyword")),
    ("variable.language.star", TokenClass::Plain),
    ("variable.language", TokenClass::Named("keyword")),
    ("keyword.other.unit", TokenClass::Named("number")),
    ("keyword.operator", TokenClass::Operator),
    ("keyword", TokenClass::Named("keyword")),
    ("storage.type.function.arrow", TokenClass::Plain),
    ("storage.modifier.lifetime", TokenClass::Plain),
    ("storage.modifier.conversion", TokenClass::Plain),
    ("storage.type.go", TokenClass::Named("type")),
    ("storage.type.string", TokenClass::Named("string")),
    ("storage", TokenClass::Named("keyword")),
    ("entity.name.function", TokenClass::Named("function")),
    ("entity.name.macro", TokenClass::Named("function")),
    ("entity.name.constant", TokenClass::Plain),
    ("entity.name.tag", TokenClass::Named("keyword")),
    ("entity.name.table", TokenClass::Named("type")),
    ("entity.name.section", TokenClass::Named("keyword")),
    ("entity.name.enum.tag-digest", TokenClass::Plain),
    ("entity.name.label", TokenClass::Plain),
    ("entity.name", TokenClass::Named("type")),
    ("entity.other.attribute-name", TokenClass::Named("type")),
    ("entity.other.pseudo-class", TokenClass::Named("type")),
    ("entity.other.inherited-class", TokenClass::Named("type")),
    ("support.function", TokenClass::Named("function")),
    ("support.macro", TokenClass::Named("function")),
    ("support.type", TokenClass::Named("type")),
    ("support.class", TokenClass::Named("type")),
    ("variable.function", TokenClass::Named("function")),
    ("variable.annotation", TokenClass::Named("function")),
    ("variable", TokenClass::Plain),
    ("markup.heading", TokenClass::Named("keyword")),
];

static SCOPES: LazyLock<Vec<(Scope, TokenClass)>> = LazyLock::new(|| {
    let scope = |prefix: &str| Scope::new(prefix).ok();
    CLASSES.iter().filter_map(|(prefix, class)| Some((scope(prefix)?, *class))).collect()
});

/// The class of a scope by itself, if it has one.
pub(super) fn of_scope(scope: Scope) -> Option<TokenClass> {
    let found = SCOPES.iter().find(|(prefix, _)| prefix.is_prefix_of(scope));
    found.map(|(_, class)| *class)
}
