//! Grammars, looked up by the names of languages and files.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Once},
};

use syntect::parsing::{ParseState, SyntaxReference, SyntaxSet};

use super::block::CodeBlock;

/// Names of languages that the grammars do not have, with the name to use instead.
const ALIASES: &[(&str, &str)] = &[
    ("cjs", "js"),
    ("csharp", "cs"),
    ("docker", "dockerfile"),
    ("fsharp", "f#"),
    ("golang", "go"),
    // The grammar named `javascript` loops forever at `x /*`; the one for `.js` does not.
    ("javascript", "js"),
    ("json5", "json"),
    ("jsonc", "json"),
    ("jsonl", "json"),
    ("jsx", "tsx"),
    ("ksh", "sh"),
    ("mjs", "js"),
    ("mysql", "sql"),
    ("ndjson", "json"),
    ("node", "js"),
    ("objc", "m"),
    ("plpgsql", "sql"),
    ("postgres", "sql"),
    ("postgresql", "sql"),
    ("python3", "py"),
    // The grammars of these two loop forever at some code.
    ("sbt", "java"),
    ("scala", "java"),
    ("shell", "sh"),
    ("sqlite", "sql"),
    ("sqlite3", "sql"),
    ("svelte", "html"),
];

const PLAIN_TEXT: &str = "Plain Text";

/// Grammars kept in memory; one takes a few MB with all that was compiled for it.
const MAX_KEPT: usize = 8;

/// Grammars unpacked at a time by [`intern_scope_names`].
const INTERNED_AT_ONCE: usize = 20;

static INTERN: Once = Once::new();

/// The grammars of all languages. Keeps the last used ones compiled; dropping this frees everything.
pub struct Grammars {
    /// Never used for highlighting, so that nothing in it gets compiled.
    fresh: SyntaxSet,
    /// In the order of their last use, the latest last.
    used: Vec<Arc<Grammar>>,
}

/// The grammar of a language.
pub struct Grammar {
    /// All grammars, because code of other languages may be embedded. Only the used parts of each are
    /// unpacked and compiled.
    all: SyntaxSet,
    /// The position of this grammar in `all`.
    at: usize,
}

impl Default for Grammars {
    fn default() -> Self {
        let fresh = two_face::syntax::extra_newlines();
        INTERN.call_once(|| intern_scope_names(&fresh));
        Self { fresh, used: Vec::new() }
    }
}

/// Makes syntect intern the scope names of all grammars. Interned names are never freed. Allocated
/// later, between data that is freed again, they would keep the allocator from returning its memory
/// to the system.
fn intern_scope_names(fresh: &SyntaxSet) {
    for from in (0..fresh.syntaxes().len()).step_by(INTERNED_AT_ONCE) {
        let some = fresh.clone();
        some.syntaxes().iter().skip(from).take(INTERNED_AT_ONCE).for_each(|syntax| {
            ParseState::new(syntax);
        });
    }
}

impl Grammars {
    /// The grammar of a code block; `None` if its language is unknown.
    pub fn of_block(&mut self, block: &CodeBlock) -> Option<Arc<Grammar>> {
        let language = if block.is_console() { "sh" } else { &block.language };
        let at = self.named(language)?;
        Some(self.grammar(at))
    }

    /// The grammar of a file, by its path or the interpreter named in its first line.
    pub fn of_path(&mut self, path: &Path, first_line: &str) -> Option<Arc<Grammar>> {
        let file = path.file_name()?.to_str()?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let at = self
            .with_extension(file)
            .or_else(|| self.named(extension?))
            .or_else(|| self.with_extension(extension?))
            .or_else(|| self.named(interpreter(first_line)?))?;
        Some(self.grammar(at))
    }

    /// The position of a language's grammar; `None` if there is none, and for plain text.
    fn named(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let name = alias.map_or(name.as_str(), |(_, known)| known);
        let found = self
            .with_extension(name)
            .or_else(|| self.position(|syntax| syntax.name.eq_ignore_ascii_case(name)));
        found.filter(|at| Some(*at) != self.position(|syntax| syntax.name == PLAIN_TEXT))
    }

    fn with_extension(&self, extension: &str) -> Option<usize> {
        self.position(|syntax| {
            syntax.file_extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// The position of the last matching grammar.
    fn position(&self, matches: impl Fn(&SyntaxReference) -> bool) -> Option<usize> {
        self.fresh.syntaxes().iter().rposition(matches)
    }

    fn grammar(&mut self, at: usize) -> Arc<Grammar> {
        let known = self.used.iter().position(|grammar| grammar.at == at);
        let grammar = match known {
            Some(known) => self.used.remove(known),
            None => Arc::new(Grammar { all: self.fresh.clone(), at }),
        };
        if self.used.len() >= MAX_KEPT {
            self.used.remove(0);
        }
        self.used.push(Arc::clone(&grammar));
        grammar
    }
}

impl Grammar {
    pub(crate) fn name(&self) -> &str {
        &self.syntax().name
    }

    pub(super) fn syntax(&self) -> &SyntaxReference {
        self.all.syntaxes().get(self.at).unwrap_or_else(|| self.all.find_syntax_plain_text())
    }

    pub(super) fn all(&self) -> &SyntaxSet {
        &self.all
    }
}

impl fmt::Debug for Grammars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Grammars").field("used", &self.used).finish_non_exhaustive()
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Grammar").field(&self.name()).finish()
    }
}

/// The program in the `#!` line of a script.
fn interpreter(first_line: &str) -> Option<&str> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let program = |path: &'_ str| path.rsplit('/').next().map(str::len);
    let first = words.next()?;
    let first = first.get(first.len() - program(first)?..)?;
    if first == "env" { words.find(|word| !word.starts_with('-')) } else { Some(first) }
}
