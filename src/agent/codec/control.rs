//! Control lines: the handshake, the agent's list of tools, and requests about tool calls.

use serde_json::value::RawValue;

use super::{
    Codec, CodecOutput, HostAction, ToolQuestion, command,
    content::object,
    mcp,
    wire::{ControlRequestLine, ControlResponseLine, HookInput, InitLine},
};
use crate::{
    agent::event::{AgentEvent, AgentInit},
    json,
    tools::Caller,
};

impl Codec {
    /// Reads the line that begins a turn and lists the agent's tools.
    pub(super) fn init(&mut self, line: InitLine, output: &mut CodecOutput) {
        self.is_stale = false;
        self.says_begin = true;
        self.is_busy = true;
        if let Some(refusal) = self.refusal(&line) {
            output.actions.push(HostAction::Abort(refusal));
        }
        output.events.push(AgentEvent::Initialized(AgentInit {
            session_id: line.session_id,
            tools: line.tools,
            model: line.model,
            version: line.version,
        }));
    }

    /// Why an agent with these tools and this permission mode must be ended.
    fn refusal(&self, line: &InitLine) -> Option<String> {
        let allowed = self.settings.allowed_tools.as_ref()?;
        let extra: Vec<&str> =
            line.tools.iter().filter(|tool| !allowed.contains(tool)).map(String::as_str).collect();
        if !extra.is_empty() {
            let extra = extra.join(", ");
            return Some(format!(
                "The agent was ended because it came with tools that a read-only guide must not \
                 have: {extra}. Install a version of the agent that this server knows."
            ));
        }
        (line.permission_mode != "dontAsk").then(|| {
            format!(
                "The agent was ended because it does not deny what is not allowed (its permission \
                 mode is {:?}). Install a version of the agent that this server knows.",
                line.permission_mode
            )
        })
    }
}

/// What a request of the agent requires of the host.
pub(super) fn request(line: ControlRequestLine<'_>, caller: Caller) -> HostAction {
    let request_id = line.request_id.as_str();
    let request = line.request.unwrap_or_default();
    match request.subtype.as_str() {
        "hook_callback" => {
            let input = request.input.map(RawValue::get).unwrap_or("{}");
            // An unreadable hook is answered too: without an answer the tool runs.
            match json::read::<HookInput<'_>>(input) {
                Ok(input) => HostAction::JudgeTool {
                    question: ToolQuestion::Hook(request_id.to_owned()),
                    tool: input.tool_name.unwrap_or_default().0.into_owned(),
                    input: object(input.tool_input),
                },
                Err(_) => HostAction::Reply(command::hook_answer(
                    request_id,
                    &command::HookDecision::Deny("The call could not be read.".to_owned()),
                )),
            }
        }
        "can_use_tool" => HostAction::Reply(command::permission_denied(
            request_id,
            "This is a read-only guide: that tool is not available.",
        )),
        "mcp_message" => {
            mcp::message(request_id, request.server_name.as_str(), request.message, caller)
        }
        unknown => HostAction::Reply(command::unsupported(request_id, unknown)),
    }
}

pub(super) fn response(line: ControlResponseLine<'_>, output: &mut CodecOutput) {
    let response = line.response.unwrap_or_default();
    if response.request_id.as_str() != command::HANDSHAKE_ID {
        return;
    }
    if response.subtype.as_str() == "success" {
        output.events.push(AgentEvent::Ready);
    } else {
        let reason = response.error.unwrap_or_default().0;
        output.actions.push(HostAction::Abort(format!(
            "The agent refused the handshake: {reason}. Install a version of the agent that this \
             server knows."
        )));
    }
}
