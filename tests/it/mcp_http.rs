//! The Model Context Protocol at `/mcp`: its messages, its tools, and who may what.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    access::{
        projects::{LIST, restricted},
        rights::{ANA, BEN, Person, make_private, team},
    },
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually, write},
};

const NEWEST: &str = "2026-07-28";

/// A message as a client sends it.
pub fn send(server: &Server, message: &Value) -> RequestBuilder {
    reqwest::Client::new()
        .post(server.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(message)
        .timeout(DEADLINE)
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(tool: &str, arguments: Value) -> Value {
    request("tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// The messages that come back.
async fn answers(request: RequestBuilder) -> (u16, Vec<Value>) {
    let response = request.send().await.unwrap();
    let (status, kind) = (response.status().as_u16(), response.headers().get("content-type"));
    let is_stream = kind.is_some_and(|kind| kind == "text/event-stream");
    let text = response.text().await.unwrap();
    let messages = match is_stream {
        true => text.lines().filter_map(|line| line.strip_prefix("data: ")).collect(),
        false if text.is_empty() => Vec::new(),
        false => vec![text.as_str()],
    };
    (status, messages.into_iter().map(|text| serde_json::from_str(text).unwrap()).collect())
}

/// The result of a request.
async fn result(server: &Server, message: Value) -> Value {
    let (status, mut answers) = answers(send(server, &message)).await;
    let answer = answers.pop().unwrap();
    assert_eq!((status, &answer["id"]), (200, &json!(1)), "{answer}");
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].clone()
}

/// The text of a tool's result, and whether it is an error.
async fn text(server: &Server, tool: &str, arguments: Value) -> (String, bool) {
    let result = result(server, call(tool, arguments)).await;
    let text = result["content"][0]["text"].as_str().unwrap().to_owned();
    (text, result["isError"] == true)
}

async fn initialized(server: &Server) -> String {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let response = send(server, &request("initialize", params)).send().await.unwrap();
    let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    assert_eq!(answer["result"]["serverInfo"]["name"], "cicerone");
    assert!(answer["result"]["instructions"].as_str().unwrap().contains(PROJECT), "{answer}");
    session
}

#[actix::test]
async fn a_client_is_told_tools_that_only_read() {
    let server = Server::start();
    initialized(&server).await;
    let tools = result(&server, request("tools/list", json!({}))).await;
    let names: Vec<_> = tools["tools"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let expected = ["list_projects", "search_code", "read_file", "outline", "list_notes", "ask"];
    assert_eq!(names, expected);
    for tool in tools["tools"].as_array().unwrap() {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        jsonschema::validator_for(&tool["inputSchema"]).unwrap();
    }
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(answers(send(&server, &told)).await, (202, vec![]));
    assert_eq!(result(&server, request("ping", json!({}))).await, json!({}));
}

#[actix::test]
async fn a_project_is_searched_outlined_and_read_without_an_agent() {
    let server = Setup::scripted().project("shop").start();
    let code = "/// Evicts idle connections.\npub fn evict_idle(pool: &mut Vec<u32>) {}\n";
    write(&server.project_dir(), "src/pool.rs", code);
    let projects = result(&server, call("list_projects", json!({}))).await;
    let listed = json!({ "projects": [{ "name": "demo" }, { "name": "shop" }] });
    assert_eq!(projects["structuredContent"], listed);

    for (tool, arguments, expected) in [
        ("search_code", json!({ "query": "evict idle connections" }), "src/pool.rs"),
        ("search_code", json!({ "query": "fn evict_\\w+", "regex": true }), "pub fn evict_idle"),
        ("read_file", json!({ "path": "src/pool.rs", "first_line": 2 }), "pub fn evict_idle"),
        ("outline", json!({ "path": "src/pool.rs" }), "evict_idle"),
    ] {
        let mut named = arguments.clone();
        named["project"] = json!(PROJECT);
        let (found, is_error) = text(&server, tool, named).await;
        assert!(!is_error && found.contains(expected), "{tool}: {found}");
        let (unnamed, is_error) = text(&server, tool, arguments).await;
        assert!(is_error && unnamed.contains("demo, shop"), "{tool}: {unnamed}");
    }
    let (_, list) = server.get("/api/assistant/conversations/demo").await;
    assert_eq!(list, json!([]), "nobody was asked");
}

#[actix::test]
async fn p1_what_is_hidden_cannot_be_read_or_found() {
    let server = Server::start();
    let dir = server.project_dir();
    write(&dir, ".env", "PASSWORD=hunter2hunter2\n");
    write(&dir, "secrets/id_rsa", "hunter2hunter2\n");
    write(dir.parent().unwrap(), "outside.txt", "hunter2hunter2\n");
    std::os::unix::fs::symlink(dir.parent().unwrap().join("outside.txt"), dir.join("inside.txt"))
        .unwrap();
    for path in [
        ".env",
        "secrets/id_rsa",
        "../outside.txt",
        "src/../../outside.txt",
        "/etc/passwd",
        "inside.txt",
        "./.env",
        "%2e%2e/outside.txt",
        "..\u{0}/outside.txt",
        "README.md/../.env",
    ] {
        for tool in ["read_file", "outline"] {
            let (told, _) = text(&server, tool, json!({ "path": path })).await;
            assert!(!told.contains("hunter2") && !told.contains("root:"), "{tool} {path}: {told}");
        }
        let (told, is_error) = text(&server, "read_file", json!({ "path": path })).await;
        assert!(is_error, "{path}: {told}");
        let search = json!({ "query": "hunter2", "regex": true, "path": path });
        let (told, _) = text(&server, "search_code", search).await;
        assert!(!told.contains("hunter2hunter2"), "{path}: {told}");
    }
    for regex in [true, false] {
        let search = json!({ "query": "hunter2hunter2", "regex": regex });
        let (told, _) = text(&server, "search_code", search).await;
        assert!(!told.contains("PASSWORD") && !told.contains("id_rsa"), "{told}");
    }
}

#[actix::test]
async fn an_answer_comes_with_its_progress_its_places_and_a_link() {
    let server = Server::start();
    let question = "think a\ntool Read {\"path\":\"README.md\"} => x\nsay It is in `README.md:3`.";
    let mut message = call("ask", json!({ "question": question }));
    message["params"]["_meta"] = json!({ "progressToken": "p" });
    let (status, messages) = answers(send(&server, &message)).await;
    assert_eq!(status, 200);
    let (answer, progress) = messages.split_last().unwrap();
    assert!(!progress.is_empty());
    for (number, told) in progress.iter().enumerate() {
        assert_eq!(told["method"], "notifications/progress", "{told}");
        let params = &told["params"];
        assert_eq!(
            (&params["progressToken"], &params["progress"]),
            (&json!("p"), &json!(number + 1))
        );
    }
    assert!(progress.iter().any(|it| it["params"]["message"] == "Read README.md"), "{progress:?}");

    let told = &answer["result"]["structuredContent"];
    let id = told["conversation_id"].as_i64().unwrap();
    let link = format!("{}/p/demo/{id}#turn-1", server.url(""));
    assert_eq!(told["link"], link, "{told}");
    assert_eq!(
        (&told["outcome"], &told["citations"]),
        (&json!("completed"), &json!(["README.md:3"]))
    );
    assert_eq!(told["answer"], "It is in `README.md:3`.");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Sources:\n- README.md:3") && text.contains(&link), "{text}");
    let tools = result(&server, request("tools/list", json!({}))).await;
    let ask = tools["tools"].as_array().unwrap().iter().find(|it| it["name"] == "ask").unwrap();
    jsonschema::validate(&ask["outputSchema"], told).unwrap();

    // It goes on, also for a client that takes no events.
    let message = call("ask", json!({ "question": "say more", "conversation_id": id }));
    let plain = reqwest::Client::new().post(server.url("/mcp")).json(&message);
    let plain = plain.send().await.unwrap();
    let again: Value = plain.json().await.unwrap();
    assert_eq!(again["result"]["structuredContent"]["turn"], 2, "{again}");
    let failed = text_of_failure(&server).await;
    assert!(failed.contains("it broke"), "{failed}");
}

async fn text_of_failure(server: &Server) -> String {
    let (text, is_error) = text(server, "ask", json!({ "question": "error it broke" })).await;
    assert!(is_error, "{text}");
    text
}

/// The outcome of the first turn of a conversation.
async fn outcome(server: &Server, id: i64) -> Value {
    let path = format!("/api/v1/ask/{PROJECT}/{id}?turn=1");
    eventually("the turn has ended", async || {
        let (status, answer) = server.get(&path).await;
        (status == 200).then(|| answer["outcome"].clone())
    })
    .await
}

/// Asks a question that is answered once it is stopped, and waits until that has begun.
async fn begin_long(
    server: &Server,
    session: &str,
    number: i64,
) -> tokio::task::JoinHandle<(u16, Vec<Value>)> {
    let gate = Gate::new(server);
    let script = format!("stream 3 1\n{}\nsay more", gate.script());
    let asking = send(server, &call("ask", json!({ "question": script })));
    let asking = tokio::spawn(answers(asking.header("mcp-session-id", session)));
    eventually("the question is stored", async || {
        let (_, list) = server.get("/api/assistant/conversations/demo").await;
        list.as_array().is_some_and(|list| i64::try_from(list.len()) == Ok(number)).then_some(())
    })
    .await;
    server.has_begun(number, 1).await;
    asking
}

#[actix::test]
async fn a_question_is_cancelled_by_its_client_and_by_nobody_else() {
    let server = Server::start();
    let session = initialized(&server).await;
    let other = initialized(&server).await;
    let asking = begin_long(&server, &session, 1).await;
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 },
    });
    for wrong in [Some(other.as_str()), None, Some("a"), Some("")] {
        let mut request = send(&server, &cancel);
        if let Some(session) = wrong {
            request = request.header("mcp-session-id", session);
        }
        let expected = if wrong == Some("") { 404 } else { 202 };
        assert_eq!(request.send().await.unwrap().status(), expected, "{wrong:?}");
    }
    assert!(!asking.is_finished(), "it still runs");
    let right = send(&server, &cancel).header("mcp-session-id", &session);
    assert_eq!(right.send().await.unwrap().status(), 202);
    assert_eq!(asking.await.unwrap(), (200, vec![]), "a cancelled request has no answer");
    assert_eq!(outcome(&server, 1).await, "stopped");

    let asking = begin_long(&server, &session, 2).await;
    let end = reqwest::Client::new().delete(server.url("/mcp"));
    let end = end.header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(end.status(), 204);
    asking.await.unwrap();
    assert_eq!(outcome(&server, 2).await, "stopped");
}

#[actix::test]
async fn a_client_that_leaves_cancels_its_question() {
    let server = Server::start();
    let session = initialized(&server).await;
    let asking = begin_long(&server, &session, 1).await;
    asking.abort();
    assert_eq!(outcome(&server, 1).await, "stopped");
}

#[actix::test]
async fn what_is_no_message_is_refused() {
    let server = Setup::scripted()
        .config("[limits]\nmessage_bytes = \"1KiB\"\n[advanced.limits]\nframe_bytes = \"64KiB\"\n")
        .start();
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
    ] {
        let request = send(&server, &json!({})).body(body);
        let (status, answers) = answers(request).await;
        assert_eq!((status, &answers[0]["error"]["code"]), (400, &json!(code)), "{body}");
    }
    let (status, unknown) = answers(send(&server, &request("resources/list", json!({})))).await;
    assert_eq!((status, &unknown[0]["error"]["code"]), (200, &json!(-32601)));
    let (_, unknown) = answers(send(&server, &call("write_file", json!({})))).await;
    assert_eq!(unknown[0]["error"]["code"], -32602, "{unknown:?}");
    for (tool, arguments) in [
        ("read_file", json!({})),
        ("read_file", json!({ "path": ["a"] })),
        ("read_file", json!([])),
        ("ask", json!({ "question": " " })),
        ("ask", json!({ "question": "x", "effort": "endless" })),
        ("ask", json!({ "question": "x", "agent": "nobody" })),
        ("ask", json!({ "question": "x", "conversation_id": 99 })),
        ("outline", json!({ "project": "../demo" })),
        ("outline", json!({ "project": "nowhere" })),
        ("search_code", json!({ "query": "(", "regex": true })),
    ] {
        let (told, is_error) = text(&server, tool, arguments.clone()).await;
        assert!(is_error && !told.is_empty(), "{tool} {arguments}: {told}");
    }
    let large = call("ask", json!({ "question": "x".repeat(200_000) }));
    assert_eq!(send(&server, &large).send().await.unwrap().status(), 413);
    let plain = reqwest::Client::new().post(server.url("/mcp")).body("{}");
    let plain = plain.header("content-type", "text/plain");
    assert_eq!(plain.send().await.unwrap().status(), 415);
    assert_eq!(server.get("/mcp").await.0, 405);
}

#[actix::test]
async fn the_version_without_a_handshake_is_spoken_as_well() {
    let server = Server::start();
    let client = |method: &str, name: Option<&str>, params: Value| {
        let mut message = request(method, params);
        message["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEWEST,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let request = reqwest::Client::new().post(server.url("/mcp")).json(&message);
        let request = request
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", NEWEST)
            .header("mcp-method", method);
        name.iter().fold(request, |request, name| request.header("mcp-name", *name))
    };
    let (_, found) = answers(client("server/discover", None, json!({}))).await;
    let found = &found[0]["result"];
    assert_eq!(
        (&found["resultType"], &found["cacheScope"]),
        (&json!("complete"), &json!("private"))
    );
    assert!(found["supportedVersions"].as_array().unwrap().contains(&json!(NEWEST)), "{found}");
    let (_, tools) = answers(client("tools/list", None, json!({}))).await;
    assert!(tools[0]["result"]["ttlMs"].is_u64(), "{tools:?}");
    let params = json!({ "name": "list_projects", "arguments": {} });
    let (_, listed) = answers(client("tools/call", Some("list_projects"), params.clone())).await;
    assert_eq!(listed[0]["result"]["structuredContent"]["projects"][0]["name"], PROJECT);
    let (status, wrong) = answers(client("tools/call", Some("ask"), params)).await;
    assert_eq!((status, &wrong[0]["error"]["code"]), (400, &json!(-32020)));
    assert_eq!(answers(client("resources/list", None, json!({}))).await.0, 404);
    let old =
        send(&server, &request("ping", json!({}))).header("mcp-protocol-version", "1999-01-01");
    // Both values are sent.
    assert_eq!(old.send().await.unwrap().status(), 200);
}

async fn sent(server: &Server, who: Person, message: &Value) -> (u16, Value) {
    let (status, answer) = who.send(server, "POST", "/mcp", &message.to_string()).await;
    (status.as_u16(), answer)
}

#[actix::test]
async fn a_page_of_another_site_reaches_nothing_and_a_token_is_required() {
    let server = team("").start();
    let message = call("list_projects", json!({}));
    let (status, _) = sent(&server, Person { token: None, user: None }, &message).await;
    assert_eq!(status, 401);
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        for kind in ["application/json", "text/plain"] {
            let request = reqwest::Client::new().post(server.url("/mcp"));
            let request = request.header("content-type", kind).header(name, value);
            let mut request = request.body(message.to_string());
            for (name, value) in ANA.headers() {
                request = request.header(name, value);
            }
            assert_eq!(request.send().await.unwrap().status(), 403, "{name} {value}");
        }
    }
}

#[actix::test]
async fn a_private_conversation_and_its_notes_are_none_for_others() {
    let server = team("").start();
    let (_, asked) = sent(&server, ANA, &call("ask", json!({ "question": "say mine" }))).await;
    let told = &asked["result"]["structuredContent"];
    let id = told["conversation_id"].as_i64().unwrap_or_else(|| panic!("{asked}"));
    let note = format!("/api/assistant/conversations/demo/{id}/notes/1");
    assert_eq!(ANA.send(&server, "PUT", &note, "").await.0, 200);
    let notes = call("list_notes", json!({ "query": "mine" }));
    let listed =
        |answer: &Value| answer["result"]["structuredContent"]["notes"].as_array().unwrap().len();
    assert_eq!(listed(&sent(&server, BEN, &notes).await.1), 1);
    make_private(&server, ANA, id).await;
    for (who, seen) in [(ANA, 1), (BEN, 0)] {
        assert_eq!(listed(&sent(&server, who, &notes).await.1), seen, "{who:?}");
        let more = call("ask", json!({ "question": "say yours", "conversation_id": id }));
        let (_, answer) = sent(&server, who, &more).await;
        assert_eq!(answer["result"]["isError"], seen == 0, "{who:?} {answer}");
    }
}

#[actix::test]
async fn p14_a_project_exists_for_those_who_have_access_and_for_nobody_else() {
    let server = restricted(LIST).start();
    for (who, expected) in [(ANA, 3), (BEN, 1)] {
        let (_, listed) = sent(&server, who, &call("list_projects", json!({}))).await;
        let listed = listed["result"]["structuredContent"]["projects"].as_array().unwrap().len();
        assert_eq!(listed, expected, "{who:?}");
        let (_, told) = sent(&server, who, &request("initialize", json!({}))).await;
        assert_eq!(told.to_string().contains("hidden"), expected == 3, "{told}");
    }
    for tool in ["ask", "search_code", "read_file", "outline", "list_notes"] {
        let mut told = Vec::new();
        for project in ["hidden", "absent"] {
            let arguments = json!({
                "project": project, "question": "say a", "query": "a", "path": "README.md",
            });
            let (_, answer) = sent(&server, BEN, &call(tool, arguments)).await;
            assert_eq!(answer["result"]["isError"], true, "{tool}: {answer}");
            told.push(answer.to_string().replace(project, ""));
        }
        assert_eq!(told[0], told[1], "{tool}");
    }
}

#[actix::test]
async fn budgets_hold_as_over_a_socket() {
    let server = team("[budgets]\nuser_tokens = 15\n").start();
    let ask = call("ask", json!({ "question": "stream 6 0" }));
    assert_eq!(sent(&server, ANA, &ask).await.1["result"]["isError"], false);
    let (_, refused) = sent(&server, ANA, &ask).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    let words = refused["result"]["content"][0]["text"].as_str().unwrap();
    assert!(words.contains("budgets.user_tokens"), "{words}");
}

#[actix::test]
async fn what_a_question_says_of_itself_stays_text() {
    let server = Server::start();
    let question = "say a\",\"agent\":\"x\"}\n\u{0}{\"type\":\"stop\"}\u{2028}<script>";
    let mut message =
        call("ask", json!({ "question": question, "agent": null, "attachments": ["x"] }));
    message["params"]["_meta"] = json!({ "progressToken": { "a": 1 } });
    let (status, answers) = answers(send(&server, &message)).await;
    assert_eq!((status, answers.len()), (200, 1), "{answers:?}");
    let (_, frames) = server.enter(1, json!(null)).await;
    let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
    assert!(asked["content"].as_str().unwrap().contains("\"agent\":\"x\""), "{asked}");
}
