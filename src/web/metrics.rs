//! Metrics for Prometheus.

use std::fmt::{self, Write as _};

use actix_web::{HttpResponse, web};

use crate::{
    conversation::description::ConversationDescription,
    database::{queries::reactions::ReactionCounts, stats::StatsSnapshot},
    histogram::HistogramSnapshot,
    registry::messages::{ListSessions, SessionDescription, SessionPhase},
    wire::server_frame::ConversationState,
};

use super::{
    problem::{HandlerResult, ProblemResponse},
    state::AppState,
};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const CONVERSATION_STATES: [(ConversationState, &str); 8] = [
    (ConversationState::Idle, "idle"),
    (ConversationState::Starting, "starting"),
    (ConversationState::Waiting, "waiting"),
    (ConversationState::Queued, "queued"),
    (ConversationState::Running, "running"),
    (ConversationState::Retrying, "retrying"),
    (ConversationState::Stopping, "stopping"),
    (ConversationState::Closed, "closed"),
];

/// `GET /metrics`.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, body = String, content_type = "text/plain"), (status = "default", response = ProblemResponse)),
)]
pub(crate) async fn show(state: web::Data<AppState>) -> HandlerResult {
    let sessions = state.registry.send(ListSessions).await?;
    let slots = &state.resources.slots;
    let agents = (slots.in_use(), slots.waiting());
    let readers = (state.resources.readers.running(), state.resources.readers.restarts());
    let reader = &state.resources.reader;
    let reactions = reader.ask(|reader| reader.reaction_counts()).await?;
    let store = reader.stats().snapshot();
    let deliveries = state.deliveries.snapshot();
    let mut text = text(&sessions, agents, readers, &store, &deliveries, reactions);
    let states = state.resources.repositories.states();
    if !states.is_empty() {
        let unfetched = states.iter().filter(|state| state.problem.is_some()).count();
        text.push_str(&format!(
            "# HELP cicerone_projects_unfetched Projects from git whose last fetch failed.\n\
             # TYPE cicerone_projects_unfetched gauge\ncicerone_projects_unfetched {unfetched}\n"
        ));
    }
    text.push_str(&webhooks(state.resources.webhooks.counts()));
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

/// The metrics in the text format. `agents` are the running ones and the conversations that wait,
/// `readers` the running ones and those that died and were started again.
fn text(
    sessions: &[SessionDescription],
    agents: (usize, usize),
    readers: (usize, u64),
    store: &StatsSnapshot,
    deliveries: &HistogramSnapshot,
    reactions: ReactionCounts,
) -> String {
    let described = sessions.iter().filter_map(|it| it.description.as_ref());
    let conversations: Vec<&ConversationDescription> =
        described.flat_map(|it| &it.conversations).collect();
    let sum = |count: fn(&ConversationDescription) -> usize| -> usize {
        conversations.iter().map(|it| count(it)).sum()
    };
    let by_session_state = SessionPhase::NAMES
        .map(|name| (name, sessions.iter().filter(|it| it.phase == name).count()));
    let by_conversation_state = CONVERSATION_STATES
        .map(|(state, name)| (name, conversations.iter().filter(|it| it.state == state).count()));

    let mut out = Exposition::default();
    out.family("build_info", "gauge", "The running version.");
    out.by_label("version", [(env!("CICERONE_VERSION"), 1)]);
    out.family("sessions", "gauge", "Sessions by state.");
    out.by_label("state", by_session_state);
    out.family("conversations", "gauge", "Live conversations by state.");
    out.by_label("state", by_conversation_state);
    out.family("viewers", "gauge", "WebSockets attached to a conversation.");
    out.value(sum(|it| it.viewers));
    out.family("laggards", "gauge", "Attached WebSockets that are behind and do not read.");
    out.value(sum(|it| it.laggards));
    out.family("queued_questions", "gauge", "Questions that wait for another one.");
    out.value(sum(|it| it.queued));
    out.family("agents_running", "gauge", "Agent processes.");
    out.value(agents.0);
    out.family("agents_waiting", "gauge", "Conversations that wait for an agent slot.");
    out.value(agents.1);
    out.family("readers_running", "gauge", "Processes that read the files of a project.");
    out.value(readers.0);
    out.family("reader_restarts_total", "counter", "Readers started in place of one that died.");
    out.value(readers.1);
    out.family("turns_total", "counter", "Ended turns by outcome, since the start.");
    out.by_label("outcome", store.turns);
    out.family("reactions", "gauge", "People who find an answer useful or wrong.");
    out.by_label("verdict", [("useful", reactions.useful), ("wrong", reactions.wrong)]);
    out.family(
        "entry_writes_total",
        "counter",
        "Entries written since the start; a streaming text counts each time.",
    );
    out.value(store.entries);
    out.family("commit_failures_total", "counter", "Transactions that failed as a whole.");
    out.value(store.commit_failures);
    for (name, help, durations) in [
        ("commit_seconds", "Time until a transaction is on the disk.", &store.commits),
        ("first_text_seconds", "Time from a turn's start to its first text.", &store.first_texts),
        ("answer_seconds", "Time from a turn's start to its end.", &store.answers),
        (
            "delivery_seconds",
            "Time from reading text of an agent until it is sent to a viewer, once for each batch.",
            deliveries,
        ),
    ] {
        out.family(name, "histogram", help);
        out.histogram(durations);
    }
    out.text
}

fn webhooks(counts: [(&str, u64); 2]) -> String {
    let mut out = Exposition::default();
    out.family("webhook_events_total", "counter", "Events by what came of them, for each address.");
    out.by_label("result", counts);
    out.text
}

/// The text format of Prometheus.
#[derive(Default)]
struct Exposition {
    text: String,
    /// The current family, without its prefix.
    name: &'static str,
}

impl Exposition {
    /// Begins a family of metrics.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.line(format_args!("# HELP cicerone_{name} {help}"));
        self.line(format_args!("# TYPE cicerone_{name} {kind}"));
    }

    fn value(&mut self, value: impl fmt::Display) {
        let name = self.name;
        self.line(format_args!("cicerone_{name} {value}"));
    }

    fn histogram(&mut self, durations: &HistogramSnapshot) {
        let name = self.name;
        for (bound, count) in durations.buckets {
            self.line(format_args!("cicerone_{name}_bucket{{le=\"{bound}\"}} {count}"));
        }
        let count = durations.count;
        self.line(format_args!("cicerone_{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.line(format_args!("cicerone_{name}_sum {}", durations.sum.as_secs_f64()));
        self.line(format_args!("cicerone_{name}_count {count}"));
    }

    fn by_label<'a>(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, impl fmt::Display)>,
    ) {
        let name = self.name;
        for (text, value) in values {
            self.line(format_args!("cicerone_{name}{{{label}=\"{text}\"}} {value}"));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        writeln!(self.text, "{line}").unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_names_of_the_wire() {
        for (state, name) in CONVERSATION_STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
    }

    #[test]
    fn families_are_unique_and_lines_are_names_with_numbers() {
        let reactions = ReactionCounts { useful: 3, wrong: 1 };
        let store = StatsSnapshot::default();
        let text = text(&[], (2, 1), (1, 0), &store, &HistogramSnapshot::default(), reactions);
        let mut families = std::collections::HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(families.insert(name), "{name} is there twice");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(name.starts_with("cicerone_") && value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.contains("\ncicerone_agents_running 2\n"), "{text}");
        assert!(text.contains("\ncicerone_agents_waiting 1\n"), "{text}");
        assert!(text.contains("\ncicerone_reactions{verdict=\"useful\"} 3\n"), "{text}");
    }
}
