//! What code looks like in its colours.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex},
};

use proptest::prelude::*;

use super::*;

const LINE_BYTES: usize = 1000;

fn with_patience<T>(lines: usize, read: impl FnOnce(&mut Budget<'_>) -> T) -> T {
    let mut left = lines;
    let mut has_time = || {
        left = left.saturating_sub(1);
        left > 0
    };
    read(&mut Budget { line_bytes: LINE_BYTES, has_time: &mut has_time })
}

fn fence(language: &str, code: &str) -> CodeBlock {
    CodeBlock { language: language.to_owned(), code: code.to_owned() }
}

/// Grammars by the languages that blocks name, and whether they are consoles.
type Known = HashMap<(String, bool), Option<Arc<Grammar>>>;

/// The grammar of a block; it is compiled once for all cases.
fn grammar(fence: &CodeBlock) -> Option<Arc<Grammar>> {
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let kind = (fence.language.clone(), fence.is_console());
    let mut known = KNOWN.lock().unwrap();
    known.entry(kind).or_insert_with(|| Grammars::default().of_block(fence)).clone()
}

fn block(fence: &CodeBlock, budget: &mut Budget<'_>) -> Option<String> {
    Some(IncrementalHighlight::new(fence, grammar(fence)?).finish(&fence.code, budget))
}

fn html(language: &str, code: &str) -> Option<String> {
    with_patience(usize::MAX, |budget| block(&fence(language, code), budget))
}

fn short(html: &str) -> String {
    html.replace("<span class=\"", "[").replace("\">", ":").replace("</span>", "]")
}

fn shown(language: &str, code: &str) -> String {
    short(&html(language, code).unwrap())
}

/// The text that a browser shows; fails for all markup but elements that this module writes.
fn text_of(html: &str) -> String {
    let mut rest = html;
    let mut text = String::new();
    let mut is_open = false;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        rest = match (after.strip_prefix("/span>"), after.strip_prefix("span class=\"")) {
            (Some(after), _) if is_open => after,
            (None, Some(after)) if !is_open => {
                let (class, after) = after.split_once("\">").unwrap();
                let known = [
                    "comment", "string", "number", "keyword", "type", "function", "added",
                    "removed",
                ];
                assert!(known.contains(&class), "{class}");
                after
            }
            _ => panic!("{html}"),
        };
        is_open = !is_open;
    }
    assert!(!is_open, "{html}");
    text.push_str(rest);
    unescaped(&text)
}

fn unescaped(html: &str) -> String {
    let mut text = html.to_owned();
    for (escaped, plain) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(escaped, plain);
    }
    text
}

#[test]
fn tokens_have_the_classes_of_their_kinds() {
    for (language, code, expected) in [
        (
            "rust",
            "pub fn a<'x>(b: &'x Vec<u8>) -> bool { b.len() + 0x1F != 2 } // it's\n",
            "[keyword:pub fn] [function:a]<'x>(b: &'x [type:Vec]<[keyword:u8]>) -> [keyword:bool] \
             { b.[function:len]() + [number:0x1F] != [number:2] } [comment:// it's]\n",
        ),
        (
            "py",
            "def f(x=1.5):\n    \"\"\"It's\n    <b>\"\"\"\n    return f\"a {x.y} b\" and not x\n",
            "[keyword:def] [function:f](x=[number:1.5]):\n    [comment:\"\"\"It's\n    <b>\"\"\"]\n    \
             [keyword:return] [string:f\"a] {x.y} [string:b\"] [keyword:and not] x\n",
        ),
        (
            "tsx",
            "const x: Foo = <p>{`a ${b}`}</p>;\n",
            "[keyword:const] x: [type:Foo] = <[keyword:p]>{[string:`a] ${b}[string:`]}</[keyword:p]>;\n",
        ),
        (
            "sh",
            "grep -v \"$a b\" | sort # no\n",
            "[function:grep] -v [string:\"]$a [string:b\"] | [function:sort] [comment:# no]\n",
        ),
        ("console", "$ cat a # b\nfor x\n", "$ [function:cat] a [comment:# b]\nfor x\n"),
        ("bash", "$ cat a\nfor x\n", "$ [function:cat] a\nfor x\n"),
        (
            "toml",
            "[a]\nb = [true, 1.5]\n",
            "[[type:a]]\n[keyword:b] = [[keyword:true], [number:1.5]]\n",
        ),
        ("yaml", "a:\n  - b c\n", "[keyword:a]:\n  - [string:b c]\n"),
        ("json", "{\"a\": [1, null]}\n", "{[string:\"a\"]: [[number:1], [keyword:null]]}\n"),
        (
            "diff",
            "@@ -1 +1 @@ fn\n-a\n+b\n c\n",
            "[comment:@@ -1 +1 @@ fn]\n[removed:-a]\n[added:+b]\n c\n",
        ),
        ("sql", "SELECT 1 -- one\n", "[keyword:SELECT] [number:1] [comment:-- one]\n"),
        ("html", "<p id=\"a\">b</p>\n", "<[keyword:p] [type:id]=[string:\"a\"]>b</[keyword:p]>\n"),
        ("css", ".a { b: 1px }\n", "[type:.a] { b: [number:1px] }\n"),
    ] {
        let html = html(language, code).unwrap();
        assert_eq!(text_of(&html), code, "{language}");
        assert_eq!(unescaped(&short(&html)), expected, "{language}");
    }
}

#[test]
fn languages_are_known_by_all_the_names_that_answers_use() {
    let mut grammars = Grammars::default();
    for names in [
        "rs rust Rust RUST py python python3 Python js javascript mjs cjs node jsx ts typescript tsx",
        "sh bash zsh shell console toml yaml yml json jsonc json5 ini xml html css scss less sql",
        "diff patch go golang c cpp c++ C++ cs csharp C# java kotlin kt swift ruby rb php perl lua",
        "scala dart zig nim nix r docker dockerfile Dockerfile make makefile cmake terraform hcl tf",
        "proto protobuf graphql vue svelte md markdown rst tex latex elixir ex erlang clojure",
        "haskell hs ocaml fsharp f# elm solidity vim http awk fish postgresql sqlite mysql objc",
        "objective-c groovy gradle jinja2 bat",
    ] {
        for name in names.split_whitespace() {
            assert!(grammars.of_block(&fence(name, "a")).is_some(), "{name}");
        }
    }
    for name in ["", "text", "txt", "Plain Text", "klingon", "rust,ignore"] {
        assert!(grammars.of_block(&fence(name, "a")).is_none(), "{name}");
    }
}

#[test]
fn a_file_has_the_language_of_its_name_or_of_its_first_line() {
    let mut grammars = Grammars::default();
    for (path, first_line, expected) in [
        ("src/a.rs", "", Some("Rust")),
        ("A.PY", "", Some("Python")),
        ("a/Dockerfile", "", Some("Dockerfile")),
        ("Makefile", "", Some("Makefile")),
        ("Cargo.lock", "", Some("TOML")),
        ("a.mjs", "", Some("JavaScript (Babel)")),
        ("bin/run", "#!/usr/bin/env -S python3 -u\n", Some("Python")),
        ("bin/run", "#!/bin/sh\n", Some("Bourne Again Shell (bash)")),
        ("LICENSE", "MIT\n", None),
        ("a.txt", "", Some("Plain Text")),
    ] {
        let found = grammars.of_path(Path::new(path), first_line);
        assert_eq!(found.as_ref().map(|grammar| grammar.name()), expected, "{path}");
    }
}

#[test]
fn a_long_line_is_passed_over_and_what_follows_when_patience_ends_is_plain() {
    let long = "x".repeat(LINE_BYTES);
    let long = shown("rust", &format!("let a = 1;\nlet b = \"{long}\";\nlet c = 3;\n"));
    assert!(long.contains("\nlet b = &quot;xx"), "{long}");
    assert!(long.ends_with("[keyword:let] c = [number:3];\n"), "{long}");

    let fence = fence("rust", &"let a = 1;\n".repeat(3));
    let some = with_patience(2, |budget| block(&fence, budget)).unwrap();
    assert_eq!(short(&some), "[keyword:let] a = [number:1];\nlet a = 1;\nlet a = 1;\n");
}

#[test]
fn the_lines_of_a_file_are_each_whole_and_know_what_began_before() {
    let rust = grammar(&fence("rust", ""));
    let shown = |before: &str, shown: &str, grammar: &Option<_>| {
        let html = with_patience(usize::MAX, |budget| {
            excerpt_lines(before, shown, grammar.clone(), budget)
        });
        html.iter().map(|line| short(line)).collect::<Vec<_>>()
    };
    let code = "/* one\n two <\n\nthree */ let a;\n";
    let expected =
        ["[comment:/* one]", " [comment:two &lt;]", "", "[comment:three */] [keyword:let] a;", ""];
    assert_eq!(shown("", code, &rust), expected);
    let (before, after) = code.split_at("/* one\n".len());
    assert_eq!(shown(before, after, &rust), expected[1..]);
    assert_eq!(shown("", "let <a>", &None), ["let &lt;a&gt;"]);
    assert_eq!(shown("", "", &rust), [""]);
}

const MARKS: &[&str] = &[
    "\n",
    "\"",
    "'",
    "/*",
    "*/",
    "//",
    "#",
    "<!--",
    "-->",
    "<script>",
    "</span>",
    "&lt;",
    "`",
    "<span class=\"x\">",
    "${",
    "}",
    "\\",
    "{{",
    "r#\"",
    "'''",
    "\t",
    "  ",
    "fn a()",
    "def",
    "é",
    "😀",
    "\r\n",
    "0x1",
    "<p a=\"",
    "+",
    "-",
    "@@",
    "$ ",
    "\u{0}",
];

fn any_code() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(MARKS.to_vec()).prop_map(str::to_owned);
    let piece = prop_oneof![mark, "[a-z <>&\"]{0,6}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const SOME: &[&str] =
    &["rust", "py", "ts", "html", "md", "sh", "console", "yaml", "php", "css", "diff", "rb"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_the_code_only_colours_are_added(
        code in any_code(),
        language in prop::sample::select(SOME.to_vec()),
        cut in any::<prop::sample::Index>(),
    ) {
        prop_assert_eq!(text_of(&html(language, &code).unwrap()), code.as_str());
        let cut = code.floor_char_boundary(cut.index(code.len() + 1));
        let (before, shown) = code.split_at(code[..cut].rfind('\n').map_or(0, |at| at + 1));
        let html = with_patience(usize::MAX, |it| excerpt_lines(before, shown, grammar(&fence(language, &code)), it));
        let text: Vec<_> = html.iter().map(|line| text_of(line)).collect();
        prop_assert_eq!(text.join("\n"), shown);
    }

    #[test]
    fn wherever_code_was_cut_its_colours_are_the_same(
        code in any_code(),
        language in prop::sample::select(SOME.to_vec()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let whole = fence(language, &code);
        let begun = code.contains('\n').then(|| code.split_inclusive('\n').next().unwrap());
        let begun = fence(language, begun.unwrap_or(&code));
        let mut reading = IncrementalHighlight::new(&begun, grammar(&whole).unwrap());
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(code.len() + 1)).collect();
        cuts.sort_unstable();
        let read = with_patience(usize::MAX, |budget| {
            for cut in cuts {
                reading.extend(&code[..code.floor_char_boundary(cut)], budget);
            }
            reading.finish(&code, budget)
        });
        prop_assert_eq!(Some(read), html(language, &code));
    }
}

#[test]
fn no_grammar_goes_in_circles_where_some_are_known_to() {
    let comments =
        ["n /**/", "a.b /* c */ ", "x = n /* c */", "n /* a", "/* a */", "\"a\"\n\n/* b"];
    for language in ["js", "javascript", "jsx", "mjs", "ts", "tsx", "coffee"] {
        for code in comments.into_iter().chain(["i < 0 ? (l) : ([i + 1]);"]) {
            assert!(html(language, &format!("{code}\n")).is_some());
        }
    }
    for language in ["html", "php", "md", "vue", "svelte", "jsp", "asp", "erb"] {
        for code in comments {
            assert!(html(language, &format!("<script>{code}\n</script>\n")).is_some());
        }
    }
}

#[test]
fn no_more_than_a_few_grammars_are_kept_and_those_used_last() {
    let mut grammars = Grammars::default();
    let mut of = |language: &str| grammars.of_block(&fence(language, "")).unwrap();
    let (first, second) = (of("rust"), of("py"));
    for language in ["js", "ts", "go", "java", "c", "cpp"] {
        of(language);
        assert!(Arc::ptr_eq(&first, &of("rs")));
    }
    assert!(Arc::ptr_eq(&second, &of("python")));
    of("sql");
    assert!(Arc::ptr_eq(&second, &of("py")));
    assert!(!Arc::ptr_eq(&of("js"), &of("ts")));
    for language in ["toml", "yaml", "css", "html", "sh", "rb", "php", "lua"] {
        of(language);
    }
    assert!(!Arc::ptr_eq(&second, &of("py")));
}
