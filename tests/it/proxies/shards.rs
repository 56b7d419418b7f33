//! Two servers that know nothing of each other, each with projects of its own, behind the samples that say
//! which has which. Here both know both projects: a request that came to the wrong one would find a history
//! that is empty.

use std::{path::Path, process::Command};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{
    client_async,
    tungstenite::{ClientRequestBuilder, Error, Message},
};

use crate::{
    access::raw::{Answer, exchange},
    server::{DEADLINE, PROJECT, Server, Setup, eventually, free_port},
};

use super::{HOST, Proxy, TOKEN, nginx_command, write_sample};

const OTHER: &str = "shop";

/// Starts one of the servers, at an address where nobody gets a port by chance while it is down.
fn start(name: &str) -> Server {
    let config = format!(
        "[access]\nhosts = [\"{name}.{HOST}\", \"{HOST}\"]\ntrusted_proxies = [\"127.0.0.1\"]\n"
    );
    let address = format!("127.0.0.2:{}", free_port());
    let setup = Setup::scripted().project(OTHER).args(["--listen", &address]).config(&config);
    setup.env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start()
}

/// A proxy before both.
struct Shards {
    one: Server,
    two: Server,
    proxy: Proxy,
}

impl Shards {
    async fn start(command: impl Fn(&Path, u16, &Server, &Server) -> Command) -> Self {
        let (one, two) = (start("one"), start("two"));
        let names = [HOST, &format!("one.{HOST}"), &format!("two.{HOST}")];
        let dir = one.files().join("proxy");
        let proxy = Proxy::launch(&dir, &names, |dir, port| command(dir, port, &one, &two));
        let shards = Self { one, two, proxy };
        for name in ["one", "two"] {
            eventually("the proxy reaches both servers", async || {
                shards.proxy.open().await?;
                (shards.get(&format!("{name}.{HOST}"), "/healthz").await.status == 200)
                    .then_some(())
            })
            .await;
        }
        shards
    }

    async fn get(&self, host: &str, path: &str) -> Answer {
        let stream = self.proxy.open().await.unwrap();
        exchange(stream, &format!("GET {path}"), &[("Host", host), TOKEN], "").await
    }

    /// What the name for all servers answers.
    async fn shared(&self, path: &str) -> Answer {
        self.get(HOST, path).await
    }

    async fn list(&self, project: &str) -> Answer {
        self.shared(&format!("/api/assistant/conversations/{project}")).await
    }

    /// Asks in a new conversation over a socket, and gives the conversation once all is answered.
    async fn ask(&self, project: &str, script: &str) -> Result<i64, Error> {
        let address = format!("wss://{HOST}/api/assistant/ws/{project}");
        let request = ClientRequestBuilder::new(address.parse().unwrap())
            .with_header(TOKEN.0, TOKEN.1)
            .with_header("origin", format!("https://{HOST}"));
        let stream = self.proxy.open().await.unwrap();
        let (mut socket, _) = client_async(request, stream).await?;
        for frame in [
            json!({"type": "start", "protocol": 1}),
            json!({"type": "message", "message_id": "a", "content": script}),
        ] {
            socket.send(Message::text(frame.to_string())).await?;
        }
        let mut conversation = None;
        loop {
            let frame = timeout(DEADLINE, socket.next()).await.unwrap().unwrap()?;
            let frame: Value =
                serde_json::from_str(frame.to_text().unwrap_or_default()).unwrap_or_default();
            if frame["type"] == "conversation_created" {
                conversation = frame["conversation_id"].as_i64();
            }
            if frame["turn"] == 1 && frame["type"] == "response_done" {
                return Ok(conversation.unwrap());
            }
        }
    }
}

/// What a server has of a project by itself.
async fn titles(server: &Server, name: &str, project: &str) -> String {
    let path = format!("/api/assistant/conversations/{project}");
    let request = reqwest::Client::builder().no_proxy().build().unwrap().get(server.url(&path));
    let host = format!("{name}.{HOST}");
    request
        .header("Host", host)
        .header(TOKEN.0, TOKEN.1)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

fn haproxy(dir: &Path, port: u16, one: &Server, two: &Server) -> Command {
    for map in ["hosts.map", "projects.map"] {
        write_sample(dir, map, &[]);
    }
    let sample = write_sample(
        dir,
        "haproxy-shards.cfg",
        &[
            ("bind :443", &format!("bind 127.0.0.1:{port}")),
            ("/etc/ssl/guide.pem", &dir.join("guide.pem").display().to_string()),
            ("/etc/haproxy", &dir.display().to_string()),
            ("127.0.0.1:8081", one.address()),
            ("127.0.0.1:8082", two.address()),
            ("maxconn 20000", "maxconn 200"),
        ],
    );
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(sample);
    command
}

fn nginx(dir: &Path, port: u16, one: &Server, two: &Server) -> Command {
    let path = |name: &str| dir.join(name).display().to_string();
    write_sample(
        dir,
        "nginx-shards.conf",
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("/etc/ssl/guide.pem", &path("guide.pem")),
            ("/etc/ssl/guide.key", &path("guide.key")),
            ("127.0.0.1:8081", one.address()),
            ("127.0.0.1:8082", two.address()),
        ],
    );
    nginx_command(dir, "nginx-shards.conf")
}

#[actix::test]
async fn haproxy_brings_each_project_to_its_server_and_to_no_other() {
    each_project_has_its_server(haproxy).await;
}

#[actix::test]
async fn nginx_brings_each_project_to_its_server_and_to_no_other() {
    each_project_has_its_server(nginx).await;
}

async fn each_project_has_its_server(command: impl Fn(&Path, u16, &Server, &Server) -> Command) {
    let mut shards = Shards::start(command).await;
    paths_without_a_project_are_of_one_server(&shards).await;
    shards.ask(PROJECT, "say told by one").await.unwrap();
    let conversation = shards.ask(OTHER, "say told by two").await.unwrap();
    let kept = shards.list(OTHER).await;
    assert!(kept.status == 200 && kept.body.contains("told by two"), "{kept:?}");
    assert!(titles(&shards.one, "one", PROJECT).await.contains("told by one"));
    assert_eq!(titles(&shards.two, "two", OTHER).await, kept.body);
    // Who comes to the wrong server finds nothing.
    for nothing in
        [titles(&shards.one, "one", OTHER).await, titles(&shards.two, "two", PROJECT).await]
    {
        assert!(!nothing.contains("told by"), "{nothing}");
    }
    let detail = format!("/api/assistant/conversations/{OTHER}/{conversation}");
    let told = shards.shared(&detail).await;
    assert!(told.status == 200 && told.body.contains("told by two"), "{told:?}");

    shards.two.kill();
    who_is_down_is_missed(&shards, &detail).await;
    shards.two.launch_again();
    let again = eventually("the server is there again", async || {
        let answer = shards.list(OTHER).await;
        // Before, it is missed, and nobody answers for it.
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(again.body, kept.body);
    assert_eq!(shards.shared(&detail).await.body, told.body);
    shards.ask(OTHER, "say told later").await.unwrap();
    assert!(titles(&shards.two, "two", OTHER).await.contains("told later"));
}

async fn paths_without_a_project_are_of_one_server(shards: &Shards) {
    for path in [
        "/",
        "/api/projects",
        "/mcp",
        "/v1/models",
        "/api/v1/ask",
        "/api/me",
        "/p/nobodys",
        "/metrics",
    ] {
        assert_eq!(shards.shared(path).await.status, 404, "{path}");
    }
    assert_eq!(shards.get("elsewhere.example.org", "/p/demo").await.status, 404);
    for (project, name) in [(PROJECT, "one"), (OTHER, "two")] {
        let moved = shards.shared(&format!("/p/{project}/7?turn=3")).await;
        let there = format!("https://{name}.{HOST}/p/{project}/7?turn=3");
        assert_eq!((moved.status, moved.header("location")), (307, &*there));
        let page = shards.get(&format!("{name}.{HOST}"), &format!("/p/{project}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let script = page.body.split("src=\"").nth(1).and_then(|it| it.split('"').next()).unwrap();
        assert_eq!(shards.get(&format!("{name}.{HOST}"), script).await.status, 200, "{script}");
        let projects = shards.get(&format!("{name}.{HOST}"), "/api/projects").await;
        assert!(projects.status == 200 && projects.body.contains(project), "{projects:?}");
    }
}

/// Everything about the project of a server that is down, while the other goes on.
async fn who_is_down_is_missed(shards: &Shards, detail: &str) {
    for path in [
        &format!("/api/assistant/conversations/{OTHER}"),
        detail,
        &format!("/api/projects/{OTHER}/tree"),
        &format!("/api/assistant/search/{OTHER}?q=told"),
    ] {
        for _ in 0..3 {
            assert_eq!(shards.shared(path).await.status, 503, "{path}");
        }
    }
    let refused = shards.ask(OTHER, "say nobody tells").await.unwrap_err();
    assert!(matches!(&refused, Error::Http(it) if it.status().as_u16() == 503), "{refused}");
    let page = shards.get(&format!("two.{HOST}"), &format!("/p/{OTHER}")).await;
    assert_eq!(page.status, 503, "{page:?}");
    shards.ask(PROJECT, "say one goes on").await.unwrap();
    let others = shards.list(PROJECT).await;
    assert!(others.status == 200 && others.body.contains("one goes on"), "{others:?}");
}
