//! Headless Chromium, driven over WebDriver. All processes end with the guard.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator, elements::Element, error::CmdError, wd::WindowHandle,
};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::OVERFLOWS;

/// Starts of the driver that may fail before a test does.
const DRIVER_STARTS: u32 = 10;

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";
pub const TAB: &str = "\u{e004}";
pub const UP: &str = "\u{e013}";
pub const DOWN: &str = "\u{e015}";
pub const LEFT: &str = "\u{e012}";
pub const RIGHT: &str = "\u{e014}";
pub const HOME: &str = "\u{e011}";
pub const END: &str = "\u{e010}";
/// Shift down, Tab, Shift up.
pub const BACK: &str = "\u{e008}\u{e004}\u{e008}";
/// Control down, K, Control up.
pub const FIND: &str = "\u{e009}k\u{e009}";
/// Shift down, Enter, Shift up.
pub const NEW_LINE: &str = "\u{e008}\u{e007}\u{e008}";

const MISSING: &str =
    "the page is tested in a real browser: apt-get install chromium chromium-driver";

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

pub struct Browser {
    client: Client,
    driver: Driver,
}

/// The process that drives the browser, and the profile by which the browser's own are known.
struct Driver {
    process: Child,
    port: u16,
    profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with further flags.
    pub async fn start_with(flags: &[String]) -> Self {
        let driver = Driver::start();
        let mut arguments: Vec<String> = FLAGS.map(str::to_owned).into();
        arguments.extend_from_slice(flags);
        arguments.push(format!("--user-data-dir={}", driver.profile.path().display()));
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = timeout(
            PATIENCE,
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.as_object().unwrap().clone())
                .connect(&driver.url()),
        )
        .await
        .expect("the browser did not start in time")
        .unwrap_or_else(|error| panic!("cannot start the browser: {error}; {MISSING}"));
        Self { client, driver }
    }

    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Runs a function's body in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until an expression is true in the page. What it looks at need not be there yet.
    pub async fn wait_for(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        let look = format!(
            "try {{ return Boolean({expression}) }} catch (error) {{ return String(error) }}"
        );
        loop {
            let seen = self.run(&look).await;
            if seen == Value::Bool(true) {
                return;
            }
            if Instant::now() > deadline {
                self.screenshot("failed").await;
                let text = self.text("body").await;
                panic!("not true in time: {expression} ({seen})\nthe page says:\n{text}");
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// What a person reads in an element, once it is there.
    pub async fn text(&self, selector: &str) -> String {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(selector)).await.unwrap().text().await.unwrap()
    }

    /// The text of an element, whether it is on the screen or not.
    pub async fn content(&self, selector: &str) -> String {
        let script =
            format!("return document.querySelector({})?.textContent", Value::from(selector));
        let text = self.run(&script).await;
        text.as_str().unwrap_or_else(|| panic!("nothing is at {selector}")).to_owned()
    }

    /// Clicks on an element, once it is there and nothing that moves is before it.
    pub async fn click(&self, selector: &str) {
        let find = async || self.client.find(Locator::Css(selector)).await;
        self.act(selector, find, async |element| element.click().await).await;
    }

    /// Types into the field for questions, after what it holds.
    pub async fn keys(&self, keys: &str) {
        let field = self.client.find(Locator::Id("question")).await.unwrap();
        field.send_keys(keys).await.unwrap();
    }

    /// Presses keys on an element, once it is there.
    pub async fn press_on(&self, selector: &str, keys: &str) {
        let find = async || self.client.find(Locator::Css(selector)).await;
        self.act(selector, find, async |element| element.send_keys(keys).await).await;
    }

    /// Presses keys wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let find = async || self.client.active_element().await;
        self.act("the focus", find, async |element| element.send_keys(keys).await).await;
    }

    /// Does something to an element. Where the page was drawn anew meanwhile, nothing was done, and the
    /// element in its place is taken.
    async fn act(
        &self,
        name: &str,
        find: impl AsyncFn() -> Result<Element, CmdError>,
        act: impl AsyncFn(Element) -> Result<(), CmdError>,
    ) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let acted = match find().await {
                Ok(element) => act(element).await,
                Err(error) => Err(error),
            };
            match acted {
                Err(error) if may_pass(&error) && Instant::now() < deadline => {
                    sleep(BETWEEN_LOOKS).await;
                }
                acted => return acted.unwrap_or_else(|error| panic!("{name}: {error}")),
            }
        }
    }

    /// Opens one more tab and goes to it. Gives what [`show_tab`](Self::show_tab) takes.
    pub async fn open_tab(&self, url: &str) -> WindowHandle {
        let tab = self.client.new_window(true).await.unwrap().handle;
        self.show_tab(&tab).await;
        self.goto(url).await;
        tab
    }

    /// The tab that is in front.
    pub async fn tab(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    pub async fn show_tab(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Closes the tab in front.
    pub async fn close_tab(&self) {
        self.client.close_window().await.unwrap();
    }

    /// Becomes a phone, 390 pixels wide.
    pub async fn become_phone(&self) {
        let screen = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
    }

    /// Is a window on a desk again.
    async fn leave_phone(&self) {
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": false })).await;
    }

    /// Keeps what the page looks like now at each width and in each theme, to be looked at by people,
    /// and fails where something is wider than its place.
    pub async fn portraits(&self, name: &str) {
        for width in [1440, 1024, 390] {
            match width {
                390 => self.become_phone().await,
                width => self.resize(width, 900).await,
            }
            for theme in ["light", "dark"] {
                self.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
                assert_eq!(self.run(OVERFLOWS).await, json!([]), "{name} at {width} pixels");
                self.screenshot(&format!("{name}-{width}-{theme}")).await;
            }
        }
        self.leave_phone().await;
        self.resize(1440, 900).await;
        self.run("document.documentElement.dataset.theme = ''").await;
    }

    /// Takes the network away from the device, or gives it back.
    pub async fn set_offline(&self, offline: bool) {
        let network = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.emulateNetworkConditions", network).await;
    }

    pub async fn devtools(&self, command: &str, parameters: Value) {
        let answer =
            self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
    }

    /// Runs the body of an asynchronous function in the page and gives what it returns.
    pub async fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done(String(error)));"
        );
        self.client.execute_async(&script, Vec::new()).await.unwrap()
    }

    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    /// Keeps what the page looks like in `target/screenshots/`, and gives it as PNG.
    pub async fn screenshot(&self, name: &str) -> Vec<u8> {
        let dir = screenshots();
        fs::create_dir_all(&dir).unwrap();
        let image = self.client.screenshot().await.unwrap();
        fs::write(dir.join(format!("{name}.png")), &image).unwrap();
        image
    }

    /// Has exactly this many CSS pixels to show the page in, one for each of the screen's.
    pub async fn set_viewport(&self, width: u32, height: u32) {
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// Fails when the page has logged an error, or broken its own security policy, since the last
    /// look. Messages with one of the `expected` words are left out.
    pub async fn assert_no_complaints(&self, expected: &[&str]) {
        let log = self.post("se/log", json!({ "type": "browser" })).await;
        let entries = log["value"].as_array().unwrap_or_else(|| panic!("no log: {log}"));
        let complaints: Vec<&Value> = entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .filter(|entry| {
                let message = entry["message"].as_str().unwrap_or_default();
                !expected.iter().any(|words| message.contains(words))
            })
            .collect();
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }

    /// Asks the driver for what WebDriver itself has no words for.
    async fn post(&self, path: &str, body: Value) -> Value {
        let session = self.client.session_id().await.unwrap().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/session/{session}/{path}", self.driver.url());
        client.post(url).json(&body).send().await.unwrap().json().await.unwrap()
    }

    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}

impl Driver {
    fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // It takes a port that is free in IPv4, and gives up where IPv6 has it in use.
        let started = (0..DRIVER_STARTS).find_map(|_| Self::try_start(profile.path()));
        let (process, port) = started.expect("chromedriver does not say its port");
        Self { process, port, profile }
    }

    fn try_start(profile: &Path) -> Option<(Child, u16)> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", profile)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run chromedriver ({error}); {MISSING}"));
        let stdout = BufReader::new(process.stdout.take().unwrap());
        // It ends by itself when it cannot listen, and then the lines end as well.
        let port = stdout.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if port.is_none() {
            process.kill().ok();
            process.wait().unwrap();
        }
        port.map(|port| (process, port))
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // What is gone already needs no ending: nothing here may fail.
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.process.wait().ok();
        // The browser has a process group of its own.
        for pid in processes_of(self.profile.path()) {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}

/// Whether an element is not there yet or not any more, is not in sight, or lies behind another.
fn may_pass(error: &CmdError) -> bool {
    error.is_no_such_element()
        || error.is_stale_element_reference()
        || error.is_element_not_interactable()
        || matches!(error, CmdError::Standard(error) if error.error() == "element click intercepted")
}

/// Processes with `profile` on their command line.
fn processes_of(profile: &Path) -> Vec<Pid> {
    let profile = profile.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&profile))
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
        .collect()
}

fn screenshots() -> PathBuf {
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    beside.parent().unwrap_or(beside).join("screenshots")
}
