//! Identity: tells the directories of a project from others that have taken their places. Blocks.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{Project, Roots};

/// The directories of a project as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootsIdentity {
    /// All links resolved.
    pub(crate) roots: Roots,
    identities: Vec<DirectoryIdentity>,
}

impl RootsIdentity {
    /// Opens nothing, but blocks. The error comes with the directory that is gone.
    pub(crate) fn of(project: &Project) -> Result<Self, (PathBuf, io::Error)> {
        project.check_dirs().map_err(|(dir, error)| (dir.to_owned(), error))?;
        let first = || project.roots.first().to_owned();
        let roots = project.roots.resolved().map_err(|error| (first(), error))?;
        let identity =
            |dir: &Path| DirectoryIdentity::of(dir).map_err(|error| (dir.to_owned(), error));
        let identities = roots.dirs().map(identity).collect::<Result<_, _>>()?;
        Ok(Self { roots, identities })
    }
}

/// Tells a directory from another one that has taken its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DirectoryIdentity {
    device: u64,
    inode: u64,
    /// An inode's number is given again; its time of birth is not. Not every file system knows it.
    born: Option<SystemTime>,
}

impl DirectoryIdentity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let born = found.created().ok();
        Ok(Self { device: found.dev(), inode: found.ino(), born })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectName;

    #[test]
    fn a_directory_in_the_place_of_another_is_another() {
        let base = tempfile::tempdir().unwrap();
        let [one, two, link] = ["one", "two", "link"].map(|name| base.path().join(name));
        for dir in [&one, &two] {
            fs::create_dir(dir).unwrap();
        }
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let project = |dir: &Path| Project::new(ProjectName::mend("shop"), dir);
        let of = |dir: &Path| RootsIdentity::of(&project(dir)).unwrap();
        let (first, second) = (of(&one), of(&two));
        assert_eq!(of(&link), first);
        assert_ne!(first, second);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_eq!(of(&link), second);
        fs::rename(&one, base.path().join("old")).unwrap();
        fs::rename(&two, &one).unwrap();
        assert_ne!(of(&one), first);
        assert!(RootsIdentity::of(&project(&two)).is_err());
    }
}
