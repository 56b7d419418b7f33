//! A private conversation is nowhere for others, and what is withdrawn is gone at once.

use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{Gate, Server, Setup},
};

use super::rights::{ADMINISTRATOR, ANA, BEN, CEM, Person, connect, make_private, team};

const LIST: &str = "/api/assistant/conversations/demo";

const NOTHING: [Vec<i64>; 3] = [vec![], vec![], vec![]];

/// A conversation in which somebody has asked after a marker.
async fn ask(server: &Server, who: Person, marker: &str) -> (Client, i64) {
    let mut client = connect(server, who).await;
    let id = client.start().await;
    client.ask(&format!("say {marker} is parsed here")).await;
    client.turn().await;
    (client, id)
}

async fn ids(server: &Server, who: Person, path: &str, key: &str) -> Vec<i64> {
    let (status, found) = who.send(server, "GET", path, "").await;
    assert_eq!(status, 200, "{found}");
    let found = found["hits"].as_array().or(found.as_array()).cloned().unwrap();
    let mut ids: Vec<i64> = found.iter().map(|it| it[key].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The ids of conversations of which somebody is told, and everything that the paths told.
async fn told(server: &Server, who: Person) -> [Vec<i64>; 3] {
    [
        ids(server, who, LIST, "id").await,
        ids(server, who, "/api/assistant/search/demo?q=quokka", "conversation_id").await,
        ids(
            server,
            who,
            "/api/projects/demo/questions/similar?q=say+quokka+is+parsed",
            "conversation_id",
        )
        .await,
    ]
}

#[actix::test]
async fn p14_a_private_conversation_is_in_no_list_of_others() {
    let server = team("default_visibility = \"private\"\n").start();
    let (_ana, id) = ask(&server, ANA, "quokka").await;
    assert_eq!(told(&server, ANA).await, [vec![id], vec![id], vec![id]]);
    for other in [BEN, ADMINISTRATOR] {
        assert_eq!(told(&server, other).await, NOTHING, "{other:?}");
    }
    let (_, session) = BEN.send(&server, "GET", "/api/assistant/sessions/demo", "").await;
    assert_eq!(session["conversation_id"], Value::Null, "{session}");
    // An admin sees that it is there, whose it is and what it costs, and not what it is about.
    let (_, sessions) = ADMINISTRATOR.send(&server, "GET", "/api/admin/sessions", "").await;
    let live = &sessions[0]["conversations"][0];
    assert_eq!((&live["conversation_id"], &live["owner"]), (&json!(id), &json!("ana")), "{live}");
    assert_eq!((&live["visibility"], &live["title"]), (&json!("private"), &Value::Null), "{live}");

    let reading = team("default_visibility = \"private\"\nadmins_read = true\n").start();
    let (_ana, id) = ask(&reading, ANA, "quokka").await;
    assert_eq!(told(&reading, ADMINISTRATOR).await[0], [id]);
    let (_, sessions) = ADMINISTRATOR.send(&reading, "GET", "/api/admin/sessions", "").await;
    let title = sessions[0]["conversations"][0]["title"].as_str().unwrap();
    assert!(title.starts_with("say quokka"), "{title}");
}

#[actix::test]
async fn p14_a_server_without_tokens_has_no_admin_who_reads_what_is_private() {
    let server = Setup::scripted()
        .config(
            "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n\
             [team]\ndefault_visibility = \"private\"\nadmins_read = true\n",
        )
        .start();
    let without = |user| Person { token: None, user };
    let (_ana, id) = ask(&server, without(Some("ana")), "quokka").await;
    for other in [without(Some("ben")), without(None)] {
        assert_eq!(told(&server, other).await, NOTHING, "{other:?}");
        let (status, _) = other.send(&server, "DELETE", &format!("{LIST}/{id}"), "").await;
        assert_eq!(status, 404, "{other:?}");
    }
    assert_eq!(told(&server, without(Some("ana"))).await[0], [id]);
}

/// Follows the list; gives the first update.
async fn follow(server: &Server, who: Person, at: Value) -> (Client, Value) {
    let mut client = connect(server, who).await;
    client.send(json!({ "type": "start", "protocol": 1, "list": at })).await;
    let first = client.until("list").await.pop().unwrap();
    (client, first)
}

/// The next changes of the list up to one of this conversation: the ids before it, and its row.
async fn changes_until(client: &mut Client, id: i64) -> (Vec<i64>, Value) {
    let mut before = Vec::new();
    loop {
        let update = client.until("list").await.pop().unwrap();
        for change in update["changes"].as_array().cloned().unwrap_or_default() {
            match change["id"].as_i64().unwrap() {
                found if found == id => return (before, change["conversation"].clone()),
                other => before.push(other),
            }
        }
    }
}

#[actix::test]
async fn p14_the_live_list_tells_nothing_of_what_is_private() {
    let server = team("default_visibility = \"private\"\n").start();
    let (mut ben, _) = follow(&server, BEN, json!(true)).await;
    let gate = Gate::new(&server);
    let mut ana = connect(&server, ANA).await;
    let private = ana.start().await;
    ana.ask(&format!("say secret\n{}\nsay more", gate.script())).await;
    ana.until("user_message").await;
    // One who comes now is not told that an answer is being written either.
    let (_late, first) = follow(&server, BEN, json!(true)).await;
    assert_eq!(first["reset"], true);
    assert!(first.get("answering").is_none(), "{first}");
    gate.open();
    ana.turn().await;
    let (status, _) = ANA.send(&server, "DELETE", &format!("{LIST}/{private}"), "").await;
    assert_eq!(status, 200);
    let (_ben, open) = ask(&server, Person { user: None, ..BEN }, "something open").await;
    let (before, row) = changes_until(&mut ben, open).await;
    assert!(!before.contains(&private), "{before:?}");
    assert_eq!(row["id"], open);
}

#[actix::test]
async fn p14_what_becomes_private_is_closed_to_others_at_once_and_gone_from_their_lists() {
    let server = team("").start();
    let (mut ana, id) = ask(&server, ANA, "quokka").await;
    let (mut follower, first) = follow(&server, BEN, json!(true)).await;
    let mut reader = connect(&server, BEN).await;
    reader.enter(id, json!(null)).await;
    let gate = Gate::new(&server);
    ana.ask(&format!("say begun\n{}\nsay secret", gate.script())).await;
    reader.until("text").await;

    make_private(&server, ANA, id).await;
    let (frames, code, reason) = reader.until_closed().await;
    assert_eq!((code, reason.as_str()), (4404, "the conversation is private now"));
    assert!(frames.last().unwrap().contains("The conversation is private now."), "{frames:?}");
    gate.open();
    let rest = ana.turn().await;
    assert!(crate::client::text_of(&rest).contains("secret"), "its owner goes on reading");
    assert!(!frames.iter().any(|frame| frame.contains("secret")), "{frames:?}");
    // Rows that were told before it became private come first.
    while !changes_until(&mut follower, id).await.1.is_null() {}
    // Who was away at that moment reads the list anew.
    let (_back, again) = follow(&server, BEN, first["at"].clone()).await;
    assert_eq!(again["reset"], true, "{again}");
    assert_eq!(told(&server, BEN).await[0], Vec::<i64>::new());

    let open = r#"{"visibility":"team"}"#;
    ANA.send(&server, "PUT", &format!("{LIST}/{id}/visibility"), open).await;
    assert_eq!(told(&server, BEN).await[0], [id]);
}

#[actix::test]
async fn p14_a_link_lets_others_of_the_team_read_until_it_is_withdrawn() {
    let server = team("default_visibility = \"private\"\n").start();
    let (_ana, id) = ask(&server, ANA, "quokka").await;
    let path = |rest: &str| format!("{LIST}/{id}/{rest}");
    let (_, link) = ANA.send(&server, "PUT", &path("link"), "").await;
    assert_eq!(ANA.send(&server, "PUT", &path("link"), "").await.1, link, "it stays the same");
    let link = link.to_string();
    assert!(link.len() > 40, "{link}");
    // Without a name nobody can be let in.
    let nameless = Person { user: None, ..BEN };
    assert_eq!(nameless.send(&server, "POST", &path("guests"), &link).await.0, 404);
    assert_eq!(BEN.send(&server, "POST", &path("guests"), r#"{"link":""}"#).await.0, 404);
    let (status, opened) = BEN.send(&server, "POST", &path("guests"), &link).await;
    assert_eq!((status.as_u16(), &opened["owner"]), (200, &json!("ana")), "{opened}");
    assert_eq!(told(&server, BEN).await, [vec![id], vec![id], vec![id]]);
    assert_eq!(told(&server, CEM).await[0], Vec::<i64>::new());
    let mut ben = connect(&server, BEN).await;
    ben.enter(id, json!(null)).await;

    assert_eq!(BEN.send(&server, "DELETE", &path("link"), "").await.0, 403);
    assert_eq!(ANA.send(&server, "DELETE", &path("link"), "").await.0, 200);
    assert_eq!(ben.until_closed().await.1, 4404);
    assert_eq!(told(&server, BEN).await[0], Vec::<i64>::new());
    assert_eq!(BEN.send(&server, "POST", &path("guests"), &link).await.0, 404);
    let (_, other) = ANA.send(&server, "PUT", &path("link"), "").await;
    assert_ne!(other.to_string(), link, "an old link stays withdrawn");
}

#[actix::test]
async fn a_fork_is_of_who_makes_it_and_goes_on_with_what_was_said() {
    let server = team("").start();
    let (mut ana, id) = ask(&server, ANA, "quokka").await;
    ana.ask("say a second answer").await;
    ana.turn().await;
    let (status, fork) =
        BEN.send(&server, "POST", &format!("{LIST}/{id}/fork"), r#"{"turn":1}"#).await;
    assert_eq!(status, 200, "{fork}");
    let made = fork["id"].as_i64().unwrap();
    assert_eq!(fork["owner"], "ben", "{fork}");
    assert_eq!(fork["forked_from"], json!({ "conversation_id": id, "turn": 1 }));
    let mut ben = connect(&server, BEN).await;
    let entered = ben.enter(made, json!(null)).await;
    assert_eq!(entered[0]["forked_from"], fork["forked_from"]);
    let text = crate::client::text_of(&entered);
    assert!(text.contains("quokka is parsed here") && !text.contains("second"), "{text}");
    // The agent has no session of its own there: it is told what was said.
    ben.ask("echo").await;
    let answer = crate::client::text_of(&ben.turn().await);
    assert!(answer.contains("quokka"), "{answer}");
    let late = BEN.send(&server, "POST", &format!("{LIST}/{id}/fork"), r#"{"turn":9}"#).await;
    assert_eq!(
        (late.0.as_u16(), &late.1["detail"]),
        (404, &json!("There is no such answer, or it has not ended."))
    );
}

#[actix::test]
async fn p14_who_may_only_read_neither_stops_nor_answers_nor_starts_an_agent() {
    let server = team("default_visibility = \"private\"\n").start();
    let (mut ana, id) = ask(&server, ANA, "quokka").await;
    let of = |rest: &str| format!("{LIST}/{id}/{rest}");
    let (_, link) = ANA.send(&server, "PUT", &of("link"), "").await;
    assert_eq!(CEM.send(&server, "POST", &of("guests"), &link.to_string()).await.0, 200);
    let mut cem = connect(&server, CEM).await;
    cem.send(json!({ "type": "start", "protocol": 1, "conversation_id": id })).await;
    cem.until("caught_up").await;
    ana.ask("say on\nhang").await;
    ana.until("text").await;
    cem.until("text").await;
    cem.send(json!({ "type": "stop" })).await;
    cem.send(json!({ "type": "typing" })).await;
    cem.send(json!({ "type": "answer", "message_id": "a", "answers": { "0": "Red" } })).await;
    let refused = cem.until("error").await.pop().unwrap();
    assert_eq!((&refused["message_id"], &refused["retryable"]), (&json!("a"), &json!(false)));
    // One more round has handled all of them.
    cem.send(json!({ "type": "message", "message_id": "b", "content": "say no" })).await;
    assert_eq!(cem.until("error").await.pop().unwrap()["message_id"], "b");
    let (_, sessions) = ADMINISTRATOR.send(&server, "GET", "/api/admin/sessions", "").await;
    assert_eq!(sessions[0]["conversations"][0]["state"], "running", "{sessions}");
    ana.send(json!({ "type": "stop" })).await;
    let end = ana.until("response_done").await.pop().unwrap();
    assert_eq!((&end["outcome"], &end["stopped_by"]), (&json!("stopped"), &json!("ana")), "{end}");
}
