//! Servers that must not start, and one whose stored messages are read as the original's.

use std::net::{TcpListener, ToSocketAddrs as _};

use serde_json::json;

use crate::{
    client::text_of,
    screen::Screen,
    server::{Gate, Server, Setup, eventually, is_alive, scripted_agent},
};

#[test]
fn bad_settings_are_told_with_the_key_and_the_nearest_right_one() {
    for (setup, code, words) in [
        (Setup::guide().args(["--assets", "/gone/page"]), 2, ["`server.assets`", "/gone/page"]),
        (Setup::guide().config("[limits]\nagent = 3\n"), 2, ["limits.agent", "`limits.agents`"]),
        (
            Setup::guide().args(["--project", "gone=/gone/project"]),
            2,
            ["--project", "/gone/project"],
        ),
    ] {
        let (status, stderr) = setup.fail();
        assert_eq!(status.code(), Some(code), "{stderr}");
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{stderr}");
        for word in words {
            assert!(errors[0].contains(word), "{word} is not in {stderr}");
        }
    }
}

#[actix::test]
async fn p10_a_loopback_name_is_listened_on_without_a_token_at_all_its_addresses() {
    let server = Setup::guide().args(["--listen", "localhost:0"]).start();
    assert_eq!(server.get("/healthz").await.0, 200);
    let port: u16 = server.address().rsplit(':').next().unwrap().parse().unwrap();
    let mut listening = 0;
    for address in ("localhost", port).to_socket_addrs().unwrap() {
        // A name may have an address that this machine has not.
        if TcpListener::bind((address.ip(), 0)).is_ok() {
            let url = format!("http://{address}/api/projects");
            assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "{address}");
            listening += 1;
        }
    }
    assert!(listening > 0);

    let (status, stderr) = Setup::guide().args(["--listen", "no-such-host.invalid:0"]).fail();
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("`no-such-host.invalid` has none"), "{stderr}");
    // Its port is in use at one of the addresses: another program would be reached there.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", taken.local_addr().unwrap().port());
    let (status, stderr) = Setup::guide().args(["--listen", &address]).fail();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("cannot listen on 127.0.0.1:"), "{stderr}");
}

#[actix::test]
async fn the_original_reads_the_messages_that_were_on_the_screen() {
    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.start().await;
    client.ask("say One\ntool Read {} => x\nsay  and two").await;
    let mut screen = Screen::default();
    screen.show(&client.until("response_done").await);
    let path = format!("/api/assistant/conversations/demo/{id}");
    let (_, detail) = server.get(&path).await;
    let messages = detail["messages"].as_array().unwrap();
    // The greeting was shown before.
    let told: Vec<_> = messages[1..].iter().map(|it| json!([it["role"], it["content"]])).collect();
    let shown: Vec<_> = screen.messages().into_iter().map(|it| json!(it)).collect();
    assert_eq!(told, shown);
    assert_eq!(shown[1][1], "One and two");
}

#[test]
fn p6_a_secret_file_where_agents_read_is_refused_at_the_start() {
    for (key, path) in [
        ("server.tls_key", "/etc/ssl/certs/guide.key"),
        ("server.tls_key", "/usr/local/share/ca-certificates/guide.key"),
        ("server.tls_key", "/usr/lib/guide.key"),
    ] {
        let tls =
            format!("[server]\ntls_certificate = \"/nowhere/guide.pem\"\ntls_key = \"{path}\"\n");
        let (status, stderr) = Setup::guide().config(&tls).fail();
        assert_eq!(status.code(), Some(2), "{stderr}");
        let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        for word in [key, path, "agents may read", "move it elsewhere"] {
            assert!(error.contains(word), "{word} is not in {stderr}");
        }
    }
    let setup = Setup::guide();
    let readable = setup.project_dir().with_file_name("readable");
    std::fs::create_dir(&readable).unwrap();
    let token = readable.join("viewer.token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    let (status, stderr) = setup
        .config(&format!(
            "[agent]\nreadable = [{readable:?}]\n[access]\nviewer_token_file = {token:?}\n"
        ))
        .fail();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("access.viewer_token_file"), "{stderr}");
}

#[actix::test]
async fn a_server_without_the_agents_program_says_that_and_the_sandbox_is_proved() {
    for (arguments, words) in [
        (["--agent", "claude", "--claude", "/nowhere/claude"], "/nowhere/claude"),
        (["--agent", "claude", "--claude", ""], "npm install -g @anthropic-ai/claude-code"),
    ] {
        let server = Setup::new().args(arguments).env("PATH", "/nowhere").start();
        let status = eventually("the self-test has ended", async || {
            let (_, status) = server.get("/api/admin/status").await;
            (!status["sandbox"].is_null()).then_some(status)
        })
        .await;
        assert_eq!(status["sandbox"]["verdict"], "proved", "{status}");
        assert!(status["refusal"].as_str().unwrap().contains(words), "{status}");
        let (code, ready) = server.get("/readyz").await;
        let detail = ready["detail"].as_str().unwrap();
        assert_eq!(code, 503);
        assert!(detail.contains("`claude` program") && !detail.contains("/nowhere"), "{detail}");
        let mut client = server.connect().await;
        client.send(json!({"type": "start", "protocol": 1})).await;
        let attached = client.until("attached").await.pop().unwrap();
        assert_eq!(attached["agent"]["kind"], "none");
        assert_eq!(attached["read_only"]["verdict"], "proved", "{attached}");
        assert_eq!(attached["read_only"]["missing"], json!([]), "{attached}");
        let error = client.until("error").await.pop().unwrap();
        assert!(error["content"].as_str().unwrap().contains(words), "{error}");
    }
}

#[actix::test]
async fn agents_of_a_program_that_is_replaced_are_replaced_once_they_have_nothing_to_do() {
    let setup = Setup::new();
    let dir = setup.project_dir().with_file_name("bin");
    std::fs::create_dir(&dir).unwrap();
    let program = dir.join("claude");
    let put = || {
        let new = dir.join("new");
        std::fs::copy(scripted_agent(), &new).unwrap();
        std::fs::rename(new, &program).unwrap();
    };
    put();
    let server = setup.args(["--agent", "claude", "--claude", program.to_str().unwrap()]).start();
    let mut client = server.connect().await;
    client.start().await;
    client.ask("say one").await;
    client.turn().await;
    let first = server.agent_pid().await;

    // One that rests goes by itself, and the next question starts the new one.
    put();
    eventually("the idle agent is gone", async || (!is_alive(first)).then_some(())).await;
    client.ask("history").await;
    assert_eq!(text_of(&client.turn().await), "say one | history");
    let second = server.agent_pid().await;
    assert_ne!(first, second);

    // One that works finishes, and what waits behind it is for the new one.
    let gate = Gate::new(&server);
    client.ask(&format!("say begun\n{}\nsay  and done", gate.script())).await;
    client.until("text").await;
    put();
    client.post("behind", "history").await;
    client.until("accepted").await;
    assert!(is_alive(second), "a turn was broken off");
    gate.open();
    let frames = client.turn().await;
    assert_eq!(frames.last().unwrap()["outcome"], "completed", "{frames:?}");
    let text = text_of(&client.turn().await);
    assert!(text.starts_with("say one | history | say begun"), "{text}");
    assert_ne!(server.agent_pid().await, second);
}
