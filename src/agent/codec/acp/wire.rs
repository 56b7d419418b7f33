//! Serde types of the Agent Client Protocol, version 1, as far as a client needs it.
//! Every field may be missing, and a field with an unexpected type counts as missing.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, Object, Text};

/// A message of JSON-RPC: a request has `id` and `method`, a notification `method`, an answer `id`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RpcMessage<'a> {
    /// A number or a string, repeated in the answer.
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub method: Option<Text<'a>>,
    #[serde(borrow)]
    pub params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "json::lenient_option")]
    pub error: Option<ErrorBody<'a>>,
}

/// The error of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    /// Negative for errors of the protocol; some agents put an HTTP status here.
    #[serde(deserialize_with = "json::lenient")]
    pub code: i64,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub message: Text<'a>,
    /// Anything; many agents put the cause into its `details`.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

/// The result of `initialize`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Initialized<'a> {
    #[serde(deserialize_with = "json::lenient")]
    pub protocol_version: Option<u64>,
    #[serde(deserialize_with = "json::lenient")]
    pub agent_capabilities: Capabilities,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub agent_info: ProgramInfo<'a>,
}

/// See [`Initialized::agent_capabilities`].
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Capabilities {
    /// Whether it knows `session/load`.
    #[serde(deserialize_with = "json::lenient_bool")]
    pub load_session: bool,
    #[serde(deserialize_with = "json::lenient")]
    pub session_capabilities: SessionCapabilities,
    #[serde(deserialize_with = "json::lenient")]
    pub prompt_capabilities: PromptCapabilities,
}

/// See [`Capabilities::prompt_capabilities`].
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct PromptCapabilities {
    /// Whether a prompt may have images.
    #[serde(deserialize_with = "json::lenient_bool")]
    pub image: bool,
}

/// See [`Capabilities::session_capabilities`].
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct SessionCapabilities {
    /// Present if it knows `session/resume`.
    #[serde(deserialize_with = "json::lenient_option")]
    pub resume: Option<Empty>,
}

/// An object whose fields do not matter.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Empty {}

/// See [`Initialized::agent_info`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProgramInfo<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub version: Text<'a>,
}

/// The result of `session/new`; those of `session/load` and `session/resume` lack the id.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OpenedSession<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub session_id: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub models: Models<'a>,
    #[serde(borrow)]
    pub config_options: Option<&'a RawValue>,
}

/// See [`OpenedSession::models`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Models<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub current_model_id: Text<'a>,
}

impl OpenedSession<'_> {
    /// The model in use, where the agent tells it.
    pub(super) fn model(&self) -> String {
        let named = self.models.current_model_id.as_str();
        if !named.is_empty() {
            return named.to_owned();
        }
        let options = self.config_options.and_then(|it| json::list(it.get()).ok());
        let options = options.unwrap_or_default().into_iter();
        let mut options = options.filter_map(|option| Object::read(option.get()).ok());
        let model = options.find(|it| it.text("id").is_some_and(|id| id.as_str() == "model"));
        let value = model.and_then(|model| model.text("currentValue").map(|it| it.0.into_owned()));
        value.unwrap_or_default()
    }
}

/// The parameters of a `session/update`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UpdateParams<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub update: Update<'a>,
}

/// An update of any kind; each kind uses some of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Update<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub session_update: Text<'a>,
    /// Of a message or thought: one block. Of a tool call: a list.
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub message_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub tool_call_id: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub title: Option<Text<'a>>,
    /// `read`, `search`, `edit`, `delete`, `move`, `execute`, `think`, `fetch`, `other`, …
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub kind: Option<Text<'a>>,
    /// `pending`, `in_progress`, `completed`, `failed`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub status: Option<Text<'a>>,
    /// A list of [`Location`]s.
    #[serde(borrow)]
    pub locations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub raw_input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub raw_output: Option<&'a RawValue>,
    /// The tool's name.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Option<Text<'a>>,
    /// The cost of the session so far.
    #[serde(borrow, deserialize_with = "json::lenient_option")]
    pub cost: Option<Cost<'a>>,
    #[serde(borrow, rename = "_meta", deserialize_with = "json::lenient_option")]
    pub meta: Option<Object<'a>>,
}

/// A file that a tool call touches.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    #[serde(deserialize_with = "json::lenient")]
    pub path: String,
    #[serde(deserialize_with = "json::lenient_u64")]
    pub line: Option<u64>,
}

/// See [`Update::cost`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost<'a> {
    #[serde(deserialize_with = "json::lenient_f64")]
    pub amount: Option<f64>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub currency: Text<'a>,
}

impl Update<'_> {
    pub(super) fn locations(&self) -> Vec<Location> {
        let listed = self.locations.and_then(|it| json::list(it.get()).ok()).unwrap_or_default();
        let read = listed.into_iter().filter_map(|it| json::read::<Location>(it.get()).ok());
        read.filter(|location| !location.path.is_empty()).collect()
    }
}

/// The parameters of a `session/request_permission`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PermissionParams<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub tool_call: Update<'a>,
    /// A list of [`PermissionOption`]s.
    #[serde(borrow)]
    pub options: Option<&'a RawValue>,
}

/// One answer that the agent offers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PermissionOption<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub option_id: Text<'a>,
    /// `allow_once`, `allow_always`, `reject_once`, `reject_always`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub kind: Text<'a>,
}

/// The result of `session/prompt`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptResult<'a> {
    /// `end_turn`, `max_tokens`, `max_turn_requests`, `refusal`, `cancelled`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub stop_reason: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient_option")]
    pub usage: Option<Object<'a>>,
    #[serde(borrow, rename = "_meta", deserialize_with = "json::lenient_option")]
    pub meta: Option<Object<'a>>,
}
