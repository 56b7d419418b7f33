//! Which words are told of which error.

use serde_json::{Value, json};

use super::*;
use crate::agent::event::Remedy;

fn of(result: &Value, kind: Option<&str>) -> AgentFailure {
    let result: ResultLine = serde_json::from_str(&result.to_string()).unwrap();
    of_result(&result, kind, &ServiceReports::default())
}

/// Parts of the words, and what helps.
fn check(result: Value, kind: Option<&str>, expected: &[&str], remedy: Remedy) {
    let failure = of(&result, kind);
    for part in expected {
        assert!(failure.content.contains(part), "{failure:?} does not say {part:?} of {result}");
    }
    assert_eq!(failure.remedy, remedy, "{failure:?} of {result}");
    assert!(!failure.content.contains("ede_diagnostic"), "{failure:?}");
}

/// Errors as the program tells them, with the status that it names beside them and its kind.
fn check_text(status: Option<u16>, kind: &str, text: &str, expected: &[&str], remedy: Remedy) {
    let result = json!({"is_error": true, "subtype": "success", "api_error_status": status,
        "result": text, "terminal_reason": "completed", "stop_reason": "stop_sequence"});
    check(result, Some(kind), expected, remedy);
}

#[test]
fn a_conversation_that_is_too_long_asks_for_a_new_one() {
    let words = ["too long for the model", "start a new conversation", "summary"];
    for text in [
        "Prompt is too long",
        "Prompt is too long · automatic compaction failed: API Error: 500 no",
        "API Error: 400 {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 208310 tokens > 200000 maximum\"}}",
        "API Error: 400 input length and `max_tokens` exceed context limit: 199000 + 21000 > 200000, decrease input length or `max_tokens` and try again",
        "API Error: 400 Input is too long for requested model.",
        "API Error: 400 This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "API Error: 400 context_length_exceeded",
        "API Error: 400 messages: too many total text bytes: 9000001 > 9000000",
        "API Error: The input exceeds the context window of this model",
    ] {
        for status in [None, Some(400)] {
            check_text(status, "invalid_request", text, &words, Remedy::NewConversation);
        }
    }
    for reason in ["blocking_limit", "prompt_too_long", "rapid_refill_breaker"] {
        let line = json!({"is_error": true, "result": "x", "terminal_reason": reason});
        check(line, None, &words, Remedy::NewConversation);
    }
    let large = "Request too large (max 32MB). Accumulated images and attachments …";
    check_text(Some(413), "invalid_request", large, &["new conversation"], Remedy::NewConversation);
    check_text(None, "invalid_request", large, &["new conversation"], Remedy::NewConversation);
    check_text(Some(413), "unknown", "x", &["new conversation"], Remedy::NewConversation);
}

#[test]
fn a_record_that_is_refused_lets_the_agent_begin_afresh() {
    for text in [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.3.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking block",
        "messages.5.content.0: Invalid data in `redacted_thinking` block",
        "messages.1.content.0.thinking.signature: Field required",
        "The request body is not valid JSON: no low surrogate in string: line 1 column 84192 (char 84191)",
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        "messages.4.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_2.",
        "messages.4.content.1: `tool_use` ids must be unique",
        "messages: text content blocks must be non-empty",
        "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"user\" roles in a row",
        "API Error: 400 due to tool use concurrency issues.",
    ] {
        let whole = format!(
            "API Error: 400 {}",
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": text}})
        );
        for text in [text.to_owned(), whole] {
            let words = ["own record", "start a new conversation"];
            check_text(Some(400), "invalid_request", &text, &words, Remedy::FreshAgent);
        }
    }
}

#[test]
fn a_refusal_of_the_model_is_told_in_words() {
    let words = ["declined to answer", "Say it differently"];
    for text in [
        "API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy (https://www.anthropic.com/legal/aup). Try rephrasing the request in a new session or change your model.",
        "API Error: Opus 5's safeguards flagged this message (https://www.anthropic.com/legal/aup). This sometimes happens with safe, normal conversations. Claude Code can't respond to this message with Opus 5.",
        "API Error: 400 Output blocked by content filtering policy",
    ] {
        check_text(None, "unknown", text, &words, Remedy::FixFirst);
    }
    let bare = json!({"is_error": true, "result": "raw", "stop_reason": "refusal"});
    check(bare, None, &words, Remedy::FixFirst);
    let failure = of(&json!({"is_error": true, "result": "legal/aup req_1"}), None);
    assert!(!failure.content.contains("req_1"), "{failure:?}");
}

#[test]
fn a_usage_limit_tells_when_it_ends() {
    for text in [
        "Claude AI usage limit reached|1795342009",
        "Claude AI usage limit reached|1795342009000",
        "API Error: 429 Claude AI usage limit reached|1795342009",
    ] {
        let words = ["usage limit is reached until 2026-11-22 10:06 UTC", "Ask again then"];
        check_text(None, "rate_limit", text, &words, Remedy::AskAgain);
        let line = json!({"is_error": true, "result": text});
        assert_eq!(of(&line, None).retry_at, Some(1_795_342_009));
    }
    for text in [
        "You've hit your session limit · resets 3pm (Europe/Berlin)",
        "You've hit your weekly limit · resets Nov 29, 9am (UTC)",
        "Claude usage limit reached. Your limit will reset at 3pm (America/Santiago).",
        "You’ve reached your Opus limit · resets 11:30pm (UTC)",
    ] {
        let quoted = text.trim_end_matches('.');
        check_text(Some(429), "rate_limit", text, &["usage limit", quoted], Remedy::AskAgain);
    }
    let limited =
        "API Error: Request rejected (429) · rate_limit_error. Please retry after 30 seconds.";
    check_text(None, "rate_limit", limited, &["(429)", "30 seconds"], Remedy::AskAgain);
    let limited = "API Error: 429 {\"retry-after\":\"120\"} rate_limit_error";
    check_text(Some(429), "rate_limit", limited, &["120 seconds"], Remedy::AskAgain);
}

#[test]
fn the_moment_is_taken_from_what_was_told_before() {
    let mut reports = ServiceReports::default();
    let line = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected",
        "resetsAt": 1_795_342_009, "rateLimitType": "five_hour", "isUsingOverage": false}});
    reports.line("rate_limit_event", None, &line.to_string(), &mut Vec::new());
    let result = |text: &str| ResultLine {
        is_error: true,
        result: Some(text.to_owned()),
        ..ResultLine::default()
    };
    for text in ["You've hit your session limit · resets 10:06am (UTC)", "API Error: 429 x", ""] {
        let failure = of_result(&result(text), Some("rate_limit"), &reports);
        assert!(failure.content.contains("until 2026-11-22 10:06 UTC"), "{text}: {failure:?}");
        assert_eq!((failure.remedy, failure.retry_at), (Remedy::AskAgain, Some(1_795_342_009)));
    }
    // It explains nothing else.
    let failure = of_result(&result("API Error: Unable to connect to API"), None, &reports);
    assert!(failure.content.contains("could not reach"), "{failure:?}");
}

#[test]
fn an_account_that_cannot_answer_says_how_to_mend_it() {
    let how = ["/login", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "restart"];
    for (status, text) in [
        (None, "Not logged in · Please run /login"),
        (Some(401), "Failed to authenticate. API Error: 401 no"),
        (None, "Invalid API key · Fix external API key"),
        (None, "OAuth token revoked · Please run /login"),
        (None, "Login expired · Please run /login"),
        (
            Some(401),
            "API Error: 401 {\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}",
        ),
        (Some(403), "Failed to authenticate. API Error: 403 fake 403"),
        (None, ""),
    ] {
        check_text(status, "authentication_failed", text, &how, Remedy::FixFirst);
    }
    let held = ["blocked", "owner"];
    for kind in ["oauth_org_not_allowed", "account_on_hold", "verification_required"] {
        check_text(None, kind, "Something", &held, Remedy::FixFirst);
    }
    let disabled = "This organization has been disabled.";
    check_text(Some(403), "unknown", disabled, &held, Remedy::FixFirst);
    let money = ["no credit left"];
    check_text(None, "billing_error", "Credit balance is too low", &money, Remedy::FixFirst);
    check_text(
        Some(400),
        "invalid_request",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing",
        &money,
        Remedy::FixFirst,
    );
    check_text(Some(402), "unknown", "x", &money, Remedy::FixFirst);
    check_text(
        None,
        "rate_limit",
        "You're out of usage credits. Switch to another model",
        &money,
        Remedy::FixFirst,
    );
    let cloud = "API Error: Could not load AWS credentials · expired.";
    check_text(None, "cloud_credential_error", cloud, &["cloud provider"], Remedy::FixFirst);
}

#[test]
fn failures_of_the_api_are_told_by_their_status() {
    let cases: [(u16, &str, &[&str], Remedy); 12] = [
        (429, "x", &["rate limit", "ask again"], Remedy::AskAgain),
        (529, "x", &["overloaded", "ask again"], Remedy::AskAgain),
        (500, "x", &["(500)", "ask again"], Remedy::AskAgain),
        (502, "Bad gateway", &["(502)", "ask again"], Remedy::AskAgain),
        (503, "a certificate, a prompt that is too long", &["(503)"], Remedy::AskAgain),
        (404, "no such model m", &["model", "no such model m", "settings"], Remedy::FixFirst),
        (403, "no", &["403", "no"], Remedy::FixFirst),
        (407, "x", &["proxy"], Remedy::FixFirst),
        (408, "x", &["in time"], Remedy::AskAgain),
        (413, "x", &["new conversation"], Remedy::NewConversation),
        (400, "bad thing", &["400", "bad thing"], Remedy::FixFirst),
        (422, "bad thing", &["422", "bad thing"], Remedy::FixFirst),
    ];
    for (status, text, expected, remedy) in cases {
        check_text(Some(status), "unknown", text, expected, remedy);
    }
}

#[test]
fn a_status_is_found_in_the_text_when_no_field_has_it() {
    let busy = "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.";
    check_text(None, "server_error", busy, &["overloaded (529)"], Remedy::AskAgain);
    check_text(None, "server_error", "API Error: 500 boom", &["(500)"], Remedy::AskAgain);
    check_text(None, "overloaded", "x", &["overloaded (529)"], Remedy::AskAgain);
    check_text(
        None,
        "model_not_found",
        "There's an issue with the selected model (m).",
        &["(m)"],
        Remedy::FixFirst,
    );
}

#[test]
fn a_network_that_fails_is_told_as_such() {
    let base = ["could not reach", "ANTHROPIC_BASE_URL", "ask again"];
    for text in [
        "API Error: Unable to connect to API (ConnectionRefused)",
        "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
        "API Error: Connection to the API was lost (ECONNRESET). This is usually temporary — try again.",
        "API Error: fetch failed",
        "API Error: Connection error.",
        "API Error: The socket connection was closed unexpectedly",
    ] {
        check_text(None, "server_error", text, &base, Remedy::AskAgain);
    }
    for text in [
        "API Error: Unable to connect to API (ENOTFOUND)",
        "API Error: getaddrinfo EAI_AGAIN api.anthropic.com",
    ] {
        check_text(None, "server_error", text, &["resolved", "DNS"], Remedy::AskAgain);
    }
    for text in [
        "API Error: Unable to connect to API: Self-signed certificate detected. Check your proxy or corporate SSL certificates",
        "API Error: Unable to connect to API: SSL certificate has expired",
        "API Error: unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
        "API Error: Unable to connect to API: SSL error (ERR_TLS_X)",
    ] {
        check_text(
            None,
            "server_error",
            text,
            &["certificate", "NODE_EXTRA_CA_CERTS"],
            Remedy::FixFirst,
        );
    }
    check_text(
        None,
        "server_error",
        "API Error: Request timed out.",
        &["in time"],
        Remedy::AskAgain,
    );
    let proxy = "API Error: Proxy authentication required";
    check_text(None, "unknown", proxy, &["proxy", "HTTPS_PROXY"], Remedy::FixFirst);
}

#[test]
fn limits_of_the_agent_are_told() {
    let steps = json!({"is_error": true, "terminal_reason": "max_turns",
        "errors": ["Reached maximum number of turns (2)"]});
    check(steps, None, &["number of steps"], Remedy::FixFirst);
    let budget = json!({"is_error": true, "errors": ["Reached maximum budget ($0.001)"]});
    check(budget, None, &["budget"], Remedy::NewConversation);
    let long = "API Error: Claude's response exceeded the 32000 output token maximum.";
    check_text(None, "max_output_tokens", long, &["longer than"], Remedy::FixFirst);
    for text in [
        "Image was too large. Double press esc to go back and try again with a smaller image.",
        "API Error: 400 messages.1.content.0.image.source.base64.data: image exceeds 5 MB maximum",
        "API Error: 400 Could not process image",
        "API Error: 400 A maximum of 100 PDF pages may be provided.",
    ] {
        check_text(None, "invalid_request", text, &["image or a document"], Remedy::FixFirst);
    }
    let image = json!({"is_error": true, "result": "x", "terminal_reason": "image_error"});
    check(image, None, &["image or a document"], Remedy::FixFirst);
}

#[test]
fn internal_diagnostics_are_never_shown() {
    let line = json!({"is_error": true, "errors": ["[ede_diagnostic] result_type=user"]});
    check(line, None, &["Ask again"], Remedy::AskAgain);
    check(json!({"is_error": true, "result": "no luck"}), None, &["no luck"], Remedy::AskAgain);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let line = json!({"is_error": true, "result": "é".repeat(2000)});
    check(line, None, &["…"], Remedy::AskAgain);
}

#[test]
fn what_a_built_in_agent_has_explained_is_told_in_its_own_words() {
    // Each has a sign of another agent's failure.
    for (words, remedy, expected) in [
        ("h does not accept the key. It said: Invalid API Key", "fix_first", Remedy::FixFirst),
        (
            "The conversation is longer. maximum context length",
            "new_conversation",
            Remedy::NewConversation,
        ),
        ("h is overloaded. rate limit, 429", "ask_again", Remedy::AskAgain),
        ("Something else.", "", Remedy::AskAgain),
    ] {
        let failure = of(
            &json!({"is_error": true, "subtype": "error_during_execution",
                "terminal_reason": "explained", "errors": [words], "remedy": remedy}),
            None,
        );
        assert_eq!((failure.content.as_str(), failure.remedy), (words, expected));
    }
}
