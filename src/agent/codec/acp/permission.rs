//! Permissions that the agent asks for: reading once, as the policy decides; all else is rejected.

use serde_json::{json, value::RawValue};

use super::{
    AcpCodec, CodecOutput, HostAction, calls, lines,
    wire::{PermissionOption, PermissionParams},
};
use crate::{
    agent::{
        codec::{ToolQuestion, command::HookDecision},
        event::Liveness,
    },
    json,
};

/// A request for permission that is to be answered.
#[derive(Debug)]
pub struct Permission {
    id: Box<RawValue>,
    /// The option that allows this call alone.
    allow: String,
    /// The option that rejects it.
    reject: Option<String>,
}

impl Permission {
    /// The line that answers it.
    pub(in crate::agent::codec) fn answer(&self, decision: &HookDecision) -> String {
        let option = match decision {
            HookDecision::Pass => Some(self.allow.as_str()),
            HookDecision::Deny(_) => self.reject.as_deref(),
        };
        answer(&self.id, option)
    }
}

/// Selects an option, or says that there is none to select.
fn answer(id: &RawValue, option: Option<&str>) -> String {
    let outcome = match option {
        Some(option) => json!({"outcome": "selected", "optionId": option}),
        None => json!({"outcome": "cancelled"}),
    };
    lines::result(id, &json!({"outcome": outcome}))
}

impl AcpCodec {
    /// Reads a `session/request_permission`.
    pub(super) fn on_permission(
        &mut self,
        id: &RawValue,
        params: Option<&RawValue>,
        output: &mut CodecOutput,
    ) {
        output.note_liveness(Liveness::Progress);
        let params = params.and_then(|it| json::read::<PermissionParams<'_>>(it.get()).ok());
        let params = params.unwrap_or_default();
        let listed = params.options.and_then(|it| json::list(it.get()).ok()).unwrap_or_default();
        let options: Vec<PermissionOption<'_>> =
            listed.into_iter().filter_map(|it| json::read(it.get()).ok()).collect();
        let option = |kind: &str| {
            let found = options.iter().find(|option| option.kind.as_str() == kind);
            found.map(|option| option.option_id.as_str().to_owned())
        };
        let reject = option("reject_once").or_else(|| option("reject_always"));
        let action = match (option("allow_once"), self.reading(&params)) {
            (Some(allow), Some((tool, input))) => HostAction::JudgeTool {
                question: ToolQuestion::Permission(Permission { id: id.to_owned(), allow, reject }),
                tool: tool.to_owned(),
                input,
            },
            _ => HostAction::Reply(answer(id, reject.as_deref())),
        };
        output.actions.push(action);
    }

    /// The reading tool that is asked for, with its input; `None` for every other call. What the
    /// request says of the call counts before what was announced.
    fn reading(&self, params: &PermissionParams<'_>) -> Option<(&'static str, Box<RawValue>)> {
        let call = &params.tool_call;
        let id = call.tool_call_id.as_str();
        let said = call.kind.as_ref().map(|kind| kind.as_str()).filter(|kind| !kind.is_empty());
        let kind = said.or_else(|| self.calls.kind(id))?;
        let told = call.locations();
        let locations = if told.is_empty() { self.calls.locations(id) } else { &told };
        match (kind, locations) {
            // Several files cannot be judged as one.
            ("read", [file]) => Some(("Read", calls::read_input(file))),
            ("search", []) => Some(("Grep", object_with("pattern", ""))),
            ("search", [place]) => Some(("Grep", object_with("path", &place.path))),
            _ => None,
        }
    }
}

fn object_with(name: &str, value: &str) -> Box<RawValue> {
    let mut fields = serde_json::Map::new();
    fields.insert(name.to_owned(), value.into());
    fields.entry("pattern").or_insert_with(|| "".into());
    serde_json::value::to_raw_value(&fields).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
