//! Access: the table `access`.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    authority::{Authority, WebOrigin},
    config::{
        token::Token,
        values::{
            As, HeaderName, HostText, HumanDuration, List, NetworkText, OptionalPath, OriginText,
            Text,
        },
    },
};

/// Who may use the server, and as what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessSettings {
    /// Host names by which the server may be addressed besides loopback: `name`, or `name:port` for
    /// one port alone.
    #[serde(with = "As::<List<HostText>>")]
    pub(crate) hosts: Vec<Authority>,
    /// Origins of other pages that may use the API, such as `http://localhost:5173`.
    #[serde(with = "As::<List<OriginText>>")]
    pub(crate) origins: Vec<WebOrigin>,
    /// File with the viewers' token, which permits everything but administration.
    /// `CICERONE_VIEWER_TOKEN` overrides it.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) viewer_token_file: Option<PathBuf>,
    /// File with the administrators' token. `CICERONE_ADMIN_TOKEN` overrides it.
    #[serde(with = "As::<OptionalPath>")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// How long a login lasts.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "12h"))]
    pub(crate) login_lifetime: Duration,
    /// Addresses or networks of reverse proxies whose forwarding headers are believed.
    #[serde(with = "As::<List<NetworkText>>")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Header in which these proxies name the user, such as `X-Forwarded-User`. The name is shown
    /// with the user's questions.
    #[serde(with = "As::<HeaderName>")]
    pub(crate) user_header: Option<String>,
    /// Header in which these proxies name the user's groups, separated by commas, such as
    /// `X-Forwarded-Groups`. `projects.NAME.access` and `access.admin_groups` list them.
    #[serde(with = "As::<HeaderName>")]
    pub(crate) groups_header: Option<String>,
    /// Groups whose members are administrators.
    #[serde(with = "As::<List<Text>>")]
    pub(crate) admin_groups: Vec<String>,
    /// What a viewer shows; `None` admits everybody, or with an admin token nobody, as a viewer.
    #[serde(skip)]
    pub(crate) viewer_token: Option<Token>,
    /// What an administrator shows.
    #[serde(skip)]
    pub(crate) admin_token: Option<Token>,
    /// Whether people log in with a provider.
    #[serde(skip)]
    pub(crate) has_provider: bool,
}

impl AccessSettings {
    /// Whether a token or a login is required of visitors.
    pub(crate) fn has_token(&self) -> bool {
        self.viewer_token.is_some() || self.admin_token.is_some() || self.has_provider
    }

    /// Whether people have names or groups, by which they can be told apart.
    pub(crate) fn knows_people(&self) -> bool {
        self.user_header.is_some() || self.groups_header.is_some() || self.has_provider
    }
}
