//! Files of questions: sent, named by a question, told in the history, shown, and refused.

mod agents;
mod attack;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    screen::Screen,
    server::{DEADLINE, Gate, Server, Setup},
};

/// The header of a PNG of this size and some of its rest.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend(b"\x08\x06\0\0\0\0\0\0\0");
    bytes
}

fn path(conversation: i64) -> String {
    format!("/api/assistant/conversations/demo/{conversation}/attachments")
}

/// Sends a file; gives the status and the answer.
pub async fn send(
    server: &Server,
    conversation: i64,
    name: &str,
    bytes: impl Into<reqwest::Body>,
) -> (u16, Value) {
    let url = server.url(&path(conversation));
    let url = reqwest::Url::parse_with_params(&url, [("name", name)]).unwrap();
    let request = reqwest::Client::new().post(url).timeout(DEADLINE).body(bytes);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Sends a file that is taken; gives its id.
pub async fn sent(server: &Server, conversation: i64, name: &str, bytes: &[u8]) -> String {
    let (status, file) = send(server, conversation, name, bytes.to_vec()).await;
    assert_eq!(status, 201, "{file}");
    file["id"].as_str().unwrap().to_owned()
}

pub async fn ask(client: &mut Client, message_id: &str, content: &str, ids: &[&str]) {
    let frame = json!({"type": "message", "message_id": message_id, "content": content,
        "attachments": ids});
    client.send(frame).await;
}

/// The file with its headers.
async fn get(server: &Server, conversation: i64, id: &str) -> reqwest::Response {
    let url = server.url(&format!("{}/{id}", path(conversation)));
    reqwest::Client::new().get(url).timeout(DEADLINE).send().await.unwrap()
}

#[actix::test]
async fn p1_a_file_comes_with_its_question_in_the_history_and_is_shown() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.begin().await;
    let (status, image) = send(&server, id, "C:\\pics\\Bild ü.png", png(640, 480)).await;
    assert_eq!(status, 201);
    let keys: Vec<_> = image.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "name", "type", "bytes", "width", "height"]);
    assert_eq!((&image["name"], &image["type"]), (&json!("Bild ü.png"), &json!("image/png")));
    let (_, log) = send(&server, id, "log.txt", "it broke\n").await;
    let ids = [&image, &log].map(|file| file["id"].as_str().unwrap());
    ask(&mut client, "m1", "say seen", &ids).await;
    let frames = client.turn().await;
    let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
    assert_eq!(asked["attachments"], json!([image, log]));
    // A viewer that comes later is told the same.
    let (_late, entered) = server.enter(id, json!(null)).await;
    let told = entered.iter().find(|frame| frame["type"] == "user_message").unwrap();
    assert_eq!(told["attachments"], json!([image, log]));

    let shown = get(&server, id, ids[0]).await;
    let header = |name: &str| shown.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").ends_with("; sandbox"), "{shown:?}");
    let saved = header("content-disposition");
    assert_eq!(saved, "inline; filename=\"Bild _.png\"; filename*=UTF-8''Bild%20%C3%BC.png");
    assert_eq!(shown.bytes().await.unwrap(), png(640, 480));
    let shown = get(&server, id, ids[1]).await;
    assert_eq!(shown.headers()["content-type"], "text/plain; charset=UTF-8");
    assert_eq!(shown.text().await.unwrap(), "it broke\n");
}

#[actix::test]
async fn the_limits_are_told_and_kept() {
    let server = Setup::scripted()
        .config(
            "[attachments]\ncount = 2\nfile_bytes = 100\nquestion_bytes = 150\n\
             conversation_bytes = 400\nimage_side = 50\n",
        )
        .start();
    let mut client = server.connect().await;
    let id = client.begin().await;
    let (_late, entered) = server.enter(id, json!(null)).await;
    let limits = json!({"count": 2, "file_bytes": 100, "question_bytes": 150});
    assert_eq!(entered[0]["attachments"], limits);
    let (status, refused) = send(&server, id, "a", "x".repeat(101)).await;
    assert_eq!(status, 413, "{refused}");
    let (status, refused) = send(&server, id, "a.png", png(51, 5)).await;
    assert!(status == 413 && refused["detail"].as_str().unwrap().contains("51 × 5"), "{refused}");
    let ids = [
        sent(&server, id, "a", "a".repeat(90).as_bytes()).await,
        sent(&server, id, "b", "b".repeat(90).as_bytes()).await,
        sent(&server, id, "c", b"c").await,
    ];
    for (ids, words) in [
        (vec![&ids[0], &ids[1]], "attachments.question_bytes"),
        (vec![&ids[0], &ids[1], &ids[2]], "attachments.count"),
    ] {
        let ids: Vec<_> = ids.into_iter().map(String::as_str).collect();
        ask(&mut client, "m", "say no", &ids).await;
        let refused = client.until("error").await.pop().unwrap();
        assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("m"), &json!(false)));
        assert!(refused["content"].as_str().unwrap().contains(words), "{refused}");
    }
    ask(&mut client, "m", "say yes", &[&ids[0], &ids[2]]).await;
    assert_eq!(text_of(&client.turn().await), "yes");
    let (status, _) = send(&server, id, "d", "d".repeat(100)).await;
    assert_eq!(status, 201);
    let (status, _) = send(&server, id, "e", "e".repeat(100)).await;
    assert_eq!(status, 201);
    let (status, refused) = send(&server, id, "f", "f".repeat(100)).await;
    assert_eq!(status, 429);
    assert!(refused["detail"].as_str().unwrap().contains("conversation_bytes"), "{refused}");
}

#[actix::test]
async fn a_server_that_takes_none_says_so() {
    let server = Setup::scripted().config("[attachments]\ncount = 0\n").start();
    let id = server.connect().await.begin().await;
    let (status, refused) = send(&server, id, "a", "x").await;
    assert_eq!(status, 403);
    assert!(refused["detail"].as_str().unwrap().contains("attachments.count"), "{refused}");
}

#[actix::test]
async fn p3_a_question_keeps_its_files_in_the_queue_through_a_crash_and_when_it_is_sent_again() {
    let mut server = Server::start();
    let gate = Gate::new(&server);
    let mut client = server.connect().await;
    let id = client.begin().await;
    let file = sent(&server, id, "log.txt", b"it broke").await;
    client.post("first", &gate.script()).await;
    client.until("accepted").await;
    for _ in 0..2 {
        ask(&mut client, "second", "say found", &[&file]).await;
        let accepted = client.until("accepted").await.pop().unwrap();
        assert_eq!(accepted["turn"], 2);
    }
    server.crash();
    gate.open();
    let mut client = server.connect().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    while screen.ends() < 3 {
        screen.show(&[client.frame().await]);
    }
    let asked: Vec<_> = screen.entries.iter().filter(|it| it.turn == 2).collect();
    let files: Vec<_> = asked.iter().filter_map(|it| it.fields.get("attachments")).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0][0]["id"], json!(file));
    assert_eq!(get(&server, id, &file).await.text().await.unwrap(), "it broke");
    // Asked again, the question has them again; in another conversation it has copies.
    client.send(json!({"type": "retry", "turn": 2, "message_id": "again"})).await;
    let frames = client.until("user_message").await;
    assert_eq!(frames.last().unwrap()["attachments"], *files[0]);
    client.turn().await;
    let mut other = server.connect().await;
    let there = other.begin().await;
    other.enter(there, json!(null)).await;
    let onward = json!({"type": "retry", "turn": 2, "conversation_id": id, "message_id": "on"});
    other.send(onward).await;
    let frames = other.until("user_message").await;
    let copy = &frames.last().unwrap()["attachments"][0];
    assert_eq!((&copy["name"], &copy["bytes"]), (&json!("log.txt"), &json!(8)));
    assert_ne!(copy["id"], json!(file));
    let copied = get(&server, there, copy["id"].as_str().unwrap()).await;
    assert_eq!(copied.text().await.unwrap(), "it broke");
}

#[actix::test]
async fn files_go_with_their_conversation_and_stand_in_its_export() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.begin().await;
    let file = sent(&server, id, "log.txt", b"it broke").await;
    ask(&mut client, "m", "say found", &[&file]).await;
    client.turn().await;
    let export = format!("/api/assistant/conversations/demo/{id}/export");
    let (_, markdown) = server.get(&export).await;
    assert!(markdown.as_str().unwrap().contains("*Attached: log.txt, 8 bytes*"), "{markdown}");
    let (_, exported) = server.get(&format!("{export}?format=json")).await;
    let entries = exported["entries"].as_array().unwrap();
    let asked = entries.iter().find(|entry| entry["kind"] == "user_message").unwrap();
    assert_eq!(asked["payload"]["attachments"][0]["id"], json!(file));
    let content = &exported["attachments"][&file];
    assert_eq!(content, "aXQgYnJva2U=");

    let conversation = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(server.request(Method::DELETE, &conversation).await.0, 200);
    assert_eq!(get(&server, id, &file).await.status(), StatusCode::NOT_FOUND);
    let left: i64 = server
        .database()
        .query_row("SELECT count(*) FROM attachments", (), |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}
