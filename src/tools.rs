//! Tools that agents get besides their own: searches of a project that its reader answers.
//!
//! An agent calls them over its own pipe as tools of an MCP server ([`SERVER_NAME`]). The server
//! lists them, and passes each call to the reader of the project, which runs it: neither the agent
//! nor the server needs the index.

pub(crate) mod arguments;

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

/// Lines of a file.
pub(crate) const READ: &str = "read";

/// Lines of all files that match a pattern.
pub(crate) const GREP: &str = "grep";

/// Files by their paths.
pub(crate) const GLOB: &str = "glob";

/// The entries of a directory.
pub(crate) const LIST: &str = "list";

/// Ranked search of the whole project.
pub(crate) const SEARCH: &str = "search";

/// Definitions of a file, or files of a directory.
pub(crate) const OUTLINE: &str = "outline";

/// Commits, the newest first.
pub(crate) const HISTORY_LOG: &str = "history_log";

/// One commit with its difference.
pub(crate) const HISTORY_SHOW: &str = "history_show";

/// Who wrote lines of a file.
pub(crate) const HISTORY_BLAME: &str = "history_blame";

/// The difference between two commits.
pub(crate) const HISTORY_DIFF: &str = "history_diff";

/// Search in messages and differences.
pub(crate) const HISTORY_SEARCH: &str = "history_search";

/// The tools of an agent, none of which changes anything.
pub(crate) fn of(caller: Caller) -> impl Iterator<Item = &'static ProjectTool> {
    let (files, searches): (&[ProjectTool], &[ProjectTool]) = match caller {
        Caller::Claude => (&[], SEARCHES),
        Caller::Model => (FILE_TOOLS, SEARCHES),
        Caller::Guide => (&[], &[]),
    };
    files.iter().chain(searches)
}

/// The tool of this name, whoever may call it.
pub(crate) fn named(name: &str) -> Option<&'static ProjectTool> {
    FILE_TOOLS.iter().chain(SEARCHES).find(|tool| tool.name == name)
}

/// What replaces an agent's own file tools, for one that has none.
const FILE_TOOLS: &[ProjectTool] = &[
    ProjectTool {
        name: READ,
        description: "Lines of a file, each after its number. Of a long file, the first are shown \
                      with how to go on; give lines where you know them.",
        schema: read_schema,
    },
    ProjectTool {
        name: GREP,
        description: "Lines that match a regular expression, in all files or those that `path` or \
                      `glob` choose. Each line is matched by itself; look-around and \
                      back-references are not supported. The last line of the result says whether \
                      it is complete.",
        schema: grep_schema,
    },
    ProjectTool {
        name: GLOB,
        description: "Files whose paths match a pattern such as `*.rs`, `src/**/test_*.py` or \
                      `*.{ts,tsx}`, as a line of .gitignore matches. The last line of the result \
                      says whether it is complete.",
        schema: glob_schema,
    },
    ProjectTool {
        name: LIST,
        description: "The entries of a directory: files with their sizes in bytes, directories with \
                      how many files they have.",
        schema: list_schema,
    },
];

/// What agents have no tools of their own for.
const SEARCHES: &[ProjectTool] = &[
    ProjectTool {
        name: SEARCH,
        description: "Finds the places of the project that fit a question best, by words, names \
                      and meaning, and shows each passage with its path and line numbers. Use it \
                      first when you do not know the names to look for; use grep for exact text.",
        schema: search_schema,
    },
    ProjectTool {
        name: OUTLINE,
        description: "The definitions of a file with their lines, or the files of a directory with \
                      what each says of itself. Cheaper than reading.",
        schema: outline_schema,
    },
    ProjectTool {
        name: HISTORY_LOG,
        description: "Commits of the project, the newest first: hash, day, author and subject. Of \
                      one path, of lines of a file, of an author or since a date where that is \
                      given.",
        schema: log_schema,
    },
    ProjectTool {
        name: HISTORY_SHOW,
        description: "One commit: its whole message, the files that it changes, and the difference. \
                      For why something is as it is, read the message.",
        schema: show_schema,
    },
    ProjectTool {
        name: HISTORY_BLAME,
        description: "Who changed each line of a file last, and in which commit.",
        schema: blame_schema,
    },
    ProjectTool {
        name: HISTORY_DIFF,
        description: "How the project, or one path of it, differs between two commits.",
        schema: diff_schema,
    },
    ProjectTool {
        name: HISTORY_SEARCH,
        description: "Commits by words of their messages, by a text that they add or remove, or by \
                      a regular expression for a line that they change. Give one of the three.",
        schema: history_search_schema,
    },
];

fn read_schema() -> Value {
    let path = ("path", "string", "The file, from the project's root; `a/b.rs:12-20` is read too.");
    object(&["path"], &[path, FIRST, LAST])
}

fn grep_schema() -> Value {
    let pattern = ("pattern", "string", "A regular expression for a part of a line.");
    let path = ("path", "string", "The file or directory to search; the whole project without.");
    let glob = ("glob", "string", "Only files whose paths match, such as `*.rs` or `!tests/**`.");
    let ignore_case = ("ignore_case", "boolean", "Whether capitals match small letters.");
    let context = ("context", "integer", "Lines to show before and after each, 0 to 10.");
    let limit = ("limit", "integer", "How many lines, 1 to 500; 50 without.");
    object(&["pattern"], &[pattern, path, glob, ignore_case, context, limit])
}

fn glob_schema() -> Value {
    let pattern = ("pattern", "string", "The pattern; without a slash it matches at any depth.");
    let path = ("path", "string", "The directory that it starts from; the root without.");
    object(&["pattern"], &[pattern, path])
}

fn list_schema() -> Value {
    object(&[], &[("path", "string", "The directory; the root without.")])
}

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

/// The schema of an object with these arguments, each of a type and with a description.
fn object(required: &[&str], properties: &[(&str, &str, &str)]) -> Value {
    let properties = properties.iter().map(|(name, kind, description)| {
        ((*name).to_owned(), json!({"type": kind, "description": description}))
    });
    let properties: Map<String, Value> = properties.collect();
    json!({"type": "object", "properties": properties, "required": required})
}

const PATH: (&str, &str, &str) =
    ("path", "string", "A file or directory, from the project's root.");
const LIMIT: (&str, &str, &str) = ("limit", "integer", "How many commits, 1 to 100; 20 without.");
const FIRST: (&str, &str, &str) = ("first_line", "integer", "First line of the file, from 1.");
const LAST: (&str, &str, &str) = ("last_line", "integer", "Last line of the file.");

fn log_schema() -> Value {
    let author = ("author", "string", "A part of the author's name.");
    let since = ("since", "string", "A date, or words such as `2 weeks ago`.");
    let until = ("until", "string", "Likewise, the end.");
    object(&[], &[PATH, FIRST, LAST, author, since, until, LIMIT])
}

fn show_schema() -> Value {
    object(&["commit"], &[("commit", "string", "A hash, a branch or a tag.")])
}

fn blame_schema() -> Value {
    object(&["path"], &[PATH, FIRST, LAST])
}

fn diff_schema() -> Value {
    let from = ("from", "string", "A hash, a branch or a tag.");
    let to = ("to", "string", "Likewise; HEAD without.");
    object(&["from"], &[from, to, PATH])
}

fn history_search_schema() -> Value {
    let words = ("words", "string", "Words that the message has, in any order.");
    let text = ("text", "string", "A text that a commit adds or removes.");
    let pattern = ("pattern", "string", "A regular expression for an added or removed line.");
    object(&[], &[words, text, pattern, PATH, LIMIT])
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
    /// Claude Code, which has tools of its own for files.
    Claude,
    /// Our own agent for any model, which has no other tools.
    Model,
    /// The built-in guide, which makes calls of its own.
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

    /// What the repository says for agents, if agents may read that. The error is for the log.
    fn instructions(&self, project: Project) -> Pending<Result<Option<RepositoryText>, String>>;
}

/// What a file of a project says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryText {
    /// Its path, one of those that are looked for.
    pub path: &'static str,
    /// Its beginning.
    pub text: String,
}

/// What is going to be there.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_a_schema_whose_required_arguments_exist() {
        for tool in of(Caller::Model) {
            let schema = (tool.schema)();
            assert_eq!(schema["type"], "object", "{}", tool.name);
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap();
                assert!(schema["properties"][name].is_object(), "{} {name}", tool.name);
            }
            assert_eq!(named(tool.name).unwrap().description, tool.description);
        }
    }

    #[test]
    fn only_the_agent_without_file_tools_is_given_them() {
        let names = |caller| of(caller).map(|tool| tool.name).collect::<Vec<_>>();
        let (claude, model) = (names(Caller::Claude), names(Caller::Model));
        assert_eq!(model[..4], [READ, GREP, GLOB, LIST]);
        assert_eq!(model[4..], claude);
        assert!(claude.starts_with(&[SEARCH, OUTLINE, HISTORY_LOG]), "{claude:?}");
        assert!(names(Caller::Guide).is_empty());
    }
}
