//! What the server takes of memory: by itself, for those who look on, for conversations that rest,
//! and for a stream that does not end.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::{
    Scale,
    contestants::Cicerone,
    figures::{Rounds, Row},
    process::open_files,
    viewer::Viewer,
};

/// Viewers that come at once.
const AT_ONCE: u64 = 50;

/// A figure of which there is one alone.
fn only(figure: f64) -> Rounds {
    let mut rounds = Rounds::default();
    rounds.push(figure);
    rounds
}

/// All of it.
pub async fn memory(scale: Scale) -> Vec<Row> {
    let mut rows = Vec::new();
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    // The self-test of the sandbox is over then.
    tokio::time::sleep(Duration::from_secs(scale.of(3, 0))).await;
    let idle = server.process.settled_memory() as f64;
    let mut row = Row::at_most("memory without anybody, MB", &only(idle / 1e6), 1, 15.0);
    let own = server.process.own_memory() as f64 / 1e6;
    row.cicerone.push_str(&format!(", {own:.1} without the program"));
    rows.push(row);
    rows.push(of_conversations(scale, &server).await);
    rows.push(of_viewers(scale, &server).await);
    rows.push(of_a_long_stream(scale).await);
    rows
}

async fn of_conversations(scale: Scale, server: &Cicerone) -> Row {
    // What comes with the first ones is not theirs.
    for _ in 0..4 {
        server.begin().await.ask("stream 10 0").await;
    }
    let before = server.process.settled_memory() as f64;
    let count = scale.of(100, 8);
    for _ in 0..count {
        let mut viewer = server.begin().await;
        viewer.ask("stream 10 0").await;
        assert_eq!(viewer.stamps().await.count(), 10);
    }
    let each = (server.process.settled_memory() as f64 - before) / count as f64;
    Row::at_most("memory of a conversation that rests, KB", &only(each / 1e3), 1, 200.0)
}

async fn of_viewers(scale: Scale, server: &Cicerone) -> Row {
    let possible = (open_files() - 500).min(10_000);
    let count = scale.of(possible, 100);
    let first = server.begin().await;
    let conversation = first.conversation;
    let before = server.process.settled_memory() as f64;
    let mut readers = JoinSet::new();
    readers.spawn_local(first.look_on());
    for _ in 0..count / AT_ONCE {
        let mut coming = JoinSet::new();
        for _ in 0..AT_ONCE {
            let connection = server.connect().await;
            coming.spawn_local(Viewer::enter(connection, Some(conversation)));
        }
        while let Some(viewer) = coming.join_next().await {
            readers.spawn_local(viewer.unwrap().look_on());
        }
    }
    tokio::time::sleep(Duration::from_secs(scale.of(2, 0))).await;
    let each = (server.process.settled_memory() as f64 - before) / count as f64;
    Row::at_most(&format!("memory of each of {count} viewers, KB"), &only(each / 1e3), 1, 30.0)
}

/// Answers follow each other, all in one conversation that somebody looks at.
async fn of_a_long_stream(scale: Scale) -> Row {
    let dir = crate::data_dir();
    let server = Cicerone::start(dir.path());
    let mut viewer = server.begin().await;
    let (deltas, turns) = (5_000, scale.of(150, 4));
    // What the first ones need is needed once.
    let first = turns / 5;
    let (mut before, mut bytes) = (0.0, 0);
    for turn in 0..turns {
        if turn == first {
            (before, bytes) = (server.process.settled_memory() as f64, 0);
        }
        viewer.ask(&format!("stream {deltas} 0")).await;
        viewer.until_end(|frame, _| bytes += frame.len()).await;
    }
    let grown = (server.process.settled_memory() as f64 - before).max(0.0) / 1e6;
    let said = bytes as f64 / 1e6;
    let what = format!("memory of {} deltas more, {said:.0} MB, in MB", deltas * (turns - first));
    Row::at_most(&what, &only(grown), 1, 1.0)
}
