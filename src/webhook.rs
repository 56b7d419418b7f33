//! Webhooks: other servers are told what happens, signed as the Standard Webhooks describe.
//!
//! Each address has a thread and a bounded queue of its own, so that a slow one delays nobody. What
//! cannot be delivered is tried again for some minutes and then dropped with a line in the log.

pub(crate) mod event;
mod signature;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ureq::Agent;
use url::Url;
use uuid::Uuid;

use crate::{
    config::{base_path::BasePath, event_kind::EventKind, settings::WebhookSettings},
    http_client,
};
use event::WebhookEvent;
use signature::WebhookSecret;

/// Events that wait for one address.
const QUEUE: usize = 256;

/// Longest silence of an address.
const SILENCE: Duration = Duration::from_secs(10);

/// Pauses before an event is sent again; after the last one it is dropped.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];

/// Most budgets whose end is remembered as told.
const MAX_TOLD: usize = 10_000;

/// Tells of events. Cloning shares the queues.
#[derive(Debug, Clone, Default)]
pub(crate) struct Webhooks(Option<Arc<Hooks>>);

#[derive(Debug)]
struct Hooks {
    base: BasePath,
    events: Vec<EventKind>,
    queues: Vec<SyncSender<Arc<Delivery>>>,
    /// Budgets that were told to be used up: whose, and in which month.
    told: Mutex<HashSet<String>>,
    counts: Arc<DeliveryCounts>,
}

/// One event, as it is sent to every address.
#[derive(Debug)]
struct Delivery {
    /// The same at each attempt, so that receivers know what they have seen.
    id: String,
    kind: EventKind,
    body: String,
}

/// Deliveries since the start.
#[derive(Debug, Default)]
struct DeliveryCounts {
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl Webhooks {
    /// Starts a thread for each address.
    pub(crate) fn new(settings: &WebhookSettings, base: &BasePath) -> Self {
        let Some(secret) = settings.secret.as_ref().filter(|_| !settings.urls.is_empty()) else {
            return Self::default();
        };
        let counts = Arc::<DeliveryCounts>::default();
        let start = |url: &Url| {
            let (queue, deliveries) = mpsc::sync_channel(QUEUE);
            let sender = Sender {
                agent: http_client::config(url.as_str(), SILENCE).new_agent(),
                url: url.clone(),
                secret: WebhookSecret::new(secret.reveal()),
                counts: Arc::clone(&counts),
            };
            let run = move || sender.run(&deliveries);
            match thread::Builder::new().name("webhook".to_owned()).spawn(run) {
                Ok(_) => Some(queue),
                Err(error) => {
                    log::error!("cannot start a webhook url={} error={error}", shown(url));
                    None
                }
            }
        };
        let queues = settings.urls.iter().filter_map(start).collect();
        let (events, told) = (settings.events.clone(), Mutex::default());
        Self(Some(Arc::new(Hooks {
            base: base.clone(),
            events,
            queues,
            told,
            counts: Arc::clone(&counts),
        })))
    }

    /// Tells of an event, if anybody wants to know. Never waits.
    pub(crate) fn tell(&self, event: &WebhookEvent<'_>) {
        let Some(hooks) = self.wanted(event.kind()) else { return };
        if let WebhookEvent::BudgetReached(budget) = event {
            let mut told = hooks.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() >= MAX_TOLD || !told.insert(budget.key()) {
                return;
            }
        }
        let id = format!("msg_{}", Uuid::new_v4().simple());
        let body = event::body(&hooks.base, event, SystemTime::now().into());
        let delivery = Arc::new(Delivery { id, kind: event.kind(), body });
        for queue in &hooks.queues {
            if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
                queue.try_send(Arc::clone(&delivery))
            {
                hooks.counts.dropped.fetch_add(1, Ordering::Relaxed);
                log::warn!(
                    "a webhook is too far behind, an event is dropped kind={}",
                    delivery.kind
                );
            }
        }
    }

    fn wanted(&self, kind: EventKind) -> Option<&Hooks> {
        self.0.as_deref().filter(|hooks| hooks.events.contains(&kind))
    }

    /// Deliveries since the start: those that were taken, and those that were dropped.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let count = |of: fn(&DeliveryCounts) -> &AtomicU64| {
            self.0.as_ref().map_or(0, |hooks| of(&hooks.counts).load(Ordering::Relaxed))
        };
        [("delivered", count(|it| &it.delivered)), ("dropped", count(|it| &it.dropped))]
    }
}

/// Sends to one address.
struct Sender {
    agent: Agent,
    url: Url,
    secret: WebhookSecret,
    counts: Arc<DeliveryCounts>,
}

/// What came of an attempt.
enum Attempt {
    Delivered,
    /// Worth another try.
    Failed(String),
    /// The receiver does not want it.
    Refused(u16),
}

impl Sender {
    fn run(&self, deliveries: &Receiver<Arc<Delivery>>) {
        while let Ok(delivery) = deliveries.recv() {
            let counter = match self.deliver(&delivery) {
                true => &self.counts.delivered,
                false => &self.counts.dropped,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends an event until it is taken. Gives up after the last pause, and when it is refused.
    fn deliver(&self, delivery: &Delivery) -> bool {
        let (url, kind) = (shown(&self.url), delivery.kind);
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            match self.attempt(delivery) {
                Attempt::Delivered => return true,
                Attempt::Refused(status) => {
                    log::warn!("a webhook refuses an event url={url} kind={kind} status={status}");
                    return false;
                }
                Attempt::Failed(error) => match pause {
                    Some(pause) => {
                        log::debug!("a webhook failed url={url} kind={kind} error={error}");
                        thread::sleep(pause);
                    }
                    None => log::warn!(
                        "a webhook failed, the event is dropped url={url} kind={kind} error={error}"
                    ),
                },
            }
        }
        false
    }

    fn attempt(&self, delivery: &Delivery) -> Attempt {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = since.as_secs().to_string();
        let signature = self.secret.sign(&delivery.id, &timestamp, &delivery.body);
        let sent = self
            .agent
            .post(self.url.as_str())
            .header("content-type", "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", &signature)
            .send(&delivery.body);
        match sent.map(|response| response.status().as_u16()) {
            Ok(200..=299) => Attempt::Delivered,
            // Too early, too many, and what may be mended meanwhile.
            Ok(status @ (408 | 425 | 429 | 500..=599)) => {
                Attempt::Failed(format!("status {status}"))
            }
            Ok(status) => Attempt::Refused(status),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}
