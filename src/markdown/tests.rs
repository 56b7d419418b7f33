//! What answers look like, whatever they hold and however they come.

mod load;

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;
use regex::Regex;

use super::*;

/// An answer's HTML, its parts one after the other.
fn html(text: &str) -> String {
    parts(text).concat()
}

#[test]
fn the_blocks_of_an_answer_are_its_parts() {
    let text =
        "# Title\nOne `a` **b**\ntwo\n\n- x\n- [x] y\n\n```rust\nfn a() -> &str {}\n```\nEnd";
    assert_eq!(
        parts(text),
        [
            "<h3>Title</h3>",
            "<p>One <code>a</code> <strong>b</strong>\ntwo</p>",
            "<ul><li>x</li><li><input type=\"checkbox\" disabled aria-label=\"done\" checked> y</li></ul>",
            "<pre><code class=\"language-rust\">fn a() -&gt; &amp;str {}\n</code></pre>",
            "<p>End</p>",
        ]
    );
}

#[test]
fn tables_footnotes_and_formulas_are_readable() {
    assert_eq!(
        html("|a|b|\n|-|-:|\n|1<br>2|x|\n"),
        "<div class=\"table\"><table><thead><tr><th>a</th><th class=\"right\">b</th></tr></thead>\
         <tbody><tr><td>1<br>2</td><td class=\"right\">x</td></tr></tbody></table></div>"
    );
    assert_eq!(html("a[^1] ~~b~~"), "<p>a<sup>[1]</sup> <del>b</del></p>");
    assert_eq!(html("[^1]: why"), "<div class=\"footnote\"><sup>[1]</sup> <p>why</p></div>");
    assert_eq!(html("$a_1$"), "<p><code class=\"math\">$a_1$</code></p>");
    assert_eq!(html("###### deep"), "<h3>deep</h3>");
    let nested = "## A\n\n#### B\n\n## C\n\n# D\n\n## E";
    let shown = "<h3>A</h3><h4>B</h4><h3>C</h3><h3>D</h3><h4>E</h4>";
    assert_eq!(html(nested), shown, "levels go up by one, and the same ones stay the same");
}

#[test]
fn only_addresses_of_the_web_and_of_mail_are_links() {
    let link = |to: &str, text: &str| {
        format!(r#"<p><a href="{to}" rel="noopener noreferrer" target="_blank">{text}</a></p>"#)
    };
    assert_eq!(html("[x](https://a.b/?q=1&r)"), link("https://a.b/?q=1&amp;r", "x"));
    assert_eq!(html("<me@a.b>"), link("mailto:me@a.b", "me@a.b"));
    assert_eq!(html("![logo](https://a.b/x.png)"), link("https://a.b/x.png", "logo"));
    assert_eq!(html("![](https://a.b/x.png)"), link("https://a.b/x.png", "image"));
    let mut bare = link("https://a.b/x_y", "https://a.b/x_y");
    bare.truncate(bare.len() - "</p>".len());
    assert_eq!(html("https://a.b/x_y."), format!("{bare}.</p>"));
    assert_eq!(html("`https://a.b`"), "<p><code>https://a.b</code></p>");
    assert_eq!(
        html("[here](src/main.rs:4)"),
        r#"<p><a class="reference" data-path="src/main.rs" data-line="4">here <code>src/main.rs:4</code></a></p>"#
    );
    assert_eq!(
        html("[src/a.rs](src/a.rs)"),
        r#"<p><a class="reference" data-path="src/a.rs">src/a.rs</a></p>"#
    );
    assert_eq!(html("[x](javascript:alert(1))"), "<p>x <code>javascript:alert(1)</code></p>");
}

#[test]
fn references_are_marked_in_text_in_code_and_in_listings_but_not_in_programs() {
    let marked = |text: &str| html(text).matches(r#"<a class="reference""#).count();
    assert_eq!(marked("See src/a.rs:2, `src/a.rs#L2` and **src/b.rs**."), 3);
    assert_eq!(marked("```\nsrc/a.rs:2: fn main() {\n```"), 1);
    assert_eq!(marked("```rust\ninclude!(\"src/a.rs\");\n```"), 0);
    assert_eq!(marked("[see src/a.rs](https://a.b/src/a.rs) https://a.b/src/a.rs"), 0);
    let found: Vec<_> = references("`src/a.rs:2`\n\n| a |\n|---|\n| src/b.rs |\n\nsrc/a.rs:2")
        .iter()
        .map(|it| it.reference.path.clone())
        .collect();
    assert_eq!(found, ["src/a.rs", "src/b.rs"], "each once, in order");
}

#[test]
fn names_and_formulas_are_not_taken_for_markdown() {
    let place =
        |path: &str, text: &str| format!("<a class=\"reference\" data-path=\"{path}\">{text}</a>");
    for (text, expected) in [
        ("src/__tests__/a.ts", place("src/__tests__/a.ts", "src/__tests__/a.ts")),
        ("__init__.py", place("__init__.py", "__init__.py")),
        ("app/[id]/page.tsx", place("app/[id]/page.tsx", "app/[id]/page.tsx")),
        ("_src/a.rs_", format!("<em>{}</em>", place("src/a.rs", "src/a.rs"))),
        ("src/\\_\\_tests\\_\\_/a.ts", place("src/__tests__/a.ts", "src/__tests__/a.ts")),
        ("$5 and `a$b`", "$5 and <code>a$b</code>".to_owned()),
        ("`$x` or `$y`", "<code>$x</code> or <code>$y</code>".to_owned()),
        ("\\(a_1 * b_2*\\)", "<code class=\"math\">\\(a_1 * b_2*\\)</code>".to_owned()),
        ("\\[\na \\& b\n\\]", "<code class=\"math\">\\[\na \\&amp; b\n\\]</code>".to_owned()),
        ("`\\(x\\)`", "<code>\\(x\\)</code>".to_owned()),
        ("from $5 to $6", "from $5 to $6".to_owned()),
        ("costs $5-$6 a month", "costs $5-$6 a month".to_owned()),
        ("US$5/US$6", "US$5/US$6".to_owned()),
        ("an open $x + ", "an open $x +".to_owned()),
        ("は**「強調」**です", "は<strong>「強調」</strong>です".to_owned()),
        ("**強調（かっこ）**です", "<strong>強調（かっこ）</strong>です".to_owned()),
        ("**`code`**です", "<strong><code>code</code></strong>です".to_owned()),
        ("**(강조)**는 *강조*", "<strong>(강조)</strong>는 <em>강조</em>".to_owned()),
    ] {
        assert_eq!(html(text), format!("<p>{expected}</p>"), "{text}");
    }
    let sed = "```\n\\(a\\)\n```";
    assert_eq!(html(sed), "<pre><code>\\(a\\)\n</code></pre>");
}

#[test]
fn what_reorders_code_is_named_and_kept_apart() {
    let mark = |number: &str, c: char| {
        (format!("data-mark=\"{number}\">{c}</bdi>"), format!("aria-label=\"{number} "))
    };
    let trojan = "if admin \u{202e}\u{2066}// x\u{2069} \u{200b}{";
    for text in
        [format!("`{trojan}`"), format!("```\n{trojan}\n```"), format!("```c\n{trojan}\n```")]
    {
        let html = html(&text);
        for (number, c) in [("U+202E", '\u{202e}'), ("U+2066", '\u{2066}'), ("U+200B", '\u{200b}')]
        {
            let (held, named) = mark(number, c);
            assert!(html.contains(&held) && html.contains(&named), "{html}");
        }
        assert_eq!(html.matches('\u{202e}').count(), 1, "nowhere else: {html}");
    }
    let part = {
        let mut renderer = Renderer::default();
        renderer.append(&format!("```c\n{trojan}\n```\n"));
        renderer.render().open
    };
    let highlighted =
        part.with_highlights(|_| Some(format!("<span class=\"keyword\">{trojan}</span>")));
    assert_eq!(highlighted.matches("<bdi").count(), 4, "{highlighted}");
    let prose = "می\u{200c}خواهم, 👩\u{200d}💻, שלום\u{200f}.";
    assert_eq!(html(prose), format!("<p>{prose}</p>"));
}

#[test]
fn references_of_an_answer_beyond_256_kib_are_those_of_its_text() {
    let filler = "A line of some words that says nothing of files.\n\n".repeat(7000);
    let text = format!(
        "`src/a.rs:2`\n\n{filler}`src/b.rs:3`\n\n{}\n\n`src/c.rs:4`",
        "word ".repeat(60_000)
    );
    assert!(text.len() > 600 << 10);
    let found: Vec<_> = references(&text).iter().map(|it| it.reference.to_string()).collect();
    assert_eq!(found, ["src/a.rs:2", "src/b.rs:3", "src/c.rs:4"]);
}

#[test]
fn a_link_is_found_where_its_definition_came_before() {
    let expected = r#"<a href="https://a.b" rel="noopener noreferrer" target="_blank">x</a>"#;
    assert!(html("[One]: https://a.b\n\nfirst\n\nsee [x][one]\n\nend").contains(expected));
    assert!(html("see [x][one]\n\n[one]: https://a.b\n").contains(expected));
}

#[test]
fn half_a_line_ends_nothing() {
    let mut rendering = Renderer::default();
    rendering.append("para\n#");
    assert_eq!(rendering.render().finished, []);
    rendering.append("hash\n\n1");
    assert_eq!(rendering.render().open.html, "<p>para\n#hash</p><p>1</p>");
    rendering.append(" a\n\nN");
    let RenderStep { finished, open } = rendering.render();
    let finished: Vec<_> = finished.into_iter().map(|part| part.html).collect();
    assert_eq!(finished, ["<p>para\n#hash</p>", "<p>1 a</p>"]);
    assert_eq!(open.html, "<p>N</p>");
}

/// The code of the open part that may get its colours.
fn closed(text: &str) -> Vec<String> {
    let mut rendering = Renderer::default();
    rendering.append(text);
    rendering.render().open.code.iter().map(|code| code.block.code.clone()).collect()
}

#[test]
fn code_that_names_its_language_may_get_its_colours_when_it_is_closed() {
    for open in [
        "```rust",
        "```rust\n",
        "```rust\na\n",
        "```rust\na\n``",
        "```rust\na\n~~~",
        "````rust\na\n```\n",
        "> ```rust\n> a\n",
        "- ```rust\n  a\n  ``",
        "```\na\n```\n",
        "    a\n",
    ] {
        assert_eq!(closed(open), Vec::<String>::new(), "{open:?}");
    }
    for one in [
        "```rust\na\n```",
        "```rust\na\n```\n",
        "~~~~ rust\na\n~~~~~  \n\n",
        "> ```rust\n> a\n> ```\n",
        "- ```rust\n  a\n  ```\n- ```sh\n  b",
        "1. x\n   ```rust\n   a\n   ```\n   y",
    ] {
        assert_eq!(closed(one), ["a\n"], "{one:?}");
    }
}

#[test]
fn code_that_is_not_closed_yet_is_told_as_far_as_its_lines_are_whole() {
    for (open, expected) in [
        ("```rust\na\nb", Some("a\n")),
        ("```rust\na\n``", Some("a\n")),
        ("> ```rust\n> a\n>\n> b\n> c", Some("a\n\nb\n")),
        ("- ```rust\n  a\n  ```\n- ```rust\n  b\n  c", Some("b\n")),
        ("```rust\na", Some("")),
        ("```rust\na\n```\n", None),
        ("```\na\nb", None),
        ("a\n\n    b\n    c", None),
        ("a `b", None),
        ("- ```rust\n  a\n  ```\n- ```\n  b", None),
        ("- ```rust\n  a\n  ```\n- ```rust\n", None),
    ] {
        let mut rendering = Renderer::default();
        rendering.append(open);
        let part = rendering.render().open;
        assert_eq!(
            part.code.len(),
            usize::from(open.contains("a\n```\n") || open.contains("a\n  ```")),
            "{open:?}"
        );
        let code = part.open_block;
        assert_eq!(code.as_ref().map(|fence| fence.code.as_str()), expected, "{open:?}");
    }
}

#[test]
fn colours_take_the_place_of_the_code_and_change_nothing_else() {
    let text = "- a <b>\n  ```x\n  <1>\n  ```\n- ```y\n  2\n  ```\n";
    let mut rendering = Renderer::default();
    rendering.append(text);
    let part = rendering.render().open;
    assert_eq!(part.with_highlights(|_| None::<&str>), part.html);
    let two = part.with_highlights(|fence| (fence.language == "y").then_some("<i>2</i>"));
    assert_eq!(two, part.html.replace("2\n", "<i>2</i>"));
    let all = part.with_highlights(|fence| Some(if fence.language == "x" { "X" } else { "Y" }));
    assert_eq!(all, part.html.replace("2\n", "Y").replace("&lt;1&gt;\n", "X"));
}

/// Every element that may come out, with its attributes.
const ALLOWED: [(&str, &[&str]); 32] = [
    ("a", &["href", "rel", "target", "class", "data-path", "data-line", "data-end-line"]),
    ("bdi", &["class", "role", "aria-label", "title", "data-mark"]),
    ("blockquote", &["class"]),
    ("br", &[]),
    ("code", &["class"]),
    ("del", &[]),
    ("details", &["open"]),
    ("div", &["class"]),
    ("em", &[]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("hr", &[]),
    ("input", &["type", "disabled", "checked", "aria-label"]),
    ("kbd", &[]),
    ("li", &[]),
    ("ol", &["start"]),
    ("p", &["class"]),
    ("pre", &[]),
    ("span", &["class"]),
    ("strong", &[]),
    ("sub", &[]),
    ("summary", &[]),
    ("sup", &[]),
    ("table", &[]),
    ("tbody", &[]),
    ("td", &["class"]),
    ("th", &["class"]),
    ("thead", &[]),
    ("tr", &[]),
    ("ul", &[]),
];

static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^<(/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)>"#).unwrap()
});
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#" ([a-z-]+)(?:="([^"]*)")?"#).unwrap());
static CLASS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[\w+#.-]+$").unwrap());

/// Fails for what is not allowed, and for what is not closed in its order. Whatever a browser takes
/// for markup begins with `<`: each must begin an element as it is written here, and nothing else.
fn check(html: &str) -> Result<usize, String> {
    let mut open: Vec<String> = Vec::new();
    let mut deepest = 0;
    for (at, _) in html.match_indices('<') {
        let rest = &html[at..];
        let near: String = rest.chars().take(60).collect();
        let found = TAG.captures(rest).ok_or_else(|| format!("no element: {near}"))?;
        let name = found[2].to_owned();
        let allowed = ALLOWED.iter().find(|(allowed, _)| *allowed == name);
        let (_, attributes) = allowed.ok_or_else(|| format!("not allowed: {near}"))?;
        if &found[1] == "/" {
            if open.pop().as_ref() != Some(&name) {
                return Err(format!("closed out of order: {near}"));
            }
            continue;
        }
        for pair in ATTRIBUTE.captures_iter(&found[3]) {
            let value = pair.get(2).map_or("", |value| value.as_str());
            if !attributes.contains(&&pair[1]) {
                return Err(format!("attribute not allowed: {near}"));
            }
            let is_safe = match &pair[1] {
                "href" => ["http://", "https://", "mailto:"]
                    .iter()
                    .any(|scheme| value.to_ascii_lowercase().starts_with(scheme)),
                "class" => CLASS.is_match(value),
                _ => true,
            };
            if !is_safe {
                return Err(format!("value not allowed: {near}"));
            }
        }
        if !matches!(name.as_str(), "br" | "hr" | "input") {
            open.push(name);
            deepest = deepest.max(open.len());
        }
    }
    if open.is_empty() { Ok(deepest) } else { Err(format!("not closed: {open:?}")) }
}

#[test]
fn the_check_finds_what_is_not_allowed() {
    for bad in [
        "<script>",
        "<p onclick=\"x\"></p>",
        "<a href=\"javascript:x\"></a>",
        "<p>",
        "<em></p>",
        "<img src=\"x\">",
        "<p><b></p>",
        "< p>",
        "<!-- x -->",
        "<code class=\"a b\"></code>",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    assert_eq!(check("<p>a &lt; b<br></p>"), Ok(1));
}

#[test]
fn details_fold_their_blocks_in_one_part() {
    let text = "One.\n\n<details>\n<summary>More <kbd>x</kbd></summary>\n\nText **b**.\n\n- a\n\n</details>\n\nEnd";
    let folded = "<details><summary>More <kbd>x</kbd></summary><p>Text <strong>b</strong>.</p><ul><li>a</li></ul></details>";
    assert_eq!(parts(text), ["<p>One.</p>", folded, "<p>End</p>"]);
    for (text, shown) in [
        ("<details open>\n\na\n\nb", "<details open><p>a</p><p>b</p></details>"),
        (
            "<details><summary>a</summary>b\n</details>",
            "<details><summary>a</summary><p>b</p></details>",
        ),
        (
            "<details>\n<summary>a</summary>\n<details>\n\nb\n\n</details>\n</details>\n\nc",
            "<details><summary>a</summary><details><p>b</p></details></details><p>c</p>",
        ),
        ("<summary>a</summary>", "<p>&lt;summary&gt;a</p><p>&lt;/summary&gt;</p>"),
        ("a\n\n</details>", "<p>a</p><p>&lt;/details&gt;</p>"),
        ("- <details>\n\n  a\n\nb", "<ul><li><details><p>a</p></details></li></ul><p>b</p>"),
        ("<div>\n<b>x</b>\n</div>", "<p>&lt;div&gt;\n&lt;b&gt;x&lt;/b&gt;\n&lt;/div&gt;</p>"),
    ] {
        assert_eq!(html(text), shown, "{text}");
    }
}

#[test]
fn a_quote_that_begins_with_its_kind_is_an_alert() {
    for kind in ["Note", "Tip", "Important", "Warning", "Caution"] {
        let class = kind.to_lowercase();
        let shown = format!(
            "<blockquote class=\"alert-{class}\"><p class=\"alert-title\">{kind}</p><p>Mind it.</p></blockquote>"
        );
        assert_eq!(html(&format!("> [!{}]\n> Mind it.", kind.to_uppercase())), shown);
    }
    assert_eq!(html("> [!OTHER]\n> a"), "<blockquote><p>[!OTHER]\na</p></blockquote>");
}

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<div onclick='x'>\n<iframe src=\"javascript:x\"></iframe>\n</div>\n",
    "<!--\n-->\n<style>*{}</style>\n<svg/onload=x>",
    "[x](javascript:alert`1`) [y](JaVaScRiPt:x) [z](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x) [x]( javascript:x) [x](java\nscript:x) [x](&#106;avascript:x)",
    "[x](java&Tab;script:x) [x](\u{1}javascript:x) [x](//evil.example) [x](\\\\evil)",
    "[x](https://a.b/\"onmouseover=\"alert(1))",
    "[x](<https://a.b/\" onclick=\"x>) [x](https://a.b 'title\" onclick=\"x')",
    "![x](https://a.b/x.png\"onerror=\"x) ![\"><script>](data:image/svg+xml,x)",
    "<javascript:alert(1)> <https://a.b/\"><script>>",
    "[![x](https://a.b/i)](https://a.b/j) [a [b](https://c.d)](https://e.f)",
    "https://a.b/<script>alert(1)</script> http://\"onclick=\"x",
    "```\"><script>alert(1)</script>\n</code></pre><script>\n```\n",
    "```rust\" onclick=\"x\n<b>\n",
    "```rust\n\"</span></code></pre><script>\n//</pre>\n```\n",
    "```diff\n+<script>\n-\"\n```\n",
    "```py\n'''<b>\n```\n<b>\n",
    "~~~ <img src=x>\n",
    "[^\"><script>]: x\n\n[^\"><script>]",
    "|a|\n|-|\n|<script>|\n|`</td>`|\n",
    "[x]: javascript:alert(1) \"</p>\"\n\n[x]\n",
    "$<script>$ $$</code><script>$$",
    "&lt;script&gt; &#60;script&#62; &amp;lt; \u{0}<\u{0}script>",
    "# <script>\n===\n- <b>\n> <i>\n",
    "<br> <BR/> <br onclick=x> <br/><p>",
    "<kbd onclick=x>a</kbd> <sub><script>x</script></sub> <details>\n",
    "\n\n<details open onclick=x>\n<summary><img src=x></summary>\n</details>\n",
    "\n\n<details>\n<summary><b onclick=x>a</b><kbd>\n\n</kbd></summary><script>\n\n</details>\n",
    "\n> [!NOTE]<script>\n> <kbd>\n",
];

#[test]
fn nothing_hostile_comes_out_as_an_element_or_an_attribute() {
    for text in HOSTILE {
        for part in parts(text) {
            check(&part).unwrap_or_else(|why| panic!("{why}\nfrom {text:?}"));
        }
    }
}

#[test]
fn what_is_deep_or_huge_is_bounded() {
    let deep = [">".repeat(20_000), "- ".repeat(5_000), "[".repeat(20_000), "**_".repeat(5_000)];
    for text in deep {
        let deepest = check(&html(&text)).unwrap();
        assert!(deepest <= html::MAX_DEPTH + 3, "{deepest} deep from {:?}", &text[..6]);
    }
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(2000), "-|".repeat(2000), "|\n".repeat(2000));
    assert!(html(&wide).len() < 8 << 20);
    check(&html(&wide)).unwrap();
}

fn piece() -> impl Strategy<Value = String> {
    let marks = [
        "\n",
        "\n\n",
        "\n    ",
        "\n> ",
        "\n- ",
        "\n1. ",
        "# ",
        "```",
        "\n```\n",
        "~~~\n",
        "|",
        "\n|-|\n",
        "---",
        "===",
        "<b>",
        "<!--",
        "-->",
        "\n<div>\n",
        "[a]",
        "\n[a]: ",
        "(http://b)",
        "**",
        "_",
        "`",
        "[^1]",
        "\n[^1]: ",
        "\\",
        "&amp;",
        "\t",
        "\r\n",
        "$",
        "* * *\n",
        "\n  ",
        "![",
        "]",
        "\"",
        "https://x.y/z",
        "<details>\n",
        "\n\n<details open>\n<summary>",
        "</summary>",
        "\n</details>\n",
        "<kbd>",
        "</kbd>",
        "<sub>",
        "</sup>",
        "\n> [!NOTE]\n> ",
    ];
    prop_oneof![
        3 => prop::sample::select(marks.to_vec()).prop_map(str::to_owned),
        1 => "[a-c é😀]{1,8}",
        1 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
    ]
}

fn fed(text: &str, cuts: &BTreeSet<usize>) -> Vec<String> {
    let mut rendering = Renderer::default();
    let mut all = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([text.len()]) {
        rendering.append(&text[from..cut]);
        from = cut;
        all.extend(rendering.render().finished);
    }
    all.push(rendering.render().open);
    all.into_iter().map(|part| part.html).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_text_that_comes_in_any_pieces_gives_the_same_parts(
        pieces in prop::collection::vec(piece(), 1..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let text = pieces.concat();
        let cuts: BTreeSet<usize> = cuts
            .iter()
            .map(|cut| text.floor_char_boundary(cut.index(text.len() + 1)))
            .collect();
        prop_assert_eq!(fed(&text, &cuts), parts(&text), "{:?}", text);
    }

    #[test]
    fn whatever_an_answer_holds_only_what_is_allowed_comes_out(
        pieces in prop::collection::vec(piece(), 1..40),
    ) {
        for part in parts(&pieces.concat()) {
            prop_assert_eq!(check(&part).err(), None);
        }
    }
}
