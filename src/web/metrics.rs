//! What the server does in numbers, as Prometheus reads them.

use std::fmt::Write as _;

use actix_web::{HttpResponse, web};

use crate::{
    conversation::description::ConversationDescription,
    database::stats::StatsSnapshot,
    registry::messages::{ListSessions, SessionDescription, SessionState},
    wire::server_frame::ConversationState,
};

use super::{
    problem::{Problem, ProblemResponse},
    state::AppState,
};

/// The version of the text format that is written.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states of a session, with their names.
const SESSIONS: [(SessionState, &str); 4] = [
    (SessionState::Live, "live"),
    (SessionState::Restarting, "restarting"),
    (SessionState::GivenUp, "given_up"),
    (SessionState::Closing, "closing"),
];

/// What a conversation may be doing, with the names.
const CONVERSATIONS: [(ConversationState, &str); 8] = [
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
pub(crate) async fn show(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let sessions = state.registry.send(ListSessions).await?;
    let slots = &state.resources.slots;
    let agents = (slots.in_use(), slots.waiting());
    let text = text(&sessions, agents, &state.resources.reader.stats().snapshot());
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

/// The whole text, given how many agents run and how many are waited for.
fn text(sessions: &[SessionDescription], agents: (usize, usize), store: &StatsSnapshot) -> String {
    let described = sessions.iter().filter_map(|it| it.description.as_ref());
    let conversations: Vec<&ConversationDescription> =
        described.flat_map(|it| &it.conversations).collect();
    let sum = |part: fn(&ConversationDescription) -> usize| {
        conversations.iter().map(|it| part(it)).sum::<usize>()
    };
    let mut out = Text::default();
    out.family("cicerone_build_info", "gauge", "The version that runs.");
    out.labelled("version", env!("CARGO_PKG_VERSION"), 1);
    out.family("cicerone_sessions", "gauge", "Sessions by their state.");
    for (state, name) in SESSIONS {
        out.labelled("state", name, sessions.iter().filter(|it| it.state == state).count());
    }
    out.family("cicerone_conversations", "gauge", "Live conversations by what they are doing.");
    for (state, name) in CONVERSATIONS {
        out.labelled("state", name, conversations.iter().filter(|it| it.state == state).count());
    }
    out.single(
        "cicerone_viewers",
        "gauge",
        "Sockets that follow a conversation.",
        sum(|it| it.viewers),
    );
    out.single(
        "cicerone_laggards",
        "gauge",
        "Those of them that are behind and do not read.",
        sum(|it| it.laggards),
    );
    out.single(
        "cicerone_queued_questions",
        "gauge",
        "Questions that wait for their turn.",
        sum(|it| it.queued),
    );
    out.single("cicerone_agents_running", "gauge", "Agent processes.", agents.0);
    out.single(
        "cicerone_agents_waiting",
        "gauge",
        "Conversations that wait for an agent to be free.",
        agents.1,
    );
    out.family(
        "cicerone_turns_total",
        "counter",
        "Turns that have ended, by how, since the start.",
    );
    for (outcome, turns) in store.turns {
        out.labelled("outcome", outcome, turns);
    }
    out.single(
        "cicerone_entry_writes_total",
        "counter",
        "Entries written since the start; a text that grows counts each time.",
        store.entries,
    );
    out.single(
        "cicerone_commit_failures_total",
        "counter",
        "Transactions that failed as a whole.",
        store.commit_failures,
    );
    out.family(
        "cicerone_commit_seconds",
        "summary",
        "How long transactions took until they were on the disk.",
    );
    out.line("cicerone_commit_seconds_sum", store.commit_time.as_secs_f64());
    out.line("cicerone_commit_seconds_count", store.commits);
    out.text
}

/// The text as it grows.
#[derive(Default)]
struct Text {
    text: String,
    name: &'static str,
}

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn single(
        &mut self,
        name: &'static str,
        kind: &str,
        help: &str,
        value: impl std::fmt::Display,
    ) {
        self.family(name, kind, help);
        self.line(name, value);
    }

    fn labelled(&mut self, label: &str, text: &str, value: impl std::fmt::Display) {
        let name = self.name;
        self.write(format_args!("{name}{{{label}=\"{text}\"}} {value}\n"));
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        self.write(format_args!("{name} {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        self.text.write_fmt(text).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_name_on_the_wire_too() {
        for (state, name) in CONVERSATIONS {
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
        for (state, name) in SESSIONS {
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
    }

    #[test]
    fn each_family_is_told_once_and_each_line_is_a_name_and_a_number() {
        let text = text(&[], (2, 1), &StatsSnapshot::default());
        let mut families = std::collections::HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(families.insert(name), "{name} is told twice");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(name.starts_with("cicerone_") && value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.contains("\ncicerone_agents_running 2\n"), "{text}");
        assert!(text.contains("\ncicerone_agents_waiting 1\n"), "{text}");
    }
}
