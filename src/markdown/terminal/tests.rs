//! Tests.

use super::*;
use crate::markdown::invisible;

const PLAIN: TerminalLook = TerminalLook { width: 40, is_styled: false };
const STYLED: TerminalLook = TerminalLook { width: 40, is_styled: true };

fn shown(text: &str, look: TerminalLook) -> String {
    let mut answer = TerminalText::new(look, false);
    let begun = answer.append(text);
    begun + &answer.end()
}

#[test]
fn every_element_has_its_lines() {
    for (text, lines) in [
        ("One *two* **three**.", "One two three.\n"),
        ("# Head\n\nText.\n", "Head\n\nText.\n"),
        ("One\ntwo.\n\nThree.", "One two.\n\nThree.\n"),
        ("- a\n- b\n  - c\n\n1. x\n2. y\n", "• a\n• b\n  • c\n\n1. x\n2. y\n"),
        ("3. x\n4. y\n", "3. x\n4. y\n"),
        ("- a\n\n  b\n- c\n", "• a\n\n  b\n• c\n"),
        ("- [x] done\n- [ ] open\n", "• [x] done\n• [ ] open\n"),
        (
            "```rust\nfn a() {\n\n    b();\n}\n```\n",
            "    rust\n    fn a() {\n\n        b();\n    }\n",
        ),
        ("    code\n", "    code\n"),
        ("> one\n>\n> two\n", "│ one\n│\n│ two\n"),
        ("a\\\nb<br>c", "a\nb\nc\n"),
        ("---\n", "────────\n"),
        ("|a|bb|\n|-|-|\n|ccc|d|\n", "a    bb\nccc  d\n"),
        ("$x^2$ and $$y$$", "$x^2$ and $$y$$\n"),
        ("", ""),
    ] {
        assert_eq!(shown(text, PLAIN), lines, "{text:?}");
    }
}

#[test]
fn a_reference_is_a_place_that_editors_open() {
    for (text, line) in [
        ("[`a.rs`](src/a.rs#L2)", "a.rs (src/a.rs:2)\n"),
        ("[src/a.rs:2](src/a.rs#L2-L9)", "src/a.rs:2\n"),
        ("[there](https://example.org/x#L2)", "there (https://example.org/x#L2)\n"),
        ("<https://example.org>", "https://example.org\n"),
        ("`src/a.rs:7`", "src/a.rs:7\n"),
        ("[below](#end)", "below\n"),
    ] {
        assert_eq!(shown(text, PLAIN), line, "{text:?}");
    }
}

#[test]
fn words_are_wrapped_and_code_is_not() {
    let text = format!("- {}\n\n      {}\n", "word ".repeat(12), "x".repeat(60));
    assert_eq!(
        shown(&text, PLAIN),
        format!(
            "• word word word word word word word\n  word word word word word\n\n      {}\n",
            "x".repeat(60)
        )
    );
}

#[test]
fn a_table_that_is_too_wide_has_a_line_for_each_row() {
    let text = format!("|a|b|\n|-|-|\n|{}|c|\n", "word ".repeat(10));
    let lines = shown(&text, PLAIN);
    assert!(lines.starts_with("a | b\nword word"), "{lines}");
    assert!(lines.ends_with("word | c\n"), "{lines}");
}

#[test]
fn styles_end_where_they_should() {
    assert_eq!(shown("**a _b_** c", STYLED), "\u{1b}[1ma \u{1b}[3mb\u{1b}[0m c\n");
    assert_eq!(shown("# A\n\nb", STYLED), "\u{1b}[1m\u{1b}[4mA\u{1b}[0m\n\nb\n");
    assert_eq!(shown("`a`", STYLED), "\u{1b}[36ma\u{1b}[0m\n");
}

#[test]
fn no_control_character_reaches_the_terminal() {
    for hostile in [
        "a\u{1b}[2J\u{1b}]0;title\u{7}b",
        "`\u{1b}]52;c;cm0=\u{7}`",
        "```\u{1b}[31m\n\u{1b}c\u{9b}2J\u{8}\n```\n",
        "|\u{1b}[2J|b|\n|-|-|\n|\u{7}|d|\n",
        "[x](\u{1b}[2J) <b\u{1b}[2J>",
        "<div>\u{1b}[2J\n</div>\n",
        "a\u{202e}b\u{2066}c",
        "&#27;[2J &#x9b;2J",
        "$\u{1b}[2J$ [^\u{1b}[2J]",
    ] {
        let lines = shown(hostile, PLAIN);
        let is_harmless = |c: char| c == '\n' || !invisible::is_unsafe_in_terminal(c);
        assert!(lines.chars().all(is_harmless), "{hostile:?}: {lines:?}");
    }
}

#[test]
fn what_is_shown_does_not_depend_on_the_pieces() {
    let text = "# Head\n\nSome `code` and **bold text that is long enough to be wrapped** here.\n\n\
                1. one\n2. two\n\n```rust\nlet a = 1;\n\nlet b;\n```\n\n> quote\n\n|a|b|\n|-|-|\n|1|2|\n\nEnd.";
    let whole = shown(text, PLAIN);
    for size in [1, 2, 3, 7, 20] {
        let mut answer = TerminalText::new(PLAIN, false);
        let letters: Vec<char> = text.chars().collect();
        let mut pieces: String =
            letters.chunks(size).map(|it| answer.append(&it.iter().collect::<String>())).collect();
        pieces.push_str(&answer.end());
        assert_eq!(pieces, whole, "{size}");
    }
}

#[test]
fn blocks_are_shown_when_they_are_complete() {
    let mut answer = TerminalText::new(PLAIN, false);
    assert_eq!(answer.append("First para"), "");
    assert_eq!(answer.append("graph.\n\nSecond"), "First paragraph.\n");
    assert_eq!(answer.append(" one.\n"), "");
    assert_eq!(answer.end(), "\nSecond one.\n");
}

#[test]
fn an_endless_block_is_shown_in_parts() {
    let mut answer = TerminalText::new(PLAIN, false);
    let mut shown = answer.append("```\n");
    for _ in 0..40_000 {
        shown.push_str(&answer.append("a line\n"));
        assert!(answer.pending.len() <= 2 * MAX_PART_BYTES);
    }
    shown.push_str(&answer.end());
    assert_eq!(shown.matches("a line").count(), 40_000);
}
