//! Verdicts: what a reference is worth, by what the project has. Pure code.
//!
//! Struck as wrong is only what claims a place: a path with a line, or a path in a directory that
//! exists. A name that is merely absent may be rightly said to be absent.

use std::path::Path;

use crate::project::{Roots, roots};

use super::{
    Citation, Doubt, Reference, WrittenReference,
    address::{self, Remote},
    mention,
    reading::{Reading, readings},
    suffix::Lines,
};

/// Candidates told for one reference.
const MAX_CANDIDATES: usize = 8;

/// What is at a path of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathState {
    /// A file with so many lines.
    Lines(u32),
    /// A file that is too large to count its lines.
    TooLarge,
    Directory,
    Missing,
    /// The path leads out of the project.
    Outside,
    /// It may not or cannot be read: why.
    Withheld(String),
}

/// The files whose path ends with some path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Namesakes {
    /// Those that may be shown.
    pub files: Vec<String>,
    /// Whether there are others, ignored or hidden.
    pub has_ignored: bool,
    /// Whether a limit kept some files from being looked at.
    pub is_cut: bool,
}

/// What a verdict needs to know of a project.
pub(crate) trait ProjectContents {
    fn roots(&self) -> &Roots;
    /// The repositories that the project's remotes are.
    fn remotes(&self) -> &[Remote];
    /// What is at a path from the project's root.
    fn at(&self, path: &str) -> PathState;
    /// The files at `path` below any directory.
    fn namesakes(&self, path: &str) -> Namesakes;
    /// The whole hash of the commit that a part of one means, if it means one.
    fn commit(&self, hash: &str) -> Option<String>;
}

/// The verdict on a reference; `None` if it says nothing of the project. `read` are the files that
/// the agent has seen; they decide between files of one name.
pub(crate) fn verdict(
    written: &WrittenReference,
    project: &impl ProjectContents,
    read: &[String],
) -> Option<Citation> {
    let written = &as_named(written, project.roots());
    let readings = readings(written, project.roots(), project.remotes());
    let states: Vec<PathState> = readings.iter().map(|it| project.at(&it.path)).collect();
    let exists = |state: &&PathState| matches!(state, PathState::Lines(_) | PathState::TooLarge);
    let case = Case { written, project, read };
    if let Some(at) = states.iter().position(|state| exists(&state)) {
        return Some(case.found(&readings.get(at)?.path, readings.get(at)?.lines, states.get(at)?));
    }
    if mention::is_hash(&written.reference.path) {
        // A word of these digits that means no commit says nothing.
        let commit = project.commit(&written.reference.path)?;
        return Some(Citation { found: true, commit: Some(commit), ..case.citation() });
    }
    if address::parse_page(&written.text).is_some() {
        // A page of another project, or of another branch.
        return None;
    }
    let likely = || readings.iter().zip(&states).filter(|(reading, _)| reading.is_likely);
    let may_be_elsewhere = mention::may_lack_its_directory(&written.reference.path)
        && !likely().any(|(_, state)| {
            matches!(state, PathState::Outside | PathState::Directory | PathState::Withheld(_))
        });
    let mut namesakes = Namesakes::default();
    if may_be_elsewhere {
        for (reading, _) in likely() {
            let Namesakes { files, has_ignored, is_cut } = project.namesakes(&reading.path);
            namesakes.has_ignored |= has_ignored;
            namesakes.is_cut |= is_cut;
            if namesakes.files.is_empty() {
                namesakes.files = files;
            }
        }
        if let Some(citation) = case.among(&namesakes) {
            return Some(citation);
        }
    }
    case.not_found(&readings, &states, &namesakes)
}

/// A reference that begins with the name of a member of the group can hardly be anything else.
fn as_named(written: &WrittenReference, roots: &Roots) -> WrittenReference {
    let path = &written.reference.path;
    let is_named = roots.is_group() && roots.find(Path::new(path)).is_some();
    let is_certain = written.is_certain || (is_named && mention::is_known_path(path));
    WrittenReference { is_certain, ..written.clone() }
}

struct Case<'a, P> {
    written: &'a WrittenReference,
    project: &'a P,
    read: &'a [String],
}

impl<P: ProjectContents> Case<'_, P> {
    fn citation(&self) -> Citation {
        Citation {
            reference: self.written.reference.clone(),
            file: None,
            found: false,
            why: None,
            doubt: None,
            candidates: Vec::new(),
            lines_in_name: false,
            read: false,
            commit: None,
            anchor: None,
        }
    }

    /// The file at `path` is meant.
    fn found(&self, path: &str, lines: Option<Lines>, state: &PathState) -> Citation {
        let why = match state {
            PathState::Lines(n_lines) => lines.and_then(|lines| line_error(lines, *n_lines)),
            _ => None,
        };
        let Reference { path: written, line, .. } = &self.written.reference;
        Citation {
            found: why.is_none(),
            why,
            file: (path != written).then(|| path.to_owned()),
            lines_in_name: line.is_some() && lines.is_none(),
            read: self.read.iter().any(|file| file == path),
            ..self.citation()
        }
    }

    fn doubted(&self, doubt: Doubt, why: impl Into<String>) -> Citation {
        Citation { doubt: Some(doubt), why: Some(why.into()), ..self.citation() }
    }

    /// The verdict where files of the name are elsewhere; `None` without any.
    fn among(&self, namesakes: &Namesakes) -> Option<Citation> {
        let lines = self.written.reference.lines();
        let fits = |path: &&String| match self.project.at(path) {
            PathState::Lines(n_lines) => lines.is_none_or(|it| line_error(it, n_lines).is_none()),
            state => state == PathState::TooLarge,
        };
        let ends_so = |file: &&String| {
            let path = self.written.reference.path.as_str();
            let path = path.strip_prefix("./").unwrap_or(path);
            file.strip_suffix(path)
                .is_some_and(|dirs| dirs.ends_with('/') || roots::is_prefix(dirs))
        };
        let only = |mut files: Vec<&String>| files.pop().filter(|_| files.is_empty()).cloned();
        let files: Vec<&String> = namesakes.files.iter().collect();
        let read: Vec<&String> = self.read.iter().filter(ends_so).collect();
        let is_sure = !namesakes.is_cut;
        let few = files.len() <= MAX_CANDIDATES;
        let meant = only(read).or_else(|| only(files.clone()).filter(|_| is_sure)).or_else(|| {
            only(files.iter().copied().filter(fits).collect()).filter(|_| is_sure && few)
        });
        if let Some(path) = meant {
            return match self.project.at(&path) {
                PathState::Withheld(why) => Some(self.doubted(Doubt::Unchecked, why)),
                state => Some(self.found(&path, lines, &state)),
            };
        }
        if files.is_empty() {
            return None;
        }
        let why = match files.len() {
            1 => "it may be this file".to_owned(),
            n_files => format!("it is ambiguous: {n_files} files have this name"),
        };
        let candidates = namesakes.files.iter().take(MAX_CANDIDATES).cloned().collect();
        Some(Citation { candidates, ..self.doubted(Doubt::Ambiguous, why) })
    }

    /// The verdict where no file of the name can be shown.
    fn not_found(
        &self,
        readings: &[Reading],
        states: &[PathState],
        namesakes: &Namesakes,
    ) -> Option<Citation> {
        let WrittenReference { reference, is_certain, .. } = self.written;
        let has_line = reference.line.is_some();
        let withheld = states.iter().find_map(|state| match state {
            PathState::Withheld(why) => Some(why),
            _ => None,
        });
        if let Some(why) = withheld {
            return (*is_certain).then(|| self.doubted(Doubt::Unchecked, why));
        }
        if states.contains(&PathState::Directory) {
            let why = "it is a directory, which has no lines".to_owned();
            return (has_line && *is_certain)
                .then(|| Citation { why: Some(why), ..self.citation() });
        }
        if states.first() == Some(&PathState::Outside) && !self.has_directory(readings) {
            return is_certain.then(|| self.doubted(Doubt::Absent, "it is not in the project"));
        }
        let claims_line = has_line && *is_certain && mention::is_like_a_file(&reference.path);
        let claims_place = claims_line || self.has_directory(readings);
        if !claims_place {
            let why = "there is no such file in the project";
            return is_certain.then(|| self.doubted(Doubt::Absent, why));
        }
        if namesakes.has_ignored {
            return Some(self.doubted(Doubt::Unchecked, "it is ignored or hidden"));
        }
        if namesakes.is_cut {
            let why = "the project has more files than can be looked at";
            return Some(self.doubted(Doubt::Unchecked, why));
        }
        Some(self.elsewhere())
    }

    /// A wrong path, with the files of its name elsewhere.
    fn elsewhere(&self) -> Citation {
        let path = self.written.reference.path.replace('\\', "/");
        let name = path.rsplit('/').next().unwrap_or_default();
        let files = match name == path {
            true => Vec::new(),
            false => self.project.namesakes(name).files,
        };
        let why = match files.as_slice() {
            [] => "there is no such file".to_owned(),
            [file] => format!("it is not at that path, but at {file}"),
            files => format!("it is not at that path; {} files have this name", files.len()),
        };
        let candidates = files.into_iter().take(MAX_CANDIDATES).collect();
        Citation { why: Some(why), candidates, ..self.citation() }
    }

    /// Whether a path of a known kind of file lies in a directory that exists.
    fn has_directory(&self, readings: &[Reading]) -> bool {
        let is_in_one = |reading: &Reading| {
            let (dir, _) = reading.path.rsplit_once('/').unwrap_or_default();
            !dir.is_empty() && self.project.at(dir) == PathState::Directory
        };
        mention::is_known_path(&self.written.reference.path) && readings.iter().any(is_in_one)
    }
}

/// Why lines do not exist in a file of `n_lines` lines.
fn line_error(Lines { first, last }: Lines, n_lines: u32) -> Option<String> {
    if first == 0 {
        return Some("lines are counted from 1".to_owned());
    }
    let noun = if n_lines == 1 { "line" } else { "lines" };
    (last.unwrap_or(first) > n_lines).then(|| format!("it has only {n_lines} {noun}"))
}
