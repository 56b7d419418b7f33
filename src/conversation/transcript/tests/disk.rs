//! A database that keeps rows, for histories that are written and read again.

use std::collections::BTreeMap;

use crate::{
    entry::{EntryOutline, EntryRow},
    ids::{Seq, TurnNumber},
};

/// The database as far as it matters here.
#[derive(Default)]
pub(super) struct Disk(pub BTreeMap<Seq, EntryRow>);

impl Disk {
    pub(super) fn write(&mut self, rows: Vec<EntryRow>) {
        for row in rows {
            self.0.insert(row.first_seq, row);
        }
    }

    pub(super) fn rows(&self) -> Vec<EntryRow> {
        self.0.values().cloned().collect()
    }

    /// As the database does it: the newest `count` entries, and of older ones what is always read.
    pub(super) fn load(&self, count: usize) -> (Vec<EntryRow>, Vec<EntryOutline>) {
        let rows = self.rows();
        let newest = rows.len().saturating_sub(count);
        let is_read = |(index, row): &(usize, EntryRow)| {
            *index >= newest || ["user_message", "response_done"].contains(&row.kind.as_str())
        };
        let (read, others): (Vec<_>, Vec<_>) = rows.into_iter().enumerate().partition(is_read);
        let outline = |(_, row): (usize, EntryRow)| EntryOutline {
            turn: row.turn,
            first_seq: row.first_seq,
            last_seq: row.last_seq,
            kind: row.kind,
            bytes: row.payload.len(),
        };
        let read = read.into_iter().map(|(_, row)| row).collect();
        (read, others.into_iter().map(outline).collect())
    }

    pub(super) fn has(&self, turn: TurnNumber, kind: &str) -> bool {
        self.0.values().any(|row| row.turn == turn && row.kind == kind)
    }
}
