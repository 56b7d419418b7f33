//! Recordings of real agents, played to the codec.

use std::collections::HashMap;

use super::*;
use crate::recording::{Direction, RecordedLine, Recording};

fn message(entry: &RecordedLine) -> Value {
    serde_json::from_str(entry.line()).unwrap_or_default()
}

/// The settings under which the recorded client spoke.
fn settings_of(recording: &Recording) -> AcpSettings {
    let sent = |wanted: &str| {
        let mut sent = recording.entries.iter().filter(|it| it.dir == Direction::Stdin);
        sent.find_map(|it| Some(message(it)).filter(|it| it["method"] == wanted))
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    AcpSettings {
        auth_method: sent("authenticate").and_then(|it| text(&it["params"]["methodId"])),
        resume: sent("session/load").and_then(|it| text(&it["params"]["sessionId"])),
        usage: match recording.head.counts_session {
            true => UsageScope::Session,
            false => UsageScope::Turn,
        },
        ..settings()
    }
}

/// Plays the first `most` lines and then `rest`, a part of a line. Requests of the recorded client are
/// made anew, and the ids of answers replaced by those that these got. Gives the events and how many
/// questions were asked.
pub(in crate::agent::codec) fn play(
    recording: &Recording,
    most: usize,
    rest: &str,
) -> (Vec<AgentEvent>, usize) {
    let mut agent = Agent::new(settings_of(recording));
    let mut ids: HashMap<String, Value> = HashMap::new();
    for entry in recording.entries.iter().take(most) {
        let mut message = message(entry);
        let id = message["id"].to_string();
        let method = message["method"].as_str().unwrap_or_default();
        if entry.dir == Direction::Stdin {
            let ours = match method {
                "initialize" => json!(lines::INITIALIZE),
                "authenticate" => json!(lines::AUTHENTICATE),
                "session/new" => json!(lines::OPEN_SESSION),
                "session/load" if agent.lines.sent() == 0 => json!(lines::LOAD_SESSION),
                "session/prompt" => {
                    let text = message["params"]["prompt"][0]["text"].as_str().unwrap();
                    let Some(request) = agent.lines.prompt(text) else { continue };
                    serde_json::from_str::<Value>(&request).unwrap()["id"].take()
                }
                _ => json!(9999),
            };
            ids.insert(id, ours);
            continue;
        }
        if method.is_empty()
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
    agent.says_line(rest.as_bytes());
    (agent.output.events, usize::try_from(agent.lines.sent()).unwrap())
}

/// How many questions are answered: the end of one after which another was asked meanwhile belongs to
/// no open turn.
pub(in crate::agent::codec) fn answered(recording: &Recording) -> usize {
    let (mut newest, mut count) = (Value::Null, 0);
    for entry in &recording.entries {
        let message = message(entry);
        if entry.dir == Direction::Stdin && message["method"] == "session/prompt" {
            newest = message["id"].clone();
        } else if entry.dir == Direction::Stdout
            && message["method"].is_null()
            && message["id"] == newest
        {
            count += usize::from(!newest.is_null());
        }
    }
    count
}

/// The text of the answers: what the agent said after the first question.
pub(in crate::agent::codec) fn said(recording: &Recording) -> String {
    let is_question = |it: &&RecordedLine| {
        it.dir == Direction::Stdin && message(it)["method"] == "session/prompt"
    };
    let begin = recording.entries.iter().position(|it| is_question(&it));
    let entries = &recording.entries[begin.unwrap_or(recording.entries.len())..];
    let updates = entries.iter().filter(|it| it.dir == Direction::Stdout).map(|it| {
        let update = message(it)["params"]["update"].take();
        let is_text = update["sessionUpdate"] == "agent_message_chunk";
        update["content"]["text"].as_str().filter(|_| is_text).unwrap_or_default().to_owned()
    });
    // Warnings of the program are shown as such.
    let is_answer = |text: &String| !text.trim_start_matches('*').starts_with("Warning:");
    updates.filter(is_answer).collect()
}
