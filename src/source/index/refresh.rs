//! Refresh: brings the index up to date by the files that changed.
//!
//! A file is read again if its size, times or inode differ, or if it was written so shortly before
//! it was read that a later write would not show. One with the same text as before is kept.

use std::{
    cmp::Ordering as Order,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use crate::policy::gate::Tree;
use crate::project::roots;
use crate::source::{
    file_role::FileRole,
    file_terms::{self, FileTerms},
    left_out::LeftOutReason,
    terms,
    vocabulary::{TermReader, Vocabulary},
    walk::{self, Walk, WalkedFile},
};

use super::{
    Index, IndexedFile, IndexedPassage, NO_LIST, SkippedFile, hash_of_key, key,
    packed::PackedDefinitions,
};

const N_READERS: usize = 2;
/// Parsed files that wait to be added. A large one has some MB of terms.
const MAX_WAITING: usize = 16;
/// The index is rebuilt once more than one in this many passages belongs to a changed or deleted file.
const MAX_DEAD_SHARE: usize = 3;
/// After reading more files than this, the spare capacity of lists is released.
const MANY_FILES: usize = 500;
/// Memory of an index, about, bytes. Further files are left out, those of least worth.
const MAX_BYTES: usize = 448 << 20;
/// File systems round times to this much at most.
const TIME_GRAIN: Duration = Duration::from_secs(2);

/// A file to read.
struct ReadJob {
    found: WalkedFile,
    /// The file in the index, with the hash of its text.
    known: Option<(u32, u64)>,
}

/// A file that was read.
struct FileRead {
    job: ReadJob,
    is_racy: bool,
    content: FileContent,
}

enum FileContent {
    /// The same text as before.
    Unchanged,
    Skipped(LeftOutReason),
    Read {
        hash: u64,
        terms: Box<FileTerms>,
    },
}

impl Index {
    /// Updates the index to the files, and returns how many were read and had changed.
    pub fn refresh(&mut self) -> usize {
        self.update(walk::files(&self.roots, &self.secrets))
    }

    /// As [`refresh`](Self::refresh), after a walk of the project.
    pub(super) fn update(&mut self, walk: Walk) -> usize {
        self.walk_left_out = walk.left_out;
        let (jobs, gone) = self.compare(walk.files);
        if gone.is_empty() && jobs.is_empty() {
            return 0;
        }
        for file in &gone {
            self.bury(*file);
        }
        let first_new = self.files.len();
        let n_read = self.read(jobs);
        self.n_unsaved += n_read + gone.len();
        if self.n_dead_passages * MAX_DEAD_SHARE > self.passages.len() {
            *self = Self::new(self.roots.clone(), self.secrets.clone());
            return self.refresh();
        }
        self.sort(first_new);
        self.measure_renown(first_new);
        n_read
    }

    /// The files to read, those of most worth first, and the ones that are gone.
    fn compare(&mut self, found: Vec<WalkedFile>) -> (Vec<ReadJob>, Vec<u32>) {
        let mut order: Vec<u32> = (0..found.len() as u32).collect();
        order.sort_by(|a, b| by_path(&found[*a as usize], &found[*b as usize]));
        let mut must_read: Vec<Option<Option<(u32, u64)>>> = vec![None; found.len()];
        let mut gone = Vec::new();
        let mut known = self.by_path.iter().copied().peekable();
        let mut skipped = std::mem::take(&mut self.skipped).into_iter().peekable();
        for at in order.iter().map(|at| *at as usize) {
            let file = &found[at];
            while let Some(before) = known.next_if(|it| self.is_before(*it, file)) {
                gone.push(before);
            }
            while skipped.next_if(|it| by_path(&it.found, file) == Order::Less).is_some() {}
            let same = known.next_if(|it| self.files[*it as usize].found.path == file.path);
            if let Some(number) = same {
                let entry = &self.files[number as usize];
                if entry.is_racy || entry.found != *file {
                    must_read[at] = Some(Some((number, entry.content)));
                }
            } else if let Some(again) = skipped.next_if(|it| it.found.path == file.path)
                && !again.is_racy
                && again.found == *file
            {
                self.skipped.push(again);
            } else {
                must_read[at] = Some(None);
            }
        }
        gone.extend(known);
        let jobs = found.into_iter().zip(must_read);
        let jobs = jobs.filter_map(|(found, known)| known.map(|known| ReadJob { found, known }));
        (jobs.collect(), gone)
    }

    fn is_before(&self, file: u32, other: &WalkedFile) -> bool {
        self.path_bytes(file) < other.path.as_os_str().as_bytes()
    }

    fn bury(&mut self, file: u32) {
        let entry = &mut self.files[file as usize];
        entry.is_alive = false;
        entry.definitions = PackedDefinitions::default();
        self.n_dead_passages += entry.passages.len();
    }

    /// Reads files in parallel, and returns how many had changed.
    fn read(&mut self, jobs: Vec<ReadJob>) -> usize {
        let Ok(tree) = Tree::of(&self.roots) else {
            return 0;
        };
        let n_jobs = jobs.len();
        let vocabulary = Mutex::new(std::mem::take(&mut self.vocabulary));
        let next = AtomicUsize::new(0);
        let jobs: Vec<Mutex<Option<ReadJob>>> =
            jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
        let (sender, receiver) = mpsc::sync_channel::<FileRead>(MAX_WAITING);
        let mut n_read = 0;
        thread::scope(|scope| {
            for _ in 0..N_READERS.min(n_jobs) {
                let sender = sender.clone();
                let (next, jobs, tree, vocabulary) = (&next, &jobs, &tree, &vocabulary);
                scope.spawn(move || {
                    let mut reader = TermReader::new(vocabulary);
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Some(job) = job.lock().ok().and_then(|mut job| job.take()) else {
                            continue;
                        };
                        if sender.send(read_file(tree, job, &mut reader)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for read in receiver {
                n_read += usize::from(self.take(read, &vocabulary));
            }
        });
        self.vocabulary = vocabulary.into_inner().unwrap_or_default();
        if n_jobs > MANY_FILES {
            // Lists grow by doubling and may have twice the capacity that they need.
            self.names.shrink_to_fit();
            self.passages.shrink_to_fit();
            self.meanings.shrink_to_fit();
            self.gist_meanings.shrink_to_fit();
            self.files.shrink_to_fit();
        }
        n_read
    }

    /// Takes in a file that was read, and returns whether it had changed.
    fn take(&mut self, read: FileRead, vocabulary: &Mutex<Vocabulary>) -> bool {
        let FileRead { job: ReadJob { found, known }, is_racy, content } = read;
        match (content, known) {
            (FileContent::Unchanged, Some((file, _))) => {
                let entry = &mut self.files[file as usize];
                entry.found = found;
                entry.is_racy = is_racy;
                return false;
            }
            (FileContent::Unchanged, None) => return false,
            (FileContent::Skipped(reason), known) => {
                known.into_iter().for_each(|(file, _)| self.bury(file));
                self.skipped.push(SkippedFile { found, reason, is_racy });
            }
            (FileContent::Read { hash, terms }, known) => {
                known.into_iter().for_each(|(file, _)| self.bury(file));
                let terms_bytes = vocabulary.lock().map_or(0, |vocabulary| vocabulary.bytes());
                if self.bytes() + terms_bytes > MAX_BYTES {
                    let reason = LeftOutReason::Memory;
                    self.skipped.push(SkippedFile { found, reason, is_racy });
                } else {
                    self.add(found, hash, is_racy, *terms);
                }
            }
        }
        true
    }

    fn add(&mut self, found: WalkedFile, content: u64, is_racy: bool, terms: FileTerms) {
        let file = self.files.len() as u32;
        let first = self.passages.len() as u32;
        let mut length = 0;
        for parsed in terms.passages {
            let passage = self.passages.len() as u32;
            self.passages.push(IndexedPassage {
                file,
                start: parsed.lines.start,
                end: parsed.lines.end,
                length: parsed.text.n_words,
            });
            self.meanings.push(&parsed.text.meaning);
            length += parsed.text.n_words;
            for (term, counts) in parsed.text.terms {
                self.postings.append(term, passage, counts);
            }
        }
        self.gist_meanings.push(&terms.gist.meaning);
        for (term, counts) in terms.gist.terms {
            let at = term as usize;
            if self.gist_lists.len() <= at {
                self.gist_lists.resize(at + 1, NO_LIST);
            }
            if self.gist_lists[at] == NO_LIST {
                self.gist_lists[at] = self.file_postings.lists.len() as u32;
            }
            self.file_postings.append(self.gist_lists[at], file, counts);
        }
        for definition in &terms.definitions {
            self.names.push((hash_of_key(&key(&definition.name)), file));
        }
        let definitions = PackedDefinitions::pack(&terms.definitions);
        self.definition_bytes += definitions.bytes();
        self.files.push(IndexedFile {
            n_name_words: n_name_words(&found.path),
            found,
            role: terms.role,
            language: terms.language,
            passages: first..self.passages.len() as u32,
            definitions,
            length,
            gist_length: terms.gist.n_words,
            tests_start: terms.tests_start,
            renown: 0.0,
            is_alive: true,
            content,
            is_racy,
        });
    }

    /// Sorts what was appended since `first_new` among the rest; the sorts find what is in order.
    fn sort(&mut self, first_new: usize) {
        self.names.sort();
        self.skipped.sort_by(|a, b| by_path(&a.found, &b.found));
        let files = &self.files;
        self.by_path.retain(|file| files[*file as usize].is_alive);
        let alive = |file: &u32| files[*file as usize].is_alive;
        self.by_path.extend((first_new as u32..files.len() as u32).filter(alive));
        let path = |file: &u32| files[*file as usize].found.path.as_os_str().as_bytes();
        self.by_path.sort_by(|a, b| path(a).cmp(path(b)));
    }

    /// Counts for each file since `first_new` the passages that mention what it defines.
    fn measure_renown(&mut self, first_new: usize) {
        for file in first_new..self.files.len() {
            let entry = &self.files[file];
            if !entry.is_alive || entry.role != FileRole::Source || !entry.language.is_code() {
                continue;
            }
            let mentions = entry.definitions.names().map(|name| {
                let parts = terms::parts(name);
                let is_telling = parts.len() > 1 && self.n_defined(name) <= 2;
                let term = is_telling.then(|| self.vocabulary.get(&terms::whole(&parts)));
                term.flatten().map_or(0, |term| self.postings(term).len())
            });
            let renown: f32 = mentions.map(|n| n.saturating_sub(1).min(50) as f32).sum();
            self.files[file].renown = (1.0 + renown).ln();
        }
    }

    /// How often a name is defined.
    fn n_defined(&self, name: &str) -> usize {
        let files = self.naming(hash_of_key(&key(name)));
        files.filter(|file| self.files[*file as usize].is_alive).take(3).count()
    }
}

fn by_path(a: &WalkedFile, b: &WalkedFile) -> Order {
    a.path.as_os_str().as_bytes().cmp(b.path.as_os_str().as_bytes())
}

fn read_file(tree: &Tree, job: ReadJob, reader: &mut TermReader<'_>) -> FileRead {
    let is_racy = is_racy(&job.found, SystemTime::now());
    let content = match walk::read_text(tree, &job.found.path) {
        Ok(Ok(text)) => {
            let hash = content_hash(&text);
            if job.known.is_some_and(|(_, known)| known == hash) {
                FileContent::Unchanged
            } else {
                let terms = Box::new(file_terms::parse(&job.found, &text, reader));
                FileContent::Read { hash, terms }
            }
        }
        Ok(Err(reason)) => FileContent::Skipped(reason),
        Err(error) => {
            let path = job.found.path.display();
            log::debug!("cannot read a file to index it: {error}; path={path}");
            FileContent::Skipped(LeftOutReason::Unreadable)
        }
    };
    FileRead { job, is_racy, content }
}

/// Whether a file was changed so shortly before `now` that another change may leave its times alone.
fn is_racy(found: &WalkedFile, now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let earliest = now.saturating_sub(TIME_GRAIN).as_nanos();
    u128::try_from(found.stamp.changed).is_ok_and(|changed| changed >= earliest)
}

fn content_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn n_name_words(path: &Path) -> u32 {
    let path = roots::inner(path);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    terms::raw_words(&stem).map(|word| terms::parts(word).len() as u32).sum()
}
