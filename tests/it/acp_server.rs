//! A server whose agent speaks the Agent Client Protocol, the scripted one in its place.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::{
    client::text_of,
    server::{Server, Setup, scripted_agent},
};

/// A server whose agent is taken for the program of this name.
fn server(name: &str) -> Server {
    let setup = Setup::new();
    let program = setup.files_dir().join(name);
    symlink(scripted_agent(), &program).unwrap();
    let config = format!(
        "[agents.other]\nkind = \"acp\"\ncommand = [{:?}, \"--acp\"]\n\n[agent]\ndefault = \"other\"\n",
        program.to_str().unwrap()
    );
    setup.config(&config).start()
}

#[actix_web::test]
async fn an_agent_answers_and_its_locks_are_told() {
    for (name, locks) in
        [("goose", "one lock of three"), ("claude-agent-acp", "two locks of three")]
    {
        let server = server(name);
        let mut client = server.connect().await;
        client.send(json!({"type": "start", "protocol": 1})).await;
        let greeting = client.until("caught_up").await;
        assert!(json!(greeting).to_string().contains(locks), "{greeting:?}");
        client.ask("say It is green.").await;
        assert_eq!(text_of(&client.turn().await), "It is green.");
    }
}

#[actix_web::test]
async fn a_conversation_goes_on_after_a_restart() {
    for (name, is_resumed) in [("claude-agent-acp", true), ("goose", false)] {
        let mut server = server(name);
        let mut client = server.connect().await;
        let conversation = client.start().await;
        client.ask("say the first answer").await;
        client.turn().await;
        assert!(server.terminate().success());
        server.launch_again();

        let (mut client, _) = server.enter(conversation, Value::Null).await;
        client.ask("history").await;
        let told = text_of(&client.turn().await);
        // An agent that does not know the conversation is told what was said in it.
        assert!(told.contains("the first answer"), "{name}: {told}");
        assert_eq!(told.contains("say the first answer\nhistory"), is_resumed, "{name}: {told}");
    }
}
