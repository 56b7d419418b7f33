//! Texts, ends, usage and failures of turns.

use super::*;
use crate::{agent::event::Remedy, entry::Usage};

fn text(text: &str) -> Value {
    json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})
}

fn message(id: &str, words: &str) -> Value {
    let mut update = text(words);
    update["messageId"] = json!(id);
    update
}

fn thought(words: &str) -> Value {
    json!({"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": words}})
}

/// The screen of one turn.
fn turn(updates: &[Value], result: &Value) -> Vec<String> {
    let mut agent = Agent::ready();
    agent.asks("q");
    updates.iter().for_each(|update| agent.updates(update));
    agent.ends(result);
    agent.screen()
}

fn done() -> Value {
    json!({"stopReason": "end_turn"})
}

#[test]
fn messages_and_thoughts_are_blocks_of_their_own() {
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "kind": "search",
        "status": "completed", "rawInput": {"pattern": "x"}, "rawOutput": "r"});
    let shown = turn(
        &[
            thought("hm "),
            thought("so"),
            message("1", "one "),
            message("1", "more"),
            message("2", "two"),
            call,
            message("2", "after"),
            json!({"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": "q"}}),
            json!({"sessionUpdate": "from_the_future", "content": 1}),
            json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "image", "data": "x"}}),
        ],
        &done(),
    );
    let expected = [
        "(hm so)",
        "one more",
        "two",
        "Grep {\"pattern\":\"x\"}",
        "= r",
        "after",
        "[image]",
        "-- completed (0+0 in, 0 out)",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_warning_of_the_program_is_a_notice_and_no_part_of_the_answer() {
    let mut marked = message("m", "**Warning:** modes change");
    marked["_meta"] = json!({"claudeCode": {"kind": "informational"}});
    let shown =
        turn(&[text("Warning: no metadata.\n\n"), marked, message("m", "Warning: hot")], &done());
    let expected =
        ["[no metadata.]", "[modes change]", "Warning: hot", "-- completed (0+0 in, 0 out)"];
    assert_eq!(shown, expected);
}

#[test]
fn each_stop_reason_ends_the_turn_in_words() {
    for (reason, words) in [
        ("end_turn", "completed"),
        ("", "completed"),
        ("from_the_future", "completed"),
        ("cancelled", "interrupted"),
        ("max_tokens", "may be cut off"),
        ("max_turn_requests", "highest number of requests"),
        ("refusal", "declined"),
    ] {
        let shown = turn(&[text("x")], &json!({"stopReason": reason}));
        assert!(shown[1].contains(words), "{shown:?}");
    }
}

#[test]
fn an_error_of_the_model_that_comes_as_the_answer_is_a_failure() {
    let overflow = r#"{"error": {"message": "This model's maximum context length is 9 tokens.",
        "type": "invalid_request_error", "code": "context_length_exceeded"}}"#;
    let shown = turn(&[message("1", "before"), text(&format!("{overflow}\n\n"))], &done());
    assert!(shown.len() == 2 && shown[1].contains("too long"), "{shown:?}");
    // An answer may be about such an error, and one that only looks like it is none.
    for answer in [
        format!("It says {overflow}"),
        format!("```json\n{overflow}\n```"),
        r#"{"error": {"message": "only a message"}}"#.to_owned(),
        r#"{"errors": []}"#.to_owned(),
        "{".to_owned(),
    ] {
        let shown = turn(&[text(&answer)], &done());
        assert!(shown[1].starts_with("-- completed"), "{shown:?}");
    }
}

fn failed(error: Value) -> crate::agent::event::AgentFailure {
    let mut agent = Agent::ready();
    agent.asks("q");
    agent.fails(&error);
    match agent.end() {
        AgentEnd::Failed(failure) => failure.clone(),
        other => panic!("{error} gave {other:?}"),
    }
}

#[test]
fn an_error_that_is_about_the_account_says_how_to_log_in() {
    for error in [
        json!({"code": -32000, "message": "Authentication required"}),
        json!({"code": -31002, "message": "Invalid API key (from env var X)."}),
        json!({"code": -31002, "message": "The credential was rejected. Update the API key."}),
        json!({"code": -32603, "message": "Internal error", "data": {"details": "401 no such key"}}),
        json!({"code": -32603, "message": "Internal error: fake 401"}),
        json!({"code": 401, "message": "{\"error\":{\"code\":401,\"message\":\"no\",\"status\":\"UNAUTHENTICATED\"}}"}),
    ] {
        let failure = failed(error.clone());
        assert!(failure.content.ends_with("Set THE_KEY."), "{error}: {}", failure.content);
        assert_eq!(failure.remedy, Remedy::FixFirst);
    }
}

#[test]
fn errors_are_told_by_their_cause() {
    for (error, words, remedy) in [
        (
            json!({"code": -32603, "message": "Internal error: API Error: Repeated 529 Overloaded errors."}),
            "overloaded",
            Remedy::AskAgain,
        ),
        (json!({"code": 429, "message": "slow down"}), "rate limit", Remedy::AskAgain),
        (
            json!({"code": -32603, "message": "", "data": "fetch failed"}),
            "the address of its API",
            Remedy::AskAgain,
        ),
        (json!({"code": -32603, "message": "Internal error"}), "did not say why", Remedy::AskAgain),
        (
            json!({"code": -32002, "message": "Resource not found: session:x"}),
            "summary",
            Remedy::FreshAgent,
        ),
        (json!({"code": -32602, "message": "Session not found: x"}), "summary", Remedy::FreshAgent),
        (json!({}), "did not say why", Remedy::AskAgain),
    ] {
        let failure = failed(error.clone());
        assert!(failure.content.contains(words), "{error}: {}", failure.content);
        assert_eq!(failure.remedy, remedy, "{error}");
        assert!(!failure.content.contains("ANTHROPIC"), "{}", failure.content);
    }
}

fn usages(scope: UsageScope, results: &[Value]) -> Vec<(Usage, Option<f64>)> {
    let mut agent = Agent::ready_with(AcpSettings { usage: scope, ..settings() });
    for result in results {
        agent.asks("q");
        if let Some(cost) = result.get("cost") {
            let update =
                json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": cost});
            agent.updates(&update);
        }
        agent.ends(result);
    }
    agent.finished().iter().map(|result| (result.usage, result.cost_usd)).collect()
}

fn usage(input: u64, cached: u64, output: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: cached,
        cache_write_tokens: 0,
    }
}

#[test]
fn usage_is_read_in_each_of_its_shapes() {
    for (result, expected) in [
        (
            json!({"usage": {"inputTokens": 60, "outputTokens": 10, "totalTokens": 110, "cachedReadTokens": 40}}),
            usage(60, 40, 10),
        ),
        // Here the cached tokens are part of those read.
        (
            json!({"usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110, "cachedReadTokens": 40}}),
            usage(60, 40, 10),
        ),
        (
            json!({"usage": null, "_meta": {"quota": {"token_count": {"input_tokens": 5, "output_tokens": 2}}}}),
            usage(5, 0, 2),
        ),
        (json!({"usage": null, "_meta": {"quota": {"token_count": null}}}), usage(0, 0, 0)),
        (json!({"usage": "many", "_meta": 3}), usage(0, 0, 0)),
        (json!({}), usage(0, 0, 0)),
    ] {
        assert_eq!(
            usages(UsageScope::Turn, std::slice::from_ref(&result))[0].0,
            expected,
            "{result}"
        );
    }
}

#[test]
fn totals_of_the_session_become_those_of_the_turn() {
    let total = |input: u64, cost: f64| json!({"usage": {"inputTokens": input, "outputTokens": 10}, "cost": {"amount": cost, "currency": "USD"}});
    let found = usages(UsageScope::Session, &[total(100, 0.5), total(250, 0.75), total(250, 0.25)]);
    assert_eq!(found[0], (usage(100, 0, 10), Some(0.5)));
    assert_eq!(found[1], (usage(150, 0, 0), Some(0.25)));
    // Less than before: the agent counts anew.
    assert_eq!(found[2], (usage(0, 0, 0), Some(0.25)));
    let euros = json!({"cost": {"amount": 1.0, "currency": "EUR"}});
    assert_eq!(usages(UsageScope::Turn, &[euros])[0].1, None);
}

#[test]
fn a_turn_ends_once_and_nothing_outside_of_it_is_shown() {
    let mut agent = Agent::ready();
    agent.updates(&text("before"));
    agent.asks("q");
    agent.updates(&text("in"));
    let end = json!({"id": 101, "result": done()});
    agent.says(&end);
    agent.says(&end);
    agent.updates(&text("after"));
    agent.says(&json!({"id": 102, "result": done()}));
    agent.asks("q");
    // The first turn's answer again, while the second one runs.
    agent.says(&end);
    assert_eq!((agent.finished().len(), agent.screen().len()), (1, 2));
    agent.says(&json!({"id": 102, "error": null}));
    assert_eq!(agent.finished().len(), 2);
}

#[test]
fn a_session_is_reported_once_a_turn() {
    let mut agent = Agent::ready();
    for _ in 0..2 {
        agent.asks("q");
        agent.updates(&text("x"));
        agent.updates(&text("y"));
        agent.ends(&done());
    }
    let reported = agent.output.events.iter().filter(|it| matches!(it, AgentEvent::Initialized(_)));
    assert_eq!(reported.count(), 2);
}

#[test]
fn a_repeated_request_is_told() {
    let mut agent = Agent::ready();
    agent.asks("q");
    agent.says(&json!({"method": "_session/retrying", "params": {"detail": "HTTP 429"}}));
    agent.updates(&json!({"sessionUpdate": "session_info_update", "_meta": {"codex": {"error":
        {"additionalDetails": "429 Too Many Requests", "willRetry": true}}}}));
    agent.updates(&json!({"sessionUpdate": "session_info_update", "title": "x"}));
    let shown = agent.screen();
    assert!(shown.len() == 2 && shown[0].contains("(HTTP 429)"), "{shown:?}");
}
