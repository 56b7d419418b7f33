//! Server-sent events: the data of a stream's events, line by line.
//!
//! Comments, fields of no interest, CRLF, a byte order mark and a missing blank after the colon are
//! taken as the standard says. An event's data is complete with an empty line or the stream's end.

/// Longest data of one event, in bytes.
const MAX_EVENT_BYTES: usize = 16 << 20; // 16 MiB

/// The event that is being read.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    data: Option<String>,
}

/// An event is longer than any service sends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service sent an event of more than {MAX_EVENT_BYTES} bytes")]
pub(super) struct EventTooLong;

impl EventReader {
    /// Takes a line without its newline. Gives the data of the event that it ends.
    pub(super) fn line(&mut self, line: &str) -> Result<Option<String>, EventTooLong> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let Some(value) = line.strip_prefix("data:") else { return Ok(None) };
        let value = value.strip_prefix(' ').unwrap_or(value);
        // Services that forget the empty line send one JSON text a line.
        let ended = self.data.take_if(|data| is_whole(data));
        let data = self.data.get_or_insert_default();
        if data.len() + value.len() > MAX_EVENT_BYTES {
            return Err(EventTooLong);
        }
        if !data.is_empty() {
            data.push('\n');
        }
        data.push_str(value);
        Ok(ended)
    }

    /// The data of an event that the stream's end completes.
    pub(super) fn end(&mut self) -> Option<String> {
        self.data.take()
    }
}

/// Whether the data needs no further line.
fn is_whole(data: &str) -> bool {
    data == "[DONE]" || serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &str) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut events: Vec<_> =
            stream.split('\n').filter_map(|line| reader.line(line).unwrap()).collect();
        events.extend(reader.end());
        events
    }

    #[test]
    fn events_are_read_in_all_the_ways_that_services_write_them() {
        for stream in [
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data:{\"a\":1}\n\ndata:[DONE]\n\n",
            "data: {\"a\":1}\r\n\r\ndata: [DONE]\r\n\r\n",
            ": OPENROUTER PROCESSING\n\n:\n\ndata: {\"a\":1}\n\ndata: [DONE]\n",
            "event: x\nid: 7\nretry: 100\ndata: {\"a\":1}\n\ndata: [DONE]",
            "\u{feff}data: {\"a\":1}\ndata: [DONE]\n",
            "data: {\ndata: \"a\":1}\n\ndata: [DONE]\n\n",
        ] {
            let events: Vec<String> =
                events(stream).iter().map(|event| event.replace('\n', "")).collect();
            assert_eq!(events, ["{\"a\":1}", "[DONE]"], "{stream:?}");
        }
        assert!(events("<!doctype html>\n<p>data</p>\n").is_empty());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut reader = EventReader::default();
        let line = format!("data: {}", "x".repeat(MAX_EVENT_BYTES));
        assert_eq!(reader.line(&line), Ok(None));
        assert_eq!(reader.line("data: y"), Err(EventTooLong));
    }
}
