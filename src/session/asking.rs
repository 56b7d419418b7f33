//! Viewers that speak: they ask for what is new, ask questions, stop answers, and leave.

use std::time::Instant;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, WrapFuture as _};

use crate::{
    database::{DatabaseError, messages::AcceptQuestion, title},
    entry::{Content, TurnError, UserMessage},
    ids::{ConversationId, TurnNumber},
    wire::{
        Dialect,
        server_frame::{ErrorNotice, Notice},
    },
};

use super::{
    Session,
    conversation::Conversation,
    messages::{Asking, Batch, Demand, Describe, Description, Detach, Post, Stop, Then, ViewerId},
    turn::{Closing, Effect, Event, Question},
};

/// Bytes of the questions of one project that wait, at most.
const WAITING_BYTES: usize = 32 * 1024 * 1024;

impl Handler<Demand> for Session {
    type Result = ();

    fn handle(&mut self, demand: Demand, context: &mut Self::Context) {
        let Demand { viewer, reply } = demand;
        let live = self.following.get(&viewer).and_then(|id| self.conversations.get_mut(id));
        let Some(live) = live else {
            // The conversation was closed between two demands.
            reply.send(Batch { then: Then::Detached, ..Batch::default() }).unwrap_or_default();
            return;
        };
        if let Some(subscriber) = live.subscriber(viewer) {
            subscriber.ask(reply);
            live.deliver_to(viewer);
            let conversation = live.id;
            // What it was sent last, or is sent now, may have been rendered for it.
            self.colour(conversation, context);
            self.recall(conversation, context);
        }
        self.answer_closers(context);
    }
}

impl Handler<Post> for Session {
    type Result = Result<(), ErrorNotice>;

    fn handle(&mut self, mut post: Post, context: &mut Self::Context) -> Self::Result {
        if let Asking::Onward { conversation, turn } = post.what {
            match self.carried_over(conversation, turn) {
                Some(Ok(what)) => post.what = what,
                Some(Err(content)) => {
                    let message_id = post.message_id;
                    return Err(ErrorNotice { content, retryable: Some(false), message_id });
                }
                None => {
                    self.post_carried(post, conversation, turn, context);
                    return Ok(());
                }
            }
        }
        self.post(post, context)
    }
}

impl Session {
    /// Has a message stored. Whether it is accepted comes as a frame.
    pub(super) fn post(
        &mut self,
        post: Post,
        context: &mut Context<Self>,
    ) -> Result<(), ErrorNotice> {
        let Post { viewer, message_id, what, author, permit } = post;
        let refuse = |content: String, retryable| {
            let message_id = message_id.clone();
            Err(ErrorNotice { content, retryable: Some(retryable), message_id })
        };
        let live = self.following.get(&viewer).and_then(|id| self.conversations.get_mut(id));
        let Some(live) = live else {
            return refuse("No active session. Send 'start' first.".to_owned(), true);
        };
        if live.closing.is_some() {
            let words = "The conversation is being closed; send it again in a moment.";
            return refuse(words.to_owned(), true);
        }
        if let Err(error) = self.resources.agents.kind() {
            let seed = live.subscriber(viewer).is_some_and(|s| s.dialect == Dialect::Legacy);
            let words = "Session not initialized. Call start() first.";
            return refuse(if seed { words.to_owned() } else { error.to_string() }, true);
        }
        if message_id.as_deref().is_some_and(|id| live.has_been_asked(viewer, id)) {
            return Ok(());
        }
        let mut message =
            UserMessage { message_id: message_id.clone(), author, ..UserMessage::default() };
        if let Err(mut words) = live.fill(&mut message, &what) {
            let is_seed = live.subscriber(viewer).is_some_and(|it| it.dialect == Dialect::Legacy);
            if let Asking::Answer { content, .. } = &what
                && is_seed
            {
                // Its client keeps no text that was refused.
                words = format!("{words} It was: {content}");
            }
            return refuse(words, false);
        }
        let limits = &self.resources.settings.limits;
        let waiting = live.turns.questions_ahead() + live.accepting.len();
        // One is being answered, the others wait.
        if waiting > limits.queued_messages {
            let words = format!(
                "{waiting} questions wait in this conversation already, and no more may \
                 (limits.queued_messages); send it again when one is answered."
            );
            return refuse(words, true);
        }
        if live.transcript.is_full() {
            let words = "This conversation is as long as one may be; go on in a new one.";
            return refuse(words.to_owned(), false);
        }
        let conversation = live.id;
        let all = self.conversations.values().map(Conversation::waiting_bytes).sum::<usize>();
        if all + message.content.len() > WAITING_BYTES {
            let words = "The questions that wait in this project are too long together; send it \
                         again when some are answered.";
            return refuse(words.to_owned(), true);
        }
        let Some(live) = self.conversations.get_mut(&conversation) else { return Ok(()) };
        let turn = live.next_turn;
        live.next_turn += 1;
        live.permits.extend(permit.map(|permit| (turn, permit)));
        let accept = AcceptQuestion {
            project: self.project.name.clone(),
            conversation,
            turn,
            message: message.clone(),
        };
        let since = Instant::now();
        let senders = vec![viewer];
        live.accepting.push_back(Asked { turn, message, senders, answer: None, since });
        let accepted = self.resources.database.send(accept).into_actor(self).map(
            move |answer, session, context| {
                let answer = answer.unwrap_or(Err(DatabaseError::Stopped));
                session.answered(conversation, turn, answer, context);
            },
        );
        context.spawn(accepted);
        Ok(())
    }
}

/// A question that the database has not acknowledged, or not those before it.
#[derive(Debug)]
pub(super) struct Asked {
    turn: TurnNumber,
    message: UserMessage,
    /// Who is told.
    senders: Vec<ViewerId>,
    answer: Option<Result<(), DatabaseError>>,
    since: Instant,
}

impl Asked {
    /// Since when the database has it.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}

impl Conversation {
    /// Messages that are being stored.
    pub(super) fn accepting_messages(&self) -> impl Iterator<Item = &UserMessage> {
        self.accepting.iter().map(|asked| &asked.message)
    }

    /// Gives a message its text and what belongs to it, or tells why it cannot be asked.
    fn fill(&self, message: &mut UserMessage, what: &Asking) -> Result<(), String> {
        match what {
            Asking::Text(text) => message.content.clone_from(text),
            Asking::Answer { content, call_id } => {
                message.answers = self.answered_call(call_id.as_deref())?;
                message.content.clone_from(content);
            }
            Asking::Again(turn) => {
                message.content = self.asked_in(*turn)?;
                message.retry_of = Some(*turn);
            }
            Asking::Carried { content, from, digest } => {
                message.content.clone_from(content);
                message.continues = Some(*from);
                message.carried = Some(digest.clone()).filter(|digest| !digest.is_empty());
            }
            // It is looked up before.
            Asking::Onward { turn, .. } => return Err(format!("Turn {turn} was not looked up.")),
        }
        Ok(())
    }

    /// Bytes of the questions that wait here.
    fn waiting_bytes(&self) -> usize {
        let accepting = self.accepting.iter().map(|asked| asked.message.content.len());
        accepting.sum::<usize>() + self.turns.waiting_bytes()
    }

    /// Whether this message is here already, sent again by a client that does not know that it
    /// came through. Whoever sent it is told as soon as it is stored.
    fn has_been_asked(&mut self, viewer: ViewerId, id: &str) -> bool {
        if let Some((turn, seq)) = self.transcript.find_message(id) {
            let message_id = Some(id.to_owned());
            let notice = Notice::Accepted { message_id, seq, turn, position: 0 };
            self.answer_to(&[viewer], &notice);
            return true;
        }
        let pending =
            self.accepting.iter_mut().find(|it| it.message.message_id.as_deref() == Some(id));
        if let Some(pending) = pending {
            if !pending.senders.contains(&viewer) {
                pending.senders.push(viewer);
            }
            return true;
        }
        false
    }

    /// The question of a turn that is over, or why it cannot be asked again.
    fn asked_in(&self, turn: TurnNumber) -> Result<String, String> {
        let question = self.transcript.question(turn).ok_or_else(|| {
            format!("Turn {turn} of this conversation has no question to ask again.")
        })?;
        if self.transcript.has_ended(turn) {
            Ok(question.content.clone())
        } else {
            Err(format!("The question of turn {turn} is not answered yet; stop it first."))
        }
    }

    pub(super) fn answer_to(&mut self, viewers: &[ViewerId], notice: &Notice) {
        for viewer in viewers {
            if let Some(subscriber) = self.subscriber(*viewer) {
                subscriber.notify(notice);
            }
            self.deliver_to(*viewer);
        }
    }
}

impl Session {
    /// The database has answered whether it keeps a question. Questions come into the history in
    /// the order in which they were asked: the answers of one transaction come in any.
    fn answered(
        &mut self,
        conversation: ConversationId,
        turn: TurnNumber,
        answer: Result<(), DatabaseError>,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if let Some(asked) = live.accepting.iter_mut().find(|asked| asked.turn == turn) {
            asked.answer = Some(answer);
        }
        while let Some(live) = self.conversations.get_mut(&conversation) {
            let Some(asked) = live.accepting.pop_front_if(|asked| asked.answer.is_some()) else {
                return;
            };
            self.settle(conversation, asked, context);
        }
    }

    /// Takes a question into the history, or tells why it is not there.
    fn settle(&mut self, conversation: ConversationId, asked: Asked, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let Asked { turn, message, senders, answer, .. } = asked;
        let notice = match answer.unwrap_or(Err(DatabaseError::Stopped)) {
            Ok(()) => {
                let seq = live.transcript.push(turn, Content::UserMessage(message.clone()), false);
                if live.title.as_deref().unwrap_or_default().is_empty() {
                    live.entitle(Some(title::from_message(&message.content)));
                }
                let position = live.turns.questions_ahead();
                let message_id = message.message_id;
                let notice = Notice::Accepted { message_id, seq, turn, position };
                for viewer in &senders {
                    if let Some(subscriber) = live.subscriber(*viewer) {
                        subscriber.notify(&notice);
                    }
                }
                live.askers.insert(turn, senders);
                let closing = live.closing.clone();
                self.store(conversation, context);
                self.reserve(conversation, context);
                match closing {
                    None => {
                        let question = Question { turn, content: message.content };
                        self.happen(conversation, Event::Asked(question), context);
                    }
                    // It waits in the database.
                    Some(Closing::Shutdown) => (),
                    Some(Closing::Ended(words)) => {
                        let error = TurnError::new(words, true);
                        let end = Effect::End { turn, content: Content::Error(error) };
                        self.perform(conversation, end, context);
                    }
                }
                return;
            }
            Err(error) => {
                live.permits.remove(&turn);
                log::error!("cannot accept a question conversation={conversation} error={error}");
                Notice::Error(ErrorNotice {
                    content: format!("Your message could not be stored and was not sent: {error}"),
                    retryable: Some(error.is_retryable()),
                    message_id: message.message_id,
                })
            }
        };
        live.answer_to(&senders, &notice);
    }
}

impl Handler<Stop> for Session {
    type Result = ();

    fn handle(&mut self, stop: Stop, context: &mut Self::Context) {
        let Some(conversation) = self.following.get(&stop.viewer).copied() else { return };
        if let Some(live) = self.conversations.get_mut(&conversation) {
            live.is_stopped_by(stop.author);
        }
        self.happen(conversation, Event::StopAsked, context);
    }
}

impl Handler<Detach> for Session {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Self::Context) {
        let Some(id) = self.following.remove(&detach.viewer) else { return };
        if let Some(live) = self.conversations.get_mut(&id) {
            // Nobody waits for the demand any more.
            drop(live.unsubscribe(detach.viewer));
            self.tell_viewers_soon(id, context);
        }
    }
}

impl Handler<Describe> for Session {
    type Result = actix::MessageResult<Describe>;

    fn handle(&mut self, _: Describe, _: &mut Self::Context) -> Self::Result {
        let mut conversations: Vec<_> =
            self.conversations.values().map(|live| live.describe()).collect();
        conversations.sort_by_key(|live| live.conversation_id);
        actix::MessageResult(Description { latest: self.latest, conversations })
    }
}

#[cfg(feature = "faults")]
impl Handler<super::messages::InjectPanic> for Session {
    type Result = ();

    #[expect(clippy::panic, reason = "the fault that is injected")]
    fn handle(&mut self, _: super::messages::InjectPanic, _: &mut Self::Context) {
        panic!("a fault was injected");
    }
}
