//! PageCache that were just made, kept for viewers that stand at the same place, as nearly all do.

use crate::wire::Dialect;

use super::{
    subscriber::Subscriber,
    transcript::{Cursor, HistoryPage, MissingEntries, Transcript},
};

/// A viewer is sent about this much at once; one that catches up lets others go between.
const PAGE_BYTES: usize = 16 * 1024;

/// PageCache that are kept.
const KEPT: usize = 4;

/// The pages of one transcript. Whoever changes it clears them.
#[derive(Debug, Default)]
pub(crate) struct PageCache(Vec<(Cursor, Dialect, HistoryPage)>);

impl PageCache {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Gives a viewer that has asked what it has not seen. `settled` says that a state may be told:
    /// nothing that came before it is still held back. Gives what the viewer waits for where that is not
    /// in memory.
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
