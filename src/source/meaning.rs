//! Meanings: texts as vectors, so that a question finds what says the same in other words.
//!
//! The vector of a text is the weighted sum of its words' vectors, which are fixed: nothing is
//! computed by a model here. `meaning/README.md` tells where the table of words comes from.

use std::{collections::HashMap, sync::LazyLock};

/// Numbers in a vector.
pub(crate) const DIMENSIONS: usize = 128;

/// Length of a stored vector. Its components then use most of an `i8` and seldom overflow it.
const STORED_LENGTH: f32 = 400.0;

/// A table of stems: their count and the count of dimensions as `u32`, the stems in order with a line
/// feed after each, a byte of weight for each, and their vectors.
static TABLE: &[u8] = include_bytes!("meaning/words.bin");

static WORDS: LazyLock<WordTable> = LazyLock::new(|| WordTable::read(TABLE).unwrap_or_default());

/// A direction in the space of meanings, all zero for a text without known words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning(pub(crate) [i8; DIMENSIONS]);

impl Meaning {
    /// How close two meanings are: the cosine of their angle, from -1 to 1.
    pub(crate) fn closeness(&self, other: &Self) -> f32 {
        let products = self.0.iter().zip(&other.0).map(|(a, b)| i32::from(*a) * i32::from(*b));
        products.sum::<i32>() as f32 / (STORED_LENGTH * STORED_LENGTH)
    }
}

/// Meanings, by number.
#[derive(Debug, Default)]
pub(crate) struct MeaningList(Vec<u8>);

impl MeaningList {
    pub(crate) fn push(&mut self, meaning: &Meaning) {
        self.0.extend(meaning.0.iter().map(|part| *part as u8));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len() / DIMENSIONS
    }

    /// How close each is to `asked`, in order.
    pub(crate) fn closeness(&self, asked: &Meaning) -> impl Iterator<Item = f32> {
        self.0.chunks_exact(DIMENSIONS).map(|parts| closeness(parts, asked))
    }

    /// How close the one of this number is to `asked`; 0 if there is none.
    pub(crate) fn closeness_of(&self, number: usize, asked: &Meaning) -> f32 {
        let start = number * DIMENSIONS;
        self.0.get(start..start + DIMENSIONS).map_or(0.0, |parts| closeness(parts, asked))
    }

    /// The bytes of all, one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The list with these bytes.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Memory in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }
}

/// The closeness of a stored meaning.
fn closeness(parts: &[u8], asked: &Meaning) -> f32 {
    let products = parts.iter().zip(&asked.0).map(|(a, b)| i32::from(*a as i8) * i32::from(*b));
    products.sum::<i32>() as f32 / (STORED_LENGTH * STORED_LENGTH)
}

/// Sums up the meaning of a text.
#[derive(Debug)]
pub(crate) struct MeaningSum([f32; DIMENSIONS]);

impl MeaningSum {
    pub(crate) fn new() -> Self {
        Self([0.0; DIMENSIONS])
    }

    /// Adds the word of a row with a weight besides its own.
    pub(crate) fn add(&mut self, row: u32, weight: f32) {
        let Some((own, vector)) = WORDS.row(row) else {
            return;
        };
        let weight = weight * own;
        for (sum, part) in self.0.iter_mut().zip(vector) {
            *sum += weight * f32::from(*part as i8);
        }
    }

    /// The direction of the sum.
    pub(crate) fn meaning(&self) -> Meaning {
        let length = self.0.iter().map(|part| part * part).sum::<f32>().sqrt();
        let scale = if length > 0.0 { STORED_LENGTH / length } else { 0.0 };
        Meaning(self.0.map(|part| (part * scale).round().clamp(-127.0, 127.0) as i8))
    }
}

/// The row of a stem, if its meaning is known.
pub(crate) fn row(stem: &str) -> Option<u32> {
    WORDS.rows.get(stem).copied()
}

#[derive(Debug, Default)]
struct WordTable {
    rows: HashMap<&'static str, u32>,
    weights: &'static [u8],
    vectors: &'static [u8],
}

impl WordTable {
    fn read(table: &'static [u8]) -> Option<Self> {
        let (head, rest) = table.split_at_checked(8)?;
        let n_words = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        let dimensions = u32::from_le_bytes(head[4..].try_into().ok()?) as usize;
        let n_numbers = n_words.checked_mul(dimensions + 1)?;
        let (stems, numbers) = rest.split_at_checked(rest.len().checked_sub(n_numbers)?)?;
        let rows: HashMap<&str, u32> = std::str::from_utf8(stems).ok()?.lines().zip(0..).collect();
        let (weights, vectors) = numbers.split_at(n_words);
        (dimensions == DIMENSIONS && rows.len() == n_words).then_some(Self {
            rows,
            weights,
            vectors,
        })
    }

    /// The weight from 0 to 1 and the vector of a row.
    fn row(&self, row: u32) -> Option<(f32, &'static [u8])> {
        let weight = *self.weights.get(row as usize)?;
        let start = row as usize * DIMENSIONS;
        Some((f32::from(weight) / 255.0, self.vectors.get(start..start + DIMENSIONS)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::terms;

    fn meaning(text: &str) -> Meaning {
        let mut sum = MeaningSum::new();
        for word in text.split(' ') {
            row(&terms::stem(word)).into_iter().for_each(|row| sum.add(row, 1.0));
        }
        sum.meaning()
    }

    #[test]
    fn words_of_like_meaning_are_closer_than_others() {
        for (said, like, unlike) in [
            ("picture", "image", "password"),
            ("password", "credentials", "picture"),
            ("delete", "remove", "render"),
            ("vehicle", "car", "encryption"),
            ("slow down attackers", "throttle", "thumbnail"),
        ] {
            let near = meaning(said).closeness(&meaning(like));
            let far = meaning(said).closeness(&meaning(unlike));
            assert!(near > far + 0.1, "{said}: {like} {near}, {unlike} {far}");
        }
    }

    #[test]
    fn a_text_without_known_words_is_close_to_nothing() {
        let nothing = MeaningSum::new().meaning();
        assert!(row("zzqxyy").is_none());
        assert!(nothing.closeness(&meaning("picture")).abs() < f32::EPSILON);
        assert!((meaning("picture").closeness(&meaning("picture")) - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_damaged_table_is_refused() {
        for table in [&b""[..], b"\x01\0\0\0\x80\0\0\0a\n", b"\xff\xff\xff\xff\x80\0\0\0"] {
            assert!(WordTable::read(table).is_none());
        }
    }
}
