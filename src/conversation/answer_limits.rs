//! Limits of an answer, and backpressure on an agent whose output the database has not taken.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::{
    agent::{Flow, event::AgentEvent},
    config::settings::AnswerLimits,
    ids::{ConversationId, TurnNumber},
};

use super::Conversation;

/// Bytes of the names that an agent gives to tools and calls, at most.
const NAME_BYTES: usize = 256;

/// Bytes of an agent's own error text, at most.
const WORDS_BYTES: usize = 16 * 1024;

/// Lines outside the protocol that are logged per start of an agent.
const GARBAGE_LOGGED: usize = 20;

/// What the running turn's answer has used of its limits.
#[derive(Debug, Default)]
pub(crate) struct AnswerVolume {
    turn: TurnNumber,
    /// Bytes of text, thinking, tool inputs and tool results.
    bytes: usize,
    /// Entries of the history before the answer.
    before: usize,
    /// Lines outside the protocol since the agent's start.
    garbage: usize,
}

impl AnswerVolume {
    /// Resets what is counted per process.
    pub(crate) fn begin(&mut self) {
        self.garbage = 0;
    }

    /// Logs a line outside the protocol, unless there were too many already.
    pub(crate) fn note_garbage(&mut self, conversation: ConversationId, line: &str) {
        self.garbage += 1;
        if self.garbage > GARBAGE_LOGGED {
            return;
        }
        let shown: String = line.chars().take(200).collect();
        let more = match self.garbage {
            GARBAGE_LOGGED => "; no more of it is logged",
            _ => "",
        };
        log::warn!("the agent printed garbage conversation={conversation} line={shown:?}{more}");
    }
}

/// Cuts names and error texts, whose length the agent chooses.
pub(crate) fn bounded(event: AgentEvent) -> AgentEvent {
    use crate::agent::event::{AgentEnd, AgentFailure, AgentResult};
    match event {
        AgentEvent::ToolCalled { call_id, tool, input } => AgentEvent::ToolCalled {
            call_id: cut(call_id, NAME_BYTES),
            tool: cut(tool, NAME_BYTES),
            input,
        },
        AgentEvent::ToolReturned { call_id, ok, content, truncated } => {
            AgentEvent::ToolReturned { call_id: cut(call_id, NAME_BYTES), ok, content, truncated }
        }
        AgentEvent::Retrying { attempt, max_attempts, delay_ms, reason } => AgentEvent::Retrying {
            attempt,
            max_attempts,
            delay_ms,
            reason: cut(reason, NAME_BYTES),
        },
        AgentEvent::Finished(AgentResult {
            end: AgentEnd::Failed(failure),
            usage,
            cost_usd,
            duration_ms,
        }) => {
            let content = cut(failure.content, WORDS_BYTES);
            let end = AgentEnd::Failed(AgentFailure { content, ..failure });
            AgentEvent::Finished(AgentResult { end, usage, cost_usd, duration_ms })
        }
        other => other,
    }
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.shrink_to_fit();
    }
    text
}

/// Bytes of an event that count against the limit of its answer.
fn size(event: &AgentEvent) -> usize {
    match event {
        AgentEvent::TextDelta(text) | AgentEvent::TextReplaced(text) => text.len(),
        AgentEvent::ThinkingDelta(text) => text.len(),
        AgentEvent::ToolCalled { call_id, tool, input } => {
            call_id.len() + tool.len() + input.get().len()
        }
        AgentEvent::ToolReturned { call_id, content, .. } => call_id.len() + content.len(),
        _ => 0,
    }
}

impl Conversation {
    /// Counts an event of the running turn's answer. Returns what of it is kept, and the reason to
    /// end the answer where it exceeds a limit.
    pub(crate) fn measure(
        &mut self,
        turn: TurnNumber,
        event: AgentEvent,
        limits: &AnswerLimits,
    ) -> (Option<AgentEvent>, Option<String>) {
        let entries = self.transcript.entry_count();
        let volume = &mut self.agent.volume;
        if volume.turn != turn {
            *volume = AnswerVolume {
                turn,
                before: entries,
                garbage: volume.garbage,
                ..AnswerVolume::default()
            };
        }
        let left = limits.bytes.saturating_sub(volume.bytes);
        let bytes = size(&event);
        volume.bytes += bytes;
        if bytes > left {
            let most = bytesize::ByteSize(limits.bytes as u64).display().iec();
            let words = format!("the answer grew beyond {most} (limits.answer_bytes)");
            let kept = match event {
                AgentEvent::TextDelta(text) => Some(AgentEvent::TextDelta(cut(text, left))),
                AgentEvent::ThinkingDelta(text) => Some(AgentEvent::ThinkingDelta(cut(text, left))),
                _ => None,
            };
            return (kept, Some(ended(&words)));
        }
        if entries.saturating_sub(volume.before) > limits.entries {
            let most = limits.entries;
            let words = format!(
                "the answer came in more than {most} parts (advanced.limits.answer_entries)"
            );
            return (None, Some(ended(&words)));
        }
        (Some(event), None)
    }

    /// Holds the agent's output while its end is checked, sequence numbers run short, or more than
    /// `most` bytes wait for the database.
    pub(crate) fn flow(&mut self, most: usize) -> Flow {
        if let Some(gate) = self.hold_while_finishing() {
            return Flow::Hold(gate);
        }
        if !self.must_wait(most) {
            return Flow::Continue;
        }
        let (gate, opened) = oneshot::channel();
        self.agent.gates.push(gate);
        Flow::Hold(opened)
    }

    /// Lets the agent's output be read on, if nothing else holds it.
    pub(crate) fn open_gates(&mut self, most: usize) {
        if self.agent.is_held() && !self.must_wait(most) {
            // The agent could not speak, so it was not silent.
            self.agent.watchdog.resume(Instant::now());
            // Dropping a gate opens it.
            self.agent.gates.clear();
        }
    }

    fn must_wait(&self, most: usize) -> bool {
        self.transcript.is_short_of_numbers() || self.transcript.unsaved_bytes() > most
    }
}

fn ended(why: &str) -> String {
    format!("{why} and was ended; what came until then is kept; ask again, for less at a time")
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::{
        conversation::transcript::Transcript,
        database::Summary,
        entry::TextKind,
        ids::{ConversationId, Seq},
        rights::Ownership,
    };

    fn conversation() -> Conversation {
        let summary = Summary {
            id: ConversationId(1),
            project_name: "demo".to_owned(),
            title: None,
            created_at: String::new(),
            updated_at: String::new(),
            message_count: 0,
            ownership: Ownership::default(),
            forked_from: None,
        };
        Conversation::new(summary, Transcript::new(Seq(100_000)), TurnNumber(1))
    }

    fn limits(bytes: usize, entries: usize) -> AnswerLimits {
        AnswerLimits { bytes, entries, unsaved_bytes: 1 << 20 }
    }

    fn text(text: &str) -> AgentEvent {
        AgentEvent::TextDelta(text.to_owned())
    }

    fn result(bytes: usize) -> AgentEvent {
        let content = "r".repeat(bytes);
        AgentEvent::ToolReturned { call_id: String::new(), ok: true, content, truncated: false }
    }

    fn call(bytes: usize) -> AgentEvent {
        let input = RawValue::from_string(format!("\"{}\"", "i".repeat(bytes))).unwrap();
        AgentEvent::ToolCalled { call_id: String::new(), tool: String::new(), input }
    }

    #[test]
    fn p9_an_answer_has_so_many_bytes_whatever_they_are_and_what_fits_of_a_text_is_kept() {
        for (events, kept) in [
            (vec![text("12345"), text("67890")], Some(None)),
            (vec![text("12345"), text("67890x")], Some(Some("67890"))),
            (vec![text("12345678"), text("éé")], Some(Some("é"))),
            (vec![AgentEvent::ThinkingDelta("x".repeat(11))], Some(Some("xxxxxxxxxx"))),
            (vec![text("12345"), result(6)], None),
            (vec![call(9)], None),
            (vec![AgentEvent::TextReplaced("x".repeat(11))], None),
        ] {
            let mut live = conversation();
            let shown = format!("{events:?}");
            let last = events.len() - 1;
            for (at, event) in events.into_iter().enumerate() {
                let (left, words) = live.measure(TurnNumber(1), event, &limits(10, 100));
                assert_eq!(words.is_some(), at == last && kept != Some(None), "{shown}");
                if let Some(words) = words {
                    assert!(words.contains("10 B (limits.answer_bytes)"), "{words}");
                    let left = left.map(|event| match event {
                        AgentEvent::TextDelta(text) | AgentEvent::ThinkingDelta(text) => text,
                        other => panic!("{other:?} is kept"),
                    });
                    assert_eq!(left.as_deref(), kept.flatten(), "{shown}");
                }
            }
        }
    }

    #[test]
    fn p9_an_answer_has_so_many_entries_and_the_next_one_as_many_again() {
        let mut live = conversation();
        for turn in 1..=2 {
            for _ in 0..=5 {
                let (kept, words) = live.measure(TurnNumber(turn), result(1), &limits(1000, 5));
                assert!(kept.is_some() && words.is_none());
                live.transcript.close_block();
                live.transcript.append(TurnNumber(turn), TextKind::Answer, "x");
            }
            let (kept, words) = live.measure(TurnNumber(turn), result(1), &limits(1000, 5));
            let words = words.unwrap();
            assert!(
                kept.is_none()
                    && words.contains("more than 5 parts (advanced.limits.answer_entries)")
            );
        }
    }

    #[test]
    fn p9_an_agent_waits_while_more_is_unsaved_than_may_be() {
        let mut live = conversation();
        live.transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(999));
        assert!(matches!(live.flow(2000), Flow::Continue));
        live.transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(2000));
        let Flow::Hold(mut gate) = live.flow(2000) else { panic!("it is read on") };
        live.open_gates(2000);
        assert!(
            live.agent.is_held()
                && gate
                    .try_recv()
                    .is_err_and(|it| it == tokio::sync::oneshot::error::TryRecvError::Empty)
        );
        drop(live.transcript.take_dirty());
        live.open_gates(2000);
        assert!(live.agent.is_held(), "it is on its way");
        live.transcript.is_written();
        live.open_gates(2000);
        assert!(!live.agent.is_held());
    }

    #[test]
    fn p9_names_and_words_of_an_agent_are_cut() {
        let long = "é".repeat(100_000);
        let retrying =
            AgentEvent::Retrying { attempt: 1, max_attempts: 2, delay_ms: 3, reason: long.clone() };
        let AgentEvent::Retrying { reason, .. } = bounded(retrying) else {
            panic!("another event")
        };
        assert_eq!(reason.len(), NAME_BYTES);
        let returned = AgentEvent::ToolReturned {
            call_id: long.clone(),
            ok: true,
            content: long.clone(),
            truncated: false,
        };
        let AgentEvent::ToolReturned { call_id, content, .. } = bounded(returned) else {
            panic!("another event")
        };
        assert_eq!((call_id.len(), content.len()), (NAME_BYTES, long.len()));
    }
}
