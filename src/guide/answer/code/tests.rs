//! The text of answers about code.

use super::*;

fn defined(kind: &'static str, name: &str, line: u32, summary: &str) -> Definition {
    Definition { kind, name: name.into(), line, summary: summary.into() }
}

fn place(path: &str, summary: &str) -> CitedPassage {
    CitedPassage {
        file: 0,
        path: path.to_owned(),
        line: 7,
        text: "fn evict() {".to_owned(),
        definition: Some(defined("fn", "evict", 7, summary)),
        quoted: 7..9,
        ends: 8,
        value: None,
        also: None,
        quote: "fn evict() {\n}".to_owned(),
        fence: "rust",
    }
}

fn used(path: &str, line: u32, text: &str) -> Use {
    let within = (path != "README.md").then(|| defined("fn", "sweep", 1, ""));
    Use { path: path.to_owned(), line, text: text.to_owned(), within }
}

fn findings() -> CodeFindings {
    let callers = vec![used("src/c.rs", 2, "evict();")];
    CodeFindings {
        places: vec![place("src/a.rs", "Throws old ones away."), place("src/b.rs", "")],
        about_file: "A cache.".to_owned(),
        neighbours: vec![(3, "fn".to_owned(), "keep".to_owned(), String::new())],
        calls: Calls { callers, ..Calls::default() },
        wants_steps: false,
        confidence: 1.0,
        is_continued: false,
        unknown: Vec::new(),
        left_out: None,
    }
}

#[test]
fn an_answer_cites_quotes_and_lists() {
    let mut findings = findings();
    findings.places[1].also = Some(defined("fn", "age", 12, "Tells the age."));
    expect_test::expect![[r#"
        The best match is fn `evict` at `src/a.rs:7`, “Throws old ones away.”

        The file says of itself: “A cache.”

        ```rust
        fn evict() {
        }
        ```
        `src/a.rs:7-8`

        **Next best places**:

        - `src/b.rs:7`: fn `evict`. Also fn `age` at `src/b.rs:12`, “Tells the age.”

        **Around it** in `src/a.rs`:

        - `src/a.rs:3`: fn `keep`.

        **Used from**:

        - `src/c.rs:2` in fn `sweep`: `evict();`
    "#]]
    .assert_eq(&text(&findings));
}

#[test]
fn how_is_answered_along_the_calls() {
    let mut findings = findings();
    findings.wants_steps = true;
    findings.places.truncate(1);
    findings.about_file.clear();
    let definition = defined("fn", "drop_key", 20, "Drops one.");
    findings.calls.callees = vec![Callee { path: "src/d.rs".to_owned(), definition }];
    findings.calls.tests = vec![used("tests/a.rs", 4, "evict();")];
    findings.calls.documents = vec![used("README.md", 9, "`evict` sweeps")];
    expect_test::expect![[r#"
        The best match is fn `evict` at `src/a.rs:7`, “Throws old ones away.”

        ```rust
        fn evict() {
        }
        ```
        `src/a.rs:7-8`

        **Step by step**, along the calls that I find by name:

        1. Called from `src/c.rs:2` in fn `sweep`: `evict();`
        2. fn `evict` at `src/a.rs:7` runs, quoted above
        3. It calls fn `drop_key` at `src/d.rs:20`, “Drops one.”
        4. Tested in `tests/a.rs:4` in fn `sweep`: `evict();`
        5. Described in `README.md:9`: `'evict' sweeps`
    "#]]
    .assert_eq(&text(&findings));
}

#[test]
fn a_constant_is_told_with_its_value_and_a_cut_quote_with_its_end() {
    let mut findings = findings();
    findings.places[0].value = Some("`60` (seconds)".to_owned());
    findings.places[0].ends = 90;
    let text = text(&findings);
    assert!(text.contains("“Throws old ones away.” Its value is `60` (seconds).\n"), "{text}");
    assert!(
        text.contains("`src/a.rs:7-8`, only its beginning: it ends at `src/a.rs:90`\n"),
        "{text}"
    );
}

#[test]
fn a_doubtful_answer_says_so_and_quotes_nothing() {
    let findings =
        CodeFindings { confidence: 0.3, unknown: vec!["unicorn".to_owned()], ..findings() };
    let left_out = Some("I have not looked at 1 file that is hidden.".to_owned());
    let partial = super::text(&CodeFindings { left_out, ..findings.clone() });
    assert!(!partial.contains("Nothing in the project"), "{partial}");
    assert!(partial.contains("1 file that is hidden."), "{partial}");
    let doubtful = super::text(&findings);
    assert!(doubtful.starts_with("I am not sure; these 2 places are the likeliest:"), "{doubtful}");
    assert!(doubtful.contains("Nothing in the project says “unicorn”"), "{doubtful}");
    assert!(!doubtful.contains("```"), "{doubtful}");
    let sure = super::text(&CodeFindings { confidence: 1.0, ..findings });
    assert!(!sure.contains("unicorn"), "{sure}");
}

#[test]
fn a_quote_with_a_fence_gets_a_longer_one() {
    assert_eq!(fence_for("a\n```rust\n```\n"), "````");
    assert_eq!(fence_for("a"), "```");
}
