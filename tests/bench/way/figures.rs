//! Figures of many rounds, and the table that shows them.

/// Figures of one kind, one of each round.
#[derive(Debug, Default, Clone)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round's.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        percentile(&mut self.0.clone(), 50.0)
    }

    /// The one in the middle, and the smallest and the largest.
    pub fn show(&self, digits: usize) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        if self.0.len() == 1 {
            return grouped(least, digits);
        }
        let spread = format!("{}–{}", grouped(least, digits), grouped(most, digits));
        format!("{} ({spread})", grouped(self.median(), digits))
    }
}

/// The smallest figure that `percent` of them do not exceed.
pub fn percentile(figures: &mut [f64], percent: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = (figures.len() as f64 * percent / 100.0).ceil() as usize;
    figures.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Delays in nanoseconds as percentiles in microseconds.
pub fn micros(delays: &[u64], percent: f64) -> f64 {
    let mut delays: Vec<f64> = delays.iter().map(|delay| *delay as f64 / 1000.0).collect();
    percentile(&mut delays, percent)
}

/// A number with its thousands apart.
pub fn grouped(figure: f64, digits: usize) -> String {
    let text = format!("{figure:.digits$}");
    let (whole, rest) = match text.find('.') {
        Some(point) => text.split_at(point),
        None => (text.as_str(), ""),
    };
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// What was measured of one thing.
#[derive(Debug)]
pub struct Row {
    /// What, with its unit.
    pub what: String,
    /// Cicerone's figure.
    pub cicerone: String,
    /// Those it is compared with.
    pub others: [String; 2],
    /// What it is to be.
    pub target: String,
    /// Whether it is.
    pub met: bool,
}

impl Row {
    /// A figure that must not be larger than `most`.
    pub fn at_most(what: &str, figure: &Rounds, digits: usize, most: f64) -> Self {
        Self {
            what: what.to_owned(),
            cicerone: figure.show(digits),
            others: Default::default(),
            target: format!("≤ {}", grouped(most, 0)),
            met: figure.median() <= most,
        }
    }

    /// A figure that must not be smaller than `least`.
    pub fn at_least(what: &str, figure: &Rounds, least: f64) -> Self {
        let target = format!("≥ {}", grouped(least, 0));
        Self { target, met: figure.median() >= least, ..Self::at_most(what, figure, 0, 0.0) }
    }
}

/// All rows, in columns, as Markdown.
pub fn table(rows: &[Row]) -> String {
    let titles = ["", "Cicerone", "bare copy", "websocketd", "target", ""].map(str::to_owned);
    let mut lines = vec![titles];
    lines.extend(rows.iter().map(|row| {
        let [copy, websocketd] = row.others.clone();
        let met = if row.met { "met" } else { "MISSED" }.to_owned();
        [row.what.clone(), row.cicerone.clone(), copy, websocketd, row.target.clone(), met]
    }));
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut shown = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            shown.push_str(&format!("| {cell:width$} "));
        }
        shown.push_str("|\n");
        if number == 0 {
            for width in &widths {
                shown.push_str(&format!("| {} ", "-".repeat((*width).max(3))));
            }
            shown.push_str("|\n");
        }
    }
    shown
}
