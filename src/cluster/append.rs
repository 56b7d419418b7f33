//! What the answer to an append means. Pure.

use async_nats::jetstream::{ErrorCode, context::PublishErrorKind};

use crate::database::journal::{Placed, Position, Unappended};

/// What is to be done where a record is not known to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Another record is behind the one that was expected: the records there tell.
    Look,
    /// Another one of the scope is on its way, and nothing is decided: the same is sent again.
    Again,
    /// The record may be there or not. The same is sent again after a pause: it is added once at most.
    AgainLater,
    /// It is longer than the log takes.
    Refuse,
}

impl NextStep {
    /// After an error of this kind, to which the server gave this code.
    pub(super) fn after(kind: PublishErrorKind, code: Option<ErrorCode>) -> Self {
        match (kind, code) {
            (_, Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)) => Self::Again,
            (PublishErrorKind::WrongLastSequence, _) => Self::Look,
            (PublishErrorKind::MaxPayloadExceeded, _) => Self::Refuse,
            _ => Self::AgainLater,
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
        let in_flight = Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT);
        let other_last = Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE);
        for (kind, code, step) in [
            (PublishErrorKind::WrongLastSequence, other_last, NextStep::Look),
            (PublishErrorKind::Other, in_flight, NextStep::Again),
            (PublishErrorKind::TimedOut, None, NextStep::AgainLater),
            // Nobody answers while a leader is elected.
            (PublishErrorKind::StreamNotFound, None, NextStep::AgainLater),
            (PublishErrorKind::Other, None, NextStep::AgainLater),
            (PublishErrorKind::MaxPayloadExceeded, None, NextStep::Refuse),
        ] {
            assert_eq!(NextStep::after(kind, code), step, "{kind:?} {code:?}");
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
