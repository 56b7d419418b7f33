//! Tests of groups of projects.

use std::fs;

use super::{Machine, check_agreement, validator};
use crate::{config::NamedProjects, project::ProjectName};

/// Three projects, and this table of groups.
fn with_groups(groups: &str) -> Machine {
    let machine = Machine::new();
    for name in ["api", "web", "web/inner"] {
        fs::create_dir_all(machine.env.current_dir.join(name)).unwrap();
    }
    let here = machine.env.current_dir.clone();
    let dir = |name: &str| here.join(name).display().to_string();
    let projects = format!(
        "[projects]\napi = {:?}\nweb = {:?}\ninner = {:?}\n",
        dir("api"),
        dir("web"),
        dir("web/inner")
    );
    machine.file(&format!("{projects}[groups]\n{groups}\n"))
}

#[test]
fn a_group_is_served_beside_its_projects_and_may_name_an_agent() {
    let machine = with_groups(
        "platform = [\"api\", \"web\"]\none = { projects = [\"web\"], agent = \"guide\" }",
    );
    let loaded = machine.load();
    let projects = &loaded.settings.live.projects;
    let names: Vec<_> = projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["api", "web", "inner", "platform", "one"]);
    let shown: Vec<_> = projects[3].roots.iter().map(|root| (root.prefix(), &root.dir)).collect();
    let here = &machine.env.current_dir;
    assert_eq!(
        shown,
        [("api:".to_owned(), &here.join("api")), ("web:".to_owned(), &here.join("web"))]
    );
    let agent = loaded.settings.live.agents.names.get(&ProjectName::mend("one")).unwrap();
    assert_eq!(agent.as_str(), "guide");
    let report = loaded.report();
    let line =
        report.lines().find(|line| line.starts_with("platform = [\"api\", \"web\"] ")).unwrap();
    assert!(line.ends_with("cicerone.toml:6"), "{line}");
}

#[test]
fn a_mistake_in_a_group_is_told_with_its_line_and_its_cure() {
    let at = "/config/cicerone/cicerone.toml:6";
    for (groups, words) in [
        ("platform = []", "name at least one project"),
        ("platform = [\"api\", \"api\"]", "`api` is in it twice"),
        ("platform = [\"api\", \"wb\"]", "no project `wb` is served; did you mean `web`?"),
        ("platform = [\"../etc\"]", "no project `../etc` is served"),
        ("platform = [\"api\", \"one\"]\none = [\"web\"]", "`one` is a group"),
        ("api = [\"web\"]", "a project has this name"),
        ("platform = [\"web\", \"inner\"]", "`web` (/here/web) and `inner` (/here/web/inner)"),
        ("platform = [\"inner\", \"web\"]", "one lies in the other"),
        ("platform = \"api\"", "expected a list of names of projects"),
        ("platform = [1]", "expected a list of names of projects"),
        ("platform = { agent = \"guide\" }", "missing field `projects`"),
        ("platform = { projects = [\"api\"], agents = \"guide\" }", "unknown field `agents`"),
        ("platform = { projects = [\"api\"], agent = \"gide\" }", "did you mean `guide`?"),
        ("\"a b\" = [\"api\"]", "did you mean `a-b`?"),
    ] {
        let error = with_groups(groups).error();
        assert!(error.contains(words) && error.contains(at), "{groups}: {error}");
    }
    let many: Vec<_> = (0..17).map(|n| format!("\"{n}\"")).collect();
    let error = with_groups(&format!("platform = [{}]", many.join(", "))).error();
    assert!(error.contains("at most 16 projects"), "{error}");
}

#[test]
fn the_same_directory_under_two_names_is_refused_also_by_a_link() {
    let machine = with_groups("platform = [\"api\", \"linked\"]");
    let here = machine.env.current_dir.clone();
    std::os::unix::fs::symlink(here.join("api"), here.join("other")).unwrap();
    let text = format!(
        "[projects]\napi = {:?}\nlinked = {:?}\n[groups]\nplatform = [\"api\", \"linked\"]\n",
        here.join("api"),
        here.join("other")
    );
    let error = machine.file(&text).error();
    assert!(error.contains("are the same"), "{error}");
}

#[test]
fn a_group_whose_project_is_kept_off_the_web_is_too() {
    let machine = with_groups("platform = [\"api\", \"web\"]\none = [\"web\"]")
        .variable("CICERONE_AGENT_OFFLINE_PROJECTS", "api");
    let agents = machine.load().settings.live.agents;
    for (name, has_web) in [("api", false), ("platform", false), ("one", true), ("web", true)] {
        assert_eq!(agents.has_web(&ProjectName::mend(name)), has_web, "{name}");
    }
}

#[test]
fn a_group_of_a_missing_directory_is_served_with_a_warning() {
    let machine = with_groups("platform = [\"api\", \"web\"]");
    fs::remove_dir(machine.env.current_dir.join("api")).unwrap();
    let loaded = machine.load();
    assert_eq!(loaded.settings.live.projects.len(), 4);
    assert!(loaded.warnings.iter().any(|it| it.text.contains("cannot be read")));
}

#[test]
fn where_the_command_line_names_the_projects_groups_of_others_are_left_out() {
    let mut machine = with_groups("platform = [\"api\", \"web\"]\none = [\"api\"]");
    let pairs = vec!["api=api".to_owned()];
    machine.command_line.projects = Some(NamedProjects { pairs, dirs: Vec::new() });
    let projects = machine.load().settings.live.projects;
    let names: Vec<_> = projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["api", "one"]);
}

#[test]
fn schema_and_server_accept_the_same_groups() {
    let validator = validator();
    let projects = "[projects]\na = \"a\"\nb = \"b\"\n[groups]\n";
    for (group, is_accepted) in [
        ("g = [\"a\", \"b\"]\n", true),
        ("g = { projects = [\"a\"], agent = \"guide\" }\n", true),
        ("g = []\n", false),
        ("g = [\"a\", \"a\"]\n", false),
        ("g = [\"\"]\n", false),
        ("g = { projects = [\"a\"], dir = \"x\" }\n", false),
        ("g = {}\n", false),
        ("g = 1\n", false),
    ] {
        check_agreement(&validator, &format!("{projects}{group}"), is_accepted);
    }
}
