//! A viewer's questions on their way to the session.

use std::time::Instant;

use crate::{
    session::messages::{Asking, Destination, Held, Post, Wake},
    web::access::rate_limit::LimitExceeded,
    wire::server_frame::{ErrorNotice, Notice},
};

use super::{
    Context, Place, Viewer,
    attach::{NotAttached, find, open},
};

impl Viewer {
    /// Tells the session that somebody is about to ask.
    pub(super) fn wake(&mut self, context: &mut Context) {
        let Some(followed) = &self.followed else { return };
        let visitor = self.env.visitor.clone();
        let may_start = Box::new(move || visitor.may_start_agent(Instant::now()));
        let woken = followed.session.send(Wake { viewer: self.id, may_start });
        self.occupy(woken, context, |_, _, _| ());
    }

    pub(super) fn post(&mut self, message_id: Option<String>, what: Asking, context: &mut Context) {
        let longest = self.env.state.resources.settings.limits.message_bytes;
        if let Asking::Text(text) | Asking::Answer { content: text, .. } = &what
            && text.len() > longest
        {
            let content = format!(
                "Your message has {} bytes, and at most {longest} are taken. Shorten it and send \
                 it again.",
                text.len()
            );
            let refusal = ErrorNotice { content, retryable: Some(false), message_id };
            return self.say(&Notice::Error(refusal), context);
        }
        if self.followed.is_some() {
            return self.send_post(message_id, what, context);
        }
        let state = self.env.state.clone();
        let project = self.env.project.clone();
        let then =
            move |viewer: &mut Self, result: Result<(), NotAttached>, context: &mut Context| {
                match result {
                    Ok(()) => viewer.send_post(message_id, what, context),
                    Err(why) => viewer.not_attached(why, context),
                }
            };
        match self.left {
            // The session was closed under a client of ours: its next question opens it again.
            Some(Place { conversation, seq }) if self.dialect.is_ours() => {
                let to = Destination::Stored { conversation, after: Some(seq) };
                self.attach(open(state, project), to, context, then);
            }
            // One of the original's has to start again.
            Some(_) => self.attach(find(state, project), Destination::Latest, context, then),
            // The original's page sends no `start` after a reconnect.
            None => self.attach_last(context, then),
        }
    }

    fn send_post(&mut self, message_id: Option<String>, what: Asking, context: &mut Context) {
        let Some(followed) = &self.followed else { return };
        let visitor = &self.env.visitor;
        let permit = match visitor.count_message(Instant::now()).and_then(|()| visitor.begin_turn())
        {
            Ok(permit) => permit.map(|permit| Box::new(permit) as Held),
            Err(LimitExceeded { message: content, .. }) => {
                let refusal = ErrorNotice { content, retryable: Some(true), message_id };
                return self.say(&Notice::Error(refusal), context);
            }
        };
        let author = visitor.user.clone();
        let id = message_id.clone();
        let post = Post { viewer: self.id, message_id, what, author, permit };
        let posted = followed.session.send(post);
        self.occupy(posted, context, move |viewer, answer, context| {
            let refusal = match answer {
                Ok(Ok(())) => return,
                Ok(Err(refusal)) => refusal,
                Err(_) => ErrorNotice {
                    content: "The session failed before it took your message; send it again."
                        .to_owned(),
                    retryable: Some(true),
                    message_id: id,
                },
            };
            viewer.say(&Notice::Error(refusal), context);
        });
    }
}
