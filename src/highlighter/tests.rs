//! Highlighting in the background: results, prefetching, limits and release.

use std::time::Duration;

use super::*;

pub(super) fn settings() -> HighlightingSettings {
    HighlightingSettings {
        block_bytes: 100,
        file_bytes: 100,
        line_bytes: 50,
        timeout: Duration::from_secs(60),
        cache_bytes: 200,
        idle_timeout: Duration::from_secs(60),
    }
}

fn highlighter() -> Highlighter {
    Highlighter::new(&settings())
}

fn block(language: &str, code: &str) -> Arc<CodeBlock> {
    Arc::new(CodeBlock { language: language.to_owned(), code: code.to_owned() })
}

#[actix::test]
async fn what_is_unknown_or_too_long_stays_plain() {
    let highlighter = highlighter();
    assert_eq!(highlighter.block(&block("klingon", "let a;\n")).await, None);
    assert_eq!(highlighter.block(&block("rust", &"let a;\n".repeat(15))).await, None);
    let long = highlighter.block(&block("rust", &format!("let {};\n", "a".repeat(50)))).await;
    assert!(!long.unwrap().0.contains('<'));
}

#[actix::test]
async fn highlighting_ends_at_its_timeout() {
    let highlighter =
        Highlighter::new(&HighlightingSettings { timeout: Duration::ZERO, ..settings() });
    let (html, is_whole) = highlighter.block(&block("rust", "let a;\n")).await.unwrap();
    assert_eq!((&*html, is_whole), ("let a;\n", false));
}

/// Prefetches a block and waits for that.
async fn prefetched(highlighter: &Highlighter, language: &str, code: &str) {
    highlighter.prefetch(block(language, code));
    drop(highlighter.0.open_permits.acquire().await.unwrap());
}

#[actix::test]
async fn a_prefetched_block_has_the_same_html() {
    let code = "let a = \"b\n\nc\"; // d\n/* e\n*/ f!();\n";
    let (whole, _) = highlighter().block(&block("rust", code)).await.unwrap();
    for (first, then, read) in
        [(9, 12, 12), (10, 19, 12), (19, 24, 21), (24, 25, 21), (35, 35, 35), (12, 9, 12)]
    {
        let highlighter = highlighter();
        prefetched(&highlighter, "rust", &code[..first]).await;
        prefetched(&highlighter, "rust", &code[..then]).await;
        let finished = highlighter.finish(&block("rust", code)).await.unwrap();
        assert_eq!(
            (finished.html.as_str(), finished.prefetched_bytes),
            (&*whole, read),
            "{first} {then}"
        );
    }
}

#[actix::test]
async fn a_replaced_block_starts_anew_and_a_finished_one_is_gone() {
    let highlighter = highlighter();
    prefetched(&highlighter, "rust", "a;\n").await;
    prefetched(&highlighter, "rust", "b;\nc;\n").await;
    for (language, code, read) in [
        ("rust", "b;\nd;\n", 0),
        ("rust", "b;\nc;\n", 6),
        ("rust", "b;\nc;\n", 0),
        ("py", "a;\n", 0),
    ] {
        let finished = highlighter.finish(&block(language, code)).await.unwrap();
        assert_eq!(finished.prefetched_bytes, read, "{code:?}");
    }
}

#[actix::test]
async fn a_block_that_cannot_be_highlighted_is_not_prefetched() {
    let highlighter = highlighter();
    for (language, code) in [("klingon", "a\n"), ("rust", &"let a;\n".repeat(15)), ("rust", "")] {
        prefetched(&highlighter, language, code).await;
        prefetched(&highlighter, language, &format!("{code}a\n")).await;
    }
    assert!(highlighter.finish(&block("klingon", "a\na\n")).await.is_none());
    assert_eq!(highlighter.finish(&block("rust", "a\n")).await.unwrap().prefetched_bytes, 2);
}

#[actix::test]
async fn a_block_that_closes_while_it_is_prefetched_is_not_highlighted_twice() {
    let highlighter = highlighter();
    let code = block("rust", "let a = \"b\nc\";\n");
    highlighter.prefetch(Arc::clone(&code));
    assert_eq!(highlighter.finish(&code).await.unwrap().prefetched_bytes, code.code.len());
}

#[actix::test]
async fn all_memory_is_released_when_nothing_has_been_highlighted_for_a_while() {
    let highlighter =
        Highlighter::new(&HighlightingSettings { idle_timeout: Duration::ZERO, ..settings() });
    for _ in 0..2 {
        let (html, _) = highlighter.block(&block("rust", "let a;\n")).await.unwrap();
        assert!(html.contains("keyword"));
        highlighter.prefetch(block("rust", "let b;\n"));
        let is_there = || {
            let has_grammars = highlighter.0.context.grammars().is_some();
            let memory = highlighter.0.memory();
            has_grammars || memory.used.is_some() || !memory.prefetched.is_empty()
        };
        while is_there() {
            tokio::task::yield_now().await;
        }
    }
}

#[actix::test]
async fn an_excerpt_knows_the_lines_before_it_as_far_as_there_is_room() {
    let highlighter = highlighter();
    let excerpt = |before: &str, shown: &str| HighlightRequest {
        path: "a.rs".into(),
        first_line: String::new(),
        before: before.to_owned(),
        shown: shown.into(),
    };
    let comment = ["<span class=\"comment\">let a;</span>"];
    let code = ["<span class=\"keyword\">let</span> a;"];
    assert_eq!(highlighter.excerpt(excerpt("/*\n", "let a;")).await, comment);
    assert_eq!(
        highlighter.excerpt(excerpt(&format!("/*{}", "\n".repeat(90)), "let a;")).await,
        comment
    );
    assert_eq!(
        highlighter.excerpt(excerpt(&format!("/*{}", "\n".repeat(99)), "let a;")).await,
        code
    );
    let long = "let a;\n".repeat(20);
    let plain = highlighter.excerpt(excerpt("", &long)).await;
    assert_eq!(plain.join("\n"), long);
}

#[test]
fn the_last_lines_are_whole() {
    for (most, expected) in
        [(0, ""), (2, ""), (3, "cc\n"), (5, "cc\n"), (6, "bb\ncc\n"), (9, "aa\nbb\ncc\n")]
    {
        assert_eq!(last_lines("aa\nbb\ncc\n", most), expected, "{most}");
    }
    assert_eq!(last_lines("ü\nü\n", 4), "ü\n");
}
