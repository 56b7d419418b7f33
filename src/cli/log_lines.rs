//! The log on stderr: lines for people, or JSON for what collects them.

use std::io::Write as _;

use env_logger::{Builder, fmt::Formatter};
use log::{LevelFilter, Record};
use serde::Serialize;

use crate::config::settings::LogFormat;

/// Logs this program's lines from `level` on and the warnings of libraries, unless `RUST_LOG` is set.
pub fn set_up(level: LevelFilter, format: LogFormat) {
    let mut builder = Builder::new();
    match std::env::var("RUST_LOG") {
        Ok(filters) if !filters.is_empty() => builder.parse_filters(&filters),
        _ => builder.filter_level(LevelFilter::Warn.min(level)).filter_module("cicerone", level),
    };
    if format == LogFormat::Json {
        builder.format(|out, record| writeln!(out, "{}", json_line(out, record)));
    }
    builder.init();
}

/// A record as a line of JSON.
#[derive(Serialize)]
struct LogLine<'a> {
    /// UTC, RFC 3339, to the millisecond.
    time: String,
    level: &'static str,
    target: &'a str,
    message: String,
}

fn json_line(out: &Formatter, record: &Record<'_>) -> String {
    let line = LogLine {
        time: out.timestamp_millis().to_string(),
        level: record.level().as_str(),
        target: record.target(),
        message: record.args().to_string(),
    };
    serde_json::to_string(&line).unwrap_or_default()
}
