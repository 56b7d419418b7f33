//! A message that comes in several frames, put together. Pure code.

use actix_http::ws::Item;
use actix_web::web::BytesMut;

/// The frames of a message so far.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    is_text: bool,
    bytes: BytesMut,
}

/// What has become of the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// More frames follow.
    NotYet,
    /// It is this text.
    Text(String),
    /// It was binary.
    Binary,
    /// It was to be text and is none.
    NoText,
    /// It has more bytes than are taken.
    TooLarge,
}

impl Fragments {
    /// Adds a frame; a message may have `longest` bytes.
    pub(super) fn add(&mut self, item: Item, longest: usize) -> Whole {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => (self.begin(true, bytes), false),
            Item::FirstBinary(bytes) => (self.begin(false, bytes), false),
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.bytes.len() + bytes.len() > longest {
            return Whole::TooLarge;
        }
        self.bytes.extend_from_slice(&bytes);
        if !is_last {
            return Whole::NotYet;
        }
        match String::from_utf8(self.bytes.split().into()) {
            Ok(text) if self.is_text => Whole::Text(text),
            _ if !self.is_text => Whole::Binary,
            _ => Whole::NoText,
        }
    }

    fn begin<T>(&mut self, is_text: bool, first: T) -> T {
        *self = Self { is_text, bytes: BytesMut::new() };
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_put_together_even_when_a_character_is_cut() {
        let mut fragments = Fragments::default();
        assert_eq!(fragments.add(Item::FirstText(b"gr\xc3".as_slice().into()), 10), Whole::NotYet);
        assert_eq!(fragments.add(Item::Continue(b"\xb6".as_slice().into()), 10), Whole::NotYet);
        let whole = fragments.add(Item::Last(b"n".as_slice().into()), 10);
        assert_eq!(whole, Whole::Text("gr\u{f6}n".to_owned()));
    }

    #[test]
    fn what_is_too_large_or_no_text_is_told() {
        let mut fragments = Fragments::default();
        fragments.add(Item::FirstText(b"12345".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"6789".as_slice().into()), 8), Whole::TooLarge);
        fragments.add(Item::FirstText(b"\xff".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"x".as_slice().into()), 8), Whole::NoText);
        fragments.add(Item::FirstBinary(b"x".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"y".as_slice().into()), 8), Whole::Binary);
    }
}
