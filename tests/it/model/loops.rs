//! The loop of questions and calls: what is run, what is told to the model, where it ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    Model,
    service::{Act, Service, call, calls, delta, finish, says, stream, stream_head, usage},
};

/// The messages of a request, each as its role and content.
fn messages(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = body["messages"].as_array().unwrap();
    all.iter().map(|it| (text(&it["role"]), text(&it["content"]))).collect()
}

#[test]
fn an_answer_is_streamed_with_its_thinking_and_counted() {
    let service = Service::start(vec![Act::Bytes(stream(&[
        delta(json!({"role": "assistant", "content": null})),
        delta(json!({"reasoning": "Let me "})),
        delta(json!({"reasoning": "see."})),
        delta(json!({"content": "It is "})),
        delta(json!({"content": "so."})),
        finish("stop"),
        json!({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 900}}}),
    ]))]);
    let mut model =
        Model::start(&service.url, json!({"key": "k", "price": {"input": 1.0, "output": 2.0}}));
    let turn = model.ask("Is it so?");
    turn.check();
    assert_eq!((turn.text().as_str(), turn.thinking().as_str()), ("It is so.", "Let me see."));
    assert_eq!(turn.result["result"], "It is so.");
    assert_eq!(turn.result["usage"]["input_tokens"], 100);
    assert_eq!(turn.result["usage"]["cache_read_input_tokens"], 900);
    assert!((turn.result["total_cost_usd"].as_f64().unwrap() - 0.00102).abs() < 1e-9);
    assert_eq!(turn.lines[0]["tools"], json!(["Read", "Grep", "mcp__project__search"]));
    let request = &service.questions()[0];
    assert!(request.head.to_lowercase().contains("authorization: bearer k"), "{}", request.head);
    assert_eq!(request.body["messages"][0]["content"], super::PROMPT);
    assert_eq!(request.body["tools"].as_array().unwrap().len(), 3);
    assert!(!model.says_more());
    assert_eq!(model.close(), 0);
}

#[test]
fn the_calls_of_one_answer_are_all_run_and_answered_and_look_like_those_of_other_agents() {
    let made = [
        call("a", "read", &json!({"path": "a.rs", "first_line": 2, "last_line": 3})),
        call("b", "Grep", &json!({"pattern": "x"})),
        call("c", "write", &json!({})),
    ];
    let broken = json!({"id": "d", "function": {"name": "read", "arguments": "{\"path\":"}});
    let all: Vec<Value> = made
        .iter()
        .cloned()
        .chain([broken])
        .enumerate()
        .map(|(at, mut call)| {
            call["index"] = json!(at);
            call
        })
        .collect();
    let service = Service::start(vec![calls(&all), says("Done.")]);
    let mut model = Model::start(&service.url, json!({}));
    let turn = model.ask("Look.");
    turn.check();
    assert_eq!(turn.text(), "Done.");
    let ran: Vec<&str> = turn.calls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(ran, ["read", "grep"]);
    let cards: Vec<_> = turn
        .blocks("tool_use")
        .iter()
        .map(|it| (it["name"].clone(), it["input"].clone()))
        .collect();
    assert_eq!(cards[0], (json!("Read"), json!({"file_path": "a.rs", "offset": 2, "limit": 2})));
    assert_eq!(cards[1].0, "Grep");
    let results = turn.tool_results();
    assert!(!results[0].1 && !results[1].1 && results[2].1 && results[3].1, "{results:?}");
    assert!(results[2].0.contains("no tool \"write\"") && results[3].0.contains("not valid JSON"));
    let second = &service.questions()[1].body;
    let told = messages(second);
    let roles: Vec<&str> = told.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "tool", "tool"]);
    assert_eq!(second["messages"][2]["tool_calls"][3]["function"]["arguments"], "{}");
    assert_eq!(second["messages"][6]["tool_call_id"], "d");
}

#[test]
fn the_conversation_goes_on_from_what_the_server_tells() {
    let service = Service::start(vec![says("Two.")]);
    let mut model = Model::start(&service.url, json!({}));
    model.send(&json!({"type": "history", "turns": [{"question": "One?", "answer": [
        {"tool": {"name": "Read", "input": {"file_path": "a"}, "result": "text of a", "is_error": false}},
        {"text": "One."},
    ]}]}));
    model.ask("Two?");
    model.ask("Three?");
    let questions = service.questions();
    let told = messages(&questions[0].body);
    let contents: Vec<&str> = told.iter().map(|(_, content)| content.as_str()).collect();
    assert_eq!(contents, [super::PROMPT, "One?", "", "text of a", "One.", "Two?"]);
    let call = &questions[0].body["messages"][2]["tool_calls"][0]["function"];
    assert_eq!((&call["name"], &call["arguments"]), (&json!("read"), &json!("{\"path\":\"a\"}")));
    let told = messages(&questions[1].body);
    assert_eq!(
        told[6..],
        [("assistant".to_owned(), "Two.".to_owned()), ("user".to_owned(), "Three?".to_owned())]
    );
}

#[test]
fn a_model_that_goes_round_in_circles_is_stopped() {
    let again = calls(&[call("a", "read", &json!({"path": "a.rs"}))]);
    let broken = calls(&[json!({"id": "d", "function": {"name": "read", "arguments": "{"}})]);
    for act in [again, broken] {
        let service = Service::start(vec![act]);
        let mut model = Model::start(&service.url, json!({}));
        let turn = model.ask("Look.");
        turn.check();
        assert!(turn.words().contains("again and again"), "{}", turn.result);
        assert!(turn.calls.len() <= 2 && service.questions().len() < 10);
        assert!(!model.says_more());
    }
}

#[test]
fn a_model_that_never_answers_is_stopped() {
    // Each call differs from the one before.
    let acts = (0..60).map(|at| calls(&[call("a", "read", &json!({"path": format!("{at}")}))]));
    let service = Service::start(acts.collect());
    let mut model = Model::start(&service.url, json!({}));
    let turn = model.ask("Look.");
    assert!(turn.words().contains("without an answer"), "{}", turn.result);
    assert_eq!(service.questions().len(), 50);
}

#[test]
fn five_hundred_calls_and_five_megabytes_are_too_much_and_the_model_is_told() {
    let many: Vec<Value> = (0..500)
        .map(|at| {
            let mut call = call(&format!("c{at}"), "read", &json!({"path": format!("{at}")}));
            call["index"] = json!(at);
            call
        })
        .collect();
    let huge = call("h", "read", &json!({"path": "x".repeat(5 << 20)}));
    let service = Service::start(vec![calls(&many), calls(&[huge]), says("Done.")]);
    let mut model = Model::start(&service.url, json!({}));
    let turn = model.ask("Look.");
    turn.check();
    assert_eq!((turn.calls.len(), turn.text().as_str()), (32, "Done."));
    assert!(turn.tool_results().last().unwrap().0.contains("not valid JSON"));
    let told = messages(&service.questions()[1].body);
    assert!(told.last().unwrap().1.contains("first 32 calls"), "{:?}", told.last());
}

#[test]
fn an_interrupt_ends_the_turn_at_once_and_tells_the_service() {
    let half =
        [stream_head(), format!("data: {}\n\n", delta(json!({"content": "Half"}))).into_bytes()];
    for bytes in [Vec::new(), stream_head(), half.concat()] {
        let service = Service::start(vec![Act::Hold(bytes), says("Whole.")]);
        let mut model = Model::start(&service.url, json!({}));
        model.post("Wait.");
        model.until(|line| line["subtype"] == "init");
        assert_eq!(service.held.recv_timeout(super::PATIENCE), Ok("sent"));
        let begun = Instant::now();
        model.interrupt();
        let turn = model.turn();
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(100), "{took:?}");
        assert_eq!(turn.result["terminal_reason"], "aborted_streaming");
        assert_eq!(service.held.recv_timeout(super::PATIENCE), Ok("gone"));
        assert_eq!(model.ask("And now?").text(), "Whole.");
        let told = messages(&service.questions()[1].body);
        assert!(told[2].1.contains("interrupted"), "{told:?}");
    }
}

#[test]
fn an_interrupt_while_a_tool_runs_ends_the_turn() {
    let service =
        Service::start(vec![calls(&[call("a", "read", &json!({"path": "a"}))]), says("Whole.")]);
    let mut model = Model::start(&service.url, json!({}));
    model.post("Look.");
    loop {
        let line = model.line();
        match line["request"]["message"]["method"].as_str() {
            Some("tools/list") => model.answer_tool(&line, &mut Vec::new()),
            Some("tools/call") => break,
            _ => (),
        }
    }
    model.interrupt();
    assert_eq!(model.turn().result["terminal_reason"], "aborted_streaming");
    assert_eq!(model.ask("And now?").text(), "Whole.");
}

#[test]
fn the_first_token_is_shown_within_five_milliseconds() {
    let piece = format!("data: {}\n\n", delta(json!({"content": "First"})));
    let service = Service::start(vec![Act::Hold([stream_head(), piece.into_bytes()].concat())]);
    let mut model = Model::start(&service.url, json!({}));
    // The first question asks the service what it is as well.
    let times: Vec<Duration> = (0..20)
        .map(|_| {
            model.post("Go.");
            model.until(|line| line["subtype"] == "init");
            while service.held.recv_timeout(super::PATIENCE) != Ok("sent") {}
            let sent = Instant::now();
            model.until(|line| line["event"]["delta"]["text"] == "First");
            let took = sent.elapsed();
            model.interrupt();
            model.turn();
            took
        })
        .collect();
    let fastest = times.iter().min().unwrap();
    assert!(*fastest < Duration::from_millis(5), "{times:?}");
}

#[test]
fn a_conversation_that_outgrows_the_context_loses_its_oldest_results_first() {
    let service = Service::start(vec![
        calls(&[call("a", "read", &json!({"path": "a"}))]),
        calls(&[call("b", "read", &json!({"path": "b"}))]),
        Act::Bytes(stream(&[delta(json!({"content": "Done."})), finish("stop"), usage(0, 5)])),
    ]);
    let mut model = Model::start(&service.url, json!({"context": 8000}));
    model.results.insert("read", "x".repeat(12_000));
    assert_eq!(model.ask("Look.").text(), "Done.");
    let last = &service.questions()[2].body;
    let told = messages(last);
    assert!(told[3].1.len() < 500 && told[3].1.contains("cut here"), "{}", told[3].1);
    assert_eq!(told[5].1.len(), 12_000);
}
