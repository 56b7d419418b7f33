//! What services say of a model: the size of its context, and whether it takes tools. Pure.

use serde_json::Value;

use super::service::Preset;

/// Contexts of models whose services do not tell them, by the beginning of the name; the longest fits.
const KNOWN: [(&str, u64); 9] = [
    ("gpt-3.5", 16_385),
    ("gpt-4", 8_192),
    ("gpt-4-turbo", 128_000),
    ("gpt-4o", 128_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-5", 400_000),
    ("o1", 200_000),
    ("o3", 200_000),
    ("claude", 200_000),
];

/// The context of a model of which nothing is known.
pub(super) const UNKNOWN: u64 = 32_768;

/// What is known of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ModelFacts {
    /// Tokens.
    pub(super) context: Option<u64>,
    pub(super) has_tools: Option<bool>,
    pub(super) takes_images: Option<bool>,
    /// The service is a llama.cpp server, which tells more under `/props`.
    pub(super) is_llamacpp: bool,
}

impl ModelFacts {
    /// These facts, and where they say nothing, those.
    pub(super) fn or(self, others: Self) -> Self {
        Self {
            context: self.context.or(others.context),
            has_tools: self.has_tools.or(others.has_tools),
            takes_images: self.takes_images.or(others.takes_images),
            is_llamacpp: self.is_llamacpp || others.is_llamacpp,
        }
    }
}

/// Where a service of this kind tells of its models, beside `/models` of all: the path after the
/// service's root, and whether it is asked with the model's name.
pub(super) fn other_paths(preset: Option<Preset>) -> &'static [(&'static str, bool)] {
    match preset {
        Some(Preset::Ollama) => &[("/api/ps", false), ("/api/show", true)],
        Some(Preset::Lmstudio) => &[("/api/v0/models", false)],
        Some(Preset::Llamacpp) => &[("/props", false)],
        _ => &[],
    }
}

/// The facts in an answer of `/models`, of `/models/{id}` or of another path.
pub(super) fn read(body: &str, model: &str) -> ModelFacts {
    let Ok(body) = crate::json::value(body) else { return ModelFacts::default() };
    let lists = ["data", "models"].map(|name| body[name].as_array());
    let all: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
    let is_asked = |entry: &&Value| {
        ["id", "name", "model", "key"].iter().any(|name| {
            let named = entry[*name].as_str().unwrap_or_default();
            named == model || named.strip_suffix(":latest") == Some(model)
        })
    };
    let facts = |entry: &Value| ModelFacts {
        context: context_of(entry),
        has_tools: tools_of(entry),
        takes_images: images_of(entry),
        is_llamacpp: entry["owned_by"] == "llamacpp" || !entry["chat_template_caps"].is_null(),
    };
    let mut asked: Vec<&Value> = all.iter().copied().filter(is_asked).collect();
    if asked.is_empty() && body["data"].as_array().is_some_and(|all| all.len() == 1) {
        // llama.cpp serves one model under any name.
        asked.extend(body["data"].as_array().into_iter().flatten());
    }
    if all.is_empty() {
        asked.push(&body);
    }
    asked.into_iter().map(facts).fold(ModelFacts::default(), ModelFacts::or)
}

/// Whether an answer of `/models` lists the model; `None` where it lists none, or one that answers to any
/// name.
pub(super) fn is_listed(body: &str, model: &str) -> Option<bool> {
    let body = crate::json::value(body).ok()?;
    let all = body["data"].as_array().filter(|all| !all.is_empty())?;
    if all.iter().any(|entry| entry["owned_by"] == "llamacpp") {
        return None;
    }
    let names = all.iter().filter_map(|entry| entry["id"].as_str());
    Some(names.into_iter().any(|name| name == model || name.strip_suffix(":latest") == Some(model)))
}

fn context_of(entry: &Value) -> Option<u64> {
    // What is served comes before what the model could do.
    const POINTERS: [&str; 8] = [
        "/loaded_context_length",
        "/meta/n_ctx",
        "/default_generation_settings/n_ctx",
        "/max_model_len",
        "/context_length",
        "/max_input_tokens",
        "/max_context_length",
        "/context_window",
    ];
    let found = POINTERS.iter().find_map(|pointer| entry.pointer(pointer)?.as_u64());
    found.filter(|tokens| *tokens > 0)
}

fn tools_of(entry: &Value) -> Option<bool> {
    let capability = |name: &str| {
        let all = entry["capabilities"].as_array()?;
        Some(all.iter().any(|capability| capability == name))
    };
    if let Some(supported) = entry.pointer("/chat_template_caps/supports_tools") {
        return supported.as_bool();
    }
    // Only Ollama's list says what a model can do with tools; others name `completion` alone.
    let is_told = !entry["model_info"].is_null() || !entry["modelfile"].is_null();
    if is_told { capability("tools") } else { None }
}

/// Whether the model takes images: as llama.cpp, Ollama, OpenRouter and LM Studio tell it.
fn images_of(entry: &Value) -> Option<bool> {
    if let Some(vision) = entry.pointer("/modalities/vision") {
        return vision.as_bool();
    }
    let has = |pointer: &str, name: &str| {
        Some(entry.pointer(pointer)?.as_array()?.iter().any(|it| it == name))
    };
    if let Some(takes) = has("/architecture/input_modalities", "image") {
        return Some(takes);
    }
    match entry["type"].as_str() {
        Some("vlm") => return Some(true),
        Some("llm") => return Some(false),
        _ => (),
    }
    let is_told = !entry["model_info"].is_null() || !entry["modelfile"].is_null();
    if is_told { has("/capabilities", "vision") } else { None }
}

/// What a model's name tells.
pub(super) fn known(model: &str) -> ModelFacts {
    let name = model.rsplit('/').next().unwrap_or(model);
    let known = KNOWN.iter().filter(|(start, _)| name.starts_with(start));
    let longest = known.max_by_key(|(start, _)| start.len());
    ModelFacts { context: longest.map(|(_, tokens)| *tokens), ..ModelFacts::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_service_tells_the_size_in_its_own_way() {
        for (body, context) in [
            (
                json!({"data": [{"id": "x.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 2048, "n_ctx_train": 32768}}]}),
                Some(2048),
            ),
            (
                json!({"data": [{"id": "m", "max_model_len": 8192}, {"id": "n", "max_model_len": 1}]}),
                Some(8192),
            ),
            (json!({"data": [{"id": "m", "context_length": 131_072}]}), Some(131_072)),
            (
                json!({"data": [{"id": "m", "max_context_length": 9000, "loaded_context_length": 4096}]}),
                Some(4096),
            ),
            (json!({"models": [{"name": "m:latest", "context_length": 4096}]}), Some(4096)),
            (json!({"id": "m", "max_input_tokens": 200_000}), Some(200_000)),
            (json!({"default_generation_settings": {"n_ctx": 2048}}), Some(2048)),
            (json!({"data": [{"id": "n", "max_model_len": 1}, {"id": "o"}]}), None),
            (json!({"data": [{"id": "m", "max_model_len": 0}]}), None),
            (json!({"data": "m"}), None),
            (json!([]), None),
        ] {
            assert_eq!(read(&body.to_string(), "m").context, context, "{body}");
        }
        assert_eq!(read("<html>", "m"), ModelFacts::default());
    }

    #[test]
    fn models_without_tools_are_found_out_only_where_the_service_knows() {
        for (body, has_tools) in [
            (json!({"chat_template_caps": {"supports_tools": false}}), Some(false)),
            (json!({"chat_template_caps": {"supports_tools": true}}), Some(true)),
            (json!({"capabilities": ["completion"], "model_info": {}}), Some(false)),
            (json!({"capabilities": ["completion", "tools"], "model_info": {}}), Some(true)),
            (json!({"models": [{"name": "m", "capabilities": ["completion"]}]}), None),
            (json!({}), None),
        ] {
            assert_eq!(read(&body.to_string(), "m").has_tools, has_tools, "{body}");
        }
    }

    #[test]
    fn services_tell_in_their_own_ways_whether_a_model_takes_images() {
        for (body, takes_images) in [
            (json!({"modalities": {"vision": true, "audio": false}}), Some(true)),
            (json!({"modalities": {"vision": false}}), Some(false)),
            (json!({"capabilities": ["completion", "vision"], "model_info": {}}), Some(true)),
            (json!({"capabilities": ["completion"], "model_info": {}}), Some(false)),
            (
                json!({"data": [{"id": "m", "architecture": {"input_modalities": ["text"]}}]}),
                Some(false),
            ),
            (json!({"data": [{"id": "m", "type": "vlm"}, {"id": "n", "type": "llm"}]}), Some(true)),
            (json!({"data": [{"id": "m", "capabilities": ["completion"]}]}), None),
            (json!({"data": [{"id": "m", "type": "model"}]}), None),
        ] {
            assert_eq!(read(&body.to_string(), "m").takes_images, takes_images, "{body}");
        }
    }

    #[test]
    fn a_model_is_listed_or_not_where_there_is_a_list() {
        for (body, is_listed) in [
            (json!({"data": [{"id": "m"}, {"id": "n"}]}), Some(true)),
            (json!({"data": [{"id": "m:latest"}]}), Some(true)),
            (json!({"data": [{"id": "n"}]}), Some(false)),
            (json!({"data": [{"id": "x.gguf", "owned_by": "llamacpp"}]}), None),
            (json!({"data": []}), None),
            (json!("m"), None),
        ] {
            assert_eq!(super::is_listed(&body.to_string(), "m"), is_listed, "{body}");
        }
    }

    #[test]
    fn the_name_tells_what_the_service_does_not() {
        for (model, context) in [
            ("gpt-4o-mini", Some(128_000)),
            ("gpt-4-0613", Some(8_192)),
            ("openai/gpt-4.1", Some(1_047_576)),
            ("qwen3", None),
        ] {
            assert_eq!(known(model).context, context, "{model}");
        }
    }
}
