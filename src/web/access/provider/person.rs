//! Who somebody is, by the claims of the provider. Pure.

use serde_json::{Map, Value};

use crate::config::settings::OidcSettings;

use super::ProviderError;

/// Who has logged in, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvenPerson {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

/// Who somebody is by the claims of the provider.
pub(super) fn proven(
    claims: &Map<String, Value>,
    settings: &OidcSettings,
) -> Result<ProvenPerson, ProviderError> {
    let OidcSettings { name_claim, groups_claim, .. } = settings;
    let name = claim(claims, name_claim).and_then(Value::as_str).unwrap_or_default();
    if name.trim() != name || name.is_empty() || name.chars().any(|c| c.is_control()) {
        return Err(ProviderError::NoName(name_claim.clone()));
    }
    let is_confirmed = match claims.get("email_verified") {
        Some(Value::Bool(is_confirmed)) => *is_confirmed,
        Some(Value::String(text)) => text == "true",
        _ => true,
    };
    if name_claim == "email" && !is_confirmed {
        return Err(ProviderError::Unconfirmed);
    }
    let groups = match claim(claims, groups_claim) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(group)) => vec![group.as_str()],
        _ => Vec::new(),
    };
    let groups = groups.into_iter().map(str::to_owned).collect();
    Ok(ProvenPerson { user: name.to_owned(), groups })
}

/// The claim of this name, or at this path with dots.
pub(super) fn claim<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}
