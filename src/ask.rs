//! The command line as a client: asks a server, or without one answers by itself, and shows the answer.

mod answer;
mod chat;
mod client;
mod interrupt;
mod kept;
mod mcp;
mod own_server;
mod turn;

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::PathBuf,
};

pub use answer::AnswerEnd;
pub use client::AskError;
pub use mcp::serve_mcp;

use crate::config::{settings::Settings, token::Token};
use answer::AnswerStyle;
use client::ServerClient;
use interrupt::Interrupts;
use kept::LastConversations;
use own_server::OwnServer;
use turn::Asker;

/// Directory below the server's data, for the conversations of this command.
const DIR_NAME: &str = "ask";

/// Longest question that is read from stdin, in bytes; servers accept less.
const MAX_QUESTION_BYTES: u64 = 4 << 20; // 4 MiB

/// Columns of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// Widest text that is easily read.
const MAX_WIDTH: usize = 100;

/// Who is asked and how.
#[derive(Debug)]
pub struct AskOptions {
    /// The address of a server; without one, this process answers.
    pub server: Option<String>,
    /// What the server asks of its visitors.
    pub token: Option<String>,
    /// The project by its name at the server; may be left out where there is only one.
    pub project: Option<String>,
    /// The agent that answers, by its name.
    pub agent: Option<String>,
    /// `quick` or `thorough`.
    pub effort: Option<String>,
    /// Goes on with the last conversation.
    pub continues: bool,
    /// Prints the result as JSON, once it is complete.
    pub is_json: bool,
    /// Of this process: its data directory, and for an own server everything.
    pub settings: Settings,
}

/// Asks one question and prints the answer.
///
/// # Errors
///
/// The question cannot be asked. A question that fails later ends as [`AnswerEnd::Failed`].
pub fn ask(options: AskOptions, question: &str) -> Result<AnswerEnd, AskError> {
    let question = match question {
        "-" => read_question()?,
        words => words.to_owned(),
    };
    if question.trim().is_empty() {
        return Err(AskError::NoQuestion);
    }
    let interrupts = Interrupts::watch()?;
    let Opened { mut asker, whom, store, _own_server } = open(options, interrupts)?;
    let asked = asker.ask(&question);
    keep(&asker, &whom, store);
    asked
}

/// Asks question after question from stdin, in one conversation.
///
/// # Errors
///
/// The first question cannot be asked; the errors of later ones are printed.
pub fn chat(options: AskOptions) -> Result<(), AskError> {
    let interrupts = Interrupts::watch()?;
    let mut opened = open(options, interrupts)?;
    let asked = chat::run(&mut opened.asker);
    keep(&opened.asker, &opened.whom, opened.store);
    asked
}

/// Who answers.
struct Opened {
    asker: Asker,
    /// Whose last conversation it is.
    whom: LastOf,
    store: u32,
    _own_server: Option<OwnServer>,
}

/// The last conversations, and under which key the one with who answers is kept.
struct LastOf {
    all: LastConversations,
    key: String,
}

fn open(options: AskOptions, interrupts: Interrupts) -> Result<Opened, AskError> {
    let dir = options.settings.data_dir.join(DIR_NAME);
    let all = LastConversations::in_dir(&dir);
    let style = if options.is_json { None } else { Some(style()) };
    let continues = options.continues;
    let last = |key: &str| match continues {
        true => all.find(key)?.map(Some).ok_or(AskError::NothingToContinue),
        false => Ok(None),
    };
    let (client, project, own_server, key, last) = match &options.server {
        Some(server) => {
            let token = options.token.as_deref().map(Token::new).transpose();
            let client = ServerClient::new(server, token.map_err(AskError::Token)?)?;
            let project = options.project.map_or_else(|| client.only_project(), Ok)?;
            let key = format!("{} {project}", client.server());
            let last = last(&key)?;
            (client, project, None, key, last)
        }
        None => {
            let asked = own_project(options.settings, options.project.as_deref())?;
            let root = asked.live.projects.first().map(|it| it.roots.first().to_owned());
            let key = root.unwrap_or_else(PathBuf::new).display().to_string();
            let last = last(&key)?;
            let own = OwnServer::start(&asked, &dir, last.as_ref().map(|it| it.store))?;
            (own.client.clone(), own.project.clone(), Some(own), key, last)
        }
    };
    let asker = Asker {
        client,
        project,
        agent: options.agent,
        effort: options.effort,
        conversation_id: last.map(|it| it.conversation_id),
        style,
        interrupts,
    };
    let store = own_server.as_ref().map_or(0, |own| own.store);
    Ok(Opened { asker, whom: LastOf { all, key }, store, _own_server: own_server })
}

/// The settings with only the project that is asked about: the one of that name, or the first.
fn own_project(mut settings: Settings, name: Option<&str>) -> Result<Settings, AskError> {
    if let Some(name) = name {
        let names = settings.live.projects.iter().map(|it| it.name.to_string()).collect();
        settings.live.projects.retain(|it| it.name.as_str() == name);
        if settings.live.projects.is_empty() {
            return Err(AskError::UnknownProject { name: name.to_owned(), known: names });
        }
    }
    settings.live.projects.truncate(1);
    Ok(settings)
}

fn keep(asker: &Asker, whom: &LastOf, store: u32) {
    let Some(conversation_id) = asker.conversation_id else { return };
    if let Err(error) = whom.all.keep(&whom.key, conversation_id, store) {
        log::warn!("`--continue` will not find this conversation: {error}");
    }
}

/// How answers are written to stdout.
fn style() -> AnswerStyle {
    if !io::stdout().is_terminal() {
        return AnswerStyle::Markdown;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    let width = if columns == 0 { USUAL_WIDTH } else { columns.min(MAX_WIDTH) };
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    AnswerStyle::Terminal { width, is_styled: !is_set("NO_COLOR") && !is_dumb }
}

fn read_question() -> Result<String, AskError> {
    let mut text = Vec::new();
    let unreadable = |source| AskError::Files { path: "stdin".to_owned(), source };
    io::stdin().lock().take(MAX_QUESTION_BYTES).read_to_end(&mut text).map_err(unreadable)?;
    Ok(crate::json::decode_text(&text).into_owned())
}
