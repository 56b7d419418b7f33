//! Discovery: the table `discovery`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{As, List, OptionalPath, PathText};

/// Where projects are found besides those that are named.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(in crate::config) struct DiscoveryTable {
    /// Directories whose child directories are all projects.
    #[serde(with = "As::<List<PathText>>")]
    pub(in crate::config) roots: Vec<PathBuf>,
    /// Project registry (`registry.db`) of the legacy system, whose projects are served too. It is
    /// only read.
    #[serde(with = "As::<OptionalPath>")]
    pub(in crate::config) registry: Option<PathBuf>,
}
