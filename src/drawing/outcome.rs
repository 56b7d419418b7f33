//! What becomes of a source: what the process that draws printed, and what the server makes of it.

use bytestring::ByteString;
use serde::{Deserialize, Serialize};

use super::{
    allowed::NotAllowed,
    mathml,
    sources::{DrawingSource, Theme},
    svg::{self, SafeSvg},
};

/// Longest reason that is shown, characters.
const MAX_REASON: usize = 300;

/// A line of the process that draws.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PrintedLine {
    /// It has started.
    Ready,
    Formula(String),
    Diagram {
        light: String,
        dark: String,
    },
    /// Why the source cannot be drawn.
    Failed(String),
}

/// A drawing that is safe to show, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Drawing {
    /// MathML.
    Formula(String),
    Diagram(DiagramImage),
    /// One sentence for a person.
    Failed(String),
}

/// A diagram as two pictures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DiagramImage {
    /// Names the pictures in their addresses.
    pub(crate) hash: String,
    /// Width and height in pixels of CSS.
    pub(crate) size: [u32; 2],
    pub(crate) description: String,
    light: ByteString,
    dark: ByteString,
}

impl DiagramImage {
    /// The SVG for a theme.
    pub(crate) fn svg(&self, theme: Theme) -> &ByteString {
        match theme {
            Theme::Light => &self.light,
            Theme::Dark => &self.dark,
        }
    }
}

impl Drawing {
    /// The drawing that a line stands for. Trusts nothing of it.
    pub(super) fn of(line: PrintedLine, source: &DrawingSource) -> Self {
        match (line, source) {
            (PrintedLine::Formula(mathml), DrawingSource::Formula { source, .. }) => {
                match mathml::safe(&mathml, source) {
                    Ok(mathml) => Self::Formula(mathml),
                    Err(why) => Self::refused("formula", &why),
                }
            }
            (PrintedLine::Diagram { light, dark }, DrawingSource::Diagram { .. }) => {
                match (svg::safe(&light), svg::safe(&dark)) {
                    (Ok(light), Ok(dark)) => Self::Diagram(image(source.hash(), light, dark)),
                    (Err(why), _) | (_, Err(why)) => Self::refused("diagram", &why),
                }
            }
            (PrintedLine::Failed(words), DrawingSource::Formula { .. }) => {
                Self::failed(&format!("This formula cannot be drawn: {words}"))
            }
            (PrintedLine::Failed(words), DrawingSource::Diagram { .. }) => {
                Self::failed(&format!("This diagram cannot be drawn: {words}"))
            }
            (PrintedLine::Ready | PrintedLine::Formula(_) | PrintedLine::Diagram { .. }, _) => {
                Self::failed("What was drawn is nothing that was asked for.")
            }
        }
    }

    fn refused(kind: &str, why: &NotAllowed) -> Self {
        log::info!("a drawing was refused kind={kind} has={why}");
        Self::failed(&format!("This {kind} is not shown: it has {why}, which might do harm."))
    }

    /// A failure in one line.
    pub(super) fn failed(words: &str) -> Self {
        let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut short: String =
            words.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        if short.len() < words.len() {
            short.push('…');
        } else if !short.ends_with(['.', '!', '?']) {
            short.push('.');
        }
        Self::Failed(short)
    }

    /// Bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Formula(mathml) => mathml.len(),
            Self::Diagram(image) => image.light.len() + image.dark.len() + image.description.len(),
            Self::Failed(words) => words.len(),
        }
    }
}

fn image(hash: String, light: SafeSvg, dark: SafeSvg) -> DiagramImage {
    let SafeSvg { text, size, description } = light;
    DiagramImage { hash, size, description, light: text.into(), dark: dark.text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let formula = DrawingSource::Formula { source: "x".to_owned(), display: false };
        let diagram = DrawingSource::Diagram { source: "x".to_owned() };
        let mathml = || PrintedLine::Formula("<math><mi>x</mi></math>".to_owned());
        assert!(matches!(Drawing::of(mathml(), &formula), Drawing::Formula(_)));
        assert!(matches!(Drawing::of(mathml(), &diagram), Drawing::Failed(_)));
        assert!(matches!(Drawing::of(PrintedLine::Ready, &formula), Drawing::Failed(_)));
        let hostile = PrintedLine::Formula("<math><mo><script>x</script></mo></math>".to_owned());
        assert_eq!(
            Drawing::of(hostile, &formula),
            Drawing::Failed(
                "This formula is not shown: it has an element `script`, which might do harm."
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_failure_is_one_short_line() {
        let words = format!("two\nlines \u{1b}[31m {}", "x".repeat(900));
        let Drawing::Failed(shown) = Drawing::failed(&words) else { panic!() };
        assert!(shown.starts_with("two lines [31m x"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_REASON + 1);
        assert_eq!(Drawing::failed("so it is"), Drawing::Failed("so it is.".to_owned()));
    }
}
