//! Mermaid as SVG, by the library for it. Runs in the process that draws alone: some sources take
//! the library very long.

use std::time::Duration;

use merman::{
    MermaidEngine, OperationControl, ParseOptions, RenderError, RenderOutput, RenderRequest,
    Renderer, SourcePresentationConfig, SvgEnvironment, SvgRequest,
    svg::{
        DeterministicTextMeasurer, MeasurementProfileId, RenderResourcePolicy, SvgPipeline,
        SvgRenderOptions, TextMeasurementPolicy, TextMeasurementProfile,
        TextMeasurementProfileIdentity,
    },
};
use serde_json::json;

use super::{sources::Theme, widths};

/// Time for one rendering; the server waits a little longer.
const RENDERING: Duration = Duration::from_millis(900);

/// What is said of a source that begins with no word of Mermaid.
const NO_KIND: &str = "its first line names no kind of diagram";

/// The SVG of a diagram in a theme.
///
/// # Errors
/// The source is none of the diagrams that are drawn, or wrong; the error says why.
pub(super) fn svg(source: &str, theme: Theme) -> Result<String, String> {
    let config = SourcePresentationConfig::from_value(json!({
        "theme": "base",
        "themeVariables": colours(theme),
        "fontFamily": "Arial, Helvetica, sans-serif",
        "securityLevel": "strict",
    }));
    let renderer = Renderer::new()
        .with_presentation_engine(MermaidEngine::new().with_site_config(config))
        .with_parse_options(ParseOptions::strict());
    let request = SvgRequest {
        environment: environment()?,
        pipeline: Some(SvgPipeline::resvg_safe()),
        options: SvgRenderOptions { diagram_id: Some("d".to_owned()), ..Default::default() },
        ..SvgRequest::default()
    };
    let control = OperationControl::new().with_deadline(RENDERING);
    match renderer.render(RenderRequest::svg(source, control, request)) {
        Ok(RenderOutput::Svg(Some(svg))) => Ok(svg.svg().to_owned()),
        Ok(_) | Err(RenderError::NoDiagram) => Err(NO_KIND.to_owned()),
        Err(error) => Err(words(&error.to_string(), source)),
    }
}

/// The colours of the page (`static/styles/base.css`): paper, ink and washes of the accent.
fn colours(theme: Theme) -> serde_json::Value {
    let [paper, aside, wash, ink, line, border, note] = match theme {
        Theme::Light => {
            ["#fbfaf7", "#f1f0ec", "#e3f0f0", "#1c2326", "#596267", "#5b9295", "#fbedd1"]
        }
        Theme::Dark => {
            ["#12181a", "#1a2224", "#183032", "#e2e1dd", "#9da7a9", "#4e8f90", "#3c311e"]
        }
    };
    json!({
        "darkMode": theme == Theme::Dark,
        "dropShadow": "none",
        "useGradient": false,
        "background": paper,
        "primaryColor": wash,
        "primaryTextColor": ink,
        "primaryBorderColor": border,
        "secondaryColor": aside,
        "secondaryTextColor": ink,
        "secondaryBorderColor": line,
        "tertiaryColor": aside,
        "tertiaryTextColor": ink,
        "tertiaryBorderColor": line,
        "lineColor": line,
        "textColor": ink,
        "edgeLabelBackground": paper,
        "noteBkgColor": note,
        "noteTextColor": ink,
        "noteBorderColor": line,
        "errorTextColor": ink,
    })
}

/// Widths of our own, and the library's limits for sources that come while people wait.
fn environment() -> Result<SvgEnvironment, String> {
    let measurer = DeterministicTextMeasurer::default().with_width_callback(|text, style| {
        widths::width(text, style.font_size, widths::is_bold(style.font_weight.as_deref()))
    });
    let id = MeasurementProfileId::new("cicerone.arial").map_err(|error| error.to_string())?;
    let identity = TextMeasurementProfileIdentity::new(id, env!("CARGO_PKG_VERSION"))
        .map_err(|error| error.to_string())?;
    let widths = TextMeasurementPolicy::uniform(TextMeasurementProfile::new(identity, measurer));
    Ok(SvgEnvironment::deterministic()
        .with_resource_policy(RenderResourcePolicy::interactive())
        .with_text_measurement_policy(widths))
}

/// The error of the library in words for the author of a source.
fn words(error: &str, source: &str) -> String {
    if error.starts_with("No Mermaid diagram type detected") {
        return NO_KIND.to_owned();
    }
    if let Some(rest) = error.strip_prefix("Unsupported diagram type: ") {
        let kind = rest.split(';').next().unwrap_or_default();
        return format!("diagrams of the kind `{kind}` are not drawn here");
    }
    if error.contains("deadline_exceeded") {
        return format!("it takes longer than {} ms", RENDERING.as_millis());
    }
    if error.contains("limit exceeded") || error.contains("resource limit") {
        return "it is larger or nests deeper than what is drawn here".to_owned();
    }
    let error =
        match error.strip_prefix("Diagram parse error (").and_then(|it| it.split_once("): ")) {
            Some((_, error)) => error,
            None => error,
        };
    // A place is told in bytes, which nobody counts.
    let place = error.rsplit_once(" at ").and_then(|(error, at)| Some((error, at.parse().ok()?)));
    match place {
        Some((error, at)) => {
            let before = source.get(..source.floor_char_boundary(at)).unwrap_or_default();
            format!("{error} in line {}", before.matches('\n').count() + 1)
        }
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_diagrams_are_drawn_in_both_themes() {
        for source in [
            "flowchart TD\n  A[Client] -->|asks| B(Server)\n  B --> C{Is it?}\n  C --> D[(Store)]",
            "sequenceDiagram\n  participant U as User\n  U->>+S: log in\n  S-->>-U: token",
            "classDiagram\n  class Animal {\n    +String name\n    +run() bool\n  }\n  Animal <|-- Dog",
            "stateDiagram-v2\n  [*] --> Idle\n  Idle --> Busy : start\n  Busy --> [*]",
            "erDiagram\n  CUSTOMER ||--o{ ORDER : places\n  CUSTOMER {\n    string name PK\n  }",
            "graph TD\n  n0[\"src/web\"] --> n1[\"src/agent\"]",
        ] {
            let [light, dark] =
                [Theme::Light, Theme::Dark].map(|theme| svg(source, theme).unwrap());
            assert_ne!(light, dark, "{source}");
            for drawn in [light, dark] {
                crate::drawing::svg::safe(&drawn).unwrap_or_else(|why| panic!("{source}: {why}"));
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_told_in_words() {
        let many_edges = format!("flowchart LR\n{}", "  A --> B\n".repeat(1200));
        for (source, expected) in [
            ("", NO_KIND),
            ("hello", NO_KIND),
            ("gantt\n  title x", "diagrams of the kind `gantt` are not drawn here"),
            ("flowchart LR\n  A --> \n  ]", "Unexpected character in line 3"),
            (&many_edges, "it is larger or nests deeper than what is drawn here"),
        ] {
            assert_eq!(svg(source, Theme::Light).unwrap_err(), expected, "{source}");
        }
    }

    #[test]
    fn hostile_sources_come_out_harmless_or_not_at_all() {
        for source in [
            "flowchart LR\n  A[\"</svg><script>alert(1)</script>\"] --> B",
            "flowchart LR\n  A --> B\n  click A \"javascript:alert(1)\"\n  click B href \"https://evil.example\"",
            "%%{init: {\"themeCSS\": \"@import url(https://evil.example/x.css);\"}}%%\nflowchart LR\n  A --> B",
            "%%{init: {\"fontFamily\": \"x;} @import 'y';\"}}%%\nflowchart LR\n  A --> B",
            "%%{init: {\"securityLevel\": \"loose\", \"htmlLabels\": true}}%%\nflowchart LR\n  A[\"<img src=x onerror=alert(1)>\"] --> B",
            "flowchart LR\n  A --> B\n  style A fill:url(https://evil.example/z)",
            "flowchart LR\n  H@{ img: \"https://evil.example/x.png\", label: \"x\" }",
            "sequenceDiagram\n  A->>B: <script>alert(1)</script>\n  link A: x @ javascript:alert(1)",
            "classDiagram\n  class A\n  link A \"javascript:alert(1)\"",
        ] {
            let Ok(drawn) = svg(source, Theme::Light) else { continue };
            let Ok(safe) = crate::drawing::svg::safe(&drawn) else { continue };
            for word in ["<script", "evil.example", "javascript:", "@import", "onerror=\"", "<img"]
            {
                assert!(!safe.text.contains(word), "{source}: {word} in {}", safe.text);
            }
        }
    }
}
