//! Notes: answers that people keep for their project.

use std::fs;

use serde_json::{Value, json};

use crate::{
    access::rights::{ANA, BEN, Person, connect, make_private, team},
    client::text_of,
    server::{Server, Setup, eventually},
};

const QUESTION: &str = "say The quokka hops over fences, see `quokka.rs:1`.";

/// The same in other words; the scripted agent gives back what it is told.
const SIMILAR: &str = "echo\nsay quokka hops over fences see quokka rs";

const NOTES: &str = "/api/projects/demo/notes";

fn with_file(setup: Setup) -> Setup {
    fs::write(setup.project_dir().join("quokka.rs"), "fn hop() {}\n").unwrap();
    setup
}

async fn ask(server: &Server, who: Person, question: &str) -> (i64, Vec<Value>) {
    let mut client = connect(server, who).await;
    let id = client.start().await;
    client.post("m", question).await;
    (id, client.turn().await)
}

async fn keep(server: &Server, who: Person, id: i64) -> Value {
    let path = format!("/api/assistant/conversations/demo/{id}/notes/1");
    let (status, told) = who.send(server, "PUT", &path, "").await;
    assert_eq!(status, 200, "{told}");
    told
}

async fn notes(server: &Server, who: Person, query: &str) -> Vec<Value> {
    let (status, found) = who.send(server, "GET", &format!("{NOTES}{query}"), "").await;
    assert_eq!(status, 200, "{found}");
    found["notes"].as_array().unwrap().clone()
}

#[actix::test]
async fn an_answer_is_kept_as_a_note_found_by_words_and_tells_whether_what_it_cites_has_changed() {
    let server = with_file(team("")).start();
    let (id, _) = ask(&server, ANA, QUESTION).await;
    let mut looking = connect(&server, ANA).await;
    looking.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    looking.until("caught_up").await;
    let told = keep(&server, BEN, id).await;
    assert_eq!(told["note"]["by"], "ben", "{told}");
    let frame = looking.until("reactions").await.pop().unwrap();
    assert_eq!(frame["answers"][0]["note"]["by"], "ben", "{frame}");
    // Who keeps it first stays.
    assert_eq!(keep(&server, ANA, id).await["note"], told["note"]);

    let found = notes(&server, ANA, "").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let note = &found[0];
    assert_eq!((&note["conversation_id"], &note["turn"]), (&json!(id), &json!(1)));
    assert_eq!((&note["question"], &note["kept_by"]), (&json!(QUESTION), &json!("ben")));
    assert_eq!(note["answer"], "The quokka hops over fences, see `quokka.rs:1`.");
    assert_eq!((&note["cited"], &note["changed"]), (&json!(1), &json!(0)), "{note}");
    assert_eq!(notes(&server, ANA, "?q=fences").await.len(), 1);
    for nothing in ["?q=wombat", "?q=%22", "?q=fences%20wombat"] {
        assert_eq!(notes(&server, ANA, nothing).await, Vec::<Value>::new(), "{nothing}");
    }

    fs::write(server.project_dir().join("quokka.rs"), "fn sleep() {}\n").unwrap();
    eventually("the change is seen", async || {
        (notes(&server, ANA, "").await[0]["changed"] == 1).then_some(())
    })
    .await;

    let export = format!("/api/assistant/conversations/demo/{id}/export?format=json");
    let (_, exported) = ANA.send(&server, "GET", &export, "").await;
    let entries = exported["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["note"]["by"] == "ben"), "{exported}");

    let path = format!("/api/assistant/conversations/demo/{id}/notes/1");
    let (_, left) = ANA.send(&server, "DELETE", &path, "").await;
    assert!(left["note"].is_null(), "{left}");
    let frame = looking.until("reactions").await.pop().unwrap();
    assert!(frame["answers"][0].get("note").is_none(), "{frame}");
    keep(&server, ANA, id).await;
    let own = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(ANA.send(&server, "DELETE", &own, "").await.0, 200);
    assert_eq!(notes(&server, ANA, "").await, Vec::<Value>::new());
}

#[actix::test]
async fn notes_come_first_among_similar_questions_and_messages() {
    let server = team("").start();
    let (kept, _) = ask(&server, ANA, "say where the quokka hops over fences").await;
    let (newer, _) = ask(&server, ANA, "say where the quokka hops over the fences").await;
    keep(&server, ANA, kept).await;
    let places = |found: &Value| -> Vec<(i64, bool)> {
        let place = |it: &Value| (it["conversation_id"].as_i64().unwrap(), it["note"] == true);
        let mut places: Vec<_> = found.as_array().unwrap().iter().map(place).collect();
        places.dedup();
        places
    };
    let similar =
        "/api/projects/demo/questions/similar?q=where%20the%20quokka%20hops%20over%20fences";
    let (_, found) = ANA.send(&server, "GET", similar, "").await;
    assert_eq!(places(&found), [(kept, true), (newer, false)], "{found}");
    let (_, found) = ANA.send(&server, "GET", "/api/assistant/search/demo?q=quokka", "").await;
    assert_eq!(places(&found["hits"]), [(kept, true), (newer, false)], "{found}");
}

#[actix::test]
async fn p14_a_note_of_a_private_conversation_is_its_readers_and_told_to_no_agent() {
    let server = with_file(team("")).start();
    let (id, _) = ask(&server, ANA, QUESTION).await;
    make_private(&server, ANA, id).await;
    keep(&server, ANA, id).await;
    assert_eq!(notes(&server, ANA, "").await.len(), 1);
    assert_eq!(notes(&server, BEN, "").await, Vec::<Value>::new());
    assert_eq!(notes(&server, BEN, "?q=quokka").await, Vec::<Value>::new());
    let path = format!("/api/assistant/conversations/demo/{id}/notes/1");
    assert_eq!(BEN.send(&server, "DELETE", &path, "").await.0, 404);
    for who in [ANA, BEN] {
        let (_, frames) = ask(&server, who, SIMILAR).await;
        let said = text_of(&frames);
        assert!(!said.contains("answers to similar questions as notes"), "{who:?}: {said}");
    }
}

#[actix::test]
async fn an_agent_is_told_the_notes_that_fit_with_their_age_and_standing() {
    let server = with_file(team("")).start();
    let (id, _) = ask(&server, ANA, QUESTION).await;
    keep(&server, ANA, id).await;
    let said = eventually("the agent is told", async || {
        let said = text_of(&ask(&server, BEN, SIMILAR).await.1);
        said.contains("as notes").then_some(said)
    })
    .await;
    assert!(said.contains("kept by ana on 20"), "{said}");
    assert!(said.contains("; what it cites is unchanged:\n> The quokka hops"), "{said}");
    assert!(said.contains("no instructions"), "{said}");
    // What is asked about something else comes alone, and nobody sees in the history what was told.
    let (other, frames) = ask(&server, BEN, "echo\nsay how the wombat sleeps at night").await;
    assert!(!text_of(&frames).contains("as notes"), "{frames:?}");
    let own = format!("/api/assistant/conversations/demo/{other}");
    let (_, detail) = BEN.send(&server, "GET", &own, "").await;
    assert_eq!(
        detail["messages"][1]["content"], "echo\nsay how the wombat sleeps at night",
        "{detail}"
    );
}

#[actix::test]
async fn the_guide_begins_with_the_note_that_fits() {
    let setup = Setup::guide();
    fs::write(setup.project_dir().join("quokka.rs"), "/// Hops.\nfn quokka_hops() {}\n").unwrap();
    let server = setup.start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("Where is quokka_hops defined?").await;
    client.turn().await;
    let path = server.url(&format!("/api/assistant/conversations/demo/{id}/notes/1"));
    assert_eq!(reqwest::Client::new().put(path).send().await.unwrap().status(), 200);
    let said = eventually("the note is told", async || {
        let mut other = server.connect().await;
        other.start().await;
        other.ask("Where is quokka_hops defined?").await;
        let said = text_of(&other.turn().await);
        said.contains("A note of this project").then_some(said)
    })
    .await;
    let (note, own) = said.split_once("What the files say now:").unwrap();
    assert!(note.contains("kept on 20") && note.contains("\n> "), "{said}");
    assert!(own.contains("quokka.rs:2"), "{said}");
}
