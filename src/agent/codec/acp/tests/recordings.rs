//! Recordings of real agents, run through the codec.

use std::{collections::HashMap, fs, path::Path};

use expect_test::expect_file;

use super::*;

/// One line of a recording.
struct Line {
    is_stdin: bool,
    message: Value,
}

fn recording(name: &str) -> Vec<Line> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/acp");
    let text = fs::read_to_string(dir.join(format!("{name}.jsonl"))).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        Line { is_stdin: line["dir"] == "stdin", message: line["msg"].take() }
    });
    lines.collect()
}

fn names() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/acp");
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(".jsonl")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn method(line: &Line) -> &str {
    line.message["method"].as_str().unwrap_or_default()
}

/// The settings under which the recorded client spoke.
fn settings_of(name: &str, lines: &[Line]) -> AcpSettings {
    let sent = |wanted: &str| lines.iter().find(|line| line.is_stdin && method(line) == wanted);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let load = sent("session/load");
    AcpSettings {
        auth_method: sent("authenticate").and_then(|it| text(&it.message["params"]["methodId"])),
        resume: load.and_then(|it| text(&it.message["params"]["sessionId"])),
        usage: match name.starts_with("vibe") {
            true => UsageScope::Session,
            false => UsageScope::Turn,
        },
        ..settings()
    }
}

/// Plays the first `most` lines. Requests of the recorded client are made anew, and the ids of answers
/// replaced by those that these got.
fn play(name: &str, most: usize) -> Agent {
    let lines = recording(name);
    let mut agent = Agent::new(settings_of(name, &lines));
    let mut ids: HashMap<String, Value> = HashMap::new();
    for line in lines.into_iter().take(most) {
        let id = line.message["id"].to_string();
        if line.is_stdin {
            let ours = match method(&line) {
                "initialize" => json!(lines::INITIALIZE),
                "authenticate" => json!(lines::AUTHENTICATE),
                "session/new" => json!(lines::OPEN_SESSION),
                "session/load" if agent.lines.sent() == 0 => json!(lines::LOAD_SESSION),
                "session/prompt" => {
                    let text = line.message["params"]["prompt"][0]["text"].as_str().unwrap();
                    let Some(request) = agent.lines.prompt(text) else { continue };
                    serde_json::from_str::<Value>(&request).unwrap()["id"].take()
                }
                _ => json!(9999),
            };
            ids.insert(id, ours);
            continue;
        }
        let mut message = line.message;
        if message.get("method").is_none()
            && let Some(ours) = ids.get(&id)
        {
            message["id"] = ours.clone();
        }
        // The recorded client loads sessions that ours would resume.
        if let Some(capabilities) =
            message.pointer_mut("/result/agentCapabilities/sessionCapabilities")
        {
            capabilities["resume"] = Value::Null;
        }
        agent.says(&message);
    }
    agent
}

#[test]
fn each_recorded_turn_ends_once() {
    for name in names() {
        // The end of a question after which another was asked meanwhile belongs to no open turn.
        let (mut newest, mut expected) = (Value::Null, 0);
        for line in recording(&name) {
            if line.is_stdin && method(&line) == "session/prompt" {
                newest = line.message["id"].clone();
            } else if !line.is_stdin && method(&line).is_empty() && line.message["id"] == newest {
                expected += usize::from(!newest.is_null());
            }
        }
        let agent = play(&name, usize::MAX);
        assert_eq!(agent.finished().len(), expected, "{name}");
        let garbage = agent.output.events.iter().any(|it| matches!(it, AgentEvent::Garbage(_)));
        assert!(!garbage, "{name}");
    }
}

#[test]
fn a_recording_that_breaks_off_at_any_line_ends_no_turn_twice() {
    for name in names() {
        let length = recording(&name).len();
        for most in (0..length).step_by(3) {
            let agent = play(&name, most);
            let questions = usize::try_from(agent.lines.sent()).unwrap();
            assert!(agent.finished().len() <= questions, "{name} after {most} lines");
        }
    }
}

#[test]
fn the_screens_of_all_recordings_are_as_expected() {
    for name in names() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/agent/acp/{name}.txt"));
        let mut shown = play(&name, usize::MAX).screen().join("\n");
        shown.push('\n');
        expect_file![path].assert_eq(&shown);
    }
}
