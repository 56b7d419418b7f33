//! Index store: one file per project that keeps its index between processes.
//!
//! ```text
//! magic · format · { length · bytes }… · CRC-32 of everything before
//! ```
//! The first section names what shaped the index. A file that is damaged, of another format, program
//! or project, or shaped by other settings is discarded, and the index is built anew. It is written
//! under a name of its own and renamed, so that processes of the same project do not mix their writing.

mod file;
mod sections;

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::Secrets;
use crate::project::{Root, Roots};
use crate::source::{meaning::MeaningList, vocabulary::Vocabulary, walk};

use super::{
    Index, IndexedFile, SkippedFile,
    postings::{BLOCK_BYTES, PostingList, PostingLists, PostingPool},
};
use file::{SavedFile, SavedSkipped};
use sections::{SectionReader, SectionWriter};

const FILE_NAME: &str = "index";
/// What the name of a file ends with that is renamed when it is complete.
const UNFINISHED: &str = ".unfinished";
/// After this time, an unfinished file is one of a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Largest file that is read, bytes.
const MAX_STORED_BYTES: u64 = 1 << 30;
/// Changed files after which saving is worth its time, at least.
const MIN_UNSAVED: usize = 100;
/// Share of the files after whose change saving is worth its time.
const UNSAVED_SHARE: usize = 50;

/// A hash of the source code that decides what an index holds.
const PROGRAM: u64 = {
    let hash = sections::hash_of(0, include_bytes!("../definitions.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../document.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../file_role.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../file_terms.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../language.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../meaning.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../meaning/version.txt"));
    let hash = sections::hash_of(hash, include_bytes!("../notebook.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../table_languages.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../terms.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../text.rs"));
    let hash = sections::hash_of(hash, include_bytes!("../vocabulary.rs"));
    sections::hash_of(hash, include_bytes!("refresh.rs"))
};

/// Why an index is not kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be used.
    #[error("cannot use the directory of the index {dir}: {source}")]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the index: {0}")]
    Write(#[from] io::Error),
}

/// Why a stored index is not used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it is no index, or of another format")]
    Format,
    #[error("another version of this program wrote it")]
    Program,
    #[error("it is of another project, or of other settings")]
    Settings,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// What shaped an index.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    program: u64,
    version: String,
    /// The names and the directories of the roots.
    roots: Vec<(String, Vec<u8>)>,
    secrets: Vec<String>,
    max_files: usize,
    max_file_bytes: u64,
}

impl Shape {
    fn of(roots: &Roots, secrets: &Secrets) -> Self {
        let shape = |root: &Root| (root.prefix(), root.dir.as_os_str().as_bytes().to_vec());
        Self {
            program: PROGRAM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            roots: roots.iter().map(shape).collect(),
            secrets: secrets.added().to_vec(),
            max_files: walk::MAX_FILES,
            max_file_bytes: walk::MAX_FILE_BYTES,
        }
    }
}

/// The directory that keeps the index of one project.
#[derive(Debug)]
pub struct IndexStore {
    dir: PathBuf,
}

impl IndexStore {
    /// Opens `dir`, which is made if it is not there. Blocks.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Directory { dir: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let store = Self { dir: dir.to_owned() };
        store.remove_abandoned().map_err(failed)?;
        Ok(store)
    }

    fn remove_abandoned(&self) -> io::Result<()> {
        for entry in self.dir.read_dir()? {
            let entry = entry?;
            let is_unfinished = entry.file_name().as_bytes().ends_with(UNFINISHED.as_bytes());
            let age = entry.metadata().ok().and_then(|it| it.modified().ok()?.elapsed().ok());
            if is_unfinished && age.is_some_and(|age| age > ABANDONED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The stored index of the project in `roots`, or an empty one. Blocks.
    pub fn load(&self, roots: impl Into<Roots>, secrets: Secrets) -> Index {
        let roots = roots.into();
        let path = self.dir.join(FILE_NAME);
        let loaded = File::open(&path)
            .map_err(LoadError::from)
            .and_then(|file| load(file, roots.clone(), secrets.clone()));
        match loaded {
            Ok(index) => return index,
            Err(LoadError::Read(error)) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => {
                let path = path.display();
                log::info!("a stored index is not used and built anew: {error}; path={path}");
            }
        }
        Index::new(roots, secrets)
    }

    /// Replaces the stored index. Blocks.
    ///
    /// # Errors
    /// It cannot be written; what was stored before stays.
    pub fn save(&self, index: &Index) -> Result<(), StoreError> {
        let unfinished = self.dir.join(format!("{}{UNFINISHED}", Uuid::new_v4().simple()));
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&unfinished)?;
        let written = save(BufWriter::with_capacity(1 << 16, file), index)
            .and_then(|()| fs::rename(&unfinished, self.dir.join(FILE_NAME)));
        if let Err(error) = written {
            if let Err(error) = fs::remove_file(&unfinished) {
                log::debug!("cannot remove an unfinished index: {error}");
            }
            return Err(error.into());
        }
        Ok(())
    }
}

impl Index {
    /// Counts changes from here on.
    pub fn set_saved(&mut self) {
        self.n_unsaved = 0;
    }

    /// Whether so much changed since it was stored that storing it again is worth its time.
    pub fn is_worth_saving(&self) -> bool {
        let least = MIN_UNSAVED.max(self.n_files() / UNSAVED_SHARE);
        self.n_unsaved > 0 && (self.n_unsaved >= least || self.n_unsaved >= self.n_files())
    }
}

fn save(file: BufWriter<File>, index: &Index) -> io::Result<()> {
    // A process is killed for writing beyond its own limit.
    let limit = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
    let mut out = SectionWriter::new(file, limit.min(MAX_STORED_BYTES))?;
    out.value(&Shape::of(&index.roots, &index.secrets))?;
    let (text, ends) = index.vocabulary.parts();
    out.bytes(text.as_bytes())?;
    out.values(ends.iter())?;
    for lists in [&index.postings, &index.file_postings] {
        out.values(lists.lists.iter())?;
        out.value(&lists.pool.used())?;
        for part in lists.pool.parts() {
            out.bytes(part)?;
        }
    }
    out.values(index.gist_lists.iter())?;
    out.values(index.files.iter().map(SavedFile::of))?;
    out.values(index.passages.iter())?;
    out.bytes(index.meanings.bytes())?;
    out.bytes(index.gist_meanings.bytes())?;
    out.values(index.by_path.iter())?;
    out.values(index.skipped.iter().map(SavedSkipped::of))?;
    out.values(index.names.iter())?;
    out.value(&index.n_dead_passages)?;
    out.value(&index.walk_left_out)?;
    let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    (&file).flush()
}

fn load(file: File, roots: Roots, secrets: Secrets) -> Result<Index, LoadError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_STORED_BYTES {
        return Err(LoadError::Format);
    }
    let mut input = SectionReader::new(BufReader::with_capacity(1 << 16, file), metadata.len())?;
    let shape: Shape = input.value()?;
    let expected = Shape::of(&roots, &secrets);
    if (shape.program, &shape.version) != (expected.program, &expected.version) {
        return Err(LoadError::Program);
    }
    if shape != expected {
        return Err(LoadError::Settings);
    }
    let text = String::from_utf8(input.bytes()?).map_err(|_| LoadError::Damaged("terms"))?;
    let ends = input.values::<u32>()?;
    let postings = lists(&mut input)?;
    let file_postings = lists(&mut input)?;
    let gist_lists = input.values::<u32>()?;
    let files: Vec<IndexedFile> =
        input.values::<SavedFile>()?.into_iter().map(Into::into).collect();
    let passages = input.values()?;
    let meanings = MeaningList::of_bytes(input.bytes()?);
    let gist_meanings = MeaningList::of_bytes(input.bytes()?);
    let by_path = input.values::<u32>()?;
    let skipped: Vec<SkippedFile> =
        input.values::<SavedSkipped>()?.into_iter().map(Into::into).collect();
    let names = input.values::<(u32, u32)>()?;
    let n_dead_passages = input.value()?;
    let walk_left_out = input.value()?;
    input.finish()?;
    let vocabulary = Vocabulary::of_parts(text, ends).ok_or(LoadError::Damaged("terms"))?;
    let definition_bytes = files.iter().map(|file| file.definitions.bytes()).sum();
    let index = Index {
        definition_bytes,
        vocabulary,
        postings,
        gist_lists,
        file_postings,
        files,
        passages,
        meanings,
        gist_meanings,
        by_path,
        skipped,
        names,
        n_dead_passages,
        walk_left_out,
        ..Index::new(roots, secrets)
    };
    check(&index)?;
    Ok(index)
}

fn lists(input: &mut SectionReader<BufReader<File>>) -> Result<PostingLists, LoadError> {
    let lists = input.values::<PostingList>()?;
    let mut pool = PostingPool::default();
    let used: usize = input.value()?;
    while pool.used() < used {
        let block = input.bytes()?;
        let is_full = block.len() == BLOCK_BYTES || pool.used() + block.len() == used;
        if !is_full || !pool.add_block(block) {
            return Err(LoadError::Damaged("lists"));
        }
    }
    Ok(PostingLists { lists, pool })
}

/// Checks every number by which another list is looked up.
fn check(index: &Index) -> Result<(), LoadError> {
    let (n_files, n_passages) = (index.files.len(), index.passages.len());
    let is_file = |file: u32| (file as usize) < n_files;
    let is_sound = index.meanings.len() == n_passages
        && index.gist_meanings.len() == n_files
        && index.passages.iter().all(|passage| is_file(passage.file))
        && index.by_path.iter().all(|file| is_file(*file))
        && index.names.iter().all(|(_, file)| is_file(*file))
        && index.files.iter().all(|file| {
            file.passages.start <= file.passages.end && file.passages.end as usize <= n_passages
        });
    if is_sound { Ok(()) } else { Err(LoadError::Damaged("numbers")) }
}

#[cfg(test)]
mod tests;
