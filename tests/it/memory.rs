//! Histories of which only the newest part is in memory: what is older is read for whoever comes to it, and
//! an answer that is longer than any does not make the server larger.

use serde_json::json;

use crate::{
    processes::resident,
    screen::Screen,
    server::{Server, Setup},
};

/// Several turns of every kind of entry, with almost nothing in memory.
async fn long_conversation(server: &Server) -> (i64, Vec<Screen>) {
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    let mut moments = vec![screen.clone()];
    for turn in 1..=5 {
        client
            .ask("think a\nstream 30 0\ntool Read {} => x\nstream 30 0\nsay ```rust\nlet a;\n```")
            .await;
        while !screen.kinds(turn).contains(&"response_done") {
            screen.show(&[client.frame().await]);
            moments.push(screen.clone());
        }
    }
    moments.dedup();
    (id, moments)
}

fn forgetful() -> Setup {
    Setup::scripted().config("[advanced.limits]\nhistory_memory = \"1KiB\"\n")
}

#[actix::test]
async fn p4_what_is_no_longer_in_memory_comes_to_whoever_has_not_seen_it() {
    let mut server = forgetful().start();
    let (id, moments) = long_conversation(&server).await;
    let whole = Screen::stored(&server, id);
    moments.last().unwrap().assert_same(&whole, "what was followed");
    for round in ["while the server lives", "after a kill"] {
        for moment in moments.iter().step_by(7) {
            let mut back = moment.clone();
            let (_, frames) = server.enter(id, json!(moment.seq)).await;
            back.show(&frames);
            back.assert_same(&whole, &format!("{round} from {}", moment.seq));
        }
        server.crash();
    }
    // An old question can be asked again, and what it costs is still known.
    let (mut client, _) = server.enter(id, json!(whole.seq)).await;
    client.send(json!({ "type": "retry", "turn": 1, "message_id": "again" })).await;
    client.turn().await;
    assert_eq!(Screen::stored(&server, id).answer(6), whole.answer(1));
    let (_, sessions) = server.get("/api/admin/sessions").await;
    let tokens = &sessions[0]["conversations"][0]["spent"]["output_tokens"];
    assert!(tokens.as_u64() > Some(0), "{sessions}");
}

#[actix::test]
async fn an_entry_that_cannot_be_read_keeps_nobody_from_the_others() {
    let server = forgetful().start();
    let (id, _) = long_conversation(&server).await;
    let mut whole = Screen::stored(&server, id);
    let damaged = "UPDATE entries SET kind = 'riddle' WHERE turn = 1 AND kind = 'tool_result'";
    assert_eq!(server.writable_database().execute(damaged, ()).unwrap(), 1);
    whole.entries.retain(|shown| (shown.turn, shown.kind.as_str()) != (1, "tool_result"));
    let (_, frames) = server.enter(id, json!(null)).await;
    Screen::of(&frames).assert_same(&whole, "all but the one");
    assert!(server.log().contains("unknown kind of entry"), "{}", server.log());
}

#[actix::test]
async fn memory_does_not_grow_with_what_was_said() {
    let server =
        Setup::scripted().config("[advanced.limits]\nhistory_memory = \"64KiB\"\n").start();
    let mut client = server.connect().await;
    client.start().await;
    let mut sizes = Vec::new();
    for _ in 0..60 {
        client.ask("lines 500").await;
        client.turn().await;
        sizes.push(resident(server.pid()) / 1024);
    }
    // What is needed at the same time is there from the first turns on. They say 20 megabytes more.
    let grown = sizes[59].saturating_sub(sizes[19]);
    assert!(grown < 6 * 1024, "KiB after each turn: {sizes:?}");
}
