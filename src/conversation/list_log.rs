//! Which conversations of a project have changed in its list, so that a client that comes back is
//! told what it has missed.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    ids::ConversationId,
    wire::list_frame::{EndedTurn, ListChange, ListUpdate},
};

/// Conversations whose last change is remembered.
const REMEMBERED: usize = 256;

/// Numbers the changes of the list. Changes that come in quick succession are told together.
#[derive(Debug)]
pub(crate) struct ListLog {
    /// Tells the positions of this log from those of another one.
    name: String,
    /// Of the newest update.
    number: u64,
    /// What changed up to this number may be forgotten.
    forgotten: u64,
    /// When each conversation was told of last, and its last turn that has ended.
    told: BTreeMap<ConversationId, (u64, Option<EndedTurn>)>,
    /// Changed since the newest update.
    marked: BTreeSet<ConversationId>,
    /// Ends since the newest update.
    ends: BTreeMap<ConversationId, EndedTurn>,
    /// An update is due, or being put together.
    is_due: bool,
}

impl Default for ListLog {
    fn default() -> Self {
        Self {
            name: Uuid::new_v4().simple().to_string(),
            number: 0,
            forgotten: 0,
            told: BTreeMap::new(),
            marked: BTreeSet::new(),
            ends: BTreeMap::new(),
            is_due: false,
        }
    }
}

impl ListLog {
    /// Notes that a conversation has changed. Answers whether an update is to be planned.
    #[must_use]
    pub(crate) fn mark(&mut self, id: ConversationId) -> bool {
        self.marked.insert(id);
        self.plan()
    }

    /// Notes how a turn ended, for the next update of its conversation.
    pub(crate) fn note_end(&mut self, id: ConversationId, ended: EndedTurn) {
        self.ends.insert(id, ended);
    }

    /// Begins the planned update: the conversations to tell of, each with the end that is known.
    pub(crate) fn begin(&mut self) -> Vec<(ConversationId, Option<EndedTurn>)> {
        self.number += 1;
        let changed: Vec<_> = std::mem::take(&mut self.marked)
            .into_iter()
            .map(|id| {
                let known = self.told.remove(&id).and_then(|(_, ended)| ended);
                let ended = self.ends.remove(&id).or(known);
                self.told.insert(id, (self.number, ended.clone()));
                (id, ended)
            })
            .collect();
        while self.told.len() > REMEMBERED {
            let oldest = self.told.iter().min_by_key(|(_, (number, _))| *number);
            let Some((id, number)) = oldest.map(|(id, (number, _))| (*id, *number)) else { break };
            self.told.remove(&id);
            self.forgotten = number;
        }
        changed
    }

    /// Ends the update. Answers whether the next one is to be planned.
    #[must_use]
    pub(crate) fn end(&mut self) -> bool {
        self.is_due = false;
        !self.marked.is_empty() && self.plan()
    }

    fn plan(&mut self) -> bool {
        !std::mem::replace(&mut self.is_due, true)
    }

    /// The update that removes a conversation from the lists of those who may not read it any more.
    /// Positions before it are unknown from then on, so those who come back read theirs anew.
    pub(crate) fn removal(&mut self, id: ConversationId) -> ListUpdate {
        self.name = Uuid::new_v4().simple().to_string();
        let change = ListChange { id, conversation: None, answering: false, ended: None };
        let changes = vec![change];
        ListUpdate { at: self.position(), changes, ..ListUpdate::default() }
    }

    /// The position behind the newest update.
    pub(crate) fn position(&self) -> String {
        format!("{}.{}", self.name, self.number)
    }

    /// What a client at `position` has missed; `None` if that is not known any more.
    pub(crate) fn missed(&self, position: &str) -> Option<Vec<ConversationId>> {
        let (name, number) = position.split_once('.')?;
        let number: u64 = number.parse().ok()?;
        if name != self.name || number < self.forgotten || number > self.number {
            return None;
        }
        let later = self.told.iter().filter(|(_, (told, _))| *told > number);
        Some(later.map(|(id, _)| *id).collect())
    }

    /// What a client is told first that is at `position`, and what is to be told again for it.
    pub(crate) fn resume(
        &self,
        position: &str,
        answering: impl FnOnce() -> BTreeSet<ConversationId>,
    ) -> (ListUpdate, Vec<ConversationId>) {
        match self.missed(position) {
            // What it has missed follows: until then it is where it was.
            Some(missed) => {
                (ListUpdate { at: position.to_owned(), ..ListUpdate::default() }, missed)
            }
            None => (ListUpdate::reset(self.position(), answering()), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TurnNumber;

    fn tell(log: &mut ListLog, ids: &[i64]) -> String {
        let planned = ids.iter().filter(|id| log.mark(ConversationId(**id))).count();
        assert_eq!(planned, 1, "one update for all");
        log.begin();
        assert!(!log.end());
        log.position()
    }

    fn missed(log: &ListLog, position: &str) -> Option<Vec<i64>> {
        Some(log.missed(position)?.into_iter().map(|id| id.0).collect())
    }

    #[test]
    fn a_client_is_told_what_changed_behind_its_position() {
        let mut log = ListLog::default();
        let start = log.position();
        let first = tell(&mut log, &[1, 2]);
        let second = tell(&mut log, &[2, 3]);
        assert_eq!(missed(&log, &start), Some(vec![1, 2, 3]));
        assert_eq!(missed(&log, &first), Some(vec![2, 3]));
        assert_eq!(missed(&log, &second), Some(vec![]));
        let other = ListLog::default().position();
        for unknown in ["", "x", "x.1", &other, &format!("{second}0"), &format!("{start}.1")] {
            assert_eq!(missed(&log, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_changes_while_an_update_is_put_together_comes_with_the_next_one() {
        let mut log = ListLog::default();
        assert!(log.mark(ConversationId(1)) && !log.mark(ConversationId(2)));
        assert_eq!(log.begin().len(), 2);
        assert!(!log.mark(ConversationId(1)), "one update at a time");
        assert!(log.end(), "the next one is planned");
        assert_eq!(log.begin().len(), 1);
        assert!(!log.end());
    }

    #[test]
    fn the_log_is_bounded_and_a_position_that_it_forgot_is_unknown() {
        let mut log = ListLog::default();
        let start = log.position();
        for id in 1..=1000 {
            tell(&mut log, &[id]);
        }
        assert_eq!(log.told.len(), REMEMBERED);
        assert_eq!(missed(&log, &start), None);
        let number = 1000 - u64::try_from(REMEMBERED).unwrap();
        assert_eq!(missed(&log, &format!("{}.{}", log.name, number - 1)), None);
        let known = missed(&log, &format!("{}.{number}", log.name));
        assert_eq!(known.map(|it| it.len()), Some(REMEMBERED));
    }

    #[test]
    fn the_last_end_comes_with_each_update_of_its_conversation() {
        let mut log = ListLog::default();
        let ended = EndedTurn { turn: TurnNumber(1), outcome: "completed", excerpt: String::new() };
        log.note_end(ConversationId(1), ended.clone());
        for _ in 0..2 {
            assert!(log.mark(ConversationId(1)));
            assert_eq!(log.begin(), [(ConversationId(1), Some(ended.clone()))]);
            assert!(!log.end());
        }
    }
}
