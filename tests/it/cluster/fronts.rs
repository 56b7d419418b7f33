//! Two nodes behind the real proxies, with the samples for a cluster in `config/deploy`.

use std::{fs, path::Path, process::Command, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{ClientRequestBuilder, Message},
};

use super::{
    nats::Nats,
    nodes::{SHORT, config, is_ready},
};
use crate::{
    access::raw::{Answer, exchange},
    proxies::{HOST, Proxy, TOKEN, nginx_command, write_sample},
    screen::Screen,
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually, free_port, is_alive, signal},
};

/// Starts a node, at an address where nobody gets a port by chance while it is down.
fn start(nats: &Nats, name: &str) -> Server {
    let address = format!("127.0.0.2:{}", free_port());
    let access = format!("[access]\nhosts = [{HOST:?}]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let setup = Setup::scripted().args(["--listen", &address]);
    let table = config(nats, name, SHORT);
    let own = "http://127.0.0.1:0";
    assert!(table.contains(own), "{table}");
    let table = table.replace(own, &format!("http://{address}"));
    let setup = setup.config(&format!("{access}{table}"));
    setup.env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start()
}

/// Two nodes with a proxy before them.
pub(super) struct Front {
    nodes: [Server; 2],
    pub(super) proxy: Proxy,
}

impl Front {
    pub(super) async fn start(
        nats: &Nats,
        command: impl Fn(&Path, u16, &[Server; 2]) -> Command,
    ) -> Self {
        let nodes = ["a", "b"].map(|name| start(nats, name));
        let dir = nodes[0].files().join("proxy");
        let proxy = Proxy::launch(&dir, &[HOST], |dir, port| command(dir, port, &nodes));
        let front = Self { nodes, proxy };
        eventually("the proxy answers", async || {
            front.proxy.open().await?;
            (front.get("/healthz").await.status == 200).then_some(())
        })
        .await;
        front
    }

    async fn send(&self, line: &str, body: &str) -> Answer {
        let length = body.len().to_string();
        let headers = [("Host", HOST), TOKEN, ("Content-Length", &length)];
        exchange(self.proxy.open().await.unwrap(), line, &headers, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "").await
    }

    /// The nodes: the one that owns the project, and the other one.
    pub(super) fn owner(&mut self) -> (&mut Server, &mut Server) {
        let living = self.nodes.iter().find(|node| is_alive(node.pid())).unwrap();
        let store = living.database();
        let name: String = store
            .query_row("SELECT node FROM journal WHERE scope = ?1", [PROJECT], |row| row.get(0))
            .unwrap();
        let [a, b] = &mut self.nodes;
        if name == "a" { (a, b) } else { (b, a) }
    }
}

/// Somebody with a page: a conversation that is shown, and a socket that is opened anew when it ends.
struct Person {
    conversation: Option<i64>,
    screen: Screen,
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Person {
    /// Comes to a conversation, a new one if none is named.
    async fn enter(front: &Front, conversation: Option<i64>) -> Self {
        let (socket, frames) = open(front, conversation, 0).await;
        let conversation = conversation.or(frames[0]["conversation_id"].as_i64());
        Self { conversation, screen: Screen::of(&frames), socket }
    }

    async fn come_back(&mut self, front: &Front) {
        let (socket, frames) = open(front, self.conversation, self.screen.seq).await;
        self.socket = socket;
        self.screen.show(&frames);
    }

    /// Posts a question.
    async fn post(&mut self, message: &str, script: &str) {
        let post = json!({ "type": "message", "message_id": message, "content": script });
        // Whether the socket has ended is told by what is read.
        self.socket.send(Message::text(post.to_string())).await.ok();
    }

    /// Asks, and waits for the end of the answer.
    async fn ask(&mut self, front: &Front, message: &str, script: &str) {
        let ends = self.screen.ends() + 1;
        while self.screen.ends() < ends {
            self.post(message, script).await;
            self.watch(|screen| screen.ends() == ends).await;
            if self.screen.ends() < ends {
                self.come_back(front).await;
            }
        }
    }

    /// Shows what comes until the condition holds or the socket ends.
    async fn watch(&mut self, is_enough: impl Fn(&Screen) -> bool) {
        while !is_enough(&self.screen) {
            match frame(&mut self.socket).await {
                Some(frame) => self.screen.show(&[frame]),
                None => break,
            }
        }
    }
}

/// The next frame; `None` once the socket has ended.
async fn frame(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> Option<Value> {
    loop {
        match timeout(DEADLINE, socket.next()).await.expect("no frame came") {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).ok(),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => (),
        }
    }
}

/// Opens sockets until one tells all of a conversation that came after a number, as a page does.
async fn open(
    front: &Front,
    conversation: Option<i64>,
    after: i64,
) -> (WebSocketStream<TlsStream<TcpStream>>, Vec<Value>) {
    let mut start = json!({ "type": "start", "protocol": 1 });
    if conversation.is_some() {
        start["conversation_id"] = json!(conversation);
        start["after"] = json!(after);
    }
    eventually("the project is served", async || {
        let address = format!("wss://{HOST}/api/assistant/ws/{PROJECT}");
        let request = ClientRequestBuilder::new(address.parse().unwrap())
            .with_header(TOKEN.0, TOKEN.1)
            .with_header("origin", format!("https://{HOST}"));
        let stream = front.proxy.open().await?;
        let opened = timeout(DEADLINE, client_async(request, stream)).await.unwrap();
        let (mut socket, _) = opened.ok()?;
        socket.send(Message::text(start.to_string())).await.ok()?;
        let mut frames = Vec::new();
        while frames.last().is_none_or(|last: &Value| last["type"] != "caught_up") {
            frames.push(frame(&mut socket).await?);
        }
        Some((socket, frames))
    })
    .await
}

pub(super) fn haproxy(dir: &Path, port: u16, [a, b]: &[Server; 2]) -> Command {
    let sample = write_sample(
        dir,
        "haproxy-cluster.cfg",
        &[
            ("bind :443", &format!("bind 127.0.0.1:{port}")),
            ("/etc/ssl/guide.pem", &dir.join("guide.pem").display().to_string()),
            ("a.example.org:8080", a.address()),
            ("b.example.org:8080", b.address()),
            ("    server c c.example.org:8080\n", ""),
            ("maxconn 20000", "maxconn 200"),
        ],
    );
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(sample);
    command
}

fn nginx(dir: &Path, port: u16, [a, b]: &[Server; 2]) -> Command {
    let path = |name: &str| dir.join(name).display().to_string();
    write_sample(
        dir,
        "nginx-cluster.conf",
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("/etc/ssl/guide.pem", &path("guide.pem")),
            ("/etc/ssl/guide.key", &path("guide.key")),
            ("a.example.org:8080", a.address()),
            ("b.example.org:8080", b.address()),
            ("    server c.example.org:8080 max_fails=1 fail_timeout=5s;\n", ""),
        ],
    );
    nginx_command(dir, "nginx-cluster.conf")
}

#[actix::test]
async fn haproxy_leads_to_another_node_when_one_is_gone() {
    let mut nats = Nats::start().await;
    let front = a_cluster_serves_through(haproxy, &nats).await;
    all_of_nats_is_away(&front, &mut nats).await;
    // It knows by itself that no node is ready.
    let log = front.nodes[0].files().join("proxy/log");
    eventually("no node is ready for the proxy", async || {
        fs::read_to_string(&log).ok()?.contains("'nodes' has no server available").then_some(())
    })
    .await;
    reading_goes_on(&front).await;
}

#[actix::test]
async fn nginx_leads_to_another_node_when_one_is_gone() {
    let mut nats = Nats::start().await;
    let front = a_cluster_serves_through(nginx, &nats).await;
    all_of_nats_is_away(&front, &mut nats).await;
    reading_goes_on(&front).await;
}

async fn a_cluster_serves_through(
    command: impl Fn(&Path, u16, &[Server; 2]) -> Command,
    nats: &Nats,
) -> Front {
    let mut front = Front::start(nats, command).await;
    for path in ["/", "/api/projects", "/api/me"] {
        assert_eq!(front.get(path).await.status, 200, "{path}");
    }
    let mut person = Person::enter(&front, None).await;
    person.ask(&front, "m1", "say hello").await;
    assert_eq!(person.screen.answer(1), "hello");
    let conversation = person.conversation.unwrap();
    everything_of_a_project_meets_its_owner(&mut front, conversation).await;

    person.post("m2", "stream 100000 20").await;
    person.watch(|screen| !screen.answer(2).is_empty()).await;
    front.owner().0.kill();
    person.watch(|_| false).await;
    person.come_back(&front).await;
    person.watch(|screen| screen.ends_of(2) == 1).await;
    person.ask(&front, "m3", "say again").await;
    assert!(person.screen.answer(3).ends_with("again"), "{:?}", person.screen);
    let stored = Screen::stored(front.owner().0, conversation);
    person.screen.assert_same(&stored, "after the node was gone");
    the_node_that_was_gone_is_met_again(&mut front).await;
    person.come_back(&front).await;
    person.ask(&front, "m4", "say through").await;
    assert!(person.screen.answer(4).ends_with("through"), "{:?}", person.screen);
    front
}

/// Starts the node that was killed, and waits until the proxy leads there, with the owner paused for moments:
/// whatever comes is handed on then.
async fn the_node_that_was_gone_is_met_again(front: &mut Front) {
    let owner = front.owner().0.pid();
    let gone = front.nodes.iter_mut().find(|node| !is_alive(node.pid())).unwrap();
    gone.launch_again();
    let list = format!("/api/assistant/conversations/{PROJECT}");
    eventually("the node is met again", async || {
        signal(owner, "STOP");
        let met = timeout(Duration::from_millis(300), front.get(&list)).await;
        signal(owner, "CONT");
        if met.is_ok_and(|list| list.status == 200) {
            return Some(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        None
    })
    .await;
}

/// With the other node paused, whatever meets that one gets no answer.
async fn everything_of_a_project_meets_its_owner(front: &mut Front, conversation: i64) {
    let (owner, other) = front.owner();
    let (gate, other) = (Gate::new(owner), other.pid());
    signal(other, "STOP");
    let detail = format!("/api/assistant/conversations/{PROJECT}/{conversation}");
    for path in [
        &format!("/api/assistant/conversations/{PROJECT}"),
        &detail,
        &format!("/api/assistant/search/{PROJECT}?q=hello"),
        &format!("/api/projects/{PROJECT}/tree"),
        &format!("/p/{PROJECT}/{conversation}"),
    ] {
        assert_eq!(front.get(path).await.status, 200, "{path}");
    }
    assert!(front.get(&detail).await.body.contains("hello"));
    let another = Person::enter(front, Some(conversation)).await;
    assert_eq!(another.screen.answer(1), "hello");
    events_bring_an_answer_as_it_comes(front, &gate).await;
    signal(other, "CONT");
}

/// Each frame of this client is a request of its own, which has to meet the node that has its stream.
async fn events_bring_an_answer_as_it_comes(front: &Front, gate: &Gate) {
    let path = format!("/api/assistant/events/{PROJECT}");
    let head = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{}: {}\r\n\r\n", TOKEN.0, TOKEN.1);
    let mut stream = front.proxy.open().await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    let mut until = async |wanted: &str| {
        while !told.contains(wanted) {
            let mut bytes = [0; 4096];
            let n_read = timeout(DEADLINE, stream.read(&mut bytes)).await.unwrap().unwrap();
            assert!(n_read > 0, "the stream has ended: {told}");
            told.push_str(&String::from_utf8_lossy(&bytes[..n_read]));
        }
        told.clone()
    };
    let begun = until("event: session\ndata: ").await;
    let begun = if begun.ends_with("data: ") { until("\n\n").await } else { begun };
    let id = begun.split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let script = format!("say before the gate\n{}\nsay behind it", gate.script());
    for frame in [
        json!({ "type": "start", "protocol": 1 }),
        json!({ "type": "message", "message_id": "e1", "content": script }),
    ] {
        let sent = front.send(&format!("POST {path}/{id}"), &frame.to_string()).await;
        assert_eq!(sent.status, 204, "{sent:?}");
    }
    // The question has this text too, so it is the one of the answer.
    until("\"content\":\"before the gate").await;
    gate.open();
    until("response_done").await;
}

async fn all_of_nats_is_away(front: &Front, nats: &mut Nats) {
    for at in 0..3 {
        nats.kill(at);
    }
    for node in &front.nodes {
        eventually("no node is ready", async || (!is_ready(node).await).then_some(())).await;
    }
}

async fn reading_goes_on(front: &Front) {
    for _ in 0..3 {
        let list = front.get(&format!("/api/assistant/conversations/{PROJECT}")).await;
        assert!(list.status == 200 && list.body.contains("say hello"), "{list:?}");
    }
}
