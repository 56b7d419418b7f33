//! Below a path of a host, and behind the real proxies with the samples in `config/deploy`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{ClientRequestBuilder, Message},
};

use crate::{
    access::{
        raw::{Answer, exchange},
        tls,
    },
    server::{DEADLINE, Gate, PROJECT, Server, Setup, deployed, eventually, free_port},
};

mod shards;

/// The host name in the samples.
pub const HOST: &str = "guide.example.org";

/// What a viewer sends.
pub const TOKEN: (&str, &str) = ("Authorization", "Bearer viewer-0123456789");

/// A Cicerone as the samples say that it is set up.
fn below_guide(more: &str) -> Server {
    let config = format!(
        "[server]\nbase_path = \"/guide\"\n[access]\nhosts = [\"{HOST}\"]\n\
         trusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n{more}"
    );
    Setup::scripted().config(&config).env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start()
}

/// A proxy with its sample, ended when dropped.
pub struct Proxy {
    child: Child,
    port: u16,
    certificate: CertifiedKey<KeyPair>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}

/// Writes a sample with what a test has in place of what it names; each of these must be there.
pub fn write_sample(dir: &Path, name: &str, replaced: &[(&str, &str)]) -> PathBuf {
    let mut text = deployed(name);
    for (there, here) in replaced {
        assert!(text.contains(there), "{name} has no {there}");
        text = text.replace(there, here);
    }
    let written = dir.join(name);
    fs::write(&written, text).unwrap();
    written
}

impl Proxy {
    /// Starts a proxy with its files in a new directory, and a certificate of these names. `command` writes its sample
    /// there and gives the command, from the port of the proxy.
    pub fn launch(dir: &Path, names: &[&str], command: impl FnOnce(&Path, u16) -> Command) -> Self {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = rcgen::generate_simple_self_signed(names).unwrap();
        fs::create_dir(dir).unwrap();
        let (pem, key) = (certificate.cert.pem(), certificate.signing_key.serialize_pem());
        fs::write(dir.join("guide.pem"), format!("{pem}{key}")).unwrap();
        fs::write(dir.join("guide.key"), key).unwrap();
        let port = free_port();
        let log = fs::File::create(dir.join("log")).unwrap();
        let child = command(dir, port)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, port, certificate }
    }

    /// Starts a proxy before `server`. `command` writes its files into a directory and gives the command,
    /// from the port of the proxy and the address of the server.
    async fn start(server: &Server, command: impl Fn(&Path, u16, &str) -> Command) -> Self {
        let dir = server.files().join("proxy");
        let proxy = Self::launch(&dir, &[HOST], |dir, port| command(dir, port, server.address()));
        eventually("the proxy answers", async || {
            let stream = proxy.open().await?;
            let answer = exchange(stream, "GET /guide/healthz", &[("Host", HOST)], "").await;
            (answer.status == 200).then_some(())
        })
        .await;
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// An encrypted connection, if the proxy takes it.
    pub async fn open(&self) -> Option<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        tls::trusting(&self.certificate.cert).connect(HOST.try_into().unwrap(), stream).await.ok()
    }

    fn host(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// Sends a request with the viewer's token.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let (host, length) = (self.host(), body.len().to_string());
        let mut all = vec![("Host", host.as_str()), TOKEN, ("Content-Length", &length)];
        all.extend(headers);
        exchange(self.open().await.unwrap(), line, &all, body).await
    }
}

fn nginx(dir: &Path, port: u16, server: &str) -> Command {
    let path = |name: &str| dir.join(name).display().to_string();
    write_sample(
        dir,
        "nginx.conf",
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("/etc/ssl/guide.pem", &path("guide.pem")),
            ("/etc/ssl/guide.key", &path("guide.key")),
            ("127.0.0.1:8080", server),
        ],
    );
    nginx_command(dir, "nginx.conf")
}

/// The real nginx with a sample that a test has written.
pub fn nginx_command(dir: &Path, sample: &str) -> Command {
    let main = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
        http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\n\
        fastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
        include {sample};\n}}\n"
    );
    fs::write(dir.join("main.conf"), main).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).args(["-c", "main.conf", "-e", "stderr"]);
    command
}

fn caddy(dir: &Path, port: u16, server: &str) -> Command {
    let pem = dir.join("guide.pem");
    let tls = format!("tls {} {}", pem.display(), dir.join("guide.key").display());
    let site = format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n\nhttps://{HOST}:{port} {{\n\
         \tbind 127.0.0.1\n\t{tls}\n"
    );
    let sample = write_sample(
        dir,
        "Caddyfile",
        &[(&format!("{HOST} {{\n"), &site), ("127.0.0.1:8080", server)],
    );
    let mut command = Command::new("caddy");
    command.arg("run").arg("--config").arg(sample).env("HOME", dir).env("XDG_DATA_HOME", dir);
    command
}

fn haproxy(dir: &Path, port: u16, server: &str) -> Command {
    let sample = write_sample(
        dir,
        "haproxy.cfg",
        &[
            ("bind :443", &format!("bind 127.0.0.1:{port}")),
            ("/etc/ssl/guide.pem", &dir.join("guide.pem").display().to_string()),
            ("127.0.0.1:8080", server),
            ("maxconn 20000", "maxconn 200"),
        ],
    );
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(sample);
    command
}

#[actix::test]
async fn nginx_with_its_sample_lets_everything_through() {
    everything_gets_through(nginx).await;
}

#[actix::test]
async fn caddy_with_its_sample_lets_everything_through() {
    everything_gets_through(caddy).await;
}

#[actix::test]
async fn haproxy_with_its_sample_lets_everything_through() {
    everything_gets_through(haproxy).await;
}

async fn everything_gets_through(command: impl Fn(&Path, u16, &str) -> Command) {
    let server = below_guide("");
    let proxy = Proxy::start(&server, command).await;
    the_page_and_its_files_come(&proxy).await;
    a_login_is_kept_below_the_path(&proxy).await;
    nobody_names_a_user_but_the_proxy(&proxy).await;
    let conversation = a_socket_brings_an_answer_as_it_comes(&proxy, &server).await;
    events_bring_an_answer_as_it_comes(&proxy, &server).await;
    a_large_file_is_taken(&proxy, conversation).await;
}

async fn the_page_and_its_files_come(proxy: &Proxy) {
    let moved = proxy.send("GET /guide", &[], "").await;
    assert_eq!(moved.status, 308);
    assert!(moved.header("location").ends_with("/guide/"), "{moved:?}");
    let page = proxy.send("GET /guide/p/demo", &[], "").await;
    assert_eq!(page.status, 200);
    let script = page.body.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(script.starts_with("/guide/assets/"), "{script}");
    assert_eq!(proxy.send(&format!("GET {script}"), &[], "").await.status, 200);
    let projects = proxy.send("GET /guide/api/projects", &[], "").await;
    assert!(projects.status == 200 && projects.body.contains(PROJECT), "{projects:?}");
}

async fn a_login_is_kept_below_the_path(proxy: &Proxy) {
    let origin = format!("https://{}", proxy.host());
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", &*origin)];
    let login = proxy.send("POST /guide/login", &form, "token=viewer-0123456789").await;
    let cookie = login.header("set-cookie");
    assert!(cookie.contains("Path=/guide/") && cookie.contains("Secure"), "{login:?}");
}

async fn nobody_names_a_user_but_the_proxy(proxy: &Proxy) {
    let forged = [("X-Forwarded-User", "mallory"), ("X-Forwarded-For", "192.0.2.1")];
    let me = proxy.send("GET /guide/api/me", &forged, "").await;
    assert!(me.body.contains("\"user\":null"), "{me:?}");
}

async fn a_socket_brings_an_answer_as_it_comes(proxy: &Proxy, server: &Server) -> i64 {
    let address = format!("wss://{}/guide/api/assistant/ws/demo", proxy.host());
    let request = ClientRequestBuilder::new(address.parse().unwrap())
        .with_header(TOKEN.0, TOKEN.1)
        .with_header("origin", format!("https://{}", proxy.host()));
    let stream = proxy.open().await.unwrap();
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let gate = Gate::new(server);
    let script = format!("say before the gate\n{}\nsay behind it", gate.script());
    for frame in [
        json!({"type": "start", "protocol": 1}),
        json!({"type": "message", "message_id": "a", "content": script}),
    ] {
        socket.send(Message::text(frame.to_string())).await.unwrap();
    }
    let (mut answer, mut conversation) = (String::new(), 0);
    loop {
        let frame = timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
        let Ok(frame) = serde_json::from_str::<Value>(frame.to_text().unwrap_or_default()) else {
            continue;
        };
        if frame["type"] == "conversation_created" {
            conversation = frame["conversation_id"].as_i64().unwrap();
        }
        if frame["turn"] == 1 && frame["type"] == "text" {
            answer.push_str(frame["content"].as_str().unwrap());
            if answer.contains("before the gate") {
                gate.open();
            }
        }
        if frame["turn"] == 1 && frame["type"] == "response_done" {
            break;
        }
    }
    assert!(answer.ends_with("behind it"), "{answer}");
    fs::remove_file(gate.path()).unwrap();
    conversation
}

async fn events_bring_an_answer_as_it_comes(proxy: &Proxy, server: &Server) {
    let gate = Gate::new(server);
    let script = format!("say before the gate\n{}\nsay behind it", gate.script());
    let question = json!({"project": PROJECT, "question": script}).to_string();
    let head = format!(
        "POST /guide/api/v1/ask HTTP/1.1\r\nHost: {}\r\n{}: {}\r\nAccept: text/event-stream\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{question}",
        proxy.host(),
        TOKEN.0,
        TOKEN.1,
        question.len()
    );
    let mut stream = proxy.open().await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut text, mut chunk) = (String::new(), [0; 4096]);
    loop {
        match timeout(DEADLINE, stream.read(&mut chunk)).await.unwrap() {
            Ok(0) | Err(_) => break,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&chunk[..read])),
        }
        if text.contains("before the gate") {
            gate.open();
        }
    }
    assert!(text.contains("behind it"), "{text}");
    assert!(text.contains("\"link\":\"/guide/p/demo/"), "{text}");
}

async fn a_large_file_is_taken(proxy: &Proxy, conversation: i64) {
    let line = format!(
        "POST /guide/api/assistant/conversations/demo/{conversation}/attachments?name=a.txt"
    );
    let kind = [("Content-Type", "application/octet-stream")];
    let sent = proxy.send(&line, &kind, &"a line of a file\n".repeat(200_000)).await;
    assert_eq!(sent.status, 201, "{sent:?}");
}

#[actix::test]
async fn a_proxy_may_remove_the_path_or_leave_it() {
    let server = below_guide("");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, kind) in [
        ("/guide/api/projects", "application/json"),
        ("/api/projects", "application/json"),
        ("/guide", "text/html; charset=utf-8"),
        ("/guide/p/demo", "text/html; charset=utf-8"),
        ("/guide/api/nothing", "application/problem+json"),
        // These are no paths of the server: the page says so.
        ("/guides/api/projects", "text/html; charset=utf-8"),
        ("/guide/guide/api/projects", "text/html; charset=utf-8"),
    ] {
        let answer = http.get(server.url(path)).header(TOKEN.0, TOKEN.1).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], kind, "{path}");
    }
    for path in ["/guide/api/projects", "/guide/metrics", "/guide/api/admin/sessions"] {
        assert_eq!(http.get(server.url(path)).send().await.unwrap().status(), 401, "{path}");
    }
    let openapi = http.get(server.url("/guide/api/openapi.json")).header(TOKEN.0, TOKEN.1);
    let openapi: Value = openapi.send().await.unwrap().json().await.unwrap();
    assert_eq!(openapi["servers"][0]["url"], "/guide");
}
