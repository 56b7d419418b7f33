//! Requests that schemathesis makes of the `OpenAPI` description: each is answered as described.

use std::process::Command;

use crate::{
    peers,
    server::{PROJECT, Server, eventually, write},
};

/// The version of the program; `.ci/setup` reads it from here.
const VERSION: &str = "4.32.5";

/// How long it makes requests, in seconds.
const SECONDS: &str = "20";

/// What is not tried: what waits for an answer, has no end, or takes away what the others need.
const LEFT_OUT: &str = "/ws/|/events/|/v1/ask|completions|/mcp|sessions|/api/asyncapi";

const CHECKS: &str = "not_a_server_error,response_schema_conformance,status_code_conformance,\
                      content_type_conformance";

#[actix::test]
async fn requests_made_from_the_description_are_answered_as_it_says() {
    let program = peers::module("../python/bin/schemathesis");
    let version = Command::new(&program).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_it = version.is_ok_and(|text| text.contains(VERSION));
    assert!(is_it, "schemathesis=={VERSION} is missing: run `.ci/setup`");

    let server = Server::start();
    let mut client = server.connect().await;
    let id = client.begin().await;
    client.ask("say See `README.md:1`.").await;
    client.turn().await;
    eventually("the answer is stored", async || {
        let (status, _) = server.get(&format!("/api/v1/ask/{PROJECT}/{id}?turn=1")).await;
        (status == 200).then_some(())
    })
    .await;
    let config = format!(
        "[parameters]\n\"path.project\" = \"{PROJECT}\"\n\"path.id\" = {id}\n\"path.turn\" = 1\n\
         \"query.path\" = \"README.md\"\n"
    );
    write(server.files(), "schemathesis.toml", &config);
    let mut command = Command::new(program);
    command
        .current_dir(server.files())
        .args(["--config-file", "schemathesis.toml", "run", &server.url("/api/openapi.json")])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "3", "--max-time", SECONDS])
        .args(["--exclude-path-regex", LEFT_OUT, "--exclude-method", "DELETE"])
        .args(["--suppress-health-check", "all", "--checks", CHECKS, "--request-timeout", "10"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("passed"), "{told}");
}
