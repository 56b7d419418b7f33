//! The pipes of an agent: stdout becomes events and host actions, stdin is fed, the tail of stderr is kept.

use std::{path::PathBuf, sync::Arc};

use actix::Recipient;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

use super::{LINGER, tool_calls::ToolCalls};
use crate::{
    agent::{
        codec::{AgentCodec, CodecOutput, HostAction},
        event::{AgentEvent, Liveness},
        messages::{AgentOutput, Flow},
        process::{
            control::ProcessControl,
            lines::{LineSplitter, OutputLine},
            tail::Tail,
        },
        record::LineRecorder,
    },
    ids::ConversationId,
};

/// Size of one read: the capacity of a pipe.
const READ_BYTES: usize = 1 << 16; // 64 KiB

/// Bytes kept from the end of stderr.
const STDERR_BYTES: usize = 8 << 10; // 8 KiB

/// Output allowed without a question, in bytes.
const IDLE_OUTPUT_BYTES: usize = 8 << 20; // 8 MiB

/// The reason of an agent's end when it prints more.
const PRINTS_WHILE_IDLE: &str = "The agent kept on printing without a question and was stopped. The next \
                                 message starts it again.";

/// Reads stdout, performs host actions and passes events to the session.
pub(super) struct OutputReader {
    pub conversation: ConversationId,
    pub epoch: u64,
    pub codec: AgentCodec,
    pub control: Arc<ProcessControl>,
    pub input: mpsc::Sender<String>,
    pub tool_calls: ToolCalls,
    pub output: Recipient<AgentOutput>,
    pub recorder: LineRecorder,
    /// Where to write the agent's own id of its session.
    pub session_file: Option<PathBuf>,
    pub reaped: watch::Receiver<bool>,
}

/// The result of reading stdout.
pub(super) struct OutputEnd {
    pub session_lost: bool,
    /// Why the agent had to be stopped.
    pub reason: Option<String>,
}

impl OutputReader {
    /// Reads to the end of stdout.
    pub(super) async fn read(mut self, mut stdout: ChildStdout, line_bytes: usize) -> OutputEnd {
        let mut pipe_end = DrainingPipe::new(self.reaped.clone());
        let mut lines = LineSplitter::new(line_bytes);
        let mut buffer = vec![0; READ_BYTES];
        let mut reason = None;
        let mut idle_bytes = 0;
        loop {
            let length = pipe_end.read(&mut stdout, &mut buffer).await;
            let read_at = Instant::now();
            let is_asked = *self.control.turn.borrow();
            if is_asked {
                self.codec.open_turn();
            }
            idle_bytes = if is_asked { 0 } else { idle_bytes + length };
            if idle_bytes > IDLE_OUTPUT_BYTES {
                reason = Some(PRINTS_WHILE_IDLE.to_owned());
                self.control.kill();
            }
            let mut output = CodecOutput::default();
            let mut take = |line: OutputLine<'_>| match line {
                OutputLine::Whole(line) => {
                    self.recorder.stdout(line);
                    self.codec.line(line, &mut output);
                }
                OutputLine::Shortened(line, length) => {
                    self.recorder.note(&format!("the next line had {length} bytes"));
                    self.recorder.stdout(line);
                    log::info!(
                        "a line of the agent was shortened bytes={length} left={}",
                        line.len()
                    );
                    self.codec.shortened_line(line, &mut output);
                }
                OutputLine::TooLong(length) => {
                    self.recorder.note(&format!("a line of {length} bytes is left out"));
                    output.note_dropped_line(length);
                }
            };
            if length == 0 {
                lines.finish(&mut take);
            } else {
                lines.feed(&buffer[..length], &mut take);
            }
            for action in output.actions {
                if let Some(abort) = self.perform(action).await {
                    reason.get_or_insert(abort);
                    self.control.kill();
                }
            }
            if reason.is_some() {
                // Output of an agent that must be stopped is no answer.
                return OutputEnd { session_lost: self.codec.session_lost(), reason };
            }
            let CodecOutput { events, activity, .. } = output;
            let output = AgentOutput {
                conversation: self.conversation,
                epoch: self.epoch,
                events,
                activity,
                read_at: read_at.into_std(),
            };
            let delivered = self.deliver(output, &mut pipe_end).await;
            if length == 0 || !delivered {
                return OutputEnd { session_lost: self.codec.session_lost(), reason };
            }
        }
    }

    /// Performs an action, or returns why the agent must be stopped.
    async fn perform(&self, action: HostAction) -> Option<String> {
        let reply = match action {
            HostAction::Abort(reason) => return Some(reason),
            HostAction::Reply(line) => line,
            HostAction::CallTool { pending, call } => {
                self.tool_calls.start(pending, call);
                return None;
            }
            HostAction::JudgeTool { question, tool, input } => {
                self.tool_calls.judge(question, tool, input.get().to_owned());
                return None;
            }
            HostAction::KeepSession(id) => {
                self.keep_session(&id).await;
                return None;
            }
        };
        // A closed channel means that the agent is about to end.
        self.input.send(reply).await.ok();
        None
    }

    /// Writes the agent's own id of its session where the next start looks for it.
    async fn keep_session(&self, id: &str) {
        let Some(file) = &self.session_file else { return };
        if let Err(error) = tokio::fs::write(file, id).await {
            log::warn!("cannot keep an agent's session file={file:?} error={error}");
        }
    }

    /// Passes events to the session and waits until it takes more. Returns false if the session is gone,
    /// and stops the agent.
    async fn deliver(&self, output: AgentOutput, pipe_end: &mut DrainingPipe) -> bool {
        if output.events.is_empty() && output.activity.liveness == Liveness::None {
            return true;
        }
        if output.events.iter().any(|event| matches!(event, AgentEvent::Finished(_))) {
            // Before the session gets the event, which it may answer with the next message at once.
            self.control.turn.send_replace(false);
        }
        match self.output.send(output).await {
            Ok(Flow::Continue) => true,
            Ok(Flow::Hold(gate)) => {
                pipe_end.pass(gate).await;
                true
            }
            Err(_) => {
                self.control.kill();
                false
            }
        }
    }
}

/// Writes lines to stdin until `closing`, including those queued before.
pub(super) async fn write(
    mut stdin: ChildStdin,
    mut lines: mpsc::Receiver<String>,
    mut closing: watch::Receiver<bool>,
    recorder: LineRecorder,
) {
    loop {
        let line = tokio::select! {
            biased;
            line = lines.recv() => line,
            _ = closing.wait_for(|closing| *closing) => None,
        };
        let Some(line) = line else { return };
        recorder.stdin(&line);
        if let Err(error) = stdin.write_all(line.as_bytes()).await {
            log::debug!("cannot write to the agent error={error}");
            return;
        }
    }
}

/// Reads stderr to its end and returns its tail.
pub(super) async fn read_stderr(
    mut stderr: ChildStderr,
    conversation: ConversationId,
    reaped: watch::Receiver<bool>,
) -> String {
    let mut pipe_end = DrainingPipe::new(reaped);
    let mut tail = Tail::new(STDERR_BYTES);
    let mut buffer = vec![0; 4096];
    loop {
        let length = pipe_end.read(&mut stderr, &mut buffer).await;
        if length == 0 {
            return tail.into_text();
        }
        let piece = &buffer[..length];
        log::debug!(
            "agent stderr conversation={conversation} text={:?}",
            String::from_utf8_lossy(piece)
        );
        tail.push(piece);
    }
}

/// Reads a pipe, and after the agent is reaped only what is left in it: a process outside the group may
/// hold the pipe and write to it for ever.
struct DrainingPipe {
    reaped: watch::Receiver<bool>,
    /// When reading ends, once the agent is reaped.
    until: Option<Instant>,
}

impl DrainingPipe {
    fn new(reaped: watch::Receiver<bool>) -> Self {
        Self { reaped, until: None }
    }

    /// Reads the next bytes; returns 0 at the end.
    async fn read(&mut self, pipe: &mut (impl AsyncReadExt + Unpin), buffer: &mut [u8]) -> usize {
        if *self.reaped.borrow() {
            return self.read_left(pipe, buffer).await;
        }
        let read = tokio::select! {
            biased;
            read = pipe.read(buffer) => Some(read),
            _ = self.reaped.wait_for(|reaped| *reaped) => None,
        };
        match read {
            Some(read) => bytes_of(read),
            None => self.read_left(pipe, buffer).await,
        }
    }

    async fn read_left(
        &mut self,
        pipe: &mut (impl AsyncReadExt + Unpin),
        buffer: &mut [u8],
    ) -> usize {
        let until = *self.until.get_or_insert_with(|| Instant::now() + LINGER);
        // A pipe that is always readable would never time out.
        if Instant::now() >= until {
            return 0;
        }
        timeout_at(until, pipe.read(buffer)).await.map_or(0, bytes_of)
    }

    /// Waits for the gate, but no longer than until the agent is reaped.
    async fn pass(&mut self, gate: oneshot::Receiver<()>) {
        tokio::select! {
            // A dropped gate is open.
            _ = gate => (),
            _ = self.reaped.wait_for(|reaped| *reaped) => (),
        }
    }
}

fn bytes_of(read: io::Result<usize>) -> usize {
    read.unwrap_or_else(|error| {
        log::debug!("cannot read from the agent error={error}");
        0
    })
}
