//! What was acknowledged or shown is there afterwards: after a kill, after a shutdown, in the
//! database and on every screen alike.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    client::text_of,
    screen::Screen,
    server::{DEADLINE, Gate, Server, Setup, eventually, is_alive, signal},
};

const CONVERSATIONS: &str = "/api/assistant/conversations/demo";

/// A growing text is written at least this often; the rest is for the commit and a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_millis(200 + 800);

/// What the original's interface tells of a conversation: roles and contents.
async fn told(server: &Server, conversation: i64) -> Vec<(String, String)> {
    let (status, detail) = server.get(&format!("{CONVERSATIONS}/{conversation}")).await;
    assert_eq!(status, 200, "{detail}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let messages = detail["messages"].as_array().unwrap().iter();
    messages.map(|message| (text(&message["role"]), text(&message["content"]))).collect()
}

#[actix::test]
async fn p3_a_kill_right_after_accepted_keeps_the_message_every_time() {
    // The kills come faster than the answers.
    let mut server = Setup::scripted().config("[limits]\nqueued_messages = 32\n").start();
    let mut id = 0;
    let mut ids = Vec::new();
    for round in 0..20 {
        let mut client = server.connect().await;
        if round == 0 {
            id = client.start().await;
        } else {
            client.enter(id, json!(null)).await;
        }
        let message = format!("m{round}");
        client.post(&message, &format!("say {round}")).await;
        client.until("accepted").await;
        server.crash();
        ids.push(message);
        let stored = Screen::stored(&server, id);
        let asked = stored.entries.iter().filter(|it| it.kind == "user_message");
        let asked: Vec<_> = asked.map(|it| it.fields["message_id"].as_str().unwrap()).collect();
        assert_eq!(asked, ids);
    }
    let (mut client, frames) = server.enter(id, json!(null)).await;
    let mut screen = Screen::of(&frames);
    while screen.ends() < 21 {
        screen.show(&[client.frame().await]);
    }
    for turn in 1..=20 {
        screen.end(turn);
    }
    screen.assert_same(&Screen::stored(&server, id), "after 20 kills");
}

#[actix::test]
async fn p3_questions_that_wait_when_the_server_is_killed_are_answered_although_nobody_comes() {
    for ending in ["a kill", "a shutdown"] {
        let mut server = Server::start();
        let gate = Gate::new(&server);
        let mut client = server.connect().await;
        let id = client.start().await;
        let mut screen = Screen::of(&client.enter(id, json!(null)).await);
        client.ask(&format!("say so far\n{}", gate.script())).await;
        for n in 2..=4 {
            client.post(&format!("m{n}"), &format!("say {n}")).await;
        }
        while screen.kinds(4).is_empty() || screen.answer(1).is_empty() {
            screen.show(&[client.frame().await]);
        }
        server.has_begun(id, 1).await;
        // Without its session the agent would be told what was said before.
        eventually("the agent's session is stored", async || {
            let sql = "SELECT agent_session FROM conversations WHERE id = ?1";
            let stored =
                server.database().query_row(sql, [id], |row| row.get::<_, Option<String>>(0));
            stored.ok().flatten()
        })
        .await;
        drop(client);
        match ending {
            "a kill" => server.crash(),
            _ => {
                assert!(server.terminate().success());
                assert_eq!(Screen::stored(&server, id).ends(), 2, "what waits has no end yet");
                server.launch_again();
            }
        }
        eventually("everything is answered", async || {
            (Screen::stored(&server, id).ends() == 5).then_some(())
        })
        .await;
        let (_, frames) = server.enter(id, json!(screen.seq)).await;
        screen.show(&frames);
        screen.assert_same(&Screen::stored(&server, id), ending);
        assert_eq!(screen.end(1).fields["outcome"], "interrupted", "after {ending}");
        for n in 2..=4 {
            assert_eq!(screen.answer(n), n.to_string(), "after {ending}");
            assert_eq!(screen.end(n).fields["outcome"], "completed", "after {ending}");
        }
        let ends: Vec<i64> = (1..=4).map(|turn| screen.end(turn).seq).collect();
        assert!(ends.is_sorted(), "answered out of order after {ending}: {ends:?}");
    }
}

#[actix::test]
async fn p3_a_kill_right_after_the_end_keeps_the_whole_answer_every_time() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    for round in 0..10 {
        client.ask(&format!("say one {round} \ntool Read {{}} => x\nsay two")).await;
        screen.show(&client.turn().await);
        server.crash();
        screen.assert_same(&Screen::stored(&server, id), "after the kill");
        client = server.connect().await;
        screen.show(&client.enter(id, json!(screen.seq)).await);
    }
    assert_eq!(screen.end(10).fields["outcome"], "completed");
    assert_eq!(told(&server, id).await, screen.messages());
}

#[actix::test]
async fn p3_p4_an_answer_that_a_kill_cuts_is_there_up_to_its_last_moment_on_every_screen() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    client.ask("think hm\nstream 100000 5").await;
    let begun = Instant::now();
    let mut seen = Vec::new();
    while begun.elapsed() < WRITTEN_WITHIN + Duration::from_millis(700) {
        screen.show(&client.until("text").await);
        seen.push((Instant::now(), screen.answer(1).len()));
    }
    let agent = server.agent_pid().await;
    let killed = Instant::now();
    server.crash();
    eventually("the agent is gone", async || (!is_alive(agent)).then_some(())).await;
    let stored = Screen::stored(&server, id);
    let due = seen.iter().filter(|(at, _)| *at + WRITTEN_WITHIN < killed).map(|(_, len)| *len);
    let (due, kept) = (due.max().unwrap(), stored.answer(1).len());
    assert!(kept >= due, "{kept} bytes are stored of {due} seen in time");
    let streamed: String = (0..100_000).map(|n| format!("w{n} ")).collect();
    assert!(streamed.starts_with(&stored.answer(1)));
    let end = stored.end(1);
    assert_eq!(
        (end.kind.as_str(), &end.fields["outcome"]),
        ("response_done", &json!("interrupted"))
    );
    assert!(end.seq > screen.seq, "a number was used twice");
    // The viewer that saw more than was stored drops it, and then sees what everybody sees.
    let (_, frames) = server.enter(id, json!(screen.seq)).await;
    screen.show(&frames);
    screen.assert_same(&stored, "after the kill");
    let (mut client, frames) = server.enter(id, json!(null)).await;
    Screen::of(&frames).assert_same(&stored, "of a new viewer");
    assert_eq!(told(&server, id).await, stored.messages());
    client.ask("say on").await;
    assert_eq!(text_of(&client.turn().await), "on");
}

#[actix::test]
async fn the_rows_of_the_database_are_what_was_on_the_screen() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let mut screen = Screen::of(&client.enter(id, json!(null)).await);
    let odd = "größer \"quoted\" \\back\\ \t tab 日本 🦀 \u{1} </script> é\u{301}";
    let scripts = [
        format!("say {odd}"),
        format!("{odd}\nwhich is given back in three pieces"),
        "think a\nthink b\nsay one\nsay two\ntool Read {\"file_path\":\"a\"} => r\nsay three"
            .into(),
        "toolerror Grep {\"pattern\":\"\\\"\"} => no".into(),
        "ask {\"questions\":[{\"question\":\"q\",\"header\":\"h\",\"options\":[]}]}".into(),
        "say part\nerror API Error: 500 boom".into(),
        "say part\ncrash".into(),
        "stream 300 0".into(),
        "twice".into(),
    ];
    for script in &scripts {
        client.ask(script).await;
        screen.show(&client.turn().await);
    }
    client.ask("stream 100000 5").await;
    screen.show(&client.until("text").await);
    client.send(json!({ "type": "stop" })).await;
    screen.show(&client.turn().await);
    let stored = Screen::stored(&server, id);
    screen.assert_same(&stored, "in the database");
    assert_eq!(told(&server, id).await, screen.messages());
    for turn in 0..=10 {
        screen.end(turn);
    }
    assert_eq!(screen.answer(1), odd);
    assert_eq!(screen.answer(2), format!("{odd}\nwhich is given back in three pieces"));
}

#[actix::test]
async fn after_a_restart_a_conversation_goes_on_with_its_context() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say first").await;
    client.turn().await;
    for how in ["shutdown", "kill"] {
        match how {
            "kill" => server.crash(),
            _ => {
                assert!(server.terminate().success());
                server.launch_again();
            }
        }
        let (mut client, frames) = server.enter(id, json!(null)).await;
        assert_eq!(frames[0]["title"], "say first");
        client.ask("history").await;
        let history = text_of(&client.turn().await);
        assert!(history.starts_with("say first | "), "after a {how}: {history}");
    }
}

#[actix::test]
async fn an_agent_that_has_lost_its_memory_is_told_what_was_said() {
    let mut server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say forty-two").await;
    client.turn().await;
    assert!(server.terminate().success());
    let kept = server.data_dir().join("agents/claude");
    let mut lost = 0;
    for file in files_of(&kept)
        .keys()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
    {
        fs::remove_file(file).unwrap();
        lost += 1;
    }
    assert!(lost > 0, "the scripted agent keeps its memory elsewhere");
    server.launch_again();
    let (mut client, _) = server.enter(id, json!(null)).await;
    client.ask("and why?").await;
    // A message that is no script is given back as it came.
    let answer = text_of(&client.turn().await);
    assert!(answer.contains("say forty-two") && answer.contains("You: forty-two"), "{answer}");
    assert!(answer.ends_with("and why?"), "{answer}");
    // On the screen and in the database is what the person wrote.
    assert_eq!(told(&server, id).await[3], ("user".to_owned(), "and why?".to_owned()));
}

#[actix::test]
async fn p8_a_server_that_is_told_to_end_stores_what_runs_and_leaves_no_process() {
    for name in ["TERM", "INT"] {
        let mut server =
            Setup::scripted().config("[advanced.agent]\nstop_timeout = \"200ms\"\n").start();
        let mut client = server.connect().await;
        let id = client.start().await;
        let mut seed = server.connect().await;
        seed.send(json!({ "type": "start", "conversation_id": id })).await;
        seed.turn().await;
        let mut screen = Screen::of(&client.enter(id, json!(null)).await);
        let gate = Gate::new(&server);
        client.ask(&format!("child\nsay  so far\n{}", gate.script())).await;
        while !screen.answer(1).ends_with("so far") {
            screen.show(&[client.frame().await]);
        }
        client.post("waits", "say later").await;
        screen.show(&client.until("accepted").await);
        let answer = screen.answer(1);
        let child: u32 = answer.trim_end_matches(" so far").parse().unwrap();
        let agent = server.agent_pid().await;
        signal(server.pid(), name);
        let (frames, code, _) = client.until_closed().await;
        assert_eq!(code, 1001, "{name}");
        for frame in &frames {
            screen.show(&[serde_json::from_str(frame).unwrap()]);
        }
        assert_eq!(seed.until_closed().await.1, 1001, "{name}");
        assert!(server.terminated().success(), "{name}");
        assert!(!is_alive(agent) && !is_alive(child), "{name}: an orphan");
        let stored = Screen::stored(&server, id);
        screen.assert_same(&stored, name);
        assert_eq!(stored.answer(1), answer);
        assert_eq!(stored.end(1).fields["outcome"], "interrupted");
        assert_eq!(stored.kinds(2), ["user_message"], "{name}: what waits has no end yet");
    }
}

#[actix::test]
async fn p8_an_agent_that_neither_hears_nor_obeys_does_not_keep_the_server() {
    let mut server = Setup::scripted()
        .env("SCRIPTED_AGENT_START", "stubborn")
        .args(["--agent-env", "SCRIPTED_AGENT_START"])
        .config("[advanced.agent]\nstop_timeout = \"700ms\"\n[server]\nshutdown_timeout = \"8s\"\n")
        .start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say so far\nhang").await;
    client.until("text").await;
    let agent = server.agent_pid().await;
    let told = Instant::now();
    signal(server.pid(), "TERM");
    eventually("it says that it is not ready", async || {
        (server.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    assert!(server.terminated().success());
    assert!(told.elapsed() < Duration::from_secs(8), "it took {:?}", told.elapsed());
    assert!(!is_alive(agent));
    let stored = Screen::stored(&server, id);
    assert_eq!(stored.answer(1), "so far");
    assert_eq!(stored.end(1).fields["outcome"], "interrupted");
}

#[actix::test]
async fn a_server_that_cannot_end_its_agent_in_time_ends_all_the_same() {
    let mut server = Setup::scripted()
        .env("SCRIPTED_AGENT_START", "stubborn")
        .args(["--agent-env", "SCRIPTED_AGENT_START"])
        .config(
            "[advanced.agent]\nstop_timeout = \"60s\"\n[server]\nshutdown_timeout = \"300ms\"\n",
        )
        .start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say so far\nhang").await;
    client.until("text").await;
    let agent = server.agent_pid().await;
    let told = Instant::now();
    server.terminate();
    assert!(told.elapsed() < DEADLINE / 2, "it took {:?}", told.elapsed());
    eventually("the agent is gone", async || (!is_alive(agent)).then_some(())).await;
    server.launch_again();
    let stored = Screen::stored(&server, id);
    assert_eq!(stored.answer(1), "so far");
    assert_eq!(stored.end(1).fields["outcome"], "interrupted");
}

#[actix::test]
async fn p1_the_first_message_gives_the_title_and_keeps_it() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    let first = format!("say  {}tail", "ü".repeat(45));
    client.ask(&format!("  {first} ")).await;
    client.turn().await;
    client.ask("say second").await;
    client.turn().await;
    let title = format!("say  {}...", "ü".repeat(45));
    let (_, detail) = server.get(&format!("{CONVERSATIONS}/{id}")).await;
    assert_eq!(detail["title"], title);
    let (_, frames) = server.enter(id, json!(null)).await;
    assert_eq!(frames[0]["title"], title);
}

#[actix::test]
async fn p2_a_project_is_as_it_was_whatever_was_done() {
    for setup in [Setup::scripted(), Setup::guide()] {
        let dir = setup.project_dir();
        fs::create_dir_all(dir.join("prompts")).unwrap();
        fs::create_dir_all(dir.join(".autoforge")).unwrap();
        fs::write(dir.join("prompts/app_spec.txt"), "A shop for tea.").unwrap();
        fs::write(dir.join("main.rs"), "fn main() { brew_tea() }\n").unwrap();
        let features = rusqlite::Connection::open(dir.join(".autoforge/features.db")).unwrap();
        features
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE features (id INTEGER NOT NULL, priority INTEGER NOT NULL,
                     category VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL,
                     description TEXT NOT NULL, steps JSON NOT NULL, passes BOOLEAN,
                     in_progress BOOLEAN, PRIMARY KEY (id));
                 INSERT INTO features VALUES (1, 1, 'a', 'one', '', '[]', 1, 0);",
            )
            .unwrap();
        drop(features);
        let before = files_of(&dir);
        let mut server = setup.start();
        for _ in 0..2 {
            let mut client = server.connect().await;
            client.start().await;
            client.ask("Where is the tea brewed?").await;
            client.turn().await;
            let (_, projects) = server.get("/api/projects").await;
            assert_eq!(projects[0]["stats"]["total"], 1);
            server.crash();
        }
        assert!(server.terminate().success());
        assert_eq!(files_of(&dir), before);
    }
}

/// Every path below a directory with its content, its mode and when it changed.
fn files_of(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, SystemTime)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut files = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        let content = if about.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if about.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let (mode, changed) = (about.permissions().mode(), about.modified().unwrap());
        files.insert(path, (content, mode, changed));
    }
    files
}
