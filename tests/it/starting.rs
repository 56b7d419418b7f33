//! Servers that must not start, and one whose stored messages are read as the original's.

use std::net::{TcpListener, ToSocketAddrs as _};

use serde_json::json;

use crate::{
    screen::Screen,
    server::{Server, Setup},
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
