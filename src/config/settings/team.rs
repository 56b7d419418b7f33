//! Working together: the table `team`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rights::Visibility;

/// Who reads whose conversations, where users are known (`access.user_header`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamSettings {
    /// Who may read a new conversation: `team`, or `private` for its owner alone. The owner may
    /// change it.
    #[schemars(extend("default" = "team"))]
    pub(crate) default_visibility: Visibility,
    /// Whether administrators read private conversations of others.
    #[schemars(extend("default" = false))]
    pub(crate) admins_read: bool,
}
