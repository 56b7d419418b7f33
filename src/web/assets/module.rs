//! A module of the page as a function: what it imports, exports and loads later, and its code.

use std::fmt::Write as _;

use super::script::{self, CodeLines, CodeToken, Kind, SyntaxError};

/// The names by which linked modules reach each other.
const RESERVED: [&str; 3] = ["$modules", "$load", "$base"];

/// What stands behind the path of a style sheet that a module loads: `new URL('./a.css', import.meta.url)`.
const AT_MODULE: [&str; 7] = [",", "import", ".", "meta", ".", "url", ")"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub imports: Vec<Import>,
    pub exports: Vec<String>,
    /// The modules that it loads later.
    pub loads: Vec<String>,
    /// The style sheets that it loads later.
    pub sheets: Vec<String>,
    /// Without comments, imports and the word `export`.
    code: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub path: String,
    pub binding: Binding,
}

/// What an import names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Binding {
    Nothing,
    Everything(String),
    /// Names as they are exported and as they are called here.
    Names(Vec<(String, String)>),
}

struct Parser<'a> {
    path: &'a str,
    /// Those that are code, with what stands before each.
    tokens: Vec<(&'a [CodeToken<'a>], CodeToken<'a>)>,
    at: usize,
    imports: Vec<Import>,
    exports: Vec<String>,
    loads: Vec<String>,
    sheets: Vec<String>,
    code: CodeLines,
    /// Whether code has begun, which stands behind all imports.
    has_code: bool,
    /// Whether the statement exports a constant.
    in_constant: bool,
}

impl Module {
    /// Reads the module at `path`. Fails at what is not known here.
    pub(super) fn parse(path: &str, source: &str) -> Result<Self, SyntaxError> {
        let tokens = script::tokens(source)?;
        let mut parser = Parser {
            path,
            tokens: script::with_spaces(&tokens),
            at: 0,
            imports: Vec::new(),
            exports: Vec::new(),
            loads: Vec::new(),
            sheets: Vec::new(),
            code: CodeLines::default(),
            has_code: false,
            in_constant: false,
        };
        while parser.at < parser.tokens.len() {
            parser.next()?;
        }
        let Parser { imports, exports, loads, sheets, code, .. } = parser;
        Ok(Self { imports, exports, loads, sheets, code: code.finish() })
    }

    /// Writes the module as a call that puts what it exports into `$modules`.
    pub(super) fn write(&self, path: &str, output: &mut String) {
        // Writing into a string does not fail.
        _ = writeln!(output, "// {path}\n$modules['{path}'] ??= (() => {{");
        for Import { path, binding } in &self.imports {
            let names = match binding {
                Binding::Nothing => continue,
                Binding::Everything(name) => name.clone(),
                Binding::Names(names) => {
                    let names = names.iter().map(|(exported, local)| {
                        if exported == local {
                            local.clone()
                        } else {
                            format!("{exported}: {local}")
                        }
                    });
                    format!("{{ {} }}", names.collect::<Vec<_>>().join(", "))
                }
            };
            _ = writeln!(output, "const {names} = $modules['{path}'];");
        }
        _ = writeln!(output, "{}return {{ {} }};\n}})();", self.code, self.exports.join(", "));
    }
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<(), SyntaxError> {
        let (_, token) = self.tokens[self.at];
        let is_behind = |text| self.at > 0 && self.tokens[self.at - 1].1.text == text;
        let is_before = |text| self.tokens.get(self.at + 1).is_some_and(|(_, it)| it.text == text);
        let is_member = is_behind(".") || (token.depth > 0 && is_before(":"));
        if token.kind == Kind::Word && !is_member {
            match token.text {
                "import" => return self.import(token),
                "export" => return self.export(token),
                "new" if self.sheet() => return Ok(()),
                "await" if token.depth == 0 => {
                    return Err(error(token, "a module cannot wait at its top"));
                }
                name if RESERVED.contains(&name) => {
                    return Err(error(token, format!("the name `{name}` is taken")));
                }
                _ => (),
            }
        }
        if self.in_constant && token.depth == 0 {
            match token.text {
                "," => return Err(error(token, "export one constant in a statement")),
                ";" => self.in_constant = false,
                _ => (),
            }
        }
        self.keep();
        Ok(())
    }

    /// Copies the next token with the space before it.
    fn keep(&mut self) {
        let (before, token) = self.tokens[self.at];
        before.iter().for_each(|space| self.code.push(space.kind, space.text));
        self.code.push(token.kind, token.text);
        self.has_code = true;
        self.at += 1;
    }

    /// Takes the next token if it is this one.
    fn take(&mut self, text: &str) -> bool {
        let is_next = self.tokens.get(self.at).is_some_and(|(_, token)| token.text == text);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self) -> Option<String> {
        let (_, token) = self.tokens.get(self.at)?;
        (token.kind == Kind::Word).then(|| {
            self.at += 1;
            token.text.to_owned()
        })
    }

    /// Takes a path, which is relative to this module, as one from the top.
    fn take_path(&mut self) -> Option<String> {
        let (_, token) = self.tokens.get(self.at)?;
        let text = token.text.strip_prefix('\'')?.strip_suffix('\'')?;
        let path = resolve(self.path, text)?;
        self.at += 1;
        Some(path)
    }

    fn import(&mut self, token: CodeToken<'a>) -> Result<(), SyntaxError> {
        let begin = self.at;
        self.at += 1;
        if self.take("(") {
            let path = self.take_path().filter(|_| self.take(")"));
            let path =
                path.ok_or_else(|| error(token, "load a module by `import('./path.js')`"))?;
            self.at = begin;
            self.tokens[begin].0.iter().for_each(|space| self.code.push(space.kind, space.text));
            self.code.push(Kind::Word, &format!("$load('{path}')"));
            self.at += 4;
            self.loads.push(path);
            self.has_code = true;
            return Ok(());
        }
        if token.depth > 0 || self.has_code {
            return Err(error(token, "an import stands at the top, before all code"));
        }
        let import = self.static_import().filter(|_| self.take(";"));
        let unknown = || {
            error(
                token,
                "write `import { a, b as c } from './path.js';`, `* as a`, or the path alone",
            )
        };
        self.imports.push(import.ok_or_else(unknown)?);
        Ok(())
    }

    /// Replaces the address of a style sheet, if one comes next.
    fn sheet(&mut self) -> bool {
        let begin = self.at;
        let found = (self.take("new") && self.take("URL") && self.take("("))
            .then(|| self.take_path())
            .flatten()
            .filter(|path| path.ends_with(".css") && AT_MODULE.iter().all(|text| self.take(text)));
        let Some(path) = found else {
            self.at = begin;
            return false;
        };
        self.tokens[begin].0.iter().for_each(|space| self.code.push(space.kind, space.text));
        self.code.push(Kind::Word, &format!("new URL('{path}', $base)"));
        self.sheets.push(path);
        self.has_code = true;
        true
    }

    fn static_import(&mut self) -> Option<Import> {
        let binding = if self.take("*") {
            let name = self.take("as").then(|| self.take_word())??;
            Binding::Everything(name)
        } else if self.take("{") {
            let mut names = Vec::new();
            while !self.take("}") {
                let exported = self.take_word()?;
                let local = if self.take("as") { self.take_word()? } else { exported.clone() };
                names.push((exported, local));
                if !self.take(",") {
                    self.take("}").then_some(())?;
                    break;
                }
            }
            Binding::Names(names)
        } else {
            let path = self.take_path()?;
            return Some(Import { path, binding: Binding::Nothing });
        };
        let path = self.take("from").then(|| self.take_path())??;
        Some(Import { path, binding })
    }

    /// Keeps what is exported, and notes its name.
    fn export(&mut self, token: CodeToken<'a>) -> Result<(), SyntaxError> {
        let unknown = || {
            error(
                token,
                "export a `const`, a `function` or a `class` where it is declared, at the top",
            )
        };
        if token.depth > 0 {
            return Err(unknown());
        }
        let (before, _) = self.tokens[self.at];
        before.iter().for_each(|space| self.code.push(space.kind, space.text));
        self.at += 1;
        let declared = self.at;
        self.take("async");
        let is_constant = self.at == declared && self.take("const");
        let is_known =
            is_constant || self.take("function") || (self.at == declared && self.take("class"));
        let name = is_known.then(|| self.take_word()).flatten().ok_or_else(unknown)?;
        let ends = if is_constant { &["="][..] } else { &["(", "{", "extends"] };
        if !self.tokens.get(self.at).is_some_and(|(_, token)| ends.contains(&token.text)) {
            return Err(unknown());
        }
        self.exports.push(name);
        self.in_constant = is_constant;
        // The space behind the word `export` goes with it.
        let (_, first) = self.tokens[declared];
        self.code.push(first.kind, first.text);
        let end = std::mem::replace(&mut self.at, declared + 1);
        while self.at < end {
            self.keep();
        }
        self.has_code = true;
        Ok(())
    }
}

fn error(token: CodeToken<'_>, what: impl Into<String>) -> SyntaxError {
    SyntaxError { line: token.line, what: what.into() }
}

/// The path from the top that `relative` leads to from the module `base`, or `None` if it leads out of the
/// page or is not written as `./` or `../`.
fn resolve(base: &str, relative: &str) -> Option<String> {
    let is_relative = relative.starts_with("./") || relative.starts_with("../");
    let mut names: Vec<&str> = base.split('/').collect();
    names.pop();
    for name in relative.split('/') {
        match name {
            "." => (),
            ".." => drop(names.pop()?),
            name if super::is_plain_name(name) && !name.is_empty() => names.push(name),
            _ => return None,
        }
    }
    is_relative.then(|| names.join("/"))
}

#[cfg(test)]
mod tests;
