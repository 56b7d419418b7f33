//! The store by itself, through its actor: what it takes in a second, and when it acknowledges.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use actix::{Actor as _, Addr};
use cicerone::{
    database::{
        Database, FILE_NAME,
        messages::{CreateConversation, WriteEntries},
    },
    entry::EntryRow,
    ids::{ConversationId, Seq, TurnNumber},
    project::ProjectName,
    rights::Ownership,
};
use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;

use crate::{
    Scale,
    figures::{Rounds, Row, micros},
};

/// Conversations that are written to in turn.
const CONVERSATIONS: i64 = 64;

/// Writes that wait at once.
const SENDERS: usize = 256;

/// Opens the store in `dir`, with conversations in it.
async fn open(dir: &Path, conversations: i64) -> Addr<Database> {
    std::fs::create_dir_all(dir).unwrap();
    let (database, _) = Database::open(&dir.join(FILE_NAME)).unwrap();
    let database = database.start();
    for _ in 0..conversations {
        let create = CreateConversation {
            project: project(),
            explicit: true,
            reserved_seq: Seq(1 << 40),
            agent_session: None,
            entries: vec![tool_result(1)],
            ownership: Ownership::default(),
            forked_from: None,
            copied: Vec::new(),
        };
        database.send(create).await.unwrap().unwrap();
    }
    database
}

fn project() -> ProjectName {
    ProjectName::parse("bench").unwrap()
}

/// Puts conversations into the store in `dir`, as a server finds them.
pub fn fill(dir: PathBuf, conversations: i64, entries: i64) {
    let filled = thread::spawn(move || {
        // With its end it lets go of the store, which has one user alone.
        actix::System::new().block_on(async {
            let database = open(&dir, conversations).await;
            for conversation in 1..=conversations {
                let entries = (2..=entries).map(tool_result).collect();
                database
                    .send(WriteEntries {
                        project: project(),
                        conversation: ConversationId(conversation),
                        entries,
                    })
                    .await
                    .unwrap()
                    .unwrap();
            }
        });
    });
    filled.join().unwrap();
}

fn tool_result(seq: i64) -> EntryRow {
    let content = "as long as most of what is stored ".repeat(8);
    EntryRow {
        turn: TurnNumber(1),
        first_seq: Seq(seq),
        last_seq: Seq(seq),
        kind: "tool_result".to_owned(),
        payload: format!(
            r#"{{"call_id":"c{seq}","ok":true,"content":"{content}","truncated":false}}"#
        ),
    }
}

/// The write with this number, from 0.
fn write(number: i64) -> WriteEntries {
    let seq = 2 + number / CONVERSATIONS;
    WriteEntries {
        project: project(),
        conversation: ConversationId(1 + number % CONVERSATIONS),
        entries: vec![tool_result(seq)],
    }
}

/// Both.
pub async fn durable_writes(scale: Scale) -> Vec<Row> {
    let dir = crate::data_dir();
    let database = open(dir.path(), CONVERSATIONS).await;
    let (mut rates, mut lasts, mut bare) = <(Rounds, Rounds, Rounds)>::default();
    let mut written = 0;
    for _ in 0..scale.few_rounds() {
        let count = scale.of(40_000, 500) as i64;
        let since = Instant::now();
        let sent = (written..written + count).map(|number| database.send(write(number)));
        let answers = stream::iter(sent).buffer_unordered(SENDERS);
        answers.for_each(async |answer| answer.unwrap().unwrap()).await;
        rates.push(count as f64 / since.elapsed().as_secs_f64());
        written += count;

        bare.push(micros(&bare_writes(dir.path(), scale.of(1_000, 10)), 99.0) / 1000.0);
        let count = scale.of(3_000, 100) as i64;
        let mut pace = tokio::time::interval(Duration::from_millis(1));
        let mut waiting = JoinSet::new();
        for number in written..written + count {
            pace.tick().await;
            let (database, since) = (database.clone(), Instant::now());
            waiting.spawn_local(async move {
                database.send(write(number)).await.unwrap().unwrap();
                u64::try_from(since.elapsed().as_nanos()).unwrap()
            });
        }
        let delays = waiting.join_all().await;
        lasts.push(micros(&delays, 99.0) / 1000.0);
        written += count;
    }
    let mut acknowledged =
        Row::at_most("acknowledged at 1,000/s, 99th of 100, ms", &lasts, 1, 20.0);
    acknowledged.others[0] = format!("{}, one write", bare.show(1));
    vec![Row::at_least("durable entries/s", &rates, 20_000.0), acknowledged]
}

/// What the disk takes at the least: how long each of some writes took that follow each other.
fn bare_writes(dir: &Path, count: u64) -> Vec<u64> {
    let mut file = File::create(dir.join("bare")).unwrap();
    let write = |_| {
        let since = Instant::now();
        file.write_all(&[0; 4096]).unwrap();
        file.sync_all().unwrap();
        u64::try_from(since.elapsed().as_nanos()).unwrap()
    };
    (0..count).map(write).collect()
}
