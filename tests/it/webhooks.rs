//! Webhooks: what other servers are told, signed, again and within bounds.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    access::rights::{ANA, connect, make_private, team},
    docs,
    server::{DEADLINE, Server, Setup, eventually, free_port},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A request that came.
struct Request {
    headers: HashMap<String, String>,
    body: String,
}

/// A server that notes what it is sent.
struct Receiving {
    address: String,
    requests: Receiver<Request>,
}

impl Receiving {
    /// Answers with these statuses in turn, and with the last of them from then on.
    fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let mut statuses = statuses.to_vec();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] };
                if sender.send(take(stream, status)).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(DEADLINE).expect("no request came")
    }
}

fn take(mut stream: TcpStream, status: u16) -> Request {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut headers = HashMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length: usize = headers["content-length"].parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
    Request { headers, body: String::from_utf8(body).unwrap() }
}

impl Request {
    /// The event, once its signature is checked.
    fn event(&self) -> Value {
        let header = |name: &str| self.headers[name].as_str();
        let signed =
            format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), self.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), expected);
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The table `webhooks`; writes the file with the secret.
fn table(dir: &Path, urls: &[&str]) -> String {
    let file = dir.join("webhook.secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    format!("[webhooks]\nurls = {urls:?}\nsecret_file = {file:?}\n")
}

fn scripted(urls: &[&str]) -> Server {
    let setup = Setup::scripted();
    let config = table(setup.files_dir(), urls);
    setup.config(&config).start()
}

#[actix::test]
async fn an_answer_is_told_once_it_has_ended_and_again_until_it_is_taken() {
    let receiving = Receiving::start(&[503, 204]);
    let server = scripted(&[&receiving.address]);
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say It is **here**.").await;
    client.turn().await;
    let (first, second) = (receiving.next(), receiving.next());
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
    let event = second.event();
    assert_eq!(event["type"], "answered");
    let data = &event["data"];
    assert_eq!(data["answer"], "It is **here**.");
    assert_eq!(data["question"], "say It is **here**.");
    assert_eq!((&data["outcome"], &data["conversation_id"]), (&json!("completed"), &json!(id)));
    assert_eq!(data["link"], format!("/p/demo/{id}#turn-{}", data["turn"]));
    client.ask("error no luck").await;
    client.turn().await;
    assert_eq!(receiving.next().event()["data"]["outcome"], "error");
}

#[actix::test]
async fn what_is_wrong_is_told_with_who_says_so_and_a_private_conversation_is_not() {
    let receiving = Receiving::start(&[200]);
    let files = tempfile::tempdir().unwrap();
    let server = team(&table(files.path(), &[&receiving.address])).start();
    let mut ana = connect(&server, ANA).await;
    let hidden = ana.start().await;
    make_private(&server, ANA, hidden).await;
    ana.ask("say hidden").await;
    ana.turn().await;
    let mut ana = connect(&server, ANA).await;
    let id = ana.start().await;
    ana.ask("say open").await;
    ana.turn().await;
    let answered = receiving.next().event();
    assert_eq!(answered["data"]["answer"], "open", "{answered}");
    assert_eq!(answered["data"]["user"], "ana");
    let turn = &answered["data"]["turn"];
    for (conversation, why) in [(hidden, "secret"), (id, "it is elsewhere")] {
        let path = format!("/api/assistant/conversations/demo/{conversation}/reactions/{turn}");
        let body = json!({"verdict": "wrong", "why": why}).to_string();
        assert_eq!(ANA.send(&server, "PUT", &path, &body).await.0, 200);
    }
    let wrong = receiving.next().event();
    assert_eq!((&wrong["type"], &wrong["data"]["user"]), (&json!("wrong"), &json!("ana")));
    assert_eq!(wrong["data"]["why"], "it is elsewhere");
}

#[actix::test]
async fn a_budget_that_is_used_up_is_told_once() {
    let receiving = Receiving::start(&[200]);
    let setup = Setup::scripted();
    let config = format!(
        "{}events = [\"budget_reached\", \"wrong\"]\n[budgets]\nproject_tokens = 1\n",
        table(setup.files_dir(), &[&receiving.address])
    );
    let server = setup.config(&config).start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say one").await;
    let turn = client.turn().await.last().unwrap()["turn"].clone();
    for message in ["m2", "m3"] {
        client.post(message, "say two").await;
        client.until("error").await;
    }
    let told = receiving.next().event();
    assert_eq!(told["type"], "budget_reached");
    assert!(told["data"]["message"].as_str().unwrap().contains("is used up"), "{told}");
    // The next event is another one.
    let path = server.url(&format!("/api/assistant/conversations/demo/{id}/reactions/{turn}"));
    let reaction = reqwest::Client::new().put(path).json(&json!({"verdict": "wrong"}));
    assert!(reaction.send().await.unwrap().status().is_success());
    assert_eq!(receiving.next().event()["type"], "wrong");
}

#[actix::test]
async fn a_receiver_that_never_answers_delays_nobody() {
    // It accepts connections into its backlog and reads nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let other = Receiving::start(&[204]);
    let server = scripted(&[&url, &other.address]);
    let mut client = server.connect().await;
    client.start().await;
    for number in 0..5 {
        client.ask(&format!("say {number}")).await;
        client.turn().await;
        assert_eq!(other.next().event()["data"]["answer"], number.to_string());
    }
}

#[actix::test]
async fn a_receiver_that_refuses_is_asked_once_and_redirects_lead_nowhere() {
    for status in [400, 302, 410] {
        let receiving = Receiving::start(&[status]);
        let server = scripted(&[&receiving.address]);
        let mut client = server.connect().await;
        client.start().await;
        client.ask("say one").await;
        client.turn().await;
        receiving.next();
        eventually("the event is dropped", async || {
            let metrics = reqwest::get(server.url("/metrics")).await.ok()?.text().await.ok()?;
            metrics.contains("cicerone_webhook_events_total{result=\"dropped\"} 1").then_some(())
        })
        .await;
        assert!(receiving.requests.recv_timeout(Duration::from_millis(1)).is_err());
    }
}

#[test]
fn webhooks_without_a_secret_are_refused_in_words() {
    let (status, words) =
        Setup::guide().config("[webhooks]\nurls = [\"http://127.0.0.1:9\"]\n").fail();
    assert_eq!(status.code(), Some(2));
    assert!(words.contains("`webhooks.secret_file` is not"), "{words}");
    for bad in ["urls = [\"ftp://x\"]", "events = [\"all\"]"] {
        let (status, words) = Setup::guide().config(&format!("[webhooks]\n{bad}\n")).fail();
        assert_eq!(status.code(), Some(2), "{words}");
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[actix::test]
async fn the_bot_of_the_docs_posts_answers_and_refuses_what_others_send() {
    let room = Receiving::start(&[200]);
    let port = free_port();
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("bot.py");
    std::fs::write(&program, docs::program("bot.py")).unwrap();
    let bot = Command::new("python3")
        .arg(&program)
        .arg(port.to_string())
        .env("SECRET", SECRET)
        .env("ROOM", &room.address)
        .env("SITE", "https://guide.example.org")
        .stderr(Stdio::null())
        .spawn();
    let _bot = Running(bot.unwrap());
    let address = format!("http://127.0.0.1:{port}");
    let forged = eventually("the bot answers", async || {
        let request = reqwest::Client::new().post(&address).header("webhook-id", "1");
        let request = request.header("webhook-timestamp", "1").header("webhook-signature", "v1,x");
        Some(request.body("{}").send().await.ok()?.status())
    })
    .await;
    assert_eq!(forged, 403);
    let server = scripted(&[&address]);
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say It is here.").await;
    client.turn().await;
    let posted: Value = serde_json::from_str(&room.next().body).unwrap();
    let text = posted["text"].as_str().unwrap();
    assert!(text.starts_with("*say It is here.*\nIt is here.\n"), "{text}");
    assert!(text.contains(&format!("https://guide.example.org/p/demo/{id}#turn-")), "{text}");
}
