//! P6, P9: what an answer takes to render is in proportion to its length, whatever it holds: time, output,
//! and depth. Time is the thread's own, and so does not depend on what else the machine does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::*;

/// The thread's time that it takes, the least of some tries, and what comes of it.
fn timed(text: &str, tries: usize) -> (Duration, Vec<String>) {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let tries = (0..tries).map(|_| {
        let start = now();
        let parts = parts(text);
        (now() - start, parts)
    });
    tries.min_by_key(|(time, _)| *time).unwrap()
}

/// What markup is made of.
const ATOMS: &[&str] = &[
    "[",
    "](",
    "](x)",
    "]",
    "**",
    "*",
    "_",
    "__",
    "`",
    "``",
    "```",
    "\n```\n",
    "|",
    "\n",
    "\n\n",
    "> ",
    "- ",
    "1. ",
    "<",
    "<a ",
    "<!--",
    "<?",
    "<![CDATA[",
    "<!A",
    "&",
    "&amp;",
    "&#1",
    "http://",
    "https://x.y/",
    "a/b.rs:1",
    ":1:1",
    "a/",
    ".",
    ")",
    "(",
    "\\",
    "\\\n",
    "$",
    "$$",
    "{",
    "}",
    "![",
    "[^1]",
    "[^",
    "]:",
    "[a]: ",
    "[a]",
    "[a]: b\n",
    "[^a]: ",
    "~~",
    "~",
    "---",
    "\n---\n",
    "===",
    "\t",
    "é",
    "😀",
    "a",
    " ",
    "    ",
    "\n    ",
    "\n|-|\n",
    "|-|-|\n",
    "\"",
    "'",
    "<a href=\"",
    "</a>",
    "\n\n<div>\n",
    "# ",
    "\r\n",
    "\n> ",
    "\n- ",
    "\n  ",
    "|a",
    "* ",
    "+ ",
    "\n[x]: <",
    "(<",
    "=\"",
    "\0",
    "- [ ] ",
    "|:-:",
    "x@y.z",
    "<x@y.z>",
    "<http://a>",
    "<br>",
    "```rust\n",
];

/// A few atoms again and again: one after the other, or each many times before the next.
#[derive(Debug, Clone)]
struct Shape {
    units: Vec<String>,
    are_apart: bool,
}

impl Shape {
    fn text(&self, bytes: usize) -> String {
        let repeated = |unit: &str, bytes: usize| unit.repeat(bytes.div_ceil(unit.len()));
        if self.are_apart {
            let share = bytes / self.units.len();
            return self.units.iter().map(|unit| repeated(unit, share)).collect();
        }
        repeated(&self.units.concat(), bytes)
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let unit = prop::collection::vec(prop::sample::select(ATOMS.to_vec()), 1..4);
    let units = prop::collection::vec(unit.prop_map(|atoms| atoms.concat()), 1..4);
    (units, any::<bool>()).prop_map(|(units, are_apart)| Shape { units, are_apart })
}

fn assert_in_proportion(shape: &Shape, bytes: usize) {
    const TIMES: usize = 4;
    // What a computer does at once, and what it has not at hand yet.
    const SLACK: Duration = Duration::from_millis(60);
    let (short, _) = timed(&shape.text(bytes), 2);
    let text = shape.text(TIMES * bytes);
    let (long, parts) = timed(&text, 2);
    let most = 3 * u32::try_from(TIMES).unwrap() * short + SLACK;
    assert!(long <= most, "{TIMES} times as much of {shape:?} takes {long:?} after {short:?}");
    let output = parts.iter().map(String::len).sum::<usize>();
    let limits = RenderLimits::default();
    let most = limits.html_bytes + text.len() * (limits.html_bytes_per_byte + 6);
    assert!(output <= most, "{output} bytes come of {} of {shape:?}", text.len());
    let most = limits.n_short_parts + 2 + text.len() / limits.late_part_bytes;
    assert!(parts.len() <= most, "{} parts come of {shape:?}", parts.len());
}

fn shape_of(units: &[&str], are_apart: bool) -> Shape {
    Shape { units: units.iter().map(|unit| (*unit).to_owned()).collect(), are_apart }
}

#[test]
fn p6_what_is_known_to_cost_much_elsewhere_is_in_proportion() {
    for (units, are_apart) in [
        (&["http://", ")"][..], true),
        (&["http://"], false),
        (&["http://a", "."], true),
        (&["a/"], false),
        (&["a.rs", ":1"], true),
        (&["a/b.rs:1"], false),
        (&["a.b-"], false),
        (&["["], false),
        (&["[", "](x)"], true),
        (&["![", "](x)"], true),
        (&["[a", "]"], true),
        (&["*_"], false),
        (&["**a*"], false),
        (&["*a", "a*"], true),
        (&["`", "a``"], true),
        (&["> "], false),
        (&["- "], false),
        (&["- ", "a\n"], true),
        (&["> ", "a\n|-|\n"], true),
        (&["1. ", "\n"], true),
        (&["[^a]: ", "a\n"], true),
        (&["- ", "\n\n"], true),
        (&["|", "\n|-", "\n|"], true),
        (&["[a]: b\n"], false),
        (&["[a]: ", "[a]\n\n"], true),
        (&["<!--"], false),
        (&["<![CDATA["], false),
        (&["<a href=\""], false),
        (&["&amp;"], false),
        (&["$"], false),
        (&["{$"], false),
        (&["\\"], false),
        (&["\0"], false),
        (&["a\n\n"], false),
        (&["```a\nb\n```\n"], false),
        (&["```rust\n", "x\n"], true),
        (&["| a "], false),
        (&["# "], false),
        (&["\t"], false),
        (&["\"'<>&"], false),
    ] {
        assert_in_proportion(&shape_of(units, are_apart), 8 * 1024);
    }
}

#[test]
fn p6_an_answer_with_an_address_and_600_000_brackets_is_rendered_at_once() {
    for text in [
        format!("http://{}", ")".repeat(600_000)),
        format!("http://{}", "a)".repeat(300_000)),
        format!("src/a.rs{}", ":1".repeat(300_000)),
        format!("src/{}", "a/".repeat(300_000)),
    ] {
        let (time, parts) = timed(&text, 1);
        assert!(time < Duration::from_secs(4), "{time:?} for {}…", &text[..12]);
        let shown: usize = parts.iter().map(|part| part.matches([')', ':', '/']).count()).sum();
        assert!(shown >= 300_000, "{shown}");
    }
}

/// A definition that is shown again and again.
fn expanding(long: usize) -> String {
    format!("[a]: http://x/{}\n\n{}", "y".repeat(long), "[a]\n\n".repeat(4000))
}

#[test]
fn p9_what_is_short_and_would_become_long_does_not() {
    let wide = |columns: usize| {
        let (head, line) = ("|a".repeat(columns), "|-".repeat(columns));
        format!("{head}\n{line}\n{}", "|\n".repeat(20_000))
    };
    for text in [wide(20), wide(128), wide(129), wide(10_000), expanding(2000), expanding(50_000)] {
        let output: usize = parts(&text).iter().map(String::len).sum();
        let limits = RenderLimits::default();
        assert!(output <= limits.html_bytes + 25 * text.len(), "{output} bytes of {}", text.len());
    }
    let small = html(&wide(20).replace(&"|\n".repeat(20_000), "|b\n"));
    assert!(
        small
            .ends_with(&format!("<td>b</td>{}</tr></tbody></table></div>", "<td></td>".repeat(19)))
    );
    let wide =
        html(&format!("{}\n{}\n{}\n", "|a".repeat(129), "|-".repeat(129), "|**b**".repeat(129)));
    assert!(!wide.contains("<t") && wide.matches('b').count() == 129, "its text stays: {wide}");
}

#[test]
fn p9_addresses_and_definitions_have_a_longest() {
    let address = |length: usize| format!("http://{}", "a".repeat(length - "http://".len()));
    for (length, is_link) in [(2048, true), (2049, false)] {
        let to = address(length);
        for text in
            [to.clone(), format!("[x]({to})"), format!("[x]: {to}\n\n[x]"), format!("<{to}>")]
        {
            let html = html(&text);
            assert_eq!(html.contains("<a href"), is_link, "{}…", &text[..12]);
            assert!(html.contains(&to) || text.contains("]: "), "no text is lost");
        }
    }
}

static ANY_TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new("<[^>]*>").unwrap());

/// A rendering with limits so narrow that short texts reach all of them.
fn narrow(limits: &RenderLimits) -> Renderer {
    Renderer { limits: *limits, ..Renderer::default() }
}

fn narrow_limits() -> impl Strategy<Value = RenderLimits> {
    (32usize..200, 1usize..400, 0usize..6, 0usize..60, 0usize..200, 0usize..30, 0usize..3).prop_map(
        |(window, work, short_parts, short, output, output_per_byte, code)| RenderLimits {
            window_bytes: window,
            call_bytes: work,
            n_short_parts: short_parts,
            late_part_bytes: short,
            html_bytes: output,
            html_bytes_per_byte: output_per_byte,
            n_blocks: code,
        },
    )
}

/// The parts of a text that comes in pieces; each piece is rendered to its end or not.
fn in_pieces(
    limits: &RenderLimits,
    text: &str,
    cuts: &BTreeSet<usize>,
    to_end: bool,
) -> Vec<AnswerPart> {
    let mut rendering = narrow(limits);
    let mut all = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([text.len()]) {
        rendering.append(&text[from..cut]);
        from = cut;
        loop {
            all.extend(rendering.render().finished);
            if !(rendering.is_behind() && (to_end || cut == text.len())) {
                break;
            }
        }
    }
    all.push(rendering.render().open);
    all
}

#[test]
fn a_block_that_is_cut_loses_no_text_and_goes_on_as_what_it_is() {
    let limits = RenderLimits { window_bytes: 120, ..RenderLimits::default() };
    let lines =
        |line: &str| (0..40).map(|at| line.replace('#', &at.to_string())).collect::<String>();
    for (text, element) in [
        (
            format!("```rust\n{}```\n", lines("let a#x = 1;\n")),
            "<pre><code class=\"language-rust\">",
        ),
        (format!("|a|b|\n|-|-|\n{}", lines("|w#x|b|\n")), "<thead>"),
        (lines("- w#x\n"), "<ul>"),
        (lines("> w#x\n"), "<blockquote>"),
        (lines("w#x "), "<p>"),
        (lines("w#x\n"), "<p>"),
    ] {
        let parts = in_pieces(&limits, &text, &BTreeSet::new(), true);
        assert!(parts.len() > 1, "{text}");
        for part in &parts {
            assert!(
                part.html.contains(element) || part.html.is_empty(),
                "{element}: {}",
                part.html
            );
            check(&part.html).unwrap();
        }
        let html: String = parts.iter().map(|part| part.html.as_str()).collect();
        for at in 0..40 {
            let word = if text.contains("let a") { format!("a{at}x") } else { format!("w{at}x") };
            assert_eq!(html.matches(&word).count(), 1, "{word} in {html}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn p6_whatever_is_repeated_takes_time_and_output_in_proportion(shape in shape()) {
        assert_in_proportion(&shape, 8 * 1024);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn whatever_is_repeated_only_what_is_allowed_comes_out(shape in shape(), bytes in 1usize..2000) {
        for part in parts(&shape.text(bytes)) {
            prop_assert!(check(&part).is_ok_and(|deepest| deepest <= html::MAX_DEPTH + 3), "{}", part);
        }
    }

    /// Where there is no budget for elements, all the text is there all the same.
    #[test]
    fn what_is_shown_without_elements_is_the_same_text(
        pieces in prop::collection::vec(piece(), 1..40),
    ) {
        // What a definition says is text nowhere.
        let text: String = pieces.into_iter().filter(|piece| !piece.contains("]:")).collect();
        let shown = |output| {
            let limits = RenderLimits { html_bytes: output, html_bytes_per_byte: output, ..RenderLimits::default() };
            let parts = in_pieces(&limits, &text, &BTreeSet::new(), true);
            let html: String = parts.into_iter().map(|part| part.html).collect();
            let text = ANY_TAG.replace_all(&html, "");
            text.chars().filter(|c| c.is_alphanumeric()).collect::<Vec<_>>()
        };
        let (without, with) = (shown(0), shown(1 << 20));
        let mut rest = without.iter();
        // An address is shown besides the words of its link where it is none.
        prop_assert!(with.iter().all(|c| rest.any(|shown| shown == c)), "{:?}", text);
    }

    #[test]
    fn whatever_the_limits_a_text_in_any_pieces_gives_the_same_safe_parts(
        limits in narrow_limits(),
        pieces in prop::collection::vec(piece(), 1..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        to_end in any::<bool>(),
    ) {
        let text = pieces.concat();
        let cuts: BTreeSet<usize> = cuts
            .iter()
            .map(|cut| text.floor_char_boundary(cut.index(text.len() + 1)))
            .collect();
        let whole = in_pieces(&limits, &text, &BTreeSet::new(), true);
        prop_assert_eq!(&in_pieces(&limits, &text, &cuts, to_end), &whole, "{:?}", text);
        for part in whole {
            prop_assert_eq!(check(&part.html).err(), None);
        }
    }
}
