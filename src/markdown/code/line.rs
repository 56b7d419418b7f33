//! Highlighting of one line after another, within a budget.

use std::sync::Arc;

use syntect::parsing::{BasicScopeStackOp, ParseState, ScopeStack};

use super::{
    grammars::Grammar,
    spans::SpanWriter,
    token_class::{self, TokenClass},
};

/// How much highlighting may cost.
pub struct Budget<'a> {
    /// Longest line, bytes; a longer one is skipped and stays plain.
    pub line_bytes: usize,
    /// Asked before each line; once false, the rest stays plain.
    pub has_time: &'a mut dyn FnMut() -> bool,
}

/// Highlights successive lines of one file or block.
#[derive(Debug)]
pub(super) struct LineHighlighter {
    grammar: Arc<Grammar>,
    state: ParseState,
    scopes: ScopeStack,
    /// The class of each scope on the stack; a scope without one inherits that of its parent.
    classes: Vec<TokenClass>,
    /// Whether highlighting was given up: out of time, or the grammar failed.
    is_lost: bool,
}

impl LineHighlighter {
    pub(super) fn new(grammar: Arc<Grammar>) -> Self {
        Self {
            state: ParseState::new(grammar.syntax()),
            grammar,
            scopes: ScopeStack::new(),
            classes: Vec::new(),
            is_lost: false,
        }
    }

    /// Writes the tokens of one line, which includes its newline, to `spans`.
    pub(super) fn line(&mut self, line: &str, budget: &mut Budget<'_>, spans: &mut SpanWriter<'_>) {
        if self.is_lost || line.len() > budget.line_bytes {
            return;
        }
        let parsed = match (budget.has_time)() {
            true => self.state.parse_line(line, self.grammar.all()).ok(),
            false => None,
        };
        let Some(changes) = parsed else {
            self.is_lost = true;
            return;
        };
        let mut from = 0;
        for (at, change) in changes {
            let token = line.get(from..at).unwrap_or_default();
            spans.push(token.len(), self.class(token));
            from += token.len();
            let classes = &mut self.classes;
            let applied = self.scopes.apply_with_hook(&change, |change, _| match change {
                BasicScopeStackOp::Push(scope) => {
                    let parent = classes.last().copied().unwrap_or_default();
                    classes.push(token_class::of_scope(scope).unwrap_or(parent));
                }
                BasicScopeStackOp::Pop => drop(classes.pop()),
            });
            if applied.is_err() {
                self.is_lost = true;
                return;
            }
        }
        let token = line.get(from..).unwrap_or_default();
        spans.push(token.len(), self.class(token));
    }

    fn class(&self, token: &str) -> &'static str {
        self.classes.last().copied().unwrap_or_default().name(token)
    }
}
