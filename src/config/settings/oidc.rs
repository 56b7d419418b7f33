//! Logins with an OpenID Connect provider: the table `oidc`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    config::{
        token::Token,
        values::{As, List, OptionalPath, Text},
    },
    project::ProjectAccess,
};

/// A provider with which people log in (OpenID Connect); `cicerone help logins` describes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "oidc"), allow(dead_code, reason = "only a login needs all of it"))]
pub(crate) struct OidcSettings {
    /// The provider's address, such as `https://login.example.org/realms/team`; empty: no such logins.
    #[serde(with = "As::<Text>")]
    pub(crate) issuer: String,
    /// As what this server is registered there, with the address `/login/callback` of each of its hosts.
    #[serde(with = "As::<Text>")]
    pub(crate) client_id: String,
    /// File with the secret of that registration; empty for a public client.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) secret_file: Option<PathBuf>,
    /// What is asked for besides `openid`.
    #[serde(with = "As::<List<Text>>")]
    #[schemars(extend("default" = ["email", "profile"]))]
    pub(crate) scopes: Vec<String>,
    /// The claim that is a person's name here. People must not be able to choose it for themselves.
    #[serde(with = "As::<Text>")]
    #[schemars(extend("default" = "email"))]
    pub(crate) name_claim: String,
    /// The claim with a person's groups or roles, or the path to it with dots.
    #[serde(with = "As::<Text>")]
    #[schemars(extend("default" = "groups"))]
    pub(crate) groups_claim: String,
    /// People and groups that may log in; empty: everybody whom the provider knows.
    #[serde(with = "As::<List<Text>>")]
    pub(crate) allow: Vec<String>,
    /// The secret in the file.
    #[serde(skip)]
    pub(crate) secret: Option<Token>,
    /// Who may log in.
    #[serde(skip)]
    pub(crate) access: ProjectAccess,
}

impl OidcSettings {
    /// Whether people log in with a provider.
    pub(crate) fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }
}
