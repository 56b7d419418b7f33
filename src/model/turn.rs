//! A turn: asks the service, shows what it says, has the tools run that it calls, and asks again, until
//! it answers or a bound is reached.

mod ask;
mod calls;
mod prepare;

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use crate::guide::{lines::ExplainedFailure, tool_calls::PipeCalls};

use super::{
    client::ServiceClient,
    failure::{Asked, FailureKind, ServiceError},
    live::LiveTurn,
    messages::SignedThinking,
    reply::{ModelReply, Piece},
    request::Said,
    service::{Preset, Service},
    talk::Talk,
};
use calls::RepeatedCalls;

pub(super) use prepare::prepare;

/// Requests of one turn.
const MAX_ROUNDS: u32 = 50;

/// Tokens that a model may write in one turn.
const MAX_OUTPUT_TOKENS: u64 = 200_000;

/// Interval at which a wait checks for an interrupt.
const INTERRUPT_CHECK: Duration = Duration::from_millis(20);

/// Interval at which a wait shows that the agent lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Why a turn ends without a whole answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnStop {
    #[error("interrupted by the user")]
    Interrupted,
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Service(ServiceError),
    #[error("{0}")]
    Bound(&'static str),
}

/// What a turn needs and does not change.
pub(super) struct TurnEnv<'a> {
    pub(super) service: &'a Service,
    pub(super) client: &'a Arc<ServiceClient>,
    pub(super) system: &'a str,
    pub(super) calls: &'a PipeCalls,
    pub(super) is_interrupted: &'a dyn Fn() -> bool,
}

impl TurnEnv<'_> {
    /// Fails once the user has interrupted; then no request goes on.
    fn check(&self) -> Result<(), TurnStop> {
        if (self.is_interrupted)() {
            self.client.cancel();
            return Err(TurnStop::Interrupted);
        }
        Ok(())
    }

    /// Waits for what a channel brings; `None` once it is closed.
    fn wait<T>(
        &self,
        receiver: &Receiver<T>,
        sign: &mut WaitSign<'_, '_>,
    ) -> Result<Option<T>, TurnStop> {
        loop {
            self.check()?;
            match receiver.recv_timeout(INTERRUPT_CHECK) {
                Ok(value) => return Ok(Some(value)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => sign.show()?,
            }
        }
    }

    /// Waits for a time.
    fn pause(&self, length: Duration, sign: &mut WaitSign<'_, '_>) -> Result<(), TurnStop> {
        let end = Instant::now() + length;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
        {
            self.check()?;
            std::thread::sleep(left.min(INTERRUPT_CHECK));
            sign.show()?;
        }
        Ok(())
    }

    /// The failure in words.
    fn explain(&self, error: &ServiceError) -> ExplainedFailure {
        let asked = Asked {
            service: self.service.host(),
            model: &self.service.model,
            is_ollama: self.service.known_as() == Some(Preset::Ollama),
        };
        ExplainedFailure { words: error.words(&asked), remedy: error.remedy() }
    }
}

/// Shows that a waiting agent lives, if the turn is open.
struct WaitSign<'a, 'b> {
    live: Option<&'a LiveTurn<'b>>,
    last: Instant,
}

impl<'a, 'b> WaitSign<'a, 'b> {
    fn new(live: Option<&'a LiveTurn<'b>>) -> Self {
        Self { live, last: Instant::now() }
    }

    fn show(&mut self) -> io::Result<()> {
        if self.last.elapsed() >= KEEP_ALIVE {
            self.last = Instant::now();
            if let Some(live) = self.live {
                live.keep_alive()?;
            }
        }
        Ok(())
    }
}

/// A running turn.
pub(super) struct TurnRun<'a> {
    env: &'a TurnEnv<'a>,
    talk: &'a mut Talk,
    live: LiveTurn<'a>,
    /// What the model has said since its last calls.
    shown: String,
    repeats: RepeatedCalls,
    n_output: u64,
}

/// Answers the newest question, and ends the turn exactly once. Fails if nobody reads the output.
pub(super) fn answer<'a>(
    env: &'a TurnEnv<'a>,
    talk: &'a mut Talk,
    live: LiveTurn<'a>,
) -> io::Result<()> {
    let mut run = TurnRun {
        env,
        talk,
        live,
        shown: String::new(),
        repeats: RepeatedCalls::default(),
        n_output: 0,
    };
    let told = run.run();
    run.end(told)
}

/// Ends a turn that did not begin.
pub(super) fn refuse(env: &TurnEnv<'_>, live: LiveTurn<'_>, stop: TurnStop) -> io::Result<()> {
    match stop {
        TurnStop::Output(error) => Err(error),
        TurnStop::Interrupted => live.abort(),
        TurnStop::Service(error) => live.fail(&env.explain(&error)),
        TurnStop::Bound(words) => {
            live.fail(&ExplainedFailure { words: words.to_owned(), remedy: "ask_again" })
        }
    }
}

impl TurnRun<'_> {
    /// Gives the reason for which the model stopped, in the words of the protocol.
    fn run(&mut self) -> Result<&'static str, TurnStop> {
        if !self.talk.settings.has_tools {
            self.retrieve()?;
        }
        for _ in 0..MAX_ROUNDS {
            let (reply, thinking) = self.ask()?;
            let tokens = self.count(&reply);
            if reply.calls.is_empty() {
                let reason = stop_reason(&reply)?;
                self.note_truncation()?;
                self.note_withheld()?;
                self.live.close_message(reason, tokens)?;
                let text = std::mem::take(&mut self.shown);
                self.talk.said.push(Said::text(text));
                return Ok(reason);
            }
            self.run_calls(reply, thinking, tokens)?;
            self.shown.clear();
            if self.n_output > MAX_OUTPUT_TOKENS {
                return Err(TurnStop::Bound(
                    "The model wrote more than it may for one question, so I stopped it. Ask for less at a time.",
                ));
            }
        }
        Err(TurnStop::Bound(
            "The model used tools again and again without an answer, so I stopped it. Ask for less at a time, or send \"continue\".",
        ))
    }

    fn count(&mut self, reply: &ModelReply) -> crate::guide::lines::TokenCounts {
        let tokens = self.talk.count(reply);
        let all = &mut self.live.tokens;
        all.input += tokens.input;
        all.cached += tokens.cached;
        all.output += tokens.output;
        self.live.total_cost = self.talk.total_cost;
        self.n_output += tokens.output.max(reply.text.len() as u64 / 8);
        tokens
    }

    /// Shows a piece of the answer.
    fn show(&mut self, piece: &Piece) -> io::Result<()> {
        if let Piece::Text(text) = piece {
            self.shown.push_str(text);
        }
        self.live.piece(piece)
    }

    fn end(self, told: Result<&'static str, TurnStop>) -> io::Result<()> {
        let Self { env, talk, mut live, shown, .. } = self;
        live.total_cost = talk.total_cost;
        let end = match &told {
            Ok(_) => None,
            Err(TurnStop::Interrupted) => Some("(The user interrupted this answer.)"),
            Err(_) => Some(""),
        };
        talk.settle(&shown, end);
        match told {
            Ok(reason) => live.finish(reason),
            Err(stop) => refuse(env, live, stop),
        }
    }
}

/// The thinking of a reply, to be sent back.
fn kept_thinking(reply: &ModelReply, signed: SignedThinking, is_chat: bool) -> SignedThinking {
    if is_chat { SignedThinking::unsigned(&reply.thinking) } else { signed }
}

/// Why the model stopped, in the words of the protocol.
fn stop_reason(reply: &ModelReply) -> Result<&'static str, TurnStop> {
    match reply.finish.as_deref() {
        Some("refusal" | "content_filter") => {
            Err(TurnStop::Service(ServiceError::new(FailureKind::Declined, "")))
        }
        Some("length" | "max_tokens") => Ok("max_tokens"),
        Some("model_context_window_exceeded") => Ok("model_context_window_exceeded"),
        _ if reply.is_full() => Ok("max_tokens"),
        _ => Ok("end_turn"),
    }
}
