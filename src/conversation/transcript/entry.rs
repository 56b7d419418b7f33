//! One entry of a history: in memory, or only in the database.

use crate::{
    entry::{Content, EntryRow, TextBlock, TextKind},
    ids::{Seq, TurnNumber},
};

use super::{
    eviction::EvictedEntry,
    streaming_text::{BlockInfo, StreamingText},
    unsaved,
};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) turn: TurnNumber,
    pub(super) first_seq: Seq,
    pub(super) last_seq: Seq,
    pub(super) body: EntryBody,
    /// Not shown before the database has it.
    pub(super) held: bool,
    /// Changed since it was last handed to the database.
    pub(super) dirty: bool,
}

#[derive(Debug)]
pub(super) enum EntryBody {
    Text(Box<StreamingText>),
    Fixed(Box<Content>),
    /// Only in the database.
    Evicted(EvictedEntry),
}

impl Entry {
    /// The block that it is a text of.
    pub(super) fn block(&self) -> Option<BlockInfo> {
        match &self.body {
            EntryBody::Text(growing) => Some(growing.block),
            EntryBody::Evicted(stored) => stored.block(),
            EntryBody::Fixed(_) => None,
        }
    }

    pub(super) fn is_end(&self) -> bool {
        match &self.body {
            EntryBody::Text(_) => false,
            EntryBody::Evicted(stored) => stored.is_end(),
            EntryBody::Fixed(content) => content.is_end(),
        }
    }

    pub(super) fn is_stored(&self) -> bool {
        matches!(self.body, EntryBody::Evicted(_))
    }

    /// Its row; `None` if it is only in the database.
    pub(super) fn row(&self) -> Option<EntryRow> {
        let (kind, payload) = match &self.body {
            EntryBody::Fixed(content) => (content.kind(), content.payload().ok()?),
            EntryBody::Text(growing) => {
                let BlockInfo { number, kind, .. } = growing.block;
                let kind = match kind {
                    TextKind::Answer => "text",
                    TextKind::Thinking => "thinking",
                };
                (kind, unsaved::text_payload(number, growing))
            }
            EntryBody::Evicted(_) => return None,
        };
        Some(EntryRow {
            turn: self.turn,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            kind: kind.to_owned(),
            payload,
        })
    }
}

impl EntryBody {
    /// The body of a row.
    pub(super) fn read(row: &EntryRow) -> serde_json::Result<Self> {
        let text = |kind, block: &TextBlock| {
            Self::Text(Box::new(StreamingText::closed(kind, block, row.last_seq)))
        };
        Ok(match Content::from_row(&row.kind, &row.payload)? {
            Content::Text(block) => text(TextKind::Answer, &block),
            Content::Thinking(block) => text(TextKind::Thinking, &block),
            other => Self::Fixed(Box::new(other)),
        })
    }
}
