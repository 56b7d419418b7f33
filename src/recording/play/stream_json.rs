//! Plays a recording over Claude Code's lines.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    pace::Pace,
    script::{CUT, Choice, RecordedTurn, Script},
};
use crate::guide::{
    input::{AgentInput, AgentTask, TurnCounters},
    lines::{ExplainedFailure, ProtocolLines, TokenCounts, TurnEnd},
    output::LineOutput,
    protocol::{self, UserQuestion},
};

/// The name that the player reports as its model.
const MODEL: &str = "recording";

/// What it says of itself.
const DESCRIPTION: &str = "Plays back what an agent once said";

/// Interval at which a wait checks for an interrupt.
const INTERRUPT_CHECK: Duration = Duration::from_millis(20);

/// What the threads of the player share.
#[derive(Debug)]
struct Player {
    output: LineOutput,
    lines: ProtocolLines,
    turns: TurnCounters,
    pace: Pace,
}

pub(super) fn play(mut script: Script, pace: Pace) -> io::Result<()> {
    let player = Arc::new(Player {
        output: LineOutput::new(Box::new(io::stdout())),
        lines: ProtocolLines::new(MODEL),
        turns: TurnCounters::default(),
        pace,
    });
    let recorded = script.answer("initialize").filter(|answer| answer.is_object());
    let handshake =
        recorded.unwrap_or_else(|| protocol::initialize_response(MODEL, "Recording", DESCRIPTION));
    let (sender, questions) = mpsc::channel::<UserQuestion>();
    let answerer = {
        let player = Arc::clone(&player);
        thread::spawn(move || {
            for question in questions {
                let told = player.answer(&mut script, &question.text);
                player.turns.on_answered();
                if told.is_err() {
                    // Nobody reads the answer.
                    return;
                }
            }
        })
    };
    let input = AgentInput { output: &player.output, turns: &player.turns, calls: None, handshake };
    let read = input.read(io::stdin().lock(), |task| match task {
        AgentTask::Question(question) => sender.send(question).is_ok(),
        AgentTask::History(_) | AgentTask::Note(_) | AgentTask::Thinking(_) => true,
    });
    drop(sender);
    if answerer.join().is_err() {
        eprintln!("the thread that plays the recording panicked");
    }
    read
}

impl Player {
    fn answer(&self, script: &mut Script, question: &str) -> io::Result<()> {
        let started = Instant::now();
        let number = self.turns.next();
        match script.choose(question) {
            Choice::Turn(turn, remark) => {
                if let Some(remark) = remark {
                    self.say(&remark)?;
                }
                self.play(&turn, number, started)
            }
            Choice::Over(words) => {
                self.say(&words)?;
                self.output.line(&self.lines.success(end(&words, started), "end_turn"))
            }
        }
    }

    /// Writes the lines of a turn, up to its end or an interrupt.
    fn play(&self, turn: &RecordedTurn, number: u64, started: Instant) -> io::Result<()> {
        let mut is_ended = false;
        for step in &turn.steps {
            // What came after the end is not waited for: the next question may be there.
            if !is_ended && !self.wait(self.pace.wait(step.gap_ms), number) {
                self.output.line(&self.lines.interrupted())?;
                return self.output.line(&self.lines.aborted(end("", started)));
            }
            self.output.raw(step.line.clone())?;
            is_ended |= step.is_end;
        }
        if is_ended {
            return Ok(());
        }
        let failure = ExplainedFailure { words: CUT.to_owned(), remedy: "fix_first" };
        self.output.line(&self.lines.explained(end("", started), &failure))
    }

    /// Waits; false if the turn was interrupted meanwhile.
    fn wait(&self, time: Duration, number: u64) -> bool {
        let until = Instant::now() + time;
        loop {
            if self.turns.is_interrupted(number) {
                return false;
            }
            match until.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::sleep(left.min(INTERRUPT_CHECK)),
                _ => return true,
            }
        }
    }

    /// Says something of its own, as a message of the turn.
    fn say(&self, words: &str) -> io::Result<()> {
        const ID: &str = "msg_recording";
        let lines = &self.lines;
        let tools: [&str; 0] = [];
        for line in [
            lines.init("", &tools),
            lines.message_start(ID),
            lines.text_start(0),
            lines.text_delta(0, words),
            lines.assistant(ID, &json!({"type": "text", "text": words})),
            lines.block_stop(0),
            lines.message_delta("end_turn", TokenCounts::default()),
            lines.message_stop(),
        ] {
            self.output.line(&line)?;
        }
        Ok(())
    }
}

fn end(text: &str, started: Instant) -> TurnEnd<'_> {
    TurnEnd {
        text,
        // A duration in milliseconds fits: `as` saturates.
        duration_ms: started.elapsed().as_millis() as u64,
        n_messages: 1,
        tokens: TokenCounts::default(),
        total_cost: None,
    }
}
