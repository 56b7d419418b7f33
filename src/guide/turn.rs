//! Turn writer: records the tools and the text of an answer, in their order, until it takes too much.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most text of one answer with the results of its tools, bytes.
const MAX_BYTES: usize = 4 << 20;

/// Why an answer ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnStopped {
    #[error("it took too long")]
    TooLong,
    #[error("it became too large")]
    TooLarge,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerStep {
    Text(String),
    Tool { name: String, input: Value, result: Result<String, String> },
}

pub(crate) struct TurnWriter<'a> {
    is_late: &'a dyn Fn() -> bool,
    steps: Vec<AnswerStep>,
    n_bytes: usize,
}

impl<'a> TurnWriter<'a> {
    /// An answer that ends early once it `is_late`.
    pub(crate) fn new(is_late: &'a dyn Fn() -> bool) -> Self {
        Self { is_late, steps: Vec::new(), n_bytes: 0 }
    }

    /// What was recorded.
    pub(crate) fn into_steps(self) -> Vec<AnswerStep> {
        self.steps
    }

    /// Fails once the answer takes too long.
    ///
    /// # Errors
    /// [`TurnStopped::TooLong`].
    pub(crate) fn check(&self) -> Result<(), TurnStopped> {
        if (self.is_late)() { Err(TurnStopped::TooLong) } else { Ok(()) }
    }

    fn add(&mut self, n_bytes: usize, step: AnswerStep) -> Result<(), TurnStopped> {
        if self.n_bytes + n_bytes > MAX_BYTES {
            return Err(TurnStopped::TooLarge);
        }
        self.n_bytes += n_bytes;
        self.steps.push(step);
        Ok(())
    }

    /// Runs `work` as the use of a tool, and records its input and result.
    ///
    /// # Errors
    /// The answer was stopped.
    pub(crate) fn tool<T>(
        &mut self,
        tool: &str,
        input: &Value,
        work: impl FnOnce() -> (T, Result<String, String>),
    ) -> Result<T, TurnStopped> {
        self.check()?;
        let (value, result) = work();
        let (Ok(content) | Err(content)) = &result;
        let n_bytes = content.len();
        let step = AnswerStep::Tool { name: tool.to_owned(), input: input.clone(), result };
        self.add(n_bytes, step)?;
        Ok(value)
    }

    /// Adds a block of text.
    ///
    /// # Errors
    /// The answer was stopped.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), TurnStopped> {
        if text.is_empty() {
            return Ok(());
        }
        self.check()?;
        self.add(text.len(), AnswerStep::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_and_done_is_recorded_in_its_order_until_it_is_too_late_or_too_large() {
        let is_late = std::cell::Cell::new(false);
        let ask = || is_late.get();
        let mut turn = TurnWriter::new(&ask);
        turn.say("").unwrap();
        turn.say("before").unwrap();
        let value = turn.tool("Read", &json!({"a": 1}), || (7, Err("gone".to_owned()))).unwrap();
        assert_eq!(value, 7);
        let large = "x".repeat(MAX_BYTES);
        assert!(matches!(turn.say(&large), Err(TurnStopped::TooLarge)));
        is_late.set(true);
        assert!(matches!(turn.say("after"), Err(TurnStopped::TooLong)));
        assert!(turn.tool("Read", &json!({}), || ((), Ok(String::new()))).is_err());
        let tool = AnswerStep::Tool {
            name: "Read".to_owned(),
            input: json!({"a": 1}),
            result: Err("gone".to_owned()),
        };
        assert_eq!(turn.into_steps(), [AnswerStep::Text("before".to_owned()), tool]);
    }
}
