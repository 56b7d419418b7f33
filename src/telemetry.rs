//! Telemetry: traces of turns and the figures of `/metrics`, for an OpenTelemetry collector (OTLP over HTTP).
//!
//! Nothing is sent unless `telemetry.endpoint` is set. A thread of its own sends, from a bounded queue: what finds no
//! room there, and what the collector does not take, is counted and dropped. Without the feature `otlp` there is no
//! such thread, and the configuration refuses an address.
#![cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "only what sends needs all of it"))]

#[cfg(feature = "otlp")]
mod encode;
mod family;
#[cfg(feature = "otlp")]
mod sender;
mod trace;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::SyncSender,
};

use crate::config::settings::TelemetrySettings;
pub(crate) use family::{Family, FamilyKind, Figures};
pub(crate) use trace::{EndedTrace, TracedEnd, TurnTraces};

/// Sends telemetry, if that is configured. Cloning shares the queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Telemetry(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    messages: SyncSender<TelemetryMessage>,
    counts: Arc<SpanCounts>,
}

/// What is sent.
#[derive(Debug)]
enum TelemetryMessage {
    Trace(EndedTrace),
    Families(Vec<Family>),
}

/// Spans since the start.
#[derive(Debug, Default)]
struct SpanCounts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl SpanCounts {
    fn add(&self, is_sent: bool, spans: usize) {
        let counter = if is_sent { &self.sent } else { &self.dropped };
        counter.fetch_add(spans as u64, Ordering::Relaxed);
    }
}

impl Telemetry {
    /// Starts the thread that sends, if there is an address.
    #[cfg(feature = "otlp")]
    pub(crate) fn new(settings: &TelemetrySettings) -> Self {
        let Some(endpoint) = &settings.endpoint else { return Self::default() };
        let counts = Arc::<SpanCounts>::default();
        match sender::start(endpoint, Arc::clone(&counts)) {
            Ok(messages) => Self(Some(Arc::new(Queue { messages, counts }))),
            Err(error) => {
                log::error!("cannot start the telemetry error={error}");
                Self::default()
            }
        }
    }

    /// None: the program is built without it.
    #[cfg(not(feature = "otlp"))]
    pub(crate) fn new(_: &TelemetrySettings) -> Self {
        Self::default()
    }

    /// Whether anything is sent.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sends the trace of a turn. Never waits.
    pub(crate) fn trace(&self, trace: EndedTrace) {
        let Some(queue) = &self.0 else { return };
        let spans = trace.spans.len();
        if queue.messages.try_send(TelemetryMessage::Trace(trace)).is_err() {
            queue.counts.add(false, spans);
        }
    }

    /// Sends figures. Never waits; where there is no room the next ones say as much.
    pub(crate) fn families(&self, families: Vec<Family>) {
        if let Some(queue) = &self.0 {
            queue.messages.try_send(TelemetryMessage::Families(families)).unwrap_or_default();
        }
    }

    /// Spans since the start, by what came of them.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let counts = self.0.as_ref().map(|queue| &queue.counts);
        let of = |counter: fn(&SpanCounts) -> &AtomicU64| {
            counts.map_or(0, |counts| counter(counts).load(Ordering::Relaxed))
        };
        [("sent", of(|counts| &counts.sent)), ("dropped", of(|counts| &counts.dropped))]
    }
}
