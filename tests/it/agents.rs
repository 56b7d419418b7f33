//! What an agent says and how a session takes it, with the scripted agent in the agent's place.

use actix::{Actor, Context, Handler};
use cicerone::{
    agent::{
        AgentError, AgentExited, AgentKind, AgentOutput, AgentSession, Flow, NoModel,
        event::{AgentEnd, AgentEvent},
    },
    config::settings::{
        AgentChoice,
        agents::{AgentName, NamedAgent},
    },
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    agent_probe::{Bench, Heard, Turn, wait_until},
    server::scripted_agent,
};

/// Plays a script in a new agent.
async fn play(script: &str) -> Turn {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.ready().await;
    let turn = agent.ask(script).await;
    let exit = agent.stop().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
    turn
}

#[actix_web::test]
async fn a_message_is_answered() {
    let turn = play("Where is the tea?").await;
    assert_eq!(turn.text, "Where is the tea?");
    let result = turn.result();
    assert_eq!(result.end, AgentEnd::Completed);
    assert_eq!(result.usage.input_tokens, 10);
    assert_eq!(result.duration_ms, Some(7));
}

#[actix_web::test]
async fn tools_and_their_results_are_told_in_order() {
    let turn = play("tool Read {\"file_path\":\"a\"} => one\\ntwo\ntoolerror Grep {} => no").await;
    assert_eq!(turn.tool_results(), [(true, "one\ntwo"), (false, "no")]);
    let calls = turn.events.iter().filter_map(|event| match event {
        AgentEvent::ToolCalled { tool, input, .. } => Some((tool.as_str(), input.get())),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls, [("Read", r#"{"file_path":"a"}"#), ("Grep", "{}")]);
}

#[actix_web::test]
async fn a_long_tool_result_is_cut() {
    let mut bench = Bench::scripted();
    bench.limits.tool_result_bytes = 5;
    let mut agent = bench.start();
    let turn = agent.ask("tool Read {} => ééééé").await;
    assert_eq!(turn.tool_results(), [(true, "éé")]);
    let cut = turn
        .events
        .iter()
        .any(|event| matches!(event, AgentEvent::ToolReturned { truncated, .. } if *truncated));
    assert!(cut);
}

#[actix_web::test]
async fn the_cost_of_each_turn_is_its_own() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    for _ in 0..3 {
        let cost = agent.ask("say hi").await.result().cost_usd.unwrap();
        assert!((cost - 0.01).abs() < 1e-9, "{cost}");
    }
}

#[actix_web::test]
async fn garbage_is_told_and_passed_over() {
    let turn = play("garbage {not json\nbadutf8\nrawline {\"no\":\"type\"}\nsay fine").await;
    assert_eq!(turn.text, "fine");
    let garbage = turn.events.iter().filter(|event| matches!(event, AgentEvent::Garbage(_)));
    assert_eq!(garbage.count(), 3, "{:?}", turn.events);
}

#[actix_web::test]
async fn an_over_long_line_is_dropped_and_the_rest_is_read() {
    let mut bench = Bench::scripted();
    bench.limits.agent_line_bytes = 100_000;
    let mut agent = bench.start();
    let turn = agent.ask("longline 3000000\nsay fine").await;
    assert_eq!(turn.text, "fine");
    let told = turn.events.iter().any(
        |event| matches!(event, AgentEvent::Garbage(words) if words.contains("3000000 bytes")),
    );
    assert!(told, "{:?}", turn.events);
}

#[actix_web::test]
async fn a_turn_ends_once_however_often_the_agent_says_so() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.ask("twice").await;
    let (events, _) = {
        agent.handle.stop();
        agent.exit().await
    };
    assert!(!events.iter().any(|event| matches!(event, AgentEvent::Finished(_))), "{events:?}");
}

#[actix_web::test]
async fn an_error_is_a_failure_and_no_answer() {
    let turn = play("error API Error: 500 boom").await;
    assert!(turn.failure().contains("(500)"));
    assert_eq!(turn.text, "");
}

#[actix_web::test]
async fn a_retry_is_told() {
    let turn = play("retry\nsay ok").await;
    let told = turn.events.iter().any(|event| {
        matches!(event, AgentEvent::Retrying { attempt: 1, max_attempts: 3, delay_ms: 20, reason }
            if reason.contains("overloaded"))
    });
    assert!(told, "{:?}", turn.events);
}

#[actix_web::test]
async fn a_tool_that_leaves_the_project_is_denied() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    let turn = agent.ask("hook Read {\"file_path\":\"/etc/passwd\"}").await;
    assert!(turn.text.contains("\"deny\"") && turn.text.contains("outside"), "{}", turn.text);
    let turn = agent.ask("hook Write {\"file_path\":\"README.md\"}").await;
    assert!(turn.text.contains("\"deny\""), "{}", turn.text);
    let turn = agent.ask("hook Read {\"file_path\":\"README.md\"}").await;
    assert!(turn.text.contains("\"success\"") && !turn.text.contains("deny"), "{}", turn.text);
}

#[actix_web::test]
async fn an_interrupt_ends_the_turn() {
    let bench = Bench::scripted();
    let mut agent = bench.start();
    agent.say("stream 100000 10");
    while !matches!(agent.next_event().await, AgentEvent::TextDelta(_)) {}
    agent.handle.interrupt().unwrap();
    let turn = agent.finish().await;
    assert_eq!(turn.result().end, AgentEnd::Interrupted);
    assert_eq!(agent.ask("say still here").await.text, "still here");
}

#[actix_web::test]
async fn a_resumed_agent_knows_what_was_said() {
    let bench = Bench::scripted();
    let agents = bench.agents();
    let mut agent = bench.start_session(&agents, AgentSession::New(Uuid::new_v4()));
    let session = agent.session;
    agent.ask("say one").await;
    drop(agent);
    let mut agent = bench.start_session(&agents, AgentSession::Resume(session));
    assert_eq!(agent.ask("history").await.text, "say one | history");
}

#[actix_web::test]
async fn a_lost_session_is_told_by_the_exit() {
    let bench = Bench::scripted();
    let mut agent = bench.start_session(&bench.agents(), AgentSession::Resume(Uuid::new_v4()));
    let (events, exit) = agent.exit().await;
    assert!(exit.session_lost && events.is_empty(), "{exit:?} {events:?}");
    agent.silence().await;
}

/// Takes one output and then holds the agent until it is let go.
struct Holding {
    heard: mpsc::UnboundedSender<Heard>,
    gates: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Actor for Holding {
    type Context = Context<Self>;
}

impl Handler<AgentOutput> for Holding {
    type Result = Flow;

    fn handle(&mut self, output: AgentOutput, _: &mut Self::Context) -> Flow {
        for event in output.events {
            self.heard.send(Heard::Event(event)).ok();
        }
        let (gate, held) = oneshot::channel();
        self.gates.send(gate).ok();
        Flow::Hold(held)
    }
}

impl Handler<AgentExited> for Holding {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, _: &mut Self::Context) {
        self.heard.send(Heard::Exited(exited.exit)).ok();
    }
}

#[actix_web::test]
async fn an_agent_that_is_held_waits_in_its_pipe_and_loses_nothing() {
    const WORDS: usize = 20_000;
    let bench = Bench::scripted();
    let (sender, heard) = mpsc::unbounded_channel();
    let (gate_sender, mut gates) = mpsc::unbounded_channel();
    let holding = Holding { heard: sender, gates: gate_sender }.start();
    let session = AgentSession::New(Uuid::new_v4());
    let recipients = (holding.clone().recipient(), holding.recipient());
    let agents = bench.agents();
    let mut agent = bench.start_with(&agents, session, heard, recipients.0, recipients.1);
    let done = bench.base.path().join("done");
    agent.say(&format!("stream {WORDS} 0\ntool Read {{}} => {}", done.display()));

    // The first output is held: the agent fills its pipe and goes no further.
    let gate = gates.recv().await.unwrap();
    let pid = agent.handle.pid().unwrap();
    wait_until("the agent waits to write", || {
        let wchan = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        wchan.contains("pipe_write")
    })
    .await;
    gate.send(()).unwrap();
    actix_web::rt::spawn(async move {
        while let Some(gate) = gates.recv().await {
            gate.send(()).ok();
        }
    });
    let turn = agent.finish().await;
    assert_eq!(turn.text.split_whitespace().count(), WORDS);
    // What had gathered in the pipe came as one.
    let longest = turn.events.iter().filter_map(|event| match event {
        AgentEvent::TextDelta(text) => Some(text.split_whitespace().count()),
        _ => None,
    });
    assert!(longest.max().unwrap() > 100);
}

#[test]
fn the_agent_is_chosen_by_the_settings_and_by_what_is_installed() {
    let mut bench = Bench::scripted();
    assert_eq!(bench.agents().kind().unwrap(), AgentKind::Claude);
    bench.settings.claude = Some("/nonexistent/claude".into());
    let missing = bench.agents().kind().unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/claude"), "{missing}");

    bench.settings.claude = None;
    bench.environment = vec![("PATH".into(), bench.project().into())];
    assert!(matches!(bench.agents().kind(), Err(AgentError::ClaudeNotFound)));
    bench.settings.default = AgentChoice::Auto;
    assert_eq!(bench.agents().kind().unwrap(), AgentKind::Guide);
    assert_eq!(bench.agents().no_model(), Some(NoModel::NotInstalled));

    let (bin, home) = (bench.base.path().join("bin"), bench.base.path().join("home"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(home.join(".claude")).unwrap();
    std::os::unix::fs::symlink(scripted_agent(), bin.join("claude")).unwrap();
    bench.environment = vec![("PATH".into(), bin.into()), ("HOME".into(), home.clone().into())];
    let agents = bench.agents();
    let login = home.join(".claude/.credentials.json");
    for (content, expected) in [
        (None, Some(NoModel::NotLoggedIn)),
        (Some(r#"{"claudeAiOauth":{"accessToken":"t"}}"#), None),
        (None, Some(NoModel::NotLoggedIn)),
    ] {
        match content {
            Some(content) => std::fs::write(&login, content).unwrap(),
            None => drop(std::fs::remove_file(&login)),
        }
        assert_eq!(agents.no_model(), expected, "{content:?}");
        assert_eq!(agents.kind().unwrap() == AgentKind::Claude, expected.is_none());
    }
    std::fs::write(home.join(".claude.json"), r#"{"primaryApiKey":"sk"}"#).unwrap();
    assert_eq!(agents.kind().unwrap(), AgentKind::Claude);
    std::os::unix::fs::symlink(scripted_agent(), bench.project().join("claude")).unwrap();
    assert_eq!(bench.agents().kind().unwrap(), AgentKind::Claude);
    bench.settings.default = AgentChoice::Named(AgentName::guide());
    assert_eq!(bench.agents().kind().unwrap(), AgentKind::Guide);
}

#[test]
fn a_personal_login_answers_only_the_person_whose_it_is() {
    let mut bench = Bench::scripted();
    let home = bench.base.path().join("home");
    std::fs::create_dir_all(home.join(".claude")).unwrap();
    let login = home.join(".claude/.credentials.json");
    let token = ("CLAUDE_CODE_OAUTH_TOKEN", "t");
    let over_acp = r#"kind = "acp"
        command = ["claude-agent-acp"]"#;
    let name: AgentName = "over-acp".parse().unwrap();
    let config = toml::from_str(over_acp).unwrap();
    bench.settings.named.push(NamedAgent { name: name.clone(), config });
    let environment = bench.environment.clone();
    // A file of a login, variables, whether it is personal, whether another agent of it is so too.
    for (has_login, variables, is_personal, is_personal_over_acp) in [
        (true, vec![], true, false),
        (false, vec![token], true, true),
        (true, vec![token], true, true),
        (false, vec![token, ("ANTHROPIC_API_KEY", "k")], false, false),
        (true, vec![("ANTHROPIC_API_KEY", "k")], false, false),
        (true, vec![token, ("ANTHROPIC_AUTH_TOKEN", "k")], false, false),
        (true, vec![token, ("CLAUDE_CODE_USE_BEDROCK", "1")], false, false),
        (false, vec![], false, false),
    ] {
        match has_login {
            true => std::fs::write(&login, r#"{"claudeAiOauth":{"accessToken":"t"}}"#).unwrap(),
            false => drop(std::fs::remove_file(&login)),
        }
        bench.environment = environment.clone();
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        bench.environment.extend(variables);
        for (serves_others, share_login) in
            [(false, false), (true, false), (true, true), (false, true)]
        {
            bench.settings.serves_others = serves_others;
            bench.settings.share_login = share_login;
            let of = |is_personal| is_personal && serves_others && !share_login;
            let told = format!("{has_login} {:?} {serves_others} {share_login}", bench.environment);
            for (agent, is_personal) in
                [(AgentName::claude(), is_personal), (name.clone(), is_personal_over_acp)]
            {
                bench.settings.default = AgentChoice::Named(agent);
                let kind = bench.agents().kind();
                let is_refused = matches!(kind, Err(AgentError::PersonalLogin));
                assert_eq!(is_refused, of(is_personal), "{kind:?} {told}");
            }
            bench.settings.default = AgentChoice::Auto;
            let reason = of(is_personal).then_some(NoModel::PersonalLogin);
            assert_eq!(bench.agents().no_model(), reason, "{told}");
        }
    }
}

#[actix_web::test]
async fn a_guide_whom_nobody_answers_says_so() {
    let mut bench = Bench::scripted();
    bench.settings.default = AgentChoice::Named(AgentName::guide());
    bench.has_tools = false;
    let mut agent = bench.start();
    assert_eq!(agent.handle.kind(), AgentKind::Guide);
    agent.ready().await;
    for _ in 0..2 {
        let turn = agent.ask("Where do we sell tea?").await;
        let AgentEnd::Failed(failure) = &turn.result().end else { panic!("{:?}", turn.events) };
        assert!(failure.content.contains("not available"), "{failure:?}");
    }
    let exit = agent.stop().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(0), "{exit:?}");
}
