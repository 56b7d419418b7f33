//! Projects of a whole organisation, as the APIs of forges and lists tell of them, served by a real server.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    forge_api::{FakeForge, KINDS},
    git_projects::{commit, served},
    server::{Server, Setup, eventually, git, signal},
};

const TOKEN: &str = "forge-token-0123456789";

/// Makes a repository with one file; returns its commit.
fn repository(root: &Path, name: &str) -> String {
    let dir = root.join(name);
    fs::create_dir_all(&dir).unwrap();
    git(&dir, "Ann", &["init", "-q", "-b", "main"]);
    commit(&dir, "src/lib.rs", &format!("/// Opens the {name}.\npub fn open() {{}}\n"))
}

/// The table of a forge with these keys.
fn table(forge: &FakeForge, kind: &str, keys: &str) -> String {
    let url = forge.url("");
    format!(
        "[discovery.forges.ours]\nkind = \"{kind}\"\nurl = \"{url}\"\nowner = \"acme\"\n{keys}\n"
    )
}

fn rewrite(server: &Server, toml: &str) {
    fs::write(server.files().join("cicerone.toml"), toml).unwrap();
}

/// The projects that are served, by name.
async fn projects(server: &Server) -> Vec<String> {
    let (status, all) = server.get("/api/projects").await;
    assert_eq!(status, 200, "{all}");
    let names = all.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[actix::test]
async fn all_repositories_of_an_organisation_are_served_whichever_api_tells_of_them() {
    for (kind, api) in KINDS {
        let setup = Setup::guide();
        let root = setup.files_dir().to_owned();
        let forge = FakeForge::start(kind, &root);
        forge.want(TOKEN);
        let mut commits = Vec::new();
        for name in ["shop", "web.site", "tool"] {
            commits.push(repository(&root, name));
            forge.list(name);
        }
        forge.list_as("attic", |it| it["archived"] = json!(true));
        forge.list_as("copy", |it| match kind {
            "gitlab" => it["forked_from_project"] = json!({"id": 7}),
            _ => it["fork"] = json!(true),
        });
        forge.list("shop-old");
        forge.list_as("odd", |it| *it = json!({"name": 7}));
        let secrets = tempfile::tempdir().unwrap();
        let file = secrets.path().join("token");
        fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let keys = format!("exclude = [\"*-OLD\"]\ntoken_file = \"{}\"", file.display());
        let server = setup.config_with_projects(&table(&forge, kind, &keys)).start();
        assert_eq!(projects(&server).await, ["shop", "tool", "web-site"], "{kind}");
        for (name, commit) in ["shop", "web-site", "tool"].into_iter().zip(&commits) {
            served(&server, name, commit).await;
        }
        let (status, page) = server.get("/api/projects/web-site/file?path=src/lib.rs").await;
        assert!(status == 200 && page["text"].as_str().unwrap().contains("web.site"), "{page}");
        let asked = forge.requests();
        assert!(asked.len() >= 3, "{kind} has pages: {asked:?}");
        for (path, token) in asked {
            assert!(path.starts_with(api) && token.as_deref() == Some(TOKEN), "{path}");
        }
        let log = server.log();
        assert!(log.contains("a repository is left out") && log.contains("served=3"), "{log}");
        assert!(!log.contains(TOKEN));
        let found =
            std::process::Command::new("grep").args(["-rl", TOKEN]).arg(server.data_dir()).output();
        assert_eq!(String::from_utf8_lossy(&found.unwrap().stdout), "", "the token is kept");
    }
}

#[actix::test]
async fn a_forge_that_cannot_be_asked_is_told_and_its_last_list_is_served() {
    let setup = Setup::guide();
    let root = setup.files_dir().to_owned();
    let forge = FakeForge::start("github", &root);
    let first = repository(&root, "shop");
    forge.list("shop");
    forge.fail(503, &[], "busy");
    let mut server = setup.config_with_projects(&table(&forge, "github", "")).start();
    assert_eq!(projects(&server).await, Vec::<String>::new());
    let log = server.log();
    assert!(log.contains("none of its repositories is served forge=ours"), "{log}");
    assert!(log.contains("status 503"), "{log}");
    forge.recover();
    server.crash();
    assert_eq!(projects(&server).await, ["shop"]);
    served(&server, "shop", &first).await;
    for (status, headers, body, words) in [
        (502, vec![], "", "status 502"),
        (200, vec![], "<html>", "is no list of repositories"),
        (
            403,
            vec![("x-ratelimit-remaining", "0"), ("retry-after", "30")],
            "",
            "a pause of 30 seconds",
        ),
        (403, vec![], "", "does not allow"),
        (404, vec![], "", "has no"),
        (302, vec![("location", "https://evil.example/")], "", "leads elsewhere"),
        (200, vec![("link", "<https://evil.example/x>; rel=\"next\"")], "[]", "another server"),
    ] {
        forge.fail(status, &headers, body);
        server.crash();
        let log = server.log();
        assert!(
            log.contains("the last one is used forge=ours") && log.contains(words),
            "{words}: {log}"
        );
        assert_eq!(projects(&server).await, ["shop"]);
    }
    let (_, page) = server.get("/api/projects/shop/file?path=src/lib.rs").await;
    assert!(page["text"].as_str().unwrap().contains("Opens the shop"), "{page}");
}

#[actix::test]
async fn p14_a_token_that_is_not_accepted_is_told_in_words_that_do_not_hold_it() {
    let setup = Setup::guide();
    let forge = FakeForge::start("gitlab", setup.files_dir());
    forge.want("another-token");
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let keys = format!("token_file = \"{}\"", file.display());
    let mut server = setup.config_with_projects(&table(&forge, "gitlab", &keys)).start();
    assert!(server.log().contains("does not accept the token in `token_file`"), "{}", server.log());
    // A server that tells what it was shown.
    forge.fail(302, &[("location", &format!("https://{TOKEN}.example/{TOKEN}"))], TOKEN);
    server.crash();
    fs::write(&file, "two words").unwrap();
    server.crash();
    assert!(server.log().contains("holds no token"), "{}", server.log());
    fs::remove_file(&file).unwrap();
    server.crash();
    assert!(server.log().contains("the file of `token_file` cannot be read"), "{}", server.log());
    rewrite(&server, &table(&forge, "gitlab", ""));
    forge.recover();
    server.crash();
    let log = server.log();
    assert!(log.contains("it wants a login") && !log.contains(TOKEN), "{log}");
}

#[actix::test]
async fn p10_addresses_that_lead_elsewhere_are_left_out() {
    for (kind, _) in KINDS {
        let setup = Setup::guide();
        let root = setup.files_dir().to_owned();
        let forge = FakeForge::start(kind, &root);
        repository(&root, "shop");
        forge.list("shop");
        let file = format!("file://{}", root.join("shop").display());
        for (name, address) in [
            ("one", file.as_str()),
            ("two", "ext::sh -c touch% /tmp/x"),
            ("three", "/etc"),
            ("four", "http://evil.example/x.git"),
            ("five", "http://127.0.0.1:1/x.git"),
            ("six", "ssh://-oProxyCommand=id/x"),
            ("seven", "--upload-pack=id"),
            ("eight", "http://me:pass@127.0.0.1/x.git"),
        ] {
            forge.list_at(name, address);
        }
        // A name that leads out of a directory is a name like others.
        let address = forge.url("/shop/.git/../.git");
        forge.list_at("../../etc", &address.replace("/.git/..", ""));
        let server = setup.config_with_projects(&table(&forge, kind, "")).start();
        let names = projects(&server).await;
        assert!(names == ["shop"] || names == ["etc"], "{kind}: {names:?}");
        let log = server.log();
        for name in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
            assert!(log.contains(&format!("\"{name}\" is left out")), "{kind} {name}: {log}");
        }
    }
}

#[actix::test]
async fn projects_of_the_file_go_before_those_of_a_list() {
    let setup = Setup::guide();
    let root = setup.files_dir().to_owned();
    let forge = FakeForge::start("gitea", &root);
    let commits = ["shop", "web", "tool"].map(|name| repository(&root, name));
    ["shop", "web", "tool"].iter().for_each(|name| forge.list(name));
    let [web, shop] = ["web", "shop"].map(|name| forge.url(&format!("/{name}/.git")));
    let own = root.join("project");
    let toml = format!(
        "[projects]\nsite = {{ git = \"{web}\" }}\nshop = \"{}\"\n{}",
        own.display(),
        table(&forge, "gitea", "branch = \"main\"")
    );
    let server = setup.config_with_projects(&toml).start();
    let names = projects(&server).await;
    assert!(names[1].starts_with("shop-") && names[1].len() == 11, "{names:?}");
    assert_eq!([&names[0], &names[2], &names[3]], ["shop", "site", "tool"]);
    served(&server, &names[1], &commits[0]).await;
    served(&server, "site", &commits[1]).await;
    assert!(
        server.log().contains(&format!(
            "repository is already served name=\"web\" forge=ours address={web}"
        ))
    );
    assert!(
        !server.log().contains(&format!("already served name=\"shop\" forge=ours address={shop}"))
    );
}

#[actix::test]
async fn a_list_in_a_file_or_at_an_address_is_served_too() {
    let setup = Setup::guide();
    let root = setup.files_dir().to_owned();
    let forge = FakeForge::start("gitea", &root);
    let commits = ["shop", "web"].map(|name| repository(&root, name));
    forge.list_at("web", &forge.url("/web/.git"));
    forge.list_at("evil", "http://evil.example/evil.git");
    let list = root.join("list.txt");
    let text = format!("# ours\nstore  file://{} # local\na b c\n", root.join("shop").display());
    fs::write(&list, text).unwrap();
    let toml = format!(
        "[discovery.forges.near]\nkind = \"list\"\nfile = \"{}\"\n\
         [discovery.forges.far]\nkind = \"list\"\nurl = \"{}\"\n",
        list.display(),
        forge.url("/repositories.txt")
    );
    let server = setup.config_with_projects(&toml).start();
    let names = projects(&server).await;
    assert_eq!(names, ["store", "web"], "{}", server.log());
    served(&server, "store", &commits[0]).await;
    served(&server, "web", &commits[1]).await;
    let log = server.log();
    assert!(log.contains("line 3 is left out") && log.contains("evil.example"), "{log}");
    // What was not fetched yet when the cages were tested is no fault of theirs.
    eventually("the cages are tested", async || {
        (server.get("/readyz").await.1["sandbox"] == "proved").then_some(())
    })
    .await;
    assert!(!server.log().contains("verdict=failed"), "{}", server.log());
}

#[actix::test]
async fn a_list_that_changes_while_the_server_runs_is_served_and_kept() {
    let setup = Setup::guide();
    let root = setup.files_dir().to_owned();
    let forge = FakeForge::start("github", &root);
    forge.list("shop");
    let mut server =
        setup.config_with_projects(&table(&forge, "github", "refresh = \"100ms\"")).start();
    forge.list("web");
    eventually("the new one is served", async || {
        (projects(&server).await == ["shop", "web"]).then_some(())
    })
    .await;
    assert!(server.log().contains("served=2 added=1 removed=0"), "{}", server.log());
    forge.fail(500, &[], "");
    server.crash();
    assert_eq!(projects(&server).await, ["shop", "web"]);
    let kept = server.data_dir().join("forges/ours.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[actix::test]
async fn the_repositories_of_a_user_are_served_where_there_is_no_such_organisation() {
    let setup = Setup::guide();
    let forge = FakeForge::start("github", setup.files_dir());
    forge.list("shop");
    forge.list("web");
    forge.list("tool");
    let toml = table(&forge, "github", "").replace("acme", "ann");
    let server = setup.config_with_projects(&toml).start();
    assert_eq!(projects(&server).await, ["shop", "tool", "web"], "{}", server.log());
}

#[actix::test]
async fn the_doctor_asks_the_forge_and_keeps_nothing() {
    let setup = Setup::guide();
    let forge = FakeForge::start("gitlab", setup.files_dir());
    forge.list("shop");
    forge.list_at("evil", "file:///etc");
    let toml = table(&forge, "gitlab", "");
    let ask = || {
        let file = setup.files_dir().join("forge.toml");
        fs::write(&file, &toml).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cicerone"))
            .env_clear()
            .env("HOME", setup.files_dir())
            .args(["doctor", "--agent", "guide", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data-dir")
            .arg(setup.files_dir().join("data"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find(|line| line.contains(" forge: ")).unwrap_or(&text).to_owned()
    };
    let line = ask();
    assert!(
        line.starts_with("warn  forge: ours lists 2 repositories, of which 1 are served"),
        "{line}"
    );
    assert!(line.contains("\"evil\" is left out"), "{line}");
    forge.fail(401, &[], "");
    let line = ask();
    assert!(line.starts_with("fail  forge: ours: it wants a login (status 401)"), "{line}");
    assert!(!setup.files_dir().join("data/forges").exists());
}

/// The kind of agent that answers whoever opens the project now.
async fn agent_of(server: &Server, project: &str) -> String {
    let mut client = server.connect_to(project).await;
    client.send(json!({ "type": "start", "protocol": 1, "conversation_id": null })).await;
    let frames = client.until("caught_up").await;
    let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
    attached["agent"]["kind"].as_str().unwrap().to_owned()
}

#[actix::test]
async fn a_forge_names_the_agent_of_its_projects_and_a_reload_names_another() {
    let setup = Setup::scripted();
    let root = setup.files_dir().to_owned();
    let forge = FakeForge::start("gitea", &root);
    let commit = repository(&root, "shop");
    forge.list("shop");
    let toml = |agent: &str| table(&forge, "gitea", &format!("agent = \"{agent}\""));
    let server = setup.config_with_projects(&toml("guide")).start();
    served(&server, "shop", &commit).await;
    assert_eq!(agent_of(&server, "shop").await, "guide");
    for (agent, told) in [("none", "is not reloaded"), ("claude", "configuration reloaded")] {
        rewrite(&server, &toml(agent));
        signal(server.pid(), "HUP");
        eventually(told, async || server.log().contains(told).then_some(())).await;
        let expected = if agent == "none" { "guide" } else { agent };
        assert_eq!(agent_of(&server, "shop").await, expected);
    }
}
