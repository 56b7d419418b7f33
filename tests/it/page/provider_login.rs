//! A real provider, `oidc-provider` of npm, and a real browser that fills in its forms.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::{oidc::with_provider, peers, server::Server};

use super::browser::Browser;

/// The version that the test was written for; `.ci/setup` reads it from here.
const PROVIDER: &str = "9.13.3";

/// A provider process, killed when dropped.
struct Provider {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Provider {
    /// Starts one; returns its address too.
    fn start() -> (Self, String) {
        let package = peers::module("oidc-provider");
        let about = std::fs::read_to_string(package.join("package.json"));
        let about = about.expect("oidc-provider is not there: run .ci/setup");
        assert!(about.contains(&format!("\"version\": \"{PROVIDER}\"")), "run .ci/setup");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/oidc/provider.mjs");
        let mut child = Command::new("node")
            .args([script, package.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut provider = Self { child, output };
        let issuer = provider.line();
        (provider, issuer)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Has it send browsers back to this address.
    fn lead_back_to(&mut self, redirect: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{redirect}").unwrap();
        assert_eq!(self.line(), "ready");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Logs in at the provider as Ana, and agrees to what the client is told.
async fn fill_in_forms(browser: &Browser) {
    browser.wait_for("document.querySelector('input[name=login]')").await;
    browser.press_on("input[name=login]", "ana").await;
    browser.press_on("input[name=password]", "anything").await;
    browser.click("button[type=submit]").await;
    browser.wait_for("!document.querySelector('input[name=login]')").await;
    browser.wait_for("document.querySelector('button[type=submit]')").await;
    browser.click("button[type=submit]").await;
}

#[actix::test]
async fn somebody_logs_in_with_a_real_provider_in_a_real_browser() {
    let (mut provider, issuer) = Provider::start();
    let scopes = "scopes = [\"email\", \"groups\"]\n";
    let server = with_provider(&issuer, scopes).start();
    provider.lead_back_to(&server.url("/login/callback"));
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/hidden")).await;
    // A page without a login leads to it, and there to the provider.
    browser.wait_for("location.pathname === '/login'").await;
    browser.wait_for("!document.querySelector('#provider').hidden").await;
    browser.wait_for("document.querySelector('#login').hidden").await;
    browser.click("#provider a").await;
    fill_in_forms(&browser).await;
    // Back on the page that was asked for, in a project that is for some.
    browser.wait_for("location.pathname.startsWith('/p/hidden')").await;
    browser.wait_for("document.querySelector('textarea')").await;
    let me = browser.run_async("return (await fetch('/api/me')).json();").await;
    assert_eq!(me["user"], "ana@example.org", "{me}");
    browser.reload().await;
    browser.wait_for("document.querySelector('textarea')").await;
    browser.run_async("await fetch('/logout', { method: 'POST' });").await;
    browser.goto(&server.url("/")).await;
    browser.wait_for("location.pathname === '/login'").await;
}

/// A program that logs its person in, killed when dropped.
struct Program(Child);

impl Program {
    fn start(server: &Server) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/oidc/client.mjs");
        let sdk = peers::module("@modelcontextprotocol/sdk/package.json");
        let child = Command::new("node")
            .args([script, sdk.to_str().unwrap(), &server.url("/mcp")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[actix::test]
async fn a_program_registers_itself_with_a_real_provider_and_its_person_logs_in_there() {
    let (mut provider, issuer) = Provider::start();
    let server = with_provider(&issuer, "scopes = [\"email\", \"groups\"]\n").start();
    provider.lead_back_to(&server.url("/login/callback"));
    let mut program = Program::start(&server);
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    // All that it knows is the address of the server, which leads it to the provider.
    let address = lines.next().expect("the program printed no address").unwrap();
    assert!(address.starts_with(&issuer), "{address}");
    let browser = Browser::start().await;
    browser.goto(&address).await;
    fill_in_forms(&browser).await;
    browser.wait_for("location.pathname === '/callback'").await;
    let told = lines.next().expect("the program was not let in").unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let projects = told["projects"].as_str().unwrap();
    assert!(projects.contains("hidden"), "{told}");
    assert_ne!(told["client"], "cicerone", "it has a name of its own at the provider");
}
