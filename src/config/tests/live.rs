//! What a reload of the configuration changes.

use super::*;

#[test]
fn keys_that_a_reload_changes_are_those_of_the_live_settings() {
    let other = |key: &Key| match &key.default {
        toml::Value::Boolean(is_on) => (!is_on).to_string(),
        toml::Value::Integer(number) => (number + 1).to_string(),
        // Those whose texts must fit.
        _ => match key.path.as_str() {
            "team.default_visibility" => "private".to_owned(),
            "reader.editor_url" => "vscode://file/{dir}/{path}:{line}".to_owned(),
            "agent.offline_projects" => "*".to_owned(),
            "server.log" => "debug".to_owned(),
            path if path.starts_with("discovery.") => String::new(),
            _ => "365d".to_owned(),
        },
    };
    let told = |loaded: &Loaded| format!("{:?}", loaded.settings.live);
    let mut machine = Machine::new();
    let before = machine.load();
    let mut tried = 0;
    for key in keys().filter(|key| key.is_live) {
        let text = other(key);
        // What is found there is a project like others.
        if text.is_empty() {
            continue;
        }
        machine.env.variables.insert(key.variable(), text.into());
        let after = machine.load();
        machine.env.variables.clear();
        let is_changed = told(&after) != told(&before) || after.settings.log != before.settings.log;
        assert!(is_changed, "{}", key.path);
        assert_eq!(after.needs_restart(&before), Vec::<String>::new(), "{}", key.path);
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
    machine.env.variables.insert("CICERONE_LIMITS_AGENTS".to_owned(), "3".into());
    let fixed = machine.load();
    assert_eq!(fixed.needs_restart(&before), ["limits.agents"]);
    assert_eq!(told(&fixed), told(&before));
}
