//! Clients of others at `/mcp` and at `cicerone mcp`: the SDKs, the inspector, Claude Code, Gemini CLI and Codex.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    claude::{self, Version},
    docs,
    fake_api::FakeApi,
    fake_model::FakeModel,
    peers,
    server::{Gate, PROJECT, Server, Setup, eventually, write},
};

/// The versions of the SDK of npm and of `PyPI`; `.ci/setup` reads them from here.
const NPM: &str = "1.32.2";
const PYPI: &str = "2.3.0";

/// The version of the inspector; `.ci/setup` reads it from here.
const INSPECTOR: &str = "2.12.0";

const TOKEN: &str = "viewer-0123456789";
const CODE: &str = "/// Evicts idle connections.\npub fn evict_idle(pool: &mut Vec<u32>) {}\n";
const TOOLS: [&str; 6] =
    ["list_projects", "search_code", "read_file", "outline", "list_notes", "ask"];

/// Searches and asks, with progress. Its arguments are an address or a command.
const PYTHON: &str = r#"
import asyncio, json, os, sys
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
import httpx2

async def main(where, *args):
    seen = []
    async def progress(done, total, message):
        seen.append(message)
    token = {"authorization": "Bearer " + os.environ["CICERONE_TOKEN"]}
    server = (
        streamable_http_client(where, http_client=httpx2.AsyncClient(headers=token))
        if where.startswith("http")
        else StdioServerParameters(command=where, args=list(args), env=dict(os.environ))
    )
    async with Client(server) as client:
        tools = await client.list_tools()
        found = await client.call_tool("search_code", {"query": "evict idle connections"})
        question = {"question": os.environ["QUESTION"]}
        asked = await client.call_tool("ask", question, progress_callback=progress)
        print(json.dumps({
            "tools": [tool.name for tool in tools.tools], "found": found.content[0].text,
            "asked": asked.structured_content, "seen": seen,
        }))

asyncio.run(main(*sys.argv[1:]))
"#;

const NODE: &str = r#"
import { createRequire } from "node:module";
const load = createRequire(process.env.MODULES);
const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { StdioClientTransport } = load("@modelcontextprotocol/sdk/client/stdio.js");
const [where, ...args] = process.argv.slice(1);
const headers = { authorization: `Bearer ${process.env.CICERONE_TOKEN}` };
const transport = where.startsWith("http")
    ? new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } })
    : new StdioClientTransport({ command: where, args, env: process.env });
const client = new Client({ name: "test", version: "1" });
await client.connect(transport);
const { tools } = await client.listTools();
const seen = [];
const onprogress = (it) => seen.push(it.message);
const found = await client.callTool({ name: "search_code", arguments: { query: "evict idle connections" } });
const question = { name: "ask", arguments: { question: process.env.QUESTION } };
const asked = await client.callTool(question, undefined, { onprogress });
console.log(JSON.stringify({
    tools: tools.map((tool) => tool.name), found: found.content[0].text,
    asked: asked.structuredContent, seen,
}));
await transport.terminateSession?.();
await client.close();
"#;

/// A server with a token and something to find.
fn server() -> Server {
    let server = Setup::scripted().env("CICERONE_VIEWER_TOKEN", TOKEN).start();
    write(&server.project_dir(), "src/pool.rs", CODE);
    server
}

/// A program with the home of nobody.
fn program(path: &Path, home: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("CICERONE_TOKEN", TOKEN)
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

fn printed(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}{errors}");
    told
}

fn python() -> std::path::PathBuf {
    let python = peers::module("../python/bin/python");
    let version = "import importlib.metadata as it; print(it.version('mcp'))";
    let found = Command::new(&python).args(["-c", version]).output();
    let found = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    assert_eq!(found.ok().as_deref(), Some(PYPI), "mcp=={PYPI} is missing: run `.ci/setup`");
    python
}

fn node(home: &Path) -> Command {
    let package = peers::module("@modelcontextprotocol/sdk/package.json");
    let found = std::fs::read_to_string(&package).unwrap_or_default();
    let is_it = found.contains(&format!("\"version\": \"{NPM}\""));
    assert!(is_it, "@modelcontextprotocol/sdk@{NPM} is missing: run `.ci/setup`");
    let node = peers::find("node").unwrap_or_else(|| "node".into());
    let mut command = program(&node, home);
    command.env("MODULES", package).args(["--input-type=module", "-e", NODE, "--"]);
    command
}

/// Runs a client, and checks what it has got.
fn check(mut client: Command, where_: &[&str], question: &str) {
    client.env("QUESTION", question).args(where_);
    let printed = printed(client);
    let told: Value = serde_json::from_str(printed.trim()).unwrap_or_else(|_| panic!("{printed}"));
    assert_eq!(told["tools"], json!(TOOLS));
    assert!(told["found"].as_str().unwrap().contains("src/pool.rs:2"), "{told}");
    assert_eq!(told["asked"]["outcome"], "completed", "{told}");
    let cited = told["asked"]["citations"].as_array().unwrap();
    assert!(cited.contains(&json!("src/pool.rs:2")), "{told}");
    assert!(!told["seen"].as_array().unwrap().is_empty(), "no progress was told");
}

const SCRIPT: &str = "tool Read {\"path\":\"src/pool.rs\"} => x\nsay It is in `src/pool.rs:2`.";

#[actix::test]
async fn the_python_sdk_searches_and_asks_by_http_and_by_stdio() {
    let server = server();
    let client = || {
        let mut client = program(&python(), server.files());
        client.args(["-c", PYTHON]);
        client
    };
    check(client(), &[&server.url("/mcp")], SCRIPT);
    let cicerone = env!("CARGO_BIN_EXE_cicerone");
    check(client(), &[cicerone, "mcp", "--server", &server.url("")], SCRIPT);
}

#[actix::test]
async fn the_node_sdk_searches_and_asks_by_http_and_by_stdio() {
    let server = server();
    check(node(server.files()), &[&server.url("/mcp")], SCRIPT);
    let cicerone = env!("CARGO_BIN_EXE_cicerone");
    check(node(server.files()), &[cicerone, "mcp", "--server", &server.url("")], SCRIPT);
}

/// What the inspector prints, run with these arguments, or what it complains of.
fn inspect(home: &Path, arguments: &[&str]) -> Result<Value, String> {
    let package = peers::module("@modelcontextprotocol/inspector");
    let about = std::fs::read_to_string(package.join("package.json")).unwrap_or_default();
    let is_it = about.contains(&format!("\"version\": \"{INSPECTOR}\""));
    assert!(is_it, "@modelcontextprotocol/inspector@{INSPECTOR} is missing: run `.ci/setup`");
    let node = peers::find("node").unwrap_or_else(|| "node".into());
    let mut command = program(&node, home);
    // It does nothing where its own path leads over a link.
    let script = package.join("clients/cli/build/index.js").canonicalize().unwrap();
    let output = command.arg(script).args(arguments).output();
    let output = output.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(text(&output.stdout) + &text(&output.stderr)),
    }
}

#[actix::test]
async fn the_inspector_finds_the_tools_and_calls_them_by_http_and_by_stdio() {
    let server = server();
    let (address, home) = (server.url("/mcp"), server.files());
    let header = format!("Authorization: Bearer {TOKEN}");
    let by_http = [address.as_str(), "--transport", "http", "--header", &header];
    let (token, at) =
        (format!("CICERONE_TOKEN={TOKEN}"), format!("CICERONE_SERVER={}", server.url("")));
    let by_stdio = [env!("CARGO_BIN_EXE_cicerone"), "mcp", "-e", &token, "-e", &at];
    for way in [&by_http[..], &by_stdio] {
        let run = |more: &[&str]| inspect(home, &[way, more].concat());
        let tools = run(&["--method", "tools/list"]).unwrap();
        let names = tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone());
        assert_eq!(names.collect::<Vec<_>>(), TOOLS, "{way:?}");
        let call = ["--method", "tools/call", "--tool-name", "search_code"];
        let found = run(&[&call[..], &["--tool-arg", "query=evict idle"]].concat()).unwrap();
        assert!(found["content"][0]["text"].as_str().unwrap().contains("src/pool.rs:2"), "{found}");
    }
    let wrong = [address.as_str(), "--header", "Authorization: Bearer wrong-0123456789"];
    inspect(home, &[&wrong[..], &["--method", "tools/list"]].concat()).unwrap_err();
}

/// A directory with a project, and a home.
fn project() -> (TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("shop");
    write(&dir, "src/pool.rs", CODE);
    (home, dir)
}

#[test]
fn without_a_server_the_current_directory_is_served() {
    let (home, dir) = project();
    let mut client = node(home.path());
    client.current_dir(&dir);
    let cicerone = env!("CARGO_BIN_EXE_cicerone");
    check(client, &[cicerone, "mcp", "--agent", "guide"], "How does evict_idle work?");
}

#[test]
fn what_goes_wrong_on_stdio_is_told_to_the_client_in_its_own_words() {
    let (home, dir) = project();
    let cicerone = Path::new(env!("CARGO_BIN_EXE_cicerone"));
    for (arguments, expected) in [
        (&["mcp"][..], None),
        (&["mcp", "--server", "http://127.0.0.1:9"], Some("cannot reach the server")),
    ] {
        let mut command = program(cicerone, home.path());
        command.current_dir(&dir).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |line: &str| {
            writeln!(stdin, "{line}").unwrap();
            serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()
        };
        assert_eq!(told("{")["error"]["code"], -32700);
        let answer = told("\n{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}");
        assert_eq!(answer["id"], "a");
        match expected {
            Some(words) => {
                assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
            }
            None => assert_eq!(answer["result"], json!({})),
        }
        drop(stdin);
        assert!(child.wait().unwrap().success(), "it ends with its stdin");
    }
}

#[actix::test]
async fn a_client_on_stdio_that_leaves_stops_its_question() {
    let server = server();
    let gate = Gate::new(&server);
    let mut command = program(Path::new(env!("CARGO_BIN_EXE_cicerone")), server.files());
    command.args(["mcp", "--server", &server.url("")]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let question = json!({ "question": gate.script() });
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "ask", "arguments": question },
    });
    writeln!(stdin, "{call}").unwrap();
    server.has_begun(1, 1).await;
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let ended = eventually("the turn has ended", async || {
        let count = "SELECT count(*) FROM entries WHERE kind = 'response_done' AND turn = 1";
        let ends: i64 = server.database().query_row(count, [], |row| row.get(0)).unwrap();
        (ends == 1).then_some(())
    });
    ended.await;
}

/// A set-up of the documents, for this server.
fn set_up(name: &str, server: &Server) -> String {
    docs::program(name).replace("https://guide.example.org", &server.url(""))
}

async fn claude_code_uses_what_the_docs_say(version: Version) {
    let server = server();
    let api = FakeApi::start();
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "mcp.json", &set_up(".mcp.json", &server));
    let call = json!({ "question": SCRIPT });
    let prompt = format!("TOOL mcp__cicerone__ask {call}\nRESULTS");
    let mut command = program(&claude::program(version), home.path());
    command
        .env("ANTHROPIC_BASE_URL", api.url())
        .env("ANTHROPIC_API_KEY", "dummy")
        .args(["-p", &prompt, "--mcp-config", "mcp.json", "--strict-mcp-config"])
        .args(["--allowedTools", "mcp__cicerone"]);
    let told = tokio::task::spawn_blocking(|| printed(command)).await.unwrap();
    assert!(told.contains("It is in `src/pool.rs:2`."), "{told}");
    let (_, list) = crate::access::rights::NAMELESS
        .send(&server, "GET", &format!("/api/assistant/conversations/{PROJECT}"), "")
        .await;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

claude::with_both_versions![claude_code_uses_what_the_docs_say];

/// Calls the search once, and answers with its result.
fn gemini(request: &Value) -> String {
    let last = request["contents"].as_array().and_then(|all| all.last()).cloned();
    let parts = last.and_then(|last| last["parts"].as_array().cloned()).unwrap_or_default();
    let result = parts.iter().find_map(|part| part.get("functionResponse"));
    let tools = request["tools"].as_array().into_iter().flatten();
    let mut names = tools
        .filter_map(|tool| tool["functionDeclarations"].as_array())
        .flatten()
        .filter_map(|tool| tool["name"].as_str());
    let part = match (result, names.find(|name| name.ends_with("search_code"))) {
        (Some(result), _) => json!({ "text": result["response"].to_string() }),
        (None, Some(name)) => {
            let call = json!({ "query": "fn evict_\\w+", "regex": true });
            json!({ "functionCall": { "name": name, "args": call } })
        }
        (None, None) => json!({ "text": "no tool" }),
    };
    let chunk = json!({
        "candidates": [{ "index": 0, "finishReason": "STOP", "content": { "role": "model", "parts": [part] } }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2 },
    });
    format!("data: {chunk}\n\n")
}

#[actix::test]
async fn gemini_uses_what_the_docs_say() {
    let server = server();
    let api = FakeModel::start(gemini);
    let home = tempfile::tempdir().unwrap();
    let mut settings: Value = serde_json::from_str(&set_up("gemini.json", &server)).unwrap();
    settings["security"] = json!({ "auth": { "selectedType": "gemini-api-key" } });
    write(home.path(), ".gemini/settings.json", &settings.to_string());
    let work = home.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let mut command = program(&peers::find("gemini").expect("run `.ci/setup`"), home.path());
    command
        .env("GOOGLE_GEMINI_BASE_URL", format!("http://127.0.0.1:{}", api.port))
        .env("GEMINI_API_KEY", "dummy")
        .env("GEMINI_CLI_TRUST_WORKSPACE", "true")
        .current_dir(work)
        .args(["-p", "Find it.", "-m", "gemini-2.5-pro", "--approval-mode", "yolo"]);
    let told = tokio::task::spawn_blocking(|| printed(command)).await.unwrap();
    assert!(told.contains("pub fn evict_idle"), "{told}");
}

/// Calls the search once, and answers with its result.
fn codex(request: &Value) -> String {
    let newest =
        request["input"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
    let item = if newest["type"] == "function_call_output" {
        let content = json!([{"type": "output_text", "text": newest["output"].to_string()}]);
        json!({"type": "message", "id": "m", "role": "assistant", "content": content})
    } else {
        let query = json!({"query": "fn evict_\\w+", "regex": true}).to_string();
        json!({"type": "function_call", "id": "f", "call_id": "c", "name": "search_code",
            "namespace": "mcp__cicerone", "arguments": query})
    };
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2});
    let events = [
        json!({"type": "response.created", "response": {"id": "r"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": "r", "usage": usage}}),
    ];
    events.map(|it| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap())).concat()
}

/// The program is large, so that it is not among what `.ci/setup` fetches: `npm install @openai/codex@0.171.0`.
#[actix::test]
#[ignore = "needs a program of 420 MB"]
async fn codex_uses_what_the_docs_say() {
    let path = std::env::var("CICERONE_TEST_CODEX").expect("CICERONE_TEST_CODEX names the program");
    let server = server();
    let api = FakeModel::start(codex);
    let home = tempfile::tempdir().unwrap();
    let model = format!(
        "model = \"m\"\nmodel_provider = \"fake\"\n[model_providers.fake]\nname = \"fake\"\n\
         base_url = \"http://127.0.0.1:{}/v1\"\nwire_api = \"responses\"\nenv_key = \"OPENAI_API_KEY\"\n",
        api.port
    );
    write(home.path(), ".codex/config.toml", &(model + &set_up("codex.toml", &server)));
    let mut command = program(Path::new(&path), home.path());
    command.env("OPENAI_API_KEY", "dummy").args(["exec", "--skip-git-repo-check", "Find it."]);
    let told = tokio::task::spawn_blocking(|| printed(command)).await.unwrap();
    assert!(told.contains("pub fn evict_idle"), "{told}");
}

#[test]
fn the_set_ups_of_the_docs_name_the_path_and_no_token() {
    for name in [".mcp.json", "codex.toml", "gemini.json", "vscode.json", "cursor.json"] {
        let text = docs::program(name);
        let parsed = match name.ends_with(".toml") {
            true => toml::from_str::<toml::Table>(&text).is_ok(),
            false => serde_json::from_str::<Value>(&text).is_ok(),
        };
        assert!(parsed && text.contains("https://guide.example.org/mcp\""), "{name}");
        assert!(text.contains("CICERONE_TOKEN") || text.contains("${input:"), "{name}");
    }
    let stdio: Value = serde_json::from_str(&docs::program("stdio.json")).unwrap();
    assert_eq!(stdio["mcpServers"]["cicerone"]["args"], json!(["mcp"]));
}
