//! What several nodes cost: a server alone, the node that owns a project, and one that hands on to it, each
//! with the same agent and on the same disk. Three NATS servers run beside them.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Scale,
    client::Connection,
    contestants::Cicerone,
    figures::{Rounds, Row, micros},
    process::Process,
    stamps::now_ns,
    store,
    viewer::{DEADLINE, Viewer},
};

/// After so long a node that is not heard of is gone, in seconds.
const LEASE: u64 = 2;

/// Pace of a fast model, in microseconds between deltas.
const PERIOD_US: u64 = 20_000;

/// Acknowledged within, in milliseconds: of a hundred the last.
const ACKNOWLEDGED: f64 = 25.0;

/// At most so many times as late through another node.
const THROUGH: f64 = 1.5;

/// Three NATS servers that write to the disk before they acknowledge.
struct Nats {
    _servers: Vec<Process>,
    addresses: Vec<String>,
    monitoring: Vec<String>,
}

/// Where the setting up of the tests puts the program.
fn nats_server() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../peers/python/bin/nats-server")
}

fn free_ports() -> [u16; 3] {
    let listeners: [TcpListener; 3] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Nats {
    fn start(dir: &Path) -> Self {
        let ports: [[u16; 3]; 3] = std::array::from_fn(|_| free_ports());
        let routes: Vec<_> =
            ports.iter().map(|[.., route]| format!("nats://127.0.0.1:{route}")).collect();
        let servers = ports.iter().enumerate().map(|(at, [client, monitoring, route])| {
            let (store, file) = (dir.join(format!("n{at}")), dir.join(format!("n{at}.conf")));
            let config = format!(
                "server_name: n{at}\nlisten: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{monitoring}\"\n\
                 max_payload: 8MB\njetstream {{ store_dir: {store:?}, sync_interval: always }}\n\
                 cluster {{ name: bench, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n",
                routes.join(", ")
            );
            fs::write(&file, config).unwrap();
            let mut command = Command::new(nats_server());
            command.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
            Process::start(&mut command)
        });
        let of = |scheme: &str, which: usize| {
            ports.iter().map(|ports| format!("{scheme}://127.0.0.1:{}", ports[which])).collect()
        };
        Self { _servers: servers.collect(), addresses: of("nats", 0), monitoring: of("http", 1) }
    }
}

/// The configuration of a node.
fn config(nats: &Nats, dir: &Path, name: &str) -> String {
    let secret = dir.join("secret");
    fs::write(&secret, "the-secret-of-all-nodes").unwrap();
    format!(
        "\n[cluster]\nnats = {:?}\nmonitoring = {:?}\nnode = {name:?}\nlease = \"{LEASE}s\"\n\
         address = \"http://127.0.0.1:0\"\nsecret_file = {secret:?}\nappend_timeout = \"30s\"\n",
        nats.addresses, nats.monitoring
    )
}

fn node(nats: &Nats, dir: &TempDir, name: &str) -> Cicerone {
    let own = dir.path().join(name);
    fs::create_dir_all(&own).unwrap();
    Cicerone::start_with(&own, &config(nats, dir.path(), name))
}

/// How long questions take until they are acknowledged, one after another, in nanoseconds.
async fn acknowledged(viewer: &mut Viewer, count: u64) -> Vec<u64> {
    let mut delays = Vec::new();
    for _ in 0..count {
        let since = now_ns();
        viewer.post(&since.to_string(), "stream 1 0").await;
        let mut told = 0;
        viewer
            .until(|frame, now| {
                if told == 0 && frame.starts_with(br#"{"type":"accepted""#) {
                    told = now - since;
                }
                crate::viewer::is_end(frame)
            })
            .await;
        assert!(told > 0, "a question was not acknowledged");
        delays.push(told);
    }
    delays
}

/// All of it; nothing where there is no NATS.
pub async fn cluster(scale: Scale) -> Vec<Row> {
    if !nats_server().exists() {
        eprintln!(
            "there is no nats-server (`.ci/setup` installs it): nothing of a cluster is measured"
        );
        return Vec::new();
    }
    let dir = crate::data_dir();
    let nats = Nats::start(dir.path());
    let alone_dir = dir.path().join("alone");
    fs::create_dir_all(&alone_dir).unwrap();
    let alone = Cicerone::start(&alone_dir);
    let owner = node(&nats, &dir, "a");
    let mut viewers = vec![alone.begin().await, owner.begin().await];
    let other = node(&nats, &dir, "b");
    let conversation = viewers[1].conversation;
    viewers.push(other.begin().await);
    let mut rows = of_ways(scale, &mut viewers).await;
    rows.push(taken_over(owner, &other, conversation).await);
    drop((viewers, other, alone));
    rows.push(taken_as_a_copy(scale, &nats, &dir).await);
    rows
}

/// Acknowledgements and deltas on the three ways, in rounds that follow each other.
async fn of_ways(scale: Scale, viewers: &mut [Viewer]) -> Vec<Row> {
    let mut lasts = vec![Rounds::default(); viewers.len()];
    let (mut middles, mut deltas) = (lasts.clone(), lasts.clone());
    let (questions, count) = (scale.of(100, 5), scale.of(250, 20));
    for round in 0..scale.rounds() {
        for turn in 0..viewers.len() {
            let at = (round + turn) % viewers.len();
            let delays = acknowledged(&mut viewers[at], questions).await;
            middles[at].push(micros(&delays, 50.0) / 1000.0);
            lasts[at].push(micros(&delays, 99.0) / 1000.0);
            viewers[at].ask(&format!("stream {count} {PERIOD_US}")).await;
            let stamps = viewers[at].stamps().await;
            assert_eq!(stamps.count(), count);
            deltas[at].push(micros(&stamps.delays, 50.0));
        }
    }
    let factor = deltas[2].median() / deltas[1].median();
    let mut through = beside("a delta through another node, median, µs", &deltas, 0);
    through.cicerone.push_str(&format!(" = {factor:.2} × that of the owner"));
    through.target = format!("≤ {THROUGH:.1} × the owner's");
    through.met = factor <= THROUGH;
    let mut last = beside("acknowledged through another node, 99th of 100, ms", &lasts, 1);
    last.target = format!("≤ {ACKNOWLEDGED:.0}");
    last.met = lasts[2].median() <= ACKNOWLEDGED;
    vec![beside("the same, median, ms", &middles, 1), last, through]
}

/// The figure of a node that hands on, beside those of a server alone and of the owner.
fn beside(what: &str, rounds: &[Rounds], digits: usize) -> Row {
    let mut row = Row::at_most(what, &rounds[2], digits, f64::INFINITY);
    row.others = [
        format!("{}, alone", rounds[0].show(digits)),
        format!("{}, owner", rounds[1].show(digits)),
    ];
    row.target.clear();
    row
}

/// From the kill of the owner until another node serves the conversation.
async fn taken_over(owner: Cicerone, other: &Cicerone, conversation: i64) -> Row {
    let killed = Instant::now();
    drop(owner);
    let path = "/api/assistant/ws/bench";
    let start = format!(r#"{{"type":"start","protocol":1,"conversation_id":{conversation}}}"#);
    let mut has_come = false;
    while !has_come {
        assert!(killed.elapsed() < DEADLINE, "nobody has taken the project");
        if let Ok(mut socket) = Connection::socket(other.address(), path).await {
            socket.send(&start).await.unwrap_or_default();
            let attached = socket.read(|frame, _| {
                has_come |= frame.starts_with(br#"{"type":"attached""#);
            });
            tokio::time::timeout(Duration::from_secs(1), attached).await.ok();
        }
    }
    let mut taken = Rounds::default();
    taken.push(killed.elapsed().as_secs_f64());
    let what = format!("from the kill of the owner until it is served, lease {LEASE} s, s");
    Row::at_most(&what, &taken, 1, LEASE as f64 + 1.0)
}

/// A log that begins with many entries, and a new node that takes them.
async fn taken_as_a_copy(scale: Scale, nats: &Nats, dir: &TempDir) -> Row {
    let (conversations, entries) = (scale.of(1_000, 5) as i64, 200);
    let own = dir.path().join("full");
    fs::create_dir_all(&own).unwrap();
    store::fill(own.join("data"), conversations, entries);
    let more = format!("{}stream = \"FULL\"\n", config(nats, dir.path(), "c"));
    Cicerone::run(&own, &more, &["cluster", "import"]);
    let _first = Cicerone::start_with(&own, &more);
    let since = Instant::now();
    let new = dir.path().join("new");
    fs::create_dir_all(&new).unwrap();
    let more = format!("{}stream = \"FULL\"\n", config(nats, dir.path(), "d"));
    let new = Cicerone::start_with(&new, &more);
    let mut times = Rounds::default();
    times.push(since.elapsed().as_secs_f64());
    let list = format!("http://{}/api/assistant/conversations/bench", new.address());
    let listed = reqwest::get(list).await.unwrap().text().await.unwrap();
    assert!(listed.contains("\"id\""), "the new node has nothing: {listed}");
    let rows = conversations * entries;
    Row::at_most(&format!("a new node takes {rows} entries as a copy, s"), &times, 1, 30.0)
}
