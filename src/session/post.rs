//! Viewers that speak: they ask for what is new, ask questions, stop answers, and leave.

use std::time::Instant;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use crate::{
    conversation::{
        Conversation,
        inbox::{PendingQuestion, PostContent, TurnPermit},
        turn::{CloseReason, QueuedQuestion, TurnEffect, TurnEvent},
        viewer::ViewerId,
    },
    database::{DatabaseError, messages::AcceptQuestion, title},
    entry::{Content, TurnError, UserMessage},
    ids::{ConversationId, TurnNumber},
    wire::{
        Dialect,
        server_frame::{ErrorNotice, Notice},
    },
};

use super::Session;

/// Bytes of the questions of one project that wait, at most.
const WAITING_BYTES: usize = 32 * 1024 * 1024;

/// Asks something in the viewer's conversation. Whether it is accepted comes as a frame, once
/// it is stored.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), ErrorNotice>")]
pub(crate) struct Post {
    /// The viewer.
    pub(crate) viewer: ViewerId,
    /// The client's own id of the message.
    pub(crate) message_id: Option<String>,
    /// What is asked.
    pub(crate) what: PostContent,
    /// The name of who asks, where one is known.
    pub(crate) author: Option<String>,
    /// What is held until the turn that the message becomes has ended.
    pub(crate) permit: Option<TurnPermit>,
}

impl Handler<Post> for Session {
    type Result = Result<(), ErrorNotice>;

    fn handle(&mut self, mut post: Post, context: &mut Self::Context) -> Self::Result {
        if let PostContent::Onward { conversation, turn } = post.what {
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
            if let PostContent::Answer { content, .. } = &what
                && is_seed
            {
                // Its client keeps no text that was refused.
                words = format!("{words} It was: {content}");
            }
            return refuse(words, false);
        }
        let limits = &self.resources.settings.limits;
        let waiting = live.turns.questions_ahead() + live.pending_questions.len();
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
        live.turn_permits.extend(permit.map(|permit| (turn, permit)));
        let accept = AcceptQuestion {
            project: self.project.name.clone(),
            conversation,
            turn,
            message: message.clone(),
        };
        let since = Instant::now();
        let senders = vec![viewer];
        live.pending_questions.push_back(PendingQuestion {
            turn,
            message,
            senders,
            answer: None,
            since,
        });
        let accepted = self.resources.database.send(accept).into_actor(self).map(
            move |answer, session, context| {
                let answer = answer.unwrap_or(Err(DatabaseError::Stopped));
                session.on_accept_result(conversation, turn, answer, context);
            },
        );
        context.spawn(accepted);
        Ok(())
    }
}

impl Session {
    /// The database has answered whether it keeps a question. Questions come into the history in
    /// the order in which they were asked: the answers of one transaction come in any.
    fn on_accept_result(
        &mut self,
        conversation: ConversationId,
        turn: TurnNumber,
        answer: Result<(), DatabaseError>,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if let Some(asked) = live.pending_questions.iter_mut().find(|asked| asked.turn == turn) {
            asked.answer = Some(answer);
        }
        while let Some(live) = self.conversations.get_mut(&conversation) {
            let Some(asked) = live.pending_questions.pop_front_if(|asked| asked.answer.is_some())
            else {
                return;
            };
            self.commit_question(conversation, asked, context);
        }
    }

    /// Takes a question into the history, or tells why it is not there.
    fn commit_question(
        &mut self,
        conversation: ConversationId,
        asked: PendingQuestion,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let PendingQuestion { turn, message, senders, answer, .. } = asked;
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
                        let question = QueuedQuestion { turn, content: message.content };
                        self.apply_event(
                            conversation,
                            TurnEvent::QuestionStored(question),
                            context,
                        );
                    }
                    // It waits in the database.
                    Some(CloseReason::Shutdown) => (),
                    Some(CloseReason::Ended(words)) => {
                        let error = TurnError::new(words, true);
                        let end = TurnEffect::EndTurn { turn, content: Content::Error(error) };
                        self.run_effect(conversation, end, context);
                    }
                }
                return;
            }
            Err(error) => {
                live.turn_permits.remove(&turn);
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

/// Ends the running turn of the viewer's conversation.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Stop {
    /// The viewer.
    pub(crate) viewer: ViewerId,
    /// Who it is, where a proxy told.
    pub(crate) author: Option<String>,
}

impl Handler<Stop> for Session {
    type Result = ();

    fn handle(&mut self, stop: Stop, context: &mut Self::Context) {
        let Some(conversation) = self.following.get(&stop.viewer).copied() else { return };
        if let Some(live) = self.conversations.get_mut(&conversation) {
            live.is_stopped_by(stop.author);
        }
        self.apply_event(conversation, TurnEvent::StopRequested, context);
    }
}
