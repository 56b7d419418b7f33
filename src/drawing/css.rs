//! Styles in drawings: which texts of CSS load nothing and name nothing outside of the drawing.

/// Functions that compute colours, lengths and places.
const FUNCTIONS: [&str; 23] = [
    "calc",
    "cubic-bezier",
    "drop-shadow",
    "hsl",
    "hsla",
    "is",
    "matrix",
    "max",
    "min",
    "not",
    "nth-child",
    "rgb",
    "rgba",
    "rotate",
    "scale",
    "scalex",
    "scaley",
    "skewx",
    "skewy",
    "translate",
    "translatex",
    "translatey",
    "where",
];

/// Whether a style sheet, a declaration or a value of an attribute may stay: it has no rules that load
/// (`@import`), no escapes and comments that could hide one, no function but known ones, and `url()`
/// only with a fragment of the same drawing.
pub(super) fn is_harmless(css: &str) -> bool {
    let hides = |c: char| matches!(c, '\\' | '@' | '<') || (c.is_control() && !c.is_whitespace());
    if css.contains(hides) || css.contains("/*") || css.contains("//") {
        return false;
    }
    css.match_indices('(').all(|(at, _)| {
        let before = css.get(..at).unwrap_or_default();
        let is_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii();
        let start = before.trim_end_matches(is_of_name).len();
        let name = before.get(start..).unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "" => true,
            "url" => is_fragment(css.get(at + 1..).unwrap_or_default()),
            name => FUNCTIONS.contains(&name),
        }
    })
}

/// Whether the argument of `url(` is a fragment.
fn is_fragment(argument: &str) -> bool {
    let Some((inner, _)) = argument.split_once(')') else { return false };
    let inner = inner.trim();
    let unquoted = |mark: char| inner.strip_prefix(mark).and_then(|it| it.strip_suffix(mark));
    let inner = unquoted('"').or_else(|| unquoted('\'')).unwrap_or(inner);
    inner.strip_prefix('#').is_some_and(is_id)
}

/// Whether this names an element of the drawing.
pub(super) fn is_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !text.is_empty() && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_of_drawings_stay() {
        for css in [
            "",
            "#d .node rect,#d .x>*{fill:#ECECFF;stroke:hsl(80, 100%, 96.2%)!important;}",
            "filter:drop-shadow(1px 2px 2px rgba(185, 185, 185, 1))",
            "url(#arrow)",
            "marker-end:url( \"#a-b_c.1:2\" )",
            "translate(281,2) matrix(1,0,0,1,0,0)",
            "#d [data-look=\"neo\"].node:not(.x) circle .state-start{fill:#000}",
            "M 0 0 L 10 5 z",
            "calc((1em + 2px) * 2)",
            "größer",
        ] {
            assert!(is_harmless(css), "{css}");
        }
    }

    #[test]
    fn whatever_loads_or_hides_is_refused() {
        for css in [
            "@import 'x.css'",
            "@IMPORT url(#x)",
            "@font-face{src:local(x)}",
            "fill:url(https://evil.example/x)",
            "fill:URL(//evil.example)",
            "fill:url(data:image/svg+xml,x)",
            "fill:url(#a)url(x)",
            "fill:url('#a'x)",
            "fill:url(#)",
            "fill:url(#a",
            "fill:ur\\6c(x)",
            "fill:url/**/(x)",
            "background:image-set('x' 1x)",
            "background:-webkit-image-set('x' 1x)",
            "background:image(x)",
            "content:attr(x)",
            "width:expression(alert(1))",
            "x:src(x)",
            "x:element(#a)",
            "x:\u{ff55}rl(x)",
            "</style><script>",
            "a{}\u{0}",
            "https://evil.example",
        ] {
            assert!(!is_harmless(css), "{css}");
        }
    }
}
