//! A reload of the configuration while the server runs: what changes at once, what waits for a restart,
//! and what goes on undisturbed.

use std::fs;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    access::{
        raw::exchange,
        rights::{ANA, BEN, Person, team},
        tls::trusting,
    },
    client::{Client, text_of},
    server::{PROJECT, Server, Setup, eventually, git, scripted_agent, signal, write},
};

/// How often the log has these words.
fn told(server: &Server, words: &str) -> usize {
    server.log().matches(words).count()
}

/// Writes the configuration anew and waits until the server has read it, which the log tells in `words`.
async fn reload_until(server: &Server, toml: &str, words: &str) {
    let before = told(server, words);
    fs::write(server.files().join("cicerone.toml"), toml).unwrap();
    signal(server.pid(), "HUP");
    eventually(words, async || (told(server, words) > before).then_some(())).await;
}

async fn reload(server: &Server, toml: &str) {
    reload_until(server, toml, "configuration reloaded").await;
}

/// Waits until somebody is told that the session has ended, in these words.
async fn is_told(client: &mut Client, words: &str) {
    while !client.frame().await.to_string().contains(words) {}
}

async fn names(server: &Server) -> Vec<String> {
    let (_, list) = server.get("/api/projects").await;
    let list = list.as_array().unwrap();
    list.iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect()
}

async fn is_refused(server: &Server) -> bool {
    let (_, metrics) = server.get("/metrics").await;
    metrics.as_str().unwrap().contains("\ncicerone_config_reload_refused 1")
}

/// A server whose projects are those of its file: `names`, each in a directory of its name.
fn serving(names: &[&str], more: &str) -> Server {
    let setup = Setup::scripted();
    for name in ["shop", "web", "docs"] {
        fs::create_dir(setup.files_dir().join(name)).unwrap();
        write(&setup.files_dir().join(name), "README.md", &format!("# The {name}\n"));
    }
    setup.config_with_projects(&(projects(names) + more)).start()
}

fn projects(names: &[&str]) -> String {
    let lines = names.iter().map(|name| format!("{name} = \"{name}\"\n"));
    format!("[projects]\n{}", lines.collect::<String>())
}

#[actix::test]
async fn projects_come_and_go_while_an_answer_streams_elsewhere() {
    let server = serving(&["shop", "web"], "");
    let mut shop = server.connect_to("shop").await;
    shop.start().await;
    shop.ask("stream 100000 5").await;
    let mut text = shop.until("text").await;
    let mut web = server.connect_to("web").await;
    web.start().await;

    reload(&server, &projects(&["shop", "docs"])).await;
    assert_eq!(names(&server).await, ["shop", "docs"]);
    // The one that is gone is told so, and nobody gets to it any more.
    is_told(&mut web, "is served no longer").await;
    let mut late = server.connect_to("web").await;
    let (_, code, _) = late.until_closed().await;
    assert_eq!(code, 4004);
    let (status, _) = server.get("/api/projects/web/file?path=README.md").await;
    assert_eq!(status, 404);
    // The new one answers.
    let mut docs = server.connect_to("docs").await;
    docs.start().await;
    docs.ask("say hello").await;
    assert_eq!(text_of(&docs.turn().await), "hello");
    let (_, page) = server.get("/api/projects/docs/file?path=README.md").await;
    assert_eq!(page["text"], "# The docs");
    // The answer that was streaming has not been disturbed.
    shop.send(json!({"type": "stop"})).await;
    text.extend(shop.turn().await);
    assert!(!text.iter().any(|frame| frame["type"] == "error"), "{text:?}");
    assert_eq!(told(&server, "session started project=shop"), 1);

    // It comes back with its history.
    reload(&server, &projects(&["shop", "web", "docs"])).await;
    let mut web = server.connect_to("web").await;
    web.start().await;
}

#[actix::test]
async fn a_project_gets_another_directory_and_its_reader_and_agent_with_it() {
    let server = serving(&["shop"], "");
    let read = async || {
        let (_, page) = server.get("/api/projects/shop/file?path=README.md").await;
        page["text"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(read().await, "# The shop");
    let mut shop = server.connect_to("shop").await;
    shop.start().await;
    shop.ask("say hello").await;
    shop.turn().await;
    reload(&server, "[projects]\nshop = \"docs\"\n").await;
    assert_eq!(read().await, "# The docs");
    is_told(&mut shop, "have changed").await;
    let mut shop = server.connect_to("shop").await;
    shop.start().await;
    shop.ask("cwd").await;
    let dir = text_of(&shop.turn().await);
    assert!(dir.ends_with("/docs"), "{dir}");
}

#[actix::test]
async fn a_file_that_is_wrong_changes_nothing_and_is_told_until_it_is_mended() {
    let server = serving(&["shop"], "");
    for (wrong, words) in [
        ("[projects]\nshop = 7\n", "projects.shop"),
        ("[projects\n", "cicerone.toml"),
        ("[budgets]\nuser_tokens = \"many\"\n", "budgets.user_tokens"),
        ("[nonsense]\nkey = 1\n", "nonsense"),
        ("[projects]\n\"a b\" = \"docs\"\n", "a b"),
        ("[agents.x]\nkind = \"other\"\n", "agents.x"),
        // No other agent answers in the place of one that is not there yet.
        (
            "[agents.new]\nkind = \"guide\"\n[projects]\nshop = { dir = \"shop\", agent = \"new\" }\n",
            "after a restart",
        ),
    ] {
        reload_until(&server, wrong, "is not reloaded").await;
        let log = server.log();
        let line = log.lines().rfind(|line| line.contains("is not reloaded")).unwrap();
        assert!(line.contains(words), "{wrong:?}: {line}");
        assert_eq!(names(&server).await, ["shop"], "{wrong:?}");
        assert!(is_refused(&server).await, "{wrong:?}");
    }
    fs::remove_file(server.files().join("cicerone.toml")).unwrap();
    let before = told(&server, "is not reloaded");
    signal(server.pid(), "HUP");
    eventually("a file that is gone is told", async || {
        (told(&server, "is not reloaded") > before).then_some(())
    })
    .await;
    assert_eq!(names(&server).await, ["shop"]);
    reload(&server, &projects(&["shop", "web"])).await;
    assert_eq!(names(&server).await, ["shop", "web"]);
    assert!(!is_refused(&server).await);
}

#[actix::test]
async fn what_needs_a_restart_is_named_and_what_the_command_line_says_stays() {
    let server = serving(&["shop"], "");
    let changed = "[server]\nshutdown_timeout = \"3s\"\nlisten = \"127.0.0.1:1\"\n[limits]\n\
                   agents = 3\n[advanced.socket]\nping_interval = \"7s\"\n[agents.other]\n\
                   kind = \"guide\"\n[budgets]\nuser_tokens = 5\n";
    reload_until(&server, &(projects(&["shop"]) + changed), "wait for a restart").await;
    let log = server.log();
    let line = log.lines().rfind(|line| line.contains("wait for a restart")).unwrap();
    for key in
        ["server.shutdown_timeout", "limits.agents", "advanced.socket.ping_interval", "agents"]
    {
        assert!(line.contains(key), "{key}: {line}");
    }
    // A flag overrides the file, and so nothing has changed; a budget has changed at once.
    assert!(!line.contains("listen") && !line.contains("budgets"), "{line}");
    // The level of the log is that of the environment here.
    reload(&server, &projects(&["shop"])).await;
    assert_eq!(told(&server, "wait for a restart"), 1);
}

#[actix::test]
async fn the_level_of_the_log_changes_at_once() {
    let setup = Setup::scripted().env("CICERONE_LOG", "");
    let server = setup.config_with_projects("[projects]\nshop = \"project\"\n").start();
    let count = async || {
        let mut client = server.connect_to("shop").await;
        client.start().await;
        client.ask("say hello").await;
        client.turn().await;
        told(&server, "DEBUG")
    };
    assert_eq!(count().await, 0);
    reload(&server, "[server]\nlog = \"debug\"\n[projects]\nshop = \"project\"\n").await;
    assert!(count().await > 0);
}

#[actix::test]
async fn a_budget_counts_from_the_reload_on() {
    let server = serving(&["shop"], "");
    let ask = async || {
        let mut client = server.connect_to("shop").await;
        client.start().await;
        client.ask("say hello").await;
        client.until_any(&["response_done", "error"]).await
    };
    let answered = ask().await;
    assert_eq!(answered.last().unwrap()["type"], "response_done", "{answered:?}");
    reload(&server, &(projects(&["shop"]) + "[budgets]\nproject_tokens = 1\n")).await;
    let refused = ask().await;
    assert_eq!(refused.last().unwrap()["type"], "error", "{refused:?}");
    assert!(refused.last().unwrap().to_string().contains("budget"), "{refused:?}");
}

#[actix::test]
async fn p14_whoever_loses_a_project_loses_its_open_socket_with_it() {
    let setup = team("");
    let file = setup.files_dir().join("cicerone.toml");
    let before = fs::read_to_string(&file).unwrap();
    let server = setup.start();
    let connect = async |who: Person| {
        let headers = who.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Client::connect_with(server.address(), PROJECT, &headers).await.unwrap()
    };
    let (mut ben, mut ana) = (connect(BEN).await, connect(ANA).await);
    ben.begin().await;
    ana.begin().await;
    let listed =
        format!("{before}[projects.{PROJECT}]\ndir = \"project\"\naccess = [\"user:ana\"]\n");
    reload(&server, &listed).await;
    // What is sent on a socket of before is not taken, whoever sends it; to come again is what tells.
    for client in [&mut ben, &mut ana] {
        client
            .send(json!({"type": "message", "content": "say secret", "message_id": "late"}))
            .await;
        let (frames, code, _) = client.until_closed().await;
        assert_eq!(code, 1001);
        assert!(!frames.iter().any(|frame| frame.contains("secret")), "{frames:?}");
    }
    let mut again = connect(BEN).await;
    assert_eq!(again.until_closed().await.1, 4004);
    let (status, list) = BEN.send(&server, "GET", "/api/projects", "").await;
    assert_eq!((status, list), (StatusCode::OK, json!([])));
    // The tokens of the environment are needed still.
    assert_eq!(server.get("/api/projects").await.0, 401);
    let mut ana = connect(ANA).await;
    ana.start().await;
    ana.ask("say welcome").await;
    assert_eq!(text_of(&ana.turn().await), "welcome");
}

#[actix::test]
async fn p10_a_renewed_certificate_is_served_from_the_reload_on() {
    let setup = Setup::guide();
    let dir = setup.files_dir().to_owned();
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        trusting(&made.cert)
    };
    let first = renew();
    let toml = "[server]\ntls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    let server = setup.config(toml).start();
    let answers = async |connector: &tokio_rustls::TlsConnector| {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let name = tokio_rustls::rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.ok()?;
        let port = server.address().rsplit(':').next().unwrap();
        let host = format!("localhost:{port}");
        Some(exchange(stream, "GET /healthz", &[("Host", &host)], "").await.status)
    };
    assert_eq!(answers(&first).await, Some(200));
    // A key of another certificate changes nothing.
    let second = renew();
    let key = fs::read(dir.join("key.pem")).unwrap();
    fs::write(dir.join("key.pem"), "no key").unwrap();
    reload_until(&server, toml, "is not reloaded").await;
    assert_eq!(answers(&first).await, Some(200));
    fs::write(dir.join("key.pem"), key).unwrap();
    reload(&server, toml).await;
    assert_eq!((answers(&second).await, answers(&first).await), (Some(200), None));
}

#[actix::test]
async fn a_project_from_git_is_cloned_after_the_reload_that_brings_it() {
    let server = serving(&["shop"], "");
    let origin = server.files().join("origin");
    fs::create_dir(&origin).unwrap();
    git(&origin, "Ann", &["init", "-q", "-b", "main"]);
    write(&origin, "README.md", "# From git\n");
    git(&origin, "Ann", &["add", "-A"]);
    git(&origin, "Ann", &["commit", "-q", "-m", "Begin"]);
    let from_git = |refresh: &str| {
        let url = origin.display();
        format!("tea = {{ git = \"file://{url}\", refresh = \"{refresh}\" }}\n")
    };
    reload(&server, &(projects(&["shop"]) + &from_git("1h"))).await;
    let text = async || {
        let (_, page) = server.get("/api/projects/tea/file?path=README.md").await;
        page["text"].as_str().map(str::to_owned)
    };
    assert_eq!(eventually("the clone", &text).await, "# From git");
    // Another interval keeps what is there, and looks at the remote at once.
    write(&origin, "README.md", "# Further\n");
    git(&origin, "Ann", &["commit", "-qam", "Go on"]);
    reload(&server, &(projects(&["shop"]) + &from_git("2h"))).await;
    assert_eq!(text().await.as_deref().map(|text| text.starts_with("# F")), Some(true));
    eventually("the new commit", async || {
        (text().await.as_deref() == Some("# Further")).then_some(())
    })
    .await;
    reload(&server, &projects(&["shop"])).await;
    let (_, states) = server.get("/api/admin/repositories").await;
    assert_eq!(states, Value::Array(Vec::new()));
}

/// A server within a terminal of its own, by `before`; gives the terminal's process and the server's.
async fn in_terminal(dir: &std::path::Path, before: &str) -> (std::process::Child, u32) {
    let program = env!("CARGO_BIN_EXE_cicerone");
    let agent = scripted_agent().display();
    fs::create_dir(dir.join("project")).unwrap();
    let command = format!(
        "{before} {program} --listen 127.0.0.1:0 --agent claude --claude {agent} --data-dir data \
         --project demo=project 2> log > out & echo $! > pid; wait"
    );
    let terminal = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(dir)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("the server listens", async || {
        let out = fs::read_to_string(dir.join("out")).unwrap_or_default();
        out.contains("listening on").then_some(())
    })
    .await;
    let pid = fs::read_to_string(dir.join("pid")).unwrap().trim().parse().unwrap();
    (terminal, pid)
}

#[actix::test]
async fn a_server_ends_with_its_terminal_unless_nohup_keeps_it() {
    for (before, ends) in [("", true), ("nohup", false)] {
        let dir = tempfile::tempdir().unwrap();
        let (mut terminal, pid) = in_terminal(dir.path(), before).await;
        let log = || fs::read_to_string(dir.path().join("log")).unwrap();
        // A signal alone is a reload.
        signal(pid, "HUP");
        eventually("the reload", async || log().contains("reloaded").then_some(())).await;
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        if ends {
            eventually("the server ends", async || {
                (!crate::server::is_alive(pid) && log().contains("signal=SIGHUP")).then_some(())
            })
            .await;
        } else {
            let reloads = log().matches("reloaded").count();
            signal(pid, "HUP");
            eventually("it reloads still", async || {
                (log().matches("reloaded").count() > reloads).then_some(())
            })
            .await;
            signal(pid, "TERM");
            eventually("its end", async || (!crate::server::is_alive(pid)).then_some(())).await;
        }
    }
}
