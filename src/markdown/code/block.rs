//! A code block of an answer.

/// Names of terminal sessions: commands and what they print.
const CONSOLES: &[&str] = &["console", "shell-session", "sh-session", "shellsession", "terminal"];

/// Names of shells; a block of one that begins with a prompt is a terminal session.
const SHELLS: &[&str] = &["sh", "bash", "shell", "zsh"];

/// A fenced code block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CodeBlock {
    /// The language as the answer names it.
    pub language: String,
    /// The text between the fences.
    pub code: String,
}

impl CodeBlock {
    /// Whether this is `before`, or what it has grown to.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        self.language == before.language && self.code.starts_with(&before.code)
    }

    /// Whether the block is a terminal session.
    pub(super) fn is_console(&self) -> bool {
        let is_one_of =
            |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(&self.language));
        is_one_of(CONSOLES) || (is_one_of(SHELLS) && self.code.starts_with("$ "))
    }
}
