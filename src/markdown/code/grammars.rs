//! Languages by the names that answers and files give them, and their grammars.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Once},
};

use syntect::parsing::{ParseState, SyntaxReference, SyntaxSet};

use super::CodeBlock;

/// Names that the grammars do not have, and those of theirs that they stand for.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("cjs", "js"),
    ("csharp", "cs"),
    ("docker", "dockerfile"),
    ("fsharp", "f#"),
    ("golang", "go"),
    // The grammar of this name goes in circles at `x /*`; that of the files does not.
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
    // The grammars of these two go in circles at some code.
    ("sbt", "java"),
    ("scala", "java"),
    ("shell", "sh"),
    ("sqlite", "sql"),
    ("sqlite3", "sql"),
    ("svelte", "html"),
];

/// The grammar that knows nothing.
const PLAIN: &str = "Plain Text";

/// Names of what stands in a terminal: commands, and what they print.
const CONSOLES: &[&str] = &["console", "shell-session", "sh-session", "shellsession", "terminal"];

/// Names of shells, in which a first line may begin with a prompt all the same.
const SHELLS: &[&str] = &["sh", "bash", "shell", "zsh"];

/// Languages whose grammars are kept: with all that was compiled for it, one takes a few MB.
const KEPT: usize = 8;

/// Grammars that are unpacked at once to learn the names in them.
const LEARNT_AT_ONCE: usize = 20;

static LEARNT: Once = Once::new();

/// The grammars of all languages. Those that were used last are kept with what was compiled for them,
/// and all goes with this.
pub struct Grammars {
    /// As they come: nothing of them is ever used.
    fresh: SyntaxSet,
    /// The one used last is last.
    used: Vec<Arc<Grammar>>,
}

/// The grammar of a language.
pub struct Grammar {
    /// All grammars, since code of other languages may stand within this one. Of each, only what is used
    /// is unpacked and compiled.
    all: SyntaxSet,
    /// Which of them it is.
    at: usize,
}

impl Default for Grammars {
    fn default() -> Self {
        let fresh = two_face::syntax::extra_newlines();
        LEARNT.call_once(|| learn_names(&fresh));
        Self { fresh, used: Vec::new() }
    }
}

/// The names of scopes stay for ever once they are met. They have to be met before anything is made that
/// goes again: where they stand in its midst, its memory can be used for something else but not be given
/// back.
fn learn_names(fresh: &SyntaxSet) {
    for from in (0..fresh.syntaxes().len()).step_by(LEARNT_AT_ONCE) {
        let some = fresh.clone();
        some.syntaxes().iter().skip(from).take(LEARNT_AT_ONCE).for_each(|syntax| {
            ParseState::new(syntax);
        });
    }
}

impl Grammars {
    /// The grammar that a block of code is read with; `None` where its language is not known.
    pub fn of_fence(&mut self, fence: &CodeBlock) -> Option<Arc<Grammar>> {
        let language = if is_console(fence) { "sh" } else { &fence.language };
        let at = self.named(language)?;
        Some(self.grammar(at))
    }

    /// The grammar of a file at `path`, whose first line may tell its language too.
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

    /// Where the grammar of a language is; `None` where there is none, and for plain text.
    fn named(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
        let name = other.map_or(name.as_str(), |(_, known)| known);
        let found = self
            .with_extension(name)
            .or_else(|| self.position(|syntax| syntax.name.eq_ignore_ascii_case(name)));
        found.filter(|at| Some(*at) != self.position(|syntax| syntax.name == PLAIN))
    }

    fn with_extension(&self, extension: &str) -> Option<usize> {
        self.position(|syntax| {
            syntax.file_extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// Of several, the last one counts.
    fn position(&self, is_it: impl Fn(&SyntaxReference) -> bool) -> Option<usize> {
        self.fresh.syntaxes().iter().rposition(is_it)
    }

    fn grammar(&mut self, at: usize) -> Arc<Grammar> {
        let known = self.used.iter().position(|grammar| grammar.at == at);
        let grammar = match known {
            Some(known) => self.used.remove(known),
            None => Arc::new(Grammar { all: self.fresh.clone(), at }),
        };
        if self.used.len() >= KEPT {
            self.used.remove(0);
        }
        self.used.push(Arc::clone(&grammar));
        grammar
    }
}

impl Grammar {
    /// The language's name.
    pub fn name(&self) -> &str {
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

/// Whether code stands in a terminal.
pub(super) fn is_console(fence: &CodeBlock) -> bool {
    let is_one_of =
        |names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(&fence.language));
    is_one_of(CONSOLES) || (is_one_of(SHELLS) && fence.code.starts_with("$ "))
}

/// The program that a script names in its first line.
fn interpreter(first_line: &str) -> Option<&str> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let program = |path: &'_ str| path.rsplit('/').next().map(str::len);
    let first = words.next()?;
    let first = first.get(first.len() - program(first)?..)?;
    if first == "env" { words.find(|word| !word.starts_with('-')) } else { Some(first) }
}
