//! A series as an SVG with bars. It has no style of its own: the page gives its classes one. Pure.

use std::fmt::Write as _;

use crate::markdown::escape::push_escaped;

use super::series::{Point, Series};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// Height of the shortest bar that stands for something.
const LEAST: f64 = 2.0;

/// Draws a series; each bar tells its figure when pointed at.
pub(super) fn draw(title: &str, series: &Series) -> String {
    let Series { points, summary } = series;
    let most = points.iter().map(|point| point.value).fold(0.0, f64::max);
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         preserveAspectRatio=\"none\"><title>{}</title><desc>{}</desc>",
        escape(title),
        escape(summary)
    );
    #[allow(clippy::cast_precision_loss, reason = "there are few points")]
    let wide = WIDTH / points.len().max(1) as f64;
    let mut left = 0.0;
    for point in points {
        let height = height(point, most);
        let (x, y, width) = (left + wide * 0.1, HEIGHT - height, wide * 0.8);
        let label = escape(&point.label);
        // Writing to a text cannot fail.
        write!(
            svg,
            "<g class=\"point\"><title>{label}</title><rect class=\"area\" x=\"{left:.1}\" y=\"0\" \
             width=\"{wide:.1}\" height=\"{HEIGHT}\"/><rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" \
             width=\"{width:.1}\" height=\"{height:.1}\"/></g>"
        )
        .unwrap_or_default();
        left += wide;
    }
    svg.push_str("</svg>");
    svg
}

fn height(point: &Point, most: f64) -> f64 {
    if point.value <= 0.0 || most <= 0.0 {
        return 0.0;
    }
    (point.value / most * HEIGHT).clamp(LEAST, HEIGHT)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    push_escaped(text, &mut escaped);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let point = |value: &f64| Point { value: *value, label: format!("<{value}> & more") };
        Series { points: values.iter().map(point).collect(), summary: "a < b".to_owned() }
    }

    #[test]
    fn the_largest_figure_fills_the_height_and_nothing_has_no_bar() {
        let svg = draw("Cost", &series(&[0.0, 1.0, 4.0, 0.000_1]));
        let heights: Vec<&str> = svg
            .split("class=\"bar\"")
            .skip(1)
            .map(|bar| bar.split("height=\"").nth(1).unwrap().split('"').next().unwrap())
            .collect();
        assert_eq!(heights, ["0.0", "30.0", "120.0", "2.0"]);
    }

    #[test]
    fn words_stay_words() {
        let svg = draw("<b>", &series(&[1.0]));
        assert!(svg.contains("<title>&lt;b&gt;</title><desc>a &lt; b</desc>"), "{svg}");
        assert!(svg.contains("<title>&lt;1&gt; &amp; more</title>"), "{svg}");
    }

    #[test]
    fn a_series_without_points_or_figures_is_empty() {
        assert!(!draw("Cost", &series(&[])).contains("rect"));
        assert!(!draw("Cost", &series(&[0.0, 0.0])).contains("NaN"));
    }
}
