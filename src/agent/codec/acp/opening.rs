//! The requests before the first question: initialize, authenticate, open a session, set its mode.

use serde_json::{Value, json};

use super::{
    AcpCodec, CodecOutput, HostAction, PROTOCOL_VERSION, failure,
    lines::{AUTHENTICATE, INITIALIZE, LOAD_SESSION, OPEN_SESSION, SET_MODE, request},
    wire::{ErrorBody, Initialized, OpenedSession, RpcMessage},
};
use crate::{agent::event::AgentEvent, json};

/// The answer that is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Initializing,
    Authenticating,
    /// A new session, or an earlier one without its replay.
    Entering,
    /// An earlier session, which is replayed: updates before the answer are old.
    Loading,
    SettingMode,
    Done,
    /// The agent is to be ended.
    Failed,
}

impl Opening {
    fn request(self) -> Option<u64> {
        match self {
            Self::Initializing => Some(INITIALIZE),
            Self::Authenticating => Some(AUTHENTICATE),
            Self::Entering => Some(OPEN_SESSION),
            Self::Loading => Some(LOAD_SESSION),
            Self::SettingMode => Some(SET_MODE),
            Self::Done | Self::Failed => None,
        }
    }
}

impl AcpCodec {
    /// Reads the answer to request `id`, if it is the awaited one.
    pub(super) fn on_opening(
        &mut self,
        id: u64,
        message: &RpcMessage<'_>,
        output: &mut CodecOutput,
    ) {
        if self.opening.request() != Some(id) {
            return;
        }
        output.note_liveness(crate::agent::event::Liveness::Progress);
        let result = message.result.map_or("{}", |result| result.get());
        match (self.opening, &message.error) {
            (Opening::Entering | Opening::Loading, Some(error))
                if self.settings.resume.is_some() =>
            {
                self.on_resume_refused(error, output);
            }
            (step, Some(error)) => self.abort(self.refusal(step, error), output),
            (Opening::Initializing, None) => {
                self.on_initialized(&json::read(result).unwrap_or_default(), output);
            }
            (Opening::Authenticating, None) => self.open_session(output),
            (Opening::Entering | Opening::Loading, None) => {
                self.on_session(&json::read(result).unwrap_or_default(), output);
            }
            (Opening::SettingMode, None) => self.be_ready(output),
            (Opening::Done | Opening::Failed, None) => (),
        }
    }

    fn on_initialized(&mut self, agent: &Initialized<'_>, output: &mut CodecOutput) {
        if agent.protocol_version != Some(PROTOCOL_VERSION) {
            let version = agent.protocol_version.map_or("none".to_owned(), |it| it.to_string());
            let words = format!(
                "The agent was ended because it speaks another version of the Agent Client Protocol \
                 ({version}) than this server (1). Install a version of the agent that speaks \
                 version 1."
            );
            return self.abort(words, output);
        }
        self.capabilities = agent.agent_capabilities;
        self.lines.set_takes_images(self.capabilities.prompt_capabilities.image);
        self.version = agent.agent_info.version.as_str().to_owned();
        match &self.settings.auth_method {
            Some(method) => {
                self.opening = Opening::Authenticating;
                let line = request(AUTHENTICATE, "authenticate", &json!({"methodId": method}));
                output.actions.push(HostAction::Reply(line));
            }
            None => self.open_session(output),
        }
    }

    fn open_session(&mut self, output: &mut CodecOutput) {
        let can_resume = self.capabilities.session_capabilities.resume.is_some();
        let (method, step) = match &self.settings.resume {
            None => ("session/new", Opening::Entering),
            Some(_) if can_resume => ("session/resume", Opening::Entering),
            Some(_) if self.capabilities.load_session => ("session/load", Opening::Loading),
            Some(_) => return self.lose_session(output),
        };
        self.ask_for_session(method, step, output);
    }

    fn ask_for_session(&mut self, method: &str, step: Opening, output: &mut CodecOutput) {
        let mut parameters = json!({"cwd": self.settings.dir, "mcpServers": []});
        if let Some(earlier) = &self.settings.resume {
            parameters["sessionId"] = Value::from(earlier.as_str());
        }
        if let Some(meta) = &self.settings.meta {
            parameters["_meta"] = meta.clone();
        }
        self.opening = step;
        let id = step.request().unwrap_or(OPEN_SESSION);
        output.actions.push(HostAction::Reply(request(id, method, &parameters)));
    }

    /// Loads a session that cannot be resumed; gives it up if that fails as well.
    fn on_resume_refused(&mut self, error: &ErrorBody<'_>, output: &mut CodecOutput) {
        if failure::is_about_account(error) {
            return self.abort(self.refusal(self.opening, error), output);
        }
        match self.opening {
            Opening::Entering if self.capabilities.load_session => {
                self.ask_for_session("session/load", Opening::Loading, output);
            }
            _ => self.lose_session(output),
        }
    }

    fn on_session(&mut self, session: &OpenedSession<'_>, output: &mut CodecOutput) {
        self.model = session.model();
        let (id, preface) = match &self.settings.resume {
            Some(earlier) => (earlier.clone(), None),
            None => (session.session_id.as_str().to_owned(), self.settings.preface.take()),
        };
        if id.is_empty() {
            let words = "The agent was ended because it opened a session without an id. Install a \
                         version of the agent that this server knows.";
            return self.abort(words.to_owned(), output);
        }
        self.lines.open_session(&id, preface);
        output.actions.push(HostAction::KeepSession(id.clone()));
        match &self.settings.mode {
            Some(mode) => {
                self.opening = Opening::SettingMode;
                let parameters = json!({"sessionId": id, "modeId": mode});
                let line = request(SET_MODE, "session/set_mode", &parameters);
                output.actions.push(HostAction::Reply(line));
            }
            None => self.be_ready(output),
        }
    }

    fn be_ready(&mut self, output: &mut CodecOutput) {
        self.opening = Opening::Done;
        output.events.push(AgentEvent::Ready);
    }

    fn lose_session(&mut self, output: &mut CodecOutput) {
        self.session_lost = true;
        let words =
            "The agent no longer knows this conversation. The next message starts it afresh.";
        self.abort(words.to_owned(), output);
    }

    fn abort(&mut self, words: String, output: &mut CodecOutput) {
        self.opening = Opening::Failed;
        output.actions.push(HostAction::Abort(words));
    }

    /// Why the agent cannot begin, for a person.
    fn refusal(&self, step: Opening, error: &ErrorBody<'_>) -> String {
        let said = failure::said(error);
        let said = said.trim_end_matches('.');
        if failure::is_about_account(error) || step == Opening::Authenticating {
            return format!(
                "The agent has no account to answer with ({said}). {}",
                self.settings.log_in
            );
        }
        let what = match step {
            Opening::Initializing => "the handshake",
            Opening::SettingMode => "the mode in which it only reads",
            _ => "to open a session",
        };
        format!(
            "The agent refused {what}: {said}. Install a version of the agent that this server knows."
        )
    }
}
