//! Long conversations: whether a delta costs more late than early, and how long it takes to come in.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::{
    Scale,
    contestants::Cicerone,
    figures::{Rounds, Row, micros},
    viewer::Viewer,
};

/// The cost of a delta may differ by so much, for it cannot be measured better.
const SAME: f64 = 1.15;

/// A delta at the beginning of a conversation, and one after a million.
pub async fn cost_of_a_delta(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let (before, count) = (scale.of(1_000_000, 10_000), scale.of(1_500, 100));
    let mut old = server.begin().await;
    old.ask(&format!("stream {before} 0")).await;
    assert_eq!(old.stamps().await.count(), before);
    let (mut early, mut late, mut factors) = Default::default();
    let cost = async |viewer: &mut Viewer| {
        let cpu = server.process.cpu();
        viewer.ask(&format!("stream {count} 1000")).await;
        assert_eq!(viewer.stamps().await.count(), count);
        (server.process.cpu() - cpu).as_secs_f64() * 1e6 / count as f64
    };
    for round in 0..scale.many_rounds() {
        let mut new = server.begin().await;
        new.ask("stream 10 0").await;
        new.stamps().await;
        // Neither is always the second.
        let (its, that) = if round % 2 == 0 {
            (cost(&mut new).await, cost(&mut old).await)
        } else {
            let that = cost(&mut old).await;
            (cost(&mut new).await, that)
        };
        Rounds::push(&mut early, its);
        Rounds::push(&mut late, that);
        Rounds::push(&mut factors, that / its);
    }
    let what = format!("processor for the {before}th delta, µs");
    let mut row = Row::at_most(&what, &late, 1, 0.0);
    let factor = factors.median();
    row.cicerone.push_str(&format!(", for the 10th {} = {factor:.2} ×", early.show(1)));
    row.target = format!("the same, ≤ {SAME} ×");
    row.met = factor <= SAME;
    vec![row]
}

/// Somebody comes in while others follow what streams; and the first one after a restart.
pub async fn attaching(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let entries = scale.of(10_000, 200);
    let mut viewer = server.begin().await;
    let conversation = viewer.conversation;
    viewer.ask(&format!("entries {entries}")).await;
    viewer.until_end(|_, _| ()).await;
    let mut followers = vec![viewer];
    for _ in 0..9 {
        followers.push(server.enter(conversation).await);
    }
    let deltas = scale.of(1_000, 100);
    followers[0].ask(&format!("stream {deltas} 5000")).await;
    let mut following = JoinSet::new();
    for mut viewer in followers {
        following.spawn_local(async move { viewer.stamps().await });
    }
    let (mut first, mut all) = (Rounds::default(), Rounds::default());
    for _ in 0..scale.of(20, 2) {
        let viewer = server.enter(conversation).await;
        first.push(viewer.first as f64 / 1e6);
        all.push(viewer.caught_up as f64 / 1e6);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let mut others = Rounds::default();
    while let Some(stamps) = following.join_next().await {
        let stamps = stamps.unwrap();
        assert_eq!(stamps.count(), deltas);
        others.push(micros(&stamps.delays, 99.0) / 1000.0);
    }
    drop(server);
    let (mut cold_first, mut cold_all) = (Rounds::default(), Rounds::default());
    for _ in 0..scale.few_rounds() {
        let server = Cicerone::start(dir.path());
        let viewer = server.enter(conversation).await;
        cold_first.push(viewer.first as f64 / 1e6);
        cold_all.push(viewer.caught_up as f64 / 1e6);
    }
    let what = format!("coming in to {entries} entries");
    vec![
        Row::at_most(&format!("{what}: the first, ms"), &first, 1, 20.0),
        Row::at_most("all of them, ms", &all, 1, 150.0),
        Row::at_most("others meanwhile, 99th of 100, ms", &others, 1, 5.0),
        Row::at_most("after a restart: the first, ms", &cold_first, 1, 150.0),
        Row::at_most("all of them, ms", &cold_all, 1, 300.0),
    ]
}
