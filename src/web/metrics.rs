//! Metrics for Prometheus.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use actix::Addr;
use actix_web::{HttpResponse, web};

use crate::{
    cluster::ClusterFigures,
    conversation::description::ConversationDescription,
    database::{queries::reactions::ReactionCounts, stats::StatsSnapshot},
    histogram::{Histogram, HistogramSnapshot},
    registry::{
        Registry,
        messages::{ListSessions, SessionDescription, SessionPhase},
    },
    session::Resources,
    telemetry::{Family, FamilyKind, Figures},
    wire::server_frame::ConversationState,
};

use super::{
    problem::{HandlerResult, Problem, ProblemResponse},
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
    let families = gather(&state.resources, &state.registry, &state.deliveries).await?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text(&families)))
}

/// Sends the figures to the collector as often as the settings say; runs as long as the server does.
pub(crate) async fn export_regularly(
    resources: Resources,
    registry: Addr<Registry>,
    deliveries: Arc<Histogram>,
) {
    while resources.telemetry.is_on() {
        tokio::time::sleep(resources.settings.telemetry.interval).await;
        match gather(&resources, &registry, &deliveries).await {
            Ok(families) => resources.telemetry.families(families),
            Err(problem) => log::warn!("cannot gather figures error={problem}"),
        }
    }
}

/// All metrics as they are now.
async fn gather(
    resources: &Resources,
    registry: &Addr<Registry>,
    deliveries: &Histogram,
) -> Result<Vec<Family>, Problem> {
    let sessions = registry.send(ListSessions).await?;
    let reader = &resources.reader;
    let reactions = reader.ask(|reader| reader.reaction_counts()).await?;
    let mut families = of_sessions(&sessions);
    families.extend(of_processes(resources));
    families.extend(of_store(&reader.stats().snapshot(), reactions));
    families.push(histogram(
        "delivery_seconds",
        "Time from reading text of an agent until it is sent to a viewer, once for each batch.",
        deliveries.snapshot(),
    ));
    let repositories = resources.repositories.states();
    if !repositories.is_empty() {
        let unfetched = repositories.iter().filter(|state| state.problem.is_some()).count();
        let help = "Projects from git whose last fetch failed.";
        families.push(gauge("projects_unfetched", help, unfetched));
    }
    families.extend(resources.cluster.figures().into_iter().flat_map(of_cluster));
    let is_refused = resources.live.is_reload_refused();
    let help = "Whether the newest reload of the configuration was refused.";
    families.push(gauge("config_reload_refused", help, usize::from(is_refused)));
    Ok(families)
}

fn of_sessions(sessions: &[SessionDescription]) -> Vec<Family> {
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
    vec![
        by_label("build_info", "The running version.", "version", [(env!("CICERONE_VERSION"), 1)]),
        by_label("sessions", "Sessions by state.", "state", by_session_state),
        by_label("conversations", "Live conversations by state.", "state", by_conversation_state),
        gauge("viewers", "WebSockets attached to a conversation.", sum(|it| it.viewers)),
        gauge(
            "laggards",
            "Attached WebSockets that are behind and do not read.",
            sum(|it| it.laggards),
        ),
        gauge("queued_questions", "Questions that wait for another one.", sum(|it| it.queued)),
    ]
}

fn of_processes(resources: &Resources) -> Vec<Family> {
    let Resources { slots, readers, webhooks, telemetry, .. } = resources;
    vec![
        gauge("agents_running", "Agent processes.", slots.in_use()),
        gauge("agents_waiting", "Conversations that wait for an agent slot.", slots.waiting()),
        gauge("readers_running", "Processes that read the files of a project.", readers.running()),
        counter(
            "reader_restarts_total",
            "Readers started in place of one that died.",
            Figures::One(readers.restarts()),
        ),
        counter(
            "webhook_events_total",
            "Events by what came of them, for each address.",
            Figures::ByLabel("result", webhooks.counts().to_vec()),
        ),
        counter(
            "telemetry_spans_total",
            "Spans by what came of them; none where no collector is named.",
            Figures::ByLabel("result", telemetry.counts().to_vec()),
        ),
    ]
}

fn of_store(store: &StatsSnapshot, reactions: ReactionCounts) -> Vec<Family> {
    let mut families = vec![
        counter(
            "turns_total",
            "Ended turns by outcome, since the start.",
            Figures::ByLabel("outcome", store.turns.to_vec()),
        ),
        Family {
            name: "reactions",
            kind: FamilyKind::Gauge,
            help: "People who find an answer useful or wrong.",
            figures: Figures::ByLabel(
                "verdict",
                vec![("useful", reactions.useful), ("wrong", reactions.wrong)],
            ),
        },
        counter(
            "entry_writes_total",
            "Entries written since the start; a streaming text counts each time.",
            Figures::One(store.entries),
        ),
        counter(
            "commit_failures_total",
            "Transactions that failed as a whole.",
            Figures::One(store.commit_failures),
        ),
    ];
    families.extend([
        histogram("commit_seconds", "Time until a transaction is on the disk.", store.commits),
        histogram(
            "first_text_seconds",
            "Time from a turn's start to its first text.",
            store.first_texts,
        ),
        histogram("answer_seconds", "Time from a turn's start to its end.", store.answers),
    ]);
    families
}

fn of_cluster(figures: ClusterFigures) -> [Family; 7] {
    let seconds = usize::try_from(figures.lease_age.as_secs()).unwrap_or(usize::MAX);
    let lag = usize::try_from(figures.lag_records).unwrap_or(usize::MAX);
    [
        gauge("cluster_lag_records", "Records of the log that this node has not applied.", lag),
        gauge("cluster_owned_projects", "Projects that this node owns.", figures.owned_projects),
        gauge("cluster_live_nodes", "Nodes that live, this one among them.", figures.live_nodes),
        gauge("cluster_lease_age_seconds", "Time since this node renewed its lease.", seconds),
        counter(
            "cluster_fenced_total",
            "Projects that this node had to give up.",
            Figures::One(figures.fenced),
        ),
        counter(
            "cluster_append_retries_total",
            "Records that were sent to the log again.",
            Figures::One(figures.append_retries),
        ),
        histogram(
            "cluster_append_seconds",
            "Time until the records of a transaction are in the log.",
            figures.appends,
        ),
    ]
}

fn histogram(name: &'static str, help: &'static str, durations: HistogramSnapshot) -> Family {
    Family { name, kind: FamilyKind::Histogram, help, figures: Figures::Durations(durations) }
}

fn gauge(name: &'static str, help: &'static str, value: usize) -> Family {
    Family { name, kind: FamilyKind::Gauge, help, figures: Figures::One(value as u64) }
}

fn by_label(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, usize)>,
) -> Family {
    let values = values.into_iter().map(|(name, value)| (name, value as u64)).collect();
    Family { name, kind: FamilyKind::Gauge, help, figures: Figures::ByLabel(label, values) }
}

fn counter(name: &'static str, help: &'static str, figures: Figures) -> Family {
    Family { name, kind: FamilyKind::Counter, help, figures }
}

/// The text format of Prometheus.
fn text(families: &[Family]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    families.iter().for_each(|family| write(&mut out, family).unwrap_or_default());
    out
}

fn write(out: &mut String, Family { name, kind, help, figures }: &Family) -> fmt::Result {
    writeln!(out, "# HELP cicerone_{name} {help}")?;
    writeln!(out, "# TYPE cicerone_{name} {}", kind.name())?;
    match figures {
        Figures::One(value) => writeln!(out, "cicerone_{name} {value}"),
        Figures::ByLabel(label, values) => values.iter().try_for_each(|(text, value)| {
            writeln!(out, "cicerone_{name}{{{label}=\"{text}\"}} {value}")
        }),
        Figures::Durations(HistogramSnapshot { buckets, count, sum }) => {
            for (bound, count) in buckets {
                writeln!(out, "cicerone_{name}_bucket{{le=\"{bound}\"}} {count}")?;
            }
            writeln!(out, "cicerone_{name}_bucket{{le=\"+Inf\"}} {count}")?;
            writeln!(out, "cicerone_{name}_sum {}", sum.as_secs_f64())?;
            writeln!(out, "cicerone_{name}_count {count}")
        }
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
        let mut all = of_sessions(&[]);
        all.extend(of_store(&StatsSnapshot::default(), reactions));
        all.push(gauge("agents_running", "", 2));
        let text = text(&all);
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
        assert!(text.contains("\ncicerone_reactions{verdict=\"useful\"} 3\n"), "{text}");
    }
}
