//! What the codec makes of an agent's lines.

mod calls;
mod damage;
mod opening;
pub(in crate::agent::codec) mod recordings;
mod turns;

use serde_json::{Value, json};

use super::*;
use crate::agent::event::{AgentEnd, AgentResult};

/// An agent in a test: its codec, and the lines that were written to it.
struct Agent {
    codec: AcpCodec,
    lines: Arc<AcpLines>,
    output: CodecOutput,
    /// Bytes of `output.actions` that were already looked at.
    written: usize,
}

fn settings() -> AcpSettings {
    AcpSettings {
        tool_result_bytes: 200,
        dir: "/scratch/project".to_owned(),
        session: Uuid::nil(),
        resume: None,
        auth_method: None,
        mode: None,
        meta: None,
        preface: None,
        usage: UsageScope::Turn,
        log_in: "Set THE_KEY.".to_owned(),
    }
}

impl Agent {
    fn new(settings: AcpSettings) -> Self {
        let lines = Arc::new(AcpLines::default());
        let codec = AcpCodec::new(settings, Arc::clone(&lines));
        Self { codec, lines, output: CodecOutput::default(), written: 0 }
    }

    /// An agent that takes questions.
    fn ready() -> Self {
        Self::ready_with(settings())
    }

    fn ready_with(settings: AcpSettings) -> Self {
        let mut agent = Self::new(settings);
        agent.says(&json!({"id": 1, "result": {"protocolVersion": 1}}));
        agent.says(&json!({"id": 3, "result": {"sessionId": "s"}}));
        agent.output = CodecOutput::default();
        agent.written = 0;
        agent
    }

    fn says(&mut self, message: &Value) {
        self.says_line(message.to_string().as_bytes());
    }

    fn says_line(&mut self, line: &[u8]) {
        self.codec.line(line, &mut self.output);
    }

    fn updates(&mut self, update: &Value) {
        let params = json!({"sessionId": "s", "update": update});
        self.says(&json!({"method": "session/update", "params": params}));
    }

    /// Asks a question and returns its request.
    fn asks(&self, text: &str) -> Value {
        serde_json::from_str(&self.lines.prompt(text).unwrap()).unwrap()
    }

    /// Answers the newest question with this result.
    fn ends(&mut self, result: &Value) {
        let id = 100 + self.lines.sent();
        self.says(&json!({"id": id, "result": result}));
    }

    fn fails(&mut self, error: &Value) {
        let id = 100 + self.lines.sent();
        self.says(&json!({"id": id, "error": error}));
    }

    /// The lines that it was sent since this was last called.
    fn was_sent(&mut self) -> Vec<Value> {
        let new = &self.output.actions[self.written..];
        let lines = new.iter().filter_map(|action| match action {
            HostAction::Reply(line) => Some(serde_json::from_str(line).unwrap()),
            HostAction::JudgeTool { question, .. } => {
                let line = question.answer(&crate::agent::codec::command::HookDecision::Pass);
                Some(serde_json::from_str(&line).unwrap())
            }
            _ => None,
        });
        let lines = lines.collect();
        self.written = self.output.actions.len();
        lines
    }

    fn finished(&self) -> Vec<&AgentResult> {
        let ends = self.output.events.iter().filter_map(|event| match event {
            AgentEvent::Finished(result) => Some(result),
            _ => None,
        });
        ends.collect()
    }

    fn end(&self) -> &AgentEnd {
        &self.finished().last().expect("no turn has ended").end
    }

    fn aborted(&self) -> Option<&str> {
        self.output.actions.iter().find_map(|action| match action {
            HostAction::Abort(words) => Some(words.as_str()),
            _ => None,
        })
    }

    /// What a reader has on the screen of the turns so far.
    fn screen(&self) -> Vec<String> {
        crate::agent::codec::tests::recordings::screen(&self.output.events)
    }
}
