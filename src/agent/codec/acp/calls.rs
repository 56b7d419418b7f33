//! Tool calls: pieces that come in any order become one call and one result.

use serde_json::{Map, Value, value::RawValue};

use super::wire::{Location, Update};
use crate::{
    agent::{
        codec::content::{cut, object},
        event::AgentEvent,
    },
    json::{self, Object, Text},
};

/// OpenCalls of one turn that are remembered.
const MAX_CALLS: usize = 512;

/// Files of one call that are reported.
const MAX_FILES: usize = 32;

/// The calls of the running turn.
#[derive(Debug, Default)]
pub(super) struct OpenCalls(Vec<Call>);

/// What is known of one call.
#[derive(Debug, Default)]
struct Call {
    id: String,
    name: Option<String>,
    title: Option<String>,
    kind: String,
    input: Option<Box<RawValue>>,
    locations: Vec<Location>,
    /// What its terminal has shown.
    terminal: String,
    /// Ids under which it was announced, one for each file.
    announced: Vec<String>,
    is_done: bool,
}

impl OpenCalls {
    /// Adds what an update tells of a call, which may be the first that is heard of it.
    pub(super) fn update(
        &mut self,
        update: &Update<'_>,
        result_bytes: usize,
        is_shortened: bool,
        events: &mut Vec<AgentEvent>,
    ) {
        let id = update.tool_call_id.as_str();
        if id.is_empty() {
            return;
        }
        let known = self.0.iter().position(|call| call.id == id);
        let at = known.unwrap_or(self.0.len());
        if at == self.0.len() && at < MAX_CALLS {
            self.0.push(Call { id: id.to_owned(), ..Call::default() });
        }
        let Some(call) = self.0.get_mut(at) else { return };
        if call.is_done {
            return;
        }
        call.merge(update, result_bytes);
        let status = update.status.as_ref().map_or("", |status| status.as_str());
        let is_done = matches!(status, "completed" | "failed");
        let is_clear = call.input.is_some() || !call.locations.is_empty();
        if call.announced.is_empty() && (is_clear || is_done || status == "in_progress") {
            call.announce(events);
        }
        if is_done {
            call.is_done = true;
            call.finish(status == "completed", update, result_bytes, is_shortened, events);
        }
    }

    /// The kind of a known call.
    pub(super) fn kind(&self, id: &str) -> Option<&str> {
        let call = self.0.iter().find(|call| call.id == id)?;
        Some(call.kind.as_str()).filter(|kind| !kind.is_empty())
    }

    /// The files of a known call.
    pub(super) fn locations(&self, id: &str) -> &[Location] {
        self.0.iter().find(|call| call.id == id).map_or(&[], |call| &call.locations)
    }
}

impl Call {
    fn merge(&mut self, update: &Update<'_>, result_bytes: usize) {
        let text = |text: &Option<Text<'_>>| {
            let text = text.as_ref().map(Text::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        self.title = text(&update.title).or(self.title.take());
        self.name = tool_name(update).or(self.name.take());
        if let Some(kind) = text(&update.kind) {
            self.kind = kind;
        }
        let locations = update.locations();
        if !locations.is_empty() {
            self.locations = locations;
        }
        let input = update.raw_input.filter(|input| {
            Object::read(input.get()).is_ok_and(|input| input.fields().next().is_some())
        });
        if let Some(input) = input {
            self.input = Some(object(Some(input)));
        }
        if let Some(more) = terminal_text(update)
            && self.terminal.len() <= result_bytes
        {
            self.terminal.push_str(&more);
        }
    }

    /// Reports the call; one that reads several files, as a call for each.
    fn announce(&mut self, events: &mut Vec<AgentEvent>) {
        let tool = self.tool();
        let files: Vec<Box<RawValue>> = match &*tool {
            "Read" => self.locations.iter().take(MAX_FILES).map(read_input).collect(),
            _ => Vec::new(),
        };
        let inputs = if files.is_empty() { vec![self.input(&tool)] } else { files };
        for (number, input) in inputs.into_iter().enumerate() {
            let call_id = match number {
                0 => self.id.clone(),
                number => format!("{}#{number}", self.id),
            };
            self.announced.push(call_id.clone());
            events.push(AgentEvent::ToolCalled { call_id, tool: tool.clone(), input });
        }
    }

    /// The name of the tool that people know for what this one does.
    fn tool(&self) -> String {
        let name = self.name.as_deref().unwrap_or(&self.id).to_lowercase();
        let has = |sign: &str| name.contains(sign);
        let named = || self.name.clone().or_else(|| self.title.clone());
        match &*self.kind {
            "read" | "search" if has("list") || name == "ls" => "List".to_owned(),
            "read" => "Read".to_owned(),
            "search" if has("glob") || has("find") => "Glob".to_owned(),
            "search" => "Grep".to_owned(),
            kind => named().unwrap_or_else(|| match kind {
                "" => "tool".to_owned(),
                kind => kind.to_owned(),
            }),
        }
    }

    /// The input, or what the title says where the agent tells none.
    fn input(&self, tool: &str) -> Box<RawValue> {
        if let Some(input) = &self.input {
            return input.clone();
        }
        let name = match tool {
            "Grep" | "Glob" => "pattern",
            "List" => "path",
            _ => "title",
        };
        let title = self.title.as_deref().map(|title| title.trim_matches('\''));
        let title = title.filter(|title| !title.is_empty());
        to_raw(&title.map(|title| (name.to_owned(), title.into())).into_iter().collect())
    }

    fn finish(
        &self,
        ok: bool,
        update: &Update<'_>,
        result_bytes: usize,
        is_shortened: bool,
        events: &mut Vec<AgentEvent>,
    ) {
        let mut content = result_text(update, &self.terminal);
        let truncated = cut(&mut content, result_bytes) || is_shortened;
        for (number, call_id) in self.announced.iter().enumerate() {
            let content = if number == 0 { std::mem::take(&mut content) } else { String::new() };
            let call_id = call_id.clone();
            events.push(AgentEvent::ToolReturned { call_id, ok, content, truncated });
        }
    }
}

/// The input of the tool that reads one file.
pub(super) fn read_input(location: &Location) -> Box<RawValue> {
    let mut input = Map::from_iter([("file_path".to_owned(), Value::from(&*location.path))]);
    if let Some(line) = location.line.filter(|line| *line > 1) {
        input.insert("offset".to_owned(), line.into());
    }
    to_raw(&input)
}

fn to_raw(fields: &Map<String, Value>) -> Box<RawValue> {
    serde_json::value::to_raw_value(fields).unwrap_or_else(|_| object(None))
}

/// The tool's name, where agents put it.
fn tool_name(update: &Update<'_>) -> Option<String> {
    let meta = update.meta.as_ref();
    let in_meta = |name: &str| meta.and_then(|meta| meta.text(name));
    let name = update.name.as_ref().map(Text::as_str).filter(|name| !name.is_empty());
    name.map(str::to_owned).or_else(|| {
        let named = in_meta("toolName").or_else(|| in_meta("tool_name"));
        named.or_else(|| meta?.object("claudeCode")?.text("toolName")).map(|it| it.0.into_owned())
    })
}

/// What a terminal of the agent shows, in the extension of some agents.
fn terminal_text(update: &Update<'_>) -> Option<String> {
    let delta = update.meta.as_ref()?.object("terminal_output_delta")?;
    Some(delta.text("data")?.0.into_owned())
}

/// The result, from wherever the agent puts it.
fn result_text(update: &Update<'_>, terminal: &str) -> String {
    let raw = update.raw_output.map_or("", |output| output.get());
    if let Ok(Text(text)) = json::read::<Text<'_>>(raw)
        && !text.is_empty()
    {
        return text.into_owned();
    }
    let shown = content_text(update.content);
    if !shown.is_empty() {
        return shown;
    }
    if !terminal.is_empty() {
        return terminal.to_owned();
    }
    let Ok(fields) = Object::read(raw) else { return String::new() };
    let named = ["output", "content", "error"].iter().find_map(|name| fields.text(name));
    named.map_or_else(String::new, |text| text.0.into_owned())
}

/// The texts of a call's content, without the fence that some agents put around them.
fn content_text(content: Option<&RawValue>) -> String {
    let parts = content.and_then(|it| json::list(it.get()).ok()).unwrap_or_default();
    let texts = parts.into_iter().filter_map(|part| {
        let part = Object::read(part.get()).ok()?;
        match part.object("content").and_then(|block| block.text("text")) {
            Some(text) => Some(unfenced(&text.0).to_owned()),
            None => part.text("path").map(|path| format!("[{}]", path.as_str())),
        }
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```\n").and_then(|rest| rest.strip_suffix("\n```"));
    inside.filter(|inside| !inside.contains("```")).unwrap_or(text)
}
