//! Projects from git: cloned, fetched and switched by the real git, and what happens when it fails.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    client::text_of,
    git_http::Forge,
    server::{Server, Setup, eventually, git, signal, write},
};

/// A repository with one file, beside the server's files.
fn origin(setup: &Setup) -> std::path::PathBuf {
    let dir = setup.files_dir().join("origin");
    fs::create_dir(&dir).unwrap();
    git(&dir, "Ann", &["init", "-q", "-b", "main"]);
    commit(&dir, "src/pool.rs", "/// Evicts idle connections.\npub fn evict_idle() {}\n");
    dir
}

/// Commits a file; returns the hash.
pub fn commit(dir: &Path, path: &str, text: &str) -> String {
    write(dir, path, text);
    git(dir, "Ann", &["add", "-A", "-f"]);
    git(dir, "Ann", &["commit", "-q", "-m", "Change a file"]);
    git(dir, "Ann", &["rev-parse", "HEAD"])
}

fn serving(setup: Setup, origin: &Path, keys: &str, more: &str) -> Server {
    let url = format!("file://{}", origin.display());
    let toml =
        format!("{more}\n[projects]\ndemo = {{ git = \"{url}\", refresh = \"1h\"{keys} }}\n");
    setup.config_with_projects(&toml).start()
}

/// What is told of a project.
pub async fn state(server: &Server, project: &str) -> Value {
    let (status, all) = server.get("/api/admin/repositories").await;
    assert_eq!(status, 200, "{all}");
    let found = all.as_array().unwrap().iter().find(|it| it["project"] == project);
    found.unwrap_or_else(|| panic!("{project} is not in {all}")).clone()
}

/// Waits until a commit is served.
pub async fn served(server: &Server, project: &str, commit: &str) {
    eventually("the commit is served", async || {
        (state(server, project).await["commit"] == commit).then_some(())
    })
    .await;
}

async fn problem(server: &Server, project: &str, words: &str) {
    eventually(words, async || {
        let problem = &state(server, project).await["problem"];
        problem.as_str().is_some_and(|it| it.contains(words)).then_some(())
    })
    .await;
}

async fn refresh(server: &Server) {
    let (status, _) = server.request(reqwest::Method::POST, "/api/admin/repositories/demo").await;
    assert_eq!(status, 202);
}

async fn text(server: &Server, project: &str, path: &str) -> (u16, String) {
    let (status, page) = server.get(&format!("/api/projects/{project}/file?path={path}")).await;
    (status, page["text"].as_str().unwrap_or_default().to_owned())
}

#[actix::test]
async fn a_project_is_cloned_asked_about_and_switched_when_its_branch_goes_on() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let first = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    let server = serving(setup, &origin, "", "");
    served(&server, "demo", &first).await;
    let mut client = server.connect().await;
    client.start().await;
    client.ask("What does evict_idle do?").await;
    let frames = client.turn().await;
    assert!(text_of(&frames).contains("src/pool.rs:"), "{frames:?}");
    let end = frames.iter().find(|frame| frame["type"] == "response_done").unwrap();
    assert_eq!(end["commits"], json!([{"commit": first}]));
    let (_, blamed) =
        server.get("/api/projects/demo/blame?path=src/pool.rs&line=1&end_line=1").await;
    assert!(blamed.to_string().contains("Ann"), "{blamed}");
    let second = commit(&origin, "src/drain.rs", "/// Drains the pool.\npub fn drain_all() {}\n");
    refresh(&server).await;
    served(&server, "demo", &second).await;
    assert_eq!(text(&server, "demo", "src/drain.rs").await.0, 200);
    client.ask("What does drain_all do?").await;
    let frames = client.turn().await;
    assert!(text_of(&frames).contains("Drains the pool"), "{frames:?}");
    // A branch that was written anew is followed too.
    git(&origin, "Ann", &["reset", "-q", "--hard", &first]);
    let third = commit(&origin, "src/other.rs", "pub fn other() {}\n");
    refresh(&server).await;
    served(&server, "demo", &third).await;
    assert_eq!(text(&server, "demo", "src/drain.rs").await.0, 404);
    assert_eq!(text(&server, "demo", "src/other.rs").await.0, 200);
}

#[actix::test]
async fn a_remote_that_disappears_is_told_and_what_was_there_is_served_also_after_a_restart() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let first = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    let mut server = serving(setup, &origin, "", "");
    served(&server, "demo", &first).await;
    let away = origin.with_file_name("away");
    fs::rename(&origin, &away).unwrap();
    for _ in 0..2 {
        refresh(&server).await;
        eventually("the failure is told", async || {
            state(&server, "demo").await["problem"].is_string().then_some(())
        })
        .await;
        assert_eq!(text(&server, "demo", "src/pool.rs").await.0, 200);
        let (_, told) = server.get("/api/projects/demo/questions").await;
        assert!(
            told["warning"].as_str().unwrap().contains("What was there before is shown"),
            "{told}"
        );
        assert_eq!(told["checkouts"][0]["commit"], json!(first));
        let (status, ready) = server.get("/readyz").await;
        assert!(status == 200 && ready["unfetched_projects"] == 1, "{ready}");
        let (_, metrics) = server.get("/metrics").await;
        assert!(metrics.as_str().unwrap().contains("cicerone_projects_unfetched 1\n"));
        assert!(server.log().contains("project is not fetched project=demo"));
        server.crash();
    }
    fs::rename(&away, &origin).unwrap();
    let second = commit(&origin, "new.rs", "fn new() {}\n");
    refresh(&server).await;
    served(&server, "demo", &second).await;
    assert!(state(&server, "demo").await["problem"].is_null());
}

#[actix::test]
async fn a_first_clone_that_fails_is_told_to_who_opens_the_project_and_made_up_for() {
    let setup = Setup::guide();
    let dir = setup.files_dir().join("later");
    let server = serving(setup, &dir, "", "");
    problem(&server, "demo", "").await;
    let (status, told) = server.get("/api/projects/demo/questions").await;
    let detail = told["detail"].as_str().unwrap_or_default();
    assert!(
        status == 503 && detail.contains("could not be cloned from file://"),
        "{status} {told}"
    );
    let mut client = server.connect().await;
    client.start().await;
    client.ask("What is this?").await;
    let frames = client.turn().await;
    let end = frames.last().unwrap()["content"].as_str().unwrap_or_default();
    assert!(end.contains("could not be cloned"), "{frames:?}");
    fs::create_dir(&dir).unwrap();
    git(&dir, "Ann", &["init", "-q", "-b", "main"]);
    refresh(&server).await;
    problem(&server, "demo", "is empty").await;
    git(&dir, "Ann", &["checkout", "-q", "-b", "other"]);
    let id = commit(&dir, "a.rs", "fn a() {}\n");
    git(&dir, "Ann", &["symbolic-ref", "HEAD", "refs/heads/gone"]);
    refresh(&server).await;
    problem(&server, "demo", "name a `branch`").await;
    git(&dir, "Ann", &["symbolic-ref", "HEAD", "refs/heads/other"]);
    refresh(&server).await;
    served(&server, "demo", &id).await;
    client.ask("What is this?").await;
    let frames = client.turn().await;
    assert_eq!(frames.last().unwrap()["type"], "response_done", "{frames:?}");
}

#[actix::test]
async fn branches_and_tags_are_projects_of_one_store_and_one_that_is_missing_harms_no_other() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let main = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    git(&origin, "Ann", &["tag", "-a", "-m", "One", "v1.0"]);
    git(&origin, "Ann", &["checkout", "-q", "-b", "release/2.0"]);
    let release = commit(&origin, "release.rs", "fn release() {}\n");
    git(&origin, "Ann", &["checkout", "-q", "main"]);
    let keys = ", branches = [\"main\", \"release/2.0\", \"v1.0\", \"later\"]";
    let server = serving(setup, &origin, keys, "");
    served(&server, "demo", &main).await;
    served(&server, "demo-release-2-0", &release).await;
    served(&server, "demo-v1-0", &main).await;
    problem(&server, "demo-later", "no branch or tag `later`").await;
    assert!(state(&server, "demo").await["problem"].is_null());
    assert_eq!(text(&server, "demo", "release.rs").await.0, 404);
    assert_eq!(text(&server, "demo-release-2-0", "release.rs").await.0, 200);
    let (_, listed) = server.get("/api/projects").await;
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    let stores = fs::read_dir(server.data_dir().join("agents/repositories")).unwrap().count();
    assert_eq!(stores, 1);
}

#[actix::test]
async fn p10_a_hostile_repository_runs_nothing_and_leads_nowhere() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let marker = setup.files_dir().join("marker");
    let run = format!("touch {}", marker.display());
    fs::write(setup.files_dir().join("outside"), "hidden-needle\n").unwrap();
    for link in [("out", "../../../../../../outside"), ("passwd", "/etc/passwd"), ("self", "self")]
    {
        std::os::unix::fs::symlink(link.1, origin.join(link.0)).unwrap();
    }
    write(&origin, ".gitattributes", "* filter=lfs diff=x\n*.rs filter=evil text eol=crlf\n");
    write(&origin, ".gitmodules", &format!("[submodule \"x\"]\n\tpath = x\n\turl = ext::{run}\n"));
    for name in ["README.md", "Readme.md", "readme.md", "-x", "a\tb", "ü"] {
        write(&origin, name, name);
    }
    write(&origin, ".githooks/post-checkout", &format!("#!/bin/sh\n{run}\n"));
    for hook in ["post-checkout", "pre-upload", "post-index-change", "reference-transaction"] {
        let path = format!(".git/hooks/{hook}");
        write(&origin, &path, &format!("#!/bin/sh\n{run}\n"));
        let made = std::process::Command::new("chmod").arg("+x").arg(origin.join(path)).status();
        assert!(made.unwrap().success());
    }
    git(&origin, "Ann", &["-c", "core.hooksPath=/dev/null", "add", "-A", "-f"]);
    git(&origin, "Ann", &["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "Odd"]);
    let id = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    fs::remove_file(&marker).ok();
    for (name, value) in [
        ("core.fsmonitor", run.as_str()),
        ("uploadpack.packObjectsHook", &run),
        ("filter.evil.smudge", &run),
        ("core.hooksPath", ".githooks"),
    ] {
        git(&origin, "Ann", &["config", name, value]);
    }
    let server = serving(setup, &origin, "", "");
    served(&server, "demo", &id).await;
    assert!(!marker.exists(), "a repository ran a program");
    for path in ["out", "passwd", "self"] {
        let (status, page) = server.get(&format!("/api/projects/demo/file?path={path}")).await;
        assert!(status >= 400 && !page.to_string().contains("needle"), "{path}: {page}");
    }
    assert_eq!(text(&server, "demo", "Readme.md").await.1, "Readme.md");
    assert_eq!(text(&server, "demo", "readme.md").await.1, "readme.md");
    let links = server.data_dir().join("agents/repositories");
    let home = fs::read_dir(links).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read_dir(home.join("store/hooks")).is_err(), "the store has hooks");
}

#[actix::test]
async fn p9_a_repository_that_is_too_large_is_left_out_in_words() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let noise: String = (0..400_000_u64)
        .map(|number| format!("{:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    commit(&origin, "large.txt", &noise);
    let server = serving(setup, &origin, "", "[advanced.git]\ndisk = \"1MiB\"\n");
    eventually("it is too large", async || {
        let state = state(&server, "demo").await;
        assert!(state["commit"].is_null(), "{state}");
        state["problem"].is_string().then_some(())
    })
    .await;
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[actix::test]
async fn p14_a_token_is_shown_to_its_remote_alone_and_to_nobody_else() {
    const TOKEN: &str = "forge-token-0123456789";
    let setup = Setup::guide();
    let origin = origin(&setup);
    let id = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    // `me:` and the token.
    let login = "Basic bWU6Zm9yZ2UtdG9rZW4tMDEyMzQ1Njc4OQ==";
    let forge = Forge::start(setup.files_dir(), Some(login));
    let url = forge.url("origin/.git");
    let config =
        |keys: &str| format!("[projects]\ndemo = {{ git = \"{url}\", refresh = \"1h\"{keys} }}\n");
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("forge.token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let mut server = setup.config_with_projects(&config("")).start();
    problem(&server, "demo", "`token_file`").await;
    assert!(forge.logins().is_empty());
    let keys = format!(", user = \"me\", token_file = \"{}\"", file.display());
    fs::write(server.files().join("cicerone.toml"), config(&keys)).unwrap();
    server.crash();
    served(&server, "demo", &id).await;
    assert_eq!(text(&server, "demo", "src/pool.rs").await.0, 200);
    assert!(forge.logins().iter().all(|shown| shown == login) && !forge.logins().is_empty());
    fs::write(&file, "wrong\n").unwrap();
    refresh(&server).await;
    eventually("a wrong token is told", async || {
        state(&server, "demo").await["problem"].is_string().then_some(())
    })
    .await;
    assert_eq!(text(&server, "demo", "src/pool.rs").await.0, 200);
    let told = state(&server, "demo").await.to_string() + &server.log();
    assert!(!told.contains(TOKEN) && !told.contains("bWU6"), "the token is told");
    let found = std::process::Command::new("grep")
        .args(["-rl", TOKEN])
        .arg(server.data_dir())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the token is kept");
}

/// A program of the operator's.
fn helper(dir: &Path, script: &str) -> String {
    let path = dir.join("helper");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&path, mode).unwrap();
    path.display().to_string()
}

#[actix::test]
async fn p14_a_helper_that_the_configuration_names_tells_the_login_and_nobody_else_learns_it() {
    const PASSWORD: &str = "forge-token-0123456789";
    let setup = Setup::guide();
    let origin = origin(&setup);
    let id = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    let login = "Basic bWU6Zm9yZ2UtdG9rZW4tMDEyMzQ1Njc4OQ==";
    let forge = Forge::start(setup.files_dir(), Some(login));
    let url = forge.url("origin/.git");
    let own = tempfile::tempdir().unwrap();
    let asked = own.path().join("asked");
    let tells = format!("{{ echo \"$@\"; cat; env; }} > '{}'", asked.display());
    let program =
        helper(own.path(), &format!("{tells}\necho username=me\necho password={PASSWORD}"));
    let toml = format!(
        "[projects]\ndemo = {{ git = \"{url}\", refresh = \"1h\", credential_helper = [\"{program}\", \"of it\"] }}\n"
    );
    let server = setup.env("SECRET_OF_THE_SERVER", "x").config_with_projects(&toml).start();
    served(&server, "demo", &id).await;
    assert!(forge.logins().iter().all(|shown| shown == login) && !forge.logins().is_empty());
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    let asked = fs::read_to_string(asked).unwrap();
    let expected = format!("of it get\nprotocol=http\nhost={host}\n\n");
    assert!(asked.starts_with(&expected), "{asked}");
    assert!(asked.contains("PATH=") && !asked.contains("SECRET_OF_THE_SERVER"), "{asked}");
    for (script, words) in [
        ("echo password= ; echo hunter2 >&2", "names no password"),
        ("echo hunter2; exit 3", "failed (exit status: 3)"),
        ("printf 'password=\\377hunter2'", "prints no text"),
    ] {
        helper(own.path(), script);
        refresh(&server).await;
        problem(&server, "demo", words).await;
        assert_eq!(text(&server, "demo", "src/pool.rs").await.0, 200, "what was there is served");
    }
    fs::remove_file(&program).unwrap();
    refresh(&server).await;
    problem(&server, "demo", "cannot be started").await;
    let told = state(&server, "demo").await.to_string() + &server.log();
    assert!(!told.contains(PASSWORD) && !told.contains("hunter2"), "the login is told");
    let mut found = std::process::Command::new("grep");
    let found = found.args(["-rl", PASSWORD]).arg(server.data_dir()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the login is kept");
}

#[actix::test]
async fn what_was_fetched_goes_with_its_project_at_a_reload_and_is_fetched_again() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let id = git(&origin, "Ann", &["rev-parse", "HEAD"]);
    let server = serving(setup, &origin, "", "");
    served(&server, "demo", &id).await;
    let mut client = server.connect_to("demo").await;
    client.start().await;
    let repositories = server.data_dir().join("agents/repositories");
    let kept = || fs::read_dir(&repositories).unwrap().count();
    assert_eq!(kept(), 1);
    let file = server.files().join("cicerone.toml");
    let with_it = fs::read_to_string(&file).unwrap();
    let other = server.files().join("other");
    fs::create_dir(&other).unwrap();
    let without = format!("[projects]\nother = \"{}\"\n", other.display());
    for _ in 0..2 {
        fs::write(&file, &without).unwrap();
        signal(server.pid(), "HUP");
        eventually("its directory is gone", async || (kept() == 0).then_some(())).await;
        fs::write(&file, &with_it).unwrap();
        signal(server.pid(), "HUP");
        eventually("it is listed again", async || {
            let (_, all) = server.get("/api/admin/repositories").await;
            (all.as_array().map(Vec::len) == Some(1)).then_some(())
        })
        .await;
        served(&server, "demo", &id).await;
        assert_eq!(text(&server, "demo", "src/pool.rs").await.0, 200);
    }
    // Another setting of the same repository keeps what was fetched.
    fs::write(&file, with_it.replace("1h", "2h")).unwrap();
    signal(server.pid(), "HUP");
    eventually("the other setting is told", async || {
        (server.log().matches("configuration reloaded").count() == 5).then_some(())
    })
    .await;
    refresh(&server).await;
    served(&server, "demo", &id).await;
    assert!(!server.log().contains("cannot remove"), "{}", server.log());
    assert_eq!((kept(), server.log().matches("repository is removed").count()), (1, 2));
}

#[actix::test]
async fn branches_that_match_a_pattern_come_and_go_with_the_remote() {
    let setup = Setup::guide();
    let origin = origin(&setup);
    let branch = |name: &str| git(&origin, "Ann", &["branch", name]);
    branch("release-1");
    branch("release-taken");
    branch("topic");
    git(&origin, "Ann", &["tag", "-m", "First", "v1.0"]);
    let elsewhere = setup.files_dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let more = format!("\ndemo-release-taken = \"{}\"", elsewhere.display());
    let keys = ", branches = [\"main\", \"release-*\", \"v*\"]";
    let url = format!("file://{}", origin.display());
    let toml = format!("[projects]\ndemo = {{ git = \"{url}\", refresh = \"1h\"{keys} }}{more}\n");
    let mut server = setup.config_with_projects(&toml).start();
    let are_served = async |server: &Server, expected: &[&str]| {
        eventually(&format!("{expected:?} are served"), async || {
            let (_, all) = server.get("/api/admin/repositories").await;
            let served = all.as_array()?.iter().filter(|it| it["commit"].is_string());
            let names: Vec<_> = served.map(|it| it["project"].as_str().unwrap()).collect();
            (names == expected).then_some(())
        })
        .await;
    };
    // A branch takes no name from a project of the file.
    are_served(&server, &["demo", "demo-release-1", "demo-v1-0"]).await;
    assert!(server.log().contains("another project has its name project=demo-release-taken"));
    let (status, evicts) = text(&server, "demo-release-1", "src/pool.rs").await;
    assert!(status == 200 && evicts.contains("Evicts"), "{evicts}");

    branch("release-2");
    git(&origin, "Ann", &["branch", "-D", "release-1"]);
    refresh(&server).await;
    are_served(&server, &["demo", "demo-release-2", "demo-v1-0"]).await;
    assert_eq!(text(&server, "demo-release-1", "src/pool.rs").await.0, 404);
    // They are known at the next start, before the remote is asked.
    fs::rename(&origin, origin.with_extension("away")).unwrap();
    server.crash();
    are_served(&server, &["demo", "demo-release-2", "demo-v1-0"]).await;
}
