//! The input of a built-in agent: reads its lines, answers control requests, and passes the rest on.

use std::{
    io::{self, BufRead, Read},
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::Value;

use crate::guide::{
    output::LineOutput,
    protocol::{self, InputLine, UserQuestion},
    tool_calls::PipeCalls,
};

/// Longest line of input, bytes; a longer one is split and rejected.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// What an agent has to do with its input.
#[derive(Debug)]
pub(crate) enum AgentTask {
    Question(UserQuestion),
    /// To know the conversation so far.
    History(Vec<Value>),
    /// To begin the answer to the next question with this.
    Note(String),
    /// To think at most so many tokens before an answer, from now on; `None` leaves that to the model.
    Thinking(Option<u64>),
}

/// The numbers of the last question asked, answered and interrupted; 0 before the first.
#[derive(Debug, Default)]
pub(crate) struct TurnCounters {
    asked: AtomicU64,
    answered: AtomicU64,
    interrupted: AtomicU64,
}

impl TurnCounters {
    /// Interrupts the running turn, if there is one.
    fn interrupt(&self) {
        let answered = self.answered.load(Ordering::SeqCst);
        if answered < self.asked.load(Ordering::SeqCst) {
            self.interrupted.fetch_max(answered + 1, Ordering::SeqCst);
        }
    }

    /// The number of the turn to answer next.
    pub(crate) fn next(&self) -> u64 {
        self.answered.load(Ordering::SeqCst) + 1
    }

    pub(crate) fn is_interrupted(&self, turn: u64) -> bool {
        self.interrupted.load(Ordering::SeqCst) >= turn
    }

    /// Ends a turn.
    pub(crate) fn on_answered(&self) {
        self.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// What an agent's input concerns.
#[derive(Debug)]
pub(crate) struct AgentInput<'a> {
    pub output: &'a LineOutput,
    pub turns: &'a TurnCounters,
    /// Where the agent calls tools.
    pub calls: Option<&'a PipeCalls>,
    /// The answer to the handshake.
    pub handshake: Value,
}

impl AgentInput<'_> {
    /// Reads lines until the input ends or nobody needs it any more: `pass` gives false, or the output
    /// is gone.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(crate) fn read(
        &self,
        mut input: impl BufRead,
        mut pass: impl FnMut(AgentTask) -> bool,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let parsed = protocol::parse(&crate::json::decode_text(&line));
            let is_interrupt = matches!(parsed, InputLine::Interrupt { .. });
            let reply = match parsed {
                InputLine::Question(question) => {
                    self.turns.asked.fetch_add(1, Ordering::SeqCst);
                    if !pass(AgentTask::Question(question)) {
                        return Ok(());
                    }
                    continue;
                }
                InputLine::History(turns) => {
                    if !pass(AgentTask::History(turns)) {
                        return Ok(());
                    }
                    continue;
                }
                InputLine::Note(text) => {
                    if !pass(AgentTask::Note(text)) {
                        return Ok(());
                    }
                    continue;
                }
                InputLine::Response(response) => {
                    if let Some(calls) = self.calls {
                        calls.on_response(response);
                    }
                    continue;
                }
                InputLine::Initialize { request_id } => {
                    protocol::control_success(&request_id, Some(self.handshake.clone()))
                }
                InputLine::Interrupt { request_id } => protocol::control_success(&request_id, None),
                InputLine::Thinking { request_id, most_tokens } => {
                    if !pass(AgentTask::Thinking(most_tokens)) {
                        return Ok(());
                    }
                    protocol::control_success(&request_id, None)
                }
                InputLine::Unsupported { request_id, subtype } => protocol::control_error(
                    &request_id,
                    &format!("Unsupported control request subtype: {subtype}"),
                ),
                InputLine::Ignored => continue,
                InputLine::Garbage(reason) => {
                    log::warn!("cannot parse a line of input: {reason}");
                    continue;
                }
            };
            if let Err(error) = self.output.line(&reply) {
                log::warn!("cannot answer a control request: {error}");
                return Ok(());
            }
            // After the reply, so that it comes before the turn's end.
            if is_interrupt {
                self.turns.interrupt();
            }
        }
    }
}
