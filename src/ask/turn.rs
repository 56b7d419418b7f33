//! One turn: asks, shows the answer as it comes, and goes on where a connection broke.

use std::{
    io::{self, IsTerminal as _, Write as _},
    thread,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    answer::{AnswerEnd, AnswerStyle, AnswerText, Shown},
    client::{AskError, AskedTurnPlace, ServerClient, TurnEvents},
    interrupt::{Interrupts, RunningTurn},
};
use crate::{ids::ConversationId, sse::SentEvent, web::api::ask::AskRequest};

/// How long a server that went away is asked again, and the pause between two tries.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// The name of the event that tells where a turn is.
const PLACE_EVENT: &str = "conversation";

/// Asks the questions of one conversation.
pub(super) struct Asker {
    pub(super) client: ServerClient,
    pub(super) project: String,
    pub(super) agent: Option<String>,
    pub(super) effort: Option<String>,
    /// Once there is one.
    pub(super) conversation_id: Option<ConversationId>,
    /// `None` prints the result as JSON.
    pub(super) style: Option<AnswerStyle>,
    pub(super) interrupts: Interrupts,
}

impl Asker {
    pub(super) fn ask(&mut self, question: &str) -> Result<AnswerEnd, AskError> {
        let question = AskRequest {
            project: self.project.clone(),
            question: question.to_owned(),
            conversation_id: self.conversation_id,
            agent: self.agent.clone(),
            effort: self.effort.clone(),
            message_id: Some(Uuid::new_v4().to_string()),
            ..AskRequest::default()
        };
        let mut events = self.client.ask(&question)?;
        let place = self.place(&mut events)?;
        self.conversation_id = Some(place.conversation_id);
        self.interrupts.begin(RunningTurn {
            client: self.client.clone(),
            project: self.project.clone(),
            place: place.clone(),
        });
        let end = self.show(events, &place);
        self.interrupts.end();
        let end = end?;
        let is_failed = matches!(end, AnswerEnd::Failed(_));
        if self.style.is_none() && !is_failed {
            print(&self.client.result(&self.project, &place)?)?;
            print("\n")?;
        }
        Ok(end)
    }

    /// Where the turn is, which the first event tells.
    fn place(&self, events: &mut TurnEvents) -> Result<AskedTurnPlace, AskError> {
        let first = events.next().map_err(|error| self.client.foreign(&error))?;
        let first = first.map(|event| event.data).unwrap_or_default();
        serde_json::from_str(&first).map_err(|error| self.client.foreign(&error))
    }

    /// Shows the answer until it ends.
    fn show(&self, mut events: TurnEvents, place: &AskedTurnPlace) -> Result<AnswerEnd, AskError> {
        let style = self.style.unwrap_or(AnswerStyle::Markdown);
        let mut text = AnswerText::new(style);
        let mut progress = Progress::new(self.style.is_some());
        let mut after: Option<String> = None;
        loop {
            while let Ok(Some(SentEvent { id, data, name })) = events.next() {
                if name.as_deref() == Some(PLACE_EVENT) && is_behind(&data) {
                    self.print("\n(The answer begins again.)\n\n")?;
                    text = AnswerText::new(style);
                }
                after = id.or(after);
                let Shown { text: new, progress: line, end } = text.take(&data);
                if let Some(line) = line {
                    progress.show(&line)?;
                }
                if !new.is_empty() {
                    progress.clear()?;
                    self.print(&new)?;
                }
                if let Some(end) = end {
                    progress.clear()?;
                    return Ok(end);
                }
            }
            progress.show("the connection broke; trying again")?;
            events = self.reconnect(place, after.as_deref())?;
        }
    }

    /// Prints a piece of the answer, unless it is wanted as a whole.
    fn print(&self, text: &str) -> Result<(), AskError> {
        if self.style.is_some() { print(text) } else { Ok(()) }
    }

    fn reconnect(
        &self,
        place: &AskedTurnPlace,
        after: Option<&str>,
    ) -> Result<TurnEvents, AskError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.resume(&self.project, place, after) {
                Err(AskError::Unreachable { .. }) if Instant::now() < deadline => {
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}

/// Whether a server that crashed tells less than was shown: it goes on from `after` then.
fn is_behind(event: &str) -> bool {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    event.get("after").is_some()
}

/// The line on stderr that tells what the agent does, where a person looks at it.
struct Progress {
    is_shown: bool,
    is_open: bool,
}

impl Progress {
    fn new(is_wanted: bool) -> Self {
        Self { is_shown: is_wanted && io::stderr().is_terminal(), is_open: false }
    }

    /// Shows a line in place of the one before.
    fn show(&mut self, line: &str) -> Result<(), AskError> {
        self.write(&format!("\r\u{1b}[2K· {line}"))?;
        self.is_open = self.is_shown;
        Ok(())
    }

    fn clear(&mut self) -> Result<(), AskError> {
        match std::mem::take(&mut self.is_open) {
            true => self.write("\r\u{1b}[2K"),
            false => Ok(()),
        }
    }

    fn write(&self, text: &str) -> Result<(), AskError> {
        if !self.is_shown {
            return Ok(());
        }
        let mut stderr = io::stderr().lock();
        let written = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        written.map_err(|source| AskError::Files { path: "stderr".to_owned(), source })
    }
}

/// Writes to stdout at once. A pipe that was closed ends the program, as its reader needs no more.
pub(super) fn print(text: &str) -> Result<(), AskError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|source| match source.kind() {
        io::ErrorKind::BrokenPipe => AskError::NobodyReads,
        _ => AskError::Files { path: "stdout".to_owned(), source },
    })
}
