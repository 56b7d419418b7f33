//! Agents that take back what they said, say it in an odd way, or say nothing: what is on the screen, in the
//! database and in every copy of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Client, text_of},
    screen::Screen,
    server::{Gate, Server, Setup, eventually},
};

/// Lines of a script that print these.
fn raw(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("rawline {line}\n")).collect()
}

fn event(event: Value) -> Value {
    json!({"type": "stream_event", "event": event, "parent_tool_use_id": null})
}

fn begins(id: &str) -> Value {
    event(json!({"type": "message_start", "message": {"id": id}}))
}

fn says(text: &str) -> Value {
    event(json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}))
}

fn thinks(text: &str) -> Value {
    let delta = json!({"type": "thinking_delta", "thinking": text});
    event(json!({"type": "content_block_delta", "delta": delta}))
}

fn is_over() -> Value {
    event(json!({"type": "message_stop"}))
}

async fn begin(server: &Server) -> (Client, i64, Screen) {
    let mut client = server.connect().await;
    let id = client.start().await;
    let screen = Screen::of(&client.enter(id, json!(null)).await);
    (client, id, screen)
}

/// Asks, and gives the number of the turn.
async fn ask(client: &mut Client, screen: &mut Screen, script: &str) -> i64 {
    client.post(&format!("m{}", screen.entries.len()), script).await;
    let accepted = client.until("accepted").await.pop().unwrap();
    accepted["turn"].as_i64().unwrap()
}

/// Reads until the turn has ended.
async fn read(client: &mut Client, screen: &mut Screen, turn: i64) {
    while screen.ends_of(turn) == 0 {
        screen.show(&[client.frame().await]);
    }
}

/// Plays a turn: its end's kind and words, and its answer.
async fn play(server: &Server, script: &str) -> (String, String, String) {
    let (mut client, _, mut screen) = begin(server).await;
    let turn = ask(&mut client, &mut screen, script).await;
    read(&mut client, &mut screen, turn).await;
    let end = screen.end(turn);
    let words = end.fields.get("content").and_then(Value::as_str).unwrap_or_default();
    (end.kind.clone(), words.to_owned(), screen.answer(turn))
}

#[actix::test]
async fn p4_what_a_cut_stream_had_said_is_gone_everywhere() {
    let server = Server::start();
    let cut_and_repeated = [
        (vec![begins("a"), says("alphabeta")], vec![begins("b"), says("gammadelta")]),
        (
            vec![begins("a"), thinks("alphathought"), says("alphabeta")],
            vec![begins("b"), thinks("well"), says("gammadelta")],
        ),
        (
            vec![begins("a"), thinks("alphathought"), says("alphabeta")],
            vec![json!({"type": "assistant", "message": {"id": "b", "content": [
                {"type": "text", "text": "gammadelta"}]}})],
        ),
    ];
    for (cut, repeated) in cut_and_repeated {
        let gate = Gate::new(&server);
        std::fs::remove_file(server.project_dir().join("gate")).ok();
        let (mut client, id, mut screen) = begin(&server).await;
        let mut html = server.connect().await;
        html.send(json!({"type": "start", "protocol": 1, "conversation_id": id, "format": "html"}))
            .await;
        html.until("caught_up").await;
        let script =
            format!("{}{}\n{}", raw(&cut), gate.script(), raw(&repeated) + &raw(&[is_over()]));
        let turn = ask(&mut client, &mut screen, &script).await;
        // It is on the screens and in the database before it is taken back.
        while screen.answer(turn) != "alphabeta" {
            screen.show(&[client.frame().await]);
        }
        while !html.frame().await["html"].as_str().is_some_and(|it| it.contains("alphabeta")) {}
        eventually("the cut text is stored", async || {
            Screen::stored(&server, id).answer(turn).contains("alphabeta").then_some(())
        })
        .await;
        gate.open();
        read(&mut client, &mut screen, turn).await;
        let frames = html.until("response_done").await;

        assert_eq!(screen.answer(turn), "gammadelta");
        let thoughts = screen.entries.iter().filter(|it| it.turn == turn && it.kind == "thinking");
        let thoughts: Vec<_> = thoughts.map(|it| it.fields["content"].as_str().unwrap()).collect();
        assert!(!thoughts.contains(&"alphathought"), "{thoughts:?}");
        let parts: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "html").collect();
        let of_first: Vec<_> =
            parts.iter().filter(|part| part["block"] == parts[0]["block"]).collect();
        let last = of_first.last().unwrap()["html"].as_str().unwrap();
        assert!(!last.contains("alphabeta"), "{parts:?}");

        let stored = Screen::stored(&server, id);
        assert_eq!(stored.answer(turn), "gammadelta");
        assert_eq!(stored.ends_of(turn), 1);
        let (_, replayed) = server.enter(id, json!(null)).await;
        assert_eq!(Screen::of(&replayed).answer(turn), "gammadelta");
        for format in ["md", "json"] {
            let path = format!("/api/assistant/conversations/demo/{id}/export?format={format}");
            let export = reqwest::get(server.url(&path)).await.unwrap().text().await.unwrap();
            let answer = export.rsplit("gammadelta").nth(1).unwrap_or(&export);
            // The question holds the script, and with it every word.
            let after_question = answer.rsplit("Answer").next().unwrap();
            assert!(format == "json" || !after_question.contains("alphabeta"), "{export}");
        }
        let (_, found) = server.get("/api/assistant/search/demo?q=gammadelta").await;
        assert!(found.to_string().contains("gammadelta"));
    }
}

#[actix::test]
async fn p1_a_client_of_the_original_gets_one_end_when_an_answer_is_repeated() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.start_seed().await;
    let script = raw(&[
        begins("a"),
        says("alpha beta"),
        begins("b"),
        says("alpha"),
        says(" beta gamma"),
        is_over(),
    ]);
    client.ask(&script).await;
    let frames = client.until_any(&["response_done", "error"]).await;
    assert_eq!(frames.last().unwrap()["type"], "response_done");
    assert_eq!(text_of(&frames), "alpha beta gamma");
}

#[actix::test]
async fn p7_an_end_that_is_none_says_so() {
    let server = Server::start();
    for (script, words, answer) in [
        (raw(&[begins("a"), says("half")]), "may be cut off", "half"),
        (raw(&[json!({"type": "x"})]), "answered nothing", ""),
        (raw(&[begins("a"), thinks("hm"), is_over()]), "answered nothing", ""),
        (
            raw(&[
                begins("a"),
                says("long"),
                event(json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})),
            ]),
            "may be cut off",
            "long",
        ),
    ] {
        let (kind, told, said) = play(&server, &script).await;
        assert_eq!((kind.as_str(), said.as_str()), ("error", answer), "{script}");
        assert!(told.contains(words), "{told}");
    }
    let (kind, _, said) = play(&server, "tool Read {\"file_path\":\"a\"} => x").await;
    assert_eq!((kind.as_str(), said.as_str()), ("response_done", ""));
}

#[actix::test]
async fn p7_an_agent_that_works_is_not_ended_and_one_that_only_pings_is() {
    let config = "[agent]\nsilence_timeout = \"1s\"\n[advanced.agent]\nprogress_timeout = \"4s\"\nstop_timeout = \"100ms\"\n";
    let server = Setup::scripted().config(config).start();
    let delta = |delta: Value| event(json!({"type": "content_block_delta", "delta": delta}));
    let works = [
        delta(json!({"type": "input_json_delta", "partial_json": "{\"a\""})),
        delta(json!({"type": "thinking_delta", "thinking": ""})),
        json!({"type": "tool_progress", "tool_use_id": "t", "elapsed_time_seconds": 1}),
        json!({"type": "assistant", "parent_tool_use_id": "t", "message": {"content": "inner"}}),
        json!({"type": "system", "subtype": "status", "status": "requesting"}),
    ];
    let plays = works.iter().map(|line| {
        let script = format!("repeat 9 300 {line}\nsay done");
        let server = &server;
        async move { (play(server, &script).await, line) }
    });
    for ((kind, words, said), line) in futures_util::future::join_all(plays).await {
        assert_eq!((kind.as_str(), said.as_str()), ("response_done", "done"), "{line}: {words}");
    }
    let compacting = json!({"type": "system", "subtype": "status", "status": "compacting"});
    let (kind, words, _) = play(&server, &format!("repeat 1 2500 {compacting}\nsay done")).await;
    assert_eq!(kind, "response_done", "{words}");
    for ping in [json!({"type": "keep_alive"}), compacting] {
        let (kind, words, _) = play(&server, &format!("say part\nrepeat 200 300 {ping}")).await;
        assert_eq!(kind, "error", "{ping}");
        assert!(words.contains("got no further") && words.contains("progress_timeout"), "{words}");
    }
}

#[actix::test]
async fn p9_a_result_longer_than_a_line_may_be_is_shown_cut_and_its_file_counts_as_read() {
    let server =
        Setup::scripted().config("[advanced.limits]\nagent_line_bytes = \"1MiB\"\n").start();
    let (mut client, _, mut screen) = begin(&server).await;
    let turn = ask(&mut client, &mut screen, "document 25000000\nsay read").await;
    read(&mut client, &mut screen, turn).await;
    assert_eq!(screen.answer(turn), "read");
    let result = screen.entries.iter().find(|it| it.turn == turn && it.kind == "tool_result");
    let result = &result.unwrap().fields;
    assert_eq!((&result["ok"], &result["truncated"]), (&json!(true), &json!(true)));
    assert_eq!(screen.end(turn).fields["files_read"], json!(["big.pdf"]));
}

#[actix::test]
async fn p7_one_odd_value_in_the_result_ends_the_turn_at_once() {
    let config = "[agent]\nsilence_timeout = \"60s\"\n";
    let server = Setup::scripted().config(config).start();
    for field in [
        r#""duration_ms":null"#,
        r#""duration_ms":"\ud83d""#,
        r#""usage":{"input_tokens":-1.5},"usage":7"#,
        r#""total_cost_usd":1e999"#,
        r#""type":"result""#,
    ] {
        let script = format!(
            "say fine\nrawline {{\"type\":\"result\",\"is_error\":false,{field}}}\nnoresult"
        );
        let ended = tokio::time::timeout(Duration::from_secs(30), play(&server, &script)).await;
        let (kind, words, said) = ended.unwrap_or_else(|_| panic!("{field}: it never ended"));
        assert_eq!((kind.as_str(), said.as_str()), ("response_done", "fine"), "{field}: {words}");
    }
}
