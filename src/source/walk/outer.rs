//! Rules from outside a project: the ignore files of the directories above it, up to the root of its
//! repository, the exclude file of that repository, and the user's own.
//!
//! A confined process may read them only if it is let: [`rule_files`] names exactly these files.

mod git_config;

use std::{
    ffi::OsString,
    fs::File,
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    glob::GlobMatcher,
    ignore::{CandidatePath, FILE_BYTES, IgnoreLevel, IgnoreRules, OuterRules, POINTER_BYTES},
};

/// Looks up a variable of the environment.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl OuterRules {
    /// Reads the rules for the project at `root`, a path without links. Those above are none for a
    /// project that they ignore as a whole, since it was named on purpose.
    pub(super) fn read(root: &Path, variables: Variables<'_>, matcher: &mut GlobMatcher) -> Self {
        let global = excludes_file(variables).and_then(|path| rules(&path)).map(Arc::new);
        let Some(top) = repository_above(root) else {
            return Self { global, ..Self::default() };
        };
        let inside = root.strip_prefix(top).unwrap_or(Path::new(""));
        let mut level: Option<Arc<IgnoreLevel>> = None;
        let mut dir = top.to_owned();
        let mut depth = 0;
        for part in inside.iter() {
            let is_repository = depth == 0;
            let excluded = match is_repository {
                true => exclude_file(top).and_then(|path| rules(&path)),
                false => None,
            };
            let git = rules(&dir.join(".gitignore"));
            let of_user = global.clone().filter(|_| is_repository);
            let here = IgnoreLevel::outer(level, depth, git, excluded, of_user);
            dir.push(part);
            depth += part.len() + 1;
            let path = dir.strip_prefix(top).unwrap_or(Path::new("")).as_os_str().as_bytes();
            if here.ignores(CandidatePath { path, name: part.as_bytes(), is_dir: true }, matcher) {
                return Self { global, ..Self::default() };
            }
            level = Some(here);
        }
        let prefix = [inside.as_os_str().as_bytes(), b"/"].concat();
        Self { prefix, level, global }
    }
}

/// The files whose rules apply to the project at `root` from outside, and that exist.
pub(crate) fn rule_files(root: &Path, variables: Variables<'_>) -> Vec<PathBuf> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut files: Vec<PathBuf> = excludes_file(variables).into_iter().collect();
    if let Some(top) = repository_above(&root) {
        let above = root.ancestors().skip(1).take_while(|dir| dir.starts_with(top));
        files.extend(above.map(|dir| dir.join(".gitignore")));
        files.extend(exclude_file(top));
        let git = top.join(".git");
        files.extend(git.is_file().then_some(git));
    }
    files.retain(|file| file.is_file());
    files
}

/// The variables that tell git, and this module in a confined process, where the user's own rules are.
pub(crate) fn excludes_variables(variables: Variables<'_>) -> Vec<(OsString, OsString)> {
    let Some(path) = excludes_file(variables) else {
        return Vec::new();
    };
    vec![
        ("GIT_CONFIG_COUNT".into(), "1".into()),
        ("GIT_CONFIG_KEY_0".into(), "core.excludesFile".into()),
        ("GIT_CONFIG_VALUE_0".into(), path.into()),
    ]
}

/// The root of the repository that holds the project at `root`, if that is above it.
fn repository_above(root: &Path) -> Option<&Path> {
    let is_repository = |dir: &&Path| dir.join(".git").symlink_metadata().is_ok();
    root.ancestors().find(is_repository).filter(|top| *top != root)
}

/// The exclude file of the repository at `top`. In a submodule or a linked working tree, `.git` is a
/// file that points to the repository.
fn exclude_file(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let kind = git.symlink_metadata().ok()?.file_type();
    if kind.is_dir() {
        return Some(git.join("info/exclude"));
    }
    let read = |path: &Path| read(path, POINTER_BYTES);
    let path = |bytes: &[u8]| Some(PathBuf::from(std::str::from_utf8(bytes.trim_ascii()).ok()?));
    let pointer = read(&git)?;
    let place = top.join(path(pointer.strip_prefix(b"gitdir:")?)?);
    let common = read(&place.join("commondir")).and_then(|common| path(&common));
    Some(common.map_or(place.clone(), |common| place.join(common)).join("info/exclude"))
}

/// The file of the user's own rules, as git finds it: by the variables that stand for options, the
/// user's settings, those of the system, or at its usual place.
fn excludes_file(variables: Variables<'_>) -> Option<PathBuf> {
    let home = variables("HOME").map(PathBuf::from);
    let settings = variables("XDG_CONFIG_HOME").filter(|it| !it.is_empty()).map(PathBuf::from);
    let settings = settings.or_else(|| Some(home.as_ref()?.join(".config")));
    let named = git_config::of_variables(variables).or_else(|| {
        let own = match variables("GIT_CONFIG_GLOBAL") {
            Some(path) => vec![PathBuf::from(path)],
            None => [
                home.as_ref().map(|it| it.join(".gitconfig")),
                settings.as_ref().map(|it| it.join("git/config")),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        let system = variables("GIT_CONFIG_NOSYSTEM").is_none().then(|| "/etc/gitconfig".into());
        own.into_iter().chain(system).find_map(|path| {
            git_config::excludes_file(&String::from_utf8_lossy(&read(&path, FILE_BYTES)?))
        })
    });
    match named {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => Some(home?.join(rest)),
            None => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
        },
        None => Some(settings?.join("git/ignore")),
    }
}

fn rules(path: &Path) -> Option<IgnoreRules> {
    IgnoreRules::parse(read(path, FILE_BYTES)?)
}

/// The content of a plain file of `most` bytes at most. `None` if it is none, or cannot be read.
fn read(path: &Path, most: usize) -> Option<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok()?;
    if !found.is_file() || found.len() > most as u64 {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
