//! The whole way with the real agent: browser's frames in, a stand-in for the model behind, and
//! what is left when the server is killed.

use serde_json::{Value, json};

use crate::{
    agent_probe::wait_until,
    attachments,
    claude::{Version, child_of, program, with_both_versions},
    client::{Client, text_of},
    fake_api::FakeApi,
    server::{Server, Setup, is_alive},
};

with_both_versions![
    a_question_is_answered_with_the_tools_that_were_used,
    a_client_of_the_original_is_served,
    a_question_of_the_agent_is_put_to_the_person,
    the_agent_searches_the_project_through_its_reader,
    a_stopped_turn_keeps_what_came,
    a_killed_server_leaves_no_agent_and_the_next_one_goes_on_with_the_conversation,
    a_conversation_that_the_model_finds_too_long_offers_a_new_one,
    a_history_that_the_model_refuses_is_replaced_by_a_summary,
    a_refusal_is_told_in_words,
    the_model_sees_the_files_of_a_question,
    the_model_is_told_how_thorough_to_be,
];

/// A picture of eight by eight pixels.
const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x08\x00\x00\x00\x08\x08\x02\x00\x00\x00\x4b\x6d\x29\xdc\x00\x00\x00\x10\x49\x44\x41\x54\x78\x9c\x63\x60\x68\x68\xc0\x8e\x86\x96\x04\x00\xe2\x30\x40\x01\x58\xc4\x96\x82\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A server whose agent is the real program and asks `api`.
fn server(api: &FakeApi, version: Version) -> Server {
    let program = program(version);
    Setup::new()
        .args(["--agent", "claude", "--claude", program.to_str().unwrap()])
        .env("ANTHROPIC_BASE_URL", &api.url())
        .env("ANTHROPIC_API_KEY", "dummy")
        .start()
}

/// Sends a message and gives the frames of its turn.
async fn ask(client: &mut Client, content: &str) -> Vec<Value> {
    client.ask(content).await;
    client.turn().await
}

fn of_kind<'a>(frames: &'a [Value], kind: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

async fn a_question_is_answered_with_the_tools_that_were_used(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    let frames = ask(&mut client, "TOOL Glob {\"pattern\":\"*.md\"}\nWORDS 3 20").await;
    assert_eq!(text_of(&frames), "w0 w1 w2 ", "{frames:?}");
    assert_eq!(of_kind(&frames, "tool_call")[0]["tool"], "Glob");
    let results = of_kind(&frames, "tool_result");
    assert!(results[0]["ok"] == true && results[0]["content"] == "README.md", "{results:?}");
    let end = frames.last().unwrap();
    assert_eq!(end["outcome"], "completed");
    assert!(end["usage"]["output_tokens"].as_u64() > Some(0), "{end}");
}

async fn the_model_sees_the_files_of_a_question(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    let id = client.begin().await;
    let picture = attachments::sent(&server, id, "teal.png", PICTURE).await;
    let log = attachments::sent(&server, id, "log.txt", b"it broke at 12:00\n").await;
    attachments::ask(&mut client, "m", "SAY seen", &[&picture, &log]).await;
    assert_eq!(text_of(&client.turn().await), "seen");
    let asked = api.requests();
    let messages = asked.last().unwrap()["messages"].as_array().unwrap();
    let blocks: Vec<&Value> =
        messages.iter().filter_map(|it| it["content"].as_array()).flatten().collect();
    let image = blocks.iter().find(|block| block["type"] == "image").unwrap();
    assert_eq!(image["source"]["media_type"], "image/png", "{image}");
    let told = json!(blocks).to_string();
    assert!(told.contains("it broke at 12:00") && told.contains("teal.png"), "{told}");
}

async fn the_model_is_told_how_thorough_to_be(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let attached = client.until("attached").await.pop().unwrap();
    assert_eq!(attached["agent"]["effort"], true, "{attached}");
    client.until("caught_up").await;
    let mut budgets = Vec::new();
    for (at, effort) in [json!("thorough"), json!("quick"), Value::Null].iter().enumerate() {
        client
            .send(json!({"type": "message", "message_id": at.to_string(), "content": "SAY so",
                "effort": effort}))
            .await;
        let frames = client.turn().await;
        let asked = frames.iter().find(|frame| frame["type"] == "user_message").unwrap();
        assert_eq!(&asked["effort"], effort);
        let request = api.requests().pop().unwrap();
        budgets.push(["thinking", "output_config"].map(|key| request[key].clone()));
    }
    let [thorough, quick, usual] = &budgets[..] else { unreachable!() };
    assert!(thorough != quick && quick != usual, "{budgets:?}");
}

async fn a_client_of_the_original_is_served(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.send(json!({"type": "start"})).await;
    let frames = client.turn().await;
    assert_eq!(frames[0]["type"], "conversation_created");
    assert!(text_of(&frames).starts_with("Hello! I'm your project assistant for **demo**."));
    let frames = ask(&mut client, "TOOL Read {\"file_path\":\"README.md\"}\nSAY fine").await;
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_call", "text", "response_done"], "{frames:?}");
    assert_eq!(frames[0]["input"], json!({"file_path": "README.md"}));
    assert_eq!(frames[1]["content"], "fine");
}

async fn a_question_of_the_agent_is_put_to_the_person(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    let questions = r#"{"questions":[{"question":"Which tea?","header":"Tea","options":[{"label":"Green","description":"g"},{"label":"Black","description":"b"}],"multiSelect":false}]}"#;
    let frames =
        ask(&mut client, &format!("TOOL mcp__features__ask_user {questions}\nSAY …")).await;
    let question = of_kind(&frames, "question")[0];
    assert_eq!(question["questions"][0]["question"], "Which tea?");
    client.send(json!({"type": "answer", "answers": {"0": "SAY so green"}})).await;
    let frames = client.turn().await;
    assert_eq!(text_of(&frames), "so green", "{frames:?}");
}

async fn the_agent_searches_the_project_through_its_reader(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    for (call, expected) in [
        ("mcp__project__search {\"query\":\"demo\"}", (true, "README.md:1")),
        ("mcp__project__search {\"query\":\"demo\",\"limit\":\"1\"}", (true, "README.md:1")),
        ("mcp__project__outline {\"path\":\"README.md\"}", (true, "`README.md`, ")),
        ("mcp__project__outline {}", (true, "README.md\t")),
        ("mcp__project__outline {\"path\":\"../x\"}", (false, "not a path within the project")),
        ("mcp__project__history_log {}", (false, "not a git repository")),
        ("mcp__project__history_search {}", (false, "Give one of")),
        ("mcp__project__search {\"query\":[7]}", (false, "`query` must be text, not [7]")),
        ("mcp__project__search {\"query\":\"\"}", (false, "no word to search for")),
    ] {
        let frames = ask(&mut client, &format!("TOOL {call}\nSAY fine")).await;
        let result = of_kind(&frames, "tool_result")[0];
        assert_eq!(result["ok"], expected.0, "{call}: {result}");
        assert!(result["content"].as_str().unwrap().contains(expected.1), "{call}: {result}");
        assert_eq!(text_of(&frames), "fine", "{call}");
    }
}

async fn a_stopped_turn_keeps_what_came(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    client.ask("WORDS 1000 20").await;
    client.until("text").await;
    client.send(json!({"type": "stop"})).await;
    let frames = client.turn().await;
    assert_eq!(frames.last().unwrap()["outcome"], "stopped");
    let frames = ask(&mut client, "HISTORY").await;
    assert!(text_of(&frames).contains("w0 "), "{frames:?}");
}

async fn a_killed_server_leaves_no_agent_and_the_next_one_goes_on_with_the_conversation(
    version: Version,
) {
    let api = FakeApi::start();
    let mut server = server(&api, version);
    let mut client = server.connect().await;
    let conversation = client.start().await;
    let frames = ask(&mut client, "SAY the first answer").await;
    assert_eq!(text_of(&frames), "the first answer");
    let agent = child_of(server.pid(), "stream-json");
    let features = child_of(agent, "mcp-features");

    server.crash();
    wait_until("no agent is left", || !is_alive(agent) && !is_alive(features)).await;
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1, "conversation_id": conversation})).await;
    client.until("caught_up").await;
    let frames = ask(&mut client, "HISTORY").await;
    let text = text_of(&frames);
    assert!(text.contains("the first answer"), "{text}");
    assert!(text.contains("HISTORY"), "{text}");
}

async fn a_conversation_that_the_model_finds_too_long_offers_a_new_one(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    let old = client.start().await;
    ask(&mut client, "SAY the first answer").await;
    for text in [
        "prompt is too long: 208310 tokens > 200000 maximum",
        "Input is too long for requested model.",
    ] {
        let failed = ask(&mut client, &format!("REJECT {text}")).await.pop().unwrap();
        assert_eq!(failed["start_over"], true, "{failed}");
        assert_eq!(failed["retryable"], false, "{failed}");
        assert!(failed["content"].as_str().unwrap().contains("start a new conversation"));
    }
    let mut client = server.connect().await;
    client.start().await;
    ask(&mut client, "SAY hello").await;
    let mut client = server.connect().await;
    client.start().await;
    client.send(json!({"type": "retry", "turn": 1, "conversation_id": old})).await;
    assert_eq!(text_of(&client.turn().await), "the first answer");
}

async fn a_history_that_the_model_refuses_is_replaced_by_a_summary(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    ask(&mut client, "SAY the first answer").await;
    let broken = "messages.2: `tool_use` ids were found without `tool_result` blocks immediately \
                  after: toolu_1.";
    let frames = ask(&mut client, &format!("REJECTED {broken}\nHISTORY")).await;
    let done = frames.last().unwrap();
    assert_eq!(done["outcome"], "completed", "{frames:?}");
    assert!(text_of(&frames).contains("You: the first answer"), "{frames:?}");
    assert!(done["notes"][0].as_str().unwrap().contains("summary"), "{done}");
    let frames = ask(&mut client, "SAY fine again").await;
    assert_eq!(text_of(&frames), "fine again");
}

async fn a_refusal_is_told_in_words(version: Version) {
    let api = FakeApi::start();
    let server = server(&api, version);
    let mut client = server.connect().await;
    client.start().await;
    let failed = ask(&mut client, "REFUSE I will not").await.pop().unwrap();
    let words = failed["content"].as_str().unwrap();
    assert!(words.contains("declined to answer") && !words.contains("API Error"), "{failed}");
    assert_eq!(failed["retryable"], false);
}
