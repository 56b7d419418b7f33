//! Calls of tools that are answered at once.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    project::Project,
    tools::{self, CallOutcome, Caller, ProjectCall, ProjectTools as _, arguments},
    web::{access::rate_limit::Visitor, api::notes, problem::Problem, state::AppState},
};

use super::tools::{LIST_NOTES, LIST_PROJECTS, OUTLINE, SEARCH_CODE};

/// The outcome of a call, for the model of a client.
#[derive(Debug)]
pub(super) struct ToolOutcome {
    pub(super) text: String,
    pub(super) structured: Option<Value>,
    pub(super) is_error: bool,
}

impl ToolOutcome {
    pub(super) fn error(words: impl Into<String>) -> Self {
        Self { text: words.into(), structured: None, is_error: true }
    }

    /// The result of `tools/call`.
    pub(super) fn into_result(self) -> Value {
        let mut result = json!({
            "content": [{ "type": "text", "text": self.text }],
            "isError": self.is_error,
        });
        if let Some(structured) = self.structured {
            result["structuredContent"] = structured;
        }
        result
    }

    /// A result that is told as JSON to those who read only the text.
    fn structured(value: Value) -> Self {
        Self { text: value.to_string(), structured: Some(value), is_error: false }
    }
}

impl From<CallOutcome> for ToolOutcome {
    fn from(CallOutcome { text, is_error }: CallOutcome) -> Self {
        Self { text, structured: None, is_error }
    }
}

impl From<Problem> for ToolOutcome {
    fn from(problem: Problem) -> Self {
        Self::error(problem.words())
    }
}

/// Runs a tool with arguments that fit its schema.
pub(super) async fn run(
    state: &AppState,
    visitor: &Visitor,
    tool: &str,
    mut arguments: Map<String, Value>,
) -> Result<ToolOutcome, Problem> {
    if tool == LIST_PROJECTS {
        return Ok(ToolOutcome::structured(list_projects(state, visitor)));
    }
    let project = project(state, visitor, arguments.shift_remove("project")).await?;
    if tool == LIST_NOTES {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let limit = arguments.get("limit").and_then(Value::as_u64);
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let who = visitor.principal.clone();
        let found = notes::find(state, &project, who, query, limit).await?;
        return Ok(ToolOutcome::structured(json!(found)));
    }
    let name = match tool {
        SEARCH_CODE if is_regex(&mut arguments) => {
            if let Some(pattern) = arguments.shift_remove("query") {
                arguments.insert("pattern".to_owned(), pattern);
            }
            tools::GREP
        }
        SEARCH_CODE => tools::SEARCH,
        OUTLINE => tools::OUTLINE,
        _ => tools::READ,
    };
    let call = ProjectCall { name: name.to_owned(), arguments };
    Ok(state.resources.readers.call(project, Caller::Model, call).await.into())
}

/// Takes the choice between the two searches.
fn is_regex(arguments: &mut Map<String, Value>) -> bool {
    arguments.shift_remove("regex") == Some(Value::Bool(true))
}

/// Checks arguments against the schema of a tool. The error is for the model.
pub(super) fn check(
    tool: &tools::ProjectTool,
    given: Option<Value>,
) -> Result<Map<String, Value>, String> {
    let given = match given {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(format!("`{}` was not run: `arguments` is no object.", tool.name)),
    };
    arguments::check(tool, given).map(|checked| checked.arguments)
}

/// The project that a call names, or the only one.
pub(super) async fn project(
    state: &AppState,
    visitor: &Visitor,
    named: Option<Value>,
) -> Result<Project, Problem> {
    let named = named.as_ref().and_then(Value::as_str);
    let name = match (named, &names(state, visitor)[..]) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => return Err(Problem::not_found("There is no project that you may look at.")),
        (None, all) => {
            let detail = format!("Name one of the projects as `project`: {}.", all.join(", "));
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    };
    Ok(state.project(visitor, &name).await?)
}

/// The names of the projects that a visitor may look at.
pub(super) fn names(state: &AppState, visitor: &Visitor) -> Vec<String> {
    state.projects(visitor).iter().map(|project| project.name.to_string()).collect()
}

fn list_projects(state: &AppState, visitor: &Visitor) -> Value {
    let projects: Vec<Value> = state
        .projects(visitor)
        .iter()
        .map(|project| {
            let members: Vec<_> = project.members().map(ToString::to_string).collect();
            match members.is_empty() {
                true => json!({ "name": project.name }),
                false => json!({ "name": project.name, "members": members }),
            }
        })
        .collect();
    json!({ "projects": projects })
}
