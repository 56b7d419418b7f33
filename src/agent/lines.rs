//! Cuts a stream of bytes into lines with an upper bound. Knows nothing of what the lines mean.

/// Capacity that the buffer of half lines keeps after a longer line has passed.
const KEPT_CAPACITY: usize = 1 << 16; // 64 KiB

/// One line of output, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line.
    Whole(&'a [u8]),
    /// A line longer than the bound; its bytes are gone, only their number is known.
    TooLong(usize),
}

/// The state between two reads: the half line that the last one ended with.
#[derive(Debug)]
pub struct Lines {
    /// Bytes of the half line; empty while an over-long one is skipped.
    partial: Vec<u8>,
    /// Bytes seen of an over-long line that is being skipped, 0 otherwise.
    skipped: usize,
    /// Longest line in bytes.
    max: usize,
}

impl Lines {
    /// Lines of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { partial: Vec::new(), skipped: 0, max }
    }

    /// Takes the bytes of one read and gives each line that they complete, in order. Every byte
    /// is looked at once; a line that lies whole within `chunk` is not copied.
    pub fn feed(&mut self, mut chunk: &[u8], mut take: impl FnMut(Line<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (piece, rest) = (&chunk[..end], &chunk[end + 1..]);
            chunk = rest;
            self.complete(piece, &mut take);
        }
        self.keep(chunk);
    }

    /// Gives the line that the stream ended in, if it ended in one.
    pub fn finish(&mut self, mut take: impl FnMut(Line<'_>)) {
        if self.skipped > 0 || !self.partial.is_empty() {
            self.complete(&[], &mut take);
        }
    }

    fn complete(&mut self, piece: &[u8], take: &mut impl FnMut(Line<'_>)) {
        let length = self.skipped + self.partial.len() + piece.len();
        if length > self.max {
            take(Line::TooLong(length));
        } else if self.partial.is_empty() {
            take(Line::Whole(without_return(piece)));
        } else {
            self.partial.extend_from_slice(piece);
            take(Line::Whole(without_return(&self.partial)));
        }
        self.partial.clear();
        self.partial.shrink_to(KEPT_CAPACITY);
        self.skipped = 0;
    }

    fn keep(&mut self, piece: &[u8]) {
        let length = self.skipped + self.partial.len() + piece.len();
        if length > self.max {
            self.skipped = length;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(piece);
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Owned {
        Whole(Vec<u8>),
        TooLong(usize),
    }

    fn lines_of(chunks: &[&[u8]], max: usize) -> Vec<Owned> {
        let mut lines = Lines::new(max);
        let mut seen = Vec::new();
        let mut take = |line: Line<'_>| {
            seen.push(match line {
                Line::Whole(bytes) => Owned::Whole(bytes.to_vec()),
                Line::TooLong(length) => Owned::TooLong(length),
            });
        };
        for chunk in chunks {
            lines.feed(chunk, &mut take);
        }
        lines.finish(&mut take);
        seen
    }

    fn whole(text: &str) -> Owned {
        Owned::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_may_come_in_any_number_of_reads() {
        let expected = vec![whole("one"), whole(""), whole("two"), whole("half")];
        assert_eq!(lines_of(&[b"one\n\r\ntwo\nhalf"], 9), expected);
        assert_eq!(lines_of(&[b"o", b"ne", b"\n\r", b"\nt", b"wo\nha", b"lf"], 9), expected);
    }

    #[test]
    fn a_line_above_the_bound_is_dropped_and_the_next_one_is_taken() {
        let expected = vec![Owned::TooLong(5), whole("ok")];
        assert_eq!(lines_of(&[b"12345\nok\n"], 4), expected);
        assert_eq!(lines_of(&[b"12", b"34", b"5", b"\no", b"k\n"], 4), expected);
    }

    #[test]
    fn an_over_long_line_at_the_end_is_told_once() {
        assert_eq!(lines_of(&[b"123", b"456"], 4), vec![Owned::TooLong(6)]);
        assert_eq!(lines_of(&[b"1234"], 4), vec![whole("1234")]);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_anywhere_gives_the_same_lines(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(0usize..300, 0..12),
            max in 1usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lines_of(&chunks, max), lines_of(&[&stream], max));
        }
    }
}
