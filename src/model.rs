//! The model agent: answers questions with any model service that speaks a known dialect.
//!
//! It runs as a process with a network and without a project, and speaks the line protocol of Claude
//! Code on stdin and stdout. The server runs the tools that the model calls.
//!
//! A [`service`] is what the configuration says of one, and [`client`] asks it. [`crate::sse`] cuts a response
//! into events, [`chat`] and [`messages`] read the events of the two dialects into a [`reply`],
//! [`request`] asks in both, and [`failure`] says in words what a service refused: they take what
//! services really send, where every field may be missing or of another type. [`turn`] is the loop of
//! requests and calls, and [`live`] shows it. [`talk`] is the conversation, [`past`] what was before,
//! [`context`] what fits, [`facts`] what services tell of models, [`mod@look`] looks at one without a question, [`cards`] how calls look.

mod cards;
mod chat;
mod client;
mod context;
mod facts;
mod failure;
mod live;
pub mod look;
mod messages;
mod past;
mod reply;
mod request;
mod retry;
pub mod service;
mod talk;
mod turn;

use std::{
    io,
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use crate::{
    effort::Effort,
    guide::{
        input::{AgentInput, AgentTask, TurnCounters},
        lines::ProtocolLines,
        output::LineOutput,
        protocol::{self, UserQuestion},
        tool_calls::PipeCalls,
    },
};
use client::ServiceClient;
use live::LiveTurn;
use request::Image;
use service::{InvalidService, SERVICE_VARIABLE, Service};
use talk::Talk;
use turn::TurnEnv;

/// What the agent is started with.
#[derive(Debug)]
pub struct ModelOptions {
    /// The name of the project, for the log.
    pub project: String,
    /// The system prompt.
    pub system: String,
    /// The service to ask.
    pub service: Service,
}

/// Why the agent ended.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The environment has no service, or none that can be read.
    #[error("{SERVICE_VARIABLE} has no service of a model: {0}")]
    Environment(String),
    /// The service cannot be used.
    #[error(transparent)]
    Service(#[from] InvalidService),
    /// The input cannot be read.
    #[error("cannot read the next line of input: {0}")]
    Input(io::Error),
}

/// The service in the environment.
///
/// # Errors
/// There is none, or it cannot be used.
pub fn service_of_environment() -> Result<Service, ModelError> {
    let text = std::env::var(SERVICE_VARIABLE)
        .map_err(|error| ModelError::Environment(error.to_string()))?;
    let service: Service = serde_json::from_str(&text).map_err(|error| {
        // The text of the error may quote a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        ModelError::Environment(format!("it is no valid JSON of one, at {place}"))
    })?;
    Ok(service.checked()?)
}

/// What the threads of the agent share.
struct ModelAgent {
    service: Service,
    system: String,
    cwd: String,
    /// Made beside the handshake: reading the system's certificates takes a while.
    client: OnceLock<Arc<ServiceClient>>,
    output: Arc<LineOutput>,
    lines: ProtocolLines,
    calls: PipeCalls,
    turns: TurnCounters,
}

/// Answers lines from stdin on stdout until stdin ends.
///
/// # Errors
/// The input cannot be read. It ends without an error if the reader of its output is gone.
pub fn run(options: ModelOptions) -> Result<(), ModelError> {
    let ModelOptions { project, system, service } = options;
    log::debug!("the model of {project}: {service:?}");
    let output = Arc::new(LineOutput::new(Box::new(io::stdout())));
    let agent = Arc::new(ModelAgent {
        client: OnceLock::new(),
        cwd: std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
        lines: ProtocolLines::new(&service.model),
        calls: PipeCalls::new(Arc::clone(&output)),
        turns: TurnCounters::default(),
        system,
        service,
        output,
    });
    let (sender, tasks) = mpsc::channel();
    let answerer = {
        let agent = Arc::clone(&agent);
        thread::spawn(move || agent.work(&tasks))
    };
    let description = format!("{} at {}", agent.service.model, agent.service.host());
    let model = &agent.service.model;
    let input = AgentInput {
        output: &agent.output,
        turns: &agent.turns,
        calls: Some(&agent.calls),
        handshake: protocol::initialize_response(model, model, &description),
    };
    let read = input.read(io::stdin().lock(), |task| sender.send(task).is_ok());
    drop(sender);
    agent.calls.close();
    if answerer.join().is_err() {
        log::error!("the answering thread panicked");
    }
    read.map_err(ModelError::Input)
}

impl ModelAgent {
    fn client(&self) -> &Arc<ServiceClient> {
        self.client.get_or_init(|| ServiceClient::new(&self.service))
    }

    fn work(&self, tasks: &mpsc::Receiver<AgentTask>) {
        self.client();
        let mut talk = Talk::new(&self.service);
        for task in tasks {
            let told = match task {
                AgentTask::History(turns) => {
                    talk.set_past(&turns);
                    continue;
                }
                AgentTask::Thinking(most_tokens) => {
                    talk.settings.effort =
                        most_tokens.map(Effort::of_thinking_tokens).filter(|_| self.service.effort);
                    continue;
                }
                // Its questions come with their notes.
                AgentTask::Note(_) => continue,
                AgentTask::Question(question) => self.answer(&mut talk, &question),
            };
            self.turns.on_answered();
            if let Err(error) = told {
                log::warn!("the agent stops: cannot write the answer: {error}");
                return;
            }
        }
    }

    /// Answers a question. Fails if nobody reads the output.
    fn answer(&self, talk: &mut Talk, question: &UserQuestion) -> io::Result<()> {
        let number = self.turns.next();
        let is_interrupted = || self.turns.is_interrupted(number);
        let env = TurnEnv {
            service: &self.service,
            client: self.client(),
            system: &self.system,
            calls: &self.calls,
            is_interrupted: &is_interrupted,
        };
        self.calls.forget();
        let prepared = match question.wants_answer {
            true => turn::prepare(&env, talk),
            false => Ok(()),
        };
        let tools = talk.shown_tools();
        let live = LiveTurn::open(&self.output, &self.lines, &self.cwd, &tools)?;
        match prepared {
            Err(stop) => turn::refuse(&env, live, stop),
            Ok(()) if !question.wants_answer => live.finish("end_turn"),
            Ok(()) => {
                let images = question.images.iter().filter_map(Image::of_block).collect();
                talk.ask(asked(question), images);
                turn::answer(&env, talk, live)
            }
        }
    }
}

/// The question as the model is told it.
fn asked(question: &UserQuestion) -> String {
    let n_read = question.images.len();
    match question.has_attachments && n_read == 0 {
        true => {
            format!("{}\n\n(Something is attached that you cannot see. Say so.)", question.text)
        }
        false => question.text.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
