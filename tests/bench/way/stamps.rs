//! What the agent says: `#NUMBER@TIME ` for each delta, the time from a clock that all processes of
//! the machine share. Written here, and read again.

use std::fmt::Write as _;

use rustix::time::{ClockId, clock_gettime};

/// How long deltas took, in nanoseconds, in their order.
pub type Delays = Vec<u64>;

/// Nanoseconds of the machine's monotonic clock.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

/// Adds the text of a delta.
pub fn put(text: &mut String, number: u64, time: u64) {
    write!(text, "#{number}@{time} ").unwrap();
}

/// Reads stamps, which must come in their order, each once.
#[derive(Debug, Default)]
pub struct Stamps {
    next: u64,
    /// When the first one was read.
    pub first: u64,
    /// When the newest one was read.
    pub last: u64,
    /// How long each took.
    pub delays: Delays,
}

impl Stamps {
    /// Takes the stamps in some text that was read at `now`.
    pub fn take(&mut self, mut text: &[u8], now: u64) {
        while let Some(at) = memchr::memchr(b'#', text) {
            let (number, rest) = number_of(&text[at + 1..]);
            assert_eq!(number, self.next, "a delta is missing, or came twice");
            assert_eq!(rest.first(), Some(&b'@'), "a delta was cut");
            let (time, rest) = number_of(&rest[1..]);
            if number == 0 {
                self.first = now;
            }
            self.next += 1;
            self.last = now;
            self.delays.push(now.saturating_sub(time));
            text = rest;
        }
    }

    /// The same of text that is shown again with more at its end.
    pub fn take_new(&mut self, text: &[u8], now: u64) {
        let next = format!("#{}@", self.next);
        if let Some(at) = memchr::memmem::find(text, next.as_bytes()) {
            self.take(&text[at..], now);
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.next
    }
}

fn number_of(text: &[u8]) -> (u64, &[u8]) {
    let mut number = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            _ => return (number, &text[at..]),
        }
    }
    (number, &[])
}
