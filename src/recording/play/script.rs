//! What a recording has to play: its questions with what came after each, and the answers to other
//! requests. Pure.
//!
//! What the recorded agent asked of the server is left out: nobody would use the answer.

use serde_json::{Value, json};

use crate::recording::{Direction, RecordedLine, Recording};

/// Longest part of a recorded question that is shown, in characters.
const SHOWN_QUESTION: usize = 300;

/// What precedes the answer to a question that the server does not send as it was typed.
const PREFACES: [&str; 1] = ["The question is:\n"];

/// A recording in the order in which it is played.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// The answers to requests that are no questions, by their methods.
    pub(super) answers: Vec<RecordedAnswer>,
    turns: Vec<RecordedTurn>,
    /// Which turns were played.
    played: Vec<bool>,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordedAnswer {
    pub(super) method: String,
    /// With its `result` or `error`.
    pub(super) answer: Value,
}

/// A question and what came after it.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordedTurn {
    pub(super) question: String,
    pub(super) steps: Vec<Step>,
    /// The id of its request, where questions are requests.
    id: Value,
    /// When the last of its lines came.
    last_ms: u64,
}

/// A line of the agent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Milliseconds after the line before it.
    pub(super) gap_ms: u64,
    pub(super) line: String,
    /// Whether it ends the turn.
    pub(super) is_end: bool,
}

/// The turn to play for a question.
#[derive(Debug)]
pub(super) enum Choice {
    /// This one, after this remark.
    Turn(RecordedTurn, Option<String>),
    /// None is left, as this says.
    Over(String),
}

/// What an answer that breaks off is said to be.
pub(super) const CUT: &str = "The recording ends here: the agent had not finished this answer when \
                              it was made.";

impl Script {
    /// Of the lines of Claude Code.
    pub(super) fn of_stream_json(recording: &Recording) -> Self {
        let mut script = Self::default();
        for entry in &recording.entries {
            let message = value(entry);
            let kind = message["type"].as_str().unwrap_or_default();
            match (entry.dir, kind) {
                (Direction::Stdin, "user") => {
                    script.begin(entry, text_of(&message["message"]["content"]), Value::Null);
                }
                (Direction::Stdout, "control_response") if script.turns.is_empty() => {
                    let method = "initialize".to_owned();
                    let answer = message["response"]["response"].clone();
                    script.answers.push(RecordedAnswer { method, answer });
                }
                (Direction::Stdout, "control_response" | "control_request") => (),
                (Direction::Stdout, _) => script.add_step(entry, kind == "result"),
                (Direction::Stdin | Direction::Note, _) => (),
            }
        }
        script.finish()
    }

    /// Of the Agent Client Protocol.
    pub(super) fn of_acp(recording: &Recording) -> Self {
        let mut script = Self::default();
        // Requests of the client that are no questions, and not answered yet.
        let mut open: Vec<(Value, String, Value)> = Vec::new();
        for entry in &recording.entries {
            let message = value(entry);
            let method = message["method"].as_str();
            let id = &message["id"];
            match (entry.dir, method) {
                (Direction::Stdin, Some("session/prompt")) => {
                    script.begin(entry, text_of(&message["params"]["prompt"]), id.clone());
                }
                (Direction::Stdin, Some(method)) if !id.is_null() => {
                    let session = message["params"]["sessionId"].clone();
                    open.push((id.clone(), method.to_owned(), session));
                }
                (Direction::Stdout, None) if !id.is_null() => {
                    if let Some(at) = open.iter().position(|(open, ..)| open == id) {
                        let (_, method, session) = open.swap_remove(at);
                        script.answers.push(opening_answer(method, &session, &message));
                    } else {
                        script.end_turn_of(id, entry, &message);
                    }
                }
                // A request of the agent.
                (Direction::Stdout, Some(_)) if !id.is_null() => (),
                (Direction::Stdout, _) => script.add_step(entry, false),
                (Direction::Stdin | Direction::Note, _) => (),
            }
        }
        script.finish()
    }

    fn begin(&mut self, entry: &RecordedLine, question: String, id: Value) {
        let last_ms = entry.ms;
        self.turns.push(RecordedTurn { question, id, last_ms, ..RecordedTurn::default() });
    }

    fn add_step(&mut self, entry: &RecordedLine, is_end: bool) {
        if let Some(turn) = self.turns.last_mut() {
            turn.add(entry.ms, entry.line().to_owned(), is_end);
        }
    }

    /// Ends the turn whose request has this id.
    fn end_turn_of(&mut self, id: &Value, entry: &RecordedLine, message: &Value) {
        let asked = self.turns.iter_mut().rev().find(|turn| turn.id == *id);
        if let Some(turn) = asked.filter(|turn| !turn.steps.iter().any(|step| step.is_end)) {
            turn.add(entry.ms, answer_of(message).to_string(), true);
        }
    }

    fn finish(mut self) -> Self {
        self.played = vec![false; self.turns.len()];
        self
    }

    /// The turn to play for `question`: the first with the same words that was not played, else the
    /// first that was not.
    pub(super) fn choose(&mut self, question: &str) -> Choice {
        let asked = question.trim();
        let left = || self.turns.iter().zip(&self.played).enumerate().filter(|(_, it)| !it.1);
        let same = left().find(|(_, (turn, _))| is_same(&turn.question, asked)).map(|it| it.0);
        let Some(at) = same.or_else(|| left().next().map(|it| it.0)) else {
            return Choice::Over(over(self.turns.len()));
        };
        self.played[at] = true;
        let turn = self.turns[at].clone();
        let remark = same.is_none().then(|| {
            let recorded = turn.question.trim();
            let mut shown: String = recorded.chars().take(SHOWN_QUESTION).collect();
            if shown.len() < recorded.len() {
                shown.push('…');
            }
            let quoted = shown.replace('\n', "\n> ");
            format!(
                "This is a recording, and other words were asked in it. What follows answers \
                 this:\n\n> {quoted}\n\n"
            )
        });
        Choice::Turn(turn, remark)
    }

    /// The answer to the next request of `method`, which the script then forgets unless it is the
    /// last.
    pub(super) fn answer(&mut self, method: &str) -> Option<Value> {
        let mut found = (0..self.answers.len()).filter(|at| self.answers[*at].method == method);
        let at = found.next()?;
        match found.next() {
            Some(_) => Some(self.answers.remove(at).answer),
            None => Some(self.answers[at].answer.clone()),
        }
    }
}

impl RecordedTurn {
    fn add(&mut self, ms: u64, line: String, is_end: bool) {
        let gap_ms = ms.saturating_sub(self.last_ms);
        self.last_ms = ms;
        self.steps.push(Step { gap_ms, line, is_end });
    }
}

/// What is said when nothing is left to play.
fn over(turns: usize) -> String {
    match turns {
        0 => {
            "This is a recording, and it holds no question, so it has nothing to answer.".to_owned()
        }
        1 => {
            "This is a recording of one question, which has been played. A new conversation plays \
              it again."
                .to_owned()
        }
        turns => format!(
            "This is a recording of {turns} questions, and all of them have been played. A new \
             conversation plays it again."
        ),
    }
}

/// Whether the recorded text asks the same: the question may come after a recap.
fn is_same(recorded: &str, asked: &str) -> bool {
    let recorded = recorded.trim();
    recorded == asked
        || (!asked.is_empty()
            && recorded.strip_suffix(asked).is_some_and(|before| before.ends_with("\n\n")))
}

fn value(entry: &RecordedLine) -> Value {
    entry.msg.as_ref().and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default()
}

/// The last text of a question's content: what comes before it is not the person's.
pub(super) fn text_of(content: &Value) -> String {
    let text = match content {
        Value::Array(blocks) => blocks.iter().rev().find_map(|block| block["text"].as_str()),
        content => content.as_str(),
    };
    let text = text.unwrap_or_default();
    let question = PREFACES.iter().find_map(|preface| text.strip_prefix(preface)).unwrap_or(text);
    question.trim().to_owned()
}

/// The result or the error of an answer.
fn answer_of(message: &Value) -> Value {
    match message.get("error") {
        Some(error) => json!({"error": error}),
        None => json!({"result": message["result"]}),
    }
}

/// The answer to a request before the first question. An agent that goes on with a session does not
/// say its id.
fn opening_answer(method: String, session: &Value, message: &Value) -> RecordedAnswer {
    let mut answer = answer_of(message);
    let is_session = ["session/load", "session/resume"].contains(&method.as_str());
    let Some(result) = answer.get_mut("result").filter(|_| is_session) else {
        return RecordedAnswer { method, answer };
    };
    if !result.is_object() {
        *result = json!({});
    }
    result["sessionId"] = session.clone();
    RecordedAnswer { method: "session/new".to_owned(), answer }
}

#[cfg(test)]
mod tests;
