//! Many viewers of one conversation, and many conversations at once.

use tokio::task::JoinSet;

use crate::{
    Scale,
    contestants::Cicerone,
    figures::{Rounds, Row, micros},
    stamps::Stamps,
    viewer::Viewer,
};

/// What a round of many viewers came to.
struct Crowd {
    /// All viewers' delays.
    delays: Vec<u64>,
    /// Of the processor, in microseconds.
    cpu_us: f64,
    /// How long it took, in seconds.
    seconds: f64,
}

/// Has each of `askers` asked, and reads what everybody gets; all must get everything.
async fn stream(
    server: &Cicerone,
    viewers: &mut Vec<Viewer>,
    askers: usize,
    count: u64,
    period_us: u64,
) -> Crowd {
    let before = server.process.cpu();
    let since = std::time::Instant::now();
    for viewer in &mut viewers[..askers] {
        viewer.ask(&format!("stream {count} {period_us}")).await;
    }
    let mut tasks = JoinSet::new();
    for mut viewer in viewers.drain(..) {
        tasks.spawn_local(async move { (viewer.stamps().await, viewer) });
    }
    let mut delays = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (Stamps { delays: its, .. }, viewer) = ended.unwrap();
        assert_eq!(its.len() as u64, count, "a viewer has not got everything");
        delays.extend(its);
        viewers.push(viewer);
    }
    let cpu_us = (server.process.cpu() - before).as_secs_f64() * 1e6;
    // Those who ask are to come first again.
    viewers.sort_by_key(|viewer| viewer.number);
    Crowd { delays, cpu_us, seconds: since.elapsed().as_secs_f64() }
}

async fn enter(server: &Cicerone, count: u64) -> Vec<Viewer> {
    let mut viewers = vec![server.begin().await];
    let conversation = viewers[0].conversation;
    for _ in 1..count {
        viewers.push(server.enter(conversation).await);
    }
    viewers
}

/// A hundred viewers of one fast conversation, and a thousand of one at the pace of a model.
pub async fn fan_out(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let mut rows = Vec::new();
    for (viewers, period_us, count, most_ms, most_cpu) in [
        (scale.of(100, 10), 1_000, 5_000, 5.0, Some(7.0)),
        (scale.of(1_000, 30), 20_000, 250, 50.0, None),
    ] {
        let count = scale.of(count, 50);
        let mut crowd = enter(&server, viewers).await;
        stream(&server, &mut crowd, 1, 50, 1_000).await;
        let (mut lasts, mut cpus) = (Rounds::default(), Rounds::default());
        for _ in 0..scale.few_rounds() {
            let round = stream(&server, &mut crowd, 1, count, period_us).await;
            lasts.push(micros(&round.delays, 99.0) / 1000.0);
            cpus.push(round.cpu_us / round.delays.len() as f64);
        }
        let what = format!("{viewers} viewers at {} deltas/s", 1_000_000 / period_us);
        rows.push(Row::at_most(&format!("{what}, 99th of 100, ms"), &lasts, 2, most_ms));
        if let Some(most) = most_cpu {
            rows.push(Row::at_most("processor for it, µs a delivery", &cpus, 2, most));
        }
    }
    rows
}

/// A hundred conversations at the pace of a model, a viewer each.
pub async fn conversations(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let mut viewers = Vec::new();
    let conversations = scale.of(100, 8);
    for _ in 0..conversations {
        viewers.push(server.begin().await);
    }
    let askers = viewers.len();
    stream(&server, &mut viewers, askers, 10, 20_000).await;
    let (mut lasts, mut shares) = (Rounds::default(), Rounds::default());
    for _ in 0..scale.few_rounds() {
        let round = stream(&server, &mut viewers, askers, scale.of(250, 20), 20_000).await;
        lasts.push(micros(&round.delays, 99.0) / 1000.0);
        shares.push(round.cpu_us / round.seconds / 1e4);
    }
    let what = format!("{conversations} conversations at 50 deltas/s");
    vec![
        Row::at_most(&format!("{what}, 99th of 100, ms"), &lasts, 2, 10.0),
        Row::at_most("processor for it, % of one core", &shares, 1, 25.0),
    ]
}
