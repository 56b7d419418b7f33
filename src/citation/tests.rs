//! References are read as they are written, and judged as they deserve: through Markdown, against a
//! real project with odd names.

use std::{collections::BTreeMap, fs, path::Path};

use proptest::prelude::*;

use super::{Citation, Doubt, check::check, project_files::ProjectFiles, written};
use crate::{
    markdown,
    policy::{Policy, Secrets},
};

/// The places that an answer names: path and lines.
fn read(markdown: &str) -> Vec<(String, Option<u32>, Option<u32>)> {
    let references = markdown::references(markdown);
    let places = references.iter().map(|it| &it.reference);
    places.map(|it| (it.path.clone(), it.line, it.end_line)).collect()
}

/// Names as git allows them.
fn any_name() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        " ", "&", "#", ":", "\"", "'", "`", "%20", "\n", "🎉", "é", "e\u{301}", "测试", "بحث", "[",
        "]", "(", ")", "*", "_", "__", "$", "\\", "?", "<", ">", "|", "~", "\t", "\u{202e}", "..",
        "@", ",", "%",
    ]);
    let piece = prop_oneof![2 => "[a-zA-Z0-9._-]{1,6}", 1 => odd.prop_map(str::to_owned)];
    let component = prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    let is_name = |name: &String| name != "." && name != ".." && !name.is_empty();
    let component = component.prop_filter("a name", is_name);
    let extension = prop::sample::select(vec![".rs", ".md", ".py", "", ".weird"]);
    (prop::collection::vec(component, 1..4), extension)
        .prop_map(|(parts, extension)| format!("{}{extension}", parts.join("/")))
}

#[test]
fn a_name_that_looks_like_a_formula_is_read_as_the_same_place() {
    for path in ["[/\\", "(/\\)", "a\\[b/\\]"] {
        let text = written::file(path);
        assert_eq!(read(&text), [(path.to_owned(), None, None)], "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn what_the_guide_writes_is_read_as_the_same_place(
        path in any_name(), first in 1u32..2000, more in 0u32..50,
    ) {
        let last = (more > 0).then_some(first + more);
        for around in [("", ""), ("- ", ": fn `a`.\n"), ("See ", ", “x”"), ("| a |\n|---|\n| ", " |\n"), ("请看", "。")] {
            let text = format!("{}{}{}", around.0, written::lines(&path, first, first + more), around.1);
            let expected = vec![(path.clone(), Some(first), last)];
            prop_assert_eq!(read(&text), expected, "{}", text);
        }
        let text = written::file(&path);
        prop_assert_eq!(read(&text), vec![(path.clone(), None, None)], "{}", text);
    }
}

/// Files of the project, each with ten lines.
const FILES: [&str; 20] = [
    "src/main.rs",
    "src/web/files/excerpt.rs",
    "src/__tests__/a.ts",
    "src/__init__.py",
    "app/[id]/page.tsx",
    "app/(group)/layout.tsx",
    "docs/my file.md",
    "docs/a&b.md",
    "docs/c#.md",
    "docs/d:e.md",
    "docs/it's.md",
    "docs/über.md",
    "docs/e\u{301}t\u{e9}.md",
    "文档/读我.md",
    "문서/설명.md",
    "docs/بحث.md",
    "docs/🎉.md",
    "routes/$slug.tsx",
    "deep/a/b/c/unique_name.go",
    "pkg/test_a.py",
];

/// How tools and people write a place: `P` is the path, `N` its name, `E` the path encoded. The second
/// column tells whether line 2 is named; forms without a code span or a link fit plain names only.
const FORMS: [(&str, bool); 32] = [
    ("See `P`.", false),
    ("See `P:2`.", true),
    ("In `P:2-5` it is", true),
    ("`P:2:5`", true),
    ("`P:2-5,7`", true),
    ("`P#L2`", true),
    ("`P#L2-L4`", true),
    ("`P#L2C5-L4`", true),
    ("`P?plain=1#L2`", true),
    ("`P (line 2)`", true),
    ("`P` (line 2)", true),
    ("`P(2,5)`: error", true),
    ("lines 2–5 of `P`", true),
    ("`a/P` and `b/P`", false),
    ("`/P:2`", true),
    ("`./P:2`", true),
    ("`@P`", false),
    ("`P::test_it`", false),
    ("`P:run`", false),
    ("`W:2`", true),
    ("[here](<P#L2>)", true),
    ("[here](E#L2)", true),
    ("[here](file://ROOT/E#L2)", true),
    ("`ROOT/P:2`", true),
    ("[code](https://github.com/own/app/blob/main/E#L2)", true),
    ("请看`P:2`，然后", true),
    ("`P:2`를 보세요", true),
    ("راجع `P:2`، ثم", true),
    ("**`P:2`**です", true),
    ("| a |\n|---|\n| `P:2` |\n", true),
    ("- > `P:2`", true),
    ("~~~\nP:2: text\n~~~", true),
];

/// Forms in running text, for names that need no quotes.
const PLAIN_FORMS: [(&str, bool); 14] = [
    ("See P.", false),
    ("See P:2.", true),
    ("(P:2-5)", true),
    ("--- a/P", false),
    ("+++ b/P", false),
    ("P:2:5: error", true),
    ("P (line 2)", true),
    ("P, line 2", true),
    ("line 2 of P", true),
    ("请看P:2，然后", true),
    ("P를 보세요", false),
    ("「P」", false),
    ("راجع P:2، ثم", true),
    ("**P**", false),
];

/// Texts that name nothing in the project, and do not claim to.
const DENIALS: [&str; 24] = [
    "There is no `config.yaml`.",
    "It is not in `/etc/nginx/nginx.conf`.",
    "The project has no `package.json`.",
    "Node.js and Vue.js",
    "There is no setup.py here",
    "/etc/hosts",
    "`/etc/nginx/nginx.conf:12`",
    "`~/.bashrc`",
    "`github.com/a/b.go`",
    "docker.io/library/redis:7",
    "`library/redis:7`",
    "`localhost:8080`",
    "`../other/x.rs:3`",
    "`std::fs::read`",
    "`self.name`",
    "[x](https://github.com/other/app/blob/main/src/main.rs#L2)",
    "https://example.com/src/main.rs",
    "`cargo run src/x.rs`",
    "`dist/bundle.js`",
    "and/or, e.g. 1.2.3",
    "`origin/main`",
    "`feature/login.page`",
    "There are no tests/e2e/*.spec.ts files",
    "`Cargo.lock` is missing",
];

/// References that claim a place which does not exist.
const CLAIMS: [&str; 20] = [
    "`src/gone.rs`",
    "`src/gone.rs:3`",
    "src/gone.rs:3",
    "`src/main.rs:99`",
    "src/main.rs:99-120",
    "`main.rs:11`",
    "`gone.rs:3`",
    "`a/src/gone.rs`",
    "`src\\gone.rs:3`",
    "`docs/my other file.md`",
    "[x](docs/other%20file.md)",
    "`docs/main.rs:2`",
    "请看src/gone.rs:3，然后",
    "`src/gone.rs#L3`",
    "line 3 of `src/gone.rs`",
    "`/src/gone.rs`",
    "`@src/gone.rs`",
    "src/gone.rs (line 2)",
    "`文档/没有.md`",
    "`src/main.rs:0`",
];

fn project(root: &Path) -> ProjectFiles {
    for file in FILES {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x\n".repeat(10)).unwrap();
    }
    fs::create_dir(root.join(".git")).unwrap();
    fs::write(root.join(".git/config"), "[remote \"origin\"]\nurl = git@github.com:own/app.git\n")
        .unwrap();
    ProjectFiles::new(
        Policy::new(root.to_owned(), Secrets::new(&[]).unwrap()),
        root.to_owned(),
        4096,
    )
}

/// How an answer's first reference is shown.
fn shown(project: &ProjectFiles, markdown: &str) -> (&'static str, Option<Citation>) {
    let citations = check(project, &markdown::references(markdown), &[]);
    let state = match citations.first() {
        Some(it) if it.found => "linked",
        Some(it) if it.doubt.is_none() => "struck",
        _ => "plain",
    };
    (state, citations.into_iter().next())
}

fn is_plain_name(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    path.chars().all(is_plain)
}

#[test]
fn of_400_references_on_odd_names_no_true_one_is_struck_and_no_false_one_linked() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let project = project(&root);
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut note = |kind: &'static str, expected: &[&str], file: &str, text: &str| {
        let (state, citation) = shown(&project, text);
        *counts.entry((kind, state)).or_default() += 1;
        let leads = citation.as_ref().map(|it| it.file.as_ref().unwrap_or(&it.reference.path));
        let is_right = state != "linked" || file.is_empty() || leads.is_some_and(|it| it == file);
        if !expected.contains(&state) || !is_right {
            wrong.push(format!("{kind} {file:?} is {state} in {text:?}: {citation:?}"));
        }
    };
    let forms =
        FORMS.iter().map(|form| (form, false)).chain(PLAIN_FORMS.iter().map(|form| (form, true)));
    let cases: Vec<_> = forms
        .enumerate()
        .flat_map(|(at, (form, is_plain))| {
            FILES.iter().enumerate().map(move |it| (at, form, is_plain, it))
        })
        .filter(|(_, _, is_plain, (_, file))| !is_plain || is_plain_name(file))
        // A third of all pairs, each form and each name many times.
        .filter(|(at, _, is_plain, (number, _))| *is_plain || (at + number) % 3 != 1)
        .collect();
    for (_, (form, _), _, (_, file)) in cases {
        // The root last: it may have any letters.
        let text = form
            .replace('P', file)
            .replace('W', &file.replace('/', "\\"))
            .replace('E', &super::address::percent_encoded(file))
            .replace("ROOT", root.to_str().unwrap());
        let is_listing = form.starts_with("~~~");
        let expected: &[&str] =
            if is_listing && !is_plain_name(file) { &["linked", "plain"] } else { &["linked"] };
        note("true", expected, if is_listing { "" } else { file }, &text);
    }
    for text in DENIALS {
        note("absent", &["plain"], "", text);
    }
    for text in CLAIMS {
        note("false", &["struck"], "", text);
    }
    let total: usize = counts.values().sum();
    for ((kind, state), count) in &counts {
        println!("{kind:>7} {state:>7} {count:>4}");
    }
    println!("{total} references");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(total >= 400, "{total}");
}

#[test]
fn a_doubt_tells_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let project = project(&root);
    let write = |path: &str| {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), "x\n".repeat(10)).unwrap();
    };
    write("one/mod.rs");
    write("two/mod.rs");
    write("target/out.rs");
    fs::write(root.join(".gitignore"), "target/\n").unwrap();
    fs::write(root.join("two/short.rs"), "x\n").unwrap();
    write("one/short.rs");
    std::os::unix::fs::symlink("loop.rs", root.join("loop.rs")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", root.join("src/link.rs")).unwrap();
    for (text, doubt, why, candidates) in [
        ("`mod.rs:2`", Some(Doubt::Ambiguous), "it is ambiguous: 2 files have this name", 2),
        ("`out.rs:2`", Some(Doubt::Unchecked), "it is ignored or hidden", 0),
        ("`loop.rs:2`", Some(Doubt::Unchecked), "its links lead in a circle", 0),
        (
            "`src/link.rs:2`",
            Some(Doubt::Unchecked),
            "it is a link that leads out of the project",
            0,
        ),
        (
            "`config/secrets.json:2`",
            Some(Doubt::Unchecked),
            "it may hold secrets and is not shown",
            0,
        ),
        ("`/etc/nginx/nginx.conf`", Some(Doubt::Absent), "it is not in the project", 0),
        ("`config.yaml`", Some(Doubt::Absent), "there is no such file in the project", 0),
        ("`src/excerpt.rs:2`", None, "it is not at that path, but at src/web/files/excerpt.rs", 1),
        ("`src/gone.rs`", None, "there is no such file", 0),
    ] {
        let (_, citation) = shown(&project, text);
        let citation = citation.unwrap_or_else(|| panic!("{text}"));
        assert_eq!(citation.why.as_deref(), Some(why), "{text}");
        assert_eq!((citation.doubt, citation.candidates.len()), (doubt, candidates), "{text}");
    }
    // Only one of the two has the line.
    let (state, citation) = shown(&project, "`short.rs:7`");
    assert_eq!((state, citation.unwrap().file.as_deref()), ("linked", Some("one/short.rs")));
}

#[test]
fn what_older_versions_stored_still_loads() {
    let old =
        r#"{"path":"src/a.rs","line":2,"found":false,"why":"there is no such file","read":false}"#;
    let citation: Citation = serde_json::from_str(old).unwrap();
    assert_eq!((citation.doubt, citation.candidates.len()), (None, 0));
    assert_eq!(serde_json::to_string(&citation).unwrap(), old);
}
