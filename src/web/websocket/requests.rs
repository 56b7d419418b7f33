//! Requests of the client, handled one after another.

use std::future::Future;

use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};

use crate::{
    conversation::inbox::PostContent,
    ids::TurnNumber,
    session::post::{Stop, Withdraw},
    wire::{
        client_frame::ClientFrame,
        server_frame::{ErrorNotice, Notice},
    },
};

use super::{Context, Viewer};

impl Viewer {
    pub(super) fn handle_request(&mut self, request: ClientFrame, context: &mut Context) {
        match request {
            ClientFrame::Ping => self.notify(&Notice::Pong, context),
            ClientFrame::Start(start) => self.start(start, context),
            ClientFrame::Message { message_id, content, agent, effort, attachments } => {
                let content = content.trim().to_owned();
                if content.is_empty() {
                    let notice = ErrorNotice::permanent("Empty message").of_message(message_id);
                    return self.notify(&Notice::Error(notice), context);
                }
                let what = PostContent::Text { content, agent, effort, attachments: Vec::new() };
                self.post_with(message_id, what, attachments, context);
            }
            ClientFrame::Answer { message_id, content, call_id } => {
                self.post(message_id, PostContent::Answer { content, call_id }, context);
            }
            ClientFrame::Retry { turn, conversation, agent, message_id } => {
                let what = match conversation {
                    Some(conversation) => PostContent::Onward { conversation, turn },
                    None => PostContent::Again { turn, agent },
                };
                self.post(message_id, what, context);
            }
            ClientFrame::Withdraw { turn } => self.withdraw(turn, context),
            ClientFrame::Typing => self.wake(context),
            ClientFrame::Stop => {
                if let Some(attached) = &self.attached {
                    let author = self.env.visitor.principal.user.clone();
                    let stopped = attached.session.send(Stop { viewer: self.id, author });
                    self.run_request(stopped, context, |_, _, _| ());
                }
            }
        }
    }

    fn withdraw(&mut self, turn: TurnNumber, context: &mut Context) {
        let Some(attached) = &self.attached else {
            return self.notify(&Notice::Error(no_session()), context);
        };
        let author = self.env.visitor.principal.user.clone();
        let withdrawn = attached.session.send(Withdraw { viewer: self.id, turn, author });
        self.run_request(withdrawn, context, |viewer, answer, context| {
            if let Err(notice) = answer.unwrap_or_else(|_| Err(no_session())) {
                viewer.notify(&Notice::Error(notice), context);
            }
        });
    }

    /// Awaits `work`, then calls `then`. Requests that arrive meanwhile wait in the backlog.
    pub(super) fn run_request<T: 'static>(
        &mut self,
        work: impl Future<Output = T> + 'static,
        context: &mut Context,
        then: impl FnOnce(&mut Self, T, &mut Context) + 'static,
    ) {
        self.requests_in_progress += 1;
        context.spawn(work.into_actor(self).map(move |outcome, viewer, context| {
            viewer.requests_in_progress -= 1;
            then(viewer, outcome, context);
            while viewer.requests_in_progress == 0 {
                let Some(request) = viewer.backlog.pop() else { break };
                viewer.handle_request(request, context);
            }
        }));
    }
}

fn no_session() -> ErrorNotice {
    ErrorNotice::retryable("No active session. Send 'start' first.")
}
