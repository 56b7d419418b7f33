//! Liveness: whether a line shows progress of the turn, or only that the agent responds.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    agent::event::Liveness,
    json::{Object, Text},
};

use super::wire::StreamEvent;

/// Remembered state lines at most.
const REMEMBERED: usize = 512;

/// Fields that differ between otherwise equal lines.
const VOLATILE: [&str; 4] = ["uuid", "session_id", "timestamp", "request_id"];

/// Hashes of the state lines of the running turn.
#[derive(Debug, Default)]
pub(super) struct SeenStates(HashSet<u64>);

impl SeenStates {
    /// The liveness that a state line shows; a repeated line is no progress.
    pub(super) fn line(&mut self, line: &str) -> Liveness {
        let Ok(line) = Object::read(line) else { return Liveness::Sign };
        let mut hasher = DefaultHasher::new();
        for (name, value) in line.fields() {
            // Elapsed times change while nothing else happens.
            let tells_time = name.contains("elapsed") || name.ends_with("_ms");
            if !tells_time && !VOLATILE.contains(&name) {
                (name, value.get()).hash(&mut hasher);
            }
        }
        if self.0.len() == REMEMBERED {
            self.0.clear();
        }
        if self.0.insert(hasher.finish()) { Liveness::Progress } else { Liveness::Sign }
    }
}

/// The liveness that an event of the API's stream shows. An empty delta, as of redacted thinking, is no
/// progress.
pub(super) fn liveness_of(event: &StreamEvent<'_>) -> Liveness {
    let is_empty = |text: &Option<Text<'_>>| text.as_ref().is_none_or(|it| it.as_str().is_empty());
    match event.kind.as_str() {
        "content_block_delta" => {
            let is_hollow = event.delta.as_ref().is_none_or(|delta| {
                let is_text = matches!(delta.kind.as_str(), "" | "text_delta" | "thinking_delta");
                is_text && is_empty(&delta.text) && is_empty(&delta.thinking)
            });
            if is_hollow { Liveness::Sign } else { Liveness::Progress }
        }
        "message_start"
        | "message_delta"
        | "message_stop"
        | "content_block_start"
        | "content_block_stop" => Liveness::Progress,
        _ => Liveness::Sign,
    }
}
