//! Checks WebSocket frame headers while their bytes arrive (RFC 6455, 5.2). Pure.
//!
//! The decoder behind it looks at a frame only once it is whole. Here a frame that breaks the
//! protocol, or makes its message too large, is refused before its payload is buffered.

/// Longest header of a client's frame: two bytes, a length of eight and a mask of four.
const MAX_HEADER_BYTES: usize = 14;

/// Longest payload of a control frame (RFC 6455, 5.5).
const MAX_CONTROL_BYTES: u64 = 125;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameViolation {
    /// The message would exceed the limit.
    TooLarge,
    /// The header breaks the protocol in this way.
    Protocol(&'static str),
}

/// A refused frame, and where its header begins in the bytes just read; 0 if it began before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub at: usize,
    pub why: FrameViolation,
}

/// The state between two reads. Its size does not depend on what is read.
#[derive(Debug)]
pub(super) struct FrameCheck {
    max_message_bytes: u64,
    /// The header in progress, as far as it has arrived.
    header: [u8; MAX_HEADER_BYTES],
    header_len: usize,
    /// Bytes of payload until the next header.
    payload_left: u64,
    /// Bytes of the fragmented message in progress.
    fragmented: Option<u64>,
}

impl FrameCheck {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        Self {
            max_message_bytes: u64::try_from(max_message_bytes).unwrap_or(u64::MAX),
            header: [0; MAX_HEADER_BYTES],
            header_len: 0,
            payload_left: 0,
            fragmented: None,
        }
    }

    /// Checks the bytes that follow those before.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (mut at, mut header_at) = (0, 0);
        while at < bytes.len() {
            if self.payload_left > 0 {
                let available = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX);
                let skipped = available.min(self.payload_left);
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
            self.check_header().map_err(|why| Refused { at: header_at, why })?;
        }
        Ok(())
    }

    /// Checks the header as far as it has arrived.
    fn check_header(&mut self) -> Result<(), FrameViolation> {
        let header = &self.header[..self.header_len];
        let kind = FrameKind::parse(header[0])?;
        let Some(second) = header.get(1) else { return Ok(()) };
        if second & 0x80 == 0 {
            return Err(FrameViolation::Protocol("client frames must be masked"));
        }
        let (length_bytes, short) = match second & 0x7f {
            126 => (2, None),
            127 => (8, None),
            length => (0, Some(u64::from(length))),
        };
        let Some(long) = header.get(2..2 + length_bytes) else { return Ok(()) };
        let long = long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let length = short.unwrap_or(long);
        let message = kind.message_bytes(self.fragmented, length)?;
        if message.is_some_and(|message| message > self.max_message_bytes) {
            return Err(FrameViolation::TooLarge);
        }
        // A header ends with its mask.
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
struct FrameKind {
    is_final: bool,
    opcode: u8,
}

impl FrameKind {
    fn parse(first: u8) -> Result<Self, FrameViolation> {
        if first & 0x70 != 0 {
            // Compressed frames set one of these bits.
            return Err(FrameViolation::Protocol("no extension was negotiated"));
        }
        let kind = Self { is_final: first & 0x80 != 0, opcode: first & 0x0f };
        match kind.opcode {
            0..=2 => Ok(kind),
            8..=10 if kind.is_final => Ok(kind),
            8..=10 => Err(FrameViolation::Protocol("control frames must not be fragmented")),
            _ => Err(FrameViolation::Protocol("unknown opcode")),
        }
    }

    /// The bytes of the message up to this frame, of which `fragmented` came before; `None` for a
    /// control frame, which may stand between fragments.
    fn message_bytes(
        &self,
        fragmented: Option<u64>,
        length: u64,
    ) -> Result<Option<u64>, FrameViolation> {
        match (self.opcode, fragmented) {
            (8.., _) if length > MAX_CONTROL_BYTES => {
                Err(FrameViolation::Protocol("control frames may have at most 125 bytes"))
            }
            (8.., _) => Ok(None),
            (0, Some(before)) => Ok(Some(before.saturating_add(length))),
            (0, None) => Err(FrameViolation::Protocol("there is no message to continue")),
            (_, Some(_)) => Err(FrameViolation::Protocol("the previous message has not ended")),
            (_, None) => Ok(Some(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

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
            prop_assert!(in_pieces >= passed && in_pieces < passed + MAX_HEADER_BYTES);
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
