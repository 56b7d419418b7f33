//! Checks WebSocket frame headers as their bytes arrive (RFC 6455, 5.2), so that a frame which
//! breaks the protocol, or makes its message too large, is refused before its payload is buffered:
//! the decoder behind it looks at a frame only once it is whole.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Instant,
};

use actix_web::{error::PayloadError, web::Bytes};
use futures_util::{Stream, StreamExt as _};

/// Longest header of a client's frame: two bytes, a length of eight and a mask of four.
const LONGEST_HEADER: usize = 14;

/// Longest payload of a control frame (RFC 6455, 5.5), bytes.
const LONGEST_CONTROL: u64 = 125;

/// Why a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameViolation {
    /// The message would have more bytes than are taken.
    TooLarge,
    /// The header breaks the protocol.
    Protocol(&'static str),
}

/// What the stream has been found to hold.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    /// When the last bytes arrived.
    pub last_heard: Cell<Option<Instant>>,
    /// Why the stream was ended.
    pub refused: Cell<Option<FrameViolation>>,
}

/// A client's bytes up to the first frame that is refused.
pub(super) struct CheckedStream<S> {
    /// `None` once a frame was refused: what follows is not read.
    stream: Option<S>,
    check: FrameCheck,
    state: Rc<StreamState>,
}

impl<S> CheckedStream<S> {
    /// Ends `stream` before a message of more than `longest` bytes.
    pub(super) fn new(stream: S, longest: usize, state: Rc<StreamState>) -> Self {
        Self { stream: Some(stream), check: FrameCheck::new(longest), state }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for CheckedStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let mut bytes = match ready!(stream.poll_next_unpin(task)) {
            Some(Ok(bytes)) => bytes,
            end => return Poll::Ready(end),
        };
        self.state.last_heard.set(Some(Instant::now()));
        if let Err(Refused { at, why }) = self.check.advance(&bytes) {
            self.state.refused.set(Some(why));
            self.stream = None;
            bytes.truncate(at);
        }
        Poll::Ready(Some(Ok(bytes)))
    }
}

/// A refused frame and where its header begins in the bytes just read; 0 if it began before.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    at: usize,
    why: FrameViolation,
}

/// The state of the reader between two reads. Its size does not depend on what is read.
#[derive(Debug)]
struct FrameCheck {
    longest: u64,
    /// The part of a header that has arrived.
    header: [u8; LONGEST_HEADER],
    header_len: usize,
    /// Bytes of payload until the next header.
    payload_left: u64,
    /// Bytes of the message in progress, if it comes in fragments.
    fragmented: Option<u64>,
}

impl FrameCheck {
    fn new(longest: usize) -> Self {
        Self {
            longest: u64::try_from(longest).unwrap_or(u64::MAX),
            header: [0; LONGEST_HEADER],
            header_len: 0,
            payload_left: 0,
            fragmented: None,
        }
    }

    /// Reads on.
    fn advance(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (mut at, mut header_at) = (0, 0);
        while at < bytes.len() {
            if self.payload_left > 0 {
                let here = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX);
                let skipped = here.min(self.payload_left);
                self.payload_left -= skipped;
                at += usize::try_from(skipped).unwrap_or(usize::MAX);
                continue;
            }
            if self.header_len == 0 {
                header_at = at;
            }
            self.header[self.header_len] = bytes[at];
            self.header_len += 1;
            at += 1;
            self.read_header().map_err(|why| Refused { at: header_at, why })?;
        }
        Ok(())
    }

    /// Looks at the header as far as it has arrived.
    fn read_header(&mut self) -> Result<(), FrameViolation> {
        let header = &self.header[..self.header_len];
        let kind = FrameHeader::of(header[0])?;
        let Some(second) = header.get(1) else { return Ok(()) };
        if second & 0x80 == 0 {
            return Err(FrameViolation::Protocol("a client's frame is masked"));
        }
        let (length_bytes, short) = match second & 0x7f {
            126 => (2, None),
            127 => (8, None),
            length => (0, Some(u64::from(length))),
        };
        let Some(long) = header.get(2..2 + length_bytes) else { return Ok(()) };
        let long = long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let length = short.unwrap_or(long);
        let message = kind.message(self.fragmented, length)?;
        if message.is_some_and(|message| message > self.longest) {
            return Err(FrameViolation::TooLarge);
        }
        // The mask is the last of a header.
        if self.header_len == 2 + length_bytes + 4 {
            self.header_len = 0;
            self.payload_left = length;
            if let Some(message) = message {
                self.fragmented = (!kind.is_final).then_some(message);
            }
        }
        Ok(())
    }
}

/// The first byte of a header.
struct FrameHeader {
    is_final: bool,
    opcode: u8,
}

impl FrameHeader {
    fn of(first: u8) -> Result<Self, FrameViolation> {
        if first & 0x70 != 0 {
            // Compressed frames have one of them.
            return Err(FrameViolation::Protocol("no extension was agreed on"));
        }
        let kind = Self { is_final: first & 0x80 != 0, opcode: first & 0x0f };
        match kind.opcode {
            0..=2 => Ok(kind),
            8..=10 if kind.is_final => Ok(kind),
            8..=10 => Err(FrameViolation::Protocol("a control frame has no fragments")),
            _ => Err(FrameViolation::Protocol("unknown kind of frame")),
        }
    }

    /// Bytes of the message with this frame, of which `fragmented` came before; `None` for a
    /// control frame, which may stand between fragments.
    fn message(&self, fragmented: Option<u64>, length: u64) -> Result<Option<u64>, FrameViolation> {
        match (self.opcode, fragmented) {
            (8.., _) if length > LONGEST_CONTROL => {
                Err(FrameViolation::Protocol("a control frame has 125 bytes at most"))
            }
            (8.., _) => Ok(None),
            (0, Some(before)) => Ok(Some(before.saturating_add(length))),
            (0, None) => Err(FrameViolation::Protocol("no message was begun")),
            (_, Some(_)) => Err(FrameViolation::Protocol("the message before has no end")),
            (_, None) => Ok(Some(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_http::ws::{Codec, ProtocolError};
    use proptest::prelude::*;
    use tokio_util::codec::Decoder as _;

    use super::*;

    const LONGEST: usize = 1000;

    /// A frame as a client writes it, with its length in as many bytes as it needs.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = header(first, payload.len() as u64);
        frame.extend(payload);
        frame
    }

    fn header(first: u8, length: u64) -> Vec<u8> {
        let mut header = vec![first];
        match length {
            0..=125 => header.push(0x80 | length as u8),
            126..=0xffff => {
                header.push(0x80 | 126);
                header.extend((length as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend(length.to_be_bytes());
            }
        }
        header.extend([0; 4]);
        header
    }

    /// What becomes of bytes that arrive in pieces of this length: how many are let through, and
    /// why no more are.
    fn read(bytes: &[u8], piece: usize) -> (usize, Option<FrameViolation>) {
        let mut check = FrameCheck::new(LONGEST);
        let mut passed = 0;
        for piece in bytes.chunks(piece) {
            match check.advance(piece) {
                Ok(()) => passed += piece.len(),
                Err(Refused { at, why }) => return (passed + at, Some(why)),
            }
        }
        (passed, None)
    }

    fn refusal(bytes: &[u8]) -> Option<FrameViolation> {
        let whole = read(bytes, usize::MAX).1;
        assert_eq!(read(bytes, 1).1, whole, "a cut changes nothing: {bytes:x?}");
        whole
    }

    #[test]
    fn p9_a_claim_above_the_limit_is_refused_by_its_header_alone() {
        for claim in [1001, 65_535, 65_536, 1 << 30, 1 << 62, 1 << 63, u64::MAX] {
            let mut bytes = header(0x81, claim);
            // Not even the mask is waited for.
            bytes.truncate(bytes.len() - 4);
            assert_eq!(refusal(&bytes), Some(FrameViolation::TooLarge), "{claim}");
        }
        assert_eq!(refusal(&header(0x81, 1000)), None);
    }

    #[test]
    fn p9_fragments_count_together_and_control_frames_between_them_do_not() {
        let part = |first| frame(first, &[b'x'; 400]);
        let ping = frame(0x89, &[0; 125]);
        let two = [part(0x01), ping.clone(), part(0x00), ping].concat();
        assert_eq!(refusal(&two), None);
        let third = [two.clone(), header(0x00, 201)].concat();
        assert_eq!(refusal(&third), Some(FrameViolation::TooLarge));
        let whole = [two, frame(0x80, &[b'x'; 200]), part(0x81)].concat();
        assert_eq!(refusal(&whole), None, "the next message is counted for itself");
        let tiny = [frame(0x02, b""), frame(0x00, b"x").repeat(1001)].concat();
        assert_eq!(refusal(&tiny), Some(FrameViolation::TooLarge));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused_by_its_header() {
        let broken: [&[u8]; 14] = [
            &[0xc1],
            &[0xa1],
            &[0x91],
            &[0x83],
            &[0x87],
            &[0x8b],
            &[0x8f],
            &[0x09],
            &[0x08],
            &[0x81, 0x05],
            &[0x89, 0xfe, 0x00, 0x7e],
            &[0x88, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x7e],
            &[0x80, 0x81],
            &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80],
        ];
        for bytes in broken {
            assert!(matches!(refusal(bytes), Some(FrameViolation::Protocol(_))), "{bytes:x?}");
        }
    }

    #[test]
    fn what_came_before_a_refused_frame_is_let_through() {
        let good = frame(0x81, b"{}");
        let bytes = [good.clone(), header(0x81, 1 << 30), vec![0; 5000]].concat();
        assert_eq!(read(&bytes, usize::MAX), (good.len(), Some(FrameViolation::TooLarge)));
    }

    /// Bytes that look like frames often enough to get beyond the first.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let first =
            prop_oneof![Just(0x81), Just(0x01), Just(0x00), Just(0x80), Just(0x89), any::<u8>()];
        let lie = prop_oneof![4 => Just(None), 1 => any::<u64>().prop_map(Some)];
        let one = (first, prop::collection::vec(any::<u8>(), 0..300), lie).prop_map(
            |(first, payload, lie)| match lie {
                None => frame(first, &payload),
                Some(claim) => [header(first, claim), payload].concat(),
            },
        );
        prop::collection::vec(one, 0..12).prop_map(|frames| frames.concat())
    }

    proptest! {
        #[test]
        fn p9_cuts_change_nothing_and_what_is_let_through_is_never_larger_than_it_may_be(
            bytes in stream(), piece in 1..400_usize,
        ) {
            let (passed, refused) = read(&bytes, usize::MAX);
            let (in_pieces, again) = read(&bytes, piece);
            prop_assert_eq!(refused, again);
            // Of a header that was cut, the part that came first has gone through.
            prop_assert!(in_pieces >= passed && in_pieces < passed + LONGEST_HEADER);
            prop_assert_eq!(refused.is_none(), passed == bytes.len());

            // The decoder behind it finds nothing to refuse but the text itself.
            let mut buffer = actix_web::web::BytesMut::from(&bytes[..passed]);
            let mut codec = Codec::new().max_size(LONGEST);
            loop {
                match codec.decode(&mut buffer) {
                    Ok(None) => break,
                    Ok(Some(_)) => (),
                    // What a close frame says.
                    Err(ProtocolError::Io(_) | ProtocolError::BadOpCode
                        | ProtocolError::InvalidLength(1)) => break,
                    Err(error) => prop_assert!(false, "{error} for {bytes:x?}"),
                }
                prop_assert!(buffer.len() <= bytes.len());
            }
            prop_assert!(std::mem::size_of::<FrameCheck>() < 80);
        }
    }

    #[test]
    fn p9_the_time_grows_with_the_bytes_and_not_with_their_cuts() {
        let tiny = [frame(0x01, b""), frame(0x00, b"").repeat(400_000)].concat();
        let begun = Instant::now();
        assert_eq!(read(&tiny, 1).1, None);
        let large = frame(0x81, &[0; LONGEST]).repeat(3000);
        assert_eq!(read(&large, 1).1, None);
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
