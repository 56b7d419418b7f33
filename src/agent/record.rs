//! Keeps what the server and an agent's process say to each other, one file a process. It never
//! delays an agent and fails none: what cannot be kept is left out.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::Instant,
};
use uuid::Uuid;

use super::directories::private_dir;
use crate::{
    mask::{Mask, names_secret},
    model::service::{SERVICE_VARIABLE, Service},
    recording::{Direction, Head, MAX_LINE_BYTES, RecordedLine},
};

/// Ends the names of recordings; nothing else in the directory is ever removed.
const SUFFIX: &str = ".recording.jsonl";

/// Largest recording, in bytes.
const FILE_BYTES: u64 = 32 << 20; // 32 MiB

/// All recordings together, in bytes, and their number.
const TOTAL_BYTES: u64 = 512 << 20; // 512 MiB
const FILES: usize = 1000;

/// Bytes after whose writing the directory is looked at again.
const PRUNE_EVERY: u64 = 4 << 20; // 4 MiB

/// Bytes, and lines, of one process that may wait to be written.
const WAITING_BYTES: usize = 8 << 20; // 8 MiB
const WAITING_LINES: usize = 4096;

/// Part of a file with a secret that is read, in bytes.
const SECRET_FILE_BYTES: u64 = 8 << 10; // 8 KiB

/// The directory of recordings. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Recordings {
    dir: Arc<Path>,
    /// Whether it was logged that something could not be kept.
    has_warned: Arc<AtomicBool>,
}

/// Takes the lines of one process. Cheap to clone; the file is complete once all clones are gone.
#[derive(Debug, Clone, Default)]
pub(super) struct LineRecorder(Option<Open>);

#[derive(Debug, Clone)]
struct Open {
    lines: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    started: Instant,
}

#[derive(Debug)]
struct Waiting {
    ms: u64,
    dir: Direction,
    line: String,
    _room: OwnedSemaphorePermit,
}

/// Where the secrets stand that a recording must not hold.
#[derive(Debug, Default)]
pub(super) struct SecretPlaces {
    /// Of the server and of the agent.
    pub environment: Vec<(OsString, OsString)>,
    /// Files of tokens and keys.
    pub files: Vec<PathBuf>,
}

/// A file that is being written.
#[derive(Debug)]
struct RecordingFile {
    file: fs::File,
    path: PathBuf,
    written: u64,
    /// Of it, when the directory was last looked at.
    pruned_at: u64,
}

impl Recordings {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), has_warned: Arc::default() }
    }

    /// Starts the recording of a process. Within an actor's thread.
    pub(super) fn start(&self, head: Head, secrets: SecretPlaces) -> LineRecorder {
        let (lines, waiting) = mpsc::channel(WAITING_LINES);
        let room = Arc::new(Semaphore::new(WAITING_BYTES));
        actix::spawn(self.clone().write(head, secrets, waiting));
        LineRecorder(Some(Open { lines, room, started: Instant::now() }))
    }

    async fn write(self, head: Head, secrets: SecretPlaces, mut waiting: mpsc::Receiver<Waiting>) {
        let dir = Arc::clone(&self.dir);
        let created = spawn_blocking(move || {
            Ok::<_, io::Error>((RecordingFile::create(&dir, &head)?, Arc::new(secrets.mask())))
        });
        let (mut file, mask) = match created.await {
            Ok(Ok(created)) => created,
            Ok(Err(error)) => return self.warn(&error.to_string()),
            Err(error) => return self.warn(&error.to_string()),
        };
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, WAITING_LINES).await > 0 {
            let (taken, mask) = (std::mem::take(&mut batch), Arc::clone(&mask));
            let written = spawn_blocking(move || {
                let is_open = file.add(&taken, &mask)?;
                Ok::<_, io::Error>((file, is_open))
            });
            file = match written.await {
                Ok(Ok((file, true))) => file,
                // It is full.
                Ok(Ok((_, false))) => return,
                Ok(Err(error)) => return self.warn(&error.to_string()),
                Err(error) => return self.warn(&error.to_string()),
            };
        }
    }

    /// Logs once that something could not be kept.
    fn warn(&self, why: &str) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            log::warn!(
                "cannot record an agent, which works on without; further failures are not logged \
                 dir={:?} error={why}",
                self.dir
            );
        }
    }
}

impl SecretPlaces {
    /// Reads the files. Blocks.
    fn mask(&self) -> Mask {
        let mut secrets = Vec::new();
        for (name, value) in &self.environment {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
            if name == SERVICE_VARIABLE {
                let service = serde_json::from_str::<Service>(value).ok();
                secrets.extend(service.into_iter().flat_map(|service| {
                    service.key.into_iter().chain(service.headers.into_values())
                }));
            } else if names_secret(name) {
                secrets.push(value.to_owned());
            }
        }
        for path in self.files.iter().filter(|path| path.is_file()) {
            let mut text = String::new();
            let read = fs::File::open(path).map(|file| file.take(SECRET_FILE_BYTES));
            if read.and_then(|mut file| file.read_to_string(&mut text)).is_ok() {
                secrets.push(text.trim().to_owned());
            }
        }
        Mask::new(secrets)
    }
}

impl LineRecorder {
    /// A line to the process.
    pub(super) fn stdin(&self, line: &str) {
        self.add(Direction::Stdin, line.trim_end_matches('\n').as_bytes());
    }

    /// A line of the process.
    pub(super) fn stdout(&self, line: &[u8]) {
        self.add(Direction::Stdout, line);
    }

    /// A remark.
    pub(super) fn note(&self, text: &str) {
        self.add(Direction::Note, text.as_bytes());
    }

    fn add(&self, dir: Direction, line: &[u8]) {
        let Some(Open { lines, room, started }) = &self.0 else { return };
        // Half of it, as a text is escaped once more.
        let (dir, line) = match line.len() > MAX_LINE_BYTES / 2 {
            true => (Direction::Note, format!("a line of {} bytes is left out", line.len())),
            false => (dir, String::from_utf8_lossy(line).into_owned()),
        };
        let needed = u32::try_from(line.len() + 1).unwrap_or(u32::MAX);
        // Without room the line is lost, and the agent goes on.
        let Ok(permit) = Arc::clone(room).try_acquire_many_owned(needed) else { return };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        lines.try_send(Waiting { ms, dir, line, _room: permit }).ok();
    }
}

impl RecordingFile {
    /// Makes room in the directory, and in it a file with this head. Blocks.
    fn create(dir: &Path, head: &Head) -> io::Result<Self> {
        private_dir(dir)?;
        let name = format!("{}-{}-{}", head.started, head.project, head.agent);
        let name = name.replace([':', '/'], "");
        let path = dir.join(format!("{name}-{}{SUFFIX}", Uuid::new_v4().simple()));
        prune(dir, &path)?;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        let mut recording = Self { file, path, written: 0, pruned_at: 0 };
        let mut line = serde_json::to_string(head)?;
        line.push('\n');
        recording.write(&line)?;
        Ok(recording)
    }

    /// Adds lines; false once it is full. Blocks.
    fn add(&mut self, lines: &[Waiting], mask: &Mask) -> io::Result<bool> {
        let mut text = String::new();
        let mut is_full = false;
        for Waiting { ms, dir, line, .. } in lines {
            let entry = RecordedLine::of_line(*ms, *dir, &mask.apply(line));
            let entry = serde_json::to_string(&entry)?;
            is_full = self.written + (text.len() + entry.len()) as u64 > FILE_BYTES;
            if is_full {
                let end = RecordedLine::of_line(*ms, Direction::Note, "the recording is full");
                text += &serde_json::to_string(&end)?;
                text.push('\n');
                break;
            }
            text += &entry;
            text.push('\n');
        }
        self.write(&text)?;
        if self.written - self.pruned_at > PRUNE_EVERY {
            self.pruned_at = self.written;
            if let Some(dir) = self.path.parent() {
                prune(dir, &self.path)?;
            }
        }
        Ok(!is_full)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.written += text.len() as u64;
        Ok(())
    }
}

/// Removes the oldest recordings but `kept` until there is room for one more.
fn prune(dir: &Path, kept: &Path) -> io::Result<()> {
    let mut found: Vec<(PathBuf, u64)> = fs::read_dir(dir)?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX))
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
        .filter(|(path, _)| path != kept)
        .collect();
    // Their names begin with the time.
    found.sort();
    let mut total: u64 = found.iter().map(|(_, bytes)| bytes).sum();
    let mut left = found.len();
    for (path, bytes) in found {
        if total + FILE_BYTES <= TOTAL_BYTES && left < FILES {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
        left -= 1;
    }
    Ok(())
}

/// The present moment as a head tells it.
pub(super) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
