//! The model agent behind the server: chosen by name, confined, fed by the project's reader, told the
//! conversation by the store.

use serde_json::{Value, json};

use super::service::{Act, Service, call, calls, delta, error, finish, response, says, stream};
use crate::{
    client::{Client, text_of},
    doctor::{doctor, line},
    server::{Server, Setup, eventually, free_port, signal},
};

/// A server whose agent `local` asks this service.
fn setup(service: &Service, keys: &str) -> Setup {
    let url = &service.url;
    Setup::new().config(&format!(
        "[agents.local]\nkind = \"model\"\nbase_url = \"{url}\"\nmodel = \"tea-1\"\n{keys}\n"
    ))
}

fn local(service: &Service) -> Server {
    setup(service, "").args(["--agent", "local"]).start()
}

async fn conversation(server: &Server) -> Client {
    let mut client = server.connect().await;
    client.begin().await;
    client
}

async fn answer(client: &mut Client, question: &str) -> String {
    client.ask(question).await;
    said(&client.turn().await)
}

/// The answer without the note that the service, which counts few tokens, seems to cut questions short.
fn said(frames: &[Value]) -> String {
    let text = text_of(frames);
    text.split("\n\n*Note: the model read").next().unwrap().to_owned()
}

async fn ask_agent(client: &mut Client, agent: &str, question: &str) -> String {
    client.send(json!({"type": "message", "content": question, "agent": agent})).await;
    said(&client.turn().await)
}

/// The texts of a request's messages, in one.
fn told(body: &Value) -> String {
    body["messages"].to_string()
}

#[actix::test]
async fn a_model_reads_the_project_by_the_reader_and_answers() {
    let service = Service::start(vec![
        calls(&[call("a", "read", &json!({"path": "README.md"}))]),
        says("It is a project of a test, see `README.md:3`."),
    ]);
    let server = local(&service);
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let frames = client.until("caught_up").await;
    let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
    let agent = &attached["agent"];
    assert_eq!(
        (&agent["name"], &agent["kind"], &agent["model"]),
        (&json!("local"), &json!("model"), &json!("tea-1"),)
    );
    let names: Vec<_> = agent["choices"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["claude", "guide", "local"]);

    client.ask("what is it?").await;
    let frames = client.turn().await;
    assert!(text_of(&frames).contains("a project of a test"), "{frames:?}");
    let of_kind = |kind: &str| frames.iter().find(|frame| frame["type"] == kind).cloned();
    assert_eq!(of_kind("tool_call").unwrap()["tool"], "Read");
    let citation = &of_kind("response_done").unwrap()["citations"][0];
    assert_eq!((&citation["path"], &citation["line"]), (&json!("README.md"), &json!(3)));
    let questions = service.questions();
    assert_eq!(questions.len(), 2);
    assert!(told(&questions[1].body).contains("A project of a test."), "{}", questions[1].body);
    let names: Vec<_> = questions[0].body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    let system = questions[0].body["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("\"demo\""), "{system}");
    for name in ["read", "grep", "glob", "list", "search", "outline", "history_log", "ask_user"] {
        assert!(names.contains(&name), "no {name} in {names:?}");
        assert!(system.contains(name), "no {name} in {system}");
    }
}

#[actix::test]
async fn a_model_that_was_killed_or_another_one_is_told_the_whole_conversation() {
    let service = Service::start(vec![
        calls(&[call("a", "read", &json!({"path": "README.md"}))]),
        says("Green tea."),
        says("As I said."),
        says("Once more."),
    ]);
    let server = local(&service);
    let mut client = conversation(&server).await;
    answer(&mut client, "which tea?").await;
    let pid = server.agent_pid().await;
    signal(pid, "KILL");
    eventually("the agent is gone", async || {
        let (_, list) = server.get("/api/admin/sessions").await;
        list[0]["conversations"][0]["agent"].is_null().then_some(())
    })
    .await;
    assert_eq!(answer(&mut client, "and why?").await, "As I said.");
    let last = service.questions().pop().unwrap();
    let told_now = told(&last.body);
    for words in ["which tea?", "Green tea.", "A project of a test.", "and why?"] {
        assert!(told_now.contains(words), "no {words:?} in {told_now}");
    }
    // The guide answers in between, and the model is told that as well.
    let text = ask_agent(&mut client, "guide", "where is the project of a test?").await;
    assert!(text.contains("README.md"), "{text}");
    service.questions();
    answer(&mut client, "what is here?").await;
    assert_eq!(service.questions().len(), 0);
    assert_eq!(ask_agent(&mut client, "local", "so?").await, "Once more.");
    let told_now = told(&service.questions().pop().unwrap().body);
    for words in ["Green tea.", "As I said.", "where is the project of a test?", "so?"] {
        assert!(told_now.contains(words), "no {words:?} in {told_now}");
    }
    client.send(json!({"type": "message", "content": "x", "agent": "locl-2"})).await;
    let frames = client.until("error").await;
    let words = frames.last().unwrap()["content"].as_str().unwrap();
    assert!(words.contains("\"locl-2\"") && words.contains("`local`"), "{words}");
}

#[actix::test]
async fn auto_takes_a_model_that_answers_and_else_the_guide_with_the_reason() {
    let service = Service::start(vec![says("Hello.")]);
    let server = setup(&service, "").env("PATH", "/nowhere").start();
    assert_eq!(answer(&mut conversation(&server).await, "hi there, model").await, "Hello.");

    let gone = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "[agents.local]\nkind = \"model\"\nmodel = \"m\"\nbase_url = \"http://{gone}/v1\"\n"
    );
    let server = Setup::new().config(&config).env("PATH", "/nowhere").start();
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let frames = client.until("caught_up").await;
    let attached = frames.iter().find(|frame| frame["type"] == "attached").unwrap();
    assert_eq!(attached["agent"]["kind"], "guide");
    let reason = attached["agent"]["no_model"].as_str().unwrap();
    assert!(reason.contains("`local`") && reason.contains(&gone), "{reason}");
}

#[actix::test]
async fn p6_a_model_agent_is_proved_to_be_confined_and_reads_no_file() {
    let service = Service::start(vec![says("Hello.")]);
    let key = Setup::new();
    let key_file = key.files_dir().join("key");
    std::fs::write(&key_file, "sk-secret\n").unwrap();
    let server =
        setup(&service, &format!("key_file = {key_file:?}")).args(["--agent", "local"]).start();
    let (_, status) = server.get("/api/admin/status").await;
    assert_eq!(status["refusal"], Value::Null, "{status}");
    let status = eventually("the self-test has ended", async || {
        let (_, status) = server.get("/api/admin/status").await;
        (!status["sandbox"].is_null()).then_some(status)
    })
    .await;
    assert_eq!(status["sandbox"]["verdict"], "proved", "{status:#}");
    let attempts = status["sandbox"]["attempts"].to_string();
    assert!(attempts.contains("list the project"), "{attempts}");
    assert_eq!(answer(&mut conversation(&server).await, "hi there, model").await, "Hello.");
    let request = service.questions().pop().unwrap();
    assert!(request.head.to_lowercase().contains("authorization: bearer sk-secret"));
    let pid = server.agent_pid().await;
    let command_line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(command_line.contains("model") && !command_line.contains("sk-secret"));
    assert!(!server.log().contains("sk-secret"));
}

#[actix::test]
async fn a_refusal_of_the_service_is_told_in_words_that_help() {
    let service =
        Service::start(vec![error(401, &json!({"error": {"message": "Invalid API Key"}}))]);
    let server = local(&service);
    let mut client = conversation(&server).await;
    client.ask("what is it?").await;
    let frames = client.turn().await;
    let words = frames.last().unwrap()["content"].as_str().unwrap();
    assert!(words.contains("key") && words.contains("Invalid API Key"), "{words}");
}

#[actix::test]
async fn a_question_of_the_model_is_put_to_the_person_whose_answer_it_gets() {
    let options =
        json!([{"label": "green", "description": ""}, {"label": "black", "description": ""}]);
    let questions = json!([{"question": "Which tea?", "header": "Tea", "options": options}]);
    // Without a count of tokens, which would be too small for what is sent.
    let says = |text| Act::Bytes(stream(&[delta(json!({"content": text})), finish("stop")]));
    let service = Service::start(vec![
        calls(&[call("a", "ask_user", &json!({"questions": questions}))]),
        says("I wait."),
        says("Green it is."),
    ]);
    let server = local(&service);
    let mut client = conversation(&server).await;
    client.ask("brew one").await;
    let frames = client.turn().await;
    let asked = frames.iter().find(|frame| frame["type"] == "question").unwrap();
    assert_eq!(asked["questions"][0]["question"], "Which tea?");
    assert!(!frames.iter().any(|frame| frame["type"] == "tool_call"), "{frames:?}");
    client.send(json!({"type": "answer", "call_id": asked["call_id"], "answers": "green"})).await;
    assert_eq!(said(&client.turn().await), "Green it is.");
    assert!(told(&service.questions().pop().unwrap().body).contains("green"));
}

#[test]
fn the_doctor_looks_at_each_model_and_says_what_is_wrong() {
    let listed = |id: &str| {
        let body = json!({"data": [{"id": id, "max_model_len": 8192}]}).to_string();
        Act::Bytes(response(200, "application/json", body.as_bytes()))
    };
    let refused = error(401, &json!({"error": {"message": "Invalid API Key"}}));
    for (told, begins, words) in [
        (Some(listed("tea-1")), "ok ", "8192 tokens"),
        (Some(listed("tea-2")), "fail", "does not list \"tea-1\""),
        (Some(refused), "fail", "does not accept the key"),
        (None, "fail", "127.0.0.1"),
    ] {
        let base = tempfile::tempdir().unwrap();
        let service = Service::start(vec![says("Hello.")]);
        let url = match &told {
            Some(_) => service.url.clone(),
            None => format!("http://127.0.0.1:{}/v1", free_port()),
        };
        let _service = told.map(|act| service.tell("/v1/models", act));
        let config = base.path().join("cicerone.toml");
        let text =
            format!("[agents.local]\nkind = \"model\"\nmodel = \"tea-1\"\nbase_url = \"{url}\"\n");
        std::fs::write(&config, text).unwrap();
        let (_, lines) =
            doctor(base.path(), &["--config", config.to_str().unwrap(), "--agent", "guide"]);
        let line = line(&lines, "model: `local`");
        assert!(line.to_lowercase().starts_with(begins) && line.contains(words), "{lines:#?}");
    }
}

#[actix::test]
async fn a_question_says_how_thorough_its_answer_is_to_be_where_the_service_takes_that() {
    for (keys, takes_it) in [("effort = true", true), ("", false)] {
        let service = Service::start(vec![says("Hello.")]);
        let server = setup(&service, keys).args(["--agent", "local"]).start();
        let mut client = server.connect().await;
        client.send(json!({"type": "start", "protocol": 1})).await;
        let attached = client.until("attached").await.pop().unwrap();
        assert_eq!(attached["agent"]["effort"] == true, takes_it, "{attached}");
        client.until("caught_up").await;
        let mut told = Vec::new();
        for (at, effort) in [None, Some("quick"), Some("thorough"), None].into_iter().enumerate() {
            let question = json!({"type": "message", "message_id": at.to_string(),
                "content": "hi there, model", "effort": effort});
            client.send(question).await;
            client.turn().await;
            told.push(service.questions().pop().unwrap().body["reasoning_effort"].clone());
        }
        // A question that is asked again keeps its own.
        client.send(json!({"type": "retry", "turn": 2, "message_id": "again"})).await;
        client.turn().await;
        told.push(service.questions().pop().unwrap().body["reasoning_effort"].clone());
        let expected = match takes_it {
            true => json!([null, "low", "high", null, "low"]),
            false => json!([null, null, null, null, null]),
        };
        assert_eq!(json!(told), expected);
    }
}
