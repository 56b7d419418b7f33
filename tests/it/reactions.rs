//! What people say of answers: useful or wrong, with a word why.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    access::rights::{ADMINISTRATOR, ANA, BEN, CEM, Person, connect, make_private, team},
    client::{Client, types_of},
    server::{Server, eventually},
};

fn path(id: i64, turn: i64) -> String {
    format!("/api/assistant/conversations/demo/{id}/reactions/{turn}")
}

/// Says something of an answer; gives what the person is told.
async fn react(server: &Server, who: Person, id: i64, reaction: Value) -> Value {
    let (status, told) = who.send(server, "PUT", &path(id, 1), &reaction.to_string()).await;
    assert_eq!(status, 200, "{told}");
    told
}

/// The state of the first answer that a client is told next.
async fn told(client: &mut Client) -> Value {
    let frame = client.until("reactions").await.pop().unwrap();
    assert_eq!(frame["answers"].as_array().unwrap().len(), 1, "{frame}");
    frame["answers"][0].clone()
}

/// A conversation of Ana with an answer.
async fn answered(server: &Server) -> (Client, i64) {
    let mut client = connect(server, ANA).await;
    let id = client.start().await;
    client.post("m", "say The quokka hops.").await;
    client.turn().await;
    (client, id)
}

/// Attaches to a conversation from its beginning.
async fn entered(server: &Server, who: Person, id: i64) -> Client {
    let mut client = connect(server, who).await;
    client.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    client.until("caught_up").await;
    client
}

#[actix::test]
async fn a_reaction_is_kept_for_each_person_shown_to_everybody_changed_and_withdrawn() {
    let server = team("").start();
    let (mut ana, id) = answered(&server).await;
    let mine = react(&server, ANA, id, json!({ "verdict": "useful" })).await;
    assert_eq!(
        mine,
        json!({ "turn": 1, "useful": 1, "wrong": 0, "mine": { "verdict": "useful" } })
    );
    assert_eq!(told(&mut ana).await, mine);

    // Another person, in another browser, while the first one looks.
    let wrong = json!({ "verdict": "wrong", "why": " it\nsleeps\u{7} <b>now</b> " });
    let bens = react(&server, BEN, id, wrong).await;
    assert_eq!((&bens["useful"], &bens["wrong"]), (&json!(1), &json!(1)), "{bens}");
    assert_eq!(bens["mine"]["why"], "it sleeps <b>now</b>");
    let seen = told(&mut ana).await;
    assert_eq!(seen["mine"]["verdict"], "useful", "{seen}");
    assert_eq!(seen["reasons"][0]["user"], "ben", "{seen}");

    // Changed, not added; and who comes later is told how it stands.
    react(&server, ANA, id, json!({ "verdict": "wrong" })).await;
    assert_eq!(told(&mut ana).await["wrong"], 2);
    let mut cem = entered(&server, CEM, id).await;
    let late = told(&mut cem).await;
    assert_eq!(
        (&late["useful"], &late["wrong"], &late["mine"]),
        (&json!(0), &json!(2), &Value::Null)
    );
    let list = format!("/api/assistant/conversations/demo/{id}/reactions");
    assert_eq!(CEM.send(&server, "GET", &list, "").await.1, json!([late]));

    for who in [ANA, BEN, BEN] {
        let (status, left) = who.send(&server, "DELETE", &path(id, 1), "").await;
        assert_eq!((status.as_u16(), &left["mine"]), (200, &Value::Null), "{left}");
    }
    loop {
        let seen = told(&mut cem).await;
        if seen == json!({ "turn": 1, "useful": 0, "wrong": 0 }) {
            break;
        }
    }
    assert_eq!(CEM.send(&server, "GET", &list, "").await.1, json!([]));
}

#[actix::test]
async fn reactions_leave_the_numbered_history_and_legacy_clients_alone() {
    let server = team("").start();
    let (mut ana, id) = answered(&server).await;
    let mut legacy = connect(&server, BEN).await;
    legacy.send(json!({ "type": "start", "conversation_id": id })).await;
    legacy.until("response_done").await;
    react(&server, BEN, id, json!({ "verdict": "useful" })).await;
    assert!(told(&mut ana).await.get("seq").is_none());
    ana.post("n", "say more").await;
    let frames = ana.turn().await;
    let numbers: Vec<_> = frames
        .iter()
        .filter(|it| it["type"] != "accepted")
        .filter_map(|it| it["seq"].as_i64())
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]), "{frames:?}");
    let frames = legacy.turn().await;
    assert!(!types_of(&frames).contains(&"reactions"), "{frames:?}");
}

#[actix::test]
async fn where_users_are_not_known_each_browser_is_a_person() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say yes").await;
    client.turn().await;
    let useful = json!({ "verdict": "useful" });
    let mut counts = Vec::new();
    for browser in [0, 0, 1] {
        let cookie = format!("cicerone-browser=00000000-0000-4000-8000-00000000000{browser}");
        let request = reqwest::Client::new().put(server.url(&path(id, 1))).json(&useful);
        let answer = request.header("cookie", cookie).send().await.unwrap();
        let told: Value = answer.json().await.unwrap();
        counts.push(told["useful"].as_i64().unwrap());
    }
    assert_eq!(counts, [1, 1, 2]);
    // One that is not known yet becomes known.
    let new = reqwest::Client::new().put(server.url(&path(id, 1))).json(&useful).send().await;
    let cookie = new.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("cicerone-browser="), "{cookie}");
    let (_, exported) =
        server.get(&format!("/api/assistant/conversations/demo/{id}/export?format=json")).await;
    assert!(!exported.to_string().contains("0000-4000"), "a browser's id is its own: {exported}");
}

#[actix::test]
async fn only_an_answer_that_has_ended_takes_a_reaction_of_bounded_length() {
    let server = team("").start();
    let (_ana, id) = answered(&server).await;
    let send = async |turn: i64, body: &str| {
        let (status, told) = ANA.send(&server, "PUT", &path(id, turn), body).await;
        (status.as_u16(), told["detail"].as_str().unwrap_or_default().to_owned())
    };
    for turn in [0, 2, -1] {
        assert_eq!(send(turn, r#"{"verdict":"useful"}"#).await.0, 404, "turn {turn}");
    }
    let long = json!({ "verdict": "wrong", "why": "x".repeat(281) }).to_string();
    let (status, detail) = send(1, &long).await;
    assert!(status == 422 && detail.contains("at most 280"), "{status} {detail}");
    for bad in [r#"{"verdict":"great"}"#, "{}", r#"{"why":"x"}"#] {
        assert_eq!(send(1, bad).await.0, 422, "{bad}");
    }
    let odd = ANA.send(&server, "DELETE", &path(id, 1).replace("/1", "/x"), "").await;
    assert_eq!(odd.0, 422, "{odd:?}");
}

/// Waits for a line of the metrics.
async fn metric(server: &Server, line: &str) {
    eventually(line, async || {
        let mut request = reqwest::Client::new().get(server.url("/metrics"));
        for (name, value) in ADMINISTRATOR.headers() {
            request = request.header(name, value);
        }
        request.send().await.unwrap().text().await.unwrap().contains(line).then_some(())
    })
    .await;
}

#[actix::test]
async fn reactions_are_in_exports_counts_and_lists_for_admins_and_go_with_their_conversation() {
    let server = team("").start();
    let (_first, open) = answered(&server).await;
    let (_second, hidden) = answered(&server).await;
    make_private(&server, ANA, hidden).await;
    react(&server, ANA, open, json!({ "verdict": "useful" })).await;
    react(&server, BEN, open, json!({ "verdict": "wrong", "why": "it *sleeps*" })).await;
    react(&server, ANA, hidden, json!({ "verdict": "wrong", "why": "a secret" })).await;

    let export =
        |format| format!("/api/assistant/conversations/demo/{open}/export?format={format}");
    let (_, exported) = ANA.send(&server, "GET", &export("json"), "").await;
    let entries = exported["entries"].as_array().unwrap();
    let of_end = entries.iter().find_map(|entry| entry["reactions"].as_array()).unwrap();
    let said: Vec<_> = of_end.iter().map(|it| (&it["user"], &it["verdict"])).collect();
    assert_eq!(said, [(&json!("ana"), &json!("useful")), (&json!("ben"), &json!("wrong"))]);
    let mut request = reqwest::Client::new().request(Method::GET, server.url(&export("md")));
    for (name, value) in ANA.headers() {
        request = request.header(name, value);
    }
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("- ana finds it useful\n- ben finds it wrong: it *sleeps*\n"), "{text}");

    let (_, told) = ADMINISTRATOR.send(&server, "GET", "/api/admin/reactions", "").await;
    assert_eq!((&told["useful"], &told["wrong"]), (&json!(1), &json!(2)), "{told}");
    let wrong = told["wrong_answers"].as_array().unwrap();
    assert_eq!(wrong.len(), 1, "what is private is counted and not told: {told}");
    assert_eq!((&wrong[0]["why"], &wrong[0]["user"]), (&json!("it *sleeps*"), &json!("ben")));
    assert_eq!(wrong[0]["question"], "say The quokka hops.");
    metric(&server, "cicerone_reactions{verdict=\"wrong\"} 2\n").await;

    let own = format!("/api/assistant/conversations/demo/{open}");
    assert_eq!(ANA.send(&server, "DELETE", &own, "").await.0, 200);
    metric(&server, "cicerone_reactions{verdict=\"wrong\"} 1\n").await;
    metric(&server, "cicerone_reactions{verdict=\"useful\"} 0\n").await;
    assert_eq!(ANA.send(&server, "GET", &format!("{own}/reactions"), "").await.0, 404);
}
