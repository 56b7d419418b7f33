//! Removal of a directory tree that an agent may have made as deep or as closed as it liked.

use std::{io, path::Path};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, unlinkat},
    io::Errno,
};
use uuid::Uuid;

/// Removes a directory with its content. Moves the content of subdirectories up, so a deep tree needs
/// neither memory nor descriptors for each level. Follows no links. Blocks.
pub(super) fn remove_dir_all(dir: &Path) -> io::Result<()> {
    let root = match open_dir(CWD, dir) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    // Names that cannot exist yet.
    let name_of = Uuid::new_v4();
    let mut moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in Dir::read_from(&root)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_dots(name.to_bytes()) {
                continue;
            }
            is_empty = false;
            if entry.file_type() != FileType::Directory
                && unlinkat(&root, name, AtFlags::empty()) != Err(Errno::ISDIR)
            {
                continue;
            }
            let inner = open_owned(&root, name)?;
            for entry in Dir::read_from(&inner)? {
                let entry = entry?;
                let inside = entry.file_name();
                if is_dots(inside.to_bytes()) {
                    continue;
                }
                if entry.file_type() != FileType::Directory
                    && unlinkat(&inner, inside, AtFlags::empty()) != Err(Errno::ISDIR)
                {
                    continue;
                }
                moved += 1;
                let up = format!("{name_of}-{moved}");
                if renameat(&inner, inside, &root, up.as_str()) == Err(Errno::ACCESS) {
                    chmodat(&inner, inside, Mode::RWXU, AtFlags::empty())?;
                    renameat(&inner, inside, &root, up.as_str())?;
                }
            }
            unlinkat(&root, name, AtFlags::REMOVEDIR)?;
        }
        if is_empty {
            break;
        }
    }
    Ok(unlinkat(CWD, dir, AtFlags::REMOVEDIR)?)
}

fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

fn open_dir(at: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

/// Opens a directory that its owner may have closed to itself.
fn open_owned(at: &OwnedFd, name: &std::ffi::CStr) -> Result<OwnedFd, Errno> {
    chmodat(at, name, Mode::RWXU, AtFlags::empty())?;
    open_dir(at, name)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;
    use crate::agent::process::disk_quota::{DiskQuota, excess};

    #[test]
    fn a_directory_is_removed_however_deep_it_is_and_nothing_behind_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "").unwrap();
        let own = dir.path().join("own");
        fs::create_dir(&own).unwrap();
        symlink(&kept, own.join("link")).unwrap();
        let mut at = open_dir(CWD, &own).unwrap();
        for _ in 0..3_000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = open_dir(&at, "d").unwrap();
        }
        drop(at);
        fs::create_dir(own.join("closed")).unwrap();
        fs::create_dir(own.join("closed/inner")).unwrap();
        fs::set_permissions(own.join("closed"), fs::Permissions::from_mode(0o0)).unwrap();
        let quota = DiskQuota { bytes: u64::MAX, files: 1 << 20 };
        let words = excess(std::slice::from_ref(&own), quota);
        assert!(words.unwrap().contains("cannot be read"), "its depth hides what is there");
        remove_dir_all(&own).unwrap();
        assert!(!own.exists() && kept.join("file").exists());
        remove_dir_all(&own).unwrap();
    }
}
