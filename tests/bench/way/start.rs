//! How soon a server is ready that finds many conversations.

use std::time::Instant;

use crate::{
    Scale,
    contestants::Cicerone,
    figures::{Rounds, Row},
    store,
};

/// From the start of the process to the first answer.
pub async fn start(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let conversations = scale.of(1_000, 20) as i64;
    store::fill(dir.path().join("data"), conversations, 20);
    let mut times = Rounds::default();
    for _ in 0..scale.of(11, 1) {
        let since = Instant::now();
        let server = Cicerone::start(dir.path());
        let ready = reqwest::get(format!("http://{}/readyz", server.address())).await.unwrap();
        assert!(ready.status().is_success(), "{ready:?}");
        times.push(since.elapsed().as_secs_f64() * 1000.0);
    }
    let what = format!("ready with {conversations} stored conversations, ms");
    vec![Row::at_most(&what, &times, 1, 50.0)]
}
