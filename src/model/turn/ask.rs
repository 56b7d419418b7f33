//! One question to the service: sent, repeated where that helps, and read as it comes.

use std::{
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use crate::guide::lines::RequestRetry;

use super::{INTERRUPT_CHECK, TurnRun, TurnStop, WaitSign, kept_thinking, prepare};
use crate::model::{
    chat,
    client::ServiceEvent,
    facts::{self, ModelFacts},
    failure::{FailureKind, ServiceError},
    messages::{self, SignedThinking},
    reply::{ModelReply, Piece},
    request, retry,
    service::{Preset, ServiceDialect},
};

/// Longest wait for a model that is being loaded.
const LOADING: Duration = Duration::from_secs(600);

/// Interval at which a loading service is asked how it is.
const LOADING_CHECK: Duration = Duration::from_millis(500);

/// Longest wait for the end of a stream after the service has said why it ends: the usage may follow.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// Part of our own estimate that a service counts at least if it has read all. Some do not count what
/// was in their cache, so that only Ollama, which can be asked, is suspected early.
const READ_PART: f64 = 0.3;
const READ_PART_OLLAMA: f64 = 0.6;

/// Requests of fewer tokens, by our estimate, say nothing about truncation.
const MIN_ESTIMATE: u64 = 1500;

/// Whether a service may have refused a request for its images: many say so in no particular form.
fn is_about_images(error: &ServiceError) -> bool {
    let said = error.said.to_ascii_lowercase();
    let names_them = ["image", "vision", "multimodal", "multi-modal"];
    let is_client_error = error.status.is_some_and(|status| (400..500).contains(&status));
    error.kind == FailureKind::Refused
        || (is_client_error || error.kind == FailureKind::Failed)
            && names_them.iter().any(|name| said.contains(name))
}

impl TurnRun<'_> {
    /// The model's reply, shown as it comes, and its thinking.
    pub(super) fn ask(&mut self) -> Result<(ModelReply, SignedThinking), TurnStop> {
        let mut attempt = 0;
        let mut is_halved = false;
        let loading_until = Instant::now() + LOADING;
        loop {
            let error = if self.fit() {
                match self.attempt() {
                    Ok(reply) => return Ok(reply),
                    Err(TurnStop::Service(error)) => error,
                    Err(stop) => return Err(stop),
                }
            } else {
                let limit = Some(self.talk.size.context);
                return Err(TurnStop::Service(ServiceError::new(
                    FailureKind::Overflow { limit },
                    "",
                )));
            };
            if self.live.shows_any() {
                return Err(TurnStop::Service(error));
            }
            match error.kind {
                FailureKind::Overflow { limit } if !is_halved => {
                    is_halved = true;
                    self.talk.size.shrink(limit);
                }
                FailureKind::NoTools if self.talk.settings.has_tools => {
                    self.talk.settings.has_tools = false;
                    self.retrieve()?;
                }
                _ if is_about_images(&error) && self.talk.withhold_images() => {
                    self.talk.takes_images = Some(false);
                }
                FailureKind::Loading if Instant::now() < loading_until => {
                    self.wait_loaded(&error, loading_until)?;
                    self.learn_late()?;
                }
                _ => {
                    attempt += 1;
                    self.wait_to_repeat(error, attempt)?;
                }
            }
        }
    }

    fn fit(&mut self) -> bool {
        let offered = if self.talk.settings.has_tools { self.talk.tools.as_slice() } else { &[] };
        self.talk.size.fit(self.env.system, offered, &mut self.talk.said)
    }

    /// Asks a service that was not ready at first what it has, before the question is sent.
    fn learn_late(&mut self) -> Result<(), TurnStop> {
        let had_tools = self.talk.settings.has_tools;
        prepare::prepare(self.env, self.talk)?;
        match had_tools && !self.talk.settings.has_tools {
            true => self.retrieve(),
            false => Ok(()),
        }
    }

    fn wait_to_repeat(&self, error: ServiceError, attempt: u32) -> Result<(), TurnStop> {
        let most = self.env.service.most_retries();
        let Some(delay) = retry::delay(&error, attempt, most) else {
            return Err(TurnStop::Service(error));
        };
        self.tell_retry(&error, attempt, most, delay)?;
        self.env.pause(delay, &mut WaitSign::new(Some(&self.live)))
    }

    fn tell_retry(
        &self,
        error: &ServiceError,
        attempt: u32,
        max_retries: u32,
        delay: Duration,
    ) -> Result<(), TurnStop> {
        let retry = RequestRetry {
            attempt,
            max_retries,
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            status: error.status,
            error: error.protocol_kind(),
        };
        Ok(self.live.retry(retry)?)
    }

    /// Waits while the service says that it loads the model.
    fn wait_loaded(&self, error: &ServiceError, until: Instant) -> Result<(), TurnStop> {
        self.tell_retry(error, 1, 1, LOADING_CHECK)?;
        let mut sign = WaitSign::new(Some(&self.live));
        loop {
            self.env.pause(LOADING_CHECK, &mut sign)?;
            let url = format!("{}/health", self.env.client.root());
            let health = self.env.wait(&self.env.client.ask_facts(url, None), &mut sign)?;
            let is_loading = matches!(health, Some(Err(ServiceError { status: Some(503), .. })));
            if !is_loading || Instant::now() >= until {
                return Ok(());
            }
        }
    }

    /// Asks once.
    fn attempt(&mut self) -> Result<(ModelReply, SignedThinking), TurnStop> {
        let settings = &self.talk.settings;
        let offered = self.talk.offered();
        let estimate = self.talk.size.estimate(self.env.system, offered, &self.talk.said);
        let body = request::body(settings, self.env.system, offered, &self.talk.said);
        let dialect = settings.dialect;
        let path = match dialect {
            ServiceDialect::Chat => "/chat/completions",
            ServiceDialect::Messages => "/messages",
        };
        let (mut reply, mut signed) = (ModelReply::default(), SignedThinking::default());
        let failed = self.read(path, body.to_string().into_bytes(), &mut reply, &mut signed);
        reply.finish();
        if let Err(error) = failed {
            let is_after_end = matches!(error, TurnStop::Service(_)) && !reply.is_broken_off();
            if !is_after_end {
                return Err(error);
            }
        }
        let is_called = !reply.calls.is_empty() && reply.calls.iter().all(|it| it.parsed().is_ok());
        if reply.is_broken_off() && !is_called && !reply.is_full() {
            return Err(TurnStop::Service(ServiceError::new(FailureKind::BrokenOff, "")));
        }
        if reply.is_empty()
            && !matches!(reply.finish.as_deref(), Some("refusal" | "content_filter"))
        {
            let said = match reply.finish.as_deref() {
                Some("length" | "max_tokens") => {
                    "it reached the most that it may say at once while it was thinking"
                }
                _ => "",
            };
            return Err(TurnStop::Service(ServiceError::new(FailureKind::Empty, said)));
        }
        self.compare(estimate, &reply)?;
        let thinking = kept_thinking(&reply, signed, dialect == ServiceDialect::Chat);
        Ok((reply, thinking))
    }

    /// Reads the stream and shows it.
    fn read(
        &mut self,
        path: &str,
        body: Vec<u8>,
        reply: &mut ModelReply,
        signed: &mut SignedThinking,
    ) -> Result<(), TurnStop> {
        let dialect = self.talk.settings.dialect;
        let silence = self.env.service.silence();
        let events = self.env.client.post(path, body);
        let mut last = Instant::now();
        let mut alive = Instant::now();
        loop {
            self.env.check()?;
            match events.recv_timeout(INTERRUPT_CHECK) {
                Ok(ServiceEvent::Data(data)) => {
                    last = Instant::now();
                    let pieces: Vec<Piece> = match dialect {
                        ServiceDialect::Chat => chat::read(&data, reply),
                        ServiceDialect::Messages => messages::read(&data, reply, signed),
                    }
                    .map_err(TurnStop::Service)?;
                    for piece in &pieces {
                        self.show(piece)?;
                    }
                    if reply.is_done {
                        return Ok(());
                    }
                    if reply.is_full() {
                        self.env.client.cancel();
                        return Ok(());
                    }
                }
                Ok(ServiceEvent::Sign) | Err(RecvTimeoutError::Timeout) => (),
                Ok(ServiceEvent::Failed(error)) => return Err(TurnStop::Service(error)),
                Ok(ServiceEvent::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let most = if reply.finish.is_some() { AFTERWARDS } else { silence };
            if last.elapsed() > most {
                self.env.client.cancel();
                return Err(TurnStop::Service(ServiceError::new(FailureKind::Silent, "")));
            }
            if alive.elapsed() > super::KEEP_ALIVE {
                alive = Instant::now();
                self.live.keep_alive()?;
            }
        }
    }

    /// Compares what the service counted to our estimate: some read only the end of what they are sent,
    /// without a word.
    fn compare(&mut self, estimate: u64, reply: &ModelReply) -> Result<(), TurnStop> {
        let is_ollama = self.env.service.known_as() == Some(Preset::Ollama);
        let part = if is_ollama { READ_PART_OLLAMA } else { READ_PART };
        let counted = reply.usage.input.filter(|tokens| *tokens > 0);
        let is_suspect = estimate > MIN_ESTIMATE
            && counted.is_some_and(|counted| (counted as f64) < estimate as f64 * part);
        let served = match is_ollama && (is_suspect || !self.talk.is_size_known) {
            true => self.served_context()?,
            false => None,
        };
        if let Some(served) = served {
            self.talk.learn(ModelFacts { context: Some(served), ..ModelFacts::default() });
        }
        match (is_suspect, served, counted) {
            // What is missing in the count was in its cache.
            (true, Some(served), _) if estimate < served => (),
            (true, _, Some(counted)) if is_ollama => self.on_cut(served.unwrap_or(counted)),
            // The count of another service may be what is wrong: only the note tells of it.
            (true, _, Some(counted)) => self.talk.cut_at = self.talk.cut_at.or(Some(counted)),
            (false, _, Some(counted)) => self.talk.size.learn(estimate, counted),
            (_, _, None) => (),
        }
        Ok(())
    }

    /// The context with which Ollama runs the model, which it knows only once it runs.
    fn served_context(&self) -> Result<Option<u64>, TurnStop> {
        let url = format!("{}/api/ps", self.env.client.root());
        let asked = self.env.client.ask_facts(url, None);
        let told = self.env.wait(&asked, &mut WaitSign::new(Some(&self.live)))?;
        let body = told.and_then(Result::ok).unwrap_or_default();
        Ok(facts::read(&body, &self.env.service.model).context)
    }

    fn on_cut(&mut self, served: u64) {
        self.talk.cut_at = self.talk.cut_at.or(Some(served));
        self.talk.size.context = self.talk.size.context.min(served.max(1024));
    }

    /// Tells that the model did not see the images of the question.
    pub(super) fn note_withheld(&mut self) -> Result<(), TurnStop> {
        if !std::mem::take(&mut self.talk.has_withheld) {
            return Ok(());
        }
        let note =
            "\n\n*Note: this model takes no images, so it did not see those of your question.*";
        Ok(self.live.piece(&Piece::Text(note.to_owned()))?)
    }

    /// Tells once that the service reads only a part of what it is sent, and what helps.
    pub(super) fn note_truncation(&mut self) -> Result<(), TurnStop> {
        let Some(counted) = self.talk.cut_at else { return Ok(()) };
        if std::mem::replace(&mut self.talk.is_cut_told, true) {
            return Ok(());
        }
        let cure = match self.env.service.known_as() {
            Some(Preset::Ollama) => {
                "Ollama cuts what it is sent; start it with `OLLAMA_CONTEXT_LENGTH=64000`"
            }
            _ => "give the model a larger context where it is served",
        };
        let note = format!(
            "\n\n*Note: the model read at most {counted} tokens of this conversation, so the answer may miss something. To mend it: {cure}.*"
        );
        Ok(self.live.piece(&Piece::Text(note))?)
    }
}
