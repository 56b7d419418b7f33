//! Every recording in `tests/recordings`, through the codec of its protocol. What each comes to lies
//! beside it; `UPDATE_EXPECT=1` writes it anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use expect_test::expect_file;

use super::*;
use crate::{
    agent::codec::acp::tests::recordings as acp,
    model::tests::read_stream,
    recording::{Direction, Protocol, RecordedLine, Recording},
};

/// Texts, thoughts in parentheses, notices in brackets, calls and results of tools, ends.
pub(in crate::agent::codec) fn screen(events: &[AgentEvent]) -> Vec<String> {
    let mut shown = Shown::default();
    for event in events {
        match event {
            AgentEvent::ToolCalled { tool, input, .. } => {
                shown.lines.push(format!("{tool} {input}"))
            }
            AgentEvent::ToolReturned { ok, content, .. } => {
                let line = content.lines().next().unwrap_or_default();
                shown.lines.push(format!("{} {line}", if *ok { "=" } else { "!" }));
            }
            AgentEvent::Notice(notice) => shown.lines.push(format!("[{}]", notice.words)),
            AgentEvent::Finished(AgentResult { end, usage, cost_usd, .. }) => {
                let end = match end {
                    AgentEnd::Completed => "completed",
                    AgentEnd::Interrupted => "interrupted",
                    AgentEnd::Failed(failure) => &failure.content,
                };
                let cost = cost_usd.map_or(String::new(), |cost| format!(" ${cost:.5}"));
                let [input, output, cached] =
                    [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens];
                shown.lines.push(format!("-- {end} ({input}+{cached} in, {output} out{cost})"));
                shown.pieces.clear();
            }
            AgentEvent::Garbage(line) => shown.lines.push(format!("?? {line}")),
            event => shown.take(event),
        }
    }
    shown.lines()
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// All recordings with their names.
fn recordings() -> Vec<(String, Recording)> {
    let files = fs::read_dir(dir()).unwrap().map(|file| file.unwrap().file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(".jsonl")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(dir().join(format!("{name}.jsonl"))).unwrap();
        let recording = Recording::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(recording.unread, 0, "{name}");
        (name, recording)
    };
    names.into_iter().map(read).collect()
}

fn value(entry: &RecordedLine) -> Value {
    serde_json::from_str(entry.line()).unwrap_or_default()
}

/// What the first `most` lines, and then a part of one, come to; and how many questions were asked.
fn play(recording: &Recording, most: usize, rest: &str) -> (Vec<AgentEvent>, usize) {
    if recording.head.protocol == Protocol::Acp {
        return acp::play(recording, most, rest);
    }
    let settings =
        CodecSettings { caller: Caller::Claude, tool_result_bytes: 200, allowed_tools: None };
    let (mut codec, mut output) = (Codec::new(settings), CodecOutput::default());
    let mut asked = 0;
    for entry in recording.entries.iter().take(most) {
        match entry.dir {
            Direction::Stdin if value(entry)["type"] == "user" => {
                asked += 1;
                codec.open_turn();
            }
            Direction::Stdout => codec.line(entry.line().as_bytes(), &mut output),
            _ => (),
        }
    }
    codec.line(rest.as_bytes(), &mut output);
    (output.events, asked)
}

fn ends_of(events: &[AgentEvent]) -> usize {
    events.iter().filter(|event| matches!(event, AgentEvent::Finished(_))).count()
}

/// How many turns the recorded agent ended.
fn answered(recording: &Recording) -> usize {
    if recording.head.protocol == Protocol::Acp {
        return acp::answered(recording);
    }
    let (mut is_open, mut count) = (false, 0);
    for entry in &recording.entries {
        let value = value(entry);
        match (entry.dir, value["type"].as_str()) {
            (Direction::Stdin, Some("user")) => is_open = true,
            (Direction::Stdout, Some("result")) => {
                count += usize::from(std::mem::take(&mut is_open));
            }
            _ => (),
        }
    }
    count
}

/// All that the recorded agent answered. Claude Code repeats as finished blocks what it streams.
fn said(recording: &Recording) -> String {
    if recording.head.protocol == Protocol::Acp {
        return acp::said(recording);
    }
    let lines = recording.entries.iter().filter(|it| it.dir == Direction::Stdout).map(value);
    let said = lines
        .filter(|line| line["type"] == "assistant" && line["message"]["model"] != "<synthetic>");
    let texts = said.flat_map(|line| {
        let blocks = line["message"]["content"].as_array().cloned().unwrap_or_default();
        blocks.into_iter().filter_map(|it| Some(it["text"].as_str()?.to_owned()))
    });
    texts.collect()
}

/// The answers as they are shown, without thoughts.
fn shown_answers(events: &[AgentEvent]) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for event in events {
        match event {
            AgentEvent::TextStarted => blocks.push(String::new()),
            AgentEvent::TextDelta(text) => blocks.last_mut().unwrap().push_str(text),
            AgentEvent::TextReplaced(text) => blocks.last_mut().unwrap().clone_from(text),
            _ => (),
        }
    }
    blocks.concat()
}

#[test]
fn every_recording_goes_through_its_codec_and_each_turn_ends_once_with_all_that_was_said() {
    let all = recordings();
    let count = |protocol| all.iter().filter(|(_, it)| it.head.protocol == protocol).count();
    let counts = [Protocol::StreamJson, Protocol::Acp, Protocol::Chat, Protocol::Messages];
    assert!(counts.map(count).iter().all(|count| *count > 0), "a protocol has no recording");
    for (name, recording) in &all {
        if matches!(recording.head.protocol, Protocol::Chat | Protocol::Messages) {
            continue;
        }
        let (events, _) = play(recording, usize::MAX, "");
        assert_eq!(ends_of(&events), answered(recording), "{name}");
        let garbage = events.iter().find(|event| matches!(event, AgentEvent::Garbage(_)));
        assert!(garbage.is_none(), "{name}: {garbage:?}");
        let (shown, said) = (shown_answers(&events), said(recording));
        match CUT_OFF.contains(&name.as_str()) {
            true => {
                assert!(shown.starts_with(&said) && shown.len() > said.len(), "{name}: {shown}")
            }
            false => assert_eq!(shown, said, "{name}"),
        }
        let mut shown = screen(&events).join("\n");
        shown.push('\n');
        expect_file![dir().join(format!("{name}.txt"))].assert_eq(&shown);
    }
}

/// Recordings whose agent was killed while it answered, so that it finished less than it said.
const CUT_OFF: [&str; 2] = ["claude-before-kill", "claude-sigterm-mid-turn"];

#[test]
fn a_recording_that_breaks_off_anywhere_ends_no_turn_twice() {
    for (name, recording) in recordings() {
        if matches!(recording.head.protocol, Protocol::Chat | Protocol::Messages) {
            continue;
        }
        for most in 0..recording.entries.len() {
            let line = recording.entries[most].line();
            let at = line.floor_char_boundary(line.len() * (most % 7) / 7);
            if most % 3 == 0 || at > 0 {
                let (events, asked) = play(&recording, most, &line[..at]);
                assert!(ends_of(&events) <= asked, "{name} after {most} lines and {at} bytes");
            }
        }
    }
}

#[test]
fn the_stream_of_a_service_is_read_as_far_as_it_came() {
    for (name, recording) in recordings() {
        let protocol = recording.head.protocol;
        if !matches!(protocol, Protocol::Chat | Protocol::Messages) {
            continue;
        }
        let text: String =
            recording.entries.iter().map(|entry| format!("{}\n", entry.line())).collect();
        let whole = read_stream(protocol, text.lines()).unwrap();
        assert!(whole.is_done, "{name}");
        assert_eq!(whole.pieces, whole.text, "{name}");
        let mut shown = format!("{}\n", whole.text);
        whole.calls.iter().for_each(|(tool, input)| shown += &format!("{tool} {input}\n"));
        expect_file![dir().join(format!("{name}.txt"))].assert_eq(&shown);
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            // An event that is cut within is an error; what came before it is kept.
            if let Ok(part) = read_stream(protocol, text[..at].lines()) {
                assert!(whole.text.starts_with(&part.text), "{name} after {at} bytes");
                assert!(part.calls.len() <= whole.calls.len(), "{name} after {at} bytes");
                for ((tool, input), (of_part, so_far)) in whole.calls.iter().zip(&part.calls) {
                    assert!(tool == of_part && input.starts_with(so_far), "{name} after {at}");
                }
            }
        }
    }
}
