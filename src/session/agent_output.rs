//! Agents that speak: events become entries, ends and states.

use std::time::Instant;

use actix::{Context, Handler};
use uuid::Uuid;

use crate::{
    agent::{
        AgentExited, AgentOutput, Flow,
        event::{AgentEnd, AgentEvent, AgentInit},
    },
    conversation::{answer_limits, turn::TurnEvent},
    database::messages::SetAgentSession,
    entry::{Content, ToolCall, ToolResult},
    ids::{ConversationId, TurnNumber},
    wire::server_frame::{ConversationState, Status},
};

use super::Session;

/// What is told of a turn that the agent calls done and in which it has neither said nor done anything.
const NOTHING_SAID: &str = "The agent answered nothing: its turn ended without a text and without the \
     use of a tool. Ask again, in other words if it happens again.";

impl Handler<AgentOutput> for Session {
    type Result = Flow;

    fn handle(&mut self, output: AgentOutput, context: &mut Self::Context) -> Flow {
        let AgentOutput { conversation, epoch, events, activity } = output;
        let Some(live) = self.conversations.get_mut(&conversation) else { return Flow::Continue };
        if live.epoch != epoch {
            return Flow::Continue;
        }
        live.watchdog.heard(activity, Instant::now());
        if events.is_empty() {
            // It shows that it works, and has said nothing that anybody is to see.
            return Flow::Continue;
        }
        live.touch();
        let most = self.unsaved_share();
        let mut whole = false;
        for event in events {
            whole |= self.on_agent_event(conversation, event, context);
        }
        self.reserve(conversation, context);
        self.render_soon(conversation, context);
        let live = self.conversations.get(&conversation);
        if whole || live.is_some_and(|live| live.transcript.unsaved_bytes() > most / 2) {
            self.store(conversation, context);
        } else {
            self.store_soon(conversation, context);
        }
        let Some(live) = self.conversations.get_mut(&conversation) else { return Flow::Continue };
        live.deliver();
        live.flow(most)
    }
}

impl Session {
    /// Takes one event. Whether it made an entry that is written at once.
    fn on_agent_event(
        &mut self,
        conversation: ConversationId,
        event: AgentEvent,
        context: &mut Context<Self>,
    ) -> bool {
        let Some(live) = self.conversations.get_mut(&conversation) else { return false };
        // What an agent says after it has finished belongs to nobody.
        let running = live.turns.running().filter(|_| !live.references.is_finishing());
        let (event, turn) = match (answer_limits::bounded(event), running) {
            (AgentEvent::Ready, _) => {
                self.start_failed = None;
                self.apply_event(conversation, TurnEvent::AgentReady, context);
                return false;
            }
            (AgentEvent::Initialized(init), _) => {
                live.turns.on(TurnEvent::QuestionReceived);
                self.initialized(conversation, init, context);
                return false;
            }
            (AgentEvent::Finished(_), None) => return false,
            (AgentEvent::Finished(mut result), Some(turn)) => {
                if result.end == AgentEnd::Completed && !live.transcript.has_answer(turn) {
                    result.end = AgentEnd::Failed(NOTHING_SAID.to_owned().into());
                }
                self.end_checked(conversation, TurnEvent::AgentFinished(result), context);
                return true;
            }
            (AgentEvent::Garbage(line), _) => {
                live.volume.note_garbage(conversation, &line);
                return false;
            }
            // What it says outside a turn belongs to nobody.
            (_, None) => return false,
            (event, Some(turn)) => (event, turn),
        };
        live.turns.on(TurnEvent::QuestionReceived);
        if !matches!(event, AgentEvent::Notice(_) | AgentEvent::Retrying { .. }) {
            live.goes_on();
        }
        match live.measure(turn, event, &self.resources.settings.answer_limits) {
            (event, None) => event.is_some_and(|event| self.said(conversation, turn, event)),
            (event, Some(words)) => {
                if let Some(event) = event {
                    self.said(conversation, turn, event);
                }
                log::warn!("agent is ended conversation={conversation} why={words:?}");
                self.end_checked(conversation, TurnEvent::AnswerTooLong(words), context);
                true
            }
        }
    }

    /// Takes what the agent says in its turn. Whether it made an entry that is written at once.
    fn said(&mut self, conversation: ConversationId, turn: TurnNumber, event: AgentEvent) -> bool {
        let Some(live) = self.conversations.get_mut(&conversation) else { return false };
        match (event, turn) {
            (AgentEvent::TextStarted, _) => live.transcript.close_block(),
            (AgentEvent::TextDelta(text), turn) => live.transcript.append(turn, false, &text),
            (AgentEvent::TextReplaced(text), turn) => live.transcript.replace(turn, &text),
            (AgentEvent::ThinkingDelta(text), turn) => live.transcript.append(turn, true, &text),
            (AgentEvent::Withdrawn(texts), turn) => {
                live.transcript.withdraw(turn, &texts);
                return true;
            }
            (AgentEvent::ToolCalled { call_id, tool, input }, turn) => {
                let call = ToolCall { call_id, tool, input };
                live.note_call(&call, &self.project.dir);
                live.tool_called(turn, call);
                return true;
            }
            (AgentEvent::ToolReturned { call_id, ok, content, truncated }, turn) => {
                if !live.question_calls.contains(&call_id) {
                    let result = ToolResult { call_id, ok, content, truncated };
                    live.note_result(&result, &self.project.dir);
                    live.transcript.push(turn, Content::ToolResult(result), false);
                }
                return true;
            }
            (AgentEvent::Retrying { attempt, max_attempts, delay_ms, reason }, _) => {
                let seconds = delay_ms.div_ceil(1000);
                live.tell(&Status {
                    state: ConversationState::Retrying,
                    detail: format!("{reason}; try {attempt} of {max_attempts} in {seconds} s"),
                    queue_position: None,
                });
            }
            (AgentEvent::Notice(told), _) => live.told(told),
            // The process answers these itself.
            _ => (),
        }
        false
    }

    fn initialized(
        &mut self,
        conversation: ConversationId,
        init: AgentInit,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let id = Uuid::parse_str(&init.session_id).ok();
        if id.is_some() && live.agent_session != id {
            log::debug!("agent session conversation={conversation} id={}", init.session_id);
            live.agent_session = id;
            let agent_session = Some(init.session_id);
            self.write_in_background(
                SetAgentSession { project: self.project.name.clone(), conversation, agent_session },
                context,
            );
        }
    }
}

impl Handler<AgentExited> for Session {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, context: &mut Self::Context) {
        let AgentExited { conversation, epoch, exit } = exited;
        let Some(live) = self.conversations.get_mut(&conversation) else {
            self.answer_closers(context);
            return;
        };
        if live.epoch != epoch {
            return;
        }
        live.agent = None;
        let is_starting = live.turns.is_starting();
        let could_not_resume = is_starting && live.is_resuming;
        if exit.session_lost || could_not_resume {
            live.agent_session = None;
        }
        if exit.session_lost {
            let forget = SetAgentSession {
                project: self.project.name.clone(),
                conversation,
                agent_session: None,
            };
            self.write_in_background(forget, context);
        }
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if could_not_resume {
            // Its own session is gone or damaged. A new one is told what was said before.
            log::info!("agent could not resume conversation={conversation} why={:?}", exit.words());
            self.start_agent(conversation, context);
        } else {
            live.slot = None;
            if is_starting {
                self.start_failed = Some(Instant::now());
            }
            self.end_checked(conversation, TurnEvent::AgentExited(exit.words()), context);
        }
        self.answer_closers(context);
    }
}
