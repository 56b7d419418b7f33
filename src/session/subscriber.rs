//! A viewer as its conversation sees it: where it stands, what it is owed, whether it has asked.

use std::collections::VecDeque;

use bytestring::ByteString;
use tokio::sync::oneshot;

use crate::wire::{
    Dialect,
    outgoing::{Notice, Status},
};

use super::{
    messages::{Batch, BrowserId, Then, ViewerId},
    transcript::{Cursor, Page},
};

/// Frames outside the history that wait for a viewer. They answer its own requests, one each, and
/// a viewer that does not read sends none: this is only the last resort.
const MAX_NOTICES: usize = 256;

/// A viewer of a conversation.
#[derive(Debug)]
pub struct Subscriber {
    /// Which viewer.
    pub viewer: ViewerId,
    /// Its browser, where known.
    pub browser: Option<BrowserId>,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// How far it has got in the transcript.
    pub cursor: Cursor,
    /// What becomes of it once everything is sent.
    then: Then,
    notices: VecDeque<ByteString>,
    status: Option<Status>,
    catching_up: bool,
    demand: Option<oneshot::Sender<Batch>>,
}

impl Subscriber {
    /// A viewer that comes in at `cursor`.
    pub fn new(
        viewer: ViewerId,
        browser: Option<BrowserId>,
        dialect: Dialect,
        cursor: Cursor,
    ) -> Self {
        Self {
            viewer,
            browser,
            dialect,
            cursor,
            then: Then::AskAgain,
            notices: VecDeque::new(),
            status: None,
            catching_up: true,
            demand: None,
        }
    }

    /// Owes the viewer a frame outside the history; it goes before anything of the history.
    pub fn notify(&mut self, notice: &Notice) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.extend(notice.frame(self.dialect));
        }
    }

    /// Owes the viewer a state; only the newest counts.
    pub fn tell(&mut self, status: &Status) {
        if self.dialect == Dialect::V1 {
            self.status = Some(status.clone());
        }
    }

    /// After everything else the viewer is let go.
    pub fn dismiss(&mut self, then: Then) {
        self.then = then;
    }

    /// Whether it is let go and has not been told yet.
    pub fn is_parting(&self) -> bool {
        self.then != Then::AskAgain
    }

    /// What the viewer has asked with, to be handed on when it moves.
    pub fn take_demand(&mut self) -> Option<oneshot::Sender<Batch>> {
        self.demand.take()
    }

    /// The viewer has asked.
    pub fn ask(&mut self, reply: oneshot::Sender<Batch>) {
        self.demand = Some(reply);
    }

    /// Whether the viewer waits for something and would get it, given whether the transcript has
    /// news for it, and whether nothing that came before its state is still held back.
    pub fn is_due(&self, has_news: bool, settled: bool) -> bool {
        self.demand.is_some()
            && (has_news
                || self.catching_up
                || !self.notices.is_empty()
                || (settled && self.status.is_some())
                || self.is_parting())
    }

    /// Answers the viewer's demand with this page and everything else that it is owed.
    pub fn deliver(&mut self, page: Page, newest: i64, settled: bool) {
        let Some(demand) = self.demand.take() else { return };
        let mut frames: Vec<ByteString> = self.notices.drain(..).collect();
        frames.extend(page.frames);
        self.cursor = page.next;
        let mut then = Then::AskAgain;
        if !page.more {
            if std::mem::take(&mut self.catching_up) {
                frames.extend(Notice::CaughtUp { seq: newest }.frame(self.dialect));
            }
            let status = self.status.take_if(|_| settled).map(Notice::Status);
            frames.extend(status.and_then(|status| status.frame(self.dialect)));
            then = std::mem::take(&mut self.then);
        }
        // A viewer that is gone has nobody to tell.
        demand.send(Batch { frames, seq: page.seq, then }).unwrap_or_default();
    }
}
