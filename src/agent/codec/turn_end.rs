//! The end of a turn, read from the agent's result line.

use crate::{
    agent::event::{AgentEnd, AgentEvent, AgentResult},
    entry::Usage,
};

use super::{
    Codec, SESSION_LOST,
    answer::{StreamedAnswer, push_text},
    failure,
    liveness::SeenStates,
    wire::ResultLine,
};

impl Codec {
    /// Ends the turn that the line belongs to, if one is open.
    pub(super) fn result(&mut self, line: ResultLine, events: &mut Vec<AgentEvent>) {
        if line.errors.iter().any(|error| error.contains(SESSION_LOST)) {
            self.session_lost = true;
            return;
        }
        let cost_usd = line.total_cost_usd.map(|total| {
            let before = std::mem::replace(&mut self.cost_usd, total);
            if total < before { total } else { total - before }
        });
        let own_text = std::mem::take(&mut self.own_text);
        let error_kind = self.error_kind.take();
        let mut answer = std::mem::take(&mut self.answer);
        if !self.turn_open || (self.is_stale && !line.has_failed()) {
            // A result of the agent's housekeeping, or a second one of an earlier turn, possibly after the
            // next message was sent: no turn waits for it.
            return;
        }
        self.turn_open = false;
        self.is_busy = false;
        self.is_stale = self.says_begin;
        self.said = SeenStates::default();
        answer.finish(events);
        let end = if line.terminal_reason.as_deref().is_some_and(is_interrupt) {
            AgentEnd::Interrupted
        } else if line.has_failed() {
            AgentEnd::Failed(failure::of_result(&line, error_kind.as_deref(), &self.reports))
        } else {
            if !own_text.is_empty() {
                events.push(AgentEvent::TextStarted);
                push_text(&own_text, events);
            }
            cut_off(&answer, &line)
                .map_or(AgentEnd::Completed, |words| AgentEnd::Failed(words.into()))
        };
        self.reports.forget_turn();
        let usage = line.usage.unwrap_or_default();
        events.push(AgentEvent::Finished(AgentResult {
            end,
            usage: Usage {
                input_tokens: usage.input_tokens.unwrap_or(0),
                output_tokens: usage.output_tokens.unwrap_or(0),
                cache_read_tokens: usage.cache_read_input_tokens.unwrap_or(0),
                cache_write_tokens: usage.cache_creation_input_tokens.unwrap_or(0),
            },
            cost_usd,
            duration_ms: line.duration_ms,
        }));
    }
}

/// Why a completed answer may lack its end.
fn cut_off(answer: &StreamedAnswer, line: &ResultLine) -> Option<String> {
    let stop_reason = line.stop_reason.as_deref().or_else(|| answer.stop_reason());
    let why = match stop_reason {
        Some("max_tokens") => "the model reached the most that it may say at once",
        Some("model_context_window_exceeded") => {
            "the conversation is as long as the model can read"
        }
        None if answer.is_cut() => "the connection to the model ended before the answer did",
        _ => return None,
    };
    Some(format!(
        "The answer may be cut off: {why}. What came is kept. Send \"continue\", or ask again."
    ))
}

fn is_interrupt(terminal_reason: &str) -> bool {
    terminal_reason.starts_with("aborted_")
}
