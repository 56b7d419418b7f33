//! Readings: the paths that a written reference may mean, the likeliest first. Pure code.

use super::{
    Form, WrittenReference, address,
    address::Remote,
    mention,
    script::starts_in,
    suffix::{self, Lines},
};
use crate::project::{Roots, roots};
use std::path::Path;

/// Readings of one reference.
const MOST: usize = 24;

/// A path that a reference may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// From the project's root, or absolute.
    pub path: String,
    pub lines: Option<Lines>,
    /// Whether a file of this name elsewhere in the project, or none at all, says something of it.
    pub is_likely: bool,
}

/// The paths that a reference may mean in the project in `roots` with these `remotes`.
pub(super) fn readings(
    written: &WrittenReference,
    roots: &Roots,
    remotes: &[Remote],
) -> Vec<Reading> {
    let WrittenReference { reference, text, form, .. } = written;
    let mut readings = Readings { roots, all: Vec::new() };
    if *form == Form::Link {
        let pages = address::paths_of_page(&reference.path, remotes);
        for path in &pages {
            readings.add(path, reference.lines(), false);
        }
        if address::parse_page(text).is_some() {
            return readings.all;
        }
    }
    readings.add(&reference.path, reference.lines(), true);
    let text = mention::unquoted(text);
    match form {
        // A target that looks encoded may be a name as it is.
        Form::Link => {
            for (path, lines) in suffix::splits(text).chain([(text, None)]) {
                readings.add(path, lines.or(reference.lines()).filter(|_| path != text), false);
            }
        }
        Form::Code => {
            for (path, lines) in suffix::splits(text) {
                readings.add(path, lines.or(reference.lines()), false);
            }
            let decoded = address::percent_decoded(&reference.path);
            readings.add(&decoded, reference.lines(), false);
            readings.add(text, None, false);
        }
        Form::Text => {
            let (path, _) = mention::split(text).unwrap_or((text, None));
            readings.add(path, reference.lines(), false);
            for start in starts_in(path) {
                readings.add(path.get(start..).unwrap_or_default(), reference.lines(), false);
            }
        }
    }
    readings.all
}

struct Readings<'a> {
    roots: &'a Roots,
    all: Vec<Reading>,
}

impl Readings<'_> {
    /// Adds a path and its variants: without what tools write before it, with `/` for `\`.
    fn add(&mut self, path: &str, lines: Option<Lines>, is_likely: bool) {
        let path = &*self.roots.path_of(path);
        self.push(path, lines, is_likely);
        if let Some((_, inside)) =
            roots::split(Path::new(path)).filter(|_| !self.names_a_root(path))
        {
            // `error:src/a.rs`, where no member of a group is meant.
            self.push(inside.to_str().unwrap_or_default(), lines, is_likely);
        }
        if path.contains('\\') {
            self.add(&path.replace('\\', "/"), lines, is_likely);
        }
        for start in ["/", "@", "a/", "b/"] {
            if let Some(rest) = path.strip_prefix(start) {
                let rest = rest.strip_prefix("./").unwrap_or(rest);
                let rest = self.roots.path_of(rest);
                self.push(&rest, lines, is_likely && start != "/");
            }
        }
    }

    fn names_a_root(&self, path: &str) -> bool {
        self.roots.is_group() && self.roots.find(Path::new(path)).is_some()
    }

    fn push(&mut self, path: &str, lines: Option<Lines>, is_likely: bool) {
        let is_known = self.all.iter().any(|it| it.path == path && it.lines == lines);
        if !path.is_empty() && !is_known && self.all.len() < MOST {
            self.all.push(Reading { path: path.to_owned(), lines, is_likely });
        }
    }
}
