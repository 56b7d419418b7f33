//! The commands of a script. The JSON file that `SCRIPTED_AGENT_ANSWERS` names gives the script of a
//! question in plain words.
//!
//! - `say TEXT` answers, `\n` in it is a line end; `think TEXT` thinks; `echo` gives the message back
//! - `stream N DELAY_MS` answers `w0 w1 …` word by word
//! - `rows N DELAY_MS PATH` answers a table row by row, and ends it when the file exists
//! - `lines N` answers as many lines of some 500 bytes
//! - `blocks N BYTES` answers in as many blocks of text of that size, each with its number, as fast as it can
//! - `pour BYTES` answers with texts of that size for ever, and hears nothing any more
//! - `clock N DELAY_MS` answers likewise, each word the time at which it was said, in microseconds
//! - `tool NAME JSON => RESULT` uses a tool; `toolerror …` likewise, and it fails
//! - `hook NAME JSON` asks whether a tool may run and answers with the answer
//! - `ask JSON` puts questions to the person
//! - `await PATH` waits until the file exists; by itself it answers then, as an agent does that is not broken
//! - `history` answers with every message of the session so far
//! - `env`, `args`, `cwd` answer with names of variables, arguments, the working directory
//! - `sh COMMAND` answers with what a shell prints to stdout
//! - `heir` leaves its pipe to a child that pours into it, and ends
//! - `child` starts a process that sleeps and answers with its id
//! - `document BYTES` reads a file `big.pdf` whose document comes back in one line
//! - `repeat N DELAY_MS JSON` prints a line again and again
//! - `garbage TEXT`, `rawline JSON`, `badutf8`, `longline BYTES` print what is no good line
//! - `litter FILES BYTES` makes as many files of that size in its temporary directory
//! - `stderr BYTES` prints to stderr; `retry` tells of a failed request
//! - `halfline TEXT` prints a line without its end; `eat BYTES` takes memory and keeps it
//! - `error TEXT` ends the turn as failed; `twice` ends it twice; `leave` ends it and
//!   the agent; `babble BYTES` ends it and pours; `noresult` not at all; after
//!   `linger TEXT` it says more and ends a second time when the next message is there already
//! - `exit CODE`, `silent-exit`, `crash`, `hang` end the agent or all that it says

use std::{
    env,
    path::Path,
    process::{Command, exit},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::protocol::{Interrupted, Protocol, print, print_bytes, print_half};

pub const COMMANDS: [&str; 41] = [
    "say",
    "think",
    "echo",
    "stream",
    "rows",
    "lines",
    "blocks",
    "pour",
    "babble",
    "litter",
    "clock",
    "tool",
    "toolerror",
    "hook",
    "ask",
    "await",
    "history",
    "env",
    "args",
    "cwd",
    "child",
    "sh",
    "heir",
    "garbage",
    "rawline",
    "badutf8",
    "longline",
    "stderr",
    "retry",
    "document",
    "repeat",
    "error",
    "twice",
    "leave",
    "linger",
    "halfline",
    "eat",
    "noresult",
    "exit",
    "silent-exit",
    "crash",
];

/// How a turn ends.
enum End {
    Result(Value),
    Twice,
    /// And the process with it.
    Exit,
    /// And then it prints on, so many bytes at a time.
    Babble(usize),
    Never,
}

/// Plays one message to the end of its turn.
pub fn play(protocol: &mut Protocol, message: &str) {
    let prepared = prepared_script(message);
    let message = prepared.as_deref().unwrap_or(message);
    let verb = message.split_whitespace().next().unwrap_or_default();
    let is_script = COMMANDS.contains(&verb) || verb == "hang";
    let played = if is_script {
        play_lines(protocol, message)
    } else {
        answer_in_three(protocol, message).map(|()| End::Result(json!({})))
    };
    match played {
        Ok(End::Result(fields)) => protocol.end_turn(fields),
        Ok(End::Twice) => {
            protocol.end_turn(json!({}));
            protocol.end_turn(json!({}));
        }
        Ok(End::Exit) => {
            protocol.end_turn(json!({}));
            exit(0);
        }
        Ok(End::Babble(bytes)) => {
            protocol.end_turn(json!({}));
            protocol.pour(&"p".repeat(bytes));
        }
        Ok(End::Never) => (),
        Err(Interrupted) => protocol.interrupted(),
    }
}

/// The script that the file of answers has for a question.
fn prepared_script(question: &str) -> Option<String> {
    let file = env::var_os("SCRIPTED_AGENT_ANSWERS")?;
    let answers: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut answers = answers.as_object()?.iter();
    let (_, script) = answers.find(|(known, _)| question.starts_with(*known))?;
    Some(script.as_str()?.to_owned())
}

fn play_lines(protocol: &mut Protocol, message: &str) -> Result<End, Interrupted> {
    let mut end = End::Result(json!({}));
    // What the server adds to a question is no part of the script.
    let script = message.split("\n\n[Your last answer").next().unwrap_or_default();
    for line in script.lines() {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "error" => {
                let text = json!([{"type": "text", "text": rest}]);
                let message = json!({"id": "own", "model": "<synthetic>", "content": text});
                print(&json!({"type": "assistant", "message": message, "error": "server_error"}));
                end = End::Result(json!({"is_error": true, "result": rest}));
            }
            "twice" => end = End::Twice,
            "leave" => end = End::Exit,
            "babble" => end = End::Babble(rest.parse().unwrap()),
            "linger" => protocol.linger(rest),
            "noresult" => end = End::Never,
            _ => play_line(protocol, verb, rest, message)?,
        }
    }
    if script.starts_with("await ") && script.lines().count() == 1 {
        say(protocol, "on");
    }
    Ok(end)
}

fn play_line(
    protocol: &mut Protocol,
    verb: &str,
    rest: &str,
    message: &str,
) -> Result<(), Interrupted> {
    match verb {
        "say" => say(protocol, &rest.replace("\\n", "\n")),
        "think" => block(protocol, "thinking", rest),
        "echo" => say(protocol, message),
        "stream" => return stream(protocol, rest, |word| format!("w{word} ")),
        "lines" => {
            return stream(protocol, rest, |line| format!("{}\n", format!("{line} ").repeat(200)));
        }
        "blocks" => {
            let (count, bytes) = rest.split_once(' ').unwrap();
            let filler = "b".repeat(bytes.parse::<usize>().unwrap().saturating_sub(8));
            for number in 0..count.parse::<u32>().unwrap() {
                block(protocol, "text", &format!("{number:07} {filler}"));
            }
        }
        "clock" => return stream(protocol, rest, |_| format!("t{} ", now_micros())),
        "tool" | "toolerror" => {
            let (call, result) = rest.split_once(" => ").unwrap_or((rest, ""));
            let (name, input) = call_of(call);
            protocol.tool(name, &input, &json!(result.replace("\\n", "\n")), verb == "toolerror");
        }
        "hook" => {
            let (name, input) = call_of(rest);
            let answer = protocol.ask_hook(name, &input);
            say(protocol, &answer.to_string());
        }
        "ask" => {
            let input = serde_json::from_str(rest).unwrap();
            protocol.tool("mcp__features__ask_user", &input, &json!("asked"), false);
        }
        "await" => wait_for(protocol, rest)?,
        "rows" => return rows(protocol, rest),
        "history" => say(protocol, &protocol.session.messages.join(" | ")),
        "env" => say(protocol, &names_of_variables()),
        "args" => say(protocol, &env::args().collect::<Vec<_>>().join("\n")),
        "cwd" => say(protocol, &env::current_dir().unwrap().to_string_lossy()),
        "sh" => {
            let printed = Command::new("sh").args(["-c", rest]).output().unwrap();
            say(protocol, &String::from_utf8_lossy(&printed.stdout));
        }
        "child" => {
            let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
            say(protocol, &child.id().to_string());
            thread::spawn(move || child.wait());
        }
        "document" => {
            let data = "x".repeat(rest.parse().unwrap());
            let document = json!([{"type": "document", "source": {"data": data}}]);
            protocol.tool("Read", &json!({"file_path": "big.pdf"}), &document, false);
        }
        "repeat" => {
            let mut words = rest.splitn(3, ' ');
            let count: u32 = words.next().unwrap().parse().unwrap();
            let delay = Duration::from_millis(words.next().unwrap().parse().unwrap());
            let line = words.next().unwrap();
            for _ in 0..count {
                print_bytes(line.as_bytes());
                protocol.wait(delay)?;
            }
        }
        "retry" => print(&json!({
            "type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 3,
            "retry_delay_ms": 20.5, "error_status": 529, "error": "overloaded",
        })),
        _ => misbehave(protocol, verb, rest)?,
    }
    Ok(())
}

fn misbehave(protocol: &mut Protocol, verb: &str, rest: &str) -> Result<(), Interrupted> {
    match verb {
        "garbage" | "rawline" => print_bytes(rest.as_bytes()),
        "badutf8" => print_bytes(b"{\"type\":\"\xff\xfe\"}"),
        "halfline" => print_half(rest.as_bytes()),
        "pour" => protocol.pour(&"p".repeat(rest.parse().unwrap())),
        "litter" => {
            let (count, bytes) = rest.split_once(' ').unwrap();
            let litter = vec![b'l'; bytes.parse().unwrap()];
            for number in 0..count.parse::<u32>().unwrap() {
                let path = env::temp_dir().join(format!("litter-{number}"));
                std::fs::write(path, &litter).unwrap();
            }
        }
        "heir" => {
            Command::new("yes").spawn().unwrap();
            thread::sleep(Duration::from_millis(300));
            exit(0);
        }
        "eat" => std::mem::forget(vec![1_u8; rest.parse().unwrap()]),
        "longline" => print_bytes(&vec![b'x'; rest.parse().unwrap()]),
        "stderr" => eprintln!("{}", "e".repeat(rest.parse().unwrap())),
        "exit" => exit(rest.parse().unwrap()),
        "silent-exit" => exit(0),
        "crash" => {
            let pid = std::process::id().to_string();
            Command::new("kill").args(["-9", &pid]).status().unwrap();
            thread::park();
        }
        // Not even an interrupt is heard.
        "hang" => crate::sleep_for_ever(),
        unknown => say(protocol, &format!("unknown command {unknown}")),
    }
    Ok(())
}

fn say(protocol: &mut Protocol, text: &str) {
    block(protocol, "text", text);
}

fn block(protocol: &mut Protocol, kind: &str, text: &str) {
    protocol.begin_block(kind);
    protocol.delta(kind, text);
    protocol.end_block(kind);
}

fn wait_for(protocol: &mut Protocol, path: &str) -> Result<(), Interrupted> {
    while !Path::new(path).exists() {
        protocol.wait(Duration::from_millis(5))?;
    }
    Ok(())
}

fn rows(protocol: &mut Protocol, rest: &str) -> Result<(), Interrupted> {
    let mut words = rest.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (count, delay) = (number(), Duration::from_millis(number()));
    protocol.begin_block("text");
    protocol.delta("text", "| Name | Where | Note |\n|---|---|---:|\n");
    for row in 0..count {
        protocol.delta("text", &format!("| row {row} | src/a{row}.rs:{row} | *ok* |\n"));
        protocol.wait(delay)?;
    }
    wait_for(protocol, words.next().unwrap())?;
    protocol.end_block("text");
    Ok(())
}

fn stream(
    protocol: &mut Protocol,
    rest: &str,
    text: impl Fn(u32) -> String,
) -> Result<(), Interrupted> {
    let (count, delay) = rest.split_once(' ').unwrap_or((rest, "0"));
    let delay = Duration::from_millis(delay.parse().unwrap());
    protocol.begin_block("text");
    for word in 0..count.parse::<u32>().unwrap() {
        protocol.delta("text", &text(word));
        protocol.wait(delay)?;
    }
    protocol.end_block("text");
    Ok(())
}

fn now_micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

fn answer_in_three(protocol: &mut Protocol, text: &str) -> Result<(), Interrupted> {
    let third = text.len().div_ceil(3);
    let cuts = [0, third, 2 * third, text.len()].map(|at| text.floor_char_boundary(at));
    protocol.begin_block("text");
    for cut in cuts.windows(2) {
        protocol.delta("text", &text[cut[0]..cut[1]]);
    }
    protocol.end_block("text");
    Ok(())
}

fn call_of(text: &str) -> (&str, Value) {
    let (name, input) = text.split_once(' ').unwrap_or((text, "{}"));
    (name, serde_json::from_str(input).unwrap())
}

fn names_of_variables() -> String {
    let mut names: Vec<String> = env::vars().map(|(name, _)| name).collect();
    names.sort();

    names.join("\n")
}
