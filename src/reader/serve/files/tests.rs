//! What a reader tells of the specification and of the content of files.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nhidden-value\n";

/// The files of a project in `roots`, of which those up to 1 MiB are read.
pub(in crate::reader::serve) fn files(roots: impl Into<Roots>) -> ReadableFiles {
    let roots = roots.into();
    let limits = ReadLimits {
        file_bytes: 1 << 20,
        page_lines: 10,
        page_bytes: 1 << 10,
        list_lifetime: Default::default(),
        index_wait: Duration::from_secs(20),
        highlighted_bytes: [0; 3],
        highlighting_timeout: Default::default(),
        grammar_lifetime: Default::default(),
    };
    let (secrets, log) = (Vec::new(), String::new());
    let index = roots.first().join("no index");
    let plan = ReaderPlan { roots, secrets, limits, index, log };
    ReadableFiles::new(plan).unwrap()
}

fn specification(dir: &Path) -> Option<String> {
    match files(dir).specification(5000) {
        ReaderAnswer::Specification(text) => text,
        answer => panic!("{answer:?}"),
    }
}

#[test]
fn the_specification_is_found_in_each_of_its_places_and_cut_where_it_is_long() {
    for path in SPECIFICATIONS {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(specification(dir.path()), None);
        let file = dir.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, " A shop for tea.\n").unwrap();
        assert_eq!(specification(dir.path()).unwrap(), "A shop for tea.");
        fs::write(&file, "é".repeat(50_000)).unwrap();
        let n_chars = specification(dir.path()).unwrap().chars().count();
        assert!((5001..20_008).contains(&n_chars), "{n_chars}");
    }
}

#[test]
fn p10_a_specification_that_is_a_secret_or_no_plain_file_is_told_to_nobody() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("project");
    fs::create_dir_all(dir.join("prompts")).unwrap();
    fs::write(base.path().join("outside"), "hidden-value").unwrap();
    fs::write(dir.join(".env"), "hidden-value").unwrap();
    fs::write(dir.join("notes"), KEY).unwrap();
    let path = dir.join(SPECIFICATIONS[0]);
    for target in ["../.env", "../notes", "../../outside", "/dev/zero", "app_spec.txt", ".."] {
        symlink(target, &path).unwrap();
        assert_eq!(specification(&dir), None, "{target}");
        fs::remove_file(&path).unwrap();
    }
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_eq!(specification(&dir), None, "a pipe");
}

#[test]
fn p10_content_is_cleared_unless_it_holds_a_key_or_cannot_be_known() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("project");
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(dir.join("notes"), KEY).unwrap();
    fs::write(base.path().join("outside"), "").unwrap();
    symlink("notes", dir.join("link")).unwrap();
    let files = files(&dir);
    let absolute = dir.join("src/main.rs");
    for path in ["src/main.rs", "src", "missing", absolute.to_str().unwrap()] {
        let answer = files.check_content(path);
        assert!(matches!(answer, ReaderAnswer::Done), "{path}: {answer:?}");
    }
    for path in ["notes", "link", "../outside", "/proc/self/environ"] {
        let answer = files.check_content(path);
        assert!(matches!(answer, ReaderAnswer::Denied(_)), "{path}: {answer:?}");
    }
    fs::rename(&dir, base.path().join("moved")).unwrap();
    assert!(matches!(files.check_content("src/main.rs"), ReaderAnswer::Denied(_)));
}

#[test]
fn the_first_line_that_tells_the_language_is_read_in_the_file_s_encoding() {
    let text = "#!/usr/bin/env python3\nprint(1)\nprint(2)\n";
    let wide: Vec<u8> =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = format!("{}\n", "é".repeat(MAX_FIRST_LINE_BYTES));
    for (bytes, first_line) in [
        (text.as_bytes(), "#!/usr/bin/env python3"),
        (&wide, "#!/usr/bin/env python3"),
        (b"#!/bin/sh\r\nls\r\n", "#!/bin/sh"),
        (long.as_bytes(), &"é".repeat(MAX_FIRST_LINE_BYTES / 2)),
        (b"", ""),
    ] {
        let shown = excerpt::of("run", bytes, Some(3), 1, 1000);
        let request = unhighlighted("run", &shown, bytes, 1000);
        assert_eq!(request.first_line, first_line);
    }
}
