//! Recorded streams of services, as both dialects read them.

use super::{
    chat, messages,
    reply::{ModelReply, Piece},
};
use crate::{recording::Protocol, sse::EventReader};

/// What a stream came to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ReadStream {
    /// Shown as it came.
    pub(crate) pieces: String,
    /// What is kept in the end.
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, String)>,
    /// Whether the stream said that nothing follows.
    pub(crate) is_done: bool,
}

/// Reads the lines of a stream.
pub(crate) fn read_stream<'a>(
    protocol: Protocol,
    lines: impl Iterator<Item = &'a str>,
) -> Result<ReadStream, String> {
    let (mut events, mut reply) = (EventReader::default(), ModelReply::default());
    let mut signed = messages::SignedThinking::default();
    let mut pieces = Vec::new();
    let mut read = |data: &str| {
        let new = match protocol {
            Protocol::Chat => chat::read(data, &mut reply),
            _ => messages::read(data, &mut reply, &mut signed),
        };
        pieces.extend(new.map_err(|error| format!("{error:?}"))?);
        Ok::<_, String>(())
    };
    for line in lines {
        if let Some(event) = events.line(line).map_err(|error| error.to_string())? {
            read(&event.data)?;
        }
    }
    if let Some(event) = events.end() {
        read(&event.data)?;
    }
    let shown = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Thinking(_) => None,
    });
    Ok(ReadStream {
        pieces: shown.collect(),
        text: reply.text,
        calls: reply.calls.into_iter().map(|call| (call.name, call.arguments)).collect(),
        is_done: reply.is_done,
    })
}
