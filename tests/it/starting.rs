//! Servers that must not start, and one whose stored messages are read as the original's.

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
