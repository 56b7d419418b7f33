//! The proof of the sandbox: what the server tells of it, what it comes to where the sandbox cannot
//! be had, and that the probe would notice.

use std::{fs, os::unix::fs::symlink, process::Command};

use serde_json::{Value, json};

use crate::{
    client::text_of,
    server::{Server, Setup, eventually, scripted_agent},
    tree::tree,
};

/// The status of `/readyz` and the self-test, once it has ended.
async fn tested(server: &Server) -> (u16, Value) {
    eventually("the self-test has ended", async || {
        let (status, body) = server.get("/readyz").await;
        let (_, details) = server.get("/api/admin/status").await;
        (body["sandbox"] != "pending" && !details["sandbox"].is_null()).then_some((status, details))
    })
    .await
}

/// What the probe tells that tries `plan` without a sandbox.
fn probe(plan: &Value) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .args(["sandbox-probe", &plan.to_string()])
        .current_dir(plan["roots"][0].as_str().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn attempts<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let attempts = report["attempts"].as_array().unwrap();
    attempts.iter().filter(|attempt| attempt["kind"] == kind).collect()
}

#[actix::test]
async fn p2_the_server_proves_at_its_start_that_agents_cannot_write_and_shows_it() {
    let server = Setup::guide().start();
    let (status, body) = tested(&server).await;
    assert_eq!((status, &body["sandbox"]["verdict"]), (200, &json!("proved")), "{body}");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert!(body["started_at"].as_str().unwrap().ends_with('Z'), "{body}");
    assert_eq!(body["agents"], json!({ "running": 0, "waiting": 0, "most": 16 }));
    assert!(body["database"]["bytes"].as_u64().unwrap() > 0, "{body}");
    assert_eq!((&body["database"]["problem"], &body["refusal"]), (&Value::Null, &Value::Null));
    let sandbox = &body["sandbox"];
    assert!(attempts(sandbox, "change").len() > 15, "{sandbox}");
    let own = &sandbox["projects"][0];
    assert_eq!((&own["project"], &own["verdict"]), (&json!("demo"), &json!("proved")));
    for what in ["overwrite a file", "create a file", "create a directory"] {
        let tried = attempts(own, "change").iter().any(|attempt| attempt["what"] == what);
        assert!(tried, "{what} was not tried in the project: {own}");
    }

    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let attached = client.until("attached").await.pop().unwrap();
    assert_eq!(attached["read_only"]["verdict"], "proved");
    let tried = attached["read_only"]["tried"].as_array().unwrap();
    assert!(tried.contains(&json!("delete a file")), "{tried:?}");
}

/// A set-up for each kind of agent, which has the name `it`.
fn of_each_kind() -> Vec<(&'static str, Setup)> {
    let agent = scripted_agent().to_str().unwrap();
    let kinds = [
        ("guide", "kind = \"guide\"".to_owned()),
        ("claude", format!("kind = \"claude\"\nprogram = {agent:?}")),
        (
            "model",
            "kind = \"model\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"".to_owned(),
        ),
        ("acp", format!("kind = \"acp\"\ncommand = [{agent:?}, \"--acp\"]")),
    ];
    let setup = |table: String| {
        Setup::new().config(&format!("[agents.it]\n{table}\n[agent]\ndefault = \"it\"\n"))
    };
    kinds.into_iter().map(|(kind, table)| (kind, setup(table))).collect()
}

#[actix::test]
async fn p2_every_kind_of_agent_is_proved_to_be_confined() {
    for (kind, setup) in of_each_kind() {
        let server = setup.start();
        let (status, body) = tested(&server).await;
        let sandbox = &body["sandbox"];
        assert_eq!((status, &sandbox["verdict"]), (200, &json!("proved")), "{kind}");
        let own = &sandbox["projects"][0];
        assert_eq!((&own["agent"], &own["verdict"]), (&json!("it"), &json!("proved")), "{kind}");
        let refused = |report: &Value, attempt: &str| {
            let attempts = report["attempts"].as_array().unwrap();
            let is_it = |it: &&Value| it["what"] == attempt && it["outcome"] == "refused";
            attempts.iter().any(|it| is_it(&it))
        };
        for report in [sandbox, own] {
            assert!(attempts(report, "change").len() >= 3, "{kind}");
            assert!(refused(report, "create a file"), "{kind}");
            assert_eq!(refused(report, "list the project"), kind == "model", "{kind}");
        }
    }
}

#[actix::test]
async fn p2_the_self_test_leaves_nothing_behind() {
    let setup = Setup::guide();
    let before = tree(&setup.project_dir());
    let server = setup.start();
    tested(&server).await;
    assert_eq!(tree(&server.project_dir()), before);
    let agents = server.data_dir().join("agents");
    let mut left: Vec<_> =
        fs::read_dir(&agents).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        left,
        ["acp", "claude", "homes", "indexes", "prompts", "repositories", "self-test", "tmp"]
    );
    for dir in left {
        assert_eq!(fs::read_dir(agents.join(&dir)).unwrap().count(), 0, "in {dir:?}");
    }
}

#[actix::test]
async fn a_sandbox_that_is_off_is_told_as_such() {
    let server = Setup::guide().args(["--sandbox", "off"]).start();
    let (status, body) = tested(&server).await;
    assert_eq!((status, &body["sandbox"]["verdict"]), (200, &json!("off")));
    let mut client = server.connect().await;
    client.send(json!({"type": "start", "protocol": 1})).await;
    let attached = client.until("attached").await.pop().unwrap();
    assert_eq!(attached["read_only"]["verdict"], "off");
}

#[actix::test]
async fn p2_no_agent_starts_where_the_sandbox_that_is_required_cannot_be_had() {
    let user = |setup: Setup| setup.env("CICERONE_AGENT_USER", "no-such-user");
    let server = user(Setup::guide()).start();
    let (status, body) = tested(&server).await;
    let refusal = body["refusal"].as_str().unwrap();
    assert!(status == 503 && refusal.contains("no-such-user"), "{status} {body}");
    let (_, public) = server.get("/readyz").await;
    let words = public["detail"].as_str().unwrap();
    assert!(words.contains("requires proof") && !words.contains("no-such-user"), "{words}");
    let mut client = server.connect().await;
    client.start().await;
    client.ask("Who are you?").await;
    let frames = client.turn().await;
    let end = frames.last().unwrap();
    assert_eq!(end["type"], "error", "{}", text_of(&frames));
    let words = end["content"].as_str().unwrap();
    assert!(words.contains("no-such-user") && words.contains("cicerone doctor"), "{words}");
}

#[test]
fn the_probe_notices_that_nothing_confines_it() {
    let base = tempfile::tempdir().unwrap();
    let base = base.path().canonicalize().unwrap();
    let (project, beside, own) = (base.join("project"), base.join("beside"), base.join("own"));
    fs::create_dir_all(project.join("dir")).unwrap();
    fs::create_dir(&beside).unwrap();
    fs::create_dir(&own).unwrap();
    fs::write(project.join("file"), "text").unwrap();
    fs::write(beside.join("secret"), "secret").unwrap();
    fs::write(base.join("database"), "rows").unwrap();
    symlink(&beside, project.join("link-out")).unwrap();
    let report = probe(&json!({
        "roots": [project], "own": [own], "database": base.join("database"), "has_network": true,
        "decoys": {"dir": beside, "port": 1, "abstract_socket": "none", "socket": base.join("none")},
    }));
    for what in [
        "create a file",
        "overwrite a file",
        "cut a file short",
        "create a symbolic link",
        "change a mode",
        "change a time",
        "create a file beside the project",
        "run a program that it wrote",
        "read the list of users",
        "read the database",
        "leave by a link",
        "call `setsid`",
        "call `socket` (unix)",
        "call `ioctl` (attributes)",
        "call `fcntl` (lease)",
        "call `flock` (exclusive)",
        "call `clone` (users)",
        "call `keyctl` (the user's keys)",
        "call `fchmod`",
    ] {
        let attempts = report["attempts"].as_array().unwrap();
        let attempt = attempts.iter().find(|attempt| attempt["what"] == what);
        let attempt = attempt.unwrap_or_else(|| panic!("{what} was not tried: {report}"));
        assert_eq!(
            (&attempt["expected"], &attempt["outcome"]),
            (&json!("refused"), &json!("allowed")),
            "{what}"
        );
    }
}

#[test]
fn the_probe_harms_no_project_even_where_nothing_confines_it() {
    let base = tempfile::tempdir().unwrap();
    let project = base.path().canonicalize().unwrap();
    fs::write(project.join("file"), "text").unwrap();
    fs::create_dir(project.join("dir")).unwrap();
    let before = tree(&project);
    let report = probe(&json!({
        "roots": [project], "own": [], "database": "/nonexistent", "has_network": true,
        "decoys": null,
    }));
    let changes = attempts(&report, "change");
    assert!(changes.iter().any(|attempt| attempt["outcome"] == "allowed"), "{report}");
    assert_eq!(tree(&project), before);
}

/// Faults, as lists of rules that are left out, and what the probe then can do. A rule of the kernel
/// is tried without those that hold as well.
const FAULTS: [(&str, &str); 13] = [
    ("files", "create a file"),
    ("files", "read beside the project"),
    ("ports to connect to", "connect to another port"),
    ("ports to listen on,bind,listen", "listen on a port"),
    ("listen", "listen on a port that it did not ask for"),
    ("signals,user", "signal the server"),
    ("signals,user", "signal its supervisor"),
    ("prlimit64,user", "limit the server"),
    ("abstract sockets,socket", "connect to an abstract socket"),
    ("socket", "connect to a file's socket"),
    ("socketpair", "send to a file's socket"),
    ("resources", "write files of any size"),
    ("fchmod,fchmodat,fchmodat2,chmod,user", "change a mode"),
];

async fn proved_without(
    rules: &str,
) -> std::sync::Arc<cicerone::agent::sandbox::self_test::SelfTest> {
    let mut bench = crate::agent_probe::Bench::scripted();
    bench.settings.sandbox = cicerone::config::settings::Sandbox::Required;
    bench.environment.push(("ANTHROPIC_API_KEY".into(), "dummy".into()));
    bench.environment.push(("FAULT_RULES".into(), rules.into()));
    bench.agents().test_sandbox(&[]).await
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix_web::test]
async fn p2_a_rule_that_is_left_out_turns_the_self_test_red() {
    use cicerone::agent::sandbox::self_test::Verdict;
    use futures_util::{StreamExt as _, stream};

    let whole = proved_without("").await;
    assert_eq!(whole.verdict, Verdict::Proved, "{}", whole.words());
    let name = |what: &str| what.strip_prefix("call `")?.split('`').next().map(str::to_owned);
    let calls: std::collections::BTreeSet<String> =
        whole.attempts.iter().filter_map(|attempt| name(&attempt.what)).collect();
    assert!(calls.len() > 120, "{calls:?}");
    // What no list names has one rule for all.
    let unknown = ["clone3", "lsm_list_modules", "mbind", "seccomp"];
    let rule = |call: &String| match unknown.contains(&call.as_str()) {
        true => "unknown calls".to_owned(),
        false => call.clone(),
    };
    let faults = calls.iter().filter(|call| *call != "getpid").map(|call| (rule(call), call));
    let tested = stream::iter(faults).map(async |(rule, call)| (call, proved_without(&rule).await));
    let tested: Vec<_> = tested.buffer_unordered(4).collect().await;
    for (call, test) in tested {
        let mut of_call = test.attempts.iter().filter(|it| name(&it.what).as_ref() == Some(call));
        assert!(of_call.any(|attempt| !attempt.is_as_expected()), "{call} was not missed");
        assert_ne!(test.verdict, Verdict::Proved, "{call}");
    }
}

#[cfg_attr(not(feature = "faults"), ignore = "needs --all-features: the `faults` of the server")]
#[actix_web::test]
async fn p2_what_no_other_rule_forbids_too_is_possible_without_its_rule() {
    use cicerone::agent::sandbox::self_test::{AttemptOutcome, Verdict};

    let is_root = rustix::process::geteuid().is_root();
    let of_root = [("user", "be root"), ("capabilities,bounding set,user", "keep a privilege")];
    let of_root = of_root.into_iter().filter(|_| is_root);
    for (rules, what) in FAULTS.into_iter().chain(of_root) {
        let test = proved_without(rules).await;
        let attempt = test.attempts.iter().find(|attempt| attempt.what == what);
        let attempt = attempt.unwrap_or_else(|| panic!("{what} was not tried"));
        assert_eq!(attempt.outcome, AttemptOutcome::Allowed, "{what} without {rules}");
        assert_ne!(test.verdict, Verdict::Proved, "{what} without {rules}");
    }
}

#[actix::test]
async fn p2_a_viewer_that_comes_while_the_sandbox_is_tested_is_told_what_that_came_to() {
    let server = Server::start();
    let mut client = server.connect().await;
    client.send(json!({ "type": "start", "protocol": 1 })).await;
    let attached = client.until("attached").await.pop().unwrap();
    let told = match attached["read_only"]["verdict"].as_str() {
        Some("pending") => client.until("read_only").await.pop().unwrap(),
        _ => attached["read_only"].clone(),
    };
    assert_ne!(told["verdict"], "pending");
    assert!(!told["tried"].as_array().unwrap().is_empty(), "{told}");
}

#[actix::test]
async fn p2_on_an_older_kernel_the_guide_answers_and_is_proved_to_only_read() {
    let claude = scripted_agent().to_str().unwrap();
    for abi in [1, 2, 3, 5] {
        let setup = Setup::new().args(["--agent", "auto", "--claude", claude]);
        let server = setup.env("FAULT_RULES", &format!("abi {abi}")).start();
        let (status, body) = tested(&server).await;
        let sandbox = &body["sandbox"];
        let told = (status, &sandbox["verdict"], &sandbox["landlock"], &body["refusal"]);
        assert_eq!(told, (200, &json!("proved"), &json!(abi), &Value::Null), "{body}");
        let refused = sandbox["models_refused"].as_str().unwrap();
        assert!(refused.contains("Linux 6.12"), "{refused}");

        let mut client = server.connect().await;
        client.send(json!({"type": "start", "protocol": 1})).await;
        let attached = client.until("attached").await.pop().unwrap();
        assert_eq!(attached["agent"]["kind"], "guide");
        assert!(attached["agent"]["no_model"].as_str().unwrap().contains("kernel"), "{attached}");
        client.until("caught_up").await;
        client.ask("What can you do?").await;
        assert!(text_of(&client.turn().await).contains("built-in guide"));
    }
}

#[actix::test]
async fn p2_no_agent_starts_where_the_kernel_cannot_confine_it() {
    for (agent, abi) in [("claude", 5), ("guide", 0), ("auto", 0)] {
        let claude = scripted_agent().to_str().unwrap();
        let setup = Setup::new().args(["--agent", agent, "--claude", claude]);
        let server = setup.env("FAULT_RULES", &format!("abi {abi}")).start();
        let (status, body) = tested(&server).await;
        assert_eq!(status, 503, "{agent} with {abi}: {body}");
        assert!(body["refusal"].as_str().unwrap().contains("Linux 6.12"), "{body}");
        let mut client = server.connect().await;
        client.start().await;
        client.ask("say hello").await;
        let end = client.turn().await.pop().unwrap();
        assert!(end["content"].as_str().unwrap().contains("Linux 6.12"), "{end}");
    }
}
