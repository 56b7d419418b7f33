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
mod extent;
pub(crate) mod history;
pub(crate) mod intent;
pub(crate) mod output;
pub(crate) mod overview;
mod parts;
pub(crate) mod passage;
pub(crate) mod protocol;
pub(crate) mod relay;
pub(crate) mod retrieval;
mod start;
mod stream;
pub(crate) mod turn;
mod value;

use std::{
    io::{self, BufRead, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::guide::{
    answering::AnswerTask,
    conversation::GuideConversation,
    output::LineOutput,
    protocol::{InputLine, ProtocolLines, UserQuestion},
    relay::{AnswerOutcome, Relay},
    stream::{StreamStopped, TurnStream},
};
use crate::policy::{InvalidSecret, Secrets};
use crate::source::index::shared::SharedIndex;

/// Longest line of input, bytes; a longer one is split and rejected.
const MAX_LINE_BYTES: u64 = 16 << 20;
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
            (Answers::Relayed(Relay::new(Arc::clone(&output))), cwd)
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
        lines: ProtocolLines::new(),
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
    Relayed(Relay),
    Own(Arc<SharedIndex>),
}

impl Answers {
    /// Asks for an answer, which is sent when it is there.
    fn ask(&self, task: AnswerTask) -> mpsc::Receiver<AnswerOutcome> {
        match self {
            Self::Relayed(relay) => relay.ask(&task),
            Self::Own(index) => {
                let (sender, answer) = mpsc::channel();
                let index = Arc::clone(index);
                thread::spawn(move || {
                    let answer = answering::answer(&index, INDEX_WAIT, task);
                    // An error means that it was interrupted.
                    sender.send(answer.map_err(|error| error.to_string())).ok();
                });
                answer
            }
        }
    }
}

/// The numbers of the last question asked, answered and interrupted; 0 before the first.
#[derive(Debug, Default)]
struct TurnCounters {
    asked: AtomicU64,
    answered: AtomicU64,
    interrupted: AtomicU64,
}

impl TurnCounters {
    /// Interrupts the running turn, if there is one.
    fn interrupt(&self) {
        let answered = self.answered.load(Ordering::SeqCst);
        if answered < self.asked.load(Ordering::SeqCst) {
            self.interrupted.fetch_max(answered + 1, Ordering::SeqCst);
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
                guide.turns.answered.fetch_add(1, Ordering::SeqCst);
                if let Err(error) = told {
                    log::warn!("the guide stops: cannot write the answer: {error}");
                    return;
                }
            }
        })
    };
    let read = guide.read_lines(input, &sender);
    drop(sender);
    if let Answers::Relayed(relay) = &guide.answers {
        relay.close();
    }
    if answerer.join().is_err() {
        log::error!("the answering thread panicked");
    }
    read
}

impl Guide {
    /// Reads lines until the input ends, answers control requests and passes on questions.
    fn read_lines(
        &self,
        mut input: impl BufRead,
        questions: &mpsc::Sender<UserQuestion>,
    ) -> Result<(), GuideError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let n_read = (&mut input)
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut line)
                .map_err(GuideError::Input)?;
            if n_read == 0 {
                return Ok(());
            }
            let mut is_interrupt = false;
            let reply = match protocol::parse(&crate::json::decode_text(&line)) {
                InputLine::Question(question) => {
                    self.turns.asked.fetch_add(1, Ordering::SeqCst);
                    if questions.send(question).is_err() {
                        return Ok(());
                    }
                    continue;
                }
                InputLine::Initialize { request_id } => {
                    protocol::control_success(&request_id, Some(protocol::initialize_response()))
                }
                InputLine::Interrupt { request_id } => {
                    is_interrupt = true;
                    protocol::control_success(&request_id, None)
                }
                InputLine::Response(response) => {
                    if let Answers::Relayed(relay) = &self.answers {
                        relay.on_response(response);
                    }
                    continue;
                }
                InputLine::Unsupported { request_id, subtype } => protocol::control_error(
                    &request_id,
                    &format!("Unsupported control request subtype: {subtype}"),
                ),
                InputLine::Ignored => continue,
                InputLine::Garbage(reason) => {
                    log::warn!("cannot parse a line of input: {reason}");
                    continue;
                }
            };
            if let Err(error) = self.output.line(&reply) {
                log::warn!("cannot answer a control request: {error}");
                return Ok(());
            }
            // After the reply, so that it comes before the turn's end.
            if is_interrupt {
                self.turns.interrupt();
            }
        }
    }

    /// Answers a question. Fails if nobody reads the output.
    fn answer(
        &self,
        conversation: &mut GuideConversation,
        question: UserQuestion,
    ) -> io::Result<()> {
        let number = self.turns.answered.load(Ordering::SeqCst) + 1;
        let is_interrupted = || self.turns.interrupted.load(Ordering::SeqCst) >= number;
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
