//! The places of a text in one file. All of it blocks.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use regex::Regex;

use crate::{
    reader::{
        find_in_file::{FoundPlaces, MAX_PLACES, TextPlace},
        protocol::{FileRefusal, FileRefusalKind, PageOf, ReaderAnswer},
    },
    source::text,
};

use super::{files::ReadableFiles, tools::grep};

/// How long one file may take.
const LONGEST: Duration = Duration::from_secs(2);

/// The places of a text in what a page shows, whatever its capital letters.
pub(super) fn find(files: &ReadableFiles, of: &PageOf, wanted: &str) -> ReaderAnswer {
    let refused = |words: String| {
        ReaderAnswer::Refused(FileRefusal { kind: FileRefusalKind::BadPath, words })
    };
    let Ok(pattern) = grep::built(&regex::escape(wanted), true) else {
        return refused("The text to search for is too long.".to_owned());
    };
    let (path, bytes) = match files.content(of) {
        Ok(content) => content,
        Err(refusal) => return ReaderAnswer::Refused(refusal),
    };
    let decoded = text::of_file(Path::new(path), &bytes);
    let until = Instant::now() + LONGEST;
    let found = decoded.map(|decoded| in_text(&pattern, &decoded.text, until));
    ReaderAnswer::Places(found.unwrap_or_default())
}

fn in_text(pattern: &Regex, text: &str, until: Instant) -> FoundPlaces {
    let mut found = FoundPlaces::default();
    for (number, line) in text.lines().enumerate() {
        // The end of the last place, in bytes and in UTF-16 units.
        let (mut bytes, mut units) = (0, 0);
        let length = |range: &str| range.encode_utf16().count();
        for hit in pattern.find_iter(line).filter(|hit| !hit.is_empty()) {
            if found.places.len() == MAX_PLACES {
                found.more = true;
                return found;
            }
            let start = units + length(line.get(bytes..hit.start()).unwrap_or_default());
            let end = start + length(hit.as_str());
            found.places.push(TextPlace { line: number + 1, start, end });
            (bytes, units) = (hit.end(), end);
        }
        if Instant::now() > until {
            found.more = true;
            return found;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(wanted: &str, text: &str) -> Vec<(usize, usize, usize)> {
        let pattern = grep::built(&regex::escape(wanted), true).unwrap();
        let found = in_text(&pattern, text, Instant::now() + LONGEST);
        found.places.iter().map(|it| (it.line, it.start, it.end)).collect()
    }

    #[test]
    fn every_place_of_a_line_is_told_in_the_units_of_the_page() {
        assert_eq!(places("ab", "ab AB\r\nnone\na.b 😀ab"), [(1, 0, 2), (1, 3, 5), (3, 6, 8)]);
        assert_eq!(places("a.b", "ab\na.b"), [(2, 0, 3)]);
        assert_eq!(places("ÄÖ", "xäöäö"), [(1, 1, 3), (1, 3, 5)]);
        assert_eq!(places("x", ""), []);
    }

    #[test]
    fn places_and_time_are_bounded() {
        let pattern = Regex::new("x").unwrap();
        let late = Instant::now() - Duration::from_secs(1);
        let many = in_text(&pattern, &"x".repeat(MAX_PLACES + 1), Instant::now() + LONGEST);
        assert_eq!((many.places.len(), many.more), (MAX_PLACES, true));
        let some = in_text(&pattern, "x\nx\n", late);
        assert_eq!((some.places.len(), some.more), (1, true));
    }
}
