//! How calls of tools look to people: under the names that the page knows from other agents. Pure.

use serde_json::{Map, Value, json};

use crate::tools;

/// The tools that read files, as the reader names them and as the page does.
const FILE_TOOLS: [(&str, &str); 3] = [("read", "Read"), ("grep", "Grep"), ("glob", "Glob")];

/// Names of arguments that differ: of the tool, and on the page.
const RENAMED: [(&str, &str, &str); 5] = [
    ("read", "path", "file_path"),
    ("read", "first_line", "offset"),
    ("grep", "ignore_case", "-i"),
    ("grep", "context", "-C"),
    ("grep", "limit", "head_limit"),
];

/// The name on the page of the tool `name`.
pub(super) fn name(name: &str) -> String {
    match FILE_TOOLS.iter().find(|(tool, _)| *tool == name) {
        Some((_, shown)) => (*shown).to_owned(),
        None if name.starts_with("feature_") || name == "ask_user" => {
            format!("mcp__features__{name}")
        }
        None => format!("mcp__{}__{name}", tools::SERVER_NAME),
    }
}

/// The input on the page of a call with these arguments.
pub(super) fn input(tool: &str, arguments: &Map<String, Value>) -> Value {
    let mut input = Map::new();
    for (name, value) in arguments {
        let renamed = RENAMED.iter().find(|(of, from, _)| *of == tool && from == name);
        input.insert(renamed.map_or(name.as_str(), |(_, _, to)| to).to_owned(), value.clone());
    }
    let number = |name: &str| arguments.get(name).and_then(Value::as_u64);
    if tool == "read"
        && let Some(last) = number("last_line")
    {
        input.shift_remove("last_line");
        let first = number("first_line").unwrap_or(1);
        input.insert("limit".to_owned(), json!((last + 1).saturating_sub(first)));
    }
    Value::Object(input)
}

/// The tool and the arguments of a call that the page shows so: the reverse of [`name`] and [`input`].
pub(super) fn call_of(shown: &str, input: &Map<String, Value>) -> (String, Map<String, Value>) {
    let tool = FILE_TOOLS.iter().find(|(_, name)| *name == shown).map(|(tool, _)| *tool);
    let tool = tool.unwrap_or_else(|| shown.rsplit("__").next().unwrap_or(shown)).to_owned();
    let mut arguments = Map::new();
    for (name, value) in input {
        let renamed = RENAMED.iter().find(|(of, _, to)| *of == tool && to == name);
        arguments
            .insert(renamed.map_or(name.as_str(), |(_, from, _)| from).to_owned(), value.clone());
    }
    let number = |name: &str| input.get(name).and_then(Value::as_u64);
    if tool == "read"
        && let Some(limit) = number("limit")
    {
        arguments.shift_remove("limit");
        let last = number("offset").unwrap_or(1).saturating_add(limit).saturating_sub(1);
        arguments.insert("last_line".to_owned(), json!(last));
    }
    (tool, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_look_like_those_of_other_agents_and_are_found_again() {
        for (tool, arguments, shown, input_shown) in [
            ("read", json!({"path": "a.rs"}), "Read", json!({"file_path": "a.rs"})),
            (
                "read",
                json!({"path": "a.rs", "first_line": 5, "last_line": 9}),
                "Read",
                json!({"file_path": "a.rs", "offset": 5, "limit": 5}),
            ),
            (
                "grep",
                json!({"pattern": "x", "ignore_case": true, "limit": 3}),
                "Grep",
                json!({"pattern": "x", "-i": true, "head_limit": 3}),
            ),
            ("glob", json!({"pattern": "*"}), "Glob", json!({"pattern": "*"})),
            ("search", json!({"query": "x"}), "mcp__project__search", json!({"query": "x"})),
            ("ask_user", json!({}), "mcp__features__ask_user", json!({})),
            ("feature_get_stats", json!({}), "mcp__features__feature_get_stats", json!({})),
        ] {
            let arguments = arguments.as_object().unwrap();
            assert_eq!((name(tool).as_str(), input(tool, arguments)), (shown, input_shown.clone()));
            let (again, back) = call_of(shown, input_shown.as_object().unwrap());
            assert_eq!((again.as_str(), &back), (tool, arguments));
        }
        let open = json!({"path": "a", "last_line": 0});
        assert_eq!(input("read", open.as_object().unwrap())["limit"], 0);
    }
}
