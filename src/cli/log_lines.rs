//! The log on stderr: lines for people, or JSON for what collects them.

use std::io::Write as _;

use env_logger::{Builder, fmt::Formatter};
use log::{LevelFilter, Record};
use serde::Serialize;

use crate::config::settings::LogFormat;

/// Logs this program's lines from `level` on and the warnings of libraries, unless `RUST_LOG` is set.
pub fn set_up(level: LevelFilter, format: LogFormat) {
    let mut builder = Builder::new();
    match filters() {
        Some(filters) => builder.parse_filters(&filters),
        // The level can be set anew, and is no part of the filter.
        None => {
            builder.filter_level(LevelFilter::Warn).filter_module("cicerone", LevelFilter::Trace)
        }
    };
    if format == LogFormat::Json {
        builder.format(|out, record| writeln!(out, "{}", json_line(out, record)));
    }
    builder.init();
    set_level(level);
}

/// Logs from another level on, unless `RUST_LOG` is set.
pub fn set_level(level: LevelFilter) {
    if filters().is_none() {
        log::set_max_level(level);
    }
}

fn filters() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|filters| !filters.is_empty())
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
