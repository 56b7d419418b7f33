//! Plays a recording over the Agent Client Protocol.

use std::{
    io::{self, BufRead, Read as _},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    pace::Pace,
    script::{CUT, Choice, RecordedTurn, Script, text_of},
};
use crate::guide::output::LineOutput;

/// Longest line of input, bytes; a longer one is split and rejected.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Lines of input that wait.
const WAITING: usize = 64;

/// The session where the recording opens none.
const SESSION: &str = "recording";

/// JSON-RPC's errors.
const METHOD_NOT_FOUND: i64 = -32601;
const INTERNAL: i64 = -32603;

struct Player {
    output: LineOutput,
    messages: Receiver<Value>,
    script: Script,
    pace: Pace,
    session: Value,
}

/// Why a turn stops before its end.
enum Stopped {
    Cancelled,
    /// Input or output is gone.
    Closed,
}

impl From<io::Error> for Stopped {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

pub(super) fn play(script: Script, pace: Pace) -> io::Result<()> {
    let (sender, messages) = mpsc::sync_channel(WAITING);
    let reader = thread::spawn(move || read(&mut io::stdin().lock(), &sender));
    let output = LineOutput::new(Box::new(io::stdout()));
    let mut player = Player { output, messages, script, pace, session: json!(SESSION) };
    while let Ok(message) = player.messages.recv() {
        if player.serve(&message).is_err() {
            // Nobody reads the answers.
            return Ok(());
        }
    }
    reader.join().unwrap_or(Ok(()))
}

/// Passes on the messages of the client until there are none or nobody takes them.
fn read(input: &mut impl BufRead, sender: &mpsc::SyncSender<Value>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if let Ok(message) = serde_json::from_slice(&line)
            && sender.send(message).is_err()
        {
            return Ok(());
        }
    }
}

impl Player {
    fn serve(&mut self, message: &Value) -> io::Result<()> {
        let id = &message["id"];
        match message["method"].as_str() {
            Some("session/prompt") => self.answer(id, &text_of(&message["params"]["prompt"])),
            Some(method) if !id.is_null() => self.answer_request(id, method),
            _ => Ok(()),
        }
    }

    /// Answers a request as the recorded agent answered its like.
    fn answer_request(&mut self, id: &Value, method: &str) -> io::Result<()> {
        let answer = self.script.answer(method).unwrap_or_else(|| match method {
            "initialize" => json!({"result": {"protocolVersion": 1}}),
            "session/new" => json!({"result": {"sessionId": SESSION}}),
            "authenticate" | "session/set_mode" => json!({"result": {}}),
            _ => {
                let message = format!("The recording has no answer to {method}.");
                json!({"error": {"code": METHOD_NOT_FOUND, "message": message}})
            }
        });
        if let Some(session) = answer.pointer("/result/sessionId") {
            self.session = session.clone();
        }
        self.write_answer(id, answer)
    }

    fn write_answer(&self, id: &Value, mut answer: Value) -> io::Result<()> {
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = id.clone();
        self.output.line(&answer)
    }

    fn answer(&mut self, id: &Value, question: &str) -> io::Result<()> {
        let end = match self.script.choose(question) {
            Choice::Turn(turn, remark) => {
                if let Some(remark) = remark {
                    self.say(&remark)?;
                }
                match self.play(&turn) {
                    Ok(end) => end,
                    Err(Stopped::Cancelled) => json!({"result": {"stopReason": "cancelled"}}),
                    Err(Stopped::Closed) => return Err(io::ErrorKind::BrokenPipe.into()),
                }
            }
            Choice::Over(words) => {
                self.say(&words)?;
                json!({"result": {"stopReason": "end_turn"}})
            }
        };
        self.write_answer(id, end)
    }

    /// Writes what came before the answer to the question, and returns the answer.
    fn play(&mut self, turn: &RecordedTurn) -> Result<Value, Stopped> {
        for step in &turn.steps {
            self.wait(self.pace.wait(step.gap_ms))?;
            if step.is_end {
                return Ok(serde_json::from_str(&step.line).unwrap_or_default());
            }
            self.output.raw(step.line.clone())?;
        }
        Ok(json!({"error": {"code": INTERNAL, "message": CUT}}))
    }

    /// Waits, and serves what comes meanwhile.
    fn wait(&mut self, time: Duration) -> Result<(), Stopped> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(Stopped::Closed),
                Ok(message) => match message["method"].as_str() {
                    Some("session/cancel") => return Err(Stopped::Cancelled),
                    Some("session/prompt") => {
                        let error = json!({"code": INTERNAL, "message": "A turn is running."});
                        self.write_answer(&message["id"], json!({"error": error}))?;
                    }
                    _ => self.serve(&message)?,
                },
            }
        }
    }

    /// Says something of its own.
    fn say(&self, words: &str) -> io::Result<()> {
        let content = json!({"type": "text", "text": words});
        let update = json!({"sessionUpdate": "agent_message_chunk", "content": content});
        self.output.line(&json!({
            "jsonrpc": "2.0",
            "method": "session/update",
            "params": {"sessionId": self.session, "update": update},
        }))
    }
}
