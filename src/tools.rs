//! Tools that agents get besides their own: searches of a project that its reader answers.
//!
//! An agent calls them over its own pipe as tools of an MCP server ([`SERVER_NAME`]). The server
//! lists them, and passes each call to the reader of the project, which runs it: neither the agent
//! nor the server needs the index.

use std::{fmt, pin::Pin};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::project::Project;

/// The name under which agents know the server of these tools.
pub(crate) const SERVER_NAME: &str = "project";

/// A tool as an agent sees it.
#[derive(Debug)]
pub(crate) struct ProjectTool {
    pub(crate) name: &'static str,
    /// For the model.
    pub(crate) description: &'static str,
    /// Builds the JSON Schema of its arguments.
    pub(crate) schema: fn() -> Value,
}

/// Ranked search of the whole project.
pub(crate) const SEARCH: &str = "search";

/// Definitions of a file, or files of a directory.
pub(crate) const OUTLINE: &str = "outline";

/// The tools of every agent, none of which changes anything.
pub(crate) const ALL: &[ProjectTool] = &[
    ProjectTool {
        name: SEARCH,
        description: "Finds the places of the project that fit a question best, by words, names \
                      and meaning, and shows each passage with its path and line numbers. Use it \
                      first when you do not know the names to look for; use Grep for exact text.",
        schema: search_schema,
    },
    ProjectTool {
        name: OUTLINE,
        description: "The definitions of a file with their lines, or the files of a directory with \
                      what each says of itself. Cheaper than reading.",
        schema: outline_schema,
    },
];

fn search_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "The question or the words, in English."},
            "limit": {"type": "integer", "description": "How many places, 1 to 20; 5 without."},
        },
        "required": ["query"],
    })
}

fn outline_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "A file or directory, from the project's root; the root without.",
            },
        },
    })
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectCall {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// The result of a call, for the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

impl CallOutcome {
    pub(crate) fn error(words: impl fmt::Display) -> Self {
        Self { text: words.to_string(), is_error: true }
    }
}

/// Who calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// An agent with a language model.
    Model,
    /// The built-in guide, which has tools of its own.
    Guide,
}

/// Runs tools, and reads of a project what agents do not read themselves.
pub trait ProjectTools: fmt::Debug + Send + Sync {
    /// Runs one call. Never fails: what went wrong is the result.
    fn call(&self, project: Project, caller: Caller, call: ProjectCall) -> Pending<CallOutcome>;

    /// Checks that the content of the file at `path` may be read. The error is for the model.
    fn check_content(&self, project: Project, path: String) -> Pending<Result<(), String>>;

    /// The beginning of the project's specification, if there is one that agents may read. The error
    /// is for the model.
    fn specification(&self, project: Project) -> Pending<Result<Option<String>, String>>;
}

/// What is going to be there.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_a_schema_whose_required_arguments_exist() {
        for tool in ALL {
            let schema = (tool.schema)();
            assert_eq!(schema["type"], "object", "{}", tool.name);
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap();
                assert!(schema["properties"][name].is_object(), "{} {name}", tool.name);
            }
        }
    }
}
