//! A look at a service without a question: whether it answers, knows the model, and what it says of it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    client::ServiceClient,
    facts::{self, ModelFacts},
    failure::Asked,
    service::{Preset, Service},
};

/// What a look at a service has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCheck {
    /// Why it cannot be asked, for a person.
    pub problem: Option<String>,
    /// Whether the model is among those that it lists; `None` where it lists none.
    pub is_listed: Option<bool>,
    /// The model's context in tokens: as configured, else as the service or the model's name tells.
    pub context: Option<u64>,
    /// Whether the model takes tools; `None` where nothing tells.
    pub has_tools: Option<bool>,
}

/// Looks at a service. Blocks for some seconds at most.
pub fn look(service: &Service) -> ServiceCheck {
    let client = ServiceClient::new(service);
    let (model, preset) = (&service.model, service.known_as());
    let mut asked = vec![(client.url("/models"), None)];
    for (path, names_model) in facts::other_paths(preset) {
        let body = names_model.then(|| json!({"model": model}).to_string());
        asked.push((format!("{}{path}", client.root()), body));
    }
    let mut check = ServiceCheck::default();
    let mut known = ModelFacts::default();
    for (at, (url, body)) in asked.into_iter().enumerate() {
        let Ok(response) = client.ask_facts(url, body).recv() else { continue };
        match response {
            Ok(body) => {
                known = known.or(facts::read(&body, model));
                if at == 0 {
                    check.is_listed = facts::is_listed(&body, model);
                }
            }
            Err(error) if at == 0 => {
                let is_ollama = preset == Some(Preset::Ollama);
                let asked = Asked { service: service.host(), model, is_ollama };
                check.problem = Some(error.words(&asked));
                break;
            }
            Err(_) => (),
        }
    }
    known = known.or(facts::known(model));
    check.context = service.context.or(known.context);
    check.has_tools = known.has_tools;
    check
}
