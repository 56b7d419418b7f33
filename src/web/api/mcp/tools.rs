//! The tools that other programs' agents are offered: names, descriptions and arguments. Pure.

use serde_json::{Map, Value, json};

use crate::tools::ProjectTool;

pub(super) const ASK: &str = "ask";
pub(super) const SEARCH_CODE: &str = "search_code";
pub(super) const READ_FILE: &str = "read_file";
pub(super) const OUTLINE: &str = "outline";
pub(super) const LIST_PROJECTS: &str = "list_projects";
pub(super) const LIST_NOTES: &str = "list_notes";

/// The tools, those that cost nothing first.
const TOOLS: [ProjectTool; 6] = [
    ProjectTool {
        name: LIST_PROJECTS,
        description: "The projects that you may look at. The other tools take the name of one as \
                      `project`.",
        schema: no_arguments,
    },
    ProjectTool {
        name: SEARCH_CODE,
        description: "Finds the places of a project that fit a question best, by words, names and \
                      meaning, and shows each passage with its path and line numbers; no model is \
                      asked. With `regex`, shows the lines that a regular expression matches, in all \
                      files or those that `path` or `glob` choose.",
        schema: search_arguments,
    },
    ProjectTool {
        name: READ_FILE,
        description: "Lines of a file of a project, each after its number. Of a long file, the first \
                      are shown with how to go on; give lines where you know them.",
        schema: read_arguments,
    },
    ProjectTool {
        name: OUTLINE,
        description: "The definitions of a file of a project with their lines, or the files of a \
                      directory with what each says of itself. Cheaper than reading.",
        schema: outline_arguments,
    },
    ProjectTool {
        name: LIST_NOTES,
        description: "Answers about a project that people of the team have kept as notes, the newest \
                      first, and whether what they cite has changed since.",
        schema: notes_arguments,
    },
    ProjectTool {
        name: ASK,
        description: "Asks the team's guide a question about a project. Costly and slow: it runs an \
                      agent for up to minutes, on the team's account, and everybody of the team can \
                      read the question. Use it only when the user asks for it; else use search_code, \
                      outline and read_file. Returns the answer with the places that it cites, and a \
                      link to its conversation for the user.",
        schema: ask_arguments,
    },
];

/// The tool of this name.
pub(super) fn named(name: &str) -> Option<&'static ProjectTool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// The tools as `tools/list` tells of them, to a client that may ask or may only read.
pub(super) fn list(may_ask: bool) -> Value {
    TOOLS.iter().filter(|tool| may_ask || tool.name != ASK).map(described).collect()
}

fn described(tool: &ProjectTool) -> Value {
    let (title, output): (&str, Option<Value>) = match tool.name {
        ASK => ("Ask the guide", Some(ask_result())),
        SEARCH_CODE => ("Search a project", None),
        READ_FILE => ("Read a file", None),
        OUTLINE => ("Outline a file or directory", None),
        LIST_PROJECTS => ("List projects", Some(projects_result())),
        _ => ("List notes", Some(notes_result())),
    };
    let mut told = json!({
        "name": tool.name,
        "title": title,
        "description": tool.description,
        "inputSchema": (tool.schema)(),
        "annotations": {
            "title": title,
            "readOnlyHint": true,
            "destructiveHint": false,
            // A question that is asked again costs again.
            "idempotentHint": tool.name != ASK,
            "openWorldHint": false,
        },
    });
    if let Some(output) = output {
        told["outputSchema"] = output;
    }
    told
}

const PROJECT: (&str, &str, &str) =
    ("project", "string", "The project's name; may be left out where there is only one.");

/// The schema of an object with these properties, each of a type and with a description.
fn object(required: &[&str], properties: &[(&str, &str, &str)]) -> Value {
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(name, kind, description)| {
            ((*name).to_owned(), json!({ "type": kind, "description": description }))
        })
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn no_arguments() -> Value {
    object(&[], &[])
}

fn search_arguments() -> Value {
    let query = ("query", "string", "The question or the words, in English; or the expression.");
    let regex =
        ("regex", "boolean", "Whether `query` is a regular expression for a part of a line.");
    let path = ("path", "string", "With `regex`: the file or directory to search.");
    let glob = ("glob", "string", "With `regex`: only files whose paths match, such as `*.rs`.");
    let ignore_case = ("ignore_case", "boolean", "With `regex`: capitals match small letters.");
    let context = ("context", "integer", "With `regex`: lines to show around each, 0 to 10.");
    let limit = ("limit", "integer", "How many places, 1 to 20, or lines, 1 to 500.");
    object(&["query"], &[PROJECT, query, regex, path, glob, ignore_case, context, limit])
}

fn read_arguments() -> Value {
    let path = ("path", "string", "The file, from the project's root; `a/b.rs:12-20` is read too.");
    let first = ("first_line", "integer", "First line of the file, from 1.");
    let last = ("last_line", "integer", "Last line of the file.");
    object(&["path"], &[PROJECT, path, first, last])
}

fn outline_arguments() -> Value {
    let path =
        ("path", "string", "A file or directory, from the project's root; the root without.");
    object(&[], &[PROJECT, path])
}

fn notes_arguments() -> Value {
    let query =
        ("query", "string", "Words that the question or the answer has; all notes without.");
    let limit = ("limit", "integer", "How many notes, 1 to 50; 20 without.");
    object(&[], &[PROJECT, query, limit])
}

fn ask_arguments() -> Value {
    let question = ("question", "string", "The question, in the user's language.");
    let conversation = (
        "conversation_id",
        "integer",
        "The conversation to go on in, which an earlier answer tells; a new one without.",
    );
    let agent = ("agent", "string", "The agent that answers, by its name; the usual one without.");
    let effort = ("effort", "string", "`quick` or `thorough`.");
    object(&["question"], &[PROJECT, question, conversation, agent, effort])
}

fn ask_result() -> Value {
    let mut result = object(
        &["conversation_id", "turn", "outcome", "answer", "citations", "link"],
        &[
            ("conversation_id", "integer", "To go on in."),
            ("turn", "integer", "The question's number in its conversation."),
            ("outcome", "string", "`completed`, `stopped` or `interrupted`."),
            ("answer", "string", "Markdown."),
            ("citations", "array", "The places of the project that it cites: `path:line-end`."),
            ("link", "string", "The page of the conversation, for people of the team."),
            ("cost_usd", "number", "What it cost, if the agent tells."),
        ],
    );
    result["properties"]["citations"]["items"] = json!({ "type": "string" });
    result
}

fn projects_result() -> Value {
    let mut project = object(
        &["name"],
        &[("name", "string", ""), ("members", "array", "The projects that a group is of.")],
    );
    project["properties"]["members"]["items"] = json!({ "type": "string" });
    let mut result =
        object(&["projects"], &[("projects", "array", "In the order of the settings.")]);
    result["properties"]["projects"]["items"] = project;
    result
}

fn notes_result() -> Value {
    let note = object(
        &["conversation_id", "turn", "question", "answer", "kept_at", "cited", "changed"],
        &[
            ("conversation_id", "integer", "The conversation that it is from."),
            ("turn", "integer", "Its turn there."),
            ("question", "string", "What was asked."),
            ("answer", "string", "The beginning of the answer, in Markdown."),
            ("answered_at", "string", "UTC."),
            ("kept_by", "string", "Who keeps it, if that is known."),
            ("kept_at", "string", "UTC."),
            ("cited", "integer", "Places that it cites."),
            ("changed", "integer", "Those that have changed since, or are gone."),
        ],
    );
    let mut result = object(
        &["notes", "more"],
        &[("notes", "array", "The newest first."), ("more", "boolean", "There are older ones.")],
    );
    result["properties"]["notes"]["items"] = note;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_says_that_it_only_reads_and_what_each_argument_is() {
        for tool in list(true).as_array().unwrap() {
            let hints = &tool["annotations"];
            assert_eq!(
                (&hints["readOnlyHint"], &hints["destructiveHint"]),
                (&json!(true), &json!(false))
            );
            assert_eq!(hints["openWorldHint"], false);
            for (name, property) in tool["inputSchema"]["properties"].as_object().unwrap() {
                assert!(!property["description"].as_str().unwrap().is_empty(), "{name}");
            }
            for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
                for name in schema["required"].as_array().into_iter().flatten() {
                    assert!(schema["properties"][name.as_str().unwrap()].is_object(), "{name}");
                }
            }
            assert!(named(tool["name"].as_str().unwrap()).is_some());
        }
        assert!(named(ASK).unwrap().description.contains("Costly"));
        assert!(named("write_file").is_none());
    }
}
