//! Traces of turns: when a question waited, its agent started, its answer began and ended, and which tools it used.
//! Neither texts nor names of people are in them.

use std::{borrow::Cow, time::SystemTime};

use uuid::Uuid;

use crate::{
    entry::{AnsweredBy, Content, Outcome},
    hex,
    ids::{ConversationId, TurnNumber},
    project::ProjectName,
};

/// Calls of tools in one trace; a longer turn has the first ones.
const MAX_CALLS: usize = 128;

/// Longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// What a tool is called whose agent gives a text in place of its name.
const UNNAMED: &str = "other";

/// The open turns of a conversation; none where nothing is sent.
#[derive(Debug, Default)]
pub(crate) struct TurnTraces(Vec<TurnTrace>);

/// A turn that has not ended.
#[derive(Debug)]
struct TurnTrace {
    turn: TurnNumber,
    id: TraceId,
    root: SpanId,
    stored_at: SystemTime,
    /// The start of an agent for it, and since when that takes questions.
    start: Option<(SpanId, SystemTime, Option<SystemTime>)>,
    asked_at: Option<SystemTime>,
    text_at: Option<SystemTime>,
    calls: Vec<CallTrace>,
}

#[derive(Debug)]
struct CallTrace {
    id: String,
    tool: String,
    from: SystemTime,
    to: Option<(SystemTime, bool)>,
}

pub(super) type TraceId = [u8; 16];
pub(super) type SpanId = [u8; 8];

/// The spans of a turn that has ended, the one of the whole turn first.
#[derive(Debug)]
pub(crate) struct EndedTrace {
    pub(super) id: TraceId,
    pub(super) spans: Vec<TraceSpan>,
}

/// A stretch of time with a name.
#[derive(Debug)]
pub(super) struct TraceSpan {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: Cow<'static, str>,
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    pub(super) has_failed: bool,
    pub(super) attributes: Vec<(&'static str, SpanAttribute)>,
}

#[derive(Debug, PartialEq)]
pub(super) enum SpanAttribute {
    Text(String),
    Whole(u64),
    Real(f64),
}

/// Whose turn has ended, and how.
#[derive(Debug)]
pub(crate) struct TracedEnd<'a> {
    pub(crate) project: &'a ProjectName,
    pub(crate) conversation: ConversationId,
    pub(crate) turn: TurnNumber,
    pub(crate) agent: Option<&'a AnsweredBy>,
    pub(crate) content: &'a Content,
}

impl TurnTraces {
    /// A question is stored.
    pub(crate) fn begin(&mut self, turn: TurnNumber) {
        self.0.push(TurnTrace {
            turn,
            id: Uuid::new_v4().into_bytes(),
            root: span_id(),
            stored_at: SystemTime::now(),
            start: None,
            asked_at: None,
            text_at: None,
            calls: Vec::new(),
        });
    }

    /// An agent is started for a turn. Gives what it is told of the trace, as W3C Trace Context writes it.
    pub(crate) fn agent_starts(&mut self, turn: TurnNumber) -> Option<String> {
        let trace = self.of(turn)?;
        let id = span_id();
        trace.start = Some((id, SystemTime::now(), None));
        Some(format!("00-{}-{}-01", hex::digits(&trace.id), hex::digits(&id)))
    }

    /// The agent takes questions.
    pub(crate) fn agent_is_ready(&mut self) {
        for trace in &mut self.0 {
            if let Some((_, _, ready)) = &mut trace.start {
                ready.get_or_insert_with(SystemTime::now);
            }
        }
    }

    /// The agent is given the question; the first time counts.
    pub(crate) fn asked(&mut self, turn: TurnNumber) {
        if let Some(trace) = self.of(turn) {
            trace.asked_at.get_or_insert_with(SystemTime::now);
        }
    }

    /// The answer of a turn has text; the first time counts.
    pub(crate) fn text(&mut self, turn: TurnNumber) {
        if let Some(trace) = self.of(turn) {
            trace.text_at.get_or_insert_with(SystemTime::now);
        }
    }

    /// The agent uses a tool.
    pub(crate) fn called(&mut self, turn: TurnNumber, id: &str, tool: &str) {
        if let Some(trace) = self.of(turn).filter(|trace| trace.calls.len() < MAX_CALLS) {
            let tool = if is_name(tool) { tool } else { UNNAMED }.to_owned();
            let from = SystemTime::now();
            trace.calls.push(CallTrace { id: id.to_owned(), tool, from, to: None });
        }
    }

    /// A tool has answered.
    pub(crate) fn returned(&mut self, turn: TurnNumber, id: &str, is_ok: bool) {
        let call = self.of(turn).and_then(|it| it.calls.iter_mut().rfind(|call| call.id == id));
        if let Some(call) = call {
            call.to = Some((SystemTime::now(), is_ok));
        }
    }

    /// A turn has ended.
    pub(crate) fn end(&mut self, end: &TracedEnd<'_>) -> Option<EndedTrace> {
        let at = self.0.iter().position(|trace| trace.turn == end.turn)?;
        Some(self.0.remove(at).ended(end, SystemTime::now()))
    }

    fn of(&mut self, turn: TurnNumber) -> Option<&mut TurnTrace> {
        self.0.iter_mut().find(|trace| trace.turn == turn)
    }
}

impl TurnTrace {
    fn ended(self, end: &TracedEnd<'_>, now: SystemTime) -> EndedTrace {
        let has_failed = matches!(end.content, Content::Error(_));
        let mut spans = vec![TraceSpan {
            id: self.root,
            parent: None,
            name: "turn".into(),
            from: self.stored_at,
            to: now,
            has_failed,
            attributes: attributes(end),
        }];
        let mut add = |id, name: Cow<'static, str>, from, to, has_failed, attributes| {
            let parent = Some(self.root);
            spans.push(TraceSpan { id, parent, name, from, to, has_failed, attributes });
        };
        let queued_until = self.asked_at.unwrap_or(now);
        add(span_id(), "queued".into(), self.stored_at, queued_until, false, Vec::new());
        if let Some((id, from, ready)) = self.start {
            let is_failed = ready.is_none() && has_failed;
            add(id, "agent start".into(), from, ready.unwrap_or(now), is_failed, Vec::new());
        }
        if let Some(asked_at) = self.asked_at {
            let text_at = self.text_at.unwrap_or(now);
            add(span_id(), "first text".into(), asked_at, text_at, false, Vec::new());
        }
        if let Some(text_at) = self.text_at {
            add(span_id(), "answer".into(), text_at, now, has_failed, Vec::new());
        }
        for CallTrace { tool, from, to, .. } in self.calls {
            let (to, is_ok) = to.unwrap_or((now, true));
            let name = format!("execute_tool {tool}").into();
            let attributes = vec![("gen_ai.tool.name", SpanAttribute::Text(tool))];
            add(span_id(), name, from, to, !is_ok, attributes);
        }
        EndedTrace { id: self.id, spans }
    }
}

/// What is told of a whole turn.
fn attributes(end: &TracedEnd<'_>) -> Vec<(&'static str, SpanAttribute)> {
    use SpanAttribute::{Real, Text, Whole};
    let (outcome, facts) = match end.content {
        Content::ResponseDone(done) => {
            let outcome = match done.outcome {
                Outcome::Completed => "completed",
                Outcome::Stopped => "stopped",
                Outcome::Interrupted => "interrupted",
            };
            (outcome, Some(&done.facts))
        }
        Content::Error(error) => ("failed", Some(&error.facts)),
        _ => ("failed", None),
    };
    let mut told = vec![
        ("cicerone.project", Text(end.project.to_string())),
        ("cicerone.conversation", Whole(end.conversation.0.unsigned_abs())),
        ("cicerone.turn", Whole(end.turn.0.unsigned_abs())),
        ("cicerone.outcome", Text(outcome.to_owned())),
    ];
    if let Some(agent) = end.agent {
        told.push(("gen_ai.agent.name", Text(agent.name.clone())));
        told.push(("cicerone.agent.kind", Text(agent.kind.clone())));
        let model = agent.model.clone().map(|model| ("gen_ai.request.model", Text(model)));
        told.extend(model);
    }
    if let Some(usage) = facts.and_then(|facts| facts.usage) {
        told.push(("gen_ai.usage.input_tokens", Whole(usage.input_tokens)));
        told.push(("gen_ai.usage.output_tokens", Whole(usage.output_tokens)));
        told.push(("cicerone.usage.cached_tokens", Whole(usage.cache_read_tokens)));
    }
    let cost = facts.and_then(|facts| facts.cost_usd);
    told.extend(cost.map(|cost| ("cicerone.cost_usd", Real(cost))));
    told
}

/// Whether it is no more than a name. Agents without one show a title, which can have files and commands in it.
fn is_name(tool: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_NAME).contains(&tool.len()) && tool.bytes().all(is_usual)
}

fn span_id() -> SpanId {
    let mut id = SpanId::default();
    let random = Uuid::new_v4().into_bytes();
    id.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_a_name_and_no_text_that_could_say_what_it_does() {
        for name in ["Read", "mcp__features__feature_get_stats", "read-file"] {
            assert!(is_name(name), "{name}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for text in ["", "Read src/key.rs", "src/key.rs", "key.rs", "schlüssel", "ls;id", &long] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn a_turn_has_a_span_for_each_stage_and_each_tool_within_its_own() {
        let project = ProjectName::parse("shop").unwrap();
        let content = Content::plain_end(Outcome::Completed);
        let turn = TurnNumber(1);
        let mut traces = TurnTraces::default();
        assert_eq!(traces.agent_starts(turn), None, "of a turn that is not traced");
        traces.begin(turn);
        traces.begin(TurnNumber(2));
        let context = traces.agent_starts(turn).unwrap();
        traces.agent_is_ready();
        traces.asked(turn);
        traces.called(turn, "a", "Read");
        traces.returned(turn, "a", false);
        traces.text(turn);
        let end = TracedEnd {
            project: &project,
            conversation: ConversationId(7),
            turn,
            agent: None,
            content: &content,
        };
        let EndedTrace { id, spans } = traces.end(&end).unwrap();
        let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
        let expected =
            ["turn", "queued", "agent start", "first text", "answer", "execute_tool Read"];
        assert_eq!(names, expected);
        let root = spans[0].id;
        assert!(spans[1..].iter().all(|span| span.parent == Some(root) && span.id != root));
        assert!(spans.iter().all(|span| spans[0].from <= span.from && span.to <= spans[0].to));
        assert!(spans[5].has_failed && !spans[0].has_failed);
        let parts: Vec<&str> = context.split('-').collect();
        assert_eq!(parts.len(), 4);
        assert_eq!(u128::from_str_radix(parts[1], 16).unwrap().to_be_bytes(), id);
        assert_eq!(u64::from_str_radix(parts[2], 16).unwrap().to_be_bytes(), spans[2].id);
        assert!(traces.end(&end).is_none(), "it has one end");
    }
}
