//! A real provider, `oidc-provider` of npm, and a real browser that fills in its forms.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{oidc::with_provider, peers};

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
    browser.wait_for("document.querySelector('input[name=login]')").await;
    browser.press_on("input[name=login]", "ana").await;
    browser.press_on("input[name=password]", "anything").await;
    browser.click("button[type=submit]").await;
    browser.wait_for("!document.querySelector('input[name=login]')").await;
    browser.wait_for("document.querySelector('button[type=submit]')").await;
    browser.click("button[type=submit]").await;
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
