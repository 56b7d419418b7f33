//! File roles: source, test, example, prose, data or foreign, by the path.
//!
//! Questions are about sources unless they say otherwise, so all other roles rank lower.

use std::path::Path;

use crate::project::roots;
use crate::source::language::Language;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum FileRole {
    Source,
    /// A test, a benchmark or its data.
    Test,
    Example,
    Prose,
    Data,
    /// Generated or vendored.
    Foreign,
}

const TEST_FOLDERS: &[&str] = &[
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "testing",
    "t",
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "__mocks__",
    "mocks",
    "e2e",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "fuzz",
    "integration",
    "integration_tests",
    "smoke",
];
const EXAMPLE_FOLDERS: &[&str] = &[
    "example",
    "examples",
    "demo",
    "demos",
    "sample",
    "samples",
    "playground",
    "tutorial",
    "tutorials",
    "extras",
    "extra",
];
const PROSE_FOLDERS: &[&str] = &["doc", "docs", "documentation", "website", "wiki"];
const FOREIGN_FOLDERS: &[&str] = &[
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "thirdparty",
    "node_modules",
    "bower_components",
    "external",
    "generated",
    "__generated__",
    "gen",
    "dist",
    "build",
    "out",
    "target",
    "site-packages",
    "venv",
    "deps",
    "migrations",
    "locale",
    "locales",
    "translations",
    "_vendor",
    "min",
    "coverage",
    "snapshots",
    "__snapshots__",
];
const FOREIGN_ENDINGS: &[&str] = &[
    ".min.js",
    ".min.css",
    ".lock",
    "package-lock.json",
    "-lock.yaml",
    "_pb2.py",
    ".pb.go",
    ".pb.rs",
    ".g.dart",
    ".map",
    ".snap",
    ".svg",
    ".po",
    ".pot",
    ".orig",
    ".bundle.js",
    ".generated.ts",
    ".d.ts",
    ".d.mts",
    ".d.cts",
    "_generated.go",
];

/// Names of files in which programs start, the surest first.
const STARTS: &[&str] = &[
    "main.rs",
    "main.go",
    "__main__.py",
    "main.py",
    "manage.py",
    "main.java",
    "application.java",
    "main.kt",
    "application.kt",
    "program.cs",
    "main.c",
    "main.cc",
    "main.cpp",
    "main.swift",
    "main.ts",
    "main.tsx",
    "main.js",
    "main.jsx",
    "server.ts",
    "server.js",
    "server.py",
    "app.py",
    "wsgi.py",
    "app.ts",
    "app.js",
    "app.rb",
    "index.ts",
    "index.tsx",
    "index.js",
    "index.php",
];

/// How many of them name nothing else, wherever they are.
const N_SURE_STARTS: usize = 18;

/// How surely a program starts in the file at `path`, by its name, the surest first; `None` if it does
/// not. The first number tells those that are named for it from others, which are at most one folder deep.
pub(crate) fn start_rank(path: &Path) -> Option<(bool, usize)> {
    let path = roots::inner(path);
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let is_source = of(path, Language::of(path)) == FileRole::Source;
    let rank = STARTS.iter().position(|start| *start == name).filter(|_| is_source)?;
    let is_other = rank >= N_SURE_STARTS;
    (!is_other || path.components().count() <= 2).then_some((is_other, rank))
}

/// Whether a directory of this name, in lower case, holds vendored or generated files.
pub(crate) fn is_foreign_folder(name: &str) -> bool {
    FOREIGN_FOLDERS.contains(&name)
}

/// The role of the file at a path of the project.
pub(crate) fn of(path: &Path, language: Language) -> FileRole {
    let lower = roots::inner(path).to_string_lossy().to_lowercase();
    let folders: Vec<&str> = lower.split('/').collect();
    let Some((name, folders)) = folders.split_last() else {
        return FileRole::Data;
    };
    let is_in = |list: &[&str]| folders.iter().any(|folder| list.contains(folder));
    let is_migration = language == Language::Sql && is_in(&["migration", "migrate"]);
    if is_in(FOREIGN_FOLDERS)
        || is_migration
        || FOREIGN_ENDINGS.iter().any(|ending| name.ends_with(ending))
    {
        FileRole::Foreign
    } else if is_in(TEST_FOLDERS) || is_test_name(name) {
        FileRole::Test
    } else if is_in(EXAMPLE_FOLDERS) {
        FileRole::Example
    } else if language.is_prose() || is_in(PROSE_FOLDERS) {
        FileRole::Prose
    } else if language.is_code() || language == Language::Css || language == Language::Markup {
        FileRole::Source
    } else {
        FileRole::Data
    }
}

fn is_test_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem == "tests"
        || stem == "test"
        || stem == "conftest"
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("_spec")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.contains("-test.")
        || name.contains(".test-d.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_starts_in_a_file_that_is_named_for_it() {
        let rank = |path: &str| start_rank(Path::new(path));
        assert!(rank("src/main.cpp").is_some_and(|(is_other, _)| !is_other));
        assert!(rank("cmd/shop/main.go") < rank("src/index.ts"));
        assert_eq!(rank("src/store/app.ts"), None);
        assert_eq!(rank("tests/main.rs"), None);
        assert!(STARTS[..N_SURE_STARTS].iter().all(|it| !it.starts_with("index")));
        assert_eq!(STARTS[N_SURE_STARTS], "server.ts");
    }

    #[test]
    fn a_path_tells_the_role() {
        for (path, role) in [
            ("src/pool.rs", FileRole::Source),
            ("src/pool/tests.rs", FileRole::Test),
            ("tests/it/pool.rs", FileRole::Test),
            ("web/App.test.tsx", FileRole::Test),
            ("lib/contest.py", FileRole::Source),
            ("examples/chat.rs", FileRole::Example),
            ("README.md", FileRole::Prose),
            ("docs/conf.py", FileRole::Prose),
            ("vendor/jquery/jquery.js", FileRole::Foreign),
            ("web/app.min.js", FileRole::Foreign),
            ("Cargo.toml", FileRole::Data),
            ("store/migration/sqlite/0.5/users.sql", FileRole::Foreign),
            ("store/migration/run.go", FileRole::Source),
        ] {
            let path = Path::new(path);
            assert_eq!(of(path, Language::of(path)), role, "{}", path.display());
        }
    }
}
