//! Tool calls and permissions.

use super::*;

fn asked() -> Agent {
    let agent = Agent::ready();
    agent.asks("q");
    agent
}

fn shown(updates: &[Value]) -> Vec<String> {
    let mut agent = asked();
    for update in updates {
        agent.updates(update);
    }
    agent.screen()
}

fn call(fields: Value) -> Value {
    let mut update = json!({"sessionUpdate": "tool_call", "toolCallId": "c"});
    update.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    update
}

fn more(fields: Value) -> Value {
    let mut update = call(fields);
    update["sessionUpdate"] = json!("tool_call_update");
    update
}

#[test]
fn a_call_is_shown_once_its_input_is_known() {
    let pending =
        call(json!({"kind": "read", "status": "pending", "rawInput": {}, "locations": []}));
    assert_eq!(shown(std::slice::from_ref(&pending)), [] as [&str; 0]);
    let located = more(json!({"locations": [{"path": "/scratch/project/a.rs", "line": 7}]}));
    let done = more(json!({"status": "completed", "rawOutput": "7\tx"}));
    let expected = [r#"Read {"file_path":"/scratch/project/a.rs","offset":7}"#, "= 7\tx"];
    assert_eq!(
        shown(&[pending.clone(), located.clone(), located, done.clone(), done.clone()]),
        expected
    );
    // The same from an agent that never announces its calls.
    let at_once = more(json!({
        "kind": "read", "status": "failed", "locations": [{"path": "b"}],
        "content": [{"type": "content", "content": {"type": "text", "text": "no"}}],
    }));
    assert_eq!(shown(&[at_once]), [r#"Read {"file_path":"b"}"#, "! no"]);
    assert_eq!(shown(&[done]), ["tool {}", "= 7\tx"]);
}

#[test]
fn a_call_that_reads_several_files_counts_for_each() {
    let both = call(json!({
        "kind": "read", "status": "completed", "rawOutput": "x",
        "locations": [{"path": "a"}, {"path": "b"}, {"path": ""}, 7],
    }));
    let expected = [r#"Read {"file_path":"a"}"#, r#"Read {"file_path":"b"}"#, "= x", "= "];
    assert_eq!(shown(&[both]), expected);
}

#[test]
fn the_result_is_found_wherever_the_agent_puts_it() {
    let content =
        |text: &str| json!([{"type": "content", "content": {"type": "text", "text": text}}]);
    for (fields, expected) in [
        (json!({"content": content("```\n1\tx\n```")}), "1\tx"),
        (json!({"content": content("a ``` b")}), "a ``` b"),
        (json!({"rawOutput": "", "content": content("shown")}), "shown"),
        (json!({"rawOutput": {"output": "o", "metadata": {}}}), "o"),
        (
            json!({"rawOutput": {"exit_code": 0}, "_meta": {"terminal_output_delta": {"data": "t\n"}}}),
            "t",
        ),
        (json!({"content": [{"type": "diff", "path": "a.rs"}]}), "[a.rs]"),
        (json!({"content": []}), ""),
        (json!({"content": 7, "rawOutput": [1], "_meta": "x"}), ""),
    ] {
        let mut done = more(json!({"kind": "execute", "title": "run", "status": "completed"}));
        done.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let shown = shown(&[done]);
        assert_eq!(shown.last().unwrap(), &format!("= {expected}"), "{fields}");
    }
}

#[test]
fn a_tool_has_the_name_that_people_know_for_it() {
    for (fields, expected) in [
        (json!({"kind": "search", "name": "Glob", "rawInput": {"pattern": "*"}}), "Glob"),
        (
            json!({"kind": "search", "_meta": {"toolName": "grep_search"}, "rawInput": {"x": 1}}),
            "Grep",
        ),
        (
            json!({"kind": "read", "_meta": {"tool_name": "list_directory"}, "rawInput": {"x": 1}}),
            "List",
        ),
        (json!({"kind": "execute", "title": "ls -l", "status": "in_progress"}), "ls -l"),
        (
            json!({"kind": "other", "_meta": {"claudeCode": {"toolName": "Skill"}}, "rawInput": {"x": 1}}),
            "Skill",
        ),
        (json!({"status": "in_progress"}), "tool"),
    ] {
        let shown = shown(&[call(fields)]);
        assert_eq!(shown[0].split(" {").next().unwrap(), expected);
    }
}

#[test]
fn a_long_result_is_cut() {
    let mut agent = asked();
    agent.updates(&call(json!({"status": "completed", "rawOutput": "é".repeat(500)})));
    let cut = agent.output.events.iter().any(|event| {
        matches!(event, AgentEvent::ToolReturned { content, truncated: true, .. } if content.len() <= 200)
    });
    assert!(cut);
}

/// The outcome for a request with these fields of the call and these kinds of options.
fn outcome(call: Value, kinds: &[&str]) -> (Value, bool) {
    let mut agent = asked();
    agent.updates(&json!({
        "sessionUpdate": "tool_call", "toolCallId": "known", "kind": "read", "status": "pending",
        "locations": [{"path": "a"}],
    }));
    let options: Vec<Value> =
        kinds.iter().map(|kind| json!({"optionId": format!("<{kind}>"), "kind": kind})).collect();
    let params = json!({"sessionId": "s", "toolCall": call, "options": options});
    agent.says(&json!({"id": "p1", "method": "session/request_permission", "params": params}));
    let judged = matches!(agent.output.actions.last(), Some(HostAction::JudgeTool { .. }));
    let sent = agent.was_sent().pop().unwrap();
    assert_eq!(sent["id"], "p1");
    (sent["result"]["outcome"].clone(), judged)
}

#[test]
fn reading_is_allowed_once_where_the_policy_agrees_and_all_else_is_rejected() {
    let every = ["allow_always", "reject_always", "reject_once", "allow_once"];
    let selected = |kind: &str| json!({"outcome": "selected", "optionId": format!("<{kind}>")});
    let at = |kind: &str| json!({"toolCallId": "x", "kind": kind, "locations": [{"path": "a"}]});
    for call in [at("read"), at("search"), json!({"toolCallId": "known"})] {
        assert_eq!(outcome(call, &every), (selected("allow_once"), true));
    }
    for kind in
        ["edit", "delete", "move", "execute", "fetch", "think", "other", "switch_mode", "", "new"]
    {
        assert_eq!(outcome(at(kind), &every), (selected("reject_once"), false), "{kind}");
    }
    // What the request says of a call outweighs what was announced.
    let escalated = json!({"toolCallId": "known", "kind": "execute"});
    assert_eq!(outcome(escalated, &every), (selected("reject_once"), false));
    let several = json!({"kind": "read", "locations": [{"path": "a"}, {"path": "/etc/shadow"}]});
    assert_eq!(outcome(several, &every), (selected("reject_once"), false));
    let lasting = ["allow_always", "reject_always"];
    assert_eq!(outcome(at("read"), &lasting), (selected("reject_always"), false));
    assert_eq!(outcome(at("read"), &["allow_always"]), (json!({"outcome": "cancelled"}), false));
    assert_eq!(outcome(json!(7), &[]), (json!({"outcome": "cancelled"}), false));
}

#[test]
fn what_the_policy_denies_is_rejected() {
    let mut agent = asked();
    let options =
        json!([{"optionId": "y", "kind": "allow_once"}, {"optionId": "n", "kind": "reject_once"}]);
    let call = json!({"kind": "read", "locations": [{"path": "/scratch/project/.env"}]});
    let params = json!({"toolCall": call, "options": options});
    agent.says(&json!({"id": 4, "method": "session/request_permission", "params": params}));
    let Some(HostAction::JudgeTool { question, tool, input }) = agent.output.actions.last() else {
        panic!("not judged: {:?}", agent.output.actions)
    };
    assert_eq!((tool.as_str(), input.get()), ("Read", r#"{"file_path":"/scratch/project/.env"}"#));
    let deny = crate::agent::codec::command::HookDecision::Deny("secret".to_owned());
    let answer: Value = serde_json::from_str(&question.answer(&deny)).unwrap();
    assert_eq!(answer["result"], json!({"outcome": {"outcome": "selected", "optionId": "n"}}));
}
