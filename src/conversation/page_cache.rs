//! Cache of the newest pages, which nearly all viewers need at the same moment.

use crate::wire::Dialect;

use super::{
    subscriber::Subscriber,
    transcript::{Cursor, HistoryPage, MissingEntries, Transcript},
};

/// Bytes of a page, about: a viewer that catches up lets others in between.
const PAGE_BYTES: usize = 16 * 1024;

/// Pages that are kept.
const KEPT: usize = 4;

/// Pages of one transcript. Every change of the transcript clears them.
#[derive(Debug, Default)]
pub(crate) struct PageCache(Vec<(Cursor, Dialect, HistoryPage)>);

impl PageCache {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Answers a viewer's open request. `settled` says whether a state may be shown: no end that
    /// came before it is held back. Returns the entries that the viewer needs where they are not in
    /// memory.
    pub(crate) fn serve(
        &mut self,
        subscriber: &mut Subscriber,
        transcript: &mut Transcript,
        settled: bool,
    ) -> Option<MissingEntries> {
        let Subscriber { cursor, dialect, .. } = *subscriber;
        let missing = transcript.missing(&cursor, dialect).filter(|_| subscriber.has_asked());
        if missing.is_some() {
            subscriber.deliver_notices();
        } else if subscriber.is_due(transcript.has_news(&cursor, dialect), settled) {
            let page = self.page(cursor, dialect, transcript);
            subscriber.deliver(page, transcript.last_seq(), settled);
        }
        missing
    }

    fn page(
        &mut self,
        cursor: Cursor,
        dialect: Dialect,
        transcript: &mut Transcript,
    ) -> HistoryPage {
        let known = self.0.iter().find(|(at, for_, _)| *at == cursor && *for_ == dialect);
        if let Some((_, _, page)) = known {
            return page.clone();
        }
        let page = transcript.page(cursor, dialect, PAGE_BYTES);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((cursor, dialect, page.clone()));
        page
    }
}
