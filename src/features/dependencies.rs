//! Which features can be begun and which wait for others. Pure.

use std::collections::HashSet;

use serde::Serialize;

use super::Feature;

/// The features that do not pass yet, and what those need to know of the others.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// Ids of the features that pass.
    pub passing: HashSet<i64>,
    /// The features that do not pass, in the order of work.
    pub open: Vec<Feature>,
}

/// A feature and the features that it waits for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BlockedFeature {
    /// The feature.
    #[serde(flatten)]
    pub feature: Feature,
    /// Ids of its dependencies that do not pass, or that are no more.
    pub blocked_by: Vec<i64>,
}

impl Dependencies {
    /// What can be begun: nobody works on it, it waits for no person and for no other feature.
    pub(crate) fn ready(self) -> Vec<Feature> {
        let Self { passing, open } = self;
        let is_ready = |feature: &Feature| {
            let is_free = feature.in_progress != Some(true) && !waits_for_person(feature);
            is_free && blocked_by(feature, &passing).is_empty()
        };
        open.into_iter().filter(is_ready).collect()
    }

    /// What waits for other features.
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
