//! The tokens of a script, without its comments.
//!
//! Knows as much of JavaScript as the page's own modules use. What it cannot tell apart for certain
//! is an error, never a guess.

/// Why a script or a style sheet cannot be read, and in which line, from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    pub(super) line: usize,
    pub(super) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword, a number, or the part of a number before or behind its point.
    Word,
    /// One character.
    Punctuator,
    /// A string, a regular expression, or a piece of a template, with what delimits it.
    Literal,
    /// Spaces, or a comment in one line.
    Space,
    /// The end of a line.
    LineEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodeToken<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// From 1.
    pub line: usize,
    /// How many brackets are open around it.
    pub depth: usize,
}

impl CodeToken<'_> {
    pub(super) fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::LineEnd)
    }
}

/// Words after which a slash begins a regular expression.
const BEFORE_REGEX: [&str; 14] = [
    "await",
    "case",
    "delete",
    "do",
    "else",
    "extends",
    "in",
    "instanceof",
    "of",
    "return",
    "throw",
    "typeof",
    "void",
    "yield",
];

/// Words whose condition in parentheses is followed by a statement.
const WITH_CONDITION: [&str; 4] = ["for", "if", "while", "with"];

const PUNCTUATORS: &[u8] = b"{}()[];,<>=+-*/%&|^!~?:.";

struct Bracket {
    /// `(`, `[`, `{`, or `$` for a value within a template.
    opener: u8,
    line: usize,
    /// Whether a statement follows what it encloses.
    is_condition: bool,
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<CodeToken<'a>>,
    open: Vec<Bracket>,
    /// Whether a statement follows the last `)`.
    after_condition: bool,
}

/// The tokens of `source`. A comment becomes a space, or the end of a line if it contains one.
pub(super) fn tokens(source: &str) -> Result<Vec<CodeToken<'_>>, SyntaxError> {
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        tokens: Vec::new(),
        open: Vec::new(),
        after_condition: false,
    };
    while lexer.at < source.len() {
        lexer.next()?;
    }
    match lexer.open.last() {
        Some(bracket) => Err(SyntaxError {
            line: bracket.line,
            what: format!("`{}` is never closed", char::from(bracket.opener)),
        }),
        None => Ok(lexer.tokens),
    }
}

/// The tokens of code, each with the spaces before it.
pub(super) fn with_spaces<'a>(
    tokens: &'a [CodeToken<'a>],
) -> Vec<(&'a [CodeToken<'a>], CodeToken<'a>)> {
    let mut found = Vec::new();
    let mut begin = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.is_code() {
            found.push((&tokens[begin..at], *token));
            begin = at + 1;
        }
    }
    found
}

/// Text without empty lines and without spaces at the end of a line.
#[derive(Debug, Default)]
pub(super) struct CodeLines {
    text: String,
    /// The line that has not ended. Several, if a template in it is.
    line: String,
}

impl CodeLines {
    pub(super) fn push(&mut self, kind: Kind, text: &str) {
        if kind == Kind::LineEnd {
            self.end_line();
        } else {
            self.line.push_str(text);
        }
    }

    fn end_line(&mut self) {
        let code = self.line.trim_end();
        if !code.is_empty() {
            self.text.push_str(code);
            self.text.push('\n');
        }
        self.line.clear();
    }

    pub(super) fn finish(mut self) -> String {
        self.end_line();
        self.text
    }
}

/// A script without comments.
pub(super) fn strip(source: &str) -> Result<String, SyntaxError> {
    let mut lines = CodeLines::default();
    tokens(source)?.iter().for_each(|token| lines.push(token.kind, token.text));
    Ok(lines.finish())
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let first = rest.as_bytes()[0];
        match first {
            b'\n' => self.push(Kind::LineEnd, 1),
            b' ' | b'\t' | b'\r' => {
                let length = rest.bytes().take_while(|byte| b" \t\r".contains(byte)).count();
                self.push(Kind::Space, length);
            }
            b'/' if rest.starts_with("//") => {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            }
            b'/' if rest.starts_with("/*") => self.block_comment()?,
            b'/' if self.begins_regex()? => {
                let length = self.regex_length()?;
                self.push(Kind::Literal, length);
            }
            b'\'' | b'"' => {
                let length = self.string_length()?;
                self.push(Kind::Literal, length);
            }
            b'`' => self.template(1)?,
            b'}' if self.open.last().is_some_and(|bracket| bracket.opener == b'$') => {
                self.open.pop();
                self.template(1)?;
            }
            _ if is_word(rest.chars().next().unwrap_or_default()) => {
                let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                self.push(Kind::Word, length);
            }
            _ if PUNCTUATORS.contains(&first) => self.punctuator(first)?,
            _ => {
                let letter = rest.chars().next().unwrap_or_default();
                return Err(self.error(format!("`{}` is unknown here", letter.escape_default())));
            }
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn error(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.line, what: what.into() }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = &self.rest()[..length];
        self.tokens.push(CodeToken { kind, text, line: self.line, depth: self.open.len() });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest()[..length].matches('\n').count();
        self.at += length;
    }

    fn block_comment(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let length = rest.find("*/").ok_or_else(|| self.error("the comment is never closed"))? + 2;
        // The end of a line can end a statement, and something must stand between two words.
        let (kind, text) =
            if rest[..length].contains('\n') { (Kind::LineEnd, "\n") } else { (Kind::Space, " ") };
        self.tokens.push(CodeToken { kind, text, line: self.line, depth: self.open.len() });
        self.skip(length);
        Ok(())
    }

    fn punctuator(&mut self, first: u8) -> Result<(), SyntaxError> {
        match first {
            b'(' | b'[' | b'{' => {
                let is_condition = first == b'('
                    && self.last_code(0).is_some_and(|word| WITH_CONDITION.contains(&word.text))
                    && self.last_code(1).is_none_or(|before| before.text != ".");
                self.push(Kind::Punctuator, 1);
                self.open.push(Bracket { opener: first, line: self.line, is_condition });
            }
            b')' | b']' | b'}' => {
                let opener = match first {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                let Some(bracket) = self.open.pop().filter(|open| open.opener == opener) else {
                    return Err(self.error(format!("`{}` closes nothing", char::from(first))));
                };
                self.after_condition = bracket.is_condition;
                self.push(Kind::Punctuator, 1);
            }
            _ => self.push(Kind::Punctuator, 1),
        }
        Ok(())
    }

    /// The last token of code, or with `back` one before it.
    fn last_code(&self, back: usize) -> Option<&CodeToken<'a>> {
        self.tokens.iter().rev().filter(|token| token.is_code()).nth(back)
    }

    /// Whether the slash that comes next begins a regular expression, not a division.
    fn begins_regex(&self) -> Result<bool, SyntaxError> {
        let Some(last) = self.last_code(0) else { return Ok(true) };
        let unclear = |what: &str| {
            Err(self
                .error(format!("cannot tell whether `/` after `{what}` divides; use parentheses")))
        };
        match (last.kind, last.text) {
            (Kind::Word, word) => {
                let is_name = self.last_code(1).is_some_and(|before| before.text == ".");
                Ok(BEFORE_REGEX.contains(&word) && !is_name)
            }
            (Kind::Literal, text) => Ok(text.ends_with("${")),
            (_, ")") => Ok(self.after_condition),
            (_, "]") => Ok(false),
            (_, "}") => unclear("}"),
            (_, ".") => unclear("."),
            (_, sign @ ("+" | "-")) if self.last_code(1).is_some_and(|it| it.text == sign) => {
                unclear(&sign.repeat(2))
            }
            _ => Ok(true),
        }
    }

    fn regex_length(&self) -> Result<usize, SyntaxError> {
        let rest = self.rest();
        let mut in_class = false;
        let mut letters = rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\n' => break,
                '\\' => drop(letters.next()),
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    let flags = rest[at + 1..].bytes().take_while(u8::is_ascii_alphabetic).count();
                    return Ok(at + 1 + flags);
                }
                _ => (),
            }
        }
        Err(self.error("the regular expression is never closed"))
    }

    fn string_length(&self) -> Result<usize, SyntaxError> {
        let rest = self.rest();
        let quote = rest.chars().next();
        let mut letters = rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\n' => break,
                '\\' => drop(letters.next()),
                _ if Some(letter) == quote => return Ok(at + 1),
                _ => (),
            }
        }
        Err(self.error("the string is never closed"))
    }

    /// A template from its beginning or from the end of a value in it, to the next value or its end.
    fn template(&mut self, begun: usize) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let mut letters = rest.char_indices().skip(begun);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => drop(letters.next()),
                '`' => {
                    self.push(Kind::Literal, at + 1);
                    return Ok(());
                }
                '$' if rest[at..].starts_with("${") => {
                    let line = self.line;
                    self.push(Kind::Literal, at + 2);
                    self.open.push(Bracket { opener: b'$', line, is_condition: false });
                    return Ok(());
                }
                _ => (),
            }
        }
        Err(self.error("the template is never closed"))
    }
}

/// `#` begins a private name.
fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '#')
}

#[cfg(test)]
mod tests;
