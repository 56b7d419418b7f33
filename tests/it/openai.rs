//! The chat completions: their shapes, one conversation for each chat, and the clients of others.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    access::rights::{ANA, team},
    peers,
    server::{DEADLINE, Gate, PROJECT, Server, Setup, eventually},
};

/// The versions of the package `openai` of `PyPI` and of npm; `.ci/setup` reads them from here.
const PYPI: &str = "3.57.0";
const NPM: &str = "7.59.0";

const COMPLETIONS: &str = "/v1/chat/completions";

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn assistant(answer: &Value) -> Value {
    json!({ "role": "assistant", "content": answer["choices"][0]["message"]["content"] })
}

fn request(server: &Server, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(server.url(COMPLETIONS)).json(body).timeout(DEADLINE)
}

async fn complete(server: &Server, messages: Value) -> (u16, Value) {
    let answer = request(server, &json!({ "model": PROJECT, "messages": messages })).send().await;
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The conversation and the turn of an answer.
fn place(answer: &Value) -> (i64, i64) {
    let id = answer["id"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let mut numbers = id.split('-').skip(1).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[actix::test]
async fn each_project_is_a_model() {
    let server = Setup::scripted().project("shop").start();
    let (status, models) = server.get("/v1/models").await;
    assert_eq!((status, &models["object"]), (200, &json!("list")));
    let ids: Vec<_> = models["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["demo", "shop"]);
    assert_eq!(models["data"][0]["owned_by"], "cicerone");
    let (_, one) = server.get("/v1/models/shop").await;
    assert_eq!(one, models["data"][1]);
    let (status, error) = server.get("/v1/models/none").await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
}

#[actix::test]
async fn an_answer_is_a_completion_that_ends_with_its_sources() {
    let server = Server::start();
    let (status, answer) =
        complete(&server, json!([user("say It is in `README.md:3`, not in `no.rs:1`.")])).await;
    assert_eq!(status, 200, "{answer}");
    let text = "It is in `README.md:3`, not in `no.rs:1`.\n\nSources:\n- README.md:3";
    assert_eq!(content(&answer), text);
    let cited = &answer["choices"][0]["message"]["annotations"];
    let url = format!("http://{}/p/demo?file=README.md:3", server.address());
    assert_eq!(cited[0]["url_citation"]["url"], url, "{answer}");
    let (start, end) = (
        cited[0]["url_citation"]["start_index"].as_u64(),
        cited[0]["url_citation"]["end_index"].as_u64(),
    );
    let at = |index: Option<u64>| usize::try_from(index.unwrap()).unwrap();
    assert_eq!(&text[at(start)..at(end)], "README.md:3");
    assert_eq!(answer["usage"]["prompt_tokens"], 10);
    assert_eq!(
        (&answer["model"], &answer["choices"][0]["finish_reason"]),
        (&json!("demo"), &json!("stop"))
    );
}

#[actix::test]
async fn a_stream_has_the_same_text_in_pieces() {
    let server = Server::start();
    let body = json!({
        "model": PROJECT, "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "system", "content": "Be brief." }, user("think a\nstream 5 1\ntool Read {} => x\nsay See `README.md:3`.")],
    });
    let text = request(&server, &body).send().await.unwrap().text().await.unwrap();
    let events: Vec<&str> =
        text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, "w0 w1 w2 w3 w4 \n\nSee `README.md:3`.\n\nSources:\n- README.md:3");
    let [.., last, usage] = &chunks[..] else { panic!("{text}") };
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"]["annotations"][0]["type"], "url_citation");
    assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&json!([]), &json!(7)));
}

#[actix::test]
async fn a_chat_is_one_conversation_and_a_branch_of_it_another() {
    let server = Server::start();
    let mut chat = vec![user("say one")];
    let (_, first) = complete(&server, json!(chat)).await;
    let (id, turn) = place(&first);
    assert_eq!(turn, 1);
    chat.extend([assistant(&first), user("say two")]);
    let (_, second) = complete(&server, json!(chat)).await;
    assert_eq!((place(&second), content(&second)), ((id, 2), "two"));
    // A stream goes on as well, also where the client has left the beginning out.
    let mut cut = vec![
        json!({ "role": "system", "content": "x" }),
        user("say two"),
        assistant(&second),
        user("say three"),
    ];
    let body = json!({ "model": PROJECT, "messages": cut, "stream": true });
    let text = request(&server, &body).send().await.unwrap().text().await.unwrap();
    assert!(text.contains(&format!("chatcmpl-{id}-3")), "{text}");
    cut.extend([json!({ "role": "assistant", "content": "three\n" }), user("say four")]);
    let (_, fourth) = complete(&server, json!(cut)).await;
    assert_eq!(place(&fourth), (id, 4));

    // Whoever goes back to an earlier message begins anew.
    let (_, again) = complete(&server, json!(chat)).await;
    assert_ne!(place(&again).0, id);
    // The same first message begins another chat.
    let (_, other) = complete(&server, json!([user("say one")])).await;
    assert!(![id, place(&again).0].contains(&place(&other).0));
}

#[actix::test]
async fn a_chat_that_is_not_known_is_told_in_the_question_for_everybody_to_see() {
    let server = Server::start();
    let chat = json!([user("What is a quokka?"), { "role": "assistant", "content": "It hops." }, user("Why does it?")]);
    let (_, answer) = complete(&server, chat).await;
    assert!(content(&answer).contains("Person: What is a quokka?\n\nYou: It hops."), "{answer}");
    let (_, frames) = server.enter(place(&answer).0, json!(null)).await;
    let question = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
    let said = "Person: What is a quokka?\n\nYou: It hops.";
    assert_eq!(question["content"], format!("Why does it?\n\nBefore, in this chat:\n\n{said}"));
}

#[actix::test]
async fn what_a_program_asks_for_itself_begins_no_conversation() {
    let server = Server::start();
    let title = "### Task:\nGenerate a title.\nJSON format: { \"title\": \"t\" }\n<chat_history>\nUSER: Why so?\n</chat_history>";
    let (status, answer) = complete(&server, json!([user(title)])).await;
    assert_eq!((status, content(&answer)), (200, r#"{"title":"Why so?"}"#));
    let (_, list) = server.get("/api/assistant/conversations/demo").await;
    assert_eq!(list, json!([]));
}

#[actix::test]
async fn errors_have_the_shape_of_the_api() {
    let server = Server::start();
    let image =
        json!([{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }]);
    for (body, status, kind, param) in [
        (
            json!({ "model": "none", "messages": [user("x")] }),
            404,
            "invalid_request_error",
            json!("model"),
        ),
        (
            json!({ "model": PROJECT, "messages": [] }),
            400,
            "invalid_request_error",
            json!("messages"),
        ),
        (
            json!({ "model": PROJECT, "messages": [{ "role": "user", "content": image }] }),
            400,
            "invalid_request_error",
            json!("messages"),
        ),
        (
            json!({ "model": PROJECT, "messages": [user("x")], "n": 2 }),
            400,
            "invalid_request_error",
            json!("n"),
        ),
        (
            json!({ "model": PROJECT, "messages": [user("error it broke")] }),
            502,
            "server_error",
            json!(null),
        ),
    ] {
        let answer = request(&server, &body).send().await.unwrap();
        let found = answer.status().as_u16();
        let error: Value = answer.json().await.unwrap();
        assert!(found == status || status == 502 && found == 503, "{found} {error}");
        assert_eq!(
            (&error["error"]["type"], &error["error"]["param"]),
            (&json!(kind), &param),
            "{error}"
        );
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
    }
    let body = json!({ "model": PROJECT, "messages": [user("stream 3 0\nerror it broke")], "stream": true });
    let text = request(&server, &body).send().await.unwrap().text().await.unwrap();
    assert!(text.contains(r#"data: {"error":{"#) && !text.contains("[DONE]"), "{text}");

    let server = team("[budgets]\nuser_tokens = 1\n").start();
    let (status, error) = complete(&server, json!([user("x")])).await;
    assert_eq!((status, &error["error"]["code"]), (401, &json!("invalid_api_key")), "{error}");
    let body = json!({ "model": PROJECT, "messages": [user("say a")] }).to_string();
    assert_eq!(ANA.send(&server, "POST", COMPLETIONS, &body).await.0, 200);
    let (status, error) = ANA.send(&server, "POST", COMPLETIONS, &body).await;
    assert_eq!(
        (status.as_u16(), &error["error"]["code"]),
        (429, &json!("insufficient_quota")),
        "{error}"
    );
}

#[actix::test]
async fn a_client_that_leaves_stops_its_answer() {
    let server = Server::start();
    for (turn, wants_stream) in [true, false].into_iter().enumerate() {
        let gate = Gate::new(&server);
        let question = format!("stream 3 1\n{}\nsay more", gate.script());
        let body =
            json!({ "model": PROJECT, "messages": [user(&question)], "stream": wants_stream });
        let asking = request(&server, &body);
        let asking = tokio::spawn(async move { asking.send().await.unwrap().text().await });
        let id = i64::try_from(turn).unwrap() + 1;
        eventually("the question is stored", async || {
            let (_, list) = server.get("/api/assistant/conversations/demo").await;
            list.as_array().is_some_and(|list| list.len() == turn + 1).then_some(())
        })
        .await;
        server.has_begun(id, 1).await;
        asking.abort();
        let path = format!("/api/v1/ask/{PROJECT}/{id}?turn=1");
        let ended = eventually("the turn has ended", async || {
            let (status, answer) = server.get(&path).await;
            (status == 200).then_some(answer)
        });
        assert_eq!(ended.await["outcome"], "stopped", "streaming: {wants_stream}");
    }
}

/// What a program of a client prints.
fn printed(program: &mut Command, server: &Server) -> Vec<Value> {
    let base = server.url("/v1");
    let environment = [
        ("OPENAI_BASE_URL", base.as_str()),
        ("OPENAI_API_KEY", "viewer-0123456789"),
        ("NO_PROXY", "*"),
    ];
    let output = program.envs(environment).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(printed: &[Value]) {
    let text = "See `README.md:3`.\n\nSources:\n- README.md:3";
    let expected = [
        json!(["demo"]),
        json!([text, "url_citation", "stop"]),
        json!([text, 11, "stop"]),
        json!(["NotFoundError", "model_not_found"]),
    ];
    assert_eq!(printed, expected);
}

fn with_token() -> Server {
    Setup::scripted().env("CICERONE_VIEWER_TOKEN", "viewer-0123456789").start()
}

#[actix::test]
async fn the_package_of_pypi_works_unchanged() {
    let python = peers::module("../python/bin/python");
    let script = r#"
import json, openai
client = openai.OpenAI()
print(json.dumps([model.id for model in client.models.list()]))
ask = dict(model="demo", messages=[{"role": "user", "content": "say See `README.md:3`."}])
answer = client.chat.completions.create(**ask).choices[0]
print(json.dumps([answer.message.content, answer.message.annotations[0].type, answer.finish_reason]))
text, tokens, reason = "", 0, None
for chunk in client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
    if chunk.usage: tokens = chunk.usage.total_tokens
    for choice in chunk.choices:
        text += choice.delta.content or ""
        reason = choice.finish_reason or reason
print(json.dumps([text, tokens, reason]))
try: client.chat.completions.create(model="none", messages=ask["messages"])
except openai.APIStatusError as error: print(json.dumps([type(error).__name__, error.code]))
"#;
    let server = with_token();
    let version =
        Command::new(&python).args(["-c", "import openai; print(openai.__version__)"]).output();
    let version = version.map(|output| output.stdout).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&version).trim(), PYPI, "run `.ci/setup`");
    check(&printed(Command::new(python).args(["-c", script]), &server));
}

#[actix::test]
async fn the_package_of_npm_works_unchanged() {
    let package = peers::module("openai");
    let version = std::fs::read_to_string(package.join("package.json")).unwrap_or_default();
    assert!(
        version.contains(&format!("\"version\": \"{NPM}\"")),
        "no openai@{NPM}: run `.ci/setup`"
    );
    let script = r#"
const { default: OpenAI } = await import(process.env.PACKAGE + '/index.mjs');
const client = new OpenAI();
const print = (value) => console.log(JSON.stringify(value));
const models = [];
for await (const model of client.models.list()) models.push(model.id);
print(models);
const ask = { model: 'demo', messages: [{ role: 'user', content: 'say See `README.md:3`.' }] };
const [answer] = (await client.chat.completions.create(ask)).choices;
print([answer.message.content, answer.message.annotations[0].type, answer.finish_reason]);
let [text, tokens, reason] = ['', 0, null];
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
  tokens = chunk.usage?.total_tokens ?? tokens;
  for (const choice of chunk.choices) {
    text += choice.delta.content ?? '';
    reason = choice.finish_reason ?? reason;
  }
}
print([text, tokens, reason]);
await client.chat.completions.create({ ...ask, model: 'none' }).catch((error) => print([error.constructor.name, error.code]));
"#;
    let server = with_token();
    let node = peers::find("node").unwrap_or_else(|| "node".into());
    let mut program = Command::new(node);
    program.args(["--input-type=module", "-e", script]).env("PACKAGE", package);
    check(&printed(&mut program, &server));
}
