//! What a service replied: assembled from the pieces of a stream, bounded.

use serde_json::{Map, Value};

/// Calls of tools in one reply.
pub(super) const MAX_CALLS: usize = 32;

/// Longest arguments of one call, in bytes.
const MAX_ARGUMENT_BYTES: usize = 32 << 10; // 32 KiB

/// Longest text and longest thinking of one reply, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 20; // 4 MiB

/// A piece to show as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Thinking(String),
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct RequestUsage {
    /// All that was sent, cached parts included.
    pub(super) input: Option<u64>,
    /// What of it was read from a cache.
    pub(super) cached: Option<u64>,
    pub(super) output: Option<u64>,
    /// US dollars, where the service tells.
    pub(super) cost: Option<f64>,
}

/// A call of a tool, as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ModelCall {
    /// Of the service; made up where it gives none.
    pub(super) id: String,
    pub(super) name: String,
    /// JSON, whole only at the end of the reply.
    pub(super) arguments: String,
    pub(super) index: Option<u64>,
}

/// What is said of a call at once.
#[derive(Debug, Default)]
pub(super) struct CallDelta {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) arguments: String,
}

/// The reply of a service, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct ModelReply {
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) calls: Vec<ModelCall>,
    /// Why the service says that it ended.
    pub(super) finish: Option<String>,
    pub(super) usage: RequestUsage,
    /// The stream said that nothing follows.
    pub(super) is_done: bool,
    /// Something was dropped for its size.
    pub(super) is_cut: bool,
    /// Calls were dropped for their number.
    pub(super) has_more_calls: bool,
}

impl ModelCall {
    /// The arguments; the error is for the model.
    pub(super) fn parsed(&self) -> Result<Map<String, Value>, String> {
        let text = self.arguments.trim();
        if text.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            // Some models write the object once more as a string.
            Ok(Value::String(inner)) => serde_json::from_str(&inner)
                .map_err(|_| "The arguments are not a JSON object.".to_owned()),
            Ok(Value::Null) => Ok(Map::new()),
            Ok(_) => Err("The arguments are not a JSON object.".to_owned()),
            Err(error) => Err(format!("The arguments are not valid JSON: {error}.")),
        }
    }
}

impl ModelReply {
    /// Takes text; gives what is to be shown of it.
    pub(super) fn add_text(&mut self, text: &str) -> Option<Piece> {
        let added = append(&mut self.text, text, MAX_TEXT_BYTES, &mut self.is_cut);
        (!added.is_empty()).then(|| Piece::Text(added.to_owned()))
    }

    /// Takes thinking; gives what is to be shown of it.
    pub(super) fn add_thinking(&mut self, text: &str) -> Option<Piece> {
        let added = append(&mut self.thinking, text, MAX_TEXT_BYTES, &mut self.is_cut);
        (!added.is_empty()).then(|| Piece::Thinking(added.to_owned()))
    }

    /// Takes a part of a call. It belongs to the call of its index; without one to the call of its
    /// id, to a new one where it names another tool, else to the last.
    pub(super) fn add_call(&mut self, delta: CallDelta) {
        let CallDelta { index, id, name, arguments } = delta;
        let id = id.filter(|id| !id.is_empty());
        let name = name.filter(|name| !name.is_empty());
        let Some(call) = self.call(index, id.as_deref(), name.is_some()) else { return };
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(name) = name {
            call.name = name;
        }
        let mut is_cut = false;
        append(&mut call.arguments, &arguments, MAX_ARGUMENT_BYTES, &mut is_cut);
        self.is_cut |= is_cut;
    }

    /// The call that a delta belongs to; `None` if there are too many.
    fn call(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        has_name: bool,
    ) -> Option<&mut ModelCall> {
        let is_other = |call: &ModelCall| {
            id.is_some_and(|id| call.id != id && !call.id.is_empty()) && has_name
        };
        let at = match index {
            // Proxies number all calls 0.
            Some(_) => self.calls.iter().rposition(|call| call.index == index && !is_other(call)),
            None => match id.and_then(|id| self.calls.iter().position(|call| call.id == id)) {
                Some(known) => Some(known),
                None if id.is_some() || has_name => None,
                None => self.calls.len().checked_sub(1),
            },
        };
        if at.is_none() {
            if self.calls.len() >= MAX_CALLS {
                self.has_more_calls = true;
                return None;
            }
            self.calls.push(ModelCall { index, ..ModelCall::default() });
        }
        let at = at.unwrap_or(self.calls.len() - 1);
        self.calls.get_mut(at)
    }

    /// Ends the reply: calls without an id get one, and those without a name are dropped.
    pub(super) fn finish(&mut self) {
        self.calls.retain(|call| !call.name.is_empty());
        for (at, call) in self.calls.iter_mut().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{at}");
            }
        }
    }

    /// Whether text was dropped, so that nothing of what follows is shown.
    pub(super) fn is_full(&self) -> bool {
        self.text.len().max(self.thinking.len()) + 4 > MAX_TEXT_BYTES && self.is_cut
    }

    /// Whether there is nothing to show and nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.calls.is_empty()
    }

    /// Whether the stream ended before the service had said so.
    pub(super) fn is_broken_off(&self) -> bool {
        !self.is_done && self.finish.is_none()
    }
}

/// Appends as much as fits; returns what was appended.
fn append<'a>(to: &mut String, text: &'a str, most: usize, is_cut: &mut bool) -> &'a str {
    let room = most.saturating_sub(to.len());
    let end = text.floor_char_boundary(room.min(text.len()));
    *is_cut |= end < text.len();
    let added = text.get(..end).unwrap_or_default();
    to.push_str(added);
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(index: Option<u64>, id: &str, name: &str, arguments: &str) -> CallDelta {
        CallDelta {
            index,
            id: (!id.is_empty()).then(|| id.to_owned()),
            name: (!name.is_empty()).then(|| name.to_owned()),
            arguments: arguments.to_owned(),
        }
    }

    fn assembled(deltas: Vec<CallDelta>) -> Vec<(String, String, String)> {
        let mut reply = ModelReply::default();
        deltas.into_iter().for_each(|delta| reply.add_call(delta));
        reply.finish();
        reply.calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    #[test]
    fn calls_are_assembled_by_index_by_id_or_in_their_order() {
        let two = |first: &str, second: &str| {
            [("a", first), ("b", second)]
                .map(|(path, id)| {
                    (id.to_owned(), "read".to_owned(), format!("{{\"p\":\"{path}\"}}"))
                })
                .to_vec()
        };
        let [a, b] = ["{\"p\":\"a\"}", "{\"p\":\"b\"}"];
        let cases = [
            // In pieces under an index.
            (
                vec![
                    delta(Some(0), "x", "read", "{\"p\":"),
                    delta(Some(0), "", "", "\"a\"}"),
                    delta(Some(1), "y", "read", "{\"p\":"),
                    delta(Some(1), "", "", "\"b\"}"),
                ],
                two("x", "y"),
            ),
            // In turns.
            (
                vec![
                    delta(Some(0), "x", "read", "{\"p\":"),
                    delta(Some(1), "y", "read", "{\"p\":"),
                    delta(Some(0), "", "", "\"a\"}"),
                    delta(Some(1), "", "", "\"b\"}"),
                ],
                two("x", "y"),
            ),
            // Whole, without an index.
            (vec![delta(None, "x", "read", a), delta(None, "y", "read", b)], two("x", "y")),
            // Whole, with index 0 for all.
            (vec![delta(Some(0), "x", "read", a), delta(Some(0), "y", "read", b)], two("x", "y")),
            // Neither an index nor an id.
            (vec![delta(None, "", "read", a), delta(None, "", "read", b)], two("call_0", "call_1")),
            (
                vec![
                    delta(None, "", "read", "{\"p\":"),
                    delta(None, "", "", "\"a\"}"),
                    delta(None, "", "read", b),
                ],
                two("call_0", "call_1"),
            ),
            // The id with every piece.
            (
                vec![
                    delta(None, "x", "read", "{\"p\":"),
                    delta(None, "x", "", "\"a\"}"),
                    delta(None, "y", "read", b),
                ],
                two("x", "y"),
            ),
            // A piece of a call that has no name is none.
            (
                vec![
                    delta(None, "", "", "}"),
                    delta(None, "x", "read", a),
                    delta(None, "y", "read", b),
                ],
                two("x", "y"),
            ),
        ];
        for (at, (deltas, expected)) in cases.into_iter().enumerate() {
            assert_eq!(assembled(deltas), expected, "case {at}");
        }
    }

    #[test]
    fn what_is_too_much_is_cut_and_said() {
        let mut reply = ModelReply::default();
        for at in 0..500 {
            reply.add_call(delta(Some(at), "", "read", "{}"));
        }
        assert!(reply.calls.len() == MAX_CALLS && reply.has_more_calls);
        let mut reply = ModelReply::default();
        reply.add_call(delta(None, "x", "read", &"x".repeat(5 << 20)));
        assert!(reply.calls[0].arguments.len() == MAX_ARGUMENT_BYTES && reply.is_cut);
        assert!(reply.calls[0].parsed().is_err());
        let mut reply = ModelReply::default();
        reply.add_text(&"é".repeat(MAX_TEXT_BYTES));
        assert!(reply.text.len() <= MAX_TEXT_BYTES && reply.is_cut);
        assert_eq!(reply.add_text("more"), None);
    }

    #[test]
    fn arguments_are_read_as_models_write_them() {
        let parsed = |arguments: &str| {
            let call = ModelCall { arguments: arguments.to_owned(), ..ModelCall::default() };
            call.parsed().map(|arguments| Value::Object(arguments).to_string())
        };
        for (arguments, expected) in [
            ("", "{}"),
            (" ", "{}"),
            ("null", "{}"),
            ("{\"a\":1}", "{\"a\":1}"),
            ("\"{\\\"a\\\":1}\"", "{\"a\":1}"),
        ] {
            assert_eq!(parsed(arguments).as_deref(), Ok(expected), "{arguments}");
        }
        for arguments in ["{\"a\":", "[1]", "7", "\"no\"", "{\"a\":1}}"] {
            assert!(parsed(arguments).is_err(), "{arguments}");
        }
    }
}
