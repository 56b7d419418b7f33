//! Tests.

use super::*;
use crate::config::{git_source::ProjectSource, project_tables};

fn env() -> ProcessEnv {
    ProcessEnv {
        current_dir: "/here".into(),
        home_dir: Some("/home/me".into()),
        ..ProcessEnv::default()
    }
}

fn env_with<const N: usize>(variables: [(&str, &str); N]) -> ProcessEnv {
    let variables = variables.map(|(name, value)| (name.to_owned(), value.into()));
    ProcessEnv { variables: variables.into(), ..env() }
}

fn with_file(text: &str) -> Result<Layers, ConfigMistake> {
    let mut layers = Layers::new(&env());
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
        "bad value \"claude\" for `agent` (/etc/c.toml:1): expected a table that starts with a line [agent]",
    );
}

#[test]
fn a_bad_value_is_refused_with_its_line_and_what_would_fit() {
    let error = |text| with_file(text).unwrap().tables().unwrap_err().to_string();
    assert_eq!(
        error("[agent]\nsandbox = \"besteffort\"\n"),
        "bad value \"besteffort\" for `agent.sandbox` (/etc/c.toml:2): expected one of \
         \"required\", \"best-effort\", \"off\"; did you mean `best-effort`?"
    );
    assert_eq!(
        error("[advanced.socket]\nping_interval = 20\n"),
        "bad value 20 for `advanced.socket.ping_interval` (/etc/c.toml:2): expected a duration \
         above zero, such as \"200ms\", \"30s\" or \"5m\""
    );
    assert_eq!(
        error("[server]\nlog = \"Warn\"\n"),
        "bad value \"Warn\" for `server.log` (/etc/c.toml:2): expected one of \"off\", \"error\", \
         \"warn\", \"info\", \"debug\", \"trace\"; did you mean `warn`?"
    );
    assert_eq!(
        error("[access]\nhosts = [\"a\", \"http://b\"]\n"),
        "bad value [\"a\", \"http://b\"] for `access.hosts` (/etc/c.toml:2): expected a list of \
         hosts, such as \"guide.example.org\" or \"192.168.1.2:8080\""
    );
}

#[test]
fn a_bad_value_of_a_variable_or_a_flag_names_it() {
    let mut layers = Layers::new(&env());
    layers.add_environment(&env_with([("CICERONE_LIMITS_AGENTS", "few")])).unwrap();
    assert_eq!(layers.warnings, Vec::<String>::new());
    assert_eq!(
        layers.tables().unwrap_err().to_string(),
        "bad value \"few\" for `limits.agents` (environment variable CICERONE_LIMITS_AGENTS): \
         expected a whole number of at least 1"
    );
    let mut layers = Layers::new(&env());
    layers.add_flags(&[FlagValue {
        key: "agent.sandbox",
        flag: "--sandbox".into(),
        texts: vec!["of".into()],
    }]);
    assert_eq!(
        layers.tables().unwrap_err().to_string(),
        "bad value \"of\" for `agent.sandbox` (flag --sandbox): expected one of \"required\", \
         \"best-effort\", \"off\"; did you mean `off`?"
    );
}

#[test]
fn an_unknown_variable_is_warned_of() {
    let mut layers = Layers::new(&env());
    let names = ["CICERONE_LISTN", "CICERONE_CONFIG", "CICERONE_PROJECT", "PATH"];
    layers.add_environment(&env_with(names.map(|name| (name, "x")))).unwrap();
    assert_eq!(
        layers.warnings,
        ["unknown environment variable CICERONE_LISTN; did you mean `CICERONE_LISTEN`?"]
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let mut layers = Layers::new(&env());
    layers.add_environment(&env_with([("CICERONE_LISTEN", "")])).unwrap();
    assert_eq!(layers.given("server.listen").unwrap().origin, ValueOrigin::Default);
}

#[test]
fn a_repeated_flag_makes_a_list() {
    let mut layers = Layers::new(&env());
    let mut add = |texts: &[&str]| {
        layers.add_flags(&[FlagValue {
            key: "agent.env",
            flag: "--agent-env".into(),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }]);
        layers.tables().unwrap().agent.env
    };
    assert_eq!(add(&["A"]), ["A"]);
    assert_eq!(add(&["A", "B"]), ["A", "B"]);
}

#[test]
fn a_relative_path_starts_where_it_was_written() {
    let layers =
        with_file("[server]\nassets = \"page\"\n[projects]\na = \"~/a\"\nb = \"b\"\n").unwrap();
    let page = layers.tables().unwrap().server.assets;
    assert_eq!(page.unwrap(), Path::new("/etc/page"));
    let projects = project_tables::of_file(&layers).unwrap();
    let dir = |path: &str| ProjectSource::Dir(path.into());
    let dirs: Vec<_> = projects.iter().map(|it| (it.name.as_str(), it.source.clone())).collect();
    assert_eq!(dirs, [("a", dir("/home/me/a")), ("b", dir("/etc/b"))]);
    let flag = ValueOrigin::Flag("--assets".into());
    assert_eq!(layers.absolute("page".as_ref(), &flag), Path::new("/here/page"));
}

#[test]
fn a_project_without_a_directory_is_refused() {
    let error = project_tables::of_file(&with_file("[projects]\na = 1\n").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bad value 1 for `projects.a` (/etc/c.toml:2): expected the directory as a text, or a table such \
         as { dir = \"~/src/app\", agent = \"guide\" } or { git = \"https://…\" }"
    );
}

#[test]
fn a_program_and_the_paths_of_a_list_are_made_absolute_too() {
    let text = "[agent]\nclaude = \"bin/claude\"\nreadable = [\"a\", \"~/b\", \"/c\"]\n";
    let agent = with_file(text).unwrap().tables().unwrap().agent;
    assert_eq!(agent.claude.unwrap(), Path::new("/etc/bin/claude"));
    assert_eq!(agent.readable, ["/etc/a", "/home/me/b", "/c"].map(PathBuf::from));
    let name = with_file("[agent]\nclaude = \"claude-2\"\n").unwrap().tables().unwrap();
    assert_eq!(name.agent.claude.unwrap(), Path::new("claude-2"));
}

#[test]
fn a_key_under_a_wrong_spelling_of_its_former_name_is_told_the_new_one() {
    check_refused(
        "[socket]\nping_intervall = \"1s\"\n",
        "unknown key `socket.ping_intervall` (/etc/c.toml:2); did you mean \
         `advanced.socket.ping_interval`?",
    );
    check_refused(
        "[advanced.sockets]\nattach_afer = 1\n",
        "unknown key `advanced.sockets.attach_afer` (/etc/c.toml:2); did you mean \
         `advanced.socket.attach_after`?",
    );
}
