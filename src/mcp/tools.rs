//! The tools: names, parameters and results.

use std::{path::Path, sync::Arc};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    CallError,
    arguments::{self, IntegerParameter},
    ascii_json, questions,
};
use crate::features::{FeatureStats, Features, FeaturesError};

/// The result of `feature_get_next` when all features pass.
const NOTHING_LEFT: &str = r#"{"error": "All features are passing! No more work to do."}"#;

const REGRESSION_LIMIT: IntegerParameter = IntegerParameter::new("limit", 1, 10, Some(3));
const READY_LIMIT: IntegerParameter = IntegerParameter::new("limit", 1, 50, Some(10));
const BLOCKED_LIMIT: IntegerParameter = IntegerParameter::new("limit", 1, 100, Some(20));
const FEATURE_ID: IntegerParameter = IntegerParameter::new("feature_id", 1, i64::MAX, None);

/// All tools; two of them only if the feature file has dependencies.
pub(super) fn list(has_dependencies: bool) -> Vec<Tool> {
    let mut tools = vec![
        tool(
            "feature_get_stats",
            "How far the project is: how many of its features pass, how many are being worked on, \
             how many there are, and the share that passes in percent.",
            json!({}),
            &[],
        ),
        tool(
            "feature_get_next",
            "The feature to build next: the one with the lowest priority number that does not \
             pass yet.",
            json!({}),
            &[],
        ),
        tool(
            "feature_get_for_regression",
            "Features that already pass, picked at random, to check that they still do.",
            json!({ "limit": REGRESSION_LIMIT.schema("How many, 1 to 10.") }),
            &[],
        ),
        tool(
            "feature_get_by_id",
            "All that is known of one feature.",
            json!({ "feature_id": FEATURE_ID.schema("The id of the feature.") }),
            &["feature_id"],
        ),
    ];
    if has_dependencies {
        tools.push(tool(
            "feature_get_ready",
            "Features that can be begun: all they depend on passes, and nobody works on them.",
            json!({ "limit": READY_LIMIT.schema("How many at most, 1 to 50.") }),
            &[],
        ));
        tools.push(tool(
            "feature_get_blocked",
            "Features that wait for others, and for which.",
            json!({ "limit": BLOCKED_LIMIT.schema("How many at most, 1 to 100.") }),
            &[],
        ));
    }
    tools.push(tool(
        "ask_user",
        "Put questions with choices to the user. End your turn after it: the answer comes as the \
         user's next message.",
        json!({ "questions": questions::schema() }),
        &["questions"],
    ));
    tools
}

/// Runs a tool and returns its text.
pub(super) fn call(name: &str, arguments: &JsonObject, dir: &Path) -> Result<String, CallError> {
    let number = |parameter: &IntegerParameter| {
        let value = arguments.get(parameter.name);
        arguments::integer(name, parameter, value).map_err(CallError::Arguments)
    };
    let answer = match name {
        "feature_get_stats" => stats(dir),
        "feature_get_next" => next(dir),
        "feature_get_for_regression" => regression(dir, number(&REGRESSION_LIMIT)?),
        "feature_get_by_id" => by_id(dir, number(&FEATURE_ID)?),
        "feature_get_ready" => ready(dir, number(&READY_LIMIT)?),
        "feature_get_blocked" => blocked(dir, number(&BLOCKED_LIMIT)?),
        "ask_user" => {
            return questions::ask(arguments.get("questions")).map_err(CallError::Arguments);
        }
        unknown => return Err(CallError::UnknownTool(unknown.to_owned())),
    };
    let tool = name.to_owned();
    match answer {
        Ok(FeatureReply::Text(text)) => Ok(text),
        Ok(FeatureReply::Json(value)) => {
            ascii_json::pretty(&value).map_err(|source| CallError::Json { tool, source })
        }
        Err(source) => Err(CallError::Features { tool, source }),
    }
}

/// The result of a tool.
enum FeatureReply {
    Json(Value),
    Text(String),
}

fn stats(dir: &Path) -> Result<FeatureReply, FeaturesError> {
    let stats = match Features::open(dir)? {
        Some(features) => features.stats()?,
        None => FeatureStats::of(0, 0, 0),
    };
    Ok(FeatureReply::Json(json!(stats)))
}

fn next(dir: &Path) -> Result<FeatureReply, FeaturesError> {
    let next = match Features::open(dir)? {
        Some(features) => features.next()?,
        None => None,
    };
    Ok(match next {
        Some(feature) => FeatureReply::Json(json!(feature)),
        None => FeatureReply::Text(NOTHING_LEFT.to_owned()),
    })
}

fn regression(dir: &Path, limit: i64) -> Result<FeatureReply, FeaturesError> {
    let features = match Features::open(dir)? {
        Some(features) => features.for_regression(limit.try_into().unwrap_or(u32::MAX))?,
        None => Vec::new(),
    };
    Ok(listing(&features, None))
}

fn by_id(dir: &Path, id: i64) -> Result<FeatureReply, FeaturesError> {
    let feature = match Features::open(dir)? {
        Some(features) => features.by_id(id)?,
        None => None,
    };
    Ok(match feature {
        Some(feature) => FeatureReply::Json(json!(feature)),
        None => FeatureReply::Text(format!(r#"{{"error": "Feature with ID {id} not found"}}"#)),
    })
}

fn ready(dir: &Path, limit: i64) -> Result<FeatureReply, FeaturesError> {
    let ready = match Features::open(dir)? {
        Some(features) => features.dependencies()?.ready(),
        None => Vec::new(),
    };
    Ok(listing(first(&ready, limit), Some(("total_ready", ready.len()))))
}

fn blocked(dir: &Path, limit: i64) -> Result<FeatureReply, FeaturesError> {
    let blocked = match Features::open(dir)? {
        Some(features) => features.dependencies()?.blocked(),
        None => Vec::new(),
    };
    let total = ("total_blocked", blocked.len());
    Ok(listing(first(&blocked, limit), Some(total)))
}

fn first<T>(items: &[T], limit: i64) -> &[T] {
    let limit = usize::try_from(limit).unwrap_or(0);
    items.get(..limit).unwrap_or(items)
}

/// A list of features with its length, and the total where that may differ.
fn listing(features: &[impl Serialize], total: Option<(&str, usize)>) -> FeatureReply {
    let mut listing = json!({ "features": features, "count": features.len() });
    if let Some((name, total)) = total {
        listing[name] = total.into();
    }
    FeatureReply::Json(listing)
}

fn tool(
    name: &'static str,
    description: &'static str,
    properties: Value,
    required: &[&str],
) -> Tool {
    let mut input = object(json!({ "type": "object", "properties": properties }));
    if !required.is_empty() {
        input.insert("required".into(), required.into());
    }
    let output = json!({
        "type": "object",
        "properties": { "result": { "type": "string" } },
        "required": ["result"],
    });
    Tool::new_with_raw(name, Some(description.into()), Arc::new(input))
        .with_raw_output_schema(Arc::new(object(output)))
        .with_annotations(ToolAnnotations::new().read_only(true))
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
