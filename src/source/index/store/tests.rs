//! A stored index is the index that was saved, and nothing else is ever taken for one.

use std::{os::unix::fs::PermissionsExt as _, thread, time::Duration};

use tempfile::TempDir;

use super::*;

struct Fixture {
    project: TempDir,
    data: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture =
            Self { project: tempfile::tempdir().unwrap(), data: tempfile::tempdir().unwrap() };
        for n in 0..40 {
            fixture.write(
                &format!("src/part{n}.rs"),
                &format!("//! Part {n}.\n\n/// Keeps it.\npub fn keep_part{n}(size: usize) {{}}\n"),
            );
        }
        fixture.write("README.md", "# Parts\n\nThey are kept.\n");
        fixture.write("odd \u{fc}\n.txt", "odd\n");
        fixture.write("picture.dat", "a\0b");
        fixture
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn store(&self) -> IndexStore {
        IndexStore::open(&self.dir()).unwrap()
    }

    fn dir(&self) -> PathBuf {
        self.data.path().join("index/project")
    }

    fn load(&self) -> Index {
        self.load_with(&[])
    }

    fn load_with(&self, secrets: &[&str]) -> Index {
        let secrets: Vec<String> = secrets.iter().map(|it| (*it).to_owned()).collect();
        let secrets = Secrets::new(&secrets).unwrap();
        self.store().load(self.project.path().to_owned(), secrets)
    }

    /// The index of all files, saved.
    fn saved(&self) -> Index {
        let mut index = self.load();
        index.refresh();
        self.store().save(&index).unwrap();
        index
    }

    fn file(&self) -> PathBuf {
        self.dir().join(FILE_NAME)
    }
}

/// Everything that a search can see of an index.
fn content(index: &Index) -> Vec<String> {
    let mut content = Vec::new();
    let (text, ends) = index.vocabulary.parts();
    let mut start = 0;
    for end in ends {
        let term = &text[start..*end as usize];
        start = *end as usize;
        let number = index.term(term).unwrap();
        for posting in index.postings(number) {
            let passage = index.passages()[posting.passage as usize];
            let path = &index.files()[passage.file as usize].found.path;
            content.push(format!("{term} {path:?} {passage:?} {:?}", posting.counts));
        }
        for posting in index.file_postings(number) {
            let file = &index.files()[posting.file as usize];
            content.push(format!("{term} {:?} {:?} {}", file.found, posting.counts, file.renown));
        }
    }
    for file in index.files() {
        content.push(format!("{:?} {:?} {:?}", file.found, file.definitions(), file.role));
        assert_eq!(index.file_at(&file.found.path).is_some(), file.is_alive);
    }
    content.push(format!("{:?}", index.left_out().counts().collect::<Vec<_>>()));
    content
}

#[test]
fn what_is_saved_is_loaded_and_nothing_is_read_again() {
    let fixture = Fixture::new();
    let before = fixture.saved();
    // Files that were just written are read again, and are the same.
    let mut after = fixture.load();
    assert_eq!(after.n_files(), 42);
    assert_eq!(after.files()[0].found, before.files()[0].found);
    after.refresh();
    assert_eq!(content(&after), content(&before));
    assert_eq!(after.defined("keep_part7").len(), 1);
    let mode = fs::metadata(fixture.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_loaded_index_follows_what_changed_meanwhile() {
    let fixture = Fixture::new();
    drop(fixture.saved());
    fixture.write("src/part1.rs", "fn renewed() {}\n");
    fixture.write("src/new.rs", "fn additional() {}\n");
    fixture.write("picture.dat", "a text now\n");
    fs::remove_file(fixture.project.path().join("src/part2.rs")).unwrap();
    // The same size in the same moment: only the racy check can tell.
    fixture.write("README.md", "# Parts\n\nThey are zinc.\n");
    let mut index = fixture.load();
    index.refresh();
    let mut fresh = Index::new(fixture.project.path().to_owned(), Secrets::new(&[]).unwrap());
    fresh.refresh();
    assert_eq!(index.paths().collect::<Vec<_>>(), fresh.paths().collect::<Vec<_>>());
    for (name, expected) in
        [("renewed", 1), ("additional", 1), ("keep_part1", 0), ("keep_part2", 0), ("keep_part3", 1)]
    {
        assert_eq!(index.defined(name).len(), expected, "{name}");
    }
    let zinc = index.term("zinc").unwrap();
    assert_eq!(index.postings(zinc).len(), 1);
    assert!(index.file_at("picture.dat".as_ref()).is_some());
}

#[test]
fn an_index_of_other_settings_or_of_another_project_is_not_used() {
    let fixture = Fixture::new();
    drop(fixture.saved());
    assert_eq!(fixture.load().n_files(), 42);
    assert_eq!(fixture.load_with(&["*.md"]).n_files(), 0);
    let other = tempfile::tempdir().unwrap();
    let index = fixture.store().load(other.path().to_owned(), Secrets::new(&[]).unwrap());
    assert_eq!(index.n_files(), 0);
}

#[test]
fn no_damage_is_taken_for_an_index_or_costs_more_than_the_file() {
    let fixture = Fixture::new();
    drop(fixture.saved());
    let whole = fs::read(fixture.file()).unwrap();
    let is_used = |bytes: &[u8]| {
        fs::write(fixture.file(), bytes).unwrap();
        fixture.load().n_files() > 0
    };
    assert!(is_used(&whole));
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..400 {
        let mut bytes = whole.clone();
        let at = random.usize(..bytes.len());
        match random.u8(..4) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.u8(..8),
            2 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
            _ => bytes.insert(at, random.u8(..)),
        }
        if bytes != whole {
            assert!(!is_used(&bytes), "damaged at {at} of {}", whole.len());
        }
    }
    for bytes in [&b""[..], b"CICRINDX", &[0; 100_000], &[0xff; 100_000]] {
        assert!(!is_used(bytes));
    }
    // Built anew, and whole again.
    drop(fixture.saved());
    assert_eq!(fixture.load().n_files(), 42);
}

#[test]
fn a_link_or_a_directory_in_its_place_is_not_followed() {
    let fixture = Fixture::new();
    let index = fixture.saved();
    let elsewhere = fixture.data.path().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    fs::remove_file(fixture.file()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, fixture.file()).unwrap();
    fixture.store().save(&index).unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    assert_eq!(fixture.load().n_files(), 42);
    fs::remove_file(fixture.file()).unwrap();
    fs::create_dir(fixture.file()).unwrap();
    assert_eq!(fixture.load().n_files(), 0);
    assert!(fixture.store().save(&index).is_err());
    // Nothing unfinished is left behind.
    assert_eq!(fs::read_dir(fixture.dir()).unwrap().count(), 1);
}

#[test]
fn processes_of_the_same_project_do_not_mix_what_they_write() {
    let fixture = Fixture::new();
    drop(fixture.saved());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let index = fixture.load();
                for _ in 0..20 {
                    fixture.store().save(&index).unwrap();
                    assert_eq!(fixture.load().n_files(), 42);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(fixture.dir()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed_after_a_while() {
    let fixture = Fixture::new();
    drop(fixture.saved());
    let left = ["old", "new"].map(|name| fixture.dir().join(format!("{name}{UNFINISHED}")));
    let long_ago = std::time::SystemTime::now() - 2 * ABANDONED;
    for path in &left {
        fs::write(path, "half").unwrap();
    }
    File::options().write(true).open(&left[0]).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(fixture.load().n_files(), 42);
    assert_eq!(left.map(|path| path.exists()), [false, true]);
    let file = fixture.data.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(IndexStore::open(&file), Err(StoreError::Directory { .. })));
}

#[test]
fn an_index_larger_than_a_process_may_write_is_not_begun() {
    let mut out = SectionWriter::new(Vec::new(), 100).unwrap();
    out.bytes(&[0; 60]).unwrap();
    let error = out.bytes(&[0; 60]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn saving_waits_until_enough_has_changed() {
    let fixture = Fixture::new();
    let mut index = fixture.load();
    assert!(!index.is_worth_saving());
    index.refresh();
    assert!(index.is_worth_saving());
    fixture.store().save(&index).unwrap();
    index.set_saved();
    assert!(!index.is_worth_saving());
    // Later than any rounded time of the files.
    thread::sleep(Duration::from_millis(10));
    fixture.write("src/part1.rs", "fn one() {}\n");
    index.refresh();
    assert!(!index.is_worth_saving());
    for n in 0..MIN_UNSAVED {
        fixture.write(&format!("more/part{n}.rs"), "fn more() {}\n");
    }
    index.refresh();
    assert!(index.is_worth_saving());
}
