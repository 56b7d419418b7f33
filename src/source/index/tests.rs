//! What the index holds, and how it follows the files.

use std::fs;

use super::*;

impl Index {
    /// The index of a project with these files, in a directory that lives as long as the first value.
    pub(crate) fn of_files(files: &[(&str, &str)]) -> (tempfile::TempDir, Self) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(dir.path(), path, text);
        }
        let mut index = Self::new(dir.path().to_owned(), Secrets::new(&[]).unwrap());
        index.refresh();
        (dir, index)
    }
}

struct Project {
    dir: tempfile::TempDir,
    index: Index,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let (dir, index) = Index::of_files(files);
        Self { dir, index }
    }

    fn files_with(&self, term: &str) -> Vec<String> {
        let Some(term) = self.index.term(term) else {
            return Vec::new();
        };
        let mut files: Vec<String> = self
            .index
            .postings(term)
            .iter()
            .map(|posting| self.index.passages()[posting.passage as usize].file)
            .map(|file| &self.index.files()[file as usize])
            .filter(|entry| entry.is_alive)
            .map(|entry| entry.found.path.to_string_lossy().into_owned())
            .collect();
        files.dedup();
        files
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_term_leads_to_the_files_that_hold_it() {
    let project = Project::new(&[("src/a.rs", "fn evict() {}\n"), ("src/b.rs", "fn keep() {}\n")]);
    assert_eq!(project.files_with("evict"), ["src/a.rs"]);
    assert_eq!(project.index.n_files(), 2);
}

#[test]
fn a_changed_file_is_read_again_and_a_deleted_one_is_gone() {
    let mut project = Project::new(&[
        ("src/a.rs", "fn evict() {}\n"),
        ("src/b.rs", "fn keep() {}\n"),
        ("src/c.rs", "fn stay() {}\n"),
        ("src/d.rs", "fn stay() {}\n"),
    ]);
    assert_eq!(project.index.refresh(), 0);
    write(project.dir.path(), "src/a.rs", "fn discard_everything() {}\n");
    assert_eq!(project.index.refresh(), 1);
    assert!(project.files_with("evict").is_empty());
    assert_eq!(project.files_with("discard"), ["src/a.rs"]);
    assert!(project.index.defined("evict").is_empty());
    fs::remove_file(project.dir.path().join("src/b.rs")).unwrap();
    project.index.refresh();
    assert!(project.files_with("keep").is_empty());
    // Both are equally good, so they come in any order.
    let mut stayed = project.files_with("stay");
    stayed.sort();
    assert_eq!(stayed, ["src/c.rs", "src/d.rs"]);
}

#[test]
fn a_name_is_found_where_it_is_defined_in_any_spelling() {
    let project = Project::new(&[("src/a.rs", "struct RateLimit;\n")]);
    for spelling in ["RateLimit", "rate_limit", "ratelimit"] {
        let defined = project.index.defined(spelling);
        assert_eq!(defined.len(), 1, "{spelling}");
        assert_eq!(defined[0].1.line, 1);
    }
}

#[test]
fn what_others_speak_of_is_renowned() {
    let project = Project::new(&[
        ("src/a.rs", "pub struct RateLimit;\n"),
        ("src/b.rs", "pub struct NeverNamed;\n"),
        ("src/c.rs", "fn a(c: RateLimit) {}\n"),
    ]);
    let renown = |path: &str| {
        let file = project.index.file_at(Path::new(path)).unwrap();
        project.index.files()[file as usize].renown
    };
    assert!(renown("src/a.rs") > renown("src/b.rs"));
}

#[test]
fn a_file_of_the_same_size_and_time_is_read_again_while_it_may_have_changed() {
    let mut project = Project::new(&[("src/a.rs", "fn evict() {}\n")]);
    write(project.dir.path(), "src/a.rs", "fn waive() {}\n");
    project.index.refresh();
    assert!(project.files_with("evict").is_empty());
    assert_eq!(project.index.defined("waive").len(), 1);
}

#[test]
fn what_is_not_searched_is_known_with_its_reason() {
    let project = Project::new(&[
        (".gitignore", "build/\n"),
        ("build/a.rs", ""),
        ("src/a.rs", "fn a() {}\n"),
        ("a.bin", "a\0b"),
        ("a.js", &"x".repeat(9000)),
        ("large.rs", &"\n".repeat((1 << 20) + 1)),
        (".hidden/a.rs", ""),
        ("server.key", ""),
    ]);
    let left_out = project.index.left_out();
    for (reason, files, dirs) in [
        (LeftOutReason::Binary, 1, 0),
        (LeftOutReason::Minified, 1, 0),
        (LeftOutReason::TooLarge, 1, 0),
        (LeftOutReason::Hidden, 1, 1),
        (LeftOutReason::Ignored, 0, 1),
        (LeftOutReason::Secret, 1, 0),
    ] {
        let count = left_out.count(reason);
        assert_eq!((count.files, count.dirs), (files, dirs), "{reason:?}");
    }
    assert!(!left_out.is_cut());
}

#[test]
fn files_in_older_encodings_and_notebooks_are_found_by_their_lines() {
    let latin: Vec<u8> = "// Pr\u{fc}ft die Verschl\u{fc}sselung\nfn pruefen() {}\n"
        .chars()
        .map(|it| it as u8)
        .collect();
    let wide: Vec<u8> =
        "\u{feff}fn broadened() {}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let notebook = "{\n \"cells\": [\n  {\n   \"cell_type\": \"code\",\n   \"source\": [\n    \
                    \"def evaluate_model():\\n\",\n    \"    pass\"\n   ]\n  }\n ]\n}\n";
    let mut project = Project::new(&[("book.ipynb", notebook)]);
    fs::write(project.dir.path().join("latin.rs"), latin).unwrap();
    fs::write(project.dir.path().join("wide.rs"), wide).unwrap();
    project.index.refresh();
    for (name, path, line) in [
        ("pruefen", "latin.rs", 2),
        ("broadened", "wide.rs", 1),
        ("evaluate_model", "book.ipynb", 6),
    ] {
        let (file, definition) = project.index.defined(name).pop().unwrap();
        assert_eq!(project.index.files()[file as usize].found.path, Path::new(path));
        assert_eq!(definition.line, line);
    }
    assert!(project.index.text(0).is_some_and(|text| !text.contains("cell_type")));
}
