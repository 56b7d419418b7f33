//! Feature lists of all ages, and files made to harm.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;

const OLD: &str = "CREATE TABLE features (id INTEGER NOT NULL, priority INTEGER NOT NULL,
    category VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT NOT NULL,
    steps JSON NOT NULL, passes BOOLEAN, in_progress BOOLEAN, PRIMARY KEY (id));";

const NEW: &str = "CREATE TABLE features (id INTEGER NOT NULL, priority INTEGER NOT NULL,
    category VARCHAR(100) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT NOT NULL,
    steps JSON NOT NULL, passes BOOLEAN NOT NULL, in_progress BOOLEAN NOT NULL, dependencies JSON,
    needs_human_input BOOLEAN NOT NULL, human_input_request JSON, human_input_response JSON,
    PRIMARY KEY (id)); PRAGMA journal_mode=WAL;";

/// A project whose `folder` holds a `features.db` made by `sql`.
fn project(folder: &str, sql: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(folder)).unwrap();
    Connection::open(dir.path().join(folder).join(FILE)).unwrap().execute_batch(sql).unwrap();
    dir
}

fn open(project: &TempDir) -> Features {
    Features::open(project.path()).unwrap().unwrap()
}

fn ids(features: &[Feature]) -> Vec<i64> {
    features.iter().map(|feature| feature.id).collect()
}

#[test]
fn a_project_without_the_file_has_none_and_gets_none() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Features::open(dir.path()).unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_file_is_found_in_each_folder_and_the_newest_folder_wins() {
    for folder in FOLDERS {
        assert_eq!(open(&project(folder, OLD)).stats().unwrap().total, 0);
    }
    let dir = project(".autoforge", OLD);
    fs::write(dir.path().join(FILE), "not a database, but not asked").unwrap();
    assert_eq!(open(&dir).stats().unwrap().total, 0);
}

#[test]
fn an_empty_file_has_no_features() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), "").unwrap();
    let features = open(&dir);
    assert_eq!(features.stats().unwrap(), FeatureStats::of(0, 0, 0));
    assert_eq!(features.next().unwrap(), None);
    assert_eq!(features.for_regression(3).unwrap(), []);
    assert_eq!(features.by_id(1).unwrap(), None);
}

#[test]
fn null_passes_counts_neither_as_passing_nor_as_pending() {
    let rows = "INSERT INTO features VALUES (1, 1, 'c', 'n', 'd', '[]', NULL, NULL),
        (2, 2, 'c', 'n', 'd', '[]', 1, 0), (3, 3, 'c', 'n', 'd', '[]', 0, 1);";
    let dir = project("", &format!("{OLD}{rows}"));
    let features = open(&dir);
    assert_eq!(features.stats().unwrap(), FeatureStats::of(1, 1, 3));
    assert_eq!(features.stats().unwrap().percentage, 33.3);
    assert_eq!(features.next().unwrap().unwrap().id, 3);
    assert_eq!(ids(&features.for_regression(3).unwrap()), [2]);
    let first = features.by_id(1).unwrap().unwrap();
    assert_eq!((first.passes, first.in_progress), (None, None));
}

#[test]
fn the_next_feature_is_the_first_by_priority_and_id() {
    let rows = "INSERT INTO features VALUES (1, 9, 'c', 'n', 'd', '[]', 0, 0),
        (4, 2, 'c', 'n', 'd', '[\"a\"]', 0, 1), (3, 2, 'c', 'n', 'd', 'no json', 0, 0),
        (2, 1, 'c', 'n', 'd', '[]', 1, 0);";
    let next = open(&project(".autocoder", &format!("{OLD}{rows}"))).next();
    let next = next.unwrap().unwrap();
    assert_eq!(next.id, 3);
    assert_eq!(next.steps, json!("no json"));
    assert_eq!(
        serde_json::to_string(&next).unwrap(),
        r#"{"id":3,"priority":2,"category":"c","name":"n","description":"d","steps":"no json","passes":false,"in_progress":false}"#
    );
}

#[test]
fn the_oldest_files_lack_a_column() {
    let sql = "CREATE TABLE features (id INTEGER PRIMARY KEY, priority INTEGER, category TEXT,
        name TEXT, description TEXT, steps JSON, passes BOOLEAN);
        INSERT INTO features VALUES (1, 1, 'c', 'n', 'd', '[]', 0);";
    let dir = project("", sql);
    let features = open(&dir);
    assert_eq!(features.stats().unwrap(), FeatureStats::of(0, 0, 1));
    assert_eq!(features.next().unwrap().unwrap().in_progress, Some(false));
    let error = features.dependencies().unwrap_err();
    assert!(error.to_string().contains("has no dependencies"), "{error}");
}

#[test]
fn a_regression_takes_as_many_as_asked_in_any_order() {
    let rows: String = (1..=20)
        .map(|id| format!("INSERT INTO features VALUES ({id}, 1, 'c', 'n', 'd', '[]', 1, 0);"))
        .collect();
    let dir = project("", &format!("{OLD}{rows}"));
    let features = open(&dir);
    let draw = || ids(&features.for_regression(10).unwrap());
    let first = draw();
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 10);
    // Twenty draws that are all alike happen once in 10^220.
    assert!((0..20).any(|_| draw() != first));
}

#[test]
fn newer_files_tell_what_is_ready_and_what_is_blocked() {
    let rows = "INSERT INTO features VALUES
        (1, 1, 'c', 'n', 'd', '[]', 1, 0, NULL, 0, NULL, NULL),
        (2, 3, 'c', 'n', 'd', '[]', 0, 0, '[1]', 0, NULL, NULL),
        (3, 2, 'c', 'n', 'd', '[]', 0, 0, '[1, 2, 99]', 0, NULL, NULL),
        (4, 1, 'c', 'n', 'd', '[]', 0, 1, '[]', 0, NULL, NULL),
        (5, 1, 'c', 'n', 'd', '[]', 0, 0, '[]', 1, '{\"prompt\": \"?\"}', NULL),
        (6, 1, 'c', 'n', 'd', '[]', 0, 0, NULL, 0, NULL, NULL);";
    let dir = project(".autoforge", &format!("{NEW}{rows}"));
    let features = open(&dir);
    assert_eq!(ids(&features.dependencies().unwrap().ready()), [6, 2]);
    let blocked = features.dependencies().unwrap().blocked();
    let [blocked] = blocked.as_slice() else { panic!("{blocked:?}") };
    assert_eq!((blocked.feature.id, blocked.blocked_by.as_slice()), (3, &[2, 99][..]));
    let json = serde_json::to_value(features.by_id(5).unwrap()).unwrap();
    assert_eq!(json["needs_human_input"], true);
    assert_eq!(json["human_input_request"]["prompt"], "?");
    assert_eq!(fs::read_dir(dir.path().join(".autoforge")).unwrap().count(), 1);
}

#[test]
fn percentages_round_as_the_original_rounds() {
    let percentage = |passing, total| FeatureStats::of(passing, 0, total).percentage;
    // 6.25 and 18.75 lie exactly between two.
    assert_eq!(percentage(1, 16), 6.2);
    assert_eq!(percentage(3, 16), 18.8);
    assert_eq!(percentage(2, 3), 66.7);
    assert_eq!(percentage(3, 3), 100.0);
}

#[test]
fn a_file_that_is_made_to_harm_is_refused_in_time() {
    let endless = "CREATE VIEW features AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1
        FROM n) SELECT x AS id, 0 AS passes FROM n;";
    assert_eq!(open(&project("", endless)).stats().unwrap().total, 0);

    // Each row computes for 25 ms; the column comes last, since inserting computes it too.
    let slow = "CREATE TABLE features (id INTEGER, in_progress BOOLEAN);
        INSERT INTO features (id) WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n
        LIMIT 100000) SELECT x FROM n;
        ALTER TABLE features ADD passes BOOLEAN AS (length(hex(zeroblob(4000000 + id))) = 0);";
    let error = open(&project("", slow)).stats().unwrap_err();
    assert!(error.to_string().ends_with("interrupted"), "{error}");

    let huge = "CREATE TABLE features (id INTEGER, in_progress BOOLEAN);
        INSERT INTO features (id) VALUES (1);
        ALTER TABLE features ADD passes BOOLEAN AS (length(hex(zeroblob(90000000 + id))) = 0);";
    let error = open(&project("", huge)).stats().unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_project_is_not_followed() {
    let other = project("", OLD);
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(other.path().join(FILE), dir.path().join(FILE)).unwrap();
    let error = Features::open(dir.path()).unwrap_err();
    assert!(matches!(error, FeaturesError::Outside(_)));
}
