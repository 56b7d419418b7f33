//! Diagrams and formulas of a snapshot, drawn once, when it is made.
//!
//! A formula is MathML within the page. A diagram is an image with its picture in its address: nothing
//! in an image runs or loads, and its styles and ids touch nothing of the page, whose policy needs to
//! allow no styles in it. What is not drawn stays as its source.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    drawing::{DiagramImage, Drawing, DrawingSource, MAX_BATCH, Theme},
    markdown::escape::push_escaped,
    project::Project,
    web::state::AppState,
};

/// How long a snapshot waits for its drawings, but for those that are being made then.
const LONGEST: Duration = Duration::from_secs(20);

const FORMULA: &str = "<code class=\"math\">";
const FORMULA_END: &str = "</code>";
const DIAGRAM: &str =
    concat!("<pre class=\"code\" tabindex=\"0\" dir=\"ltr\">", "<code class=\"language-mermaid\">");
const DIAGRAM_END: &str = "</code></pre>";

/// The language of a code block that is a diagram.
pub(super) const DIAGRAM_LANGUAGE: &str = "mermaid";

/// The marks around a formula, and whether it stands by itself.
const MARKS: [(&str, &str, bool); 4] =
    [("$$", "$$", true), ("\\[", "\\]", true), ("\\(", "\\)", false), ("$", "$", false)];

/// HTML of which some pieces can be shown in two ways.
#[derive(Debug, Default)]
pub(super) struct FrozenHtml {
    pieces: Vec<Piece>,
    /// Bytes as they are without drawings.
    plain_bytes: usize,
    /// Bytes of all drawings.
    drawn_bytes: usize,
}

#[derive(Debug, Default)]
struct Piece {
    plain: String,
    drawn: Option<String>,
}

impl FrozenHtml {
    pub(super) fn is_empty(&self) -> bool {
        self.plain_bytes == 0
    }

    /// Bytes as they are without drawings.
    pub(super) fn plain_bytes(&self) -> usize {
        self.plain_bytes
    }

    pub(super) fn push_str(&mut self, html: &str) {
        self.plain_bytes += html.len();
        match self.pieces.last_mut().filter(|last| last.drawn.is_none()) {
            Some(last) => last.plain.push_str(html),
            None => self.pieces.push(Piece { plain: html.to_owned(), drawn: None }),
        }
    }

    /// Adds what is shown as `drawn` where there is room, else as `plain`.
    fn push_drawn(&mut self, plain: &str, drawn: String) {
        self.plain_bytes += plain.len();
        self.drawn_bytes += drawn.len();
        self.pieces.push(Piece { plain: plain.to_owned(), drawn: Some(drawn) });
    }

    /// The HTML with as many drawings, from the beginning, as fit into `most` bytes.
    pub(super) fn into_html(self, most: usize) -> String {
        let mut bytes = self.plain_bytes;
        let mut html = String::with_capacity(most.min(self.plain_bytes + self.drawn_bytes));
        for Piece { plain, drawn } in &self.pieces {
            let fits = |drawn: &&String| bytes - plain.len() + drawn.len() <= most;
            let shown = drawn.as_ref().filter(fits).unwrap_or(plain);
            bytes = bytes - plain.len() + shown.len();
            html.push_str(shown);
        }
        html
    }
}

/// Draws for one snapshot.
pub(super) struct Drawer<'a> {
    state: &'a AppState,
    project: &'a Project,
    until: Instant,
    /// Bytes of drawings after which no more are kept.
    most: usize,
}

impl<'a> Drawer<'a> {
    pub(super) fn new(state: &'a AppState, project: &'a Project, most: usize) -> Self {
        Self { state, project, until: Instant::now() + LONGEST, most }
    }

    /// Adds the HTML of a part of an answer. `diagrams` are the sources of its diagrams.
    pub(super) async fn add(&self, part: &str, diagrams: Vec<String>, to: &mut FrozenHtml) {
        let pieces = split(part, &diagrams);
        let sources: Vec<_> = pieces.iter().filter_map(|(_, source)| source.clone()).collect();
        let mut drawings = self.drawn(sources, to).await.into_iter();
        for (html, source) in pieces {
            let drawing = source.and_then(|_| drawings.next());
            match drawing.and_then(|drawing| shown(&drawing, html)) {
                Some(drawn) if to.drawn_bytes + drawn.len() <= self.most => {
                    to.push_drawn(html, drawn);
                }
                _ => to.push_str(html),
            }
        }
    }

    /// The first drawings, as far as there are time and room.
    async fn drawn(&self, sources: Vec<DrawingSource>, to: &FrozenHtml) -> Vec<Arc<Drawing>> {
        let mut drawn = Vec::with_capacity(sources.len());
        for batch in sources.chunks(MAX_BATCH) {
            if Instant::now() > self.until || to.drawn_bytes >= self.most {
                break;
            }
            let drawings = &self.state.resources.drawings;
            match drawings.draw(self.project, batch.to_vec()).await {
                Ok(batch) => drawn.extend(batch),
                Err(error) => {
                    log::warn!("a snapshot has sources instead of drawings: {error}");
                    break;
                }
            }
        }
        drawn
    }
}

/// Splits the HTML of a part into what stays and what can be drawn. All of its elements are written by
/// the server: what an answer says is escaped.
fn split<'a>(part: &'a str, diagrams: &[String]) -> Vec<(&'a str, Option<DrawingSource>)> {
    let mut diagrams = diagrams.iter();
    let (mut pieces, mut rest) = (Vec::new(), part);
    while let Some(found) = next(rest) {
        let (before, element, after) = found;
        let source = match element.starts_with(DIAGRAM) {
            true => diagrams.next().map(|it| DrawingSource::Diagram { source: it.clone() }),
            false => formula(element),
        };
        pieces.push((before, None));
        pieces.push((element, source));
        rest = after;
    }
    pieces.push((rest, None));
    pieces.retain(|(html, _)| !html.is_empty());
    pieces
}

/// The next element that can be drawn, with what stands before and behind it.
fn next(html: &str) -> Option<(&str, &str, &str)> {
    let formula = html.find(FORMULA).map(|at| (at, FORMULA_END));
    let diagram = html.find(DIAGRAM).map(|at| (at, DIAGRAM_END));
    let (at, closing) = formula.into_iter().chain(diagram).min()?;
    let (before, rest) = html.split_at_checked(at)?;
    let end = rest.find(closing)? + closing.len();
    let (element, after) = rest.split_at_checked(end)?;
    Some((before, element, after))
}

/// The source of a formula, unless it is empty or has characters that are shown as marks.
fn formula(element: &str) -> Option<DrawingSource> {
    let written = written(element)?;
    let (open, close, display) =
        MARKS.into_iter().find(|(open, _, _)| written.starts_with(open))?;
    let source = written.strip_prefix(open)?.strip_suffix(close)?.trim().to_owned();
    (!source.is_empty()).then_some(DrawingSource::Formula { source, display })
}

/// The text of a formula with its marks.
fn written(element: &str) -> Option<String> {
    let text = element.strip_prefix(FORMULA)?.strip_suffix(FORMULA_END)?;
    if text.contains('<') {
        return None;
    }
    // What `push_escaped` writes.
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    Some(plain.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
}

/// The HTML of a drawing in the place of its source.
fn shown(drawing: &Drawing, source: &str) -> Option<String> {
    match drawing {
        Drawing::Formula(mathml) => {
            let written = written(source)?;
            let is_block = mathml.contains("display=\"block\"");
            let reached = " display\" tabindex=\"0\" role=\"group\" aria-label=\"Formula";
            let mut html = "<span class=\"formula".to_owned();
            html.push_str(if is_block { reached } else { "" });
            html.push_str("\" title=\"");
            push_escaped(&written, &mut html);
            html.push_str("\">");
            html.push_str(mathml);
            html.push_str("</span>");
            Some(html)
        }
        Drawing::Diagram(image) => Some(figure(image, source)),
        Drawing::Failed(_) => None,
    }
}

/// A diagram for both themes; paper is light.
fn figure(image: &DiagramImage, source: &str) -> String {
    let address = |theme| {
        let svg = STANDARD.encode(image.svg(theme).as_bytes());
        format!("data:image/svg+xml;base64,{svg}")
    };
    let (light, dark) = (address(Theme::Light), address(Theme::Dark));
    let [width, height] = image.size;
    let mut alt = String::new();
    push_escaped(&image.description, &mut alt);
    format!(
        "<figure class=\"drawing\"><div class=\"picture\"><picture>\
         <source media=\"screen and (prefers-color-scheme: dark)\" srcset=\"{dark}\">\
         <img src=\"{light}\" width=\"{width}\" height=\"{height}\" alt=\"{alt}\">\
         </picture></div><details><summary>Source</summary>{source}</details></figure>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formulas(html: &str) -> Vec<(String, bool)> {
        let sources = split(html, &[]).into_iter().filter_map(|(_, source)| source);
        let formula = |source| match source {
            DrawingSource::Formula { source, display } => (source, display),
            DrawingSource::Diagram { .. } => panic!("no diagram"),
        };
        sources.map(formula).collect()
    }

    #[test]
    fn formulas_are_found_with_their_marks_and_their_characters() {
        let html = "<p>a <code class=\"math\">$x &lt; &amp;lt; y$</code> <code>$z$</code> \
                    <code class=\"math\">$$ a $$</code><code class=\"math\">\\[b\\]</code>\
                    <code class=\"math\">\\(c\\)</code><code class=\"math\">$$$$</code>\
                    <code class=\"math\">$<span>q</span>$</code></p>";
        let is = |source: &str, display| (source.to_owned(), display);
        assert_eq!(
            formulas(html),
            [is("x < &lt; y", false), is("a", true), is("b", true), is("c", false)]
        );
        let joined: String = split(html, &[]).into_iter().map(|(html, _)| html).collect();
        assert_eq!(joined, html);
    }

    #[test]
    fn diagrams_have_the_sources_of_their_blocks_in_order() {
        let block = |code: &str| format!("{DIAGRAM}{code}{DIAGRAM_END}");
        let html = format!("{}<p>x</p>{}", block("a"), block("b"));
        let sources = ["one".to_owned()];
        let found: Vec<_> = split(&html, &sources).into_iter().map(|(_, source)| source).collect();
        let one = DrawingSource::Diagram { source: "one".to_owned() };
        assert_eq!(found, [Some(one), None, None]);
        assert_eq!(split("<p>a</p>", &[]), [("<p>a</p>", None)]);
        assert_eq!(split(DIAGRAM, &sources), [(DIAGRAM, None)]);
    }

    #[test]
    fn drawings_that_do_not_fit_are_their_sources_again() {
        let html = || {
            let mut html = FrozenHtml::default();
            html.push_str("<p>");
            html.push_drawn("a", "A".repeat(10));
            html.push_drawn("b", "B".repeat(3));
            html.push_str("</p>");
            html
        };
        assert_eq!(html().plain_bytes(), 9);
        assert_eq!(html().into_html(100), "<p>AAAAAAAAAABBB</p>");
        assert_eq!(html().into_html(11), "<p>aBBB</p>");
        assert_eq!(html().into_html(9), "<p>ab</p>");
    }
}
