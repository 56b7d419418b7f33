//! Measures the guide's search: how often the first file, and the first five, answer a question.
//!
//! `cargo run --release --example guide-eval -- QUESTIONS.toml DIR…`: each directory is named as
//! the code base that it holds (`tokio-1.54.1`), unpacked from its registry. Directories without
//! questions are only timed.

#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cicerone::policy::Secrets;
use cicerone::source::{self, index::Index, query};
use serde::Deserialize;

#[derive(Deserialize)]
struct Questions {
    question: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    base: String,
    kind: String,
    question: String,
    files: Vec<String>,
}

#[derive(Default)]
struct Tally {
    n_asked: usize,
    n_first: usize,
    n_five: usize,
    time: Duration,
}

impl Tally {
    fn add(&mut self, place: Option<usize>, time: Duration) {
        self.n_asked += 1;
        self.n_first += usize::from(place == Some(0));
        self.n_five += usize::from(place.is_some_and(|place| place < 5));
        self.time += time;
    }

    fn row(&self, label: &str) -> String {
        let share = |n: usize| 100.0 * n as f64 / self.n_asked.max(1) as f64;
        format!(
            "{label:<34} n={:<3} hit@1={:>5.1} % hit@5={:>5.1} % time={:.1} ms",
            self.n_asked,
            share(self.n_first),
            share(self.n_five),
            self.time.as_secs_f64() * 1e3 / self.n_asked.max(1) as f64
        )
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((questions, dirs)) = arguments.split_first() else {
        return Err("usage: guide-eval QUESTIONS.toml DIR…".into());
    };
    let questions: Questions = toml::from_str(&std::fs::read_to_string(questions)?)?;
    let is_verbose = std::env::var_os("VERBOSE").is_some();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for dir in dirs.iter().map(PathBuf::from) {
        let base =
            dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let started = Instant::now();
        let mut index = Index::new(dir.clone(), Secrets::new(&[])?);
        let n_files = index.refresh();
        println!("{base}: {n_files} files indexed in {:.2} s", started.elapsed().as_secs_f64());
        let mut asked: Vec<&Question> =
            questions.question.iter().filter(|question| question.base == base).collect();
        let is_foreign = asked.is_empty();
        if is_foreign {
            asked = questions.question.iter().collect();
        }
        for question in asked {
            let started = Instant::now();
            index.refresh();
            let query = query::parse(&question.question);
            let hits = source::find(&index, &query);
            let time = started.elapsed();
            let best: Vec<&Path> = hits
                .iter()
                .map(|hit| index.files()[hit.file as usize].found.path.as_path())
                .collect();
            let place = best
                .iter()
                .position(|path| question.files.iter().any(|file| Path::new(file) == *path));
            if is_foreign {
                tallies.entry(format!("{base} (time only)")).or_default().add(None, time);
                continue;
            }
            for label in [base.clone(), question.kind.clone(), "all".to_owned()] {
                tallies.entry(label).or_default().add(place, time);
            }
            if is_verbose && place != Some(0) {
                let place = place.map_or("-".to_owned(), |place| (place + 1).to_string());
                println!("  [{place}] {} {}", question.kind, question.question);
                for path in best.iter().take(3) {
                    println!("        {}", path.display());
                }
            }
        }
    }
    for (label, tally) in tallies {
        println!("{}", tally.row(&label));
    }
    Ok(())
}
