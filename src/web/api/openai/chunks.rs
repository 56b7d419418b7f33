//! Answers in the shapes of the chat completions. Pure.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::web::api::ask::shown_place::{ShownPlace, places};

/// What the answers to one question have in common.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) model: String,
}

/// The places that an answer cites, as the end of its text, and what points at them there.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sources {
    /// Empty where nothing is cited.
    pub(crate) text: String,
    pub(crate) annotations: Vec<Value>,
}

/// The text of an answer that is streamed: what a client was sent cannot be taken back.
#[derive(Debug, Default)]
pub(crate) struct StreamedText {
    blocks: BTreeMap<u64, String>,
    /// All that was sent.
    pub(crate) sent: String,
}

impl Completion {
    /// A whole answer.
    pub(crate) fn whole(
        &self,
        content: &str,
        annotations: &[Value],
        usage: Option<&Value>,
    ) -> Value {
        let message = json!({
            "role": "assistant", "content": content, "refusal": null, "annotations": annotations,
        });
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }],
            "usage": tokens(usage),
        })
    }

    /// A piece of a streamed answer.
    pub(crate) fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        let choice = json!({
            "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
        });
        self.chunk_of(&json!([choice]))
    }

    /// The last piece of a streamed answer, with what it took.
    pub(crate) fn usage_chunk(&self, usage: Option<&Value>) -> Value {
        let mut chunk = self.chunk_of(&json!([]));
        chunk["usage"] = tokens(usage);
        chunk
    }

    fn chunk_of(&self, choices: &Value) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices,
        })
    }
}

/// The tokens of the end of a turn; none where they are not known.
fn tokens(usage: Option<&Value>) -> Value {
    let count = |name: &str| usage.and_then(|usage| usage[name].as_u64()).unwrap_or_default();
    let cached = count("cache_read_tokens");
    let read =
        count("input_tokens").saturating_add(cached).saturating_add(count("cache_write_tokens"));
    let written = count("output_tokens");
    json!({
        "prompt_tokens": read, "completion_tokens": written,
        "total_tokens": read.saturating_add(written),
        "prompt_tokens_details": { "cached_tokens": cached },
    })
}

/// The places that were found, each once. `behind` is the number of characters before them, and `page`
/// the address of the project's page.
pub(crate) fn sources(citations: &[Value], behind: usize, page: &str) -> Sources {
    let read = |citation: &Value| serde_json::from_value(citation.clone()).unwrap_or_default();
    let cited: Vec<ShownPlace> = citations.iter().map(read).collect();
    let labels = places(&cited, ShownPlace::lines);
    let mut found = Sources::default();
    if labels.is_empty() {
        return found;
    }
    found.text.push_str(if behind == 0 { "Sources:" } else { "\n\nSources:" });
    for label in labels {
        found.text.push_str("\n- ");
        let start = behind + found.text.chars().count();
        found.annotations.push(json!({
            "type": "url_citation",
            "url_citation": {
                "start_index": start, "end_index": start + label.chars().count(),
                "title": label, "url": format!("{page}?file={}", encoded(&label)),
            },
        }));
        found.text.push_str(&label);
    }
    found
}

/// A text in the query of a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
        encoded
    })
}

impl StreamedText {
    /// Adds a frame of the turn, and gives what a client is to be sent of it.
    pub(crate) fn add(&mut self, frame: &Value) -> Option<String> {
        if frame["type"] != "text" {
            return None;
        }
        let content = frame["content"].as_str().unwrap_or_default();
        let block = self.blocks.entry(frame["block"].as_u64().unwrap_or_default()).or_default();
        let is_begun = !block.is_empty();
        let (new, goes_on) = match frame["replace"] == true {
            true => match content.strip_prefix(block.as_str()) {
                Some(new) => (new, is_begun),
                None => (content, false),
            },
            false => (content, is_begun),
        };
        if frame["replace"] == true {
            content.clone_into(block);
        } else {
            block.push_str(content);
        }
        if new.is_empty() {
            return None;
        }
        let gap = if goes_on || self.sent.is_empty() { "" } else { "\n\n" };
        let new = format!("{gap}{new}");
        self.sent.push_str(&new);
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn completion() -> Completion {
        Completion { id: "chatcmpl-7-2".to_owned(), created: 9, model: "demo".to_owned() }
    }

    fn text(block: u64, content: &str, replace: bool) -> Value {
        json!({ "type": "text", "block": block, "content": content, "replace": replace })
    }

    #[test]
    fn an_answer_has_the_shape_of_a_completion() {
        let usage = json!({ "input_tokens": 3, "output_tokens": 4, "cache_read_tokens": 5 });
        let whole = completion().whole("Yes.", &[], Some(&usage));
        assert_eq!(whole["choices"][0]["message"]["content"], "Yes.");
        assert_eq!(whole["usage"]["prompt_tokens"], 8);
        assert_eq!(whole["usage"]["total_tokens"], 12);
        let chunk = completion().chunk(&json!({ "content": "Y" }), None);
        assert_eq!(
            (&chunk["object"], &chunk["choices"][0]["delta"]["content"]),
            (&json!("chat.completion.chunk"), &json!("Y"))
        );
        assert_eq!(completion().usage_chunk(None)["usage"]["total_tokens"], 0);
    }

    #[test]
    fn sources_are_the_places_that_were_found_each_once() {
        let citations = [
            json!({ "path": "a.rs", "file": "src/a.rs", "line": 2, "end_line": 14, "found": true }),
            json!({ "path": "src/a.rs", "line": 2, "end_line": 14, "found": true }),
            json!({ "path": "no.rs", "found": false }),
            json!({ "path": "ü b.md", "found": true }),
            json!({ "path": "x:7", "line": 7, "lines_in_name": true, "found": true }),
            json!({ "path": "c053a1f", "commit": "c053a1f", "found": true }),
        ];
        let found = sources(&citations, 4, "http://h/p/demo");
        assert_eq!(found.text, "\n\nSources:\n- src/a.rs:2-14\n- ü b.md\n- x:7");
        let whole: Vec<char> = format!("Yes.{}", found.text).chars().collect();
        let cited = found.annotations.iter().map(|one| {
            let one = &one["url_citation"];
            let at = |name: &str| usize::try_from(one[name].as_u64().unwrap()).unwrap();
            assert_eq!(
                one["title"],
                whole[at("start_index")..at("end_index")].iter().collect::<String>()
            );
            one["url"].as_str().unwrap()
        });
        let expected = ["src/a.rs:2-14", "%C3%BC%20b.md", "x:7"]
            .map(|it| format!("http://h/p/demo?file={it}"));
        assert_eq!(cited.collect::<Vec<_>>(), expected);
        assert_eq!(sources(&citations[2..3], 4, ""), Sources::default());
    }

    #[test]
    fn blocks_are_paragraphs_and_what_was_sent_is_not_taken_back() {
        let mut streamed = StreamedText::default();
        for (frame, sent) in [
            (text(0, "Let", false), Some("Let")),
            (text(0, " me", false), Some(" me")),
            (json!({ "type": "thinking", "block": 0, "content": "hm" }), None),
            (text(0, "Let me look", true), Some(" look")),
            (text(1, "It is", false), Some("\n\nIt is")),
            (text(1, "", true), None),
            (text(1, "So", false), Some("\n\nSo")),
        ] {
            assert_eq!(streamed.add(&frame).as_deref(), sent, "{frame}");
        }
        assert_eq!(streamed.sent, "Let me look\n\nIt is\n\nSo");
    }

    proptest! {
        #[test]
        fn p9_pieces_are_the_whole(pieces in prop::collection::vec((0..3_u64, "\\PC{0,6}", any::<bool>()), 0..9)) {
            let mut streamed = StreamedText::default();
            let all: String = pieces
                .iter()
                .filter_map(|(block, content, replace)| streamed.add(&text(*block, content, *replace)))
                .collect();
            prop_assert_eq!(all, streamed.sent);
        }

        #[test]
        fn p9_any_place_is_a_url(path in "\\PC{1,20}", line in any::<Option<u64>>()) {
            let found = sources(&[json!({ "path": path, "line": line, "found": true })], 0, "http://h/p/demo");
            let url = found.annotations[0]["url_citation"]["url"].as_str().unwrap();
            prop_assert!(url.is_ascii() && !url.contains(' '), "{}", url);
        }
    }
}
