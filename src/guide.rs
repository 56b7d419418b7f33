//! The guide: the built-in agent, which answers from the project's files without a language model.
//!
//! It runs as a process and speaks the line protocol of Claude Code on stdin and stdout.
//! [`protocol`] parses the lines, [`intent`] classifies a question, [`retrieval`] and [`overview`]
//! search the [index](crate::source::index), [`mod@answer`] writes the text and [`turn`] streams it.
//! One thread reads lines and answers control requests at once, one builds the index, and one
//! answers questions in order.
//!
//! The guide never writes. It reads only files that [`crate::source::walk`] finds, and states
//! nothing about the project that it has not read there.

pub(crate) mod answer;
pub(crate) mod calls;
pub(crate) mod conversation;
mod extent;
pub(crate) mod intent;
pub(crate) mod output;
pub(crate) mod overview;
mod parts;
pub(crate) mod passage;
pub(crate) mod protocol;
pub(crate) mod retrieval;
pub(crate) mod turn;
mod value;

use std::{
    io::{self, BufRead, Read},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::guide::{
    conversation::GuideConversation,
    output::LineOutput,
    protocol::{InputLine, ProtocolLines, UserQuestion},
    turn::{TurnStopped, TurnWriter},
};
use crate::policy::{InvalidSecret, Secrets};
use crate::source::index::Index;

/// Longest line of input, bytes; a longer one is split and rejected.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// Interval at which a turn that waits for the index checks for an interrupt.
const INTERRUPT_CHECK: Duration = Duration::from_millis(20);

/// The options of the `guide` subcommand.
#[derive(Debug, Clone)]
pub struct GuideOptions {
    /// The name of the project in answers.
    pub project: String,
    /// The root directory of the project.
    pub dir: PathBuf,
    /// Globs of secret files besides the built-in ones.
    pub secrets: Vec<String>,
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
    serve(options, io::stdin().lock(), LineOutput::new(Box::new(io::stdout())))
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

/// The index, `None` until it is built.
#[derive(Debug, Default)]
struct SharedIndex {
    index: Mutex<Option<Index>>,
    built: Condvar,
}

fn serve(options: GuideOptions, input: impl BufRead, output: LineOutput) -> Result<(), GuideError> {
    let secrets = Secrets::new(&options.secrets)?;
    let dir = options
        .dir
        .canonicalize()
        .map_err(|source| GuideError::Directory { dir: options.dir.clone(), source })?;
    let output = Arc::new(output);
    let turns = Arc::new(TurnCounters::default());
    let shelf = Arc::new(SharedIndex::default());
    let builder = {
        let (shelf, dir) = (Arc::clone(&shelf), dir.clone());
        thread::spawn(move || {
            let mut index = Index::new(dir, secrets);
            let n_files = index.refresh();
            log::info!("index built; files={n_files}");
            *shelf.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(index);
            shelf.built.notify_all();
        })
    };
    let (sender, questions) = mpsc::channel::<UserQuestion>();
    let answerer = {
        let (output, turns, shelf) = (Arc::clone(&output), Arc::clone(&turns), Arc::clone(&shelf));
        let cwd = dir.to_string_lossy().into_owned();
        thread::spawn(move || {
            let mut conversation = GuideConversation::new(options.project);
            let lines = ProtocolLines::new();
            for ask in questions {
                let told = answer(&mut conversation, &ask, &lines, &cwd, &output, &turns, &shelf);
                turns.answered.fetch_add(1, Ordering::SeqCst);
                if let Err(stopped) = told {
                    log::warn!("the guide stops: {stopped}");
                    return;
                }
            }
        })
    };
    let read = read_lines(input, &output, &turns, &sender);
    drop(sender);
    if answerer.join().is_err() {
        log::error!("the answering thread panicked");
    }
    drop(builder);
    read
}

/// Reads lines until the input ends, answers control requests and passes on questions.
fn read_lines(
    mut input: impl BufRead,
    output: &LineOutput,
    turns: &TurnCounters,
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
        let reply = match protocol::parse(&crate::json::decode_text(&line)) {
            InputLine::Question(ask) => {
                turns.asked.fetch_add(1, Ordering::SeqCst);
                if questions.send(ask).is_err() {
                    return Ok(());
                }
                continue;
            }
            InputLine::Initialize { request_id } => {
                protocol::control_success(&request_id, Some(protocol::initialize_response()))
            }
            InputLine::Interrupt { request_id } => {
                turns.interrupt();
                protocol::control_success(&request_id, None)
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
        if let Err(error) = output.line(&reply) {
            log::warn!("cannot answer a control request: {error}");
            return Ok(());
        }
    }
}

fn answer(
    conversation: &mut GuideConversation,
    ask: &UserQuestion,
    lines: &ProtocolLines,
    cwd: &str,
    output: &LineOutput,
    turns: &TurnCounters,
    shelf: &SharedIndex,
) -> Result<(), TurnStopped> {
    let number = turns.answered.load(Ordering::SeqCst) + 1;
    let is_interrupted = || turns.interrupted.load(Ordering::SeqCst) >= number;
    let mut turn = TurnWriter::open(output, lines, cwd, &is_interrupted)?;
    let told = if !ask.wants_answer {
        Ok(())
    } else if GuideConversation::needs_index(ask) {
        answer_from_index(conversation, ask, &mut turn, shelf)
    } else {
        conversation.chat(&mut turn, ask)
    };
    match told {
        Ok(()) => turn.finish(),
        Err(TurnStopped::Interrupted) => turn.abort(),
        Err(stopped) => Err(stopped),
    }
}

fn answer_from_index(
    conversation: &mut GuideConversation,
    ask: &UserQuestion,
    turn: &mut TurnWriter<'_>,
    shelf: &SharedIndex,
) -> Result<(), TurnStopped> {
    let mut shelved = shelf.index.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        turn.check()?;
        if let Some(index) = shelved.as_mut() {
            index.refresh();
            return conversation.answer(turn, index, ask);
        }
        shelved = shelf
            .built
            .wait_timeout(shelved, INTERRUPT_CHECK)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
