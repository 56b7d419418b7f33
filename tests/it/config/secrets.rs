//! Whoever writes a secret where none belongs does not find it in what the program prints.

use super::{cicerone, cicerone_with};
use crate::server::{Setup, eventually, signal};

/// Part of every secret here.
const SECRET: &str = "hunter2";

/// Files with a secret in a wrong place, and words of what is told.
const WRONG: [(&str, &str); 22] = [
    ("[projects]\nshop = { git = 'https://me:hunter2@a.b/c' }", "password"),
    ("[projects]\nshop = { git = 'https://me:hun@hunter2 /x@a.b/c', depth = 0 }", "spaces"),
    ("[projects]\nshop = { git = 'https://hunter2@a.b/c' }", "`token_file`"),
    ("[projects]\nshop = { git = 'https://a.b/c', token = 'hunter2' }", "`token`"),
    ("[projects]\nshop = { git = 'https://a.b/c', refresh = 'hunter2' }", "duration"),
    (
        "[projects]\nshop = { git = 'https://a.b/c', branches = 'hunter2' }",
        "a text, expected a sequence",
    ),
    ("[projects]\nshop = { dir = 'a', password = 'hunter2' }", "no `password` beside"),
    ("[projects]\nshop = 'https://me:hunter2@a.b/c'", "stands in `git`"),
    ("[groups]\nall = { projects = 'hunter2' }", "expected a sequence"),
    ("[discovery.forges.x]\nkind = 'github'\nowner = 'a'\ntoken = 'hunter2'", "`token`"),
    (
        "[discovery.forges.x]\nkind = 'gitea'\nowner = 'a'\nurl = 'https://me:hunter2@a.b'",
        "password",
    ),
    ("[discovery.forges.x]\nkind = 'gitea'\nowner = 'a'\nurl = 'me:hunter2@a.b'", "https://"),
    (
        "[discovery.forges.x]\nkind = 'github'\nowner = 'a'\nhosts = ['https://me:hunter2@a.b']",
        "hosts",
    ),
    ("[discovery.forges.x]\nkind = 'list'\nfile = ['hunter2']", "expected a string"),
    ("[agents]\nx = { kind = 'model', headers = 'Bearer hunter2' }", "a text, expected a map"),
    ("[agents]\nx = { kind = 'model', api_key = 'hunter2' }", "`api_key`"),
    (
        "[agents]\nx = { kind = 'model', model = 'm', base_url = 'https://me:hunter2@a.b/' }",
        "password",
    ),
    ("[access]\nviewer_token = 'hunter2'", "unknown key"),
    ("[access]\nviewer_token_file = '0123456789abcdefhunter2'", "cannot read the token"),
    ("[access]\norigins = ['https://me:hunter2@a.b/x']", "origins"),
    ("[webhooks]\nurls = 'https://me:hunter2@a.b/c'", "list of addresses"),
    ("[telemetry]\nendpoint = 'https://me:hunter2@a.b/c?d'", "address without a query"),
];

#[test]
fn no_command_repeats_a_secret_that_stands_in_a_wrong_place() {
    let dir = tempfile::tempdir().unwrap();
    for (file, words) in WRONG {
        for command in [&["config", "check"][..], &["serve"], &["doctor", "--json"]] {
            let (code, stdout, stderr) = cicerone(dir.path(), command, file);
            assert!(code.is_some_and(|code| code > 0), "{command:?} {file}");
            let told = format!("{stdout}{stderr}");
            assert!(told.contains(words) && !told.contains(SECRET), "{command:?} {file}\n{told}");
        }
    }
}

#[test]
fn a_secret_in_a_variable_or_a_flag_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let address = "https://me:hunter2@a.b/c";
    for (variable, value) in [
        ("CICERONE_PROJECT", "/etc/https:hunter2@a.b/c"),
        ("CICERONE_VIEWER_TOKEN", "hunter2"),
        ("CICERONE_LISTEN", address),
        ("CICERONE_LIMITS_AGENTS", address),
        ("CICERONE_ACCESS_TRUSTED_PROXIES", "me:hunter2@a.b"),
    ] {
        let variables = [(variable, value)];
        let (code, stdout, stderr) =
            cicerone_with(dir.path(), &["config", "check"], "", &variables);
        let told = format!("{stdout}{stderr}");
        assert!(code == Some(2) && !told.contains(SECRET), "{variable}: {code:?} {told}");
    }
    for arguments in [&["config", "check", address][..], &["config", "check", "--listen", address]]
    {
        let (code, stdout, stderr) = cicerone(dir.path(), arguments, "");
        let told = format!("{stdout}{stderr}");
        assert!(code == Some(2) && !told.contains(SECRET), "{arguments:?}: {told}");
    }
}

#[test]
fn what_is_set_is_shown_without_its_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[agents.x]\nkind = 'acp'\ncommand = ['x', '--api-key', 'hunter2', '--token=hunter2']\n\
                [agents.y]\nkind = 'model'\nmodel = 'm'\nbase_url = 'http://a.b/v1'\nheaders = { x = 'hunter2' }\n\
                [webhooks]\nurls = ['https://a.b/services/hunter2', 'https://me:hunter2@c.d']\n\
                secret_file = 'hook.secret'\n";
    let secret = dir.path().join("config/cicerone/hook.secret");
    std::fs::create_dir_all(secret.parent().unwrap()).unwrap();
    std::fs::write(secret, "0123456789abcdef-hunter2").unwrap();
    let (code, stdout, stderr) = cicerone(dir.path(), &["config", "check"], file);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("\"https://a.b/[masked]\""), "{stdout}");
    assert!(stdout.contains("hook.secret\""), "{stdout}");
    assert!(!format!("{stdout}{stderr}").contains(SECRET), "{stdout}{stderr}");
    assert!(toml::from_str::<toml::Table>(&stdout).is_ok(), "{stdout}");
}

#[actix::test]
async fn a_reload_that_is_refused_does_not_log_the_secret() {
    let server = Setup::scripted().config_with_projects("[server]\nlog_format = 'json'\n").start();
    for (number, (file, _)) in WRONG.iter().enumerate() {
        std::fs::write(server.files().join("cicerone.toml"), file).unwrap();
        signal(server.pid(), "HUP");
        eventually("the file is refused", async || {
            (server.log().matches("is not reloaded").count() > number).then_some(())
        })
        .await;
    }
    assert!(!server.log().contains(SECRET), "{}", server.log());
}
