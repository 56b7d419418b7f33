//! Answers that are shown as HTML: rendered on a timer while they grow, and never on the way of a
//! piece of text. Code gets its colours after it has been shown; what grows of it is read ahead.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};

use crate::{
    conversation::transcript::PendingHighlight,
    ids::{ConversationId, Seq},
};

use super::Session;

/// A growing answer is rendered at most this often.
const RENDERED: Duration = Duration::from_millis(60);

/// The part that is rendered again is sent again: a long one less often, by this per KiB.
const RENDERED_PER_KIB: Duration = Duration::from_millis(5);

/// It is rendered at least this often.
const RENDERED_AT_LEAST: Duration = Duration::from_millis(600);

/// What viewers are not sent at once, for it would be too much again and again, they are sent when nothing
/// else has come for so long.
const QUIET: Duration = Duration::from_secs(2);

impl Session {
    /// Renders what has come, soon, where anybody wants it.
    pub(super) fn render_soon(
        &mut self,
        conversation: ConversationId,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        if !live.is_rendered() || std::mem::replace(&mut live.render_due, true) {
            return;
        }
        let kib = u32::try_from(live.transcript.open_bytes() / 1024).unwrap_or(u32::MAX);
        let wait = RENDERED.saturating_add(RENDERED_PER_KIB.saturating_mul(kib));
        context.run_later(wait.min(RENDERED_AT_LEAST), move |session, context| {
            if let Some(live) = session.conversations.get_mut(&conversation) {
                live.render_due = false;
                if !live.transcript.refresh_within_pace() {
                    Self::refresh_when_quiet(conversation, live.transcript.last_seq(), context);
                }
                live.deliver();
            }
            session.colour(conversation, context);
            session.read_ahead(conversation);
            session.cite(conversation, context);
        });
    }

    /// Renders what has come up to `seq` when nothing follows it for a while.
    fn refresh_when_quiet(conversation: ConversationId, seq: Seq, context: &mut Context<Self>) {
        context.run_later(QUIET, move |session, _| {
            let live = session.conversations.get_mut(&conversation);
            if let Some(live) = live.filter(|live| live.transcript.last_seq() == seq) {
                live.transcript.refresh();
                live.deliver();
            }
        });
    }

    /// Has the code that was rendered since the last time coloured, and sends it again when it is.
    pub(super) fn colour(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        for code in live.transcript.take_uncoloured() {
            let highlighter = self.resources.highlighter.clone();
            let fence = Arc::clone(&code.fence);
            let coloured = async move { highlighter.block(fence).await }.into_actor(self);
            context.spawn(coloured.map(move |html, session, _| {
                session.coloured(conversation, code, html);
            }));
        }
    }

    /// Has the code read ahead that is not closed yet, so that its colours are there soon when it is.
    fn read_ahead(&self, conversation: ConversationId) {
        let Some(live) = self.conversations.get(&conversation) else { return };
        if let Some(fence) = live.transcript.open_code() {
            self.resources.highlighter.prefetch(fence);
        }
    }

    /// Takes the colours of code. The conversation may be gone by now, or may have been loaded again.
    fn coloured(
        &mut self,
        conversation: ConversationId,
        code: PendingHighlight,
        html: Option<Arc<str>>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.transcript.colour(code, html);
        live.deliver();
    }
}
