//! Conversion of a list of messages to turns of entries. Pure.

use std::{collections::BTreeMap, mem};

use crate::{
    entry::{Content, EntryRow, Outcome, TextBlock, UserMessage},
    ids::{Seq, TurnNumber},
};

use super::source::SourceMessage;

/// A conversation as entries.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// In the order of writing.
    pub(super) steps: Vec<ImportStep>,
    /// How many messages are in `steps`.
    pub(super) messages: usize,
    /// Messages that are left out, by role.
    pub(super) left_out: BTreeMap<String, usize>,
}

/// Entries that were written at one time.
#[derive(Debug)]
pub(super) struct ImportStep {
    /// When the source stored the message, in the store's format, where it tells.
    pub(super) at: Option<String>,
    /// The message, and the end of its turn.
    pub(super) entries: Vec<EntryRow>,
}

/// Numbers turns and entries.
#[derive(Default)]
struct TurnBuilder {
    /// The newest turn in use; 0 is the greeting's.
    newest: TurnNumber,
    /// Whether the newest turn has a question without an answer.
    is_open: bool,
    has_greeting: bool,
    seq: Seq,
}

impl TurnBuilder {
    fn row(&mut self, turn: TurnNumber, content: &Content) -> serde_json::Result<EntryRow> {
        self.seq += 1;
        EntryRow::new(turn, self.seq, content)
    }

    fn end(&mut self, outcome: Outcome) -> serde_json::Result<EntryRow> {
        self.is_open = false;
        let end = Content::plain_end(outcome);
        self.row(self.newest, &end)
    }

    fn question(&mut self, content: &str) -> serde_json::Result<Vec<EntryRow>> {
        let mut entries = Vec::new();
        if self.is_open {
            entries.push(self.end(Outcome::Interrupted)?);
        }
        self.newest += 1;
        self.is_open = true;
        let question = Content::UserMessage(UserMessage {
            content: content.to_owned(),
            ..UserMessage::default()
        });
        entries.push(self.row(self.newest, &question)?);
        Ok(entries)
    }

    fn answer(&mut self, content: &str) -> serde_json::Result<Vec<EntryRow>> {
        let is_greeting =
            self.newest == TurnNumber::GREETING && !mem::replace(&mut self.has_greeting, true);
        if !self.is_open && !is_greeting {
            self.newest += 1;
        }
        let answer = Content::Text(TextBlock { block: 0, content: content.to_owned() });
        Ok(vec![self.row(self.newest, &answer)?, self.end(Outcome::Completed)?])
    }
}

/// Makes turns of `messages`, which are in their order.
pub(super) fn turns(messages: &[SourceMessage]) -> serde_json::Result<Converted> {
    let mut turns = TurnBuilder::default();
    let mut converted = Converted::default();
    for message in messages {
        let entries = match message.role.as_str() {
            "user" => turns.question(&message.content)?,
            "assistant" => turns.answer(&message.content)?,
            _ => {
                *converted.left_out.entry(message.role.clone()).or_default() += 1;
                continue;
            }
        };
        converted.messages += 1;
        converted.steps.push(ImportStep { at: message.timestamp.clone(), entries });
    }
    if turns.is_open {
        let end = turns.end(Outcome::Interrupted)?;
        if let Some(last) = converted.steps.last_mut() {
            last.entries.push(end);
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: &str, content: &str) -> SourceMessage {
        SourceMessage { role: role.to_owned(), content: content.to_owned(), timestamp: None }
    }

    fn shape(messages: &[SourceMessage]) -> Vec<(i64, String)> {
        let converted = turns(messages).unwrap();
        let entries: Vec<_> = converted.steps.into_iter().flat_map(|step| step.entries).collect();
        for (entry, seq) in entries.iter().zip(1..) {
            assert_eq!((entry.first_seq, entry.last_seq), (Seq(seq), Seq(seq)));
        }
        entries
            .into_iter()
            .map(|entry| {
                let interrupted = entry.payload.contains("interrupted");
                let kind = if interrupted { "interrupted" } else { &entry.kind };
                (entry.turn.0, kind.to_owned())
            })
            .collect()
    }

    fn expect(messages: &[SourceMessage], expected: &[(i64, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(turn, kind)| (*turn, (*kind).to_owned())).collect();
        assert_eq!(shape(messages), expected);
    }

    #[test]
    fn a_greeting_a_question_and_an_answer_are_two_turns() {
        expect(
            &[
                message("assistant", "Hello!"),
                message("user", "Where?"),
                message("assistant", "There."),
            ],
            &[
                (0, "text"),
                (0, "response_done"),
                (1, "user_message"),
                (1, "text"),
                (1, "response_done"),
            ],
        );
    }

    #[test]
    fn a_greeting_that_was_stored_again_stays_a_message_of_its_own() {
        expect(
            &[
                message("assistant", "Hello!"),
                message("assistant", "Hello!"),
                message("user", "Where?"),
                message("assistant", "There."),
                message("assistant", "Hello!"),
            ],
            &[
                (0, "text"),
                (0, "response_done"),
                (1, "text"),
                (1, "response_done"),
                (2, "user_message"),
                (2, "text"),
                (2, "response_done"),
                (3, "text"),
                (3, "response_done"),
            ],
        );
    }

    #[test]
    fn a_question_without_an_answer_ends_interrupted() {
        expect(
            &[message("user", "One?"), message("user", "Two?")],
            &[(1, "user_message"), (1, "interrupted"), (2, "user_message"), (2, "interrupted")],
        );
    }

    #[test]
    fn other_roles_are_left_out_and_counted() {
        let converted =
            turns(&[message("system", "a"), message("narrator", "b"), message("system", "c")])
                .unwrap();
        assert_eq!((converted.steps.len(), converted.messages), (0, 0));
        let expected = [("narrator".to_owned(), 1), ("system".to_owned(), 2)];
        assert_eq!(converted.left_out, BTreeMap::from(expected));
    }
}
