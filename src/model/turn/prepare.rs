//! Before the first turn: which tools there are, and what the service says of the model.

use serde_json::json;

use super::{TurnEnv, TurnStop, WaitSign};
use crate::model::{
    client::FactResponse,
    facts::{self, ModelFacts},
    failure::{FailureKind, ServiceError},
    service::Preset,
    talk::Talk,
};

/// Learns what has to be known before the first request. What a service does not tell is no failure,
/// but a key or a model that it refuses is.
pub(in crate::model) fn prepare(env: &TurnEnv<'_>, talk: &mut Talk) -> Result<(), TurnStop> {
    if talk.is_prepared {
        return Ok(());
    }
    let listed = env.calls.request("tools/list", &json!({}));
    let client = env.client;
    let model = &env.service.model;
    let preset = env.service.known_as();
    let path = match preset {
        Some(Preset::Anthropic) => format!("/models/{model}"),
        _ => "/models".to_owned(),
    };
    let mut asked = vec![client.ask_facts(client.url(&path), None)];
    for (path, names_model) in facts::other_paths(preset) {
        let body = names_model.then(|| json!({"model": model}).to_string());
        asked.push(client.ask_facts(format!("{}{path}", client.root()), body));
    }
    let mut sign = WaitSign::new(None);
    if let Some(listed) = env.wait(&listed, &mut sign)? {
        talk.set_tools(&listed);
    }
    let mut known = ModelFacts::default();
    // A service that starts or loads its model is asked again at the next question.
    let mut is_there = true;
    for response in &asked {
        if let Some(response) = env.wait(response, &mut sign)? {
            is_there &= !matches!(&response, Err(error) if error.is_passing());
            known = known.or(read(response, model)?);
        }
    }
    if known.is_llamacpp && preset != Some(Preset::Llamacpp) {
        let props = client.ask_facts(format!("{}/props", client.root()), None);
        if let Some(response) = env.wait(&props, &mut sign)? {
            known = known.or(read(response, model)?);
        }
    }
    talk.learn(known);
    talk.is_prepared = is_there;
    let has_tools = talk.settings.has_tools;
    log::debug!("{model}: {} tokens, tools: {has_tools}", talk.size.context);
    Ok(())
}

fn read(response: FactResponse, model: &str) -> Result<ModelFacts, TurnStop> {
    match response {
        Ok(body) => Ok(facts::read(&body, model)),
        Err(error) if matches!(error.kind, FailureKind::Key | FailureKind::UnknownModel) => {
            Err(TurnStop::Service(error))
        }
        Err(ServiceError { kind, .. }) => {
            log::debug!("the service says nothing of its models: {kind:?}");
            Ok(ModelFacts::default())
        }
    }
}
