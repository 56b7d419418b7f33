//! The policy: decides on each tool call of an agent before it runs.
//!
//! One of several locks; it trusts neither the agent's own rules nor the model's prompt. Decisions resolve
//! symbolic links, so they block.

pub(crate) mod gate;
pub(crate) mod opening;
mod secrets;
mod web;

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use crate::{project::Roots, tools};

pub use secrets::{InvalidSecret, Secrets};

use gate::{Tree, TreeError};
pub(crate) use secrets::content::is_private_key as holds_private_key;

use secrets::content::HEAD_BYTES;

/// Directories of the kernel, whose entries are no plain files.
const KERNEL_DIRS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Characters that make a path component a pattern.
const PATTERN_CHARS: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The names of our own tool servers, whose tools are all read-only.
const OWN_SERVERS: [&str; 2] = ["features", tools::SERVER_NAME];

/// Why a tool call is refused, for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The tool is not on the list of reading tools.
    #[error("{0} is not available: this guide can only read")]
    Tool(String),
    /// The input does not fit the tool.
    #[error("the input of {0} could not be read")]
    Input(String),
    /// The path leaves the project.
    #[error("{0:?} is outside the project: only the project's files can be read")]
    Outside(String),
    /// The file may hold secrets.
    #[error("{0:?} may hold secrets and cannot be read")]
    Secret(String),
    /// What the file holds cannot be known.
    #[error("{0:?} cannot be read: {1}")]
    Unreadable(String, String),
    /// The path is no plain file or directory.
    #[error("{0:?} is not a plain file or directory")]
    Special(String),
    /// The project's directory cannot be read.
    #[error("the project's directory cannot be read: {0}")]
    Project(String),
    /// The URL is no public web page.
    #[error("{0:?} is not an address of a public web page")]
    Address(String),
}

/// What may be read in one project.
#[derive(Debug, Clone)]
pub struct Policy {
    roots: Roots,
    /// Files in them that may not be read.
    secrets: Secrets,
    /// Directory outside the project with the agent's own long tool results.
    results: Option<PathBuf>,
    /// Whether web tools are allowed.
    has_web: bool,
    #[cfg(feature = "faults")]
    is_unlocked: bool,
}

impl Policy {
    /// The policy of the project in `roots`.
    pub fn new(roots: impl Into<Roots>, secrets: Secrets) -> Self {
        Self {
            roots: roots.into(),
            secrets,
            results: None,
            has_web: true,
            #[cfg(feature = "faults")]
            is_unlocked: false,
        }
    }

    /// Allows reading the agent's own tool results in `dir`.
    pub fn with_results(mut self, dir: PathBuf) -> Self {
        self.results = Some(dir);
        self
    }

    /// Refuses web tools.
    pub fn without_web(self) -> Self {
        Self { has_web: false, ..self }
    }

    /// Allows every call, for tests of the other locks.
    #[cfg(feature = "faults")]
    pub fn unlocked(mut self) -> Self {
        self.is_unlocked = true;
        self
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Decides on a call of `tool` with the JSON `input`, by names alone: opens nothing. Gives the
    /// project's path of a file that may be read if its [content](Self::check_content) may.
    pub fn judge(&self, tool: &str, input: &str) -> Result<Option<String>, Refusal> {
        #[cfg(feature = "faults")]
        if self.is_unlocked {
            return Ok(None);
        }
        match tool {
            "Read" => self.judge_read(tool, input),
            "Glob" => self.judge_glob(tool, input).map(|()| None),
            "Grep" => self.judge_grep(tool, input),
            "WebFetch" if self.has_web => web::judge_fetch(tool, input).map(|()| None),
            "WebSearch" if self.has_web => Ok(None),
            _ if is_own_tool(tool) => Ok(None),
            _ => Err(Refusal::Tool(tool.to_owned())),
        }
    }

    /// Resolves a path of the project if it may be read: the root that it lies in, and its place
    /// there. In a group, it must lie in the member that it names.
    pub(crate) fn locate(&self, path: &str) -> Result<(PathBuf, PathBuf), Refusal> {
        let outside = || Refusal::Outside(path.to_owned());
        let roots = self.roots()?;
        let (root, inside) = roots.find(Path::new(path)).ok_or_else(outside)?;
        let inside = inside.to_str().ok_or_else(outside)?;
        let real = self.resolve_from(&root.dir, inside, path)?;
        let place = real.strip_prefix(&root.dir).map_err(|_| outside())?;
        Ok((root.dir.clone(), place.to_owned()))
    }

    /// Resolves a path as an agent's own tools do, from the first root, if it may be read.
    pub fn resolve(&self, path: &str) -> Result<PathBuf, Refusal> {
        self.resolve_from(self.roots()?.first(), path, path)
    }

    fn judge_read(&self, tool: &str, input: &str) -> Result<Option<String>, Refusal> {
        #[derive(Deserialize)]
        struct Input {
            file_path: String,
        }
        let Input { file_path } = parse(tool, input)?;
        let real = self.resolve(&file_path)?;
        self.unless_own_result(&real, file_path)
    }

    /// The project's path of a file whose content counts too: all but the agent's own results.
    fn unless_own_result(&self, real: &Path, path: String) -> Result<Option<String>, Refusal> {
        let roots = self.roots()?;
        let is_inside = roots.around(real).is_some();
        Ok(is_inside.then(|| match real.to_str() {
            Some(real) => roots.path_of(real).into_owned(),
            None => path,
        }))
    }

    /// Checks that the file at a path of the project holds no private key, whatever its name. Opens
    /// it.
    pub(crate) fn check_content(&self, path: &str) -> Result<(), Refusal> {
        let (root, inside) = self.locate(path)?;
        let tree = Tree::open(&root).map_err(|error| Refusal::Project(error.to_string()))?;
        match tree.read_start(&inside, HEAD_BYTES) {
            Ok(_) => Ok(()),
            Err(TreeError::Secret) => Err(Refusal::Secret(path.to_owned())),
            // The tool reports these itself.
            Err(TreeError::NotThere | TreeError::Directory | TreeError::NotPlain) => Ok(()),
            Err(error) => Err(Refusal::Unreadable(path.to_owned(), error.to_string())),
        }
    }

    fn judge_glob(&self, tool: &str, input: &str) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Input {
            pattern: String,
            path: Option<String>,
        }
        let input: Input = parse(tool, input)?;
        let base = match input.path.as_deref() {
            None | Some("") => self.roots()?.first().to_owned(),
            Some(path) => self.resolve(path)?,
        };
        self.judge_pattern(&base, &input.pattern)
    }

    fn judge_grep(&self, tool: &str, input: &str) -> Result<Option<String>, Refusal> {
        #[derive(Deserialize)]
        struct Input {
            path: Option<String>,
            glob: Option<String>,
        }
        let input: Input = parse(tool, input)?;
        let (base, file) = match input.path.filter(|path| !path.is_empty()) {
            None => (self.roots()?.first().to_owned(), None),
            Some(path) => {
                let real = self.resolve(&path)?;
                (real.clone(), self.unless_own_result(&real, path)?)
            }
        };
        if let Some(glob) = input.glob {
            self.judge_pattern(&base, &glob)?;
        }
        Ok(file)
    }

    /// Judges the part of a pattern before its first wildcard as a path, and refuses `..` anywhere.
    fn judge_pattern(&self, base: &Path, pattern: &str) -> Result<(), Refusal> {
        let outside = || Refusal::Outside(pattern.to_owned());
        let mut parts = pattern.split(['/', ',', '{', '}', '|', '(', ')']);
        if parts.any(|part| part.trim() == "..") {
            return Err(outside());
        }
        let wildcard = pattern.find(PATTERN_CHARS).unwrap_or(pattern.len());
        let (plain, wild) = pattern.split_at(wildcard);
        let hides_a_root = ["{/", ",/", "{~", ",~", "\\/", "[/"];
        if hides_a_root.iter().any(|start| wild.contains(start)) {
            return Err(outside());
        }
        let dir =
            if wild.is_empty() { plain } else { plain.rfind('/').map_or("", |end| &plain[..=end]) };
        match dir {
            "" => Ok(()),
            dir => self.resolve_from(base, dir, dir).map(|_| ()),
        }
    }

    /// Resolves `path` from `base`; `written` is how it was written.
    fn resolve_from(&self, base: &Path, path: &str, written: &str) -> Result<PathBuf, Refusal> {
        let outside = || Refusal::Outside(written.to_owned());
        if path.starts_with('~') || path.contains('\0') {
            return Err(outside());
        }
        let asked = base.join(path);
        let roots = self.roots()?;
        let real = real_path(&asked).ok_or_else(outside)?;
        if KERNEL_DIRS.iter().any(|dir| real.starts_with(dir)) {
            return Err(Refusal::Special(written.to_owned()));
        }
        let Some((_, inside)) = roots.around(&real) else {
            return if self.is_own_result(&real) { Ok(real) } else { Err(outside()) };
        };
        let by_name = roots.around(&asked).map_or(Path::new(""), |(_, inside)| inside);
        let found = fs::metadata(&real);
        let is_dir = found.as_ref().is_ok_and(fs::Metadata::is_dir);
        let is_secret = |path: &Path| match is_dir {
            true => self.secrets.matches_dir(path),
            false => self.secrets.matches(path),
        };
        if is_secret(inside) || is_secret(by_name) {
            return Err(Refusal::Secret(written.to_owned()));
        }
        match found {
            Ok(found) if !found.is_file() && !is_dir => Err(Refusal::Special(written.to_owned())),
            // The tool reports a missing file itself.
            Ok(_) | Err(_) => Ok(real),
        }
    }

    fn is_own_result(&self, real: &Path) -> bool {
        let results = self.results.as_deref().and_then(|dir| dir.canonicalize().ok());
        results.is_some_and(|results| real.starts_with(results))
    }

    /// The roots with all links resolved.
    fn roots(&self) -> Result<Roots, Refusal> {
        self.roots.resolved().map_err(|error| Refusal::Project(error.to_string()))
    }
}

/// Whether a tool belongs to one of our own servers, by the name that agents give it.
fn is_own_tool(tool: &str) -> bool {
    let own = tool.strip_prefix("mcp__").and_then(|own| own.split_once("__"));
    own.is_some_and(|(server, _)| OWN_SERVERS.contains(&server))
}

fn parse<'a, T: Deserialize<'a>>(tool: &str, input: &'a str) -> Result<T, Refusal> {
    crate::json::read(input).map_err(|_| Refusal::Input(tool.to_owned()))
}

/// Resolves all symbolic links. If the path does not exist, its existing part is resolved and the rest
/// appended; `None` if the rest contains `..` or a link cannot be followed.
fn real_path(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut existing = path.to_owned();
    loop {
        match existing.canonicalize() {
            Ok(real) => {
                return Some(missing.iter().rev().fold(real, |real, part| real.join(part)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The target of a dangling link could appear anywhere.
                if existing.is_symlink() {
                    return None;
                }
                match existing.components().next_back()? {
                    Component::Normal(part) => missing.push(part.to_owned()),
                    _ => return None,
                }
                existing.pop();
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests;
