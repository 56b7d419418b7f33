//! The arguments of a call as models write them. Those whose meaning is plain are mended; the others
//! are refused in words that tell how to write them. Pure.

use serde_json::{Map, Number, Value};

use super::ProjectTool;

/// Longest part of a wrong value that is repeated, in characters.
const QUOTED_CHARS: usize = 60;

/// Arguments of the types of the tool's schema. An optional one that was `null` is missing.
#[derive(Debug, PartialEq)]
pub(crate) struct CheckedArguments {
    pub(crate) arguments: Map<String, Value>,
    /// Says which of the arguments the tool does not have.
    pub(crate) ignored: Option<String>,
}

/// Checks the arguments of a call against the tool's schema. The error is for the model.
pub(crate) fn check(
    tool: &ProjectTool,
    mut given: Map<String, Value>,
) -> Result<CheckedArguments, String> {
    let schema = (tool.schema)();
    let is_required = |name: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let mut arguments = Map::new();
    let mut faults = Vec::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let kind = property["type"].as_str().unwrap_or_default();
        match given.shift_remove(name).filter(|value| !value.is_null()) {
            None if is_required(name) => faults.push(format!("`{name}` is missing")),
            None => (),
            Some(value) => match mended(&value, kind) {
                Some(value) => _ = arguments.insert(name.clone(), value),
                None => faults.push(fault(name, kind, &value)),
            },
        }
    }
    let unknown: Vec<_> = given.keys().map(|name| format!("`{}`", shortened(name))).collect();
    let ignored = (!unknown.is_empty()).then(|| {
        format!("`{}` has no argument {}, which was ignored.", tool.name, unknown.join(", "))
    });
    if faults.is_empty() {
        return Ok(CheckedArguments { arguments, ignored });
    }
    let ignored = ignored.map(|it| format!(" {it}")).unwrap_or_default();
    let faults = faults.join("; ");
    Err(format!("`{}` was not run: {faults}.{ignored} It takes {}.", tool.name, taken(&schema)))
}

/// The value as one of this type, where it means one.
fn mended(value: &Value, kind: &str) -> Option<Value> {
    match (kind, value) {
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => Some(value.clone()),
        ("string", Value::Number(_) | Value::Bool(_)) => Some(value.to_string().into()),
        ("integer", Value::Number(number)) => whole(number).map(Value::from),
        ("integer", Value::String(text)) => {
            text.trim().parse::<Number>().ok().and_then(|number| whole(&number)).map(Value::from)
        }
        ("boolean", Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true.into()),
            "false" | "no" | "0" | "" => Some(false.into()),
            _ => None,
        },
        ("boolean", Value::Number(number)) => match number.as_f64() {
            Some(0.0) => Some(false.into()),
            Some(1.0) => Some(true.into()),
            _ => None,
        },
        _ => None,
    }
}

/// A number that counts something.
fn whole(number: &Number) -> Option<u64> {
    // Beyond 2^53 a float is no exact integer.
    let is_whole = |it: &f64| it.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(it);
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|it| it as u64))
}

fn fault(name: &str, kind: &str, value: &Value) -> String {
    let expected = match kind {
        "string" => "text",
        "integer" => "a whole number from 0",
        "boolean" => "true or false",
        other => other,
    };
    format!("`{name}` must be {expected}, not {}", shortened(&value.to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// All arguments with their types.
fn taken(schema: &Value) -> String {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let taken: Vec<_> = properties
        .map(|(name, property)| {
            let mark = if required.iter().any(|it| it == name) { "" } else { "?" };
            format!("{name}{mark}: {}", property["type"].as_str().unwrap_or_default())
        })
        .collect();
    format!("{{{}}}", taken.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::tools;

    fn checked(tool: &str, arguments: Value) -> Result<CheckedArguments, String> {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        check(tools::named(tool).unwrap(), arguments)
    }

    #[test]
    fn what_is_plainly_meant_is_taken() {
        for (given, expected) in [
            (json!({"pattern": "a", "limit": 3}), json!({"pattern": "a", "limit": 3})),
            (json!({"pattern": "a", "limit": "3"}), json!({"pattern": "a", "limit": 3})),
            (json!({"pattern": "a", "limit": " 3.0 "}), json!({"pattern": "a", "limit": 3})),
            (json!({"pattern": "a", "limit": 3.0}), json!({"pattern": "a", "limit": 3})),
            (json!({"pattern": 404, "path": null}), json!({"pattern": "404"})),
            (
                json!({"pattern": true, "ignore_case": "True"}),
                json!({"pattern": "true", "ignore_case": true}),
            ),
            (
                json!({"pattern": "", "ignore_case": 0}),
                json!({"pattern": "", "ignore_case": false}),
            ),
        ] {
            let checked = checked("grep", given.clone()).unwrap();
            assert_eq!((Value::Object(checked.arguments), checked.ignored), (expected, None));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_arguments_that_there_are() {
        let words = checked("grep", json!({"limit": "many", "ignore_case": [1], "-i": true}));
        assert_eq!(
            words.unwrap_err(),
            "`grep` was not run: `pattern` is missing; `ignore_case` must be true or false, not \
             [1]; `limit` must be a whole number from 0, not \"many\". `grep` has no argument \
             `-i`, which was ignored. It takes {pattern: string, path?: string, glob?: string, \
             ignore_case?: boolean, context?: integer, limit?: integer}."
        );
        for (tool, given, expected) in [
            (
                "read",
                json!({"file_path": "a.rs"}),
                "`path` is missing. `read` has no argument `file_path`",
            ),
            ("read", json!({"path": ["a"]}), "`path` must be text, not [\"a\"]"),
            ("read", json!({"path": "a", "first_line": -1}), "a whole number from 0, not -1"),
            ("read", json!({"path": "a", "first_line": 1.5}), "not 1.5"),
            ("read", json!({"path": "a", "first_line": 1e300}), "not 1e+300"),
            ("search", json!({}), "`query` is missing"),
            ("history_show", json!({"commit": null}), "`commit` is missing"),
            ("list", json!({"path": {"a": "x".repeat(500)}}), "xxx…"),
        ] {
            let words = checked(tool, given.clone()).unwrap_err();
            assert!(words.contains(expected) && words.len() < 400, "{given}: {words}");
        }
    }

    #[test]
    fn what_a_tool_does_not_have_is_ignored_and_told() {
        let checked = checked("glob", json!({"pattern": "*", "head_limit": 5})).unwrap();
        let words = "`glob` has no argument `head_limit`, which was ignored.";
        assert_eq!(checked.ignored.unwrap(), words);
        assert_eq!(Value::Object(checked.arguments), json!({"pattern": "*"}));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_of_the_types_of_the_schema(text in ".{0,8}", number: f64) {
            for value in [json!(text), json!(number), json!([text]), Value::Null] {
                let given = json!({"pattern": value, "limit": value, "ignore_case": value});
                let Ok(taken) = checked("grep", given) else { continue };
                let is = |name: &str, check: fn(&Value) -> bool| {
                    taken.arguments.get(name).is_none_or(check)
                };
                prop_assert!(is("pattern", Value::is_string));
                prop_assert!(is("limit", Value::is_u64));
                prop_assert!(is("ignore_case", Value::is_boolean));
            }
        }
    }
}
