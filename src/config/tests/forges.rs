//! Tests of forges and their kept lists.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::{Machine, check_agreement, validator};
use crate::{config::Loaded, forge::ForgeSource, project::ProjectName};

/// The address of the API that these keys ask, or why there is none.
fn url(keys: &str) -> Result<String, String> {
    let machine = Machine::new().file(&format!("[discovery.forges.acme]\n{keys}\n"));
    let loaded = super::load_in(&machine.command_line, &machine.env);
    let forges = loaded.map_err(|error| error.to_string())?.settings.live.forges;
    match &forges[0].source {
        ForgeSource::Api(api) => Ok(api.url.to_string()),
        other => Err(format!("{other:?}")),
    }
}

/// A machine with this file, and a list of `https://github.com/acme` that was kept before.
fn with_list(file: &str, repositories: &[(&str, &str)]) -> Machine {
    let machine = Machine::new().file(file);
    let dir = machine.env.data_dir.clone().unwrap().join("cicerone/forges");
    fs::create_dir_all(&dir).unwrap();
    let listed = |(name, address): &(&str, &str)| json!({"name": name, "addresses": [address]});
    let repositories: Vec<_> = repositories.iter().map(listed).collect();
    let list = json!({"of": "github https://api.github.com/ acme", "repositories": repositories});
    fs::write(dir.join("acme.json"), list.to_string()).unwrap();
    machine
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.settings.live.projects.iter().map(|project| project.name.as_str()).collect()
}

const ACME: &str = "[discovery.forges.acme]\nkind = \"github\"\nowner = \"acme\"\n";

#[test]
fn the_api_of_a_forge_is_found_by_the_address_of_its_page() {
    for (keys, expected) in [
        ("kind = 'github'\nowner = 'a'", "https://api.github.com/"),
        ("kind = 'github'\nowner = 'a'\nurl = 'https://github.com'", "https://api.github.com/"),
        ("kind = 'github'\nowner = 'a'\nurl = 'https://git.a.b'", "https://git.a.b/api/v3"),
        ("kind = 'gitlab'\nowner = 'a/b'", "https://gitlab.com/api/v4"),
        (
            "kind = 'gitlab'\nowner = 'a'\nurl = 'https://a.b/gitlab/api/v4'",
            "https://a.b/gitlab/api/v4",
        ),
        ("kind = 'gitea'\nowner = 'a'\nurl = 'https://a.b'", "https://a.b/api/v1"),
        (
            "kind = 'gitea'\nowner = 'a'\nurl = 'http://127.0.0.1:3000'",
            "http://127.0.0.1:3000/api/v1",
        ),
    ] {
        assert_eq!(url(keys).as_deref(), Ok(expected), "{keys}");
    }
    for (keys, words) in [
        ("owner = 'a'", "kind"),
        ("kind = 'svn'\nowner = 'a'", "svn"),
        ("kind = 'github'", "`owner`"),
        ("kind = 'github'\nowner = '..'", "`owner`"),
        ("kind = 'gitea'\nowner = 'a'", "`url`"),
        ("kind = 'gitea'\nowner = 'a'\nurl = 'http://a.b'", "https://"),
        ("kind = 'gitea'\nowner = 'a'\nurl = 'ssh://a.b'", "https://"),
        ("kind = 'gitea'\nowner = 'a'\nurl = 'https://me:hunter2@a.b'", "password"),
        ("kind = 'github'\nowner = 'a'\nfile = 'x'", "no `file`"),
        ("kind = 'github'\nowner = 'a'\ninclude = ['[']", "no pattern"),
        ("kind = 'github'\nowner = 'a'\nhosts = ['https://x']", "`hosts`"),
        ("kind = 'github'\nowner = 'a'\nssh_key = 'k'", "`known_hosts`"),
        ("kind = 'github'\nowner = 'a'\nuser = 'u'", "`token_file`"),
        ("kind = 'github'\nowner = 'a'\nbranch = 'a'\nbranches = ['b']", "not both"),
        ("kind = 'github'\nowner = 'a'\nfetch = '5'", "duration"),
        ("kind = 'github'\nowner = 'a'\nrefresh = '5'", "duration"),
        ("kind = 'list'", "`file` or `url`"),
        ("kind = 'list'\nfile = 'a'\nurl = 'https://a.b'", "`file` or `url`"),
        ("kind = 'list'\nfile = 'a'\nowner = 'b'", "no `owner`"),
        ("kind = 'list'\nfile = 'a'\nhosts = ['b']", "no `hosts`"),
    ] {
        let error = url(keys).unwrap_err();
        assert!(
            error.contains(words) && error.contains("discovery.forges.acme"),
            "{keys}: {error}"
        );
    }
}

#[test]
fn schema_and_server_accept_the_same_forges() {
    let validator = validator();
    for keys in [
        "owner = \"a\"",
        "owner = \"a\"\ninclude = [\"x-*\"]\narchived = true\nrefresh = \"2h\"\nfetch = \"1m\"\ndepth = 3",
    ] {
        let text = format!("[discovery.forges.a]\nkind = \"github\"\n{keys}\n");
        check_agreement(&validator, &text, true);
    }
    for keys in
        ["holder = \"a\"", "owner = 1", "owner = \"a\"\nforks = 1", "owner = \"a\"\nrefresh = 1"]
    {
        let text = format!("[discovery.forges.a]\nkind = \"github\"\n{keys}\n");
        check_agreement(&validator, &text, false);
    }
    check_agreement(&validator, "[discovery.forges]\na = 3\n", false);
    check_agreement(&validator, "[discovery.forge]\na = 3\n", false);
    check_agreement(
        &validator,
        "[discovery.forges.\"a b\"]\nkind = \"github\"\nowner = \"a\"\n",
        false,
    );
}

#[test]
fn repositories_of_the_kept_list_are_projects_with_the_keys_of_their_forge() {
    let file = format!(
        "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-User\"\n\
         {ACME}branches = [\"main\", \"v1\"]\naccess = [\"ann\"]\ntoken_file = \"t\"\nfetch = \"2m\"\n"
    );
    let machine = with_list(
        &file,
        &[
            ("shop", "https://github.com/acme/shop.git"),
            ("a b", "https://github.com/acme/ab.git"),
            ("a.b", "https://github.com/acme/a.b.git"),
            ("evil", "file:///etc"),
            ("key", "git@github.com:acme/key.git"),
        ],
    );
    let loaded = machine.load();
    let all = names(&loaded);
    assert_eq!(all[..3], ["a-b", "a-b-v1", all[2]], "{all:?}");
    assert!(all[2].starts_with("a-b-") && all[2].len() == 10, "{all:?}");
    assert_eq!(all[4..], ["shop", "shop-v1"]);
    assert!(loaded.settings.live.projects.iter().all(|it| !it.access.is_open()));
    let remote = &loaded.settings.live.repositories[2].remote;
    assert_eq!(remote.refresh.as_secs(), 120);
    let token = PathBuf::from("config/cicerone/t");
    assert!(remote.login.token_file.as_ref().unwrap().ends_with(&token));
    assert_eq!(
        loaded.settings.live.agents.kept_from.iter().filter(|it| it.ends_with(&token)).count(),
        1
    );
    let told: Vec<_> = loaded.warnings.iter().map(|it| it.text.as_str()).collect();
    for words in [
        "\"evil\" is left out",
        "`known_hosts`",
        "served under another name name=a-b wanted=\"a b\"",
    ] {
        assert!(told.iter().any(|it| it.contains(words)), "{words}: {told:?}");
    }
    let report = loaded.report();
    assert!(report.contains("# list of forge acme") && report.contains("[discovery.forges.acme]"));
}

#[test]
fn a_helper_in_a_project_is_refused() {
    let file = |helper: &str| {
        format!(
            "[projects]\nown = \"own\"\n\
             shop = {{ git = \"https://a.b/c\", credential_helper = [\"{helper}\"] }}\n"
        )
    };
    for helper in ["own/tools/helper", "own/../own/helper"] {
        let machine = Machine::new().file(&file(helper));
        let error = super::load_in(&machine.command_line, &machine.env).unwrap_err();
        assert!(error.to_string().contains("lies inside project `own`"), "{error}");
    }
    for helper in ["helper", "tools/helper"] {
        let loaded = Machine::new().file(&file(helper)).load();
        let login = &loaded.settings.live.repositories[0].remote.login;
        assert!(login.helper().unwrap().ends_with(helper), "{login:?}");
    }
}

#[test]
fn projects_have_the_agent_and_the_instructions_of_their_forge() {
    let file = format!(
        "[agents]\nown = {{ kind = \"guide\" }}\n{ACME}branches = [\"main\", \"v1\"]\nagent = \"own\"\n\
         instructions = \"acme.md\"\nrepository_instructions = true\n"
    );
    let shop = ("shop", "https://github.com/acme/shop.git");
    let loaded = with_list(&file, &[shop, ("web", "https://github.com/acme/web.git")]).load();
    let agents = &loaded.settings.live.agents;
    for name in ["shop", "shop-v1", "web", "web-v1"] {
        let name = ProjectName::parse(name).unwrap();
        assert_eq!(agents.names[&name].as_str(), "own");
        let told = &agents.instructions[&name];
        assert!(told.file.as_ref().unwrap().ends_with("config/cicerone/acme.md"));
        assert!(told.of_repository);
    }
    let missing: Vec<_> = loaded.warnings.iter().filter(|it| it.text.contains("acme.md")).collect();
    assert!(missing.len() == 1 && missing[0].text.contains("`shop` and 3 others"), "{missing:?}");
    let error = url("kind = 'github'\nowner = 'a'\nagent = 'gide'").unwrap_err();
    assert!(error.contains("did you mean `guide`"), "{error}");
}

#[test]
fn projects_of_the_file_and_of_the_command_line_go_first() {
    let (shop, web) = ("https://github.com/acme/shop.git", "https://github.com/acme/web.git");
    let file = format!("[projects]\nweb = {{ git = \"{shop}\" }}\n{ACME}");
    let machine = with_list(&file, &[("shop", shop), ("web", web)]);
    let loaded = machine.load();
    let all = names(&loaded);
    assert!(all[0] == "web" && all[1].starts_with("web-") && all.len() == 2, "{all:?}");
    let mut named = machine;
    named.command_line.projects.as_mut().unwrap().dirs.push(".".into());
    let loaded = named.load();
    assert_eq!((names(&loaded), loaded.settings.live.forges.len()), (vec!["here"], 0));
}

#[test]
fn a_forge_of_which_nothing_is_known_yet_is_told_and_leaves_the_current_directory_alone() {
    let other = ACME.replace("owner = \"acme\"", "owner = \"other\"");
    for (machine, words) in [
        (Machine::new().file(ACME), "not known yet"),
        (with_list(&other, &[("shop", "https://github.com/acme/shop.git")]), "not known yet"),
    ] {
        let loaded = machine.load();
        assert_eq!(names(&loaded), Vec::<&str>::new());
        assert!(loaded.warnings.iter().any(|it| it.text.contains(words)), "{:?}", loaded.warnings);
    }
}
