//! Answers about progress, from the project's feature list.

use crate::{
    features::{Feature, FeatureStats, Features, FeaturesError},
    source::text::clip,
};

/// Longest quoted description, bytes.
const MAX_DESCRIPTION_BYTES: usize = 400;
/// Features listed.
const LISTED: usize = 5;

#[derive(Debug)]
pub(crate) struct Progress {
    pub stats: FeatureStats,
    /// The first feature in the order of work that does not pass.
    pub next: Option<Feature>,
    /// `None` if the list has no dependencies.
    pub open: Option<OpenFeatures>,
}

/// Features that do not pass, by their dependencies.
#[derive(Debug)]
pub(crate) struct OpenFeatures {
    /// Features that can be started, in the order of work.
    pub ready: Vec<Feature>,
    /// Features that wait for others.
    pub n_blocked: usize,
}

///
/// # Errors
/// The list cannot be read.
pub(crate) fn read(features: &Features) -> Result<Progress, FeaturesError> {
    let open = if features.has_dependencies() {
        let ready = features.dependencies()?.ready();
        let n_blocked = features.dependencies()?.blocked().len();
        Some(OpenFeatures { ready, n_blocked })
    } else {
        None
    };
    Ok(Progress { stats: features.stats()?, next: features.next()?, open })
}

/// The text of the answer.
pub(crate) fn text(progress: &Progress) -> String {
    let Progress { stats, next, open } = progress;
    if stats.total == 0 {
        return "The feature list of this project is empty.".to_owned();
    }
    let mut text = format!(
        "**{} of {} features pass** ({} %), {} in progress.\n",
        stats.passing, stats.total, stats.percentage, stats.in_progress
    );
    match next {
        None => text.push_str("\nAll features pass: nothing is left to do.\n"),
        Some(next) => {
            text.push_str(&format!("\nNext comes {}\n", described(next)));
        }
    }
    if let Some(open) = open {
        if open.ready.len() > 1 {
            text.push_str("\nReady to be begun:\n\n");
            for feature in open.ready.iter().take(LISTED) {
                text.push_str(&format!("- #{} {}\n", feature.id, feature.name));
            }
            let n_more = open.ready.len().saturating_sub(LISTED);
            if n_more > 0 {
                text.push_str(&format!("- and {n_more} more\n"));
            }
        }
        if open.n_blocked > 0 {
            text.push_str(&format!("\n{} wait for other features.\n", open.n_blocked));
        }
    }
    text
}

fn described(feature: &Feature) -> String {
    let description = clip(feature.description.trim(), MAX_DESCRIPTION_BYTES);
    format!("#{} **{}** ({}): {description}", feature.id, feature.name, feature.category)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn feature(id: i64, name: &str) -> Feature {
        Feature {
            id,
            priority: id,
            category: "functional".to_owned(),
            name: name.to_owned(),
            description: "It works.".to_owned(),
            steps: json!([]),
            passes: Some(false),
            in_progress: Some(false),
            extensions: None,
        }
    }

    #[test]
    fn progress_is_told_with_what_comes_next() {
        let open =
            OpenFeatures { ready: vec![feature(4, "Search"), feature(5, "Export")], n_blocked: 2 };
        let progress = Progress {
            stats: FeatureStats::of(3, 1, 8),
            next: Some(feature(4, "Search")),
            open: Some(open),
        };
        expect_test::expect![[r#"
            **3 of 8 features pass** (37.5 %), 1 in progress.

            Next comes #4 **Search** (functional): It works.

            Ready to be begun:

            - #4 Search
            - #5 Export

            2 wait for other features.
        "#]]
        .assert_eq(&text(&progress));
    }

    #[test]
    fn a_finished_and_an_empty_list_say_so() {
        let progress =
            |total| Progress { stats: FeatureStats::of(total, 0, total), next: None, open: None };
        assert!(text(&progress(2)).contains("All features pass"));
        assert!(text(&progress(0)).contains("is empty"));
    }
}
