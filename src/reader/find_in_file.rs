//! Where a text stands in one file: what a reader finds, and the check of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most places that are told of one file.
pub(crate) const MAX_PLACES: usize = 2000;

/// The places of a text in a file.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct FoundPlaces {
    /// In the order of the file.
    pub(crate) places: Vec<TextPlace>,
    /// Whether the file has more of them, or may have.
    pub(crate) more: bool,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(crate) struct TextPlace {
    /// From 1.
    pub(crate) line: usize,
    /// Where in the line it begins, in UTF-16 units.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// Whether these may be places of a text: bounded, in order, and none of them empty.
pub(super) fn are_places(found: &FoundPlaces) -> bool {
    let places = &found.places;
    places.len() <= MAX_PLACES
        && places.iter().all(|place| place.line > 0 && place.start < place.end)
        && places.is_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_cannot_be_are_refused() {
        let place = |line, start, end| TextPlace { line, start, end };
        for (places, is_good) in [
            (vec![place(1, 0, 2), place(1, 2, 4), place(2, 0, 1)], true),
            (vec![], true),
            (vec![place(0, 0, 1)], false),
            (vec![place(1, 1, 1)], false),
            (vec![place(2, 0, 1), place(1, 0, 1)], false),
            (vec![place(1, 0, 1); MAX_PLACES + 1], false),
        ] {
            assert_eq!(are_places(&FoundPlaces { places, more: false }), is_good);
        }
    }
}
