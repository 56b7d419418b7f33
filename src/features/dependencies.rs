//! Dependencies between features: which are ready, which are blocked. Pure.

use std::collections::HashSet;

use serde::Serialize;

use super::Feature;

/// The features that do not pass yet, and which others do.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// Ids of the features that pass.
    pub passing: HashSet<i64>,
    /// In the order of work.
    pub open: Vec<Feature>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BlockedFeature {
    #[serde(flatten)]
    pub feature: Feature,
    /// Ids of its dependencies that do not pass or no longer exist.
    pub blocked_by: Vec<i64>,
}

impl Dependencies {
    /// Features to begin with: nobody works on them, they wait for no person and no other feature.
    pub(crate) fn ready(self) -> Vec<Feature> {
        let Self { passing, open } = self;
        let is_ready = |feature: &Feature| {
            let is_free = feature.in_progress != Some(true) && !waits_for_person(feature);
            is_free && blocked_by(feature, &passing).is_empty()
        };
        open.into_iter().filter(is_ready).collect()
    }

    /// Features that wait for others.
    pub(crate) fn blocked(self) -> Vec<BlockedFeature> {
        let Self { passing, open } = self;
        open.into_iter()
            .map(|feature| BlockedFeature { blocked_by: blocked_by(&feature, &passing), feature })
            .filter(|blocked| !blocked.blocked_by.is_empty())
            .collect()
    }
}

fn waits_for_person(feature: &Feature) -> bool {
    let extensions = feature.extensions.as_ref();
    extensions.and_then(|extensions| extensions.needs_human_input) == Some(true)
}

fn blocked_by(feature: &Feature, passing: &HashSet<i64>) -> Vec<i64> {
    let dependencies =
        feature.extensions.as_ref().and_then(|extensions| extensions.dependencies.as_array());
    dependencies
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_i64())
        .filter(|id| !passing.contains(id))
        .collect()
}
