//! The conversation so far for an agent that keeps no session of its own.

use std::collections::HashMap;

use crate::{
    agent::codec::command::{ToldCall, ToldPart, ToldTurn},
    entry::Content,
    ids::TurnNumber,
};

use super::{
    passed_files::PassedFiles,
    transcript::{SpokenPart, Transcript},
};

/// The turns before `turn` with their tool calls, the oldest first: the newest that have `max_bytes`
/// together. Of what is in memory no more, which is at least as much as a model reads.
pub(crate) fn told_turns(
    transcript: &Transcript,
    turn: TurnNumber,
    max_bytes: usize,
    files: &PassedFiles,
) -> Vec<ToldTurn> {
    let mut turns: Vec<(TurnNumber, ToldTurn)> = Vec::new();
    let mut calls: HashMap<&str, (usize, usize)> = HashMap::new();
    let parts = transcript.parts();
    for (of, part) in parts.iter().filter(|(of, _)| (TurnNumber::FIRST..turn).contains(of)) {
        if turns.last().is_none_or(|(last, _)| last != of) {
            turns.push((*of, ToldTurn::default()));
        }
        let place = turns.len() - 1;
        let Some((_, told)) = turns.last_mut() else { continue };
        match part {
            SpokenPart::Answer(text) => told.answer.push(ToldPart::Text(text.clone())),
            SpokenPart::Content(Content::UserMessage(message)) => {
                told.question.clone_from(&message.content);
                told.attach(&files.of(&message.attachments));
            }
            SpokenPart::Content(Content::ToolCall(call)) => {
                calls.insert(&call.call_id, (place, told.answer.len()));
                told.answer.push(ToldPart::Tool(ToldCall {
                    name: call.tool.clone(),
                    input: call.input.clone(),
                    result: NO_RESULT.to_owned(),
                    is_error: true,
                }));
            }
            SpokenPart::Content(Content::ToolResult(result)) => {
                let part = calls.get(result.call_id.as_str()).copied();
                let part =
                    part.and_then(|(place, part)| turns.get_mut(place)?.1.answer.get_mut(part));
                if let Some(ToldPart::Tool(call)) = part {
                    call.result.clone_from(&result.content);
                    call.is_error = !result.ok;
                }
            }
            SpokenPart::Content(_) => (),
        }
    }
    newest(turns.into_iter().map(|(_, told)| told).collect(), max_bytes)
}

/// What is told of a call that has no result: its turn was stopped, or the result is no longer in memory.
const NO_RESULT: &str = "(no result)";

fn newest(mut turns: Vec<ToldTurn>, max_bytes: usize) -> Vec<ToldTurn> {
    turns.retain(|told| !told.question.trim().is_empty());
    let mut bytes = 0_usize;
    let fit = turns.iter().rev().take_while(|told| {
        bytes = bytes.saturating_add(size(told));
        bytes <= max_bytes
    });
    let n_fit = fit.count();
    turns.split_off(turns.len() - n_fit)
}

/// Bytes of an image that count as one of a text.
const IMAGE_PART: usize = 64;

fn size(told: &ToldTurn) -> usize {
    let parts = told.answer.iter().map(|part| match part {
        ToldPart::Text(text) => text.len(),
        ToldPart::Tool(call) => call.input.get().len() + call.result.len(),
    });
    let images = told.images.iter().map(|image| image.pointer("/source/data"));
    let images = images.filter_map(|data| Some(data?.as_str()?.len()));
    // An image takes fewer tokens than a text of its length.
    told.question.len() + parts.sum::<usize>() + images.sum::<usize>() / IMAGE_PART
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::{
        entry::{Outcome, TextKind, ToolCall, ToolResult, UserMessage},
        ids::Seq,
    };

    fn asked(content: &str) -> Content {
        Content::UserMessage(UserMessage { content: content.to_owned(), ..UserMessage::default() })
    }

    fn called(call_id: &str) -> Content {
        Content::ToolCall(ToolCall {
            call_id: call_id.to_owned(),
            tool: "Read".to_owned(),
            input: RawValue::from_string(r#"{"file_path":"a.rs"}"#.to_owned()).unwrap(),
        })
    }

    fn transcript() -> Transcript {
        let mut transcript = Transcript::new(Seq(1000));
        transcript.append(TurnNumber::GREETING, TextKind::Answer, "Hello!");
        let turn = TurnNumber(1);
        transcript.push(turn, asked("what is it?"));
        transcript.append(turn, TextKind::Thinking, "hm");
        transcript.append(turn, TextKind::Answer, "I look.");
        transcript.push(turn, called("c1"));
        let (ok, truncated) = (true, false);
        let (call_id, content) = ("c1".to_owned(), "fn a() {}".to_owned());
        transcript.push(turn, Content::ToolResult(ToolResult { call_id, ok, content, truncated }));
        transcript.append(turn, TextKind::Answer, "It is a function.");
        transcript.push(turn, Content::plain_end(Outcome::Completed));
        transcript.push(TurnNumber(2), asked("why?"));
        transcript.push(TurnNumber(2), called("c2"));
        transcript.push(TurnNumber(2), Content::plain_end(Outcome::Interrupted));
        transcript.push(TurnNumber(3), asked("so?"));
        transcript
    }

    #[test]
    fn questions_answers_and_calls_with_their_results_are_told_in_order() {
        let told = told_turns(&transcript(), TurnNumber(3), usize::MAX, &PassedFiles::default());
        let told = serde_json::to_value(&told).unwrap();
        let call = |result: &str, is_error| {
            let input = serde_json::json!({"file_path": "a.rs"});
            serde_json::json!({"tool":
                {"name": "Read", "input": input, "result": result, "is_error": is_error}})
        };
        let expected = serde_json::json!([
            {"question": "what is it?", "answer": [
                {"text": "I look."}, call("fn a() {}", false), {"text": "It is a function."}]},
            {"question": "why?", "answer": [call(NO_RESULT, true)]},
        ]);
        assert_eq!(told, expected);
    }

    #[test]
    fn only_the_newest_turns_that_fit_are_told() {
        let transcript = transcript();
        let none = PassedFiles::default();
        let n_told = |max_bytes| told_turns(&transcript, TurnNumber(3), max_bytes, &none).len();
        assert_eq!((n_told(0), n_told(60), n_told(1000)), (0, 1, 2));
    }
}
