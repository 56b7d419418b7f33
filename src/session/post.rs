//! Questions of viewers, from the request to the running turn, and requests to stop it.

use std::time::Instant;

use actix::{Context, Handler, Message};

use crate::{
    conversation::{
        Conversation,
        inbox::{PendingQuestion, PostContent, TurnPermit},
        turn::{CloseReason, QueuedQuestion, TurnEffect, TurnEvent},
        viewer::ViewerId,
    },
    database::{
        DatabaseError,
        messages::{AcceptQuestion, CopiedAttachment},
        title,
    },
    entry::{Content, TurnError, UserMessage},
    ids::{ConversationId, TurnNumber},
    wire::server_frame::{ErrorNotice, Notice, RefusalReason},
};

use super::{Session, live::LiveConversation};

/// Bytes of the questions that wait in all conversations of one project, at most.
const WAITING_BYTES: usize = 32 * 1024 * 1024;

/// Asks something in the viewer's conversation. Once it is stored, a frame tells that it is
/// accepted.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), ErrorNotice>")]
pub(crate) struct Post {
    pub(crate) viewer: ViewerId,
    /// The client's own id of the message.
    pub(crate) message_id: Option<String>,
    pub(crate) what: PostContent,
    /// The name of the author, where a proxy gives one.
    pub(crate) author: Option<String>,
    /// Held until the turn of the message has ended.
    pub(crate) permit: Option<TurnPermit>,
}

impl Handler<Post> for Session {
    type Result = Result<(), ErrorNotice>;

    fn handle(&mut self, post: Post, context: &mut Self::Context) -> Self::Result {
        match post.what {
            PostContent::Onward { conversation, turn } => {
                self.post_onward(post, (conversation, turn), context)
            }
            _ => self.post(post, context),
        }
    }
}

impl Session {
    pub(super) fn post(
        &mut self,
        post: Post,
        context: &mut Context<Self>,
    ) -> Result<(), ErrorNotice> {
        let waiting_bytes = self.conversations.values().map(Conversation::waiting_bytes).sum();
        let message_id = post.message_id.clone();
        let posted = match self.followed_by(post.viewer, context) {
            Some(mut live) => {
                live.check_write(post.viewer).and_then(|()| live.post(post, waiting_bytes))
            }
            None => Err(ErrorNotice::retryable("No active session. Send 'start' first.")),
        };
        posted.map_err(|refusal| refusal.of_message(message_id))
    }
}

impl LiveConversation<'_> {
    /// Has a question stored, where `waiting_bytes` of questions wait in the project.
    fn post(&mut self, post: Post, waiting_bytes: usize) -> Result<(), ErrorNotice> {
        let Post { viewer, message_id, what, author, permit } = post;
        let is_legacy = self.state.audience.is_legacy(viewer);
        if self.state.lifecycle.closing.is_some() {
            return Err(ErrorNotice::retryable(
                "The conversation is being closed; send it again in a moment.",
            ));
        }
        if let Some(name) = what.agent() {
            self.env.resources.agents.check_name(name).map_err(ErrorNotice::permanent)?;
        }
        if let Err(error) = self.choice(None) {
            return Err(match is_legacy {
                true => ErrorNotice::retryable("Session not initialized. Call start() first."),
                false => ErrorNotice::retryable(error.to_string()),
            });
        }
        if message_id.as_deref().is_some_and(|id| self.state.has_been_asked(viewer, id)) {
            return Ok(());
        }
        let mut message = UserMessage { message_id, author, ..UserMessage::default() };
        self.state.fill(&mut message, &what).map_err(|reason| match &what {
            // A legacy client keeps no text that was refused.
            PostContent::Answer { content, .. } if is_legacy => {
                ErrorNotice::permanent(format!("{reason} It was: {content}"))
            }
            _ => ErrorNotice::permanent(reason),
        })?;
        self.check_room(waiting_bytes + message.content.len())?;
        self.store_question(viewer, message, what.copied(), permit);
        Ok(())
    }

    fn check_room(&self, waiting_bytes: usize) -> Result<(), ErrorNotice> {
        let waiting = self.state.turns.questions_ahead() + self.state.inbox.pending.len();
        // One of them is being answered.
        if waiting > self.env.resources.settings.limits.queued_messages {
            return Err(ErrorNotice::retryable(format!(
                "{waiting} questions wait in this conversation already, and no more may \
                 (limits.queued_messages); send it again when one is answered."
            ))
            .because_of(RefusalReason::Limit));
        }
        if self.state.transcript.is_full() {
            return Err(ErrorNotice::permanent(
                "This conversation is as long as one may be; go on in a new one.",
            ));
        }
        if waiting_bytes > WAITING_BYTES {
            return Err(ErrorNotice::retryable(
                "The questions that wait in this project are too long together; send it again when \
                 some are answered.",
            )
            .because_of(RefusalReason::Limit));
        }
        Ok(())
    }

    fn store_question(
        &mut self,
        viewer: ViewerId,
        message: UserMessage,
        copied: Vec<CopiedAttachment>,
        permit: Option<TurnPermit>,
    ) {
        let turn = self.state.next_turn;
        self.state.next_turn += 1;
        self.state.inbox.permits.extend(permit.map(|permit| (turn, permit)));
        let accept = AcceptQuestion {
            project: self.env.project.name.clone(),
            conversation: self.state.id,
            turn,
            message: message.clone(),
            copied,
            is_text_audited: self.env.resources.live.get().audit.content,
        };
        let (senders, since) = (vec![viewer], Instant::now());
        let pending = PendingQuestion { turn, message, senders, answer: None, since };
        self.state.inbox.pending.push_back(pending);
        let accepted = self.env.resources.database.send(accept);
        self.spawn(accepted, move |live, answer| {
            live.on_accept_result(turn, answer.unwrap_or(Err(DatabaseError::Stopped)));
        });
    }

    /// Handles the database's answer to a question. Questions enter the history in the order in
    /// which they were asked; the answers of one transaction come in any.
    fn on_accept_result(&mut self, turn: TurnNumber, answer: Result<(), DatabaseError>) {
        let pending = &mut self.state.inbox.pending;
        if let Some(question) = pending.iter_mut().find(|question| question.turn == turn) {
            question.answer = Some(answer);
        }
        while let Some(question) = self.state.inbox.next_answered() {
            self.commit_question(question);
        }
    }

    /// Adds a stored question to the history, or tells its senders why it is not stored.
    fn commit_question(&mut self, question: PendingQuestion) {
        let PendingQuestion { turn, message, senders, answer, .. } = question;
        if let Err(error) = answer.unwrap_or(Err(DatabaseError::Stopped)) {
            let id = self.state.id;
            log::error!("cannot accept a question conversation={id} error={error}");
            self.state.inbox.permits.remove(&turn);
            let content = format!("Your message could not be stored and was not sent: {error}");
            let notice = match error.is_retryable() {
                true => ErrorNotice::retryable(content),
                false => ErrorNotice::permanent(content),
            };
            let notice = Notice::Error(notice.of_message(message.message_id));
            return self.state.answer_to(&senders, &notice);
        }
        let state = &mut *self.state;
        let seq = state.transcript.push(turn, Content::UserMessage(message.clone()));
        if state.title.as_deref().unwrap_or_default().is_empty() {
            state.set_title(Some(title::from_message(&message.content)));
        }
        let position = state.turns.questions_ahead();
        let UserMessage { message_id, content, .. } = message;
        state
            .audience
            .notify_viewers(&senders, &Notice::Accepted { message_id, seq, turn, position });
        state.inbox.askers.insert(turn, senders);
        let closing = state.lifecycle.closing.clone();
        self.list_changed();
        self.save();
        self.reserve_numbers();
        match closing {
            None => self.apply_event(TurnEvent::QuestionStored(QueuedQuestion { turn, content })),
            // It is answered after the restart.
            Some(CloseReason::Shutdown) => (),
            Some(CloseReason::Ended(reason)) => {
                let content = Content::Error(TurnError::new(reason, true));
                self.run_effect(TurnEffect::EndTurn { turn, content });
            }
        }
    }
}

/// Ends the running turn of the viewer's conversation.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Stop {
    pub(crate) viewer: ViewerId,
    /// The name of the person, where a proxy gives one.
    pub(crate) author: Option<String>,
}

impl Handler<Stop> for Session {
    type Result = ();

    fn handle(&mut self, Stop { viewer, author }: Stop, context: &mut Self::Context) {
        if let Some(mut live) = self.followed_by(viewer, context)
            && live.check_write(viewer).is_ok()
        {
            live.state.record_stop_author(author);
            live.apply_event(TurnEvent::StopRequested);
        }
    }
}

/// Ends a turn of a conversation for somebody who may write in it: stops its answer, or withdraws its
/// question if that waits. Does nothing once the turn has ended.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct StopTurn {
    pub(crate) conversation: ConversationId,
    /// The running one if there is none.
    pub(crate) turn: Option<TurnNumber>,
    /// The name of the person, where a proxy gives one.
    pub(crate) author: Option<String>,
}

impl Handler<StopTurn> for Session {
    type Result = ();

    fn handle(&mut self, stop: StopTurn, context: &mut Self::Context) {
        let StopTurn { conversation, turn, author } = stop;
        let Some(mut live) = self.live(conversation, context) else { return };
        let running = live.state.turns.running();
        match turn.or(running) {
            Some(turn) if live.state.turns.is_waiting(turn) => {
                live.apply_event(TurnEvent::QuestionWithdrawn { turn, author });
            }
            Some(turn) if running == Some(turn) => {
                live.state.record_stop_author(author);
                live.apply_event(TurnEvent::StopRequested);
            }
            _ => (),
        }
    }
}

/// Ends a turn of the viewer's conversation that still waits.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), ErrorNotice>")]
pub(crate) struct Withdraw {
    pub(crate) viewer: ViewerId,
    pub(crate) turn: TurnNumber,
    /// The name of the person, where a proxy gives one.
    pub(crate) author: Option<String>,
}

impl Handler<Withdraw> for Session {
    type Result = Result<(), ErrorNotice>;

    fn handle(&mut self, withdraw: Withdraw, context: &mut Self::Context) -> Self::Result {
        let Withdraw { viewer, turn, author } = withdraw;
        let Some(mut live) = self.followed_by(viewer, context) else {
            return Err(ErrorNotice::retryable("No active session. Send 'start' first."));
        };
        live.check_write(viewer)?;
        if !live.state.turns.is_waiting(turn) {
            return Err(ErrorNotice::permanent(format!(
                "The question of turn {turn} does not wait: its answer has begun or is over."
            )));
        }
        live.apply_event(TurnEvent::QuestionWithdrawn { turn, author });
        Ok(())
    }
}
