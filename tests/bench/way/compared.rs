//! What is compared with others: how much later a viewer reads what the agent writes, and how much
//! can pass. Rounds of the three follow each other, so that what else the machine does is shared.

use tempfile::TempDir;

use crate::{
    Scale,
    contestants::Contestant,
    figures::{Rounds, Row, grouped, micros},
};

/// Pace of a fast model, in microseconds between deltas.
const PERIOD_US: u64 = 20_000;

/// At most so many times as late as the bare copy: in the middle, and of a hundred the last.
const LATENCY: [f64; 2] = [1.6, 2.0];

/// At least so many times as many deltas as `websocketd`.
const THROUGHPUT: f64 = 3.0;

/// Deltas in a second that must pass, where the bare copy lets as many pass.
const DELTAS: f64 = 500_000.0;

/// The three; only the last is absent where it is not installed.
fn contestants(dir: &TempDir) -> Vec<Contestant> {
    let websocketd = Contestant::websocketd();
    if websocketd.is_none() {
        eprintln!("websocketd is not installed: its column stays empty");
    }
    let both = [Contestant::cicerone(dir), Contestant::copy()];
    both.into_iter().chain(websocketd).collect()
}

/// One viewer, 50 deltas a second.
pub async fn latency(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let contestants = contestants(&dir);
    let deltas = scale.of(250, 20);
    let mut talks = Vec::new();
    for contestant in &contestants {
        let mut talk = contestant.talk().await;
        assert_eq!(talk.stream(20, 1000).await.count(), 20);
        talks.push(talk);
    }
    let mut medians = vec![Rounds::default(); talks.len()];
    let mut lasts = medians.clone();
    let mut cpus = medians.clone();
    for round in 0..scale.rounds() {
        for turn in 0..talks.len() {
            let at = (round + turn) % talks.len();
            let before = contestants[at].process().cpu();
            let stamps = talks[at].stream(deltas, PERIOD_US).await;
            assert_eq!(stamps.count(), deltas);
            let cpu = contestants[at].process().cpu() - before;
            medians[at].push(micros(&stamps.delays, 50.0));
            lasts[at].push(micros(&stamps.delays, 99.0));
            cpus[at].push(cpu.as_secs_f64() * 1e6 / deltas as f64);
        }
    }
    let mut first = compared("latency at 50 deltas/s, median, µs", &medians, LATENCY[0]);
    // It says and does more than websocketd, and is to be no later for that.
    first.met &= medians.get(2).is_none_or(|it| medians[0].median() <= it.median());
    first.target.push_str(" and websocketd's");
    let mut cpu = compared("processor for it, µs a delta", &cpus, f64::INFINITY);
    cpu.target.clear();
    vec![first, compared("the same, 99th of 100, µs", &lasts, LATENCY[1]), cpu]
}

/// Figures of all, where Cicerone's must be at most `most` times the bare copy's.
fn compared(what: &str, rounds: &[Rounds], most: f64) -> Row {
    let factor = rounds[0].median() / rounds[1].median();
    let mut row = Row::at_most(what, &rounds[0], 0, 0.0);
    row.cicerone.push_str(&format!(" = {factor:.2} ×"));
    row.others[0] = rounds[1].show(0);
    row.others[1] = rounds.get(2).map(|it| it.show(0)).unwrap_or_default();
    row.target = format!("≤ {most:.1} × copy");
    row.met = factor <= most;
    row
}

/// One viewer, as many deltas as can pass.
pub async fn throughput(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let contestants = contestants(&dir);
    let deltas = scale.of(500_000, 5_000);
    let mut rates = vec![Rounds::default(); contestants.len()];
    for round in 0..scale.rounds() {
        for turn in 0..contestants.len() {
            let at = (round + turn) % contestants.len();
            let mut talk = contestants[at].talk().await;
            talk.stream(1000, 0).await;
            let stamps = talk.stream(deltas, 0).await;
            assert_eq!(stamps.count(), deltas);
            rates[at].push(deltas as f64 * 1e9 / (stamps.last - stamps.first) as f64);
        }
    }
    let mut row = Row::at_least("throughput, one viewer, deltas/s", &rates[0], DELTAS);
    row.others[0] = rates[1].show(0);
    row.met |= rates[1].median() < DELTAS;
    if let Some(websocketd) = rates.get(2) {
        let factor = rates[0].median() / websocketd.median();
        row.others[1] = websocketd.show(0);
        row.cicerone.push_str(&format!(" = {factor:.1} ×"));
        row.target = format!("≥ {} and {THROUGHPUT:.0} × websocketd", grouped(DELTAS, 0));
        row.met &= factor >= THROUGHPUT;
    }
    vec![row]
}
