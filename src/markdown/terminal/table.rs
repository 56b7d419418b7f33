//! Tables: columns where they fit, else a line for each row.

use unicode_width::UnicodeWidthStr as _;

use super::lines::{LineWriter, Style, visible};

/// What stands between two columns.
const BETWEEN: &str = "  ";

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    cell: String,
}

impl Table {
    pub(super) fn text(&mut self, text: &str) {
        self.cell.push_str(&visible(text));
    }

    pub(super) fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        self.row.push(cell.trim().to_owned());
    }

    pub(super) fn end_row(&mut self) {
        self.rows.push(std::mem::take(&mut self.row));
    }

    pub(super) fn write(self, lines: &mut LineWriter) {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| {
            self.rows.iter().filter_map(|row| Some(row.get(column)?.width())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width_of).collect();
        let total = widths.iter().sum::<usize>() + BETWEEN.len() * n_columns.saturating_sub(1);
        let fits = total <= lines.room();
        for (number, row) in self.rows.iter().enumerate() {
            let line = match fits {
                true => aligned(row, &widths),
                false => row.join(" | "),
            };
            let is_head = number == 0;
            if is_head {
                lines.set(Style::Strong, true);
            }
            lines.keep_lines(fits);
            lines.text(&line);
            lines.keep_lines(false);
            if is_head {
                lines.set(Style::Strong, false);
            }
            lines.end_line();
        }
    }
}

/// The cells of a row, each as wide as its column.
fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| {
        let missing = width.saturating_sub(cell.width());
        format!("{cell}{}", " ".repeat(missing))
    });
    let line = cells.collect::<Vec<_>>().join(BETWEEN);
    line.trim_end().to_owned()
}
