//! Diagrams as SVG that is safe to serve: known elements and attributes, references within the drawing
//! alone, styles that load nothing.

use super::{
    allowed::{self, AttributeRuling, NotAllowed, Rules},
    css,
};

/// Longest SVG of one diagram, bytes.
pub(super) const MAX_BYTES: usize = 2 << 20; // 2 MiB

/// Largest width and height, in pixels of CSS.
const MAX_SIDE: f64 = 30_000.0;

/// Labels that the description of a diagram without a title names.
const MAX_LABELS: usize = 16;

/// Longest description, characters.
const MAX_DESCRIPTION: usize = 300;

const NAMESPACE: &str = "http://www.w3.org/2000/svg";

const ELEMENTS: [&str; 28] = [
    "a",
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feDropShadow",
    "filter",
    "g",
    "image",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "style",
    "svg",
    "symbol",
    "text",
    "title",
    "tspan",
    "use",
];

/// Attributes that stay, if [`css::is_harmless`]. `image` has no address among them, and draws nothing.
const ATTRIBUTES: [&str; 77] = [
    "alignment-baseline",
    "aria-describedby",
    "aria-labelledby",
    "aria-roledescription",
    "class",
    "clip-path",
    "clip-rule",
    "cx",
    "cy",
    "d",
    "dominant-baseline",
    "dx",
    "dy",
    "fill",
    "fill-opacity",
    "fill-rule",
    "filter",
    "filterUnits",
    "flood-color",
    "flood-opacity",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "fx",
    "fy",
    "gradientTransform",
    "gradientUnits",
    "height",
    "id",
    "letter-spacing",
    "marker-end",
    "marker-mid",
    "marker-start",
    "markerHeight",
    "markerUnits",
    "markerWidth",
    "mask",
    "maskUnits",
    "offset",
    "opacity",
    "orient",
    "overflow",
    "paint-order",
    "pathLength",
    "patternTransform",
    "patternUnits",
    "points",
    "preserveAspectRatio",
    "r",
    "refX",
    "refY",
    "role",
    "rx",
    "ry",
    "stdDeviation",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-opacity",
    "stroke-width",
    "style",
    "text-anchor",
    "text-decoration",
    "transform",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "xml:space",
    "y",
    "y1",
    "y2",
];

/// An SVG that was found safe.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SafeSvg {
    pub(crate) text: String,
    /// In pixels of CSS.
    pub(crate) size: [u32; 2],
    /// What it shows, for those who do not see it.
    pub(crate) description: String,
}

/// The diagram as it may be served.
///
/// # Errors
/// It has something that is not known to be safe, or no usable size.
pub(super) fn safe(svg: &str) -> Result<SafeSvg, NotAllowed> {
    let mut rules = SvgRules::default();
    let text = allowed::rewritten(svg, MAX_BYTES, &mut rules)?;
    let [width, height] = rules.size.ok_or(NotAllowed::Attribute("viewBox".to_owned()))?;
    // A picture has its size from its root: a width of 100 % would be none.
    let sides = format!("<svg width=\"{width}\" height=\"{height}\"");
    let text = text.replacen("<svg", &sides, 1);
    Ok(SafeSvg { text, size: [width, height], description: rules.description() })
}

#[derive(Default)]
struct SvgRules {
    size: Option<[u32; 2]>,
    kind: String,
    title: String,
    labels: Vec<String>,
    /// Whether the attributes are the root's.
    is_root: bool,
}

impl Rules for SvgRules {
    fn element(&mut self, name: &str, parents: &[String]) -> bool {
        self.is_root = parents.is_empty();
        if self.is_root {
            return name == "svg";
        }
        // The text of these is text of theirs.
        let is_within_text =
            parents.last().is_some_and(|it| matches!(&**it, "style" | "title" | "desc"));
        !is_within_text && ELEMENTS.contains(&name)
    }

    fn attribute(&mut self, element: &str, name: &str, value: &str) -> AttributeRuling {
        match name {
            "xmlns" => return keep_if(value == NAMESPACE),
            "href" | "xlink:href" if element == "use" => {
                return match value.strip_prefix('#').is_some_and(css::is_id) {
                    true => AttributeRuling::Replace("href", value.to_owned()),
                    false => AttributeRuling::Refuse,
                };
            }
            "viewBox" if self.is_root => match size(value) {
                Some(size) => self.size = Some(size),
                None => return AttributeRuling::Refuse,
            },
            "width" | "height" if self.is_root => return AttributeRuling::Drop,
            // A label has a place of its own, too narrow where a wider font stands in for Arial.
            "style" if element == "svg" && css::is_harmless(value) => {
                let style = value.replace("overflow:hidden", "overflow:visible");
                return AttributeRuling::Replace("style", style);
            }
            "aria-roledescription" => self.kind = kind(value).to_owned(),
            _ => (),
        }
        if !ATTRIBUTES.contains(&name) {
            return AttributeRuling::Drop;
        }
        keep_if(css::is_harmless(value))
    }

    fn added(&mut self, _: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn text(&mut self, element: &str, text: &str) -> Option<String> {
        let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match element {
            "style" if !css::is_harmless(text) => return None,
            "title" if self.title.is_empty() => self.title = said,
            "text" | "tspan" if self.is_new_label(&said) => self.labels.push(said),
            _ => (),
        }
        Some(text.to_owned())
    }
}

impl SvgRules {
    fn is_new_label(&self, said: &str) -> bool {
        let is_known = self.labels.iter().any(|label| label == said);
        !said.is_empty() && !is_known && self.labels.len() <= MAX_LABELS
    }

    fn description(&self) -> String {
        let kind = if self.kind.is_empty() { "Diagram" } else { &self.kind };
        let text = if !self.title.is_empty() {
            format!("{kind}: {}", self.title)
        } else if self.labels.is_empty() {
            kind.to_owned()
        } else {
            let more = if self.labels.len() > MAX_LABELS { ", and more" } else { "" };
            let shown: Vec<&str> =
                self.labels.iter().take(MAX_LABELS).map(String::as_str).collect();
            format!("{kind} with {}{more}", shown.join(", "))
        };
        match text.char_indices().nth(MAX_DESCRIPTION) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

fn keep_if(is_safe: bool) -> AttributeRuling {
    if is_safe { AttributeRuling::Keep } else { AttributeRuling::Refuse }
}

/// Width and height of a view box.
fn size(view_box: &str) -> Option<[u32; 2]> {
    let numbers: Option<Vec<f64>> = view_box
        .split([' ', ','])
        .filter(|it| !it.is_empty())
        .map(|number| number.parse().ok().filter(|it: &f64| it.is_finite()))
        .collect();
    let &[_, _, width, height] = numbers?.as_slice() else { return None };
    let is_usable = |side: f64| (1.0..=MAX_SIDE).contains(&side);
    // Within the bound, so no digit is lost.
    (is_usable(width) && is_usable(height)).then(|| [width.ceil() as u32, height.ceil() as u32])
}

fn kind(role: &str) -> &'static str {
    match role {
        "flowchart-v2" | "flowchart" => "Flowchart",
        "sequence" => "Sequence diagram",
        "classDiagram" | "class" => "Class diagram",
        "stateDiagram" | "state" => "State diagram",
        "er" => "Entity relationship diagram",
        _ => "Diagram",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str =
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="100%" viewBox="0 0 120.5 80""#;

    fn of(inner: &str) -> Result<SafeSvg, NotAllowed> {
        safe(&format!("{OPEN}>{inner}</svg>"))
    }

    #[test]
    fn a_diagram_has_a_size_and_says_what_it_shows() {
        let labelled = safe(&format!(
            "{OPEN} aria-roledescription=\"flowchart-v2\"><g><text>User</text><text><tspan>Server \
             </tspan></text><text>User</text></g></svg>"
        ))
        .unwrap();
        assert_eq!(labelled.size, [121, 80]);
        assert!(
            labelled.text.starts_with("<svg width=\"121\" height=\"80\" xmlns"),
            "{labelled:?}"
        );
        assert!(!labelled.text.contains("100%"));
        let late = format!(
            "<svg xmlns=\"{NAMESPACE}\" viewBox=\"0 0 5 6\" height=\"9\"><svg height=\"3\"/></svg>"
        );
        let late = safe(&late).unwrap().text;
        assert_eq!(late.matches("height").count(), 2, "{late}");
        assert_eq!(labelled.description, "Flowchart with User, Server");
        assert_eq!(of("<title>Login</title>").unwrap().description, "Diagram: Login");
        assert_eq!(of("<g/>").unwrap().description, "Diagram");
        let many: String = (0..40).map(|number| format!("<text>n{number}</text>")).collect();
        let description = of(&many).unwrap().description;
        assert!(description.ends_with("n15, and more"), "{description}");
        let long = of(&format!("<title>{}</title>", "é".repeat(900))).unwrap().description;
        assert_eq!(long.chars().count(), MAX_DESCRIPTION + 1);
    }

    #[test]
    fn what_belongs_to_a_drawing_stays() {
        for inner in [
            "<style>#d .node{fill:#ECECFF}</style>",
            "<defs><marker id=\"m\" orient=\"auto\"><path d=\"M 0 0 L 1 1 z\"></path></marker></defs>",
            "<path marker-end=\"url(#m)\" style=\"fill:none\"></path>",
            "<use href=\"#label-1\" x=\"1\"></use>",
            "<text>&lt;/svg&gt;&lt;script&gt;</text>",
        ] {
            let safe = of(inner).unwrap();
            assert!(safe.text.contains(inner), "{inner}: {}", safe.text);
        }
        // An address is left out, what it stood on stays.
        let link = "<a href=\"https://evil.example\" xlink:href=\"x\" target=\"_top\"><g></g></a>";
        assert!(of(link).unwrap().text.contains("<a><g></g></a>"));
        assert!(of("<g onclick=\"x\" data-x=\"y\"/>").unwrap().text.contains("<g></g>"));
        let picture = of("<image href=\"https://evil.example/x.png\" width=\"1\"/>").unwrap().text;
        assert!(picture.contains("<image width=\"1\"></image>"), "{picture}");
    }

    #[test]
    fn a_label_is_not_cut_where_its_place_is_too_narrow() {
        let label = "<svg style=\"overflow:hidden;fill:none\">x</svg>";
        let safe = of(label).unwrap().text;
        assert!(safe.contains("<svg style=\"overflow:visible;fill:none\">x"), "{safe}");
        assert!(of("<svg style=\"fill:url(https://evil.example)\">x</svg>").is_err());
    }

    #[test]
    fn whatever_could_run_or_load_is_refused() {
        for hostile in [
            "<script>alert(1)</script>",
            "<foreignObject><div/></foreignObject>",
            "<iframe/>",
            "<animate attributeName=\"href\" to=\"javascript:x\"/>",
            "<set attributeName=\"onclick\"/>",
            "<feImage href=\"x\"/>",
            "<use href=\"https://evil.example/x.svg#a\"/>",
            "<use xlink:href=\"data:image/svg+xml,x#a\"/>",
            "<use href=\"#\"/>",
            "<style>@import url(https://evil.example/x.css);</style>",
            "<style>@font-face{font-family:x;src:url(x)}</style>",
            "<style>g{background:url(//evil.example)}</style>",
            "<style><g/></style>",
            "<rect fill=\"url(https://evil.example)\"/>",
            "<rect style=\"fill:url(https://evil.example)\"/>",
            "<rect style=\"fill:\\75rl(x)\"/>",
            "<g xmlns=\"http://www.w3.org/1999/xhtml\"/>",
            "<svg:script/>",
            "<math/>",
        ] {
            assert!(of(hostile).is_err(), "{hostile}: {:?}", of(hostile));
        }
    }

    #[test]
    fn a_drawing_without_a_usable_size_is_refused() {
        for view_box in
            ["", "0 0 0 10", "0 0 10", "0 0 -1 5", "0 0 1e9 5", "0 0 NaN 5", "0 0 inf 5", "a b c d"]
        {
            let svg = format!("<svg xmlns=\"{NAMESPACE}\" viewBox=\"{view_box}\"/>");
            assert!(safe(&svg).is_err(), "{view_box}");
        }
        assert!(safe(&format!("<svg xmlns=\"{NAMESPACE}\"/>")).is_err());
        assert!(safe("<html/>").is_err());
    }
}
