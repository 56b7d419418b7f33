//! Sequence numbers: allocated from ranges that the database reserves ahead of need.

use crate::ids::Seq;

use super::Transcript;

/// Numbers of a reserved range.
pub(super) const SEQ_RANGE: i64 = 16 * 1024;

/// The agent's output is held while fewer numbers are left.
const SEQ_LOW_WATER: i64 = 2 * 1024;

#[derive(Debug)]
pub(super) struct SequenceAllocator {
    /// The next number.
    pub(crate) next: Seq,
    /// The highest number that the database has reserved.
    reserved: Seq,
    /// The highest number that was requested; above `reserved` while the request is open.
    requested: Seq,
}

impl SequenceAllocator {
    /// Allocates from `next` on, up to `reserved`.
    pub(super) fn new(next: Seq, reserved: Seq) -> Self {
        Self { next, reserved, requested: reserved }
    }

    pub(super) fn take(&mut self) -> Seq {
        let seq = self.next;
        self.next += 1;
        seq
    }
}

impl Transcript {
    /// Numbers that are reserved at once.
    pub(crate) fn range() -> i64 {
        SEQ_RANGE
    }

    /// A new upper bound to request, when few numbers are left. [`reserve`](Self::reserve)
    /// completes the request.
    pub(crate) fn wants_range(&mut self) -> Option<Seq> {
        let numbers = &mut self.numbers;
        let low = numbers.requested.above(numbers.next) < SEQ_RANGE / 2;
        low.then(|| {
            numbers.requested = numbers.requested.max(numbers.next) + SEQ_RANGE;
            numbers.requested
        })
    }

    /// Completes a request: numbers up to `up_to` are reserved.
    pub(crate) fn reserve(&mut self, up_to: Seq) {
        self.numbers.reserved = self.numbers.reserved.max(up_to);
    }

    /// Forgets a request that failed, so that it is made again.
    pub(crate) fn withdraw_request(&mut self) {
        self.numbers.requested = self.numbers.reserved;
    }

    /// Whether so few numbers are left that the agent's output is held.
    pub(crate) fn is_short_of_numbers(&self) -> bool {
        self.numbers.reserved.above(self.numbers.next) < SEQ_LOW_WATER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entry::TextKind, ids::TurnNumber};

    #[test]
    fn numbers_are_asked_for_ahead_and_running_short_is_told() {
        let mut transcript = Transcript::new(Seq(SEQ_RANGE));
        assert_eq!(transcript.wants_range(), None);
        for _ in 0..SEQ_RANGE / 2 + 1 {
            transcript.append(TurnNumber(1), TextKind::Answer, "x");
        }
        let asked = transcript.wants_range().unwrap();
        assert_eq!(transcript.wants_range(), None, "asked twice");
        while !transcript.is_short_of_numbers() {
            transcript.append(TurnNumber(1), TextKind::Answer, "x");
        }
        transcript.reserve(asked);
        assert!(!transcript.is_short_of_numbers());
    }
}
