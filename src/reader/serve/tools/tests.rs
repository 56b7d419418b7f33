//! The tools of an agent that has none of its own, on projects that mean no good.

use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

use serde_json::json;

use super::*;
use crate::{
    project::{ProjectName, Roots},
    reader::serve::files::tests::files,
};

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nhidden-value\n";

struct Caller {
    _dir: tempfile::TempDir,
    files: ReadableFiles,
}

impl Caller {
    /// An agent in a project with these files.
    fn with(project: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("project");
        for (path, content) in project {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::write(root.parent().unwrap().join("outside.txt"), "hidden-value\n").unwrap();
        Self { _dir: dir, files: files(&root) }
    }

    /// An agent in a group of these projects.
    fn in_group(projects: &[(&str, &[(&str, &str)])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (name, files) in projects {
            for (path, content) in *files {
                let path = root.join(name).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        fs::create_dir(root.join("third")).unwrap();
        fs::write(root.join("third/x.rs"), "hidden-value\n").unwrap();
        let member = |(name, _): &(&str, _)| (ProjectName::mend(name), root.join(name));
        let roots = Roots::of_group(projects.iter().map(member)).unwrap();
        Self { _dir: dir, files: files(roots) }
    }

    fn root(&self) -> &Path {
        self.files.roots().first()
    }

    fn call(&self, tool: &str, arguments: Value) -> CallOutcome {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        call(&self.files, ProjectCall { name: tool.to_owned(), arguments })
    }

    #[track_caller]
    fn text(&self, tool: &str, arguments: Value) -> String {
        let outcome = self.call(tool, arguments);
        assert!(!outcome.is_error, "{}", outcome.text);
        outcome.text
    }

    #[track_caller]
    fn refusal(&self, tool: &str, arguments: Value) -> String {
        let outcome = self.call(tool, arguments);
        assert!(outcome.is_error, "{}", outcome.text);
        outcome.text
    }
}

fn small() -> Caller {
    Caller::with(&[
        ("README.md", b"# Tea\n\nA shop for tea.\n"),
        ("src/main.rs", b"fn main() {\n    brew(3);\n}\n"),
        ("src/tea/brew.rs", b"/// Brews.\npub fn brew(minutes: u32) {}\n"),
        ("tests/brew.rs", b"brew(1);\n"),
    ])
}

#[test]
fn a_file_is_read_however_its_path_is_written() {
    let caller = small();
    let absolute = caller.root().join("src/main.rs");
    for path in ["src/main.rs", "./src/main.rs", "src//main.rs", absolute.to_str().unwrap()] {
        let text = caller.text("read", json!({"path": path}));
        assert_eq!(text, "1\tfn main() {\n2\t    brew(3);\n3\t}\n", "{path}");
    }
    for path in ["src/main.rs:2", "src/main.rs:2-2", "src/main.rs#L2", "./src/main.rs (line 2)"] {
        let text = caller.text("read", json!({"path": path}));
        assert_eq!(text, "2\t    brew(3);\n(The file has 3 lines.)\n", "{path}");
    }
    let text = caller.text("read", json!({"path": "src/main.rs:2", "first_line": "3"}));
    assert_eq!(text, "3\t}\n(The file has 3 lines.)\n");
}

#[test]
fn a_file_that_is_not_there_is_told_with_those_of_its_name() {
    let caller = small();
    for (path, expected) in [
        ("main.rs", "There is no file \"main.rs\" in this project. There is `src/main.rs`."),
        ("lib/Main.rs:3", "There is `src/main.rs`."),
        ("brew.rs", "There is `src/tea/brew.rs`, `tests/brew.rs`."),
        ("x.rs", "Look for it with `glob` or `list`."),
        ("src", "\"src\" is a directory: only files can be shown. Use `list` for it."),
        ("", "is the path of a file"),
    ] {
        let words = caller.refusal("read", json!({"path": path}));
        assert!(words.contains(expected), "{path}: {words}");
    }
}

#[test]
fn files_in_every_encoding_are_read_and_found() {
    let wide: Vec<u8> =
        "\u{feff}eins\ngr\u{fc}n zwei\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = b"// Gr\xf6\xdfe der \xdcberschrift f\xfcr \xc4nderungen\n";
    let caller = Caller::with(&[("wide.txt", &wide), ("latin.c", latin)]);
    let text = caller.text("read", json!({"path": "wide.txt"}));
    assert_eq!(text, "1\teins\n2\tgrün zwei\n(`wide.txt` is encoded in UTF-16LE.)\n");
    let text = caller.text("grep", json!({"pattern": "grün|größe", "ignore_case": true}));
    assert!(text.contains("latin.c\n1: // Größe der"), "{text}");
    assert!(text.contains("wide.txt\n2: grün zwei\n"), "{text}");
}

#[test]
fn p10_what_may_not_be_read_is_refused_by_every_tool_in_the_same_words() {
    let caller = Caller::with(&[
        (".env", b"TOKEN=hidden-value\n"),
        ("notes", KEY.as_bytes()),
        ("config/secrets.yaml", b"a: hidden-value\n"),
        (".ssh/config", b"hidden-value\n"),
        ("plain.txt", b"shown\n"),
    ]);
    let root = caller.root();
    symlink("../outside.txt", root.join("out")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink(".env", root.join("inner")).unwrap();
    symlink("/dev/zero", root.join("zero")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success()
    );
    let outside = root.parent().unwrap().join("outside.txt");
    for (path, expected) in [
        (".env", "may hold secrets and cannot be read"),
        (".env:1", "may hold secrets and cannot be read"),
        ("config%2Fsecrets.yaml", "may hold secrets and cannot be read"),
        ("notes", "may hold secrets and cannot be read"),
        ("inner", "may hold secrets and cannot be read"),
        (".ssh/config", "may hold secrets and cannot be read"),
        ("out", "is outside the project"),
        ("up/outside.txt", "is outside the project"),
        ("../outside.txt", "is not a path within the project"),
        ("src/../../outside.txt", "is not a path within the project"),
        (outside.to_str().unwrap(), "is not a path within the project"),
        ("/etc/passwd", "is not a path within the project"),
        ("~/x", "is outside the project"),
        ("a\0b", "is outside the project"),
        ("zero", "is not a plain file"),
        ("pipe", "is not a plain file"),
    ] {
        for (tool, arguments) in [
            ("read", json!({"path": path})),
            ("grep", json!({"pattern": ".", "path": path})),
            ("glob", json!({"pattern": "*", "path": path})),
        ] {
            let words = caller.refusal(tool, arguments);
            assert!(words.contains(expected), "{tool} {path:?}: {words}");
        }
        let outcome = caller.call("list", json!({"path": path}));
        assert!(!outcome.text.contains("hidden-value"), "{}", outcome.text);
        assert!(outcome.is_error, "{path:?}: {}", outcome.text);
    }
    let text = caller.text("grep", json!({"pattern": "hidden|shown"}));
    assert!(text.starts_with("plain.txt\n1: shown\n"), "{text}");
    assert!(text.contains("Not searched: 1 file (unreadable or secret)"), "{text}");
    assert_eq!(caller.text("glob", json!({"pattern": "*"})).matches('\n').count(), 3);
    let listed = caller.text("list", json!({}));
    for line in
        [".env\tmay hold secrets", ".ssh/\tmay hold secrets", "out\tlink", "pipe\tno plain file"]
    {
        assert!(listed.lines().any(|it| it == line), "no {line} in {listed}");
    }
}

#[test]
fn lines_are_found_everywhere_or_where_it_is_said() {
    let caller = small();
    for (arguments, expected) in [
        (
            json!({"pattern": r"brew\("}),
            "src/main.rs\n2:     brew(3);\n\nsrc/tea/brew.rs\n2: pub fn brew(minutes: u32) {}\n\ntests/brew.rs\n1: brew(1);\n\n(Complete: 3 lines in 3 of 4 files.)\n",
        ),
        (json!({"pattern": r"brew\(", "path": "src/"}), "2 lines in 2 of 2 files"),
        (json!({"pattern": r"brew\(", "path": "src/main.rs"}), "1 line in 1 of 1 file."),
        (json!({"pattern": r"brew\(", "path": "./tests/brew.rs:1"}), "1 line in 1 of 1 file."),
        (json!({"pattern": r"brew\(", "glob": "!tests/"}), "2 lines in 2 of 3 files"),
        (json!({"pattern": r"brew\(", "glob": "*.md"}), "no line matches in 1 file."),
        (
            json!({"pattern": "SHOP", "ignore_case": "true", "context": 1}),
            "README.md\n2- \n3: A shop for tea.\n\n(Complete: 1 line in 1 of 4 files.)",
        ),
        (
            json!({"pattern": "e", "limit": 1}),
            "(Cut at 1 line after 1 of 4 files: there are more in `README.md` or after it. Narrow it with",
        ),
    ] {
        let text = caller.text("grep", arguments.clone());
        assert!(text.contains(expected), "{arguments}: {text}");
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_explained() {
    let caller = small();
    for (pattern, expected) in [
        ("", "The pattern is empty"),
        ("brew(", "unclosed group"),
        ("(?=x)", "look-around"),
        (r"(a)\1", "backreferences are not supported"),
        ("a\\nb", "Each line is matched by itself"),
        (r"((\w{100}){100}){100}", "needs too much memory"),
    ] {
        let words = caller.refusal("grep", json!({"pattern": pattern}));
        assert!(words.contains(expected), "{pattern}: {words}");
    }
    assert!(
        caller.refusal("grep", json!({"pattern": "a".repeat(3000)})).contains("at most 2000 bytes")
    );
    assert!(
        caller.refusal("grep", json!({"pattern": "a", "glob": "[a"})).contains("cannot be used")
    );
}

#[test]
fn p9_a_catastrophic_pattern_a_binary_and_a_huge_file_end_in_time() {
    let line = "a".repeat(900_000);
    let zeros = vec![0_u8; 100_000];
    let caller = Caller::with(&[
        ("line.txt", line.as_bytes()),
        ("lines.txt", "aaaa aaaa\n".repeat(90_000).as_bytes()),
        ("binary.bin", &zeros),
    ]);
    let huge = fs::File::create(caller.root().join("huge.txt")).unwrap();
    huge.set_len(100 << 20).unwrap();
    let since = Instant::now();
    for pattern in ["(a*)*b", "(a|aa)+$x", r"(\w+\s*){1,30}z", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
        let text = caller.text("grep", json!({"pattern": pattern}));
        assert!(text.contains("omplete") || text.contains("too long"), "{pattern}: {text}");
    }
    let text = caller.text("grep", json!({"pattern": "^a", "limit": 1000}));
    assert!(text.len() < MAX_RESULT_BYTES && text.contains("(Cut at "), "{}", text.len());
    let text = caller.text("grep", json!({"pattern": "x"}));
    for words in
        ["1 file (not text)", "1 file (too large)", "Only the beginning was searched of 1 line"]
    {
        assert!(text.contains(words), "{text}");
    }
    let words = caller.refusal("read", json!({"path": "huge.txt"}));
    assert!(words.contains("104857600 bytes; files of at most 1048576 bytes"), "{words}");
    let words = caller.refusal("read", json!({"path": "binary.bin"}));
    assert_eq!(words, "`binary.bin` is not text: it is binary, of 100000 bytes.");
    assert!(caller.text("read", json!({"path": "line.txt"})).contains("(898000 bytes more)"));
    // Each search of the five is bounded.
    assert!(since.elapsed().as_secs() < 60, "{:?}", since.elapsed());
}

#[test]
fn odd_names_are_shown_so_that_they_can_be_read_again() {
    let names =
        ["a\n5: b.txt", "a b.txt", "`x`.txt", "50%.txt", "x%20y.txt", "ünï.txt", "#a:3.txt", "-x"];
    let project: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"found\n"[..])).collect();
    let caller = Caller::with(&project);
    for name in names {
        assert_eq!(caller.text("read", json!({"path": name})), "1\tfound\n", "{name:?}");
    }
    let shown = caller.text("glob", json!({"pattern": "*"}));
    assert_eq!(shown.lines().count(), names.len() + 1, "{shown}");
    for (tool, arguments) in [("grep", json!({"pattern": "found"})), ("list", json!({}))] {
        let shown = caller.text(tool, arguments);
        assert!(!shown.contains("\n5: b.txt"), "{shown}");
        // A name that is shown as a link can be asked for by its address.
        assert!(shown.contains("a%0A5%3A%20b.txt"), "{shown}");
    }
    assert_eq!(caller.text("read", json!({"path": "a%0A5%3A%20b.txt"})), "1\tfound\n");
}

#[test]
fn directories_are_listed_with_sizes_and_what_cannot_be_read_is_marked() {
    let caller = Caller::with(&[
        (".gitignore", b"target\n"),
        ("target/out.txt", b"x"),
        ("src/a.rs", b"12345"),
        ("src/b/c.rs", b"x"),
    ]);
    fs::create_dir(caller.root().join(".git")).unwrap();
    fs::create_dir(caller.root().join("empty")).unwrap();
    let nothing = "no file that is searched: empty, ignored or hidden";
    assert_eq!(
        caller.text("list", json!({})),
        format!(".gitignore\t7 bytes\nempty/\t{nothing}\nsrc/\t2 files\ntarget/\t{nothing}\n")
    );
    assert_eq!(caller.text("list", json!({"path": "./src/"})), "a.rs\t5 bytes\nb/\t1 file\n");
    assert_eq!(caller.text("list", json!({"path": "empty"})), "(The directory is empty.)\n");
    let words = caller.refusal("list", json!({"path": "src/a.rs"}));
    assert_eq!(words, "\"src/a.rs\" is a file: use `read` for it.");
    assert!(caller.refusal("list", json!({"path": "b"})).contains("There is no file \"b\""));
    let words = caller.refusal("grep", json!({"pattern": "x", "path": "target"}));
    assert!(words.starts_with("No file in \"target\" is searched. Ignored"), "{words}");
    // By its path, an ignored file is read as everywhere.
    assert_eq!(caller.text("read", json!({"path": "target/out.txt"})), "1\tx\n");
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let paths: Vec<String> = (0..700).map(|n| format!("many/file-{n:03}.txt")).collect();
    let project: Vec<(&str, &[u8])> =
        paths.iter().map(|path| (path.as_str(), &b"x\n"[..])).collect();
    let caller = Caller::with(&project);
    let shown = caller.text("glob", json!({"pattern": "*.txt"}));
    assert!(shown.ends_with("(Cut: 300 of 700 files. Narrow `pattern` or `path`.)\n"), "{shown}");
    let shown = caller.text("list", json!({"path": "many"}));
    assert!(shown.ends_with("(Cut: the first 500 of 700; use `glob`.)\n"), "{shown}");
    let shown = caller.text("grep", json!({"pattern": "x", "limit": 600}));
    assert!(shown.contains("(Cut at 500 lines after 501 of 700 files"), "{shown}");
}

#[test]
fn features_and_questions_are_answered_as_by_the_server_of_their_own() {
    let caller = small();
    let stats = caller.text("feature_get_stats", json!({}));
    assert!(stats.contains("\"total\": 0"), "{stats}");
    let question =
        json!({"question": "Which tea?", "header": "Tea", "options": [{"label": "Green"}]});
    let text = caller.text("ask_user", json!({"questions": [question]}));
    assert!(text.contains("End your turn now"), "{text}");
    let words = caller.refusal("ask_user", json!({"questions": []}));
    assert!(words.ends_with("`questions` must have 1 to 10 items"), "{words}");
    let words = caller.refusal("feature_get_by_id", json!({}));
    assert!(words.contains("feature_id\n  Field required"), "{words}");
    assert_eq!(caller.refusal("write", json!({})), "Unknown tool: write");
}

#[test]
fn an_argument_that_a_tool_lacks_is_told_behind_its_result() {
    let caller = small();
    let text = caller.text("glob", json!({"pattern": "main.rs", "head_limit": 5}));
    assert_eq!(
        text,
        "src/main.rs\n(Complete: 1 file.)\n\n(`glob` has no argument `head_limit`, which was ignored.)"
    );
    let words = caller.refusal("read", json!({"file_path": "src/main.rs"}));
    assert!(words.starts_with("`read` was not run: `path` is missing."), "{words}");
}

fn platform() -> Caller {
    Caller::in_group(&[
        (
            "api",
            &[
                ("README.md", "# Api\n"),
                ("src/main.rs", "/// Pours tea.\npub fn pour_tea() {}\n"),
                (".env", "hidden-value\n"),
                (".gitignore", "ignored.rs\n"),
                ("ignored.rs", "fn ignored_here() {}\n"),
            ],
        ),
        (
            "web",
            &[
                ("src/page.ts", "export function brewCoffee() {}\n"),
                ("ignored.rs", "fn not_ignored_here() {}\n"),
                ("Makefile", "all:\n\techo\n"),
            ],
        ),
    ])
}

#[test]
fn the_tools_span_the_projects_of_a_group_and_name_each_file_by_its_project() {
    let caller = platform();
    let absolute = caller.root().with_file_name("web").join("src/page.ts");
    for path in ["web:src/page.ts", "web/src/page.ts", absolute.to_str().unwrap()] {
        let text = caller.text("read", json!({"path": path}));
        assert_eq!(text, "1\texport function brewCoffee() {}\n", "{path}");
    }
    let text = caller.text("read", json!({"path": "web:Makefile:2"}));
    assert_eq!(text, "2\t\techo\n(The file has 2 lines.)\n");
    let all = caller.text("glob", json!({"pattern": "*.{rs,ts}"}));
    assert_eq!(all, "api:src/main.rs\nweb:ignored.rs\nweb:src/page.ts\n(Complete: 3 files.)\n");
    for pattern in ["web:**/*.ts", "web/src/*", "src/*.ts"] {
        let found = caller.text("glob", json!({"pattern": pattern}));
        assert_eq!(found, "web:src/page.ts\n(Complete: 1 file.)\n", "{pattern}");
    }
    let found = caller.text("grep", json!({"pattern": "fn|function"}));
    for place in ["api:src/main.rs", "web:src/page.ts", "web:ignored.rs"] {
        assert!(found.contains(place), "{found}");
    }
    let found = caller.text("grep", json!({"pattern": "fn|function", "path": "api:"}));
    assert!(found.contains("api:src/main.rs") && !found.contains("web:"), "{found}");
    assert_eq!(caller.text("list", json!({})), "api:\t2 files\nweb:\t3 files\n");
    let list = caller.text("list", json!({"path": "web"}));
    assert_eq!(list, "Makefile\t11 bytes\nignored.rs\t25 bytes\nsrc/\t1 file\n");
    let outline = caller.text("outline", json!({"path": "web:"}));
    assert!(outline.contains("src/\t1 files\n") && outline.contains("Makefile"), "{outline}");
    assert_eq!(caller.text("outline", json!({})), "api:\t2 files\nweb:\t3 files\n");
    for (query, place) in
        [("Where is tea poured?", "`api:src/main.rs:"), ("brew coffee", "`web:src/page.ts:")]
    {
        let found = caller.text("search", json!({"query": query}));
        assert!(found.starts_with(place), "{query}: {found}");
    }
}

#[test]
fn p10_nothing_beside_the_projects_of_a_group_is_read_by_any_path() {
    let caller = platform();
    let third = caller.root().with_file_name("third");
    symlink(&third, caller.root().join("out")).unwrap();
    symlink("../web", caller.root().join("across")).unwrap();
    for path in [
        "third:x.rs",
        "third/x.rs",
        "../third/x.rs",
        "api:../third/x.rs",
        "api:../web/src/page.ts",
        "web:../api/src/main.rs",
        "api:/../third/x.rs",
        "api:out/x.rs",
        "api:across/src/page.ts",
        "api:.env",
        "web:../api/.env",
        "api:web:src/page.ts",
        third.join("x.rs").to_str().unwrap(),
        "src/page.ts",
        ":src/page.ts",
    ] {
        let words = caller.refusal("read", json!({"path": path}));
        assert!(
            !words.contains("hidden-value") && !words.contains("brewCoffee()"),
            "{path}: {words}"
        );
    }
    let words = caller.refusal("read", json!({"path": "src/page.ts"}));
    assert!(words.contains("There is `web:src/page.ts`."), "{words}");
    let found = caller.text("grep", json!({"pattern": "hidden-value|ignored_here"}));
    assert!(!found.contains("hidden-value") && !found.contains("fn ignored_here"), "{found}");
}
