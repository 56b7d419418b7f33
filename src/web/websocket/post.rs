//! Questions of the client on their way to the session.

use std::time::Instant;

use crate::{
    conversation::inbox::{PostContent, TurnPermit},
    session::{agent_lifecycle::Wake, attach::AttachTarget, post::Post},
    web::budget,
    wire::server_frame::{ErrorNotice, Notice, RefusalReason},
};

use super::{
    Context, Position, Viewer,
    attach::{AttachFailure, find_session, open_session},
    attachments,
};

const SESSION_FAILED: &str = "The session failed before it accepted your message; send it again.";

impl Viewer {
    /// Lets the session start the agent ahead of a question.
    pub(super) fn wake(&mut self, context: &mut Context) {
        let Some(attached) = &self.attached else { return };
        let visitor = self.env.visitor.clone();
        let may_start = Box::new(move || visitor.may_start_agent(Instant::now()));
        let woken = attached.session.send(Wake { viewer: self.id, may_start });
        self.run_request(woken, context, |_, _, _| ());
    }

    /// Posts a question with files, which are looked up first.
    pub(super) fn post_with(
        &mut self,
        message_id: Option<String>,
        what: PostContent,
        ids: Vec<String>,
        context: &mut Context,
    ) {
        if ids.is_empty() {
            return self.post(message_id, what, context);
        }
        let position = self.attached.as_ref().map(|it| it.position).or(self.left_at);
        let Some(conversation) = position.map(|position| position.conversation) else {
            let notice = ErrorNotice::retryable("No active session. Send 'start' first.");
            return self.notify(&Notice::Error(notice.of_message(message_id)), context);
        };
        let found = attachments::find(&self.env, conversation, ids);
        self.run_request(found, context, move |viewer, found, context| match (found, what) {
            (Ok(attachments), PostContent::Text { content, agent, effort, .. }) => {
                let what = PostContent::Text { content, agent, effort, attachments };
                viewer.post(message_id, what, context);
            }
            (Ok(_), what) => viewer.post(message_id, what, context),
            (Err(notice), _) => {
                viewer.notify(&Notice::Error(notice.of_message(message_id)), context);
            }
        });
    }

    /// Posts a question, after attaching the viewer if it is not.
    pub(super) fn post(
        &mut self,
        message_id: Option<String>,
        what: PostContent,
        context: &mut Context,
    ) {
        let max_bytes = self.env.state.resources.settings.limits.message_bytes;
        if let PostContent::Text { content: text, .. } | PostContent::Answer { content: text, .. } =
            &what
            && text.len() > max_bytes
        {
            let content = format!(
                "Your message has {} bytes; the limit is {max_bytes}. Shorten it and send it again.",
                text.len()
            );
            let notice = ErrorNotice::permanent(content)
                .because_of(RefusalReason::TooLong)
                .of_message(message_id);
            return self.notify(&Notice::Error(notice), context);
        }
        if self.attached.is_some() {
            return self.send_post(message_id, what, context);
        }
        let then = move |viewer: &mut Self,
                         result: Result<(), AttachFailure>,
                         context: &mut Context| match result {
            Ok(()) => viewer.send_post(message_id, what, context),
            Err(failure) => viewer.on_attach_failure(failure, context),
        };
        match self.left_at {
            // The session was closed: a client of ours opens it again with its next question.
            Some(Position { conversation, seq }) if !self.dialect.is_legacy() => {
                let to = AttachTarget::Stored { conversation, after: Some(seq) };
                self.attach(open_session(&self.env), to, context, then);
            }
            // A legacy client has to start again.
            Some(_) => {
                self.attach(find_session(&self.env), AttachTarget::Latest, context, then);
            }
            // The legacy page sends no `start` after a reconnect.
            None => self.attach_to_last(context, then),
        }
    }

    /// Sends a question to the session, if the budgets allow one.
    fn send_post(&mut self, message_id: Option<String>, what: PostContent, context: &mut Context) {
        let (state, project) = (&self.env.state, &self.env.project);
        let user = self.env.visitor.principal.user.as_deref();
        let Some(check) = budget::check(&state.resources, user, project) else {
            return self.send_allowed_post(message_id, what, context);
        };
        self.run_request(check, context, move |viewer, checked, context| {
            let notice = match checked {
                Ok(None) => return viewer.send_allowed_post(message_id, what, context),
                Ok(Some(words)) => ErrorNotice::permanent(words).because_of(RefusalReason::Budget),
                Err(error) => ErrorNotice::retryable(format!("The budget cannot be read: {error}")),
            };
            viewer.notify(&Notice::Error(notice.of_message(message_id)), context);
        });
    }

    fn send_allowed_post(
        &mut self,
        message_id: Option<String>,
        what: PostContent,
        context: &mut Context,
    ) {
        let Some(attached) = &self.attached else { return };
        let visitor = &self.env.visitor;
        let permit = match visitor.count_message(Instant::now()).and_then(|()| visitor.begin_turn())
        {
            Ok(permit) => permit.map(|permit| Box::new(permit) as TurnPermit),
            Err(limit) => {
                let notice = ErrorNotice::retryable(limit.message)
                    .because_of(RefusalReason::Limit)
                    .of_message(message_id);
                return self.notify(&Notice::Error(notice), context);
            }
        };
        let author = visitor.principal.user.clone();
        let id = message_id.clone();
        let post = Post { viewer: self.id, message_id, what, author, permit };
        let posted = attached.session.send(post);
        self.run_request(posted, context, move |viewer, answer, context| {
            let notice = match answer {
                Ok(Ok(())) => return,
                Ok(Err(notice)) => notice,
                Err(_) => ErrorNotice::retryable(SESSION_FAILED).of_message(id),
            };
            viewer.notify(&Notice::Error(notice), context);
        });
    }
}
