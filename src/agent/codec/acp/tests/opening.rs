//! The requests before the first question.

use super::*;

fn initialized() -> Value {
    json!({"id": 1, "result": {"protocolVersion": 1, "agentInfo": {"version": "7"}}})
}

fn resuming() -> Agent {
    Agent::new(AcpSettings { resume: Some("old".to_owned()), ..settings() })
}

fn with_capabilities(capabilities: &Value) -> Value {
    json!({"id": 1, "result": {"protocolVersion": 1, "agentCapabilities": capabilities}})
}

fn methods(sent: &[Value]) -> Vec<&str> {
    sent.iter().map(|line| line["method"].as_str().unwrap()).collect()
}

#[test]
fn the_handshake_offers_neither_files_nor_terminals() {
    let line: Value = serde_json::from_str(&AcpLines::default().initialize()).unwrap();
    let offered = json!({"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false});
    assert_eq!(line["params"]["clientCapabilities"], offered);
    assert_eq!((&line["params"]["protocolVersion"], &line["id"]), (&json!(1), &json!(1)));
}

#[test]
fn an_agent_of_another_version_is_ended() {
    for version in [json!(2), json!(0), json!("1.0"), Value::Null] {
        let mut agent = Agent::new(settings());
        agent.says(&json!({"id": 1, "result": {"protocolVersion": version}}));
        let words = agent.aborted().unwrap_or_else(|| panic!("{version} was taken"));
        assert!(words.contains("version 1"), "{words}");
        assert!(agent.was_sent().is_empty());
    }
}

#[test]
fn a_session_is_opened_after_the_login_and_before_its_mode() {
    let meta = Some(json!({"x": 1}));
    let (auth_method, mode) = (Some("key".to_owned()), Some("plan".to_owned()));
    let mut agent = Agent::new(AcpSettings { auth_method, mode, meta, ..settings() });
    agent.says(&initialized());
    let sent = agent.was_sent();
    assert_eq!(
        (methods(&sent), &sent[0]["params"]["methodId"]),
        (vec!["authenticate"], &json!("key"))
    );
    agent.says(&json!({"id": 2, "result": {}}));
    let sent = agent.was_sent();
    assert_eq!(methods(&sent), ["session/new"]);
    let parameters = json!({"cwd": "/scratch/project", "mcpServers": [], "_meta": {"x": 1}});
    assert_eq!(sent[0]["params"], parameters);
    assert!(agent.lines.prompt("too early").is_none() && agent.lines.cancel().is_none());
    agent.says(&json!({"id": 3, "result": {"sessionId": "s"}}));
    let sent = agent.was_sent();
    assert_eq!(sent[0]["params"], json!({"sessionId": "s", "modeId": "plan"}));
    let is_ready = |agent: &Agent| matches!(agent.output.events[..], [AgentEvent::Ready]);
    assert!(!is_ready(&agent));
    agent.says(&json!({"id": 5, "result": {}}));
    assert!(is_ready(&agent));
    let kept = agent
        .output
        .actions
        .iter()
        .any(|it| matches!(it, HostAction::KeepSession(id) if id == "s"));
    assert!(kept);
}

#[test]
fn an_agent_without_an_account_is_ended_with_words_that_say_how_to_log_in() {
    let refused = json!({"code": -32000, "message": "Authentication required"});
    for resume in [None, Some("old".to_owned())] {
        let mut agent = Agent::new(AcpSettings { resume, ..settings() });
        agent.says(&with_capabilities(&json!({"sessionCapabilities": {"resume": {}}})));
        agent.says(&json!({"id": 3, "error": refused}));
        assert!(agent.aborted().unwrap().ends_with("(Authentication required). Set THE_KEY."));
        assert!(!agent.codec.session_lost());
    }
}

#[test]
fn a_mode_that_the_agent_does_not_know_ends_it() {
    let mut agent = Agent::new(AcpSettings { mode: Some("ask".to_owned()), ..settings() });
    agent.says(&initialized());
    agent.says(&json!({"id": 3, "result": {"sessionId": "s"}}));
    agent.says(&json!({"id": 5, "error": {"code": -32602, "message": "no such mode"}}));
    assert!(agent.aborted().unwrap().contains("only reads: no such mode"));
    assert!(agent.output.events.is_empty());
}

#[test]
fn a_session_is_resumed_else_loaded_else_given_up() {
    let both = json!({"loadSession": true, "sessionCapabilities": {"resume": {}}});
    let not_found = json!({"code": -32002, "message": "Resource not found"});

    let mut agent = resuming();
    agent.says(&with_capabilities(&both));
    let sent = agent.was_sent();
    assert_eq!(
        (methods(&sent), &sent[0]["params"]["sessionId"]),
        (vec!["session/resume"], &json!("old"))
    );
    agent.says(&json!({"id": 3, "error": not_found}));
    assert_eq!(methods(&agent.was_sent()), ["session/load"]);
    agent.says(&json!({"id": 4, "error": not_found}));
    assert!(agent.codec.session_lost() && agent.aborted().is_some());

    let mut agent = resuming();
    agent.says(&with_capabilities(&json!({"loadSession": false})));
    assert!(agent.codec.session_lost() && agent.was_sent().is_empty());
}

#[test]
fn the_replay_of_a_loaded_session_is_dropped() {
    let mut agent = resuming();
    agent.says(&with_capabilities(&json!({"loadSession": true})));
    assert_eq!(methods(&agent.was_sent()), ["session/load"]);
    let old =
        json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "old"}});
    agent.updates(&old);
    agent.updates(&json!({"sessionUpdate": "tool_call", "toolCallId": "c", "status": "completed"}));
    agent.says(&json!({"id": 4, "result": null}));
    assert_eq!(agent.screen(), [] as [&str; 0]);
    assert_eq!(agent.asks("more")["params"]["sessionId"], "old");
}

#[test]
fn instructions_precede_the_first_question_of_a_new_session_alone() {
    let agent =
        Agent::ready_with(AcpSettings { preface: Some("Be brief.".to_owned()), ..settings() });
    let texts = |request: Value| -> Vec<String> {
        let blocks = request["params"]["prompt"].as_array().unwrap().clone();
        blocks.iter().map(|block| block["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(agent.asks("one")), ["Be brief.", "one"]);
    assert_eq!(texts(agent.asks("two")), ["two"]);

    let preface = Some("Be brief.".to_owned());
    let mut agent =
        Agent::new(AcpSettings { preface, resume: Some("old".to_owned()), ..settings() });
    agent.says(&with_capabilities(&json!({"sessionCapabilities": {"resume": {}}})));
    agent.says(&json!({"id": 3, "result": {}}));
    assert_eq!(texts(agent.asks("one")), ["one"]);
}

#[test]
fn a_question_that_looks_like_a_command_of_the_agent_is_none() {
    let agent = Agent::ready();
    for question in ["/logout", "  /compact", "/"] {
        let request = agent.asks(question);
        let text = request["params"]["prompt"][0]["text"].as_str().unwrap();
        assert!(!text.trim_start().starts_with('/') && text.ends_with(question), "{text}");
    }
}
