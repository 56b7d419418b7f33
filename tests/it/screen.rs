//! What a client of our dialect shows: frames folded as the protocol says, and nothing else known.
//! Two screens are equal when two people see the same.

use serde_json::{Map, Value, json};

use crate::server::Server;

/// A conversation as it is on the screen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Screen {
    /// The entries, in order.
    pub entries: Vec<Shown>,
    /// The last sequence number seen, which a reconnecting client sends as `after`.
    pub seq: i64,
}

/// One entry on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub turn: i64,
    pub seq: i64,
    pub kind: String,
    pub fields: Map<String, Value>,
}

impl Shown {
    /// Whether it ends its turn.
    pub fn is_end(&self) -> bool {
        matches!(self.kind.as_str(), "response_done" | "error")
    }
}

impl Screen {
    /// The screen that shows these frames.
    pub fn of(frames: &[Value]) -> Self {
        let mut screen = Self::default();
        screen.show(frames);
        screen
    }

    /// Applies frames. A frame that comes twice or out of order fails the test.
    pub fn show(&mut self, frames: &[Value]) {
        frames.iter().for_each(|frame| self.show_one(frame));
    }

    fn show_one(&mut self, frame: &Value) {
        if frame["type"] == "attached" {
            let after = frame["after"].as_i64().unwrap();
            self.entries.retain(|shown| shown.seq <= after);
            self.seq = self.seq.min(after);
            return;
        }
        let (Some(seq), Some(turn)) = (frame["seq"].as_i64(), frame["turn"].as_i64()) else {
            return;
        };
        let kind = frame["type"].as_str().unwrap().to_owned();
        if kind == "accepted" {
            return;
        }
        let mut fields = frame.as_object().unwrap().clone();
        fields.retain(|name, _| !matches!(name.as_str(), "type" | "seq" | "turn"));
        let replaces = fields.remove("replace").is_some();
        assert!(seq > self.seq || replaces, "{frame} came after {}", self.seq);
        self.seq = seq;
        let grows = matches!(kind.as_str(), "text" | "thinking");
        let block = fields.get("block").cloned();
        let same = |shown: &&mut Shown| {
            grows && shown.turn == turn && shown.fields.get("block") == block.as_ref()
        };
        let Some(shown) = self.entries.iter_mut().find(same) else {
            return self.entries.push(Shown { turn, seq, kind, fields });
        };
        assert_eq!(shown.kind, kind, "{frame}");
        shown.seq = seq;
        let new = fields["content"].as_str().unwrap();
        let old = if replaces { "" } else { shown.fields["content"].as_str().unwrap() };
        let content = format!("{old}{new}");
        shown.fields["content"] = json!(content);
    }

    /// What the database holds of a conversation.
    pub fn stored(server: &Server, conversation: i64) -> Self {
        let database = server.database();
        let mut statement = database
            .prepare(
                "SELECT turn, last_seq, kind, payload FROM entries WHERE conversation_id = ?1
                 ORDER BY first_seq",
            )
            .unwrap();
        let entries = statement.query_map([conversation], |row| {
            let payload: String = row.get(3)?;
            Ok(Shown {
                turn: row.get(0)?,
                seq: row.get(1)?,
                kind: row.get(2)?,
                fields: serde_json::from_str(&payload).unwrap(),
            })
        });
        let entries: Vec<Shown> = entries.unwrap().collect::<Result<_, _>>().unwrap();
        let seq = entries.last().map_or(0, |shown| shown.seq);
        Self { entries, seq }
    }

    /// As [`Screen::stored`], from this turn on.
    pub fn stored_from(server: &Server, conversation: i64, turn: i64) -> Self {
        let mut stored = Self::stored(server, conversation);
        stored.entries.retain(|shown| shown.turn >= turn);
        stored
    }

    /// Fails the test at the first entry that differs from another screen's.
    pub fn assert_same(&self, other: &Self, when: &str) {
        for (one, two) in self.entries.iter().zip(&other.entries) {
            assert_eq!(one, two, "{when}");
        }
        assert_eq!(self.entries.len(), other.entries.len(), "{when}: one shows more");
        assert_eq!(self.seq, other.seq, "{when}");
    }

    /// The entry that a frame added or changed.
    pub fn changed_by(&self, frame: &Value) -> Option<&Shown> {
        let seq = frame["seq"].as_i64().filter(|_| frame["turn"].is_i64())?;
        self.entries.iter().rfind(|shown| shown.seq == seq)
    }

    /// The kinds of the entries of a turn.
    pub fn kinds(&self, turn: i64) -> Vec<&str> {
        let of_turn = self.entries.iter().filter(|shown| shown.turn == turn);
        of_turn.map(|shown| shown.kind.as_str()).collect()
    }

    /// The answer's text of a turn.
    pub fn answer(&self, turn: i64) -> String {
        let texts = self.entries.iter().filter(|it| it.turn == turn && it.kind == "text");
        texts.filter_map(|shown| shown.fields["content"].as_str()).collect()
    }

    /// How many turns have ended, the greeting's included.
    pub fn ends(&self) -> usize {
        self.entries.iter().filter(|shown| shown.is_end()).count()
    }

    /// How many ends of a turn there are.
    pub fn ends_of(&self, turn: i64) -> usize {
        self.entries.iter().filter(|shown| shown.turn == turn && shown.is_end()).count()
    }

    /// The one end of a turn; fails the test when there are more or none.
    pub fn end(&self, turn: i64) -> &Shown {
        let of_turn = self.entries.iter().filter(|shown| shown.turn == turn);
        let ends: Vec<_> = of_turn.filter(|shown| shown.is_end()).collect();
        assert_eq!(ends.len(), 1, "ends of turn {turn}: {ends:?}");
        ends[0]
    }

    /// What the original's interface tells of this conversation: roles and contents.
    pub fn messages(&self) -> Vec<(String, String)> {
        let mut messages: Vec<(i64, String, String)> = Vec::new();
        for shown in &self.entries {
            let role = match shown.kind.as_str() {
                "user_message" => "user",
                "text" => "assistant",
                _ => continue,
            };
            let content = shown.fields["content"].as_str().unwrap();
            let same = |it: &&mut (i64, String, String)| {
                role == "assistant" && it.0 == shown.turn && it.1 == role
            };
            match messages.iter_mut().find(same) {
                Some(message) => message.2.push_str(content),
                None => messages.push((shown.turn, role.to_owned(), content.to_owned())),
            }
        }
        messages.into_iter().map(|(_, role, content)| (role, content)).collect()
    }
}
