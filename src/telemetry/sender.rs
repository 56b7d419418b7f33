//! The thread that sends to the collector.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use prost::Message as _;
use ureq::Agent;
use url::Url;

use super::{
    EndedTrace, SpanCounts, TelemetryMessage,
    encode::{self, ServerResource},
    family::Family,
};
use crate::http_client;

/// Turns and figures that wait.
const QUEUE: usize = 1024;

/// Turns that go in one request, at most.
const BATCH: usize = 128;

/// How long a turn waits for others that go with it.
const GATHERED: Duration = Duration::from_secs(1);

/// Longest silence of the collector.
const SILENCE: Duration = Duration::from_secs(10);

/// Starts the thread. It ends with the last sender of its queue.
pub(super) fn start(
    endpoint: &Url,
    counts: Arc<SpanCounts>,
) -> io::Result<SyncSender<TelemetryMessage>> {
    let (queue, messages) = mpsc::sync_channel(QUEUE);
    let base = endpoint.as_str().trim_end_matches('/');
    let mut sender = Sender {
        agent: http_client::config(base, SILENCE).new_agent(),
        traces: format!("{base}/v1/traces"),
        metrics: format!("{base}/v1/metrics"),
        resource: ServerResource::new(SystemTime::now()),
        counts,
        is_failing: false,
    };
    thread::Builder::new().name("telemetry".to_owned()).spawn(move || sender.run(&messages))?;
    Ok(queue)
}

struct Sender {
    agent: Agent,
    traces: String,
    metrics: String,
    resource: ServerResource,
    counts: Arc<SpanCounts>,
    /// The last request failed, which the log says.
    is_failing: bool,
}

impl Sender {
    fn run(&mut self, messages: &Receiver<TelemetryMessage>) {
        while let Ok(first) = messages.recv() {
            let (mut traces, mut families) = (Vec::new(), None);
            let until = Instant::now() + GATHERED;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    TelemetryMessage::Trace(trace) => traces.push(trace),
                    TelemetryMessage::Families(newest) => families = Some(newest),
                }
                let wait = until.saturating_duration_since(Instant::now());
                next = (traces.len() < BATCH).then(|| messages.recv_timeout(wait).ok()).flatten();
            }
            self.send_traces(&traces);
            self.send_families(families.as_deref());
        }
    }

    fn send_traces(&mut self, traces: &[EndedTrace]) {
        if traces.is_empty() {
            return;
        }
        let body = encode::traces(&self.resource, traces).encode_to_vec();
        let is_sent = self.post(&self.traces, &body);
        let is_sent = self.note(is_sent);
        self.counts.add(is_sent, traces.iter().map(|trace| trace.spans.len()).sum());
    }

    fn send_families(&mut self, families: Option<&[Family]>) {
        let Some(families) = families else { return };
        let body = encode::families(&self.resource, families, SystemTime::now()).encode_to_vec();
        let is_sent = self.post(&self.metrics, &body);
        self.note(is_sent);
    }

    fn post(&self, url: &str, body: &[u8]) -> Result<(), String> {
        let sent = self.agent.post(url).header("content-type", "application/x-protobuf").send(body);
        match sent.map(|response| response.status().as_u16()) {
            Ok(200..=299) => Ok(()),
            Ok(status) => Err(format!("status {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Says in the log when requests begin to fail and when they get through again. Answers whether this one did.
    fn note(&mut self, sent: Result<(), String>) -> bool {
        let was_failing = std::mem::replace(&mut self.is_failing, sent.is_err());
        match &sent {
            Err(error) if !was_failing => {
                log::warn!("telemetry is dropped: the collector does not take it error={error}");
            }
            Ok(()) if was_failing => log::info!("the collector takes telemetry again"),
            _ => (),
        }
        sent.is_ok()
    }
}
