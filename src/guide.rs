//! The guide: the built-in agent, which answers from the project's files without a language model.
//!
//! It runs as a process and speaks the line protocol of Claude Code on stdin and stdout.
//! [`protocol`] parses the lines and [`stream`] writes an answer as a model would. The answer itself is
//! made where the project is read: by the server's reader, whom [`relay`] asks, or by a thread of this
//! process where there is no server. There, [`answering`] has [`intent`] classify the question,
//! [`retrieval`] and [`overview`] search the [index](crate::source::index), [`mod@answer`] write the
//! text, and [`turn`] record it.
//!
//! The guide never writes. It states nothing about the project that was not read in a file that
//! [`crate::source::walk`] finds.

pub(crate) mod answer;
pub(crate) mod answering;
pub(crate) mod calls;
pub(crate) mod conversation;
pub(crate) mod extent;
pub(crate) mod history;
pub(crate) mod input;
pub(crate) mod intent;
pub(crate) mod lines;
pub(crate) mod output;
pub(crate) mod overview;
mod parts;
pub(crate) mod passage;
pub(crate) mod protocol;
pub(crate) mod relay;
pub(crate) mod retrieval;
mod start;
mod stream;
pub(crate) mod tool_calls;
pub(crate) mod turn;
mod value;

use std::{
    io::{self, BufRead},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::guide::{
    answering::AnswerTask,
    conversation::GuideConversation,
    input::{AgentInput, AgentTask, TurnCounters},
    lines::ProtocolLines,
    output::LineOutput,
    protocol::UserQuestion,
    relay::PendingAnswer,
    stream::{StreamStopped, TurnStream},
    tool_calls::PipeCalls,
};
use crate::policy::{InvalidSecret, Secrets};
use crate::source::index::shared::SharedIndex;

/// The name that the guide reports as its model.
const MODEL: &str = "guide";
/// What it says of itself.
const DESCRIPTION: &str = "Answers from the project's files, without a language model";
/// Interval at which a turn that waits for its answer checks for an interrupt.
const INTERRUPT_CHECK: Duration = Duration::from_millis(20);
/// Longest wait for the index of a guide without a server.
const INDEX_WAIT: Duration = Duration::from_secs(600);

/// The options of the `guide` subcommand.
#[derive(Debug, Clone)]
pub struct GuideOptions {
    /// The name of the project in answers.
    pub project: String,
    /// Who answers.
    pub answerer: Answerer,
}

/// Who answers the guide's questions.
#[derive(Debug, Clone)]
pub enum Answerer {
    /// The server that started it, by way of the project's reader.
    Server,
    /// The guide itself.
    Own {
        /// The root directory of the project.
        dir: PathBuf,
        /// Globs of secret files besides the built-in ones.
        secrets: Vec<String>,
    },
}

/// Why the guide ended.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// A glob of secret files is invalid.
    #[error(transparent)]
    Secrets(#[from] InvalidSecret),
    /// The project's directory cannot be opened.
    #[error("cannot open the project's directory {dir}: {source}")]
    Directory {
        /// The directory as given.
        dir: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The input cannot be read.
    #[error("cannot read the next line of input: {0}")]
    Input(io::Error),
}

/// Answers lines from stdin on stdout until stdin ends.
///
/// # Errors
/// The guide cannot start, or its input cannot be read. It ends without an error if the reader of its
/// output is gone.
pub fn run(options: GuideOptions) -> Result<(), GuideError> {
    let output = Arc::new(LineOutput::new(Box::new(io::stdout())));
    let (answers, cwd) = match options.answerer {
        Answerer::Server => {
            let cwd = std::env::current_dir().unwrap_or_default();
            (Answers::Relayed(PipeCalls::new(Arc::clone(&output))), cwd)
        }
        Answerer::Own { dir, secrets } => {
            let secrets = Secrets::new(&secrets)?;
            let failed = |source| GuideError::Directory { dir: dir.clone(), source };
            let dir = dir.canonicalize().map_err(failed)?;
            (Answers::Own(Arc::new(SharedIndex::new(dir.clone(), secrets, None))), dir)
        }
    };
    let guide = Arc::new(Guide {
        cwd: cwd.to_string_lossy().into_owned(),
        output,
        lines: ProtocolLines::new(MODEL),
        turns: TurnCounters::default(),
        answers,
    });
    serve(&guide, options.project, io::stdin().lock())
}

/// What the threads of the guide share.
#[derive(Debug)]
struct Guide {
    cwd: String,
    output: Arc<LineOutput>,
    lines: ProtocolLines,
    turns: TurnCounters,
    answers: Answers,
}

/// Where answers come from.
#[derive(Debug)]
enum Answers {
    Relayed(PipeCalls),
    Own(Arc<SharedIndex>),
}

impl Answers {
    /// Asks for an answer, which is sent when it is there.
    fn ask(&self, task: AnswerTask) -> PendingAnswer {
        match self {
            Self::Relayed(calls) => PendingAnswer::Relayed(relay::ask(calls, &task)),
            Self::Own(index) => {
                let (sender, answer) = mpsc::channel();
                let index = Arc::clone(index);
                thread::spawn(move || {
                    let answer = answering::answer(&index, INDEX_WAIT, task);
                    // An error means that it was interrupted.
                    sender.send(answer.map_err(|error| error.to_string())).ok();
                });
                PendingAnswer::Own(answer)
            }
        }
    }
}

fn serve(guide: &Arc<Guide>, project: String, input: impl BufRead) -> Result<(), GuideError> {
    let (sender, questions) = mpsc::channel::<UserQuestion>();
    let answerer = {
        let guide = Arc::clone(guide);
        thread::spawn(move || {
            let mut conversation = GuideConversation::new(project);
            for question in questions {
                let told = guide.answer(&mut conversation, question);
                guide.turns.on_answered();
                if let Err(error) = told {
                    log::warn!("the guide stops: cannot write the answer: {error}");
                    return;
                }
            }
        })
    };
    let calls = match &guide.answers {
        Answers::Relayed(calls) => Some(calls),
        Answers::Own(_) => None,
    };
    let agent_input = AgentInput {
        output: &guide.output,
        turns: &guide.turns,
        calls,
        handshake: protocol::initialize_response(MODEL, "Guide", DESCRIPTION),
    };
    let mut note = None;
    let read = agent_input.read(input, |task| match task {
        AgentTask::Question(question) => {
            sender.send(UserQuestion { note: note.take(), ..question }).is_ok()
        }
        AgentTask::Note(text) => {
            note = Some(text);
            true
        }
        // The server's reader keeps what the guide has to know of it.
        AgentTask::History(_) | AgentTask::Thinking(_) => true,
    });
    drop(sender);
    if let Some(calls) = calls {
        calls.close();
    }
    if answerer.join().is_err() {
        log::error!("the answering thread panicked");
    }
    read.map_err(GuideError::Input)
}

impl Guide {
    /// Answers a question. Fails if nobody reads the output.
    fn answer(
        &self,
        conversation: &mut GuideConversation,
        question: UserQuestion,
    ) -> io::Result<()> {
        let number = self.turns.next();
        let is_interrupted = || self.turns.is_interrupted(number);
        let mut turn = TurnStream::open(&self.output, &self.lines, &self.cwd, &is_interrupted)?;
        if !question.wants_answer {
            return turn.finish();
        }
        let answer = self.answers.ask(AnswerTask { question, conversation: conversation.clone() });
        let told = loop {
            if let Err(stopped) = turn.check() {
                break Err(stopped);
            }
            match answer.recv_timeout(INTERRUPT_CHECK) {
                Err(RecvTimeoutError::Timeout) => (),
                Ok(Ok(answer)) => {
                    *conversation = answer.conversation;
                    break turn.write(&answer.steps);
                }
                Ok(Err(why)) => return turn.fail(&why),
                Err(RecvTimeoutError::Disconnected) => {
                    return turn.fail("the one who answers is gone");
                }
            }
        };
        match told {
            Ok(()) => turn.finish(),
            Err(StreamStopped::Interrupted) => turn.abort(),
            Err(StreamStopped::Output(error)) => Err(error),
        }
    }
}
