//! What people say of a conversation's answers, as it was read last.

use std::collections::BTreeMap;

use crate::{
    ids::TurnNumber,
    reaction::{AnswerMarks, AnswerReactions, Reactor},
};

/// The reactions to all answers of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    to: BTreeMap<TurnNumber, AnswerMarks>,
    phase: ReadPhase,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ReadPhase {
    #[default]
    Unread,
    Reading,
    /// They have changed since the read began.
    ReadingAgain,
    Read,
}

impl Reactions {
    /// Whether nobody has asked for them.
    pub(crate) fn is_unread(&self) -> bool {
        self.phase == ReadPhase::Unread
    }

    /// Notes that they have changed. Answers whether a read begins now: there is one at a time, so that
    /// what is read never goes back.
    pub(crate) fn begin_read(&mut self) -> bool {
        let begins = matches!(self.phase, ReadPhase::Unread | ReadPhase::Read);
        self.phase = if begins { ReadPhase::Reading } else { ReadPhase::ReadingAgain };
        begins
    }

    /// Takes what was read; `None` where the read has failed. Answers the turns whose reactions are
    /// other ones than before, and whether a new read is to begin.
    pub(crate) fn end_read(
        &mut self,
        read: Option<BTreeMap<TurnNumber, AnswerMarks>>,
    ) -> (Vec<TurnNumber>, bool) {
        let is_stale = self.phase == ReadPhase::ReadingAgain;
        let failed = read.is_none();
        self.phase = if is_stale || failed { ReadPhase::Unread } else { ReadPhase::Read };
        let Some(to) = read else { return (Vec::new(), is_stale) };
        let before = std::mem::replace(&mut self.to, to);
        let turns = before.keys().chain(self.to.keys());
        let changed = turns.filter(|turn| before.get(turn) != self.to.get(turn));
        let mut changed: Vec<_> = changed.copied().collect();
        changed.sort_unstable();
        changed.dedup();
        (changed, is_stale)
    }

    /// The answers that somebody has said something of.
    pub(crate) fn turns(&self) -> Vec<TurnNumber> {
        self.to.keys().copied().collect()
    }

    /// What somebody is told of the reactions to an answer.
    pub(crate) fn told(&self, turn: TurnNumber, who: Option<&Reactor>) -> AnswerReactions {
        match self.to.get(&turn) {
            Some(marks) => AnswerReactions::of(turn, marks, who),
            None => AnswerReactions::of(turn, &AnswerMarks::default(), who),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reaction::{AnswerVerdict, Reaction, StoredReaction};

    /// Somebody finds these answers useful.
    fn useful(turns: &[(i64, &str)]) -> BTreeMap<TurnNumber, AnswerMarks> {
        let of = |(turn, user): &(i64, &str)| {
            let stored = StoredReaction {
                turn: TurnNumber(*turn),
                by: Reactor::of(Some(user), None).unwrap(),
                user: Some((*user).to_owned()),
                reaction: Reaction { verdict: AnswerVerdict::Useful, why: None },
                reacted_at: String::new(),
            };
            (stored.turn, AnswerMarks { reactions: vec![stored], note: None })
        };
        turns.iter().map(of).collect()
    }

    #[test]
    fn a_change_while_it_is_read_has_it_read_again_and_only_what_differs_is_told() {
        let mut reactions = Reactions::default();
        assert!(reactions.is_unread() && reactions.begin_read());
        assert!(!reactions.begin_read());
        let read = useful(&[(1, "ana"), (3, "ana")]);
        assert_eq!(reactions.end_read(Some(read)), (vec![TurnNumber(1), TurnNumber(3)], true));
        assert!(reactions.begin_read());
        let read = useful(&[(2, "ben"), (3, "ana")]);
        assert_eq!(reactions.end_read(Some(read)), (vec![TurnNumber(1), TurnNumber(2)], false));
        assert_eq!(reactions.turns(), [TurnNumber(2), TurnNumber(3)]);
        assert_eq!(reactions.told(TurnNumber(1), None).useful, 0);
        assert_eq!(reactions.told(TurnNumber(2), None).useful, 1);
    }

    #[test]
    fn after_a_failed_read_they_are_read_when_they_are_asked_for() {
        let mut reactions = Reactions::default();
        reactions.begin_read();
        assert_eq!(reactions.end_read(None), (vec![], false));
        assert!(reactions.is_unread());
    }
}
