//! Jupyter notebooks, read as the source of their cells. Pure.
//!
//! Notebooks are stored with one line of source on a line of JSON, so a line of the text is the line
//! of the file; what is no source is an empty line. Where a notebook is stored otherwise, the lines
//! are counted through the cells.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Notebook<'a> {
    #[serde(borrow)]
    cells: Vec<Cell<'a>>,
}

#[derive(Deserialize)]
struct Cell<'a> {
    cell_type: String,
    #[serde(borrow)]
    source: &'a RawValue,
}

/// A line of a cell, and the offset in the file at which it is stored.
struct CellLine {
    offset: usize,
    text: String,
}

/// The cells of a notebook as a program: Markdown is commented out. `None` if it is no notebook.
pub(crate) fn program(json: &str) -> Option<String> {
    let notebook: Notebook<'_> = serde_json::from_str(json).ok()?;
    let cells: Vec<Vec<CellLine>> =
        notebook.cells.iter().map(|cell| lines(json, cell)).collect::<Option<_>>()?;
    Some(in_place(json, &cells).unwrap_or_else(|| one_after_the_other(&cells)))
}

fn lines(json: &str, cell: &Cell<'_>) -> Option<Vec<CellLine>> {
    let is_code = cell.cell_type == "code";
    let whole = cell.source.get();
    let parts: Vec<&RawValue> = match whole.starts_with('[') {
        true => serde_json::from_str(whole).ok()?,
        false => vec![cell.source],
    };
    let mut lines = Vec::new();
    for part in parts {
        let offset = (part.get().as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
        let text: String = serde_json::from_str(part.get()).ok()?;
        lines.extend(text.lines().map(|line| CellLine {
            offset,
            text: match is_code {
                true => line.to_owned(),
                false => format!("# {line}").trim_end().to_owned(),
            },
        }));
    }
    Some(lines)
}

/// Each line of the cells at its line of the file. `None` if two are stored on one line.
fn in_place(json: &str, cells: &[Vec<CellLine>]) -> Option<String> {
    let mut text = String::new();
    let (mut at, mut has_line) = (0, false);
    for line in cells.iter().flatten() {
        let n_lines = json.get(at..line.offset)?.matches('\n').count();
        if n_lines == 0 && has_line {
            return None;
        }
        text.extend(std::iter::repeat_n('\n', n_lines));
        text.push_str(&line.text);
        (at, has_line) = (line.offset, true);
    }
    let n_lines = json.get(at..)?.matches('\n').count();
    text.extend(std::iter::repeat_n('\n', n_lines));
    Some(text)
}

fn one_after_the_other(cells: &[Vec<CellLine>]) -> String {
    let cells = cells.iter().map(|cell| {
        let lines: Vec<&str> = cell.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    });
    cells.collect::<Vec<_>>().join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "metadata": {},
   "source": [
    "# Rates\n",
    "\n",
    "How they are loaded"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 1,
   "outputs": [{"data": {"text/plain": ["def not_source(): pass\n"]}}],
   "source": [
    "def load(path):\n",
    "    return \"\\u00fc\""
   ]
  }
 ],
 "nbformat": 4
}
"##;

    #[test]
    fn the_lines_of_cells_keep_the_numbers_of_the_file() {
        let program = program(STORED).unwrap();
        let lines: Vec<&str> = program.lines().collect();
        assert_eq!(lines.len(), STORED.lines().count());
        for (line, text) in [
            (7, "# # Rates"),
            (8, "#"),
            (9, "# How they are loaded"),
            (17, "def load(path):"),
            (18, "    return \"\\u00fc\""),
        ] {
            assert_eq!(lines[line - 1], text, "{line}");
            let words = text.trim_start_matches("# ").trim();
            assert!(text == "#" || STORED.lines().nth(line - 1).unwrap().contains(&words[..4]));
        }
        assert_eq!(lines.iter().filter(|line| !line.is_empty()).count(), 5);
    }

    #[test]
    fn a_notebook_on_one_line_is_read_cell_by_cell() {
        let packed = r#"{"cells":[{"cell_type":"code","source":"a = 1\nb = 2"},
            {"cell_type":"raw","source":["x\n","y"]},{"cell_type":"code","source":[]}]}"#;
        assert_eq!(program(packed).unwrap(), "a = 1\nb = 2\n\n# x\n# y\n\n\n");
    }

    #[test]
    fn what_is_no_notebook_is_none() {
        for json in ["", "[]", "{}", "{\"cells\": 1}", "{\"cells\": [{\"cell_type\": \"code\"}]}"] {
            assert_eq!(program(json), None, "{json}");
        }
        assert!(program("{\"cells\": []}").is_some());
    }
}
