//! Where a repository keeps its data: in the project, or outside of it for a linked work tree and a
//! submodule. Data outside count only if they name the project as theirs.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{HistoryError, git_config};

/// Largest file that is read here, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// The directories of a repository's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitDir {
    /// With what is checked out.
    pub(crate) own: PathBuf,
    /// With the commits, which work trees share.
    pub(crate) common: PathBuf,
}

impl GitDir {
    /// Of the project in `dir`.
    pub(crate) fn of(dir: &Path) -> Result<Self, HistoryError> {
        let git = dir.join(".git");
        match fs::symlink_metadata(&git) {
            Ok(found) if found.is_dir() => return Ok(Self::whole(git)),
            // A link leads out of the project.
            Ok(_) => return outside(dir).ok_or(HistoryError::OutOfReach),
            Err(_) => (),
        }
        let is_bare = dir.join("HEAD").is_file()
            && ["objects", "refs"].iter().all(|name| dir.join(name).is_dir());
        if is_bare {
            return Ok(Self::whole(dir.to_owned()));
        }
        let has_outer = dir.ancestors().skip(1).any(|above| above.join(".git").exists());
        Err(if has_outer { HistoryError::OutOfReach } else { HistoryError::NoRepository })
    }

    fn whole(dir: PathBuf) -> Self {
        Self { own: dir.clone(), common: dir }
    }
}

/// The data outside of the project in `dir`, if it is a work tree or a submodule to which they belong: a
/// confined process may read them only if it is let. Blocks.
pub(crate) fn outside(dir: &Path) -> Option<GitDir> {
    let root = dir.canonicalize().ok()?;
    let pointer = text(&root.join(".git"))?;
    let own = root.join(pointer.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let Some(common) = text(&own.join("commondir")) else {
        // A submodule: its own settings name its work tree.
        let settings = text(&own.join("config"))?;
        let tree = git_config::values(&settings, "core", false, "worktree").pop()?;
        let is_its = own.join(tree).canonicalize().is_ok_and(|tree| tree == root);
        return is_its.then(|| GitDir::whole(own));
    };
    let common = own.join(common.trim()).canonicalize().ok()?;
    // Both sides name each other, so that a foreign `.git` opens nothing.
    let named = own.join(text(&own.join("gitdir"))?.trim()).canonicalize().ok()?;
    let is_its = named == root.join(".git") && own.parent() == Some(&common.join("worktrees"));
    is_its.then_some(GitDir { own, common })
}

/// The text of a small plain file.
fn text(path: &Path) -> Option<String> {
    // A pipe would be waited for.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = fs::File::options().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p10_a_pointer_that_is_not_returned_opens_nothing() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let (project, other) = (base.join("project"), base.join("other/.git"));
        let write = |path: PathBuf, text: String| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(other.join("config"), "[core]\n\tbare = false\n".to_owned());
        write(other.join("worktrees/its/commondir"), "../..\n".to_owned());
        write(other.join("worktrees/its/gitdir"), format!("{}/other-tree/.git\n", base.display()));
        // The project's own file may name what it likes, also a directory of its own.
        write(project.join("fake/commondir"), "../../other/.git\n".to_owned());
        write(project.join("fake/gitdir"), "../.git\n".to_owned());
        write(project.join("worktrees/fake/commondir"), "../../../other/.git\n".to_owned());
        write(project.join("worktrees/fake/gitdir"), "../../.git\n".to_owned());
        for pointer in [
            "gitdir: ../other/.git",
            "gitdir: ../other/.git/worktrees/its",
            "gitdir: fake",
            "gitdir: worktrees/fake",
            "gitdir: /nowhere",
            "gitdir: .",
            "gitdir:",
            "../other/.git",
            "",
        ] {
            write(project.join(".git"), pointer.to_owned());
            assert_eq!(outside(&project), None, "{pointer}");
        }
        // What names the project back is its own.
        write(other.join("worktrees/its/gitdir"), format!("{}/.git\n", project.display()));
        write(project.join(".git"), "gitdir: ../other/.git/worktrees/its\n".to_owned());
        let own = other.join("worktrees/its");
        assert_eq!(outside(&project), Some(GitDir { own, common: other.clone() }));
        write(other.join("config"), "[core]\n\tworktree = ../../project\n".to_owned());
        write(project.join(".git"), "gitdir: ../other/.git\n".to_owned());
        assert_eq!(outside(&project), Some(GitDir::whole(other)));
    }
}
