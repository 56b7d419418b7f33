//! The places that an answer cites, for programs and people that are shown a list of them. Pure.

use serde::Deserialize;

/// A place that an answer cites, as a frame tells of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShownPlace {
    path: String,
    /// If it differs from `path`.
    file: Option<String>,
    line: Option<u64>,
    end_line: Option<u64>,
    found: bool,
    /// The number is part of the name, and no line is meant.
    lines_in_name: bool,
    /// It is a commit and no file.
    commit: Option<String>,
}

impl ShownPlace {
    /// `path:line`, from the project's root.
    pub(crate) fn first_line(&self) -> String {
        let file = self.file.as_ref().unwrap_or(&self.path);
        match self.line.filter(|_| !self.lines_in_name) {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        }
    }

    /// `path:line-end_line`, from the project's root.
    pub(crate) fn lines(&self) -> String {
        let first = self.first_line();
        match (self.line.filter(|_| !self.lines_in_name), self.end_line) {
            (Some(line), Some(end)) if end > line => format!("{first}-{end}"),
            _ => first,
        }
    }
}

/// The files that were found, each place once as `label` writes it, in the order of the text.
pub(crate) fn places(cited: &[ShownPlace], label: fn(&ShownPlace) -> String) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for place in cited.iter().filter(|it| it.found && it.commit.is_none()).map(label) {
        if !place.is_empty() && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}
