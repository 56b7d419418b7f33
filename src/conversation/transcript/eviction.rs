//! Eviction of old entries: once written they leave memory, and come back while a viewer reads
//! them. Questions always stay.

use std::ops::Range;

use crate::{
    entry::{Content, EntryOutline, EntryRow, TextBlock},
    ids::Seq,
    wire::Dialect,
};

use super::{
    Cursor, Entry, EntryBody, TextKind, Transcript,
    streaming_text::{BlockInfo, StreamingText},
};

/// Bytes that are read from the database at once, about.
const WINDOW_BYTES: usize = 256 * 1024;

/// Ranges that stay in memory for viewers at different old positions.
const WINDOWS: usize = 16;

/// An entry that is only in the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct EvictedEntry {
    kind: EvictedKind,
    /// Bytes that it takes in memory, about.
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum EvictedKind {
    Text(BlockInfo),
    End,
    Other,
}

/// Entries that a viewer needs and that are only in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingEntries {
    entries: Range<usize>,
    /// First sequence numbers of the first and the last of them.
    pub(crate) seqs: (Seq, Seq),
}

/// Entries that were read for a viewer.
#[derive(Debug)]
pub(crate) struct ReloadedEntries(Vec<(Seq, serde_json::Result<EntryBody>)>);

impl ReloadedEntries {
    /// Parses rows. Slow: for a blocking thread.
    pub(crate) fn read(rows: &[EntryRow]) -> Self {
        Self(rows.iter().map(|row| (row.first_seq, EntryBody::read(row))).collect())
    }
}

impl Transcript {
    /// The entries that must be in memory before a viewer at `cursor` can be sent more.
    pub(crate) fn missing(&self, cursor: &Cursor, dialect: Dialect) -> Option<MissingEntries> {
        if self.tail == 0 {
            return None;
        }
        let needed = self.needed(cursor.entry, dialect)?;
        let mut end = needed.start;
        let mut bytes = 0;
        while end < needed.end || (end < self.tail && bytes < WINDOW_BYTES) {
            bytes += self.entries.get(end).map_or(0, Entry::bytes);
            end += 1;
        }
        let first_seq = |index: usize| Some(self.entries.get(index)?.first_seq);
        let seqs = (first_seq(needed.start)?, first_seq(end.checked_sub(1)?)?);
        Some(MissingEntries { entries: needed.start..end, seqs })
    }

    /// The range of entries that a viewer at entry `at` needs, if one of them is not in memory.
    pub(super) fn needed(&self, at: usize, dialect: Dialect) -> Option<Range<usize>> {
        let is_stored = |index: &usize| self.entries.get(*index).is_some_and(Entry::is_stored);
        if dialect.is_html() && self.is_answer(at) {
            let (first, is_last) = self.neighbours(at);
            // An answer is sent at its last entry.
            let from = if is_last { self.rendered_until(first) } else { return None };
            let texts = (from..=at).filter(|index| self.is_answer(*index));
            return texts.into_iter().find(is_stored).map(|missing| missing..at + 1);
        }
        if dialect.is_html()
            && let Some((first, last)) = self.withdrawn_from(at)
        {
            let from = self.rendered_until(first);
            let texts = (from..=last).filter(|index| self.is_answer(*index));
            return texts.into_iter().find(is_stored).map(|missing| missing..last + 1);
        }
        is_stored(&at).then_some(at..at + 1)
    }

    /// Inserts entries that were read because they were missing.
    pub(crate) fn insert_reloaded(&mut self, missing: MissingEntries, recalled: ReloadedEntries) {
        for (first_seq, body) in recalled.0 {
            let index = self.entries.partition_point(|entry| entry.first_seq < first_seq);
            let entry = self.entries.get_mut(index).filter(|entry| entry.first_seq == first_seq);
            let Some((entry, stored)) = entry.and_then(|entry| match entry.body {
                EntryBody::Evicted(stored) => Some((entry, stored)),
                _ => None,
            }) else {
                continue;
            };
            match (body, stored.block()) {
                (Ok(EntryBody::Text(growing)), Some(block)) => {
                    entry.body = EntryBody::Text(Box::new(growing.again(block.revision)));
                }
                (Ok(body @ EntryBody::Fixed(_)), None) => entry.body = body,
                (Ok(_), _) => log::error!("entry is of another kind than it was seq={first_seq}"),
                (Err(error), _) => log::error!("cannot read entry seq={first_seq} error={error}"),
            }
        }
        // A viewer must not wait for ever for a row that is gone.
        for entry in self.entries.get_mut(missing.entries.clone()).into_iter().flatten() {
            if let EntryBody::Evicted(stored) = entry.body {
                log::error!("entry is not in the database any more seq={}", entry.first_seq);
                let block = stored.block();
                let (kind, number) =
                    block.map_or((TextKind::Thinking, 0), |it| (it.kind, it.number));
                let empty = TextBlock { block: number, content: String::new() };
                entry.body =
                    EntryBody::Text(Box::new(StreamingText::closed(kind, &empty, entry.last_seq)));
            }
        }
        self.recalled.push_back(missing.entries);
    }

    /// Adds an entry of which only the outline was read.
    pub(super) fn add_outline(&mut self, outline: &EntryOutline) {
        let kind = match outline.kind.as_str() {
            kind @ ("text" | "thinking") => EvictedKind::Text(BlockInfo {
                number: self.next_block(outline.turn),
                kind: if kind == "text" { TextKind::Answer } else { TextKind::Thinking },
                revision: 0,
            }),
            "response_done" | "error" => EvictedKind::End,
            _ => EvictedKind::Other,
        };
        self.add(Entry {
            turn: outline.turn,
            first_seq: outline.first_seq,
            last_seq: outline.last_seq,
            body: EntryBody::Evicted(EvictedEntry {
                kind,
                bytes: size_of::<Entry>() + outline.bytes,
            }),
            held: false,
            dirty: false,
        });
    }

    /// Evicts the entries before the last outline.
    pub(super) fn evict_before_outlines(&mut self) {
        let newest = self.entries.iter().rposition(Entry::is_stored);
        let until = newest.map_or(0, |newest| newest + 1);
        self.evict_below(until);
    }

    /// Whether [`evict`](Self::evict) would evict anything.
    pub(crate) fn exceeds(&self, keep: usize) -> bool {
        let is_old = self.rendered.values().next().is_some_and(|it| it.end() < self.tail);
        let is_large = self.finished_rendering().is_some_and(|(_, it)| it.bytes() > keep);
        is_old || is_large || self.has_reloaded() || self.tail_for(keep) > self.tail
    }

    /// Whether reloaded entries may be evicted again.
    pub(crate) fn has_reloaded(&self) -> bool {
        !self.recalled.is_empty()
    }

    /// Evicts what is older than the newest `keep` bytes, and reloaded entries that no viewer at
    /// one of `cursors` needs. Everything that is not marked as changed must be in the database.
    pub(crate) fn evict(&mut self, cursors: &[(Cursor, Dialect)], keep: usize) {
        let until = self.tail_for(keep);
        let is_shown_as_html = cursors.iter().any(|(_, dialect)| dialect.is_html());
        if is_shown_as_html && until > self.tail {
            // The texts that it is rendered from are still in memory.
            self.refresh();
        }
        self.evict_below(until);
        for mut window in std::mem::take(&mut self.recalled) {
            let is_needed = |(cursor, _): &(Cursor, Dialect)| window.contains(&cursor.entry);
            if self.recalled.len() < WINDOWS && cursors.iter().any(is_needed) {
                self.recalled.push_back(window);
            } else {
                window.by_ref().for_each(|index| self.evict_entry(index));
            }
        }
        self.evict_html(cursors, keep);
    }

    /// The index where the newest `keep` bytes begin, among entries that are written.
    fn tail_for(&self, keep: usize) -> usize {
        let newest = self.entries.len().saturating_sub(1).min(self.first_dirty);
        let mut bytes = 0;
        let mut begin = self.entries.len();
        while begin > self.tail && bytes <= keep {
            begin -= 1;
            bytes += self.entries.get(begin).map_or(0, Entry::bytes) + self.rendered_bytes(begin);
        }
        let is_all = bytes <= keep;
        if is_all { self.tail } else { newest.min(begin + 1).max(self.tail) }
    }

    fn evict_below(&mut self, until: usize) {
        for index in self.tail..until {
            self.keep_excerpt(index);
            self.evict_entry(index);
        }
        self.tail = self.tail.max(until);
    }

    fn evict_entry(&mut self, index: usize) {
        // A changed entry is not in the database yet.
        if let Some(entry) = self.entries.get_mut(index).filter(|entry| !entry.dirty)
            && let Some(stored) = EvictedEntry::of(entry)
        {
            entry.body = EntryBody::Evicted(stored);
        }
    }
}

impl EvictedEntry {
    /// What stays of an evicted entry; `None` if it is never evicted.
    fn of(entry: &Entry) -> Option<Self> {
        let kind = match &entry.body {
            // That it is empty already would not be known of an evicted one.
            EntryBody::Text(growing) if growing.escaped().is_empty() => return None,
            EntryBody::Text(growing) => EvictedKind::Text(growing.block),
            EntryBody::Fixed(content) => match &**content {
                Content::UserMessage(_) => return None,
                content if content.is_end() => EvictedKind::End,
                _ => EvictedKind::Other,
            },
            EntryBody::Evicted(_) => return None,
        };
        Some(Self { kind, bytes: entry.bytes() })
    }

    pub(super) fn block(&self) -> Option<BlockInfo> {
        match self.kind {
            EvictedKind::Text(block) => Some(block),
            _ => None,
        }
    }

    pub(super) fn is_end(&self) -> bool {
        matches!(self.kind, EvictedKind::End)
    }
}

impl Entry {
    /// Bytes in memory, about; of an evicted entry, the bytes that it took.
    pub(super) fn bytes(&self) -> usize {
        let bytes = match &self.body {
            EntryBody::Text(growing) => growing.bytes(),
            EntryBody::Fixed(content) => content.bytes(),
            EntryBody::Evicted(stored) => return stored.bytes,
        };
        size_of::<Self>() + bytes
    }
}
