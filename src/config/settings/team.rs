//! Working together: the table `team`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rights::Visibility;

/// Who reads whose conversations, where users are known (`access.user_header`), and what is public.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(crate) struct TeamSettings {
    /// Who may read a new conversation: `team`, or `private` for its owner alone. The owner may
    /// change it.
    #[schemars(extend("default" = "team"))]
    pub(crate) default_visibility: Visibility,
    /// Whether administrators read private conversations of others.
    #[schemars(extend("default" = false))]
    pub(crate) admins_read: bool,
    /// Whether a conversation can be published as a frozen snapshot, which everybody reads who has its
    /// address, without a login. `false` also closes those that are published.
    #[schemars(extend("default" = false))]
    pub(crate) public_snapshots: bool,
}
