//! Messages that arrive in several frames, put together. Pure.

use actix_http::ws::Item;
use actix_web::web::BytesMut;

#[derive(Debug, Default)]
pub(super) struct Fragments {
    is_text: bool,
    bytes: BytesMut,
}

/// The state of a message after one more of its frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WholeMessage {
    Incomplete,
    Text(String),
    Binary,
    /// A text message that is not UTF-8.
    InvalidUtf8,
    TooLarge,
}

impl Fragments {
    /// Adds a frame to a message of at most `max_bytes`.
    pub(super) fn add(&mut self, item: Item, max_bytes: usize) -> WholeMessage {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => {
                *self = Self { is_text: true, bytes: BytesMut::new() };
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                *self = Self::default();
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.bytes.len() + bytes.len() > max_bytes {
            return WholeMessage::TooLarge;
        }
        self.bytes.extend_from_slice(&bytes);
        if !is_last {
            return WholeMessage::Incomplete;
        }
        match String::from_utf8(self.bytes.split().into()) {
            Ok(text) if self.is_text => WholeMessage::Text(text),
            Err(_) if self.is_text => WholeMessage::InvalidUtf8,
            _ => WholeMessage::Binary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_put_together_even_when_a_character_is_cut() {
        let mut fragments = Fragments::default();
        assert_eq!(
            fragments.add(Item::FirstText(b"gr\xc3".as_slice().into()), 10),
            WholeMessage::Incomplete
        );
        assert_eq!(
            fragments.add(Item::Continue(b"\xb6".as_slice().into()), 10),
            WholeMessage::Incomplete
        );
        let whole = fragments.add(Item::Last(b"n".as_slice().into()), 10);
        assert_eq!(whole, WholeMessage::Text("gr\u{f6}n".to_owned()));
    }

    #[test]
    fn messages_that_are_too_large_or_no_text_are_recognised() {
        let mut fragments = Fragments::default();
        fragments.add(Item::FirstText(b"12345".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"6789".as_slice().into()), 8), WholeMessage::TooLarge);
        fragments.add(Item::FirstText(b"\xff".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"x".as_slice().into()), 8), WholeMessage::InvalidUtf8);
        fragments.add(Item::FirstBinary(b"x".as_slice().into()), 8);
        assert_eq!(fragments.add(Item::Last(b"y".as_slice().into()), 8), WholeMessage::Binary);
    }
}
