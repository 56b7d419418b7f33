//! Formulas as MathML that is safe to show: known elements and attributes, styles as classes.
//!
//! The page forbids inline styles, so each declaration that the library writes has a class in
//! `static/styles/drawings.css`. A formula with another one is shown as its source.

use super::allowed::{self, AttributeRuling, NotAllowed, Rules};

/// Longest MathML of one formula, bytes.
const MAX_BYTES: usize = 128 << 10; // 128 KiB

/// Elements of MathML. `math` stands at the root alone, and nothing but text in the leaves.
const ELEMENTS: [&str; 23] = [
    "math",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "mspace",
    "msqrt",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
];

/// Elements with text alone.
const LEAVES: [&str; 3] = ["mi", "mn", "mo"];

/// Elements of HTML that text in a formula may have.
const IN_TEXT: [&str; 7] = ["b", "code", "em", "i", "s", "span", "u"];

/// Attributes whose values are words or lengths.
const ATTRIBUTES: [&str; 18] = [
    "accent",
    "accentunder",
    "display",
    "displaystyle",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rspace",
    "scriptlevel",
    "stretchy",
    "symmetric",
    "width",
];

/// The class of each declaration that the library writes.
const STYLES: [(&str, &str); 32] = [
    ("border-left:0.05em solid currentcolor", "line-left"),
    ("border-left:0.05em dashed currentcolor", "dash-left"),
    ("border-right:0.05em solid currentcolor", "line-right"),
    ("border-right:0.05em dashed currentcolor", "dash-right"),
    ("border-top:0.05em solid currentcolor", "line-top"),
    ("border-top:0.05em dashed currentcolor", "dash-top"),
    ("font-variant-caps:small-caps", "small-caps"),
    ("justify-items:end", "at-end"),
    ("justify-items:start", "at-start"),
    ("margin-left:-0.16666667em", "back-3"),
    ("margin-left:-0.22222222em", "back-4"),
    ("margin-left:-0.2777778em", "back-5"),
    ("math-shift:compact", "compact"),
    ("padding-bottom:0", "no-bottom"),
    ("padding-left:0", "no-left"),
    ("padding-left:0.1em", "left-1"),
    ("padding-left:0.1667em", "left-3"),
    ("padding-left:0.2222em", "left-4"),
    ("padding-left:0.2778em", "left-5"),
    ("padding-left:1em", "left-em"),
    ("padding-right:0", "no-right"),
    ("padding-right:0.1em", "right-1"),
    ("padding-right:0.1667em", "right-3"),
    ("padding-right:0.2222em", "right-4"),
    ("padding-right:0.2778em", "right-5"),
    ("padding-top:0", "no-top"),
    ("padding-top:0.1667em", "top-3"),
    ("text-align:left", "to-left"),
    ("text-align:right", "to-right"),
    ("width:100%", "wide"),
    ("width:50%", "half"),
    ("width:7.5%", "narrow"),
];

/// Classes of the library, and ours for the same.
const CLASSES: [(&str, &str); 2] =
    [("math-core-sans-serif-font", "sans"), ("math-core-serif-font", "serif")];

/// The MathML of a formula, with its source for those who hear or copy it.
///
/// # Errors
/// It has something that is not known to be safe.
pub(super) fn safe(mathml: &str, source: &str) -> Result<String, NotAllowed> {
    allowed::rewritten(mathml, MAX_BYTES, &mut MathRules { source })
}

struct MathRules<'a> {
    source: &'a str,
}

impl Rules for MathRules<'_> {
    fn element(&mut self, name: &str, parents: &[String]) -> bool {
        let Some(parent) = parents.last().map(String::as_str) else { return name == "math" };
        match name {
            "math" => false,
            _ if IN_TEXT.contains(&name) => parents.iter().any(|parent| parent == "mtext"),
            _ if IN_TEXT.contains(&parent) || parent == "mtext" => false,
            _ => ELEMENTS.contains(&name) && !LEAVES.contains(&parent),
        }
    }

    fn attribute(&mut self, element: &str, name: &str, value: &str) -> AttributeRuling {
        match name {
            "style" => classes(value)
                .map_or(AttributeRuling::Refuse, |it| AttributeRuling::Replace("class", it)),
            "class" => {
                let ours = CLASSES.iter().find(|(theirs, _)| *theirs == value);
                ours.map_or(AttributeRuling::Refuse, |(_, ours)| {
                    AttributeRuling::Replace("class", (*ours).to_owned())
                })
            }
            _ if IN_TEXT.contains(&element) || !ATTRIBUTES.contains(&name) => {
                AttributeRuling::Refuse
            }
            _ if is_plain(value) => AttributeRuling::Keep,
            _ => AttributeRuling::Refuse,
        }
    }

    fn added(&mut self, element: &str) -> Vec<(&'static str, String)> {
        match element {
            "math" => vec![("alttext", self.source.to_owned())],
            _ => Vec::new(),
        }
    }

    fn text(&mut self, _: &str, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// Whether a value is one word or one length.
fn is_plain(value: &str) -> bool {
    value.len() <= 32 && value.chars().all(|c| c.is_ascii_alphanumeric() || "-.%".contains(c))
}

/// The classes for declarations; `None` if one has none.
fn classes(style: &str) -> Option<String> {
    let declarations = style.split(';').map(str::trim).filter(|it| !it.is_empty());
    let of = |declaration: &str| {
        let (property, value) = declaration.split_once(':')?;
        let written = format!("{}:{}", property.trim(), value.trim());
        STYLES.iter().find(|(known, _)| *known == written).map(|(_, class)| *class)
    };
    let classes: Option<Vec<&str>> = declarations.map(of).collect();
    classes.map(|classes| classes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(mathml: &str) -> Result<String, NotAllowed> {
        safe(&format!("<math>{mathml}</math>"), "")
            .map(|it| it.replace("<math alttext=\"\">", "").replace("</math>", ""))
    }

    #[test]
    fn a_formula_keeps_its_elements_and_says_its_source() {
        let mathml = "<math display=\"block\"><mfrac displaystyle=\"true\"><mi>a</mi><mn>2</mn></mfrac></math>";
        assert_eq!(
            safe(mathml, "\\frac{a}{2} \"<\"").as_deref(),
            Ok("<math display=\"block\" alttext=\"\\frac{a}{2} &quot;&lt;&quot;\"><mfrac \
                 displaystyle=\"true\"><mi>a</mi><mn>2</mn></mfrac></math>")
        );
    }

    #[test]
    fn styles_become_classes() {
        for (style, class) in [
            ("width: 50%;text-align: right;justify-items: end;", "half to-right at-end"),
            ("padding-top: 0.1667em", "top-3"),
            ("", ""),
        ] {
            assert_eq!(
                inner(&format!("<mrow style=\"{style}\"/>")),
                Ok(format!("<mrow class=\"{class}\"></mrow>")),
            );
        }
    }

    #[test]
    fn text_may_be_bold_and_nothing_else() {
        assert_eq!(
            inner("<mtext><b><i>x</i></b></mtext>").as_deref(),
            Ok("<mtext><b><i>x</i></b></mtext>")
        );
        assert!(inner("<b>x</b>").is_err());
        assert!(inner("<mtext><b><mi>x</mi></b></mtext>").is_err());
        assert!(inner("<mtext><mtable/></mtext>").is_err());
    }

    #[test]
    fn whatever_could_run_load_or_disguise_is_refused() {
        for hostile in [
            "<mo><script>alert(1)</script></mo>",
            "<mi><mrow/></mi>",
            "<mo><img src=\"x\" onerror=\"alert(1)\"/></mo>",
            "<mtext><a href=\"javascript:alert(1)\">x</a></mtext>",
            "<mtext><style>*{}</style></mtext>",
            "<mtext><b onclick=\"x\">x</b></mtext>",
            "<mtext><b style=\"position:fixed\">x</b></mtext>",
            "<mtext><svg/></mtext>",
            "<mtext><iframe/></mtext>",
            "<maction actiontype=\"statusline\"/>",
            "<annotation-xml encoding=\"text/html\"/>",
            "<semantics/>",
            "<mglyph/>",
            "<malignmark/>",
            "<math/>",
            "<mrow href=\"https://evil.example\"/>",
            "<mrow xlink:href=\"javascript:x\"/>",
            "<mrow onmouseover=\"x\"/>",
            "<mrow id=\"transcript\"/>",
            "<mrow class=\"button\"/>",
            "<mrow style=\"color:#ff0000;\"/>",
            "<mrow style=\"width: 100%;background:url(x)\"/>",
            "<mrow style=\"width:999999px\"/>",
            "<mspace width=\"9999999999999999999999999999999999em\"/>",
            "<mspace width=\"1em;x\"/>",
            "<mn>1</mn></math><script/><math>",
        ] {
            assert!(inner(hostile).is_err(), "{hostile}: {:?}", inner(hostile));
        }
        assert!(safe("<mrow/>", "").is_err());
        assert!(safe("<html><math/></html>", "").is_err());
    }
}
