//! The conversation before this process, as the server tells it. Pure.

use serde_json::{Map, Value};

use super::{
    cards,
    messages::SignedThinking,
    reply::ModelCall,
    request::{Image, Said},
};

/// What a model is told of `turns`, the oldest first. What cannot be read is left out.
pub(super) fn said(turns: &[Value]) -> Vec<Said> {
    let mut past = Past::default();
    for turn in turns {
        let Some(question) = turn["question"].as_str() else { continue };
        let images: Vec<Image> =
            turn["images"].as_array().into_iter().flatten().filter_map(Image::of_block).collect();
        if !images.is_empty() {
            past.said.push(Said::Images(images));
        }
        past.said.push(Said::Question(question.to_owned()));
        for step in turn["answer"].as_array().into_iter().flatten() {
            past.step(step);
        }
        past.end_turn();
    }
    past.said
}

#[derive(Debug, Default)]
struct Past {
    said: Vec<Said>,
    /// Text and calls of the open answer, with the results of the calls.
    text: String,
    calls: Vec<(ModelCall, Said)>,
    n_calls: usize,
}

impl Past {
    fn step(&mut self, step: &Value) {
        if let Some(text) = step["text"].as_str() {
            // Text after calls is of the next answer.
            if !self.calls.is_empty() {
                self.end_answer();
            }
            self.text.push_str(text);
        } else if let (Some(name), input) = (step["tool"]["name"].as_str(), &step["tool"]["input"])
        {
            let input = input.as_object().cloned().unwrap_or_default();
            self.call(name, &input, &step["tool"]);
        }
    }

    fn call(&mut self, shown: &str, input: &Map<String, Value>, tool: &Value) {
        let (name, arguments) = cards::call_of(shown, input);
        let id = format!("past_{}", self.n_calls);
        self.n_calls += 1;
        let text = tool["result"].as_str().unwrap_or_default().to_owned();
        let is_error = tool["is_error"].as_bool().unwrap_or(false);
        let call = ModelCall {
            id: id.clone(),
            name,
            arguments: Value::Object(arguments).to_string(),
            index: None,
        };
        self.calls.push((call, Said::Result { id, text, is_error }));
    }

    fn end_answer(&mut self) {
        if self.text.is_empty() && self.calls.is_empty() {
            return;
        }
        let (calls, results) =
            std::mem::take(&mut self.calls).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let text = std::mem::take(&mut self.text);
        self.said.push(Said::Answer { text, calls, thinking: SignedThinking::default() });
        self.said.extend(results);
    }

    /// Every question has an answer after it: models expect that the two take turns.
    fn end_turn(&mut self) {
        self.end_answer();
        if !matches!(self.said.last(), Some(Said::Answer { calls, .. }) if calls.is_empty()) {
            self.said.push(Said::unanswered());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_past_is_told_in_its_order_and_every_call_has_its_result() {
        let said = said(&[
            json!({"question": "Q1", "answer": [
                {"text": "Let me "}, {"text": "look."},
                {"tool": {"name": "Read", "input": {"file_path": "a"}, "result": "one"}},
                {"tool": {"name": "mcp__project__search", "input": {"query": "x"}, "result": "no", "is_error": true}},
                {"text": "Done."},
            ]}),
            json!({"question": "Q2", "answer": [], "images": [
                {"source": {"media_type": "image/png", "data": "AAAA"}}, {"odd": 1}]}),
            json!({"question": 7}),
            json!({"question": "Q3", "answer": [{"tool": {"name": "Glob", "input": {}}}, {"odd": 1}]}),
        ]);
        let shape: Vec<String> = said
            .iter()
            .map(|said| match said {
                Said::Images(images) => format!("I {}", images.len()),
                Said::Question(text) => format!("Q {text}"),
                Said::Answer { text, calls, .. } => {
                    let calls: Vec<_> =
                        calls.iter().map(|it| format!("{}{}", it.name, it.arguments)).collect();
                    format!("A {text} {calls:?}")
                }
                Said::Result { text, is_error, .. } => format!("R {text} {is_error}"),
            })
            .collect();
        assert_eq!(
            shape,
            [
                "Q Q1",
                r#"A Let me look. ["read{\"path\":\"a\"}", "search{\"query\":\"x\"}"]"#,
                "R one false",
                "R no true",
                "A Done. []",
                "I 1",
                "Q Q2",
                "A (There was no answer.) []",
                "Q Q3",
                r#"A  ["glob{}"]"#,
                "R  false",
                "A (There was no answer.) []",
            ]
        );
    }
}
