//! The end of a turn, read from the answer to its prompt.

use super::{
    AcpCodec, CodecOutput, UsageCount, failure,
    wire::{PromptResult, RpcMessage},
};
use crate::{
    agent::event::{AgentEnd, AgentEvent, AgentFailure, AgentResult, Remedy},
    json,
};

impl AcpCodec {
    /// Ends the running turn.
    pub(super) fn end_turn(&mut self, message: &RpcMessage<'_>, output: &mut CodecOutput) {
        let result = message.result.map_or("{}", |result| result.get());
        let result: PromptResult<'_> = json::read(result).unwrap_or_default();
        let UsageCount { usage, cost_usd } = self.meter.end_turn(&result);
        let answer = std::mem::take(&mut self.answer);
        self.calls = super::OpenCalls::default();
        let end = match &message.error {
            Some(error) if failure::is_unknown_session(error) => {
                self.session_lost = true;
                AgentEnd::Failed(AgentFailure::new(
                    "The agent no longer knows this conversation. Ask again: a new agent gets a \
                     summary of it.",
                    Remedy::FreshAgent,
                ))
            }
            Some(error) => AgentEnd::Failed(self.failure_of(error)),
            None => match answer.error() {
                Some((block, said)) => {
                    output.events.push(AgentEvent::Withdrawn(vec![block]));
                    AgentEnd::Failed(self.failure(&said, None, false))
                }
                None => end_for(result.stop_reason.as_str()),
            },
        };
        output.events.push(AgentEvent::Finished(AgentResult {
            end,
            usage,
            cost_usd,
            duration_ms: None,
        }));
    }
}

/// The end that a stop reason tells; an unknown one is as good as none.
fn end_for(stop_reason: &str) -> AgentEnd {
    let failure = match stop_reason {
        "cancelled" => return AgentEnd::Interrupted,
        "max_tokens" => AgentFailure::new(
            "The answer may be cut off: the model reached the most that it may say at once. What \
             came is kept. Send \"continue\", or ask again.",
            Remedy::AskAgain,
        ),
        "max_turn_requests" => AgentFailure::new(
            "The agent stopped after its highest number of requests to the model. Ask for less at a \
             time, or send \"continue\".",
            Remedy::FixFirst,
        ),
        "refusal" => AgentFailure::new(
            "The model declined to answer this. Say it differently, or start a new conversation.",
            Remedy::FixFirst,
        ),
        _ => return AgentEnd::Completed,
    };
    AgentEnd::Failed(failure)
}
