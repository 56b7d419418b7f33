//! Splits a byte stream into lines of bounded length. A longer JSON object is shortened while it arrives.

mod shortener;

use shortener::LineShortener;

/// Capacity that the buffer of the partial line keeps after a longer line.
const KEPT_CAPACITY: usize = 1 << 16; // 64 KiB

/// One line of output, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum OutputLine<'a> {
    /// A whole line.
    Whole(&'a [u8]),
    /// A JSON object over the bound, with long strings and lists cut, and its original length in bytes.
    Shortened(&'a [u8], usize),
    /// A line over the bound that could not be shortened; only its length in bytes is known.
    TooLong(usize),
}

/// Holds the partial line between two reads.
#[derive(Debug)]
pub struct LineSplitter {
    /// The partial line; empty while a line over the bound is shortened or skipped.
    partial: Vec<u8>,
    over_long: Option<OverLong>,
    /// Longest line in bytes.
    max: usize,
}

/// A line over the bound.
#[derive(Debug)]
struct OverLong {
    length: usize,
    /// `None` if the line is skipped.
    shortener: Option<LineShortener>,
}

impl LineSplitter {
    /// LineSplitter of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { partial: Vec::new(), over_long: None, max }
    }

    /// Passes each line that `chunk` completes to `take`, in order. Scans every byte once, and does not
    /// copy a line that lies wholly within `chunk`.
    pub fn feed(&mut self, mut chunk: &[u8], mut take: impl FnMut(OutputLine<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (piece, rest) = (&chunk[..end], &chunk[end + 1..]);
            chunk = rest;
            self.complete(piece, &mut take);
        }
        self.keep(chunk);
    }

    /// Passes on the last line, if the stream ended without a line end.
    pub fn finish(&mut self, mut take: impl FnMut(OutputLine<'_>)) {
        if self.over_long.is_some() || !self.partial.is_empty() {
            self.complete(&[], &mut take);
        }
    }

    fn complete(&mut self, piece: &[u8], take: &mut impl FnMut(OutputLine<'_>)) {
        if self.partial.is_empty() && self.over_long.is_none() && piece.len() <= self.max {
            return take(OutputLine::Whole(without_return(piece)));
        }
        self.keep(piece);
        match self.over_long.take() {
            Some(OverLong { length, shortener }) => {
                let left = shortener.as_ref().filter(|shortener| shortener.is_whole());
                take(match left {
                    Some(left) => OutputLine::Shortened(left.kept(), length),
                    None => OutputLine::TooLong(length),
                });
            }
            None => take(OutputLine::Whole(without_return(&self.partial))),
        }
        self.partial.clear();
        self.partial.shrink_to(KEPT_CAPACITY);
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.over_long.is_none() && self.partial.len() + piece.len() <= self.max {
            return self.partial.extend_from_slice(piece);
        }
        let before = std::mem::take(&mut self.partial);
        let max = self.max;
        let first = before.iter().chain(piece).find(|byte| !byte.is_ascii_whitespace());
        let over_long = self.over_long.get_or_insert_with(|| OverLong {
            length: 0,
            shortener: (first == Some(&b'{')).then(|| LineShortener::new(max)),
        });
        over_long.feed(&before, max);
        over_long.feed(piece, max);
    }
}

impl OverLong {
    fn feed(&mut self, bytes: &[u8], max: usize) {
        self.length += bytes.len();
        if let Some(shortener) = &mut self.shortener {
            shortener.feed(bytes);
            if shortener.kept().len() > max {
                self.shortener = None;
            }
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
        Shortened(Vec<u8>, usize),
        TooLong(usize),
    }

    fn lines_of(chunks: &[&[u8]], max: usize) -> Vec<Owned> {
        let mut lines = LineSplitter::new(max);
        let mut seen = Vec::new();
        let mut take = |line: OutputLine<'_>| {
            seen.push(match line {
                OutputLine::Whole(bytes) => Owned::Whole(bytes.to_vec()),
                OutputLine::Shortened(bytes, length) => Owned::Shortened(bytes.to_vec(), length),
                OutputLine::TooLong(length) => Owned::TooLong(length),
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

    #[test]
    fn an_over_long_object_is_shortened_and_the_next_line_is_taken() {
        let long = format!("{{\"a\":\"{}\", \"b\":[1]}}\r\nok\n", "x".repeat(1000));
        let left = br#"{"a":"xxxxxxxx\u{2026}","b":[1]}"#.to_vec();
        let left = String::from_utf8(left).unwrap().replace("\\u{2026}", "…").into_bytes();
        let expected = vec![Owned::Shortened(left, 1018), whole("ok")];
        assert_eq!(lines_of(&[long.as_bytes()], 64), expected);
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(7).collect();
        assert_eq!(lines_of(&pieces, 64), expected);
    }

    #[test]
    fn p9_a_line_without_an_end_takes_no_memory_beyond_its_bound() {
        const MAX: usize = 1 << 16;
        let string = "x".repeat(1 << 16);
        let tokens = "[],".repeat(1 << 14);
        let nested = "[".repeat(1 << 16);
        for piece in [string, tokens, nested] {
            for head in ["{\"a\":\"", "{\"a\":[", "[", ""] {
                let mut lines = LineSplitter::new(MAX);
                lines.feed(head.as_bytes(), |_| panic!("no line has ended"));
                for _ in 0..200 {
                    lines.feed(piece.as_bytes(), |_| panic!("no line has ended"));
                    let over_long = lines.over_long.as_ref();
                    let kept = over_long.and_then(|it| it.shortener.as_ref());
                    let kept = kept.map_or(0, |shortener| shortener.kept().len());
                    assert!(lines.partial.len() + kept <= 2 * MAX, "{head}");
                }
                let mut told = Vec::new();
                lines.feed(b"\nok\n", |line| told.push(matches!(line, OutputLine::Whole(b"ok"))));
                assert_eq!(told, [false, true], "{head}");
            }
        }
    }

    proptest! {
        #[test]
        fn cutting_the_stream_anywhere_gives_the_same_lines(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), prop::sample::select(b"{}[],\"\\:".to_vec()), any::<u8>()], 0..300),
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
