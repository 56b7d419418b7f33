//! Measures what an index costs: `cargo run --release --example index-cost -- [DIR | N_FILES]`.
//!
//! Without a directory, a tree of so many small source files (100,000) is made in a temporary one.
//! The index is built and saved by one process and loaded by another, so that each has a memory of
//! its own. CPU time counts all threads.

#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use cicerone::{
    policy::Secrets,
    source::{self, index::store::IndexStore, query},
};

/// Makes this process only load, as a second start does: `--load DIR STORE`.
const LOAD: &str = "--load";
const N_FILES: usize = 100_000;
const QUESTION: &str = "where is a lost connection opened again?";
const WORDS: [&str; 24] = [
    "cache",
    "connection",
    "session",
    "queue",
    "retry",
    "parse",
    "token",
    "render",
    "index",
    "timeout",
    "buffer",
    "stream",
    "user",
    "order",
    "price",
    "route",
    "metric",
    "lock",
    "batch",
    "schema",
    "event",
    "worker",
    "policy",
    "handler",
];

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, dir, store] = arguments.as_slice()
        && flag == LOAD
    {
        return start("second start", Path::new(dir), Path::new(store));
    }
    let temporary = tempfile::tempdir()?;
    let first = arguments.first().map(String::as_str);
    let dir = match first.map(str::parse::<usize>) {
        Some(Err(_)) => PathBuf::from(first.unwrap_or_default()).canonicalize()?,
        Some(Ok(n_files)) => made(temporary.path(), n_files)?,
        None => made(temporary.path(), N_FILES)?,
    };
    let store = temporary.path().join("store");
    start("first start", &dir, &store)?;
    let this = std::env::current_exe()?;
    let status = Command::new(this).arg(LOAD).args([&dir, &store]).status()?;
    if status.success() { Ok(()) } else { Err("the second start failed".into()) }
}

/// Loads the index, refreshes it, asks a question and saves it, and prints what each cost.
fn start(label: &str, dir: &Path, store: &Path) -> Outcome {
    let store_path = store.join("index");
    let store = IndexStore::open(store)?;
    println!("{label}:");
    let mut step = Step::new();
    let mut index = store.load(dir.to_owned(), Secrets::new(&[])?);
    step.done("load");
    let n_read = index.refresh();
    step.done(&format!("walk, and read {n_read} files"));
    let found = source::find(&index, &query::parse(QUESTION)).len();
    step.done(&format!("a question, {found} files found"));
    index.refresh();
    step.done("walk again");
    if n_read > 0 {
        store.save(&index)?;
        let bytes = fs::metadata(store_path)?.len();
        step.done(&format!("save {} MB", bytes / 1_000_000));
    }
    println!("  {} MB of memory at most, {} MB at last", memory("VmHWM"), memory("VmRSS"));
    if let Some(left_out) = index.left_out().sentence() {
        println!("  {left_out}");
    }
    Ok(())
}

struct Step {
    started: Instant,
    cpu: f64,
}

impl Step {
    fn new() -> Self {
        Self { started: Instant::now(), cpu: cpu() }
    }

    fn done(&mut self, what: &str) {
        let (wall, cpu) = (self.started.elapsed().as_secs_f64(), cpu() - self.cpu);
        println!("  {wall:>7.2} s, {cpu:>7.2} s of CPU: {what}");
        *self = Self::new();
    }
}

fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A line of the kernel's report on this process, in MB.
fn memory(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    let kilobytes = line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

/// Makes a project of small source files, with as many new names as real ones have.
fn made(dir: &Path, n_files: usize) -> Result<PathBuf, Box<dyn Error>> {
    let dir = dir.join("project");
    let mut random = fastrand::Rng::with_seed(1);
    for n in 0..n_files {
        let folder = dir.join(format!("src/part{}/unit{}", n / 2000, n / 40));
        if n % 40 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let mut text = format!("//! Unit {n}: {}.\n\nuse std::io;\n", words(&mut random, 9, " "));
        for _ in 0..random.usize(3..12) {
            let (name, number) = (words(&mut random, 2, "_"), random.u32(..n_files as u32));
            let comment = words(&mut random, 8, " ");
            let body = words(&mut random, 3, "_");
            text.push_str(&format!(
                "\n/// The {comment}.\npub fn {name}_{number}(size: usize) -> io::Result<()> {{\n    \
                 let {body} = self.{}(size);\n    Ok({body}?)\n}}\n",
                words(&mut random, 2, "_"),
            ));
        }
        fs::write(
            folder.join(format!("{}.rs", words(&mut random, 2, "_") + &n.to_string())),
            text,
        )?;
    }
    Ok(dir)
}

fn words(random: &mut fastrand::Rng, n: usize, separator: &str) -> String {
    let words: Vec<&str> = (0..n).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
    words.join(separator)
}
