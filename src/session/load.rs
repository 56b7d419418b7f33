//! Conversations becoming live: created, loaded from the database, or resumed after a restart.

use std::sync::Arc;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler as _, WrapFuture as _, fut};

use crate::{
    agent::prompt,
    conversation::{
        Conversation,
        agent_state::OwnSession,
        references::unchecked_answers,
        transcript::Transcript,
        turn::{QueuedQuestion, TurnEvent},
        usage::UsageTotals,
    },
    database::{
        DatabaseError, StoredConversation, Summary,
        messages::{ClaimConversation, CreateConversation, DeleteIfEmpty},
    },
    entry::{Content, Outcome, TextKind},
    ids::{ConversationId, Seq, TurnNumber},
    rights::Ownership,
};

use super::{
    Session,
    attach::{Attach, AttachError, AttachResponse},
    references::check_answers,
};

impl Session {
    /// Creates a conversation, or reuses the empty one that this browser began and left.
    pub(super) fn create_conversation(
        &mut self,
        attach: Attach,
        context: &mut Context<Self>,
    ) -> AttachResponse {
        let begun = self.conversations.values().find(|live| {
            live.is_abandoned()
                && live.ownership.owner == attach.person.principal.user
                && live.lifecycle.closing.is_none()
                && live.audience.last_cursor(attach.person.browser.as_ref()).is_some()
        });
        if let Some(id) = begun.map(|live| live.id) {
            return Box::pin(fut::ready(self.attach_viewer(id, attach, context)));
        }
        // The empty ones of other browsers may be used yet, but need no agent meanwhile.
        let abandoned = self.conversations.values().filter(|live| live.is_abandoned());
        for id in abandoned.map(|live| live.id).collect::<Vec<_>>() {
            if let Some(mut live) = self.live(id, context) {
                live.apply_event(TurnEvent::Hibernate);
            }
        }
        if let Err(error) = self.make_room(context) {
            return Box::pin(fut::err(error));
        }
        let mut transcript = Transcript::new(Seq(Transcript::range()));
        if let Ok(chosen) = self.env.resources.agents.choice(Some(&self.env.project.name), None) {
            let greeting = prompt::greeting(self.env.project.name.as_str(), &chosen);
            transcript.append(TurnNumber::GREETING, TextKind::Answer, &greeting);
            transcript.push(TurnNumber::GREETING, Content::plain_end(Outcome::Completed));
        }
        let create = CreateConversation {
            project: self.env.project.name.clone(),
            explicit: false,
            reserved_seq: Seq(Transcript::range()),
            agent_session: None,
            entries: transcript.take_dirty(),
            ownership: Ownership::of_new(
                &attach.person.principal,
                self.env.resources.live.get().team.default_visibility,
            ),
            forked_from: None,
            copied: Vec::new(),
        };
        let created = self.env.resources.database.send(create).into_actor(self);
        Box::pin(created.map(move |answer, session, context| {
            let summary: Summary = stored(answer)?;
            let id = summary.id;
            session.insert_conversation(Conversation::new(
                summary,
                transcript,
                TurnNumber::FIRST,
            ))?;
            session.attach_viewer(id, attach, context)
        }))
    }

    pub(super) fn load(
        &mut self,
        id: ConversationId,
        attach: Attach,
        context: &mut Context<Self>,
    ) -> AttachResponse {
        if self.deleted.contains_key(&id) {
            return Box::pin(fut::err(AttachError::Unknown(id.to_string())));
        }
        if let Err(error) = self.make_room(context) {
            return Box::pin(fut::err(error));
        }
        let loaded = self.fetch(id).into_actor(self);
        Box::pin(loaded.then(move |loaded, session, context| {
            match loaded.and_then(|loaded| session.insert_loaded(id, loaded, context)) {
                // It is live, and may be closing again.
                Ok(()) => session.handle(attach, context),
                Err(error) => Box::pin(fut::err(error)),
            }
        }))
    }

    /// Loads conversations in which questions wait, as far as there is room for them.
    pub(super) fn resume(&mut self, context: &mut Context<Self>) {
        if self.is_closing {
            return;
        }
        while let Some(id) = self.unanswered.pop_front() {
            if self.conversations.contains_key(&id) || self.deleted.contains_key(&id) {
                continue;
            }
            if self.make_room(context).is_err() {
                return self.unanswered.push_front(id);
            }
            let loaded = self.fetch(id).into_actor(self);
            context.spawn(loaded.map(move |loaded, session, context| {
                match loaded.and_then(|loaded| session.insert_loaded(id, loaded, context)) {
                    // Its questions wait in the database.
                    Ok(()) | Err(AttachError::Closing) => (),
                    Err(error) => log::error!("cannot resume conversation={id} error={error}"),
                }
            }));
        }
    }

    /// Makes a loaded conversation live, with the questions that wait in it.
    fn insert_loaded(
        &mut self,
        id: ConversationId,
        loaded: (Conversation, Vec<QueuedQuestion>),
        context: &mut Context<Self>,
    ) -> Result<(), AttachError> {
        if self.deleted.contains_key(&id) {
            return Err(AttachError::Unknown(id.to_string()));
        }
        // Another viewer may have been faster.
        if self.conversations.contains_key(&id) {
            return Ok(());
        }
        let (mut conversation, waiting) = loaded;
        // It may have been read before this was stored.
        if let Some((_, ownership)) = self.shared.get(&id) {
            conversation.ownership = ownership.clone();
        }
        self.insert_conversation(conversation)?;
        if let Some(mut live) = self.live(id, context) {
            // The check of its references may have changed entries.
            live.save();
            for question in waiting {
                live.apply_event(TurnEvent::QuestionStored(question));
            }
        }
        Ok(())
    }

    /// Makes a conversation live, unless the session began to close meanwhile: nothing would close
    /// the conversation.
    fn insert_conversation(&mut self, conversation: Conversation) -> Result<(), AttachError> {
        if self.is_closing {
            return Err(AttachError::Closing);
        }
        self.conversations.insert(conversation.id, conversation);
        Ok(())
    }

    /// Claims a conversation in the database and reads it.
    fn fetch(
        &self,
        id: ConversationId,
    ) -> impl Future<Output = Result<(Conversation, Vec<QueuedQuestion>), AttachError>> + 'static
    {
        let project = self.env.project.name.clone();
        let claim = ClaimConversation {
            project: project.clone(),
            conversation: id,
            range: Transcript::range(),
        };
        let claimed = self.env.resources.database.send(claim);
        let reader = self.env.resources.reader.clone();
        let settings = Arc::clone(&self.env.resources.settings);
        let readers = self.env.resources.readers.clone();
        let asked = self.env.project.clone();
        async move {
            let keep = settings.limits.history_memory;
            let first = match claimed.await {
                Ok(Err(DatabaseError::ConversationGone { .. })) => {
                    return Err(AttachError::Unknown(id.to_string()));
                }
                answer => stored(answer)?,
            };
            let loaded = reader.ask(move |reader| reader.load(&project, id, keep)).await;
            let loaded = loaded.map_err(|error| AttachError::Store(error.to_string()))?;
            let loaded = loaded.ok_or_else(|| AttachError::Unknown(id.to_string()))?;
            // A long one would block the actor's thread for too long.
            let roots = asked.roots.clone();
            let restored = tokio::task::spawn_blocking(move || {
                let (live, waiting) = restore(loaded, first)?;
                let unchecked = unchecked_answers(&live.transcript, &roots, &settings);
                Ok((live, waiting, unchecked))
            });
            let restored = restored.await.map_err(|error| AttachError::Store(error.to_string()))?;
            let (mut live, waiting, unchecked) = restored?;
            let checked = check_answers(&readers, &asked, unchecked);
            // What is not checked in time is checked when the conversation is loaded again.
            for (turn, citations, read) in checked.await {
                live.transcript.cite(turn, citations, read);
            }
            Ok((live, waiting))
        }
    }

    /// Unloads the conversation that has rested longest, if the limit is reached.
    fn make_room(&mut self, context: &mut Context<Self>) -> Result<(), AttachError> {
        let most = self.env.resources.settings.limits.conversations_per_project;
        if self.conversations.len() < most {
            return Ok(());
        }
        let resting = self.conversations.values().filter(|live| live.is_at_rest());
        let oldest = resting.min_by_key(|live| live.lifecycle.last_used).map(|live| live.id);
        self.unload(oldest.ok_or(AttachError::TooMany(most))?, context);
        Ok(())
    }

    /// Drops a conversation from memory, and from the database if nobody wrote in it.
    pub(super) fn unload(&mut self, id: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.remove(&id) else { return };
        if self.latest == Some(id) {
            self.latest = None;
        }
        if live.is_empty() {
            let project = self.env.project.name.clone();
            let deleted =
                self.env.resources.database.send(DeleteIfEmpty { project, conversation: id });
            context.spawn(deleted.into_actor(self).map(move |answer, _, _| {
                if let Ok(Err(error)) = answer {
                    log::warn!("cannot delete conversation={id} error={error}");
                }
            }));
        }
    }

    /// Looks for questions that waited when the server, or the session before this one, ended.
    pub(super) fn find_unanswered(&mut self, context: &mut Context<Self>) {
        let reader = self.env.resources.reader.clone();
        let found = async move { reader.ask(|reader| reader.unanswered()).await };
        context.spawn(found.into_actor(self).map(|found, session, context| match found {
            Ok(found) => {
                let project = &session.env.project.name;
                let own = found.into_iter().filter(|(of, _)| of == project);
                session.unanswered = own.map(|(_, conversation)| conversation).collect();
                session.resume(context);
            }
            Err(error) => log::error!("cannot look for questions that wait error={error}"),
        }));
    }
}

/// A conversation as the database has it, with the questions that wait in it. `first` is the first
/// free sequence number.
pub(super) fn restore(
    stored: StoredConversation,
    first: Seq,
) -> Result<(Conversation, Vec<QueuedQuestion>), AttachError> {
    let StoredConversation {
        summary, agent_session, entries, outlines, next_turn, waiting, ..
    } = stored;
    let transcript = Transcript::restore(&entries, &outlines, first).map_err(|error| {
        AttachError::Store(format!("Conversation {} cannot be read: {error}", summary.id))
    })?;
    let mut live = Conversation::new(summary, transcript, next_turn);
    live.lifecycle.is_listed = true;
    live.agent.session = agent_session.as_deref().and_then(OwnSession::read);
    live.usage = UsageTotals::of(&entries);
    let waiting = waiting.into_iter().map(|(turn, content)| QueuedQuestion { turn, content });
    Ok((live, waiting.collect()))
}

fn stored<T>(
    answer: Result<Result<T, DatabaseError>, actix::MailboxError>,
) -> Result<T, AttachError> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(AttachError::Store(error.to_string())),
        Err(error) => Err(AttachError::Store(format!("the database cannot be reached: {error}"))),
    }
}
