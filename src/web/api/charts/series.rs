//! Figures over time, from the answers that were given. Pure.

use time::OffsetDateTime;

use crate::database::queries::answers::ChartedAnswer;

/// What a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Answers,
    FirstText,
    Tokens,
    Cost,
    Agents,
}

/// The time that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Sixty minutes, by the minute.
    Hour,
    /// Thirty days, by the day in UTC.
    Month,
}

/// A figure over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// One a minute or a day, the oldest first.
    pub(super) points: Vec<Point>,
    /// What it shows, in one sentence.
    pub(super) summary: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) value: f64,
    /// When and how much, for people.
    pub(super) label: String,
}

impl Span {
    /// Seconds of one point.
    fn step(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Month => 24 * 60 * 60,
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Hour => 60,
            Self::Month => 30,
        }
    }

    /// The first second of a chart that ends with the minute or the day of `now`.
    pub(super) fn begin(self, now: i64) -> i64 {
        let step = self.step();
        let last = now.div_euclid(step) * step;
        last - step * (i64::try_from(self.count()).unwrap_or_default() - 1)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Hour => "in the last hour",
            Self::Month => "in the last 30 days",
        }
    }

    /// A moment as a label.
    fn label(self, second: i64) -> String {
        let Ok(time) = OffsetDateTime::from_unix_timestamp(second) else { return String::new() };
        match self {
            Self::Hour => format!("{:02}:{:02} UTC", time.hour(), time.minute()),
            Self::Month => format!("{} {}", time.day(), time.month()),
        }
    }
}

impl Figure {
    pub(super) const ALL: [Self; 5] =
        [Self::Answers, Self::FirstText, Self::Tokens, Self::Cost, Self::Agents];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::FirstText => "first_text",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Agents => "agents",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Answers => "Answers",
            Self::FirstText => "Time to first text",
            Self::Tokens => "Tokens",
            Self::Cost => "Cost",
            Self::Agents => "Agents at work",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::FirstText => format!("{value:.1} s"),
            Self::Cost => format!("${value:.2}"),
            Self::Answers | Self::Tokens | Self::Agents => format!("{value:.0}"),
        }
    }

    /// The figure over a span that begins with the second `begin`. Answers outside of it do not count.
    pub(super) fn series(self, answers: &[ChartedAnswer], span: Span, begin: i64) -> Series {
        let mut of_point = vec![Vec::new(); span.count()];
        for answer in answers {
            let at = (answer.ended_at - begin).div_euclid(span.step());
            if let Some(point) = usize::try_from(at).ok().and_then(|at| of_point.get_mut(at)) {
                point.push(answer);
            }
        }
        let values: Vec<f64> = match self {
            Self::Agents => busiest(answers, span, begin),
            _ => of_point.iter().map(|of| self.value(of)).collect(),
        };
        let points = values.iter().zip(0..).map(|(value, at)| Point {
            value: *value,
            label: format!("{}: {}", span.label(begin + at * span.step()), self.text(*value)),
        });
        let all: Vec<_> = of_point.iter().flatten().copied().collect();
        Series { points: points.collect(), summary: self.summary(&all, &values, span) }
    }

    #[allow(clippy::cast_precision_loss, reason = "a chart shows no more digits")]
    fn value(self, answers: &[&ChartedAnswer]) -> f64 {
        match self {
            Self::Answers | Self::Agents => answers.len() as f64,
            Self::FirstText => quantile(answers, 50).unwrap_or_default(),
            Self::Tokens => answers.iter().map(|it| it.tokens).sum::<u64>() as f64,
            Self::Cost => answers.iter().map(|it| it.cost_usd).sum(),
        }
    }

    fn summary(self, answers: &[&ChartedAnswer], values: &[f64], span: Span) -> String {
        let when = span.words();
        let most = values.iter().copied().fold(0.0, f64::max);
        match self {
            _ if answers.is_empty() && self != Self::Agents => format!("No answers {when}."),
            Self::Answers => {
                let failed = answers.iter().filter(|it| it.has_failed).count();
                let answers = match answers.len() {
                    1 => "1 answer".to_owned(),
                    many => format!("{many} answers"),
                };
                match failed {
                    0 => format!("{answers} {when}."),
                    failed => format!("{answers} {when}, of which {failed} failed."),
                }
            }
            Self::FirstText => match (quantile(answers, 50), quantile(answers, 95)) {
                (Some(half), Some(most)) => format!(
                    "Half of the answers {when} began within {}, 95 in 100 within {}.",
                    self.text(half),
                    self.text(most)
                ),
                _ => format!("No answer {when} had text."),
            },
            Self::Tokens | Self::Cost => {
                let all = self.text(self.value(answers));
                let of = if self == Self::Tokens { " tokens, without cached ones," } else { "" };
                format!("{all}{of} {when}.")
            }
            Self::Agents if most < 1.0 => format!("No agent was at work {when}."),
            Self::Agents => format!("At most {most:.0} at once {when}."),
        }
    }
}

/// Seconds to the first text within which `percent` of the answers began.
fn quantile(answers: &[&ChartedAnswer], percent: usize) -> Option<f64> {
    let mut millis: Vec<u64> = answers.iter().filter_map(|it| it.first_text_ms).collect();
    millis.sort_unstable();
    let at = (millis.len() * percent).div_ceil(100).max(1) - 1;
    #[allow(clippy::cast_precision_loss, reason = "a chart shows no more digits")]
    millis.get(at).map(|millis| *millis as f64 / 1000.0)
}

/// The most answers that were given at once, for each point.
fn busiest(answers: &[ChartedAnswer], span: Span, begin: i64) -> Vec<f64> {
    let mut changes: Vec<(i64, i32)> = Vec::with_capacity(2 * answers.len());
    for answer in answers {
        let seconds = i64::try_from(answer.duration_ms / 1000).unwrap_or(i64::MAX);
        changes.push((answer.ended_at.saturating_sub(seconds), 1));
        changes.push((answer.ended_at.saturating_add(1), -1));
    }
    changes.sort_unstable();
    let mut changes = changes.into_iter().peekable();
    let (mut now, mut most) = (0, Vec::with_capacity(span.count()));
    for at in 0..span.count() {
        let end = begin + span.step() * (i64::try_from(at).unwrap_or_default() + 1);
        // What has begun before the point and goes on counts in it.
        while let Some((_, by)) = changes.next_if(|(when, _)| *when < end - span.step()) {
            now += by;
        }
        let mut peak = now;
        while let Some((_, by)) = changes.next_if(|(when, _)| *when < end) {
            now += by;
            peak = peak.max(now);
        }
        most.push(f64::from(peak));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute.
    const NOW: i64 = 1_700_000_040;

    fn answer(ended_at: i64, seconds: u64, first_text_ms: Option<u64>) -> ChartedAnswer {
        let has_failed = first_text_ms.is_none();
        let duration_ms = seconds * 1000;
        ChartedAnswer {
            ended_at,
            duration_ms,
            first_text_ms,
            has_failed,
            tokens: 1000,
            cost_usd: 0.25,
        }
    }

    fn hour(figure: Figure, answers: &[ChartedAnswer]) -> Series {
        figure.series(answers, Span::Hour, Span::Hour.begin(NOW + 59))
    }

    fn last(series: &Series) -> f64 {
        series.points.last().unwrap().value
    }

    #[test]
    fn a_span_ends_with_the_minute_or_the_day_of_now() {
        assert_eq!(Span::Hour.begin(NOW + 59), NOW - 59 * 60);
        let day = 24 * 60 * 60;
        assert_eq!(Span::Month.begin(100 * day + 5), 71 * day);
        assert_eq!(hour(Figure::Answers, &[]).points.len(), 60);
    }

    #[test]
    fn answers_count_in_the_point_in_which_they_ended() {
        let answers = [
            answer(NOW + 59, 1, Some(500)),
            answer(NOW, 1, None),
            answer(NOW - 1, 1, Some(100)),
            answer(NOW - 60 * 60, 1, Some(100)),
            answer(NOW + 3600, 1, Some(100)),
        ];
        let of = |figure| hour(figure, &answers);
        assert!((last(&of(Figure::Answers)) - 2.0).abs() < 1e-9);
        assert!((last(&of(Figure::Tokens)) - 2000.0).abs() < 1e-9);
        assert!((last(&of(Figure::Cost)) - 0.5).abs() < 1e-9);
        assert_eq!(of(Figure::Answers).summary, "3 answers in the last hour, of which 1 failed.");
        assert_eq!(of(Figure::Cost).summary, "$0.75 in the last hour.");
    }

    #[test]
    fn the_time_to_the_first_text_is_the_median_of_those_that_had_text() {
        let answers: Vec<_> =
            [9000, 1000, 2000].map(|first| answer(NOW, 10, Some(first))).into_iter().collect();
        let series = hour(Figure::FirstText, &answers);
        assert!((last(&series) - 2.0).abs() < 1e-9);
        assert_eq!(
            series.summary,
            "Half of the answers in the last hour began within 2.0 s, 95 in 100 within 9.0 s."
        );
        let silent = hour(Figure::FirstText, &[answer(NOW, 1, None)]);
        assert_eq!(silent.summary, "No answer in the last hour had text.");
    }

    #[test]
    fn agents_at_work_are_those_of_answers_that_overlap() {
        let answers = [
            answer(NOW + 30, 20, Some(1)),
            answer(NOW + 20, 200, Some(1)),
            answer(NOW + 5, 1, Some(1)),
            answer(NOW - 600, 1, Some(1)),
        ];
        let points: Vec<f64> =
            hour(Figure::Agents, &answers).points.iter().map(|point| point.value).collect();
        assert_eq!(points[56..], [1.0, 1.0, 1.0, 2.0], "{points:?}");
        assert!((points[49] - 1.0).abs() < 1e-9, "{points:?}");
        assert_eq!(hour(Figure::Agents, &[]).summary, "No agent was at work in the last hour.");
    }

    #[test]
    fn figures_that_no_agent_should_report_do_no_harm() {
        let odd = ChartedAnswer { duration_ms: u64::MAX, ..answer(NOW, 0, Some(u64::MAX)) };
        for figure in Figure::ALL {
            assert!(last(&hour(figure, std::slice::from_ref(&odd))).is_finite());
        }
    }
}
