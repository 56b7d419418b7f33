//! Sequence numbers: given out one by one, from ranges that are reserved in the database ahead of need.

use crate::ids::Seq;

use super::Transcript;

/// Sequence numbers are reserved in the database in ranges of this many.
pub(super) const SEQ_RANGE: i64 = 16 * 1024;

/// The agent is read no further while fewer numbers than this are left.
const SEQ_LOW_WATER: i64 = 2 * 1024;

/// The numbers of one history.
#[derive(Debug)]
pub(super) struct SequenceAllocator {
    /// The one that is given out next.
    pub next: Seq,
    /// Highest number that the database lets us use.
    reserved: Seq,
    /// Highest number that has been asked for; above `reserved` while the answer is out.
    requested: Seq,
}

impl SequenceAllocator {
    /// SequenceAllocator from `next` on, free to use up to `reserved`.
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
    /// How many numbers are reserved at once.
    pub fn range() -> i64 {
        SEQ_RANGE
    }

    /// A new upper bound of numbers to ask the database for, when it is time to. PendingQuestion for once:
    /// [`reserve`](Self::reserve) tells that it is there.
    pub fn wants_range(&mut self) -> Option<Seq> {
        let numbers = &mut self.numbers;
        let low = numbers.requested.above(numbers.next) < SEQ_RANGE / 2;
        low.then(|| {
            numbers.requested = numbers.requested.max(numbers.next) + SEQ_RANGE;
            numbers.requested
        })
    }

    /// SequenceAllocator up to `up_to` are ours; `false` in `granted` takes the request back.
    pub fn reserve(&mut self, up_to: Seq, granted: bool) {
        let numbers = &mut self.numbers;
        if granted {
            numbers.reserved = numbers.reserved.max(up_to);
        } else {
            numbers.requested = numbers.reserved;
        }
    }

    /// Whether so few numbers are left that nothing more should be read from the agent.
    pub fn is_short_of_numbers(&self) -> bool {
        self.numbers.reserved.above(self.numbers.next) < SEQ_LOW_WATER
    }
}
