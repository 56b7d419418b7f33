//! Agents that are recorded, and recordings that are played back.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cicerone::{
    agent::{
        AgentError, AgentSession, StartAgent,
        event::{AgentEnd, AgentEvent},
    },
    config::settings::{
        AgentChoice,
        agents::{AgentConfig, AgentName, NamedAgent, ReplayConfig},
    },
    ids::ConversationId,
    project::{Project, ProjectName},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    acp::bench_of,
    agent_probe::{Bench, Running, wait_until},
    client::text_of,
    server::{Setup, scripted_agent},
};

/// The agents whose recordings are played: Claude Code's lines, and the Agent Client Protocol.
fn benches() -> [Bench; 2] {
    let program = scripted_agent().to_str().unwrap().to_owned();
    [Bench::scripted(), bench_of(&[program, "--acp".to_owned()])]
}

/// A bench whose agent plays this file.
fn player(file: &Path, speed: u16) -> Bench {
    let mut bench = Bench::scripted();
    let name: AgentName = "demo".parse().unwrap();
    bench.settings.default = AgentChoice::Named(name.clone());
    let config = ReplayConfig { file: file.to_owned(), speed: speed.try_into().ok() };
    bench.settings.named.push(NamedAgent { name, config: AgentConfig::Replay(config) });
    bench
}

async fn play(bench: &Bench) -> Running {
    let mut agent = bench.start();
    agent.ready().await;
    agent
}

/// Has an agent answer these questions, and gives what was recorded of it.
async fn record(mut bench: Bench, questions: &[&str]) -> (Bench, PathBuf) {
    let dir = bench.base.path().join("recordings");
    bench.settings.record = Some(dir.clone());
    let mut agent = play(&bench).await;
    for question in questions {
        agent.ask(question).await;
    }
    agent.stop().await;
    let file = || fs::read_dir(&dir).ok()?.next()?.ok().map(|entry| entry.path());
    let is_complete = || {
        let text = file().and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| text.contains("\"dir\":\"note\""))
    };
    wait_until("the recording is complete", is_complete).await;
    let file = file().unwrap();
    (bench, file)
}

/// A recording of Claude Code's lines: `>` begins one that went to the agent.
fn written(dir: &Path, lines: &[(u64, &str)]) -> PathBuf {
    let mut text = json!({"cicerone_recording": 1, "protocol": "stream-json"}).to_string() + "\n";
    for (ms, line) in lines {
        let (dir, line) = match line.strip_prefix('>') {
            Some(line) => ("stdin", line),
            None => ("stdout", *line),
        };
        let message: Value = serde_json::from_str(line).unwrap();
        text += &format!("{}\n", json!({"ms": ms, "dir": dir, "msg": message}));
    }
    let file = dir.join("written.jsonl");
    fs::write(&file, text).unwrap();
    file
}

const ASKED: &str = r#">{"type":"user","message":{"content":"Why?"}}"#;
const SAID: &str =
    r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"Tea."}]}}"#;
const ENDED: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"Tea."}"#;

#[actix_web::test]
async fn what_was_recorded_is_played_back_word_for_word() {
    for bench in benches() {
        let asked = ["think hm\nsay It is green.", "stream 5 1"];
        let (original, file) = record(bench, &asked).await;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // It needs neither the agent nor its settings.
        drop(original.settings);
        let bench = player(&file, 1);
        let mut agent = play(&bench).await;
        for (question, answer) in asked.iter().zip(["It is green.", "w0 w1 w2 w3 w4 "]) {
            let turn = agent.ask(question).await;
            assert_eq!(turn.text, answer);
            assert_eq!(turn.result().end, AgentEnd::Completed);
            assert_eq!(turn.result().usage.input_tokens, 10);
        }
        let over = agent.ask("And now?").await;
        assert!(over.text.contains("2 questions"), "{}", over.text);
        assert_eq!(over.result().end, AgentEnd::Completed);
        agent.stop().await;
    }
}

#[actix_web::test]
async fn other_words_get_the_recorded_answer_with_a_remark() {
    for bench in benches() {
        let (_original, file) = record(bench, &["say It is green."]).await;
        let bench = player(&file, 50);
        let mut agent = play(&bench).await;
        let turn = agent.ask("What colour?").await;
        assert!(turn.text.contains("> say It is green."), "{}", turn.text);
        assert!(turn.text.ends_with("\n\nIt is green."), "{}", turn.text);
        agent.stop().await;
    }
}

#[actix_web::test]
async fn a_secret_of_the_server_is_in_no_recording() {
    for mut bench in benches() {
        bench.environment.push(("SHOP_API_KEY".into(), "open-sesame-42".into()));
        let (_bench, file) =
            record(bench, &["say open-sesame-42 ghp_0123456789abcdefghijABCD"]).await;
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains("[masked]") && !text.contains("sesame") && !text.contains("ghp_"));
    }
}

#[actix_web::test]
async fn an_interrupt_ends_what_is_played_at_once() {
    for bench in benches() {
        let (_original, file) = record(bench, &["stream 40 100"]).await;
        let bench = player(&file, 1);
        let mut agent = play(&bench).await;
        agent.say("stream 40 100");
        while !matches!(agent.next_event().await, AgentEvent::TextDelta(_)) {}
        let began = Instant::now();
        agent.handle.interrupt().unwrap();
        let turn = agent.finish().await;
        assert_eq!(turn.result().end, AgentEnd::Interrupted);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        agent.stop().await;
    }
}

/// Every recording of an agent in the repository.
fn recordings() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_agent = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.ends_with(".jsonl") && !name.starts_with("model-")
    };
    let mut files: Vec<PathBuf> = files.filter(is_agent).collect();
    files.sort();
    assert!(files.len() > 30);
    files
}

/// The questions of a recording; `None` where its agent never came so far.
fn questions(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sent = lines.filter(|line| line["dir"] == "stdin").map(|mut line| line["msg"].take());
    let texts = sent.filter_map(|message| {
        let content = match message["method"].as_str() {
            Some("session/prompt") => &message["params"]["prompt"],
            _ if message["type"] == "user" => &message["message"]["content"],
            _ => return None,
        };
        let last = content.as_array().and_then(|blocks| blocks.last());
        let text = last.map_or(content.as_str(), |block| block["text"].as_str());
        Some(text.unwrap_or_default().trim().to_owned())
    });
    texts.collect()
}

#[actix_web::test]
async fn every_recording_can_be_played_and_ends_each_turn_once() {
    for file in recordings() {
        let questions = questions(&file);
        let bench = player(&file, 1000);
        let mut agent = bench.start();
        if questions.is_empty() {
            // What failed in the recording fails again.
            agent.handle.stop();
            continue;
        }
        agent.ready().await;
        for question in &questions {
            let question = if question.is_empty() { "?" } else { question };
            let turn = agent.ask(question).await;
            let ends =
                turn.events.iter().filter(|it| matches!(it, AgentEvent::Finished(_))).count();
            assert_eq!(ends, 1, "{file:?} {question}");
        }
        let over = agent.ask("Something else?").await;
        assert!(over.text.contains("recording"), "{file:?}: {}", over.text);
        agent.stop().await;
    }
}

#[actix_web::test]
async fn a_hostile_recording_costs_no_more_than_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    // A wait of years is cut short; what cannot be read is left out.
    let file = written(dir.path(), &[(0, ASKED), (u64::MAX, SAID), (u64::MAX, ENDED)]);
    let text = fs::read_to_string(&file).unwrap();
    let junk = format!("{{\n[]\n\"{}\"\n{{\"ms\":1,\"dir\":\"stdout\"}}\n", "x".repeat(3 << 20));
    let at = text.find('\n').unwrap() + 1;
    fs::write(&file, format!("{}{junk}{}", &text[..at], &text[at..])).unwrap();
    let bench = player(&file, 1000);
    let mut agent = play(&bench).await;
    assert_eq!(agent.ask("Why?").await.text, "Tea.");
    agent.stop().await;
}

#[actix_web::test]
async fn an_answer_that_breaks_off_is_said_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), &[(0, ASKED), (1, SAID)]);
    let bench = player(&file, 1);
    let mut agent = play(&bench).await;
    let turn = agent.ask("Why?").await;
    assert_eq!(turn.text, "Tea.");
    assert!(turn.failure().contains("recording ends here"), "{}", turn.failure());
    agent.stop().await;
}

#[actix_web::test]
async fn a_file_that_is_no_recording_starts_no_agent_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    for (text, words) in [
        (Some("[package]\n"), "first line"),
        (Some("{\"cicerone_recording\":9,\"protocol\":\"new\"}\n"), "version 9"),
        (Some("{\"cicerone_recording\":1,\"protocol\":\"chat\"}\n"), "model service"),
        (None, "No such file"),
    ] {
        fs::remove_file(&file).ok();
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let error = refusal(&player(&file, 1)).to_string();
        assert!(error.contains(words) && error.contains("`file`"), "{error}");
    }
    let error = refusal(&player(dir.path(), 1)).to_string();
    assert!(error.contains("no plain file"), "{error}");
}

fn refusal(bench: &Bench) -> AgentError {
    let agents = bench.agents();
    let (output, exited) = crate::agent_probe::nobody();
    let start = StartAgent {
        conversation: ConversationId(1),
        epoch: 1,
        project: Project::new(ProjectName::mend("tea-shop"), bench.project()),
        session: AgentSession::New(Uuid::new_v4()),
        agent: None,
        tools: None,
        trace_context: None,
    };
    agents.start(start, output, exited).unwrap_err()
}

#[actix_web::test]
async fn a_server_records_and_a_server_without_the_agent_plays_it_in_a_proved_cage() {
    let setup = Setup::scripted();
    let dir = setup.files_dir().join("recordings");
    let server = setup.config(&format!("[agent]\nrecord = {dir:?}\n")).start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say It is green.").await;
    client.turn().await;
    let file = || fs::read_dir(&dir).ok()?.next()?.ok().map(|entry| entry.path());
    let is_kept = || {
        let text = file().and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| text.contains("\"type\":\"result\""))
    };
    wait_until("the answer is recorded", is_kept).await;

    let demo = Setup::new();
    let copy = demo.files_dir().join("demo.jsonl");
    fs::copy(file().unwrap(), &copy).unwrap();
    let config = format!(
        "[agents.demo]\nkind = \"replay\"\nfile = {copy:?}\nspeed = 5\n\n[agent]\ndefault = \"demo\"\n"
    );
    let server = demo.config(&config).start();
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let greeting = client.until("caught_up").await;
    assert!(json!(greeting).to_string().contains("play back"), "{greeting:?}");
    client.ask("say It is green.").await;
    assert_eq!(text_of(&client.turn().await), "It is green.");
    client.ask("And now?").await;
    assert!(text_of(&client.turn().await).contains("one question"));
}
