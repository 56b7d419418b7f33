//! What the answer to an append means. Pure.

use crate::database::journal::{Placed, Position, Unappended};

/// What the log answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppendAnswer {
    /// The record is there.
    Added(Position),
    /// Another record of the scope is behind the one that was expected.
    OtherLast,
    /// A record of the scope is on its way: nothing is decided.
    InFlight,
    /// No answer, or nobody to answer: the record may be there or not.
    Unknown,
    /// It is longer than the log takes.
    TooLarge,
}

/// What is to be done then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    Done(Position),
    /// The records behind the expected one tell.
    Look,
    /// The same is sent again: it is added once at most.
    Again,
    /// The same is sent again after a pause.
    AgainLater,
    Refuse,
}

impl AppendAnswer {
    pub(super) fn next_step(self) -> NextStep {
        match self {
            Self::Added(at) => NextStep::Done(at),
            Self::OtherLast => NextStep::Look,
            Self::InFlight => NextStep::Again,
            Self::Unknown => NextStep::AgainLater,
            Self::TooLarge => NextStep::Refuse,
        }
    }
}

/// Whether a record is among those behind the one that was expected: then it was added by a try whose
/// answer was lost.
pub(super) fn landed(batch: &str, newer: Vec<Placed>) -> Result<Position, Unappended> {
    match newer.iter().find(|placed| placed.record.batch == batch) {
        Some(own) => Ok(own.at),
        None => Err(Unappended::Behind(newer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::journal::{JournalScope, Record};

    fn placed(at: u64, batch: &str) -> Placed {
        Placed {
            at: Position(at),
            scope: JournalScope::Shared,
            record: Record { batch: batch.to_owned(), ..Record::new("", Position(0)) },
        }
    }

    #[test]
    fn each_answer_has_one_next_step() {
        let steps = [
            (AppendAnswer::Added(Position(7)), NextStep::Done(Position(7))),
            (AppendAnswer::OtherLast, NextStep::Look),
            (AppendAnswer::InFlight, NextStep::Again),
            (AppendAnswer::Unknown, NextStep::AgainLater),
            (AppendAnswer::TooLarge, NextStep::Refuse),
        ];
        for (answer, step) in steps {
            assert_eq!(answer.next_step(), step);
        }
    }

    #[test]
    fn an_own_record_is_found_by_its_batch_wherever_it_landed() {
        for newer in [
            vec![placed(5, "mine")],
            vec![placed(5, "mine"), placed(9, "of a new owner")],
            vec![placed(4, "earlier"), placed(5, "mine")],
        ] {
            assert_eq!(landed("mine", newer).unwrap(), Position(5));
        }
        let behind = landed("mine", vec![placed(5, "theirs"), placed(6, "earlier")]).unwrap_err();
        assert!(matches!(behind, Unappended::Behind(newer) if newer.len() == 2));
        // The log has other ones than it said.
        assert!(matches!(landed("mine", vec![]), Err(Unappended::Behind(_))));
    }
}
