//! How fast Cicerone is, as whole programs that run: `cargo bench --bench way`.
//!
//! An agent that says when it said what stands behind a real server, and a client that does as
//! little as it can reads what comes out. Where something can be compared, the same agent also
//! stands behind a program that only copies (the floor) and behind `websocketd`, and rounds of
//! the three follow each other. Every figure of several rounds is their median, with the smallest
//! and the largest; what counts on a busy machine are the factors.
//!
//! Every run checks that everybody got everything, each delta once and in order. Arguments choose
//! measurements by name; `--quick` makes them so short that only that counts. The variable
//! `CICERONE_BENCH_SERVER` names another server to measure, such as that of an earlier commit.
#![allow(unreachable_pub)] // A program has no interface to keep small.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod agent;
mod client;
mod cluster;
mod compared;
mod contestants;
mod copy;
mod crowds;
mod figures;
mod history;
mod memory;
mod process;
mod rendering;
mod stamps;
mod start;
mod store;
mod viewer;

use std::{env, process::ExitCode};

use tempfile::TempDir;

/// Starts this program as the agent. Cicerone starts it with the arguments of the real one.
const AS_AGENT: &str = "--input-format=stream-json";

/// Starts this program as the server that only copies.
const AS_COPY: &str = "--copy";

/// Makes everything short.
const QUICK: &str = "--quick";

/// Names another server to measure.
const OTHER_SERVER: &str = "CICERONE_BENCH_SERVER";

/// Every measurement, by name.
const NAMES: [&str; 11] = [
    "latency",
    "throughput",
    "fan-out",
    "conversations",
    "rendering",
    "memory",
    "delta",
    "attaching",
    "store",
    "start",
    // Of a program that is built with the feature `cluster`.
    "cluster",
];

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Scale {
    quick: bool,
}

impl Scale {
    /// So much for figures, or so much to see that it works.
    fn of(self, measured: u64, quick: u64) -> u64 {
        if self.quick { quick } else { measured }
    }

    /// Rounds of what is short.
    fn rounds(self) -> usize {
        if self.quick { 1 } else { 7 }
    }

    /// Rounds of what is short and varies much.
    fn many_rounds(self) -> usize {
        if self.quick { 1 } else { 21 }
    }

    /// Rounds of what is long.
    fn few_rounds(self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}

/// A directory for a server's data, on the disk that programs are built on: `/tmp` may be none.
fn data_dir() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn main() -> ExitCode {
    let has = |name: &str| env::args().any(|argument| argument == name);
    if has(AS_AGENT) {
        agent::play();
        return ExitCode::SUCCESS;
    }
    let system = actix::System::new();
    if has(AS_COPY) {
        system.block_on(copy::serve()).unwrap();
        return ExitCode::SUCCESS;
    }
    // Cargo adds an argument of its own.
    let wanted: Vec<String> = env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!("there is no measurement {unknown:?}, only {}", NAMES.join(", "));
        return ExitCode::FAILURE;
    }
    process::raise_open_files();
    let scale = Scale { quick: has(QUICK) };
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    let mut rows = Vec::new();
    for name in NAMES.iter().filter(|name| is_wanted(name)) {
        eprintln!("measuring {name} …");
        rows.extend(system.block_on(measure(name, scale)));
    }
    if scale.quick {
        println!(
            "everything came through, in {} measurements; figures need a full run",
            rows.len()
        );
    } else {
        println!("{}", figures::table(&rows));
    }
    ExitCode::SUCCESS
}

async fn measure(name: &str, scale: Scale) -> Vec<figures::Row> {
    match name {
        "latency" => compared::latency(scale).await,
        "throughput" => compared::throughput(scale).await,
        "fan-out" => crowds::fan_out(scale).await,
        "conversations" => crowds::conversations(scale).await,
        "rendering" => rendering::rendering(scale).await,
        "memory" => memory::memory(scale).await,
        "delta" => history::cost_of_a_delta(scale).await,
        "attaching" => history::attaching(scale).await,
        "cluster" if cfg!(feature = "cluster") => cluster::cluster(scale).await,
        "cluster" => Vec::new(),
        "store" => store::durable_writes(scale).await,
        _ => start::start(scale).await,
    }
}
