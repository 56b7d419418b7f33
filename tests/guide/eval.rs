//! Measures the guide's search: how often the first file, and the first five, answer a question.
//!
//! Run it optimised (`cargo run --release --example guide-eval -- …`, or in the development profile
//! with `CARGO_PROFILE_DEV_OPT_LEVEL=2`) with a file of questions and the directories of the code
//! bases that it asks about. `--help` tells how to get them.

#![allow(clippy::print_stdout)]

mod commits;
mod questions;
mod region;

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cicerone::policy::Secrets;
use cicerone::source::{self, RankedFile, index::Index, query};

use crate::questions::Question;

const USAGE: &str = "usage: guide-eval [--commits N] [--wrong] QUESTIONS.toml DIR…

Each directory holds one code base of the questions:
  libraries      named as their registry publishes them and unpacked, such as `tokio-1.54.1`;
  applications   named as their repository, such as `vaultwarden` for dani-garcia/vaultwarden:
                 git clone https://github.com/OWNER/NAME && git -C NAME checkout COMMIT
A directory without questions is only timed.

  --commits N    also ask for the files of up to N commits by their subjects (needs the history)
  --wrong        print the questions whose first file is wrong";

#[derive(Default)]
struct Tally {
    n_asked: usize,
    n_first: usize,
    n_five: usize,
    reciprocal: f64,
    n_lines: usize,
    n_right_lines: usize,
    /// Questions with the right line among the two that are cited of the first file.
    n_right_of_two: usize,
    /// Answers that say that they are sure, and those of them whose first file is wrong.
    n_sure: usize,
    n_sure_wrong: usize,
    time: Duration,
}

/// How one question was answered.
struct Outcome {
    /// The place of the first right file, from 0.
    place: Option<usize>,
    /// Whether the line of the first file is right; `None` if no line is known to be.
    is_line_right: Option<bool>,
    is_line_among_two: bool,
    is_sure: bool,
    time: Duration,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.n_asked += 1;
        self.n_first += usize::from(outcome.place == Some(0));
        self.n_five += usize::from(outcome.place.is_some_and(|place| place < 5));
        self.reciprocal += outcome.place.map_or(0.0, |place| 1.0 / (place as f64 + 1.0));
        self.n_lines += usize::from(outcome.is_line_right.is_some());
        self.n_right_lines += usize::from(outcome.is_line_right == Some(true));
        self.n_right_of_two += usize::from(outcome.is_line_among_two);
        self.n_sure += usize::from(outcome.is_sure);
        self.n_sure_wrong += usize::from(outcome.is_sure && outcome.place != Some(0));
        self.time += outcome.time;
    }

    fn row(&self, label: &str) -> String {
        let share = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        format!(
            "{label:<34} n={:<4} first={:>5.1} five={:>5.1} MRR={:.3} line={:>5.1} two={:>5.1} (of {}) \
             sure={} wrong={} time={:.1} ms",
            self.n_asked,
            share(self.n_first, self.n_asked),
            share(self.n_five, self.n_asked),
            self.reciprocal / self.n_asked.max(1) as f64,
            share(self.n_right_lines, self.n_lines),
            share(self.n_right_of_two, self.n_lines),
            self.n_lines,
            self.n_sure,
            self.n_sure_wrong,
            self.time.as_secs_f64() * 1e3 / self.n_asked.max(1) as f64
        )
    }
}

struct Options {
    n_commits: usize,
    is_verbose: bool,
    questions: PathBuf,
    dirs: Vec<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    let known = questions::read(&options.questions)?;
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for dir in &options.dirs {
        let base = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut index = Index::new(dir.clone(), Secrets::new(&[])?);
        let n_files = index.refresh();
        let took = started.elapsed().as_secs_f64();
        println!("{base}: {n_files} files indexed in {took:.2} s, {} MB in use", memory_mb());
        let mut asked: Vec<Question> =
            known.iter().filter(|question| question.base == base).cloned().collect();
        let is_only_timed = asked.is_empty();
        if is_only_timed {
            asked = known.clone();
        } else if options.n_commits > 0 {
            asked.extend(commits::questions(dir, &base, options.n_commits)?);
        }
        for question in &asked {
            let outcome = ask(&mut index, question, options.is_verbose && !is_only_timed);
            let labels = if is_only_timed {
                vec![format!("{base} (time only)")]
            } else {
                vec![base.clone(), format!("- {}", question.kind), summary_label(question)]
            };
            for label in labels {
                tallies.entry(label).or_default().add(&outcome);
            }
        }
    }
    for (label, tally) in tallies {
        println!("{}", tally.row(&label));
    }
    Ok(())
}

/// Subjects of commits are not questions, so they are summed up apart.
fn summary_label(question: &Question) -> String {
    if question.kind == commits::KIND { "= commits" } else { "= questions" }.to_owned()
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, Box<dyn Error>> {
    let (mut n_commits, mut is_verbose, mut paths) = (0, false, Vec::new());
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" => return Ok(None),
            "--wrong" => is_verbose = true,
            "--commits" => {
                n_commits = arguments.next().ok_or("--commits needs a number")?.parse()?
            }
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    let mut paths = paths.into_iter();
    let Some(questions) = paths.next() else {
        return Ok(None);
    };
    Ok(Some(Options { n_commits, is_verbose, questions, dirs: paths.collect() }))
}

fn ask(index: &mut Index, question: &Question, is_verbose: bool) -> Outcome {
    let started = Instant::now();
    index.refresh();
    let query = query::parse(&question.question);
    let hits = source::find(index, &query);
    let time = started.elapsed();
    let path = |file: u32| index.files()[file as usize].found.path.as_path();
    let is_right = |file: u32| question.files.iter().any(|right| Path::new(right) == path(file));
    let place = hits.iter().position(|hit| is_right(hit.file));
    let is_sure = source::is_sure(source::confidence(&hits));
    let right_lines =
        question.at.as_ref().map(|at| right_lines(index, &query, question, at, &hits));
    let is_line_right = right_lines.as_ref().map(|right| right.first() == Some(&true));
    let is_line_among_two = right_lines.is_some_and(|right| right.contains(&true));
    if is_verbose && place != Some(0) {
        let place = place.map_or("-".to_owned(), |place| (place + 1).to_string());
        println!("  [{place}] {} {}", question.kind, question.question);
        for hit in hits.iter().take(3) {
            println!("        {}", path(hit.file).display());
        }
    }
    Outcome { place, is_line_right, is_line_among_two, is_sure, time }
}

/// Of each line that is cited of the first file, whether it lies in the definition that answers.
fn right_lines(
    index: &Index,
    query: &query::Query,
    question: &Question,
    at: &str,
    hits: &[RankedFile],
) -> Vec<bool> {
    let right = question.files.first().map(Path::new);
    let is_right =
        |hit: &&RankedFile| right == Some(index.files()[hit.file as usize].found.path.as_path());
    let Some(hit) = hits.first().filter(is_right) else { return Vec::new() };
    let region = index.text(hit.file).and_then(|text| region::of(&text, at));
    let lines = source::lines(index, query, hit);
    lines.iter().map(|line| region.as_ref().is_some_and(|it| it.contains(line))).collect()
}

/// The memory of this process in use.
fn memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}
