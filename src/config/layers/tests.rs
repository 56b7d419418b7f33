//! Tests.

use super::*;

fn surroundings() -> Surroundings {
    Surroundings {
        current_dir: "/here".into(),
        home_dir: Some("/home/me".into()),
        ..Surroundings::default()
    }
}

fn with_file(text: &str) -> Result<Layers, ConfigError> {
    let mut layers = Layers::of_defaults(&surroundings())?;
    layers.add_file(text, "/etc/c.toml".as_ref())?;
    Ok(layers)
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(with_file(text).unwrap_err().to_string(), expected);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    check_refused(
        "[limits]\nagents = 1\nagent = 2\n",
        "unknown key `limits.agent` (/etc/c.toml:3); did you mean `limits.agents`?",
    );
    check_refused(
        "[server]\n\n\nlisen = \"x\"\n",
        "unknown key `server.lisen` (/etc/c.toml:4); did you mean `server.listen`?",
    );
}

#[test]
fn a_key_in_the_wrong_table_is_told_its_own() {
    check_refused(
        "[server]\nidle_timeout = \"1m\"\n",
        "unknown key `server.idle_timeout` (/etc/c.toml:2); did you mean `agent.idle_timeout`?",
    );
    check_refused(
        "listen = \"x\"\n",
        "unknown key `listen` (/etc/c.toml:1); did you mean `server.listen`?",
    );
}

#[test]
fn an_unknown_table_is_refused() {
    check_refused("[limit]\n", "unknown key `limit` (/etc/c.toml:1); did you mean `limits`?");
    check_refused(
        "[project]\na = \"/a\"\n",
        "unknown key `project.a` (/etc/c.toml:2); did you mean `projects.a`?",
    );
    check_refused(
        "agent = \"claude\"\n",
        "bad value \"claude\" for `agent` (/etc/c.toml:1): expected a table, begun by a line [agent]",
    );
}

#[test]
fn a_bad_value_is_refused_with_its_line_and_what_would_fit() {
    let error = |text, key: &str| -> String {
        let layers = with_file(text).unwrap();
        match key {
            "agent.sandbox" => layers.get::<crate::config::settings::Sandbox>(key).unwrap_err(),
            _ => layers.get::<std::time::Duration>(key).unwrap_err(),
        }
        .to_string()
    };
    assert_eq!(
        error("[agent]\nsandbox = \"besteffort\"\n", "agent.sandbox"),
        "bad value \"besteffort\" for `agent.sandbox` (/etc/c.toml:2): expected one of \
         \"required\", \"best-effort\", \"off\"; did you mean `best-effort`?"
    );
    assert_eq!(
        error("[socket]\nping_interval = 20\n", "socket.ping_interval"),
        "bad value 20 for `socket.ping_interval` (/etc/c.toml:2): expected a duration above zero, \
         such as \"200ms\", \"30s\" or \"5m\""
    );
}

#[test]
fn a_bad_value_of_a_variable_or_a_flag_names_it() {
    let mut layers = Layers::of_defaults(&surroundings()).unwrap();
    let environment = HashMap::from([("CICERONE_LIMITS_AGENTS".to_owned(), "few".into())]);
    assert_eq!(layers.add_environment(&environment), Vec::<String>::new());
    layers.add_flags(&[FlagValue {
        key: "agent.kind",
        flag: "--agent",
        texts: vec!["cloude".into()],
    }]);
    let error = layers.get::<super::super::values::Count>("limits.agents");
    assert_eq!(
        error.unwrap_err().to_string(),
        "bad value \"few\" for `limits.agents` (environment variable CICERONE_LIMITS_AGENTS): \
         expected a whole number of at least 1"
    );
    let error = layers.get::<crate::config::settings::AgentChoice>("agent.kind");
    assert_eq!(
        error.unwrap_err().to_string(),
        "bad value \"cloude\" for `agent.kind` (flag --agent): expected one of \"auto\", \
         \"claude\", \"guide\"; did you mean `claude`?"
    );
}

#[test]
fn a_variable_that_means_nothing_is_warned_of() {
    let mut layers = Layers::of_defaults(&surroundings()).unwrap();
    let names = ["CICERONE_LISTN", "CICERONE_CONFIG", "CICERONE_PROJECT", "PATH"];
    let environment = names.map(|name| (name.to_owned(), "x".into())).into();
    assert_eq!(
        layers.add_environment(&environment),
        ["environment variable CICERONE_LISTN means nothing here; did you mean CICERONE_LISTEN?"]
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let mut layers = Layers::of_defaults(&surroundings()).unwrap();
    layers.add_environment(&HashMap::from([("CICERONE_LISTEN".to_owned(), "".into())]));
    assert_eq!(layers.given("server.listen").unwrap().origin, Origin::Default);
}

#[test]
fn a_repeated_flag_makes_a_list() {
    let mut layers = Layers::of_defaults(&surroundings()).unwrap();
    let mut add = |texts: &[&str]| {
        layers.add_flags(&[FlagValue {
            key: "agent.env",
            flag: "--agent-env",
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }]);
        layers.get::<Vec<String>>("agent.env").unwrap()
    };
    assert_eq!(add(&["A"]), ["A"]);
    assert_eq!(add(&["A", "B"]), ["A", "B"]);
}

#[test]
fn a_relative_path_starts_where_it_was_written() {
    let layers =
        with_file("[server]\nassets = \"page\"\n[projects]\na = \"~/a\"\nb = \"b\"\n").unwrap();
    let page = layers.get_path("server.assets").unwrap();
    assert_eq!(page.unwrap(), Path::new("/etc/page"));
    let projects = layers.file_projects().unwrap();
    let dirs: Vec<_> =
        projects.iter().map(|(name, dir, _)| (name.as_str(), dir.to_str().unwrap())).collect();
    assert_eq!(dirs, [("a", "/home/me/a"), ("b", "/etc/b")]);
    let flag = Origin::Flag("--assets".into());
    assert_eq!(layers.absolute("page".as_ref(), &flag), Path::new("/here/page"));
}

#[test]
fn a_project_without_a_directory_is_refused() {
    let error = with_file("[projects]\na = 1\n").unwrap().file_projects().unwrap_err();
    assert_eq!(
        error.to_string(),
        "bad value 1 for `projects.a` (/etc/c.toml:2): expected the directory as a text"
    );
}
