//! The disk quota of an agent: watches the size of its directories, since the kernel limits single files only.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// Shortest and longest pause between two measurements.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// The pause is this many times as long as the measurement took.
const PAUSE_FACTOR: u32 = 20;

/// What an agent may keep on disk.
#[derive(Debug, Clone, Copy)]
pub(in crate::agent) struct DiskQuota {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Directory entries of any kind.
    pub files: usize,
}

/// Measures an agent's directories until it is reaped. Calls `kill` when they exceed the quota, and
/// returns the reason for a person.
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
        pause = (since.elapsed() * PAUSE_FACTOR).clamp(PAUSE.0, PAUSE.1);
    }
}

/// Why these directories exceed the quota, for a person. Blocks, and stops reading at the quota.
pub(in crate::agent) fn excess(dirs: &[PathBuf], most: DiskQuota) -> Option<String> {
    let (mut bytes, mut files) = (0, 0);
    let mut open: Vec<PathBuf> = dirs.to_vec();
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => continue,
            // A directory that hides its content, by a long path or its mode.
            Err(error) => {
                let path = shown(&dir);
                return Some(ended(&format!(
                    "made a directory that cannot be read ({path}: {error})"
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
                    "created more than {most} files (advanced.limits.agent_files)"
                )));
            }
            if bytes > most.bytes {
                let most = bytesize::ByteSize(most.bytes).display().iec();
                return Some(ended(&format!("wrote more than {most} to disk (limits.agent_disk)")));
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
    format!("The agent {what} and was stopped. Its answer so far is kept. Ask again.")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::agent::remove_dir::remove_dir_all;

    const MOST: DiskQuota = DiskQuota { bytes: 1 << 20, files: 20 };

    fn seen(make: impl Fn(&Path)) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let words = excess(&[dir.path().to_owned(), dir.path().join("gone")], MOST);
        remove_dir_all(&dir.path().join("a")).unwrap();
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
}
