//! Ignore rules, with git's semantics: of one file, and of all files that apply to a directory.
//!
//! `.ignore` files take precedence over `.gitignore` files.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::policy::gate::{Tree, TreeError};

use super::{
    glob::{GlobMatcher, class_length},
    listing::SpecialEntries,
};

/// Longest ignore file, bytes. A longer one is skipped, as git skips one of 100 MiB.
pub(super) const FILE_BYTES: usize = 4 << 20;
/// Ignore files that apply to one directory, bytes together.
const ALL_BYTES: usize = 8 << 20;
/// Rules of one file. A file with more is skipped.
const MAX_RULES: usize = 100_000;
/// Longest rule with a wildcard, bytes. A longer one is skipped: no path is that long.
const RULE_BYTES: usize = 4096;
/// Longest `.git` or `commondir` file, bytes.
pub(super) const POINTER_BYTES: usize = 4096;

/// One line of an ignore file.
#[derive(Debug)]
struct Rule {
    /// The offset of its pattern in the file.
    start: u32,
    length: u32,
    /// Bytes of its pattern before the first wildcard.
    plain: u32,
    is_negated: bool,
    /// Whether it matches directories only.
    is_of_dirs: bool,
    /// Whether it matches names in any directory, not paths.
    is_of_names: bool,
    /// The bytes that every match has, see [`byte_set`].
    needs: u64,
}

/// The rules of one file.
#[derive(Debug, Default)]
pub(super) struct IgnoreRules {
    text: Vec<u8>,
    rules: Vec<Rule>,
    /// Rules without a wildcard, for names and for paths, each sorted by pattern.
    names: Vec<u32>,
    paths: Vec<u32>,
    /// Rules with a wildcard, in the order of the file.
    wild: Vec<u32>,
}

/// A path to check against the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct CandidatePath<'a> {
    /// Relative to the project's root, or to that of the repository in which the project lies.
    pub path: &'a [u8],
    /// The last component of the path.
    pub name: &'a [u8],
    pub is_dir: bool,
}

impl IgnoreRules {
    /// Parses an ignore file. `None` if it has no rules, or too many.
    pub(super) fn parse(text: Vec<u8>) -> Option<Self> {
        let mut rules = Self { text, ..Self::default() };
        let mut at = if rules.text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        while at < rules.text.len() {
            let rest = &rules.text[at..];
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            if let Some(rule) = rule(&rest[..end], at) {
                if rules.rules.len() >= MAX_RULES {
                    return None;
                }
                rules.rules.push(rule);
            }
            at += end + 1;
        }
        rules.sort();
        (!rules.rules.is_empty()).then_some(rules)
    }

    fn sort(&mut self) {
        for (number, rule) in (0_u32..).zip(&self.rules) {
            let list = match (rule.plain == rule.length, rule.is_of_names) {
                (true, true) => &mut self.names,
                (true, false) => &mut self.paths,
                (false, _) => &mut self.wild,
            };
            list.push(number);
        }
        let (rules, text) = (&self.rules, &self.text);
        for list in [&mut self.names, &mut self.paths] {
            list.sort_by_key(|number| (pattern(text, &rules[*number as usize]), *number));
        }
    }

    /// Whether the last matching rule ignores (`true`) or includes (`false`) the path. `path` is
    /// relative to the directory of the ignore file.
    fn verdict(
        &self,
        asked: CandidatePath<'_>,
        path: &[u8],
        matcher: &mut GlobMatcher,
    ) -> Option<bool> {
        let mut best = self.plain(&self.names, asked.name, asked.is_dir);
        best = best.max(self.plain(&self.paths, path, asked.is_dir));
        let (of_name, of_path) = (byte_set(asked.name), byte_set(path));
        for number in self.wild.iter().rev().copied() {
            if best.is_some_and(|best| best > number) || matcher.is_spent() {
                break;
            }
            let rule = &self.rules[number as usize];
            let (text, has) =
                if rule.is_of_names { (asked.name, of_name) } else { (path, of_path) };
            if rule.needs & !has != 0 || (rule.is_of_dirs && !asked.is_dir) {
                continue;
            }
            let (plain, wild) = pattern(&self.text, rule).split_at(rule.plain as usize);
            if text.strip_prefix(plain).is_some_and(|rest| matcher.matches(wild, rest)) {
                best = Some(number);
                break;
            }
        }
        best.map(|number| !self.rules[number as usize].is_negated)
    }

    /// The last rule of a sorted list whose pattern equals `text`.
    fn plain(&self, list: &[u32], text: &[u8], is_dir: bool) -> Option<u32> {
        let of = |number: &u32| pattern(&self.text, &self.rules[*number as usize]);
        let end = list.partition_point(|number| of(number) <= text);
        let same = list[..end].iter().rev().take_while(|number| of(number) == text);
        let fits = |number: &&u32| is_dir || !self.rules[**number as usize].is_of_dirs;
        same.copied().find(|number| fits(&number))
    }

    fn bytes(&self) -> usize {
        self.text.len()
    }
}

fn pattern<'a>(text: &'a [u8], rule: &Rule) -> &'a [u8] {
    &text[rule.start as usize..][..rule.length as usize]
}

/// Parses one line, which has the offset `at` in its file.
fn rule(line: &[u8], at: usize) -> Option<Rule> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line[0] == b'#' {
        return None;
    }
    let line = trimmed(line);
    let is_negated = line.first() == Some(&b'!');
    let mut start = usize::from(is_negated);
    let is_of_dirs = line[start..].len() > 1 && line.last() == Some(&b'/');
    let end = line.len() - usize::from(is_of_dirs);
    if start >= end {
        return None;
    }
    let is_of_names = !line[start..end].contains(&b'/');
    if line[start] == b'/' {
        start += 1;
    }
    let pattern = &line[start..end];
    let plain = pattern.iter().position(|byte| b"*?[\\".contains(byte)).unwrap_or(pattern.len());
    if plain < pattern.len() && pattern.len() > RULE_BYTES {
        return None;
    }
    Some(Rule {
        start: u32::try_from(at + start).ok()?,
        length: u32::try_from(pattern.len()).ok()?,
        plain: u32::try_from(plain).ok()?,
        is_negated,
        is_of_dirs,
        is_of_names,
        needs: needed(pattern),
    })
}

/// The line without trailing spaces, except those escaped by a backslash.
fn trimmed(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut at = 0;
    while at < line.len() {
        match line[at] {
            b' ' => at += 1,
            b'\\' if at + 1 == line.len() => return line,
            b'\\' => {
                at += 2;
                end = at;
            }
            _ => {
                at += 1;
                end = at;
            }
        }
    }
    &line[..end]
}

/// The bytes of a text as a set of 64 bits, where bytes share a bit.
fn byte_set(text: &[u8]) -> u64 {
    text.iter().fold(0, |bits, byte| bits | 1 << (byte & 63))
}

/// The bytes that every matching path has: those outside brackets and wildcards.
fn needed(pattern: &[u8]) -> u64 {
    let mut needs = 0;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            // An invalid pattern matches nothing: no path has all bits.
            b'[' => match class_length(&pattern[at..]) {
                Some(length) => at += length,
                None => return u64::MAX,
            },
            b'*' if pattern[at..].starts_with(b"**/") => at += 3,
            b'*' | b'?' => at += 1,
            b'\\' => {
                needs |= pattern.get(at + 1).map_or(0, |byte| 1 << (byte & 63));
                at += 2;
            }
            byte => {
                needs |= 1 << (byte & 63);
                at += 1;
            }
        }
    }
    needs
}

/// The ignore files that apply to a directory: its own and those above.
#[derive(Debug)]
pub(super) struct IgnoreLevel {
    above: Option<Arc<IgnoreLevel>>,
    /// Bytes of the directory's path, from the root of the outermost repository, with its slash.
    depth: usize,
    is_repository: bool,
    /// From `.ignore`.
    own: Option<IgnoreRules>,
    /// From `.gitignore`.
    git: Option<IgnoreRules>,
    /// From the repository's `info/exclude`.
    excluded: Option<IgnoreRules>,
    /// The user's own, where this is a repository.
    global: Option<Arc<IgnoreRules>>,
    /// Bytes of all these files.
    bytes: usize,
}

/// The rules that apply to a project from outside.
#[derive(Debug, Default)]
pub(super) struct OuterRules {
    /// The project's path within its repository, with a slash at its end; empty if it is its root.
    pub prefix: Vec<u8>,
    /// The rules of the directories above.
    pub level: Option<Arc<IgnoreLevel>>,
    /// The user's own, for every repository.
    pub global: Option<Arc<IgnoreRules>>,
}

impl IgnoreLevel {
    /// The level of the directory `dir`, given that of its parent. `root` is the project's path.
    pub(super) fn of(
        tree: &Tree,
        root: &Path,
        dir: &Path,
        special: SpecialEntries,
        above: Option<&Arc<Self>>,
        outer: &OuterRules,
    ) -> Option<Arc<Self>> {
        let SpecialEntries { has_git: is_repository, has_gitignore, has_ignore } = special;
        let mut bytes = above.map_or(0, |above| above.bytes);
        let mut read = |path: &Path| {
            let rules = rules(tree, path)?;
            bytes += rules.bytes();
            (bytes <= ALL_BYTES).then_some(rules)
        };
        let own = has_ignore.then(|| dir.join(".ignore")).and_then(|path| read(&path));
        let git = has_gitignore.then(|| dir.join(".gitignore")).and_then(|path| read(&path));
        let excluded = match is_repository {
            true => exclude_file(tree, root, dir).and_then(|path| read(&path)),
            false => None,
        };
        if own.is_none() && git.is_none() && !is_repository {
            return above.cloned();
        }
        let depth = match dir.as_os_str().len() {
            0 => 0,
            length => length + 1,
        };
        let depth = outer.prefix.len() + depth;
        let above = above.cloned();
        let global = outer.global.clone().filter(|_| is_repository);
        Some(Arc::new(Self { above, depth, is_repository, own, git, excluded, global, bytes }))
    }

    /// The level of a directory above the project. It is the root of the repository if `depth` is 0.
    pub(super) fn outer(
        above: Option<Arc<Self>>,
        depth: usize,
        git: Option<IgnoreRules>,
        excluded: Option<IgnoreRules>,
        global: Option<Arc<IgnoreRules>>,
    ) -> Arc<Self> {
        let own = [&git, &excluded].into_iter().flatten().map(IgnoreRules::bytes).sum::<usize>();
        let bytes = above.as_ref().map_or(0, |above| above.bytes) + own;
        let is_repository = depth == 0;
        Arc::new(Self { above, depth, is_repository, own: None, git, excluded, global, bytes })
    }

    /// Whether an entry of this directory is ignored.
    pub(super) fn ignores(&self, asked: CandidatePath<'_>, matcher: &mut GlobMatcher) -> bool {
        let verdict = |rules: &Option<IgnoreRules>, level: &Self, matcher: &mut GlobMatcher| {
            let path = asked.path.get(level.depth..)?;
            rules.as_ref()?.verdict(asked, path, matcher)
        };
        let mut levels = std::iter::successors(Some(self), |level| level.above.as_deref());
        if let Some(own) = levels.find_map(|level| verdict(&level.own, level, matcher)) {
            return own;
        }
        let mut levels = std::iter::successors(Some(self), |level| level.above.as_deref());
        // Ignore files above a repository do not apply within it.
        let mut is_above = false;
        let said = levels.find_map(|level| {
            if is_above {
                return None;
            }
            is_above = level.is_repository;
            let git = verdict(&level.git, level, matcher);
            git.or_else(|| verdict(&level.excluded, level, matcher))
        });
        let of_user = |level: &Self, matcher: &mut GlobMatcher| {
            let path = asked.path.get(level.depth..)?;
            level.global.as_ref()?.verdict(asked, path, matcher)
        };
        let mut levels = std::iter::successors(Some(self), |level| level.above.as_deref());
        let repository = levels.find(|level| level.is_repository);
        said.or_else(|| of_user(repository?, matcher)).unwrap_or(false)
    }
}

/// The rules of the file at `path`. A link, a special file, or a file that is too long has none.
fn rules(tree: &Tree, path: &Path) -> Option<IgnoreRules> {
    match tree.read(path, FILE_BYTES) {
        Ok(text) => IgnoreRules::parse(text),
        Err(TreeError::NotThere) => None,
        Err(why) => {
            log::debug!("cannot use an ignore file: {why}; path={}", path.display());
            None
        }
    }
}

/// The `info/exclude` file of the repository at `dir`, if it lies within the project. In a submodule or
/// a linked working tree, `.git` is a file that points to the repository.
fn exclude_file(tree: &Tree, root: &Path, dir: &Path) -> Option<PathBuf> {
    let git = dir.join(".git");
    let place = match tree.read_start(&git, POINTER_BYTES) {
        Err(TreeError::Directory) => git,
        Ok(pointer) => {
            let place = pointed(root, dir, pointer.strip_prefix(b"gitdir:")?)?;
            match tree.read_start(&place.join("commondir"), POINTER_BYTES) {
                Ok(common) => pointed(root, &place, &common)?,
                Err(_) => place,
            }
        }
        Err(_) => return None,
    };
    Some(place.join("info/exclude"))
}

/// The project path that `pointer`, read in the directory `from`, leads to.
fn pointed(root: &Path, from: &Path, pointer: &[u8]) -> Option<PathBuf> {
    let pointer = Path::new(std::str::from_utf8(pointer.trim_ascii()).ok()?);
    let whole = match pointer.is_absolute() {
        true => pointer.strip_prefix(root).ok()?.to_owned(),
        false => from.join(pointer),
    };
    let mut found = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::Normal(part) => found.push(part),
            Component::CurDir => (),
            Component::ParentDir => found.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(found)
}
