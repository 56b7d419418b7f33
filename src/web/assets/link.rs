//! Puts the page's files together, so that a visit asks for few: the modules that a document begins
//! with become one script, its style sheets one sheet, and comments are dropped.
//!
//! A module becomes a function that returns what it exports, called once when its script runs.
//! A module that is loaded later becomes a script with those modules that the document does not begin
//! with; `$modules` holds each under its path, so there is never a second instance. Names and the order
//! of lines stay, and each module begins with its path.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    module::{Binding, Module},
    script::{self, SyntaxError},
    style,
};

/// Files by their path.
pub(super) type Files = BTreeMap<String, String>;

/// Files of the page that cannot be put together. Says where and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A file uses what is not known here.
    #[error("{path}: {error}")]
    Syntax {
        /// The file.
        path: String,
        /// Where, and what.
        #[source]
        error: SyntaxError,
    },
    /// A file asks for one that there is not.
    #[error("{path} asks for {missing}, which is missing")]
    MissingFile {
        /// The file.
        path: String,
        /// What it asks for.
        missing: String,
    },
    /// A module imports a name that the other does not export.
    #[error("{path} imports `{name}`, which {from} does not export")]
    MissingExport {
        /// The module that imports.
        path: String,
        /// The name.
        name: String,
        /// The module that it imports from.
        from: String,
    },
    /// Modules import each other.
    #[error("modules import each other in a circle: {}", .0.join(" → "))]
    Circle(Vec<String>),
    /// Two documents load the same module later.
    #[error("{path} is loaded later by two documents: {} and {}", .entries[0], .entries[1])]
    Shared {
        /// The module that is loaded later.
        path: String,
        /// The modules that the documents begin with.
        entries: [String; 2],
    },
    /// A document is not written as expected.
    #[error("{path}: {what}")]
    Document {
        /// The document.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// No document uses a file.
    #[error("no document uses {0}")]
    Unused(String),
}

/// The files as they are served: documents, one script and one style sheet for each, the scripts that
/// are loaded later, and everything else unchanged.
pub(super) fn link(files: &Files) -> Result<Files, LinkError> {
    let mut linked = Linked {
        files,
        modules: parse(files)?,
        output: Files::new(),
        used: BTreeSet::new(),
        entries: BTreeMap::new(),
    };
    for (path, text) in files {
        match path.rsplit_once('.') {
            Some((stem, "html")) => linked.document(path, stem, text)?,
            Some((_, "js" | "css")) => (),
            _ => drop(linked.output.insert(path.clone(), text.clone())),
        }
    }
    let is_linked = |path: &&String| path.ends_with(".js") || path.ends_with(".css");
    match files.keys().filter(is_linked).find(|path| !linked.used.contains(*path)) {
        Some(unused) => Err(LinkError::Unused(unused.clone())),
        None => Ok(linked.output),
    }
}

fn parse(files: &Files) -> Result<BTreeMap<&str, Module>, LinkError> {
    let scripts = files.iter().filter(|(path, _)| path.ends_with(".js"));
    scripts
        .map(|(path, source)| {
            let module = Module::parse(path, source)
                .map_err(|error| LinkError::Syntax { path: path.clone(), error })?;
            Ok((path.as_str(), module))
        })
        .collect()
}

struct Linked<'a> {
    files: &'a Files,
    modules: BTreeMap<&'a str, Module>,
    output: Files,
    used: BTreeSet<String>,
    /// The module that the document begins with for which a script was put together.
    entries: BTreeMap<String, String>,
}

/// What a document loads.
const LOADED: &str = "/assets/";
const STYLE: &str = r#"<link rel="stylesheet" href="/assets/"#;
const MODULE: &str = r#"<script type="module" src="/assets/"#;
const SCRIPT: &str = r#"<script src="/assets/"#;

impl Linked<'_> {
    /// Adds a document with what it loads. Each tag that loads something has a line of its own.
    fn document(&mut self, path: &str, stem: &str, text: &str) -> Result<(), LinkError> {
        let wrong = |what| LinkError::Document { path: path.to_owned(), what };
        let mut html = String::new();
        let (mut styles, mut entries) = (String::new(), 0);
        for line in text.lines() {
            if let Some((name, rest)) = loaded(line, STYLE) {
                let sheet = self.style(path, name)?;
                let sheet = match rest {
                    ">" => sheet,
                    r#" media="print">"# => format!("@media print {{\n{sheet}}}\n"),
                    _ => return Err(wrong("a style sheet has an unknown attribute")),
                };
                if styles.is_empty() {
                    html.push_str(&format!("  {STYLE}{stem}.css\">\n"));
                }
                styles.push_str(&sheet);
                continue;
            }
            if let Some((name, "></script>")) = loaded(line, MODULE) {
                entries += 1;
                self.entry(path, name)?;
            } else if let Some((name, "></script>")) = loaded(line, SCRIPT) {
                self.script(path, name)?;
            } else if line.contains("<script") || line.contains("stylesheet") {
                return Err(wrong("a script or style sheet is not written as the others"));
            }
            html.push_str(line);
            html.push('\n');
        }
        if entries > 1 || styles.is_empty() {
            return Err(wrong(
                "a document begins with one module at most and one style sheet at least",
            ));
        }
        self.output.insert(path.to_owned(), html);
        self.output.insert(format!("{stem}.css"), styles);
        Ok(())
    }

    fn source(&mut self, path: &str, wanted: &str) -> Result<&str, LinkError> {
        let missing =
            || LinkError::MissingFile { path: path.to_owned(), missing: wanted.to_owned() };
        let source = self.files.get(wanted).ok_or_else(missing)?;
        self.used.insert(wanted.to_owned());
        Ok(source)
    }

    fn style(&mut self, document: &str, name: &str) -> Result<String, LinkError> {
        let source = self.source(document, name)?;
        style::strip(source).map_err(|error| LinkError::Syntax { path: name.to_owned(), error })
    }

    /// A script that is no module.
    fn script(&mut self, document: &str, name: &str) -> Result<(), LinkError> {
        let source = self.source(document, name)?;
        let text = script::strip(source)
            .map_err(|error| LinkError::Syntax { path: name.to_owned(), error })?;
        self.output.insert(name.to_owned(), text);
        Ok(())
    }

    /// Adds the script of a document, and those that it loads later.
    fn entry(&mut self, document: &str, entry: &str) -> Result<(), LinkError> {
        self.source(document, entry)?;
        if entry.contains('/') {
            let what = "the module that a document begins with is not at the top";
            return Err(LinkError::Document { path: document.to_owned(), what });
        }
        let first = self.closure(entry)?;
        let head = "export const $modules = {};\n\
            export const $base = import.meta.url;\n\
            export const $load = (path) => ($modules[path] ? Promise.resolve($modules[path])\n  \
            : import(`./${path}`).then(() => $modules[path]));\n";
        self.add(entry, entry, head, &first)?;
        let mut waiting = self.loads(&first);
        let mut seen: BTreeSet<String> = first.iter().cloned().collect();
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let later: Vec<String> =
                self.closure(&path)?.into_iter().filter(|one| !first.contains(one)).collect();
            let up = "../".repeat(path.matches('/').count());
            let up = if up.is_empty() { "./" } else { &up };
            let head = format!("import {{ $base, $load, $modules }} from '{up}{entry}';\n");
            self.add(entry, &path, &head, &later)?;
            waiting.extend(self.loads(&later));
        }
        Ok(())
    }

    /// A module and all that it imports, each behind those that it imports itself.
    fn closure(&self, path: &str) -> Result<Vec<String>, LinkError> {
        let mut ordered = Vec::new();
        self.visit(path, &mut Vec::new(), &mut ordered)?;
        Ok(ordered)
    }

    fn visit(
        &self,
        path: &str,
        above: &mut Vec<String>,
        ordered: &mut Vec<String>,
    ) -> Result<(), LinkError> {
        if ordered.iter().any(|known| known == path) {
            return Ok(());
        }
        if let Some(begin) = above.iter().position(|known| known == path) {
            let mut circle = above.split_off(begin);
            circle.push(path.to_owned());
            return Err(LinkError::Circle(circle));
        }
        above.push(path.to_owned());
        for import in &self.module(path)?.imports {
            let imported = self.imported(path, &import.path)?;
            if let Binding::Names(names) = &import.binding {
                let missing = names.iter().find(|(name, _)| !imported.exports.contains(name));
                if let Some((name, _)) = missing {
                    return Err(LinkError::MissingExport {
                        path: path.to_owned(),
                        name: name.clone(),
                        from: import.path.clone(),
                    });
                }
            }
            self.visit(&import.path, above, ordered)?;
        }
        for later in &self.module(path)?.loads {
            self.imported(path, later)?;
        }
        above.pop();
        ordered.push(path.to_owned());
        Ok(())
    }

    fn module(&self, path: &str) -> Result<&Module, LinkError> {
        self.imported(path, path)
    }

    fn imported(&self, path: &str, wanted: &str) -> Result<&Module, LinkError> {
        self.modules.get(wanted).ok_or_else(|| LinkError::MissingFile {
            path: path.to_owned(),
            missing: wanted.to_owned(),
        })
    }

    /// What these modules load later.
    fn loads(&self, paths: &[String]) -> Vec<String> {
        let modules = paths.iter().filter_map(|path| self.modules.get(path.as_str()));
        modules.flat_map(|module| module.loads.iter().cloned()).collect()
    }

    /// Adds the script `path` with these modules.
    fn add(
        &mut self,
        entry: &str,
        path: &str,
        head: &str,
        modules: &[String],
    ) -> Result<(), LinkError> {
        let mut text = head.to_owned();
        for path in modules {
            self.used.insert(path.clone());
            let module = self.module(path)?;
            module.write(path, &mut text);
            for sheet in module.sheets.clone() {
                let text = self.style(path, &sheet)?;
                self.output.insert(sheet, text);
            }
        }
        self.output.insert(path.to_owned(), text);
        let other = self.entries.insert(path.to_owned(), entry.to_owned());
        if let Some(other) = other.filter(|other| other != entry) {
            let entries = [other, entry.to_owned()];
            return Err(LinkError::Shared { path: path.to_owned(), entries });
        }
        Ok(())
    }
}

/// The path behind `tag`, and the rest of the line.
fn loaded<'a>(line: &'a str, tag: &str) -> Option<(&'a str, &'a str)> {
    debug_assert!(tag.ends_with(LOADED), "all assets have one prefix");
    line.trim().strip_prefix(tag)?.split_once('"')
}

#[cfg(test)]
mod tests;
