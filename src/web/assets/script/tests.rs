//! Tests of reading scripts.

use super::*;

/// The code of a script, token by token.
fn code(source: &str) -> Vec<&str> {
    let found = tokens(source).unwrap();
    found.iter().filter(|token| token.is_code()).map(|token| token.text).collect()
}

#[test]
fn comments_go_and_what_looks_like_one_stays() {
    let cases = [
        ("a(); // b\nc();", "a();\nc();\n"),
        ("/** A\n * b */\nexport const a = 1;\n", "export const a = 1;\n"),
        ("a /* b */ + c", "a   + c\n"),
        ("return/* b */a", "return a\n"),
        ("a = '// b' + \"/* c */\"", "a = '// b' + \"/* c */\"\n"),
        ("a = `// b ${c /* d */} /* e */`", "a = `// b ${c  } /* e */`\n"),
        ("a = `\n\n  // b  \n`;  \n", "a = `\n\n  // b  \n`;\n"),
        (r"a = /[/*]\/\/'/g.test(b) // c", "a = /[/*]\\/\\/'/g.test(b)\n"),
        (r"a = 'it\'s' // b", "a = 'it\\'s'\n"),
        ("a\n\n\n  // b\n\n  c", "a\n  c\n"),
        ("", ""),
    ];
    for (source, expected) in cases {
        assert_eq!(strip(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn a_comment_over_lines_ends_a_statement_as_the_line_did() {
    assert_eq!(strip("a = b /* c\n d */ ++e").unwrap(), "a = b\n ++e\n");
}

#[test]
fn a_slash_divides_or_begins_a_regular_expression() {
    let regexes = [
        "x = /a b/",
        "f(/a b/)",
        "[/a b/]",
        "x ? /a b/ : y",
        "return /a b/",
        "if (x) /a b/.test(y)",
        "while (f(x)) /a b/.exec(y)",
        "typeof /a b/",
        "x => /a b/",
        "/a b/.test(x)",
        "`${/a b/}`",
        "x && /a b/",
        "x + /a b/",
        "case /a b/",
    ];
    for source in regexes {
        assert!(code(source).contains(&"/a b/"), "{source}");
    }
    let divisions = [
        "x / a b / c",
        "f(x) / a b / c",
        "x[0] / a b / c",
        "1 / a b / c",
        "'x' / a b / c",
        "x.return / a b / c",
        "x.if(y) / a b / c",
        "`x` / a b / c",
        "`${x / a b / c}`",
        "this / a b / c",
    ];
    for source in divisions {
        assert_eq!(code(source).iter().filter(|text| **text == "/").count(), 2, "{source}");
    }
}

#[test]
fn tokens_know_their_line_and_how_deep_they_are() {
    let source = "a {\n  `b\n${c}` [d]\n}\ne";
    let found = tokens(source).unwrap();
    let at = |text: &str| {
        let token = found.iter().find(|token| token.text == text).unwrap();
        (token.line, token.depth)
    };
    assert_eq!(at("a"), (1, 0));
    assert_eq!(at("c"), (3, 2));
    assert_eq!(at("d"), (3, 2));
    assert_eq!(at("e"), (5, 0));
}

#[test]
fn what_is_not_certain_is_an_error_with_its_line() {
    let cases = [
        ("a\n'b\n'", 2, "string"),
        ("a\n`b", 2, "template"),
        ("a\n`b ${c", 2, "never closed"),
        ("a\n/* b", 2, "comment"),
        ("a = /b\n/", 1, "regular expression"),
        ("a\n{ b", 2, "`{` is never closed"),
        ("(a]", 1, "`]` closes nothing"),
        ("a\n)", 2, "`)` closes nothing"),
        ("{}\n/a/.test(b)", 2, "cannot tell"),
        ("a++ / b", 1, "cannot tell"),
        ("1. / b", 1, "cannot tell"),
        ("@a b", 1, "unknown"),
        ("a = \\u0061", 1, "unknown"),
        ("a\u{2028}b", 1, "unknown"),
    ];
    for (source, line, what) in cases {
        let error = tokens(source).unwrap_err();
        assert!(error.what.contains(what), "{source}: {error}");
        assert_eq!(error.line, line, "{source}: {error}");
    }
}

proptest::proptest! {
    /// Whatever is read can be put together again, and no letter but those of comments is lost.
    #[test]
    fn no_input_panics_and_tokens_cover_the_source(source in "[a/*'`$({})\\[\\]\\\\\n ;]{0,40}") {
        if let Ok(found) = tokens(&source) {
            let kept: String = found.iter().filter(|token| token.is_code()).map(|token| token.text).collect();
            let mut rest = source.chars();
            proptest::prop_assert!(kept.chars().all(|letter| rest.any(|other| other == letter)));
        }
    }
}
