//! Server-sent events: the events of a stream, line by line. Pure.
//!
//! Comments, fields of no interest, CRLF, a byte order mark and a missing blank after the colon are
//! taken as the standard says. An event's data is complete with an empty line or the stream's end.

/// Longest data of one event, in bytes.
const MAX_EVENT_BYTES: usize = 16 << 20; // 16 MiB

/// An event that has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SentEvent {
    /// `message` where the server names none.
    pub(crate) name: Option<String>,
    /// Its own id; the standard's "last event id" also remembers those before it.
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// The event that is being read.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    event: SentEvent,
    has_data: bool,
}

/// An event is longer than any service sends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {MAX_EVENT_BYTES} bytes")]
pub(crate) struct EventTooLong;

impl EventReader {
    /// Takes a line without its newline. Gives the event that it ends.
    pub(crate) fn line(&mut self, line: &str) -> Result<Option<SentEvent>, EventTooLong> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            return Ok(self.end());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => return self.data(value),
            "id" => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            _ => (),
        }
        Ok(None)
    }

    fn data(&mut self, value: &str) -> Result<Option<SentEvent>, EventTooLong> {
        // Services that forget the empty line send one JSON text a line.
        let is_next = self.has_data && is_whole(&self.event.data);
        let ended = if is_next { self.end() } else { None };
        let data = &mut self.event.data;
        if data.len() + value.len() > MAX_EVENT_BYTES {
            return Err(EventTooLong);
        }
        if self.has_data {
            data.push('\n');
        }
        data.push_str(value);
        self.has_data = true;
        Ok(ended)
    }

    /// The event that the stream's end completes.
    pub(crate) fn end(&mut self) -> Option<SentEvent> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
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
        events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn an_event_has_the_name_and_the_id_that_stand_before_its_data() {
        let mut reader = EventReader::default();
        let lines = ["event: x", "id: 7", "data: 1", "", ": ping", "", "id: 8", "", "data: 2", ""];
        let events: Vec<_> = lines.iter().filter_map(|it| reader.line(it).unwrap()).collect();
        let event = |name: Option<&str>, id: Option<&str>, data: &str| SentEvent {
            name: name.map(str::to_owned),
            id: id.map(str::to_owned),
            data: data.to_owned(),
        };
        assert_eq!(events, [event(Some("x"), Some("7"), "1"), event(None, None, "2")]);
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
