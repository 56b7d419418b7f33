//! A shared index never misses what was changed before it is asked, and outlives what goes wrong.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Weak,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn project(n_files: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..n_files {
        write(dir.path(), &format!("part{n}.rs"), &format!("fn keep_part{n}() {{}}\n"));
    }
    dir
}

fn write(dir: &Path, path: &str, text: &str) {
    fs::write(dir.join(path), text).unwrap();
}

fn index(dir: &Path, kept: Option<&Path>) -> SharedIndex {
    let (secrets, kept) = (Secrets::new(&[]).unwrap(), kept.map(Path::to_owned));
    SharedIndex::new(dir.to_owned(), secrets, kept)
}

fn n_defined(index: &SharedIndex, name: &str) -> usize {
    index.ask(PATIENCE, |index| index.defined(name).len()).unwrap()
}

#[test]
fn what_changed_before_the_question_is_known_to_all_who_ask_at_once() {
    let dir = project(5);
    let index = index(dir.path(), None);
    for round in 0..5 {
        let name = format!("brought_in_{round}");
        write(dir.path(), "new.rs", &format!("fn {name}() {{}}\n"));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(n_defined(&index, &name), 1, "{name}"));
            }
        });
        fs::remove_file(dir.path().join("new.rs")).unwrap();
        assert_eq!(n_defined(&index, &name), 0);
    }
}

#[test]
fn an_index_is_kept_for_the_next_process_and_a_foreign_file_is_not_taken_for_it() {
    let dir = project(20);
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("index");
    let wait_for_file = || {
        let deadline = Instant::now() + PATIENCE;
        while !file.exists() {
            assert!(Instant::now() < deadline, "the index is not kept");
            thread::yield_now();
        }
    };
    assert_eq!(n_defined(&index(dir.path(), Some(kept.path())), "keep_part7"), 1);
    wait_for_file();
    let stored = IndexStore::open(kept.path()).unwrap();
    let stored = stored.load(dir.path().to_owned(), Secrets::new(&[]).unwrap());
    assert_eq!(stored.n_files(), 20);
    write(dir.path(), "part7.rs", "fn other_part() {}\n");
    let second = index(dir.path(), Some(kept.path()));
    assert_eq!((n_defined(&second, "keep_part7"), n_defined(&second, "other_part")), (0, 1));
    for foreign in [&b""[..], b"CICRINDX", b"no index", &[0xff; 9000]] {
        fs::write(&file, foreign).unwrap();
        assert_eq!(n_defined(&index(dir.path(), Some(kept.path())), "keep_part8"), 1);
    }
    // What cannot be kept at all is still asked.
    let no_dir = kept.path().join("index/below a file");
    assert_eq!(n_defined(&index(dir.path(), Some(&no_dir)), "keep_part8"), 1);
}

#[test]
fn who_panics_over_the_index_costs_the_next_one_nothing() {
    let dir = project(3);
    let index = index(dir.path(), None);
    assert_eq!(n_defined(&index, "keep_part1"), 1);
    for _ in 0..3 {
        let asked = catch_unwind(AssertUnwindSafe(|| {
            index.ask(PATIENCE, |index| assert_eq!(index.n_files(), 0, "on purpose"))
        }));
        assert!(asked.is_err());
        assert_eq!(n_defined(&index, "keep_part1"), 1);
    }
}

#[test]
fn who_waits_no_longer_is_told_so_and_an_index_that_nobody_can_ask_ends_its_thread() {
    let dir = project(3);
    let index = index(dir.path(), None);
    let locked = index.0.index.write().unwrap();
    let refused = index.ask(Duration::from_millis(1), Index::n_files);
    assert!(matches!(refused, Err(IndexError::Unfinished)), "{refused:?}");
    drop(locked);
    assert_eq!(index.ask(PATIENCE, Index::n_files).unwrap(), 3);
    let shared: Weak<Shared> = Arc::downgrade(&index.0);
    drop(index);
    let deadline = Instant::now() + PATIENCE;
    while shared.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the thread goes on");
        thread::yield_now();
    }
}
