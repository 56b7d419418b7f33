//! What an agent keeps on disk, in the directories that are its own: looked at while it lives, because
//! the kernel bounds single files only; and removed at its end, whatever it made of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, unlinkat},
    io::Errno,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use uuid::Uuid;

/// The directories are looked at this often, at most and at least.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// A look that takes longer than this part of the time between two is followed by a longer pause.
const SHARE: u32 = 20;

/// What an agent may keep.
#[derive(Debug, Clone, Copy)]
pub(in crate::agent) struct DiskQuota {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files, directories and everything else that has a name.
    pub files: usize,
}

/// Looks at an agent's directories until it is reaped. Ends it by `kill` when it keeps more than it
/// may, and gives the reason for a person.
pub(in crate::agent) async fn watch(
    dirs: Vec<PathBuf>,
    most: DiskQuota,
    mut reaped: watch::Receiver<bool>,
    kill: impl Fn(),
) -> Option<String> {
    let mut pause = PAUSE.0;
    loop {
        tokio::select! {
            _ = reaped.wait_for(|reaped| *reaped) => return None,
            () = sleep(pause) => (),
        }
        let since = Instant::now();
        let looked_at = dirs.clone();
        let look = tokio::task::spawn_blocking(move || excess(&looked_at, most));
        if let Ok(Some(words)) = look.await {
            kill();
            return Some(words);
        }
        pause = (since.elapsed() * SHARE).clamp(PAUSE.0, PAUSE.1);
    }
}

/// Why what is in these directories is too much, in words for a person. Blocks, and reads no more than
/// is allowed to be there.
fn excess(dirs: &[PathBuf], most: DiskQuota) -> Option<String> {
    let (mut bytes, mut files) = (0, 0);
    let mut open: Vec<PathBuf> = dirs.to_vec();
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => continue,
            // One that hides what it keeps, by its name's length or its mode.
            Err(error) => {
                let path = shown(&dir);
                return Some(ended(&format!(
                    "made a directory {path} that cannot be read: {error}"
                )));
            }
        };
        for entry in entries.flatten() {
            files += 1;
            if let Ok(found) = entry.metadata() {
                use std::os::unix::fs::MetadataExt as _;
                bytes += found.blocks() * 512;
                if found.is_dir() {
                    open.push(entry.path());
                }
            }
            if files > most.files {
                let most = most.files;
                return Some(ended(&format!(
                    "made more than the {most} files that it may have (advanced.limits.agent_files)"
                )));
            }
            if bytes > most.bytes {
                let most = bytesize::ByteSize(most.bytes).display().iec();
                return Some(ended(&format!(
                    "wrote more than the {most} of files that it may have (limits.agent_disk)"
                )));
            }
        }
    }
    None
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let end = text.floor_char_boundary(100);
    let more = if end < text.len() { "…" } else { "" };
    format!("{:?}{more}", text.get(..end).unwrap_or_default())
}

fn ended(what: &str) -> String {
    format!("The agent {what} and was ended; what it said until then is kept. Ask again.")
}

/// Removes a directory with all that is in it, however deep that is: what is in directories of it is
/// moved up, so that neither memory nor descriptors are needed for each level. Follows no link. Blocks.
pub(in crate::agent) fn clear(dir: &Path) -> io::Result<()> {
    let root = match open_dir(CWD, dir) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    // Nobody can have made such names before.
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

/// Opens a directory whose owner may have taken the right to from himself.
fn open_owned(at: &OwnedFd, name: &std::ffi::CStr) -> Result<OwnedFd, Errno> {
    chmodat(at, name, Mode::RWXU, AtFlags::empty())?;
    open_dir(at, name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const MOST: DiskQuota = DiskQuota { bytes: 1 << 20, files: 20 };

    fn seen(make: impl Fn(&Path)) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let words = excess(&[dir.path().to_owned(), dir.path().join("gone")], MOST);
        clear(&dir.path().join("a")).unwrap();
        words
    }

    #[test]
    fn p9_an_agent_keeps_so_many_files_and_bytes_wherever_they_are() {
        let write = |path: PathBuf, bytes: usize| fs::write(path, vec![1; bytes]).unwrap();
        assert_eq!(seen(|_| ()), None);
        assert_eq!(seen(|dir| (0..20).for_each(|it| write(dir.join(it.to_string()), 0))), None);
        type Make<'a> = &'a dyn Fn(&Path);
        let many: [(&str, Make<'_>); 4] = [
            ("advanced.limits.agent_files", &|dir| {
                (0..21).for_each(|it| write(dir.join(it.to_string()), 0))
            }),
            ("advanced.limits.agent_files", &|dir| {
                fs::create_dir_all(dir.join("a/".repeat(21))).unwrap();
            }),
            ("advanced.limits.agent_files", &|dir| {
                (0..21).for_each(|it| symlink("x", dir.join(it.to_string())).unwrap());
            }),
            ("limits.agent_disk", &|dir| {
                fs::create_dir_all(dir.join("a/b")).unwrap();
                (0..3).for_each(|it| write(dir.join("a/b").join(it.to_string()), 400_000));
            }),
        ];
        for (key, make) in many {
            let words = seen(make).unwrap();
            assert!(words.contains(key), "{words}");
        }
        // What says that it is large and is not, takes nothing.
        let sparse =
            |dir: &Path| fs::File::create(dir.join("a")).unwrap().set_len(1 << 40).unwrap();
        let dir = tempfile::tempdir().unwrap();
        sparse(dir.path());
        assert_eq!(excess(&[dir.path().to_owned()], MOST), None);
    }

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
        let words =
            excess(std::slice::from_ref(&own), DiskQuota { bytes: u64::MAX, files: 1 << 20 });
        assert!(words.unwrap().contains("cannot be read"), "its depth hides what is there");
        clear(&own).unwrap();
        assert!(!own.exists() && kept.join("file").exists());
        clear(&own).unwrap();
    }
}
