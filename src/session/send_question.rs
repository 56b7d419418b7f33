//! Questions on their way to the agent: with what it does not know of the conversation, and with
//! their files.

use std::time::{Duration, Instant};

use tokio::{task::spawn_blocking, time::timeout};
use uuid::Uuid;

use crate::{
    agent::{AgentError, AgentHandle, AgentKind, event::AgentNotice},
    attachment::told::{self, ToldFile},
    conversation::{
        fitting_notes::{self, FittingNote},
        passed_files::{self, PassedFiles, WantedFiles},
        recap::{self, AgentKnowledge},
        retelling::told_turns,
        turn::{QueuedQuestion, TurnEvent},
        watchdog::Watchdog,
    },
    database::{DatabaseError, messages::BeginTurn},
    ids::TurnNumber,
};

use super::live::LiveConversation;

/// Longest history that an agent is told, in bytes: more than any model reads.
const HISTORY_BYTES: usize = 4 << 20; // 4 MiB

/// Time to look whether the project's directories are still those of the agent.
const PLACE_CHECK: Duration = Duration::from_secs(2);

/// What goes to the agent with a question.
#[derive(Debug, Default)]
struct Passed {
    files: PassedFiles,
    notes: Vec<FittingNote>,
}

impl LiveConversation<'_> {
    /// Gives the agent a question, unless another one is to answer it or the project has moved.
    pub(super) fn send_question(&mut self, question: QueuedQuestion) {
        let turn = question.turn;
        if let Some(why) = self.why_outdated(turn) {
            return self.replace_agent(question, why);
        }
        let place_check = self.state.agent.handle.as_ref().and_then(AgentHandle::place_check);
        let Some(place_check) = place_check else { return self.send_to_current(question) };
        let epoch = self.state.agent.epoch;
        // A disk that does not answer holds nobody: the agent itself will tell.
        let check = timeout(PLACE_CHECK, spawn_blocking(place_check));
        self.spawn(check, move |live, moved| {
            if live.state.agent.epoch != epoch || live.state.turns.running() != Some(turn) {
                return;
            }
            match matches!(moved, Ok(Ok(true))) {
                true => live.replace_agent(question, "another directory"),
                false => live.send_to_current(question),
            }
        });
    }

    fn replace_agent(&mut self, question: QueuedQuestion, why: &str) {
        log::info!("agent is replaced conversation={} why={why:?}", self.state.id);
        self.apply_event(TurnEvent::AgentOutdated(question));
    }

    /// Gives the running agent a question, once its files are read.
    fn send_to_current(&mut self, question: QueuedQuestion) {
        let turn = question.turn;
        let state = &mut *self.state;
        state.agent.watchdog = Watchdog::new(Instant::now());
        state.inbox.askers.remove(&turn);
        state.note_carried(turn);
        state.note_asked(turn);
        let wanted = passed_files::wanted(&state.transcript, turn, state.agent.knowledge);
        let reads = state.agent.handle.as_ref().is_some_and(|it| it.kind().reads_attachments());
        let epoch = state.agent.epoch;
        let files = (reads && wanted.all().next().is_some()).then(|| self.read_files(&wanted));
        let notes = self.fitting_notes(&question.content);
        if files.is_none() && notes.is_none() {
            return self.send_with_files(question, &wanted, &Passed::default());
        }
        let read = async move {
            let files = match files {
                Some(files) => files.await?,
                None => PassedFiles::default(),
            };
            let notes = match notes {
                Some(notes) => notes.await,
                None => Vec::new(),
            };
            Ok::<_, DatabaseError>(Passed { files, notes })
        };
        self.spawn(read, move |live, read| {
            let is_same = live.state.agent.epoch == epoch;
            if !is_same || live.state.turns.running() != Some(turn) {
                return;
            }
            match read {
                Ok(passed) => live.send_with_files(question, &wanted, &passed),
                Err(error) => live.apply_event(TurnEvent::SendFailed(error.to_string())),
            }
            // The agent had nothing to break off when it was asked to.
            if live.state.agent.stop_requested.is_some() {
                live.interrupt_agent();
            }
        });
    }

    /// Reads files and makes of them what an agent is told.
    fn read_files(
        &self,
        wanted: &WantedFiles,
    ) -> impl Future<Output = Result<PassedFiles, DatabaseError>> + 'static {
        let reader = self.env.resources.reader.clone();
        let (project, conversation) = (self.env.project.name.clone(), self.state.id);
        let text_bytes = self.env.resources.settings.attachments.text_bytes;
        let ids: Vec<String> = wanted.all().map(|file| file.id.clone()).collect();
        async move {
            let read = reader.ask(move |reader| {
                let mut files = Vec::with_capacity(ids.len());
                for id in ids {
                    if let Some(loaded) = reader.loaded_file(&project, conversation, &id)? {
                        files.push((id, ToldFile::of(&loaded, text_bytes)));
                    }
                }
                Ok(PassedFiles::new(files))
            });
            read.await
        }
    }

    /// Gives the agent a question, after a recap where it does not know the conversation and the notes
    /// that fit.
    fn send_with_files(
        &mut self,
        question: QueuedQuestion,
        wanted: &WantedFiles,
        Passed { files, notes }: &Passed,
    ) {
        let turn = question.turn;
        let state = &mut *self.state;
        let knowledge = std::mem::take(&mut state.agent.knowledge);
        let mut told = Ok(());
        let mut passed = Vec::new();
        let text = match knowledge {
            AgentKnowledge::Untold => {
                let turns = told_turns(&state.transcript, turn, HISTORY_BYTES, files);
                if let Some(agent) = state.agent.handle.as_ref().filter(|_| !turns.is_empty()) {
                    told = agent.tell_history(&turns);
                }
                recap::with_begun_answer(&state.transcript, turn, &question.content)
            }
            AgentKnowledge::Nothing => {
                passed = files.of(&wanted.earlier);
                recap::with_recap(&state.transcript, turn, &question.content)
            }
            AgentKnowledge::WithoutTheLast => {
                recap::with_cut_off_answer(&state.transcript, turn, &question.content)
            }
            AgentKnowledge::Everything => question.content,
        };
        passed.extend(files.of(&wanted.own));
        let effort = state.transcript.question(turn).and_then(|question| question.effort);
        let sent = match &state.agent.handle {
            Some(agent) => {
                if agent.kind().takes_effort() && effort != state.agent.effort {
                    told = told.and_then(|()| agent.set_effort(effort));
                    state.agent.effort = effort;
                }
                let text = match agent.kind() {
                    AgentKind::Guide if !notes.is_empty() => {
                        told = told.and_then(|()| agent.tell_note(&fitting_notes::opening(notes)));
                        text
                    }
                    AgentKind::Guide => text,
                    _ => fitting_notes::with_notes(notes, text),
                };
                told.and_then(|()| agent.send_with(&text, &passed, Uuid::new_v4()))
            }
            None => Err(AgentError::Gone),
        };
        self.note_withheld(wanted);
        let (project, conversation) = (self.env.project.name.clone(), self.state.id);
        self.write_in_background(BeginTurn { project, conversation, turn });
        if let Err(error) = sent {
            self.apply_event(TurnEvent::SendFailed(error.to_string()));
        }
    }

    /// Notes with the answer that the agent did not get images of the question.
    fn note_withheld(&mut self, wanted: &WantedFiles) {
        let images = wanted.own.iter().filter(|file| file.content_type.is_image());
        let names: Vec<String> = images.map(|file| file.name.clone()).collect();
        let lacks_images = self.state.agent.handle.as_ref().is_some_and(|it| it.lacks_images());
        if lacks_images && !names.is_empty() {
            self.state.told(AgentNotice::now(&told::withheld(&names), true));
        }
    }

    /// Why the running agent is not the one that answers `turn`.
    fn why_outdated(&self, turn: TurnNumber) -> Option<&'static str> {
        let agent = self.state.agent.handle.as_ref()?;
        match self.choice(Some(turn)) {
            Ok(chosen) if chosen.name != *agent.name() => Some("another agent answers"),
            _ => agent.is_outdated().then_some("new program"),
        }
    }
}
