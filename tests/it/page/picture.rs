//! The pictures of the page in the README: they show what the page looks like today.
//! `CICERONE_PICTURES=write cargo nextest run --all-features picture` takes them anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::server::{PROJECT, Server, Setup};

use super::{
    browser::{Browser, ENTER},
    ended,
};

/// `write` replaces the stored pictures.
const MODE: &str = "CICERONE_PICTURES";

/// Largest size of a picture, in bytes.
const MAX_BYTES: usize = 150 * 1024;

/// Largest mean difference between the stored picture and the page, of 255 a channel. Other fonts
/// stay below it, a missing column does not.
const MAX_MEAN: f64 = 4.0;

/// Largest difference of one cell of the downscaled pictures, likewise.
const MAX_CELL: f64 = 60.0;

const POOL: &str = r#"//! Keeps connections open for the next caller.

use std::time::{Duration, Instant};

/// Time after which an unused connection is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections kept open at most.
pub const MAX_IDLE: usize = 16;

/// A connection and when it was last used.
pub struct Idle {
    pub connection: Connection,
    pub since: Instant,
}

/// The connections that wait for a caller.
#[derive(Default)]
pub struct Pool {
    idle: Vec<Idle>,
}

impl Pool {
    /// Closes the connections that nobody has used within [`IDLE_TIMEOUT`].
    pub fn evict_idle(&mut self, now: Instant) -> usize {
        let before = self.idle.len();
        self.idle.retain(|it| it.is_fresh(now));
        before - self.idle.len()
    }

    /// Takes a connection back; the oldest is closed when there are too many.
    pub fn give_back(&mut self, connection: Connection, now: Instant) {
        if self.idle.len() == MAX_IDLE {
            self.idle.remove(0);
        }
        self.idle.push(Idle { connection, since: now });
    }
}
"#;

const SWEEPER: &str = r#"//! Runs the eviction.

/// Time between two sweeps.
pub const INTERVAL: Duration = Duration::from_secs(10);
"#;

const QUESTION: &str = "When is an idle connection closed?";

const ANSWER: &str = r"tool Read {`file_path`:`src/pool.rs`} => //! Keeps connections
tool Read {`file_path`:`src/sweeper.rs`} => //! Runs the eviction.
say After **60 seconds** without use. The sweeper calls `evict_idle` (`src/pool.rs:25-29`) every ten seconds:\n\n```rust\nself.idle.retain(|it| it.is_fresh(now));\n```\n\nThree limits decide:\n\n| Limit | Value | Where |\n| --- | --: | --- |\n| Idle timeout | 60 s | `src/pool.rs:6` |\n| Open connections | 16 | `src/pool.rs:9` |\n| Time between sweeps | 10 s | `src/sweeper.rs:4` |\n\nWhen the pool is full, `give_back` closes the oldest (`src/pool.rs:32-37`).";

/// Conversations of the list: what was asked in each, the oldest first.
const EARLIER: [&str; 4] = [
    "How do I run the tests against a real database?",
    "What happens when the database restarts?",
    "Which metrics does the pool export?",
    "Where is the TLS handshake done?",
];

fn setup() -> Setup {
    let setup = Setup::scripted();
    let dir = setup.project_dir();
    fs::create_dir(dir.join("src")).unwrap();
    fs::write(dir.join("src/pool.rs"), POOL).unwrap();
    fs::write(dir.join("src/sweeper.rs"), SWEEPER).unwrap();
    let answers = dir.join(".answers.json");
    let script = ANSWER.replace("{`", "{\"").replace("`:`", "\":\"").replace("`}", "\"}");
    fs::write(&answers, json!({ QUESTION: script }).to_string()).unwrap();
    setup
        .env("SCRIPTED_AGENT_ANSWERS", answers.to_str().unwrap())
        .args(["--agent-env", "SCRIPTED_AGENT_ANSWERS"])
}

/// Shows a conversation with an answer, and the cited file beside it.
async fn show_conversation(browser: &Browser, server: &Server) {
    for question in EARLIER {
        let mut client = server.connect().await;
        client.start().await;
        client.ask(question).await;
        client.turn().await;
    }
    browser.set_viewport(1280, 800).await;
    browser.goto(&server.url(&format!("/p/{PROJECT}"))).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.keys(&format!("{QUESTION}{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    browser.wait_for("document.querySelector('.code .keyword, .code code span') !== null").await;
    browser.wait_for("document.querySelectorAll('nav a').length >= 5").await;
    browser.wait_for("document.querySelector('.badge:not([hidden])') !== null").await;
    browser.click("answer-text a.reference[href]").await;
    browser.wait_for("document.querySelectorAll('file-reader .cited').length > 0").await;
    browser.wait_for("document.querySelector('file-reader .keyword') !== null").await;
    // The caret blinks, and what moves is not where it will be.
    browser
        .run(
            "const sheet = new CSSStyleSheet();
             sheet.replaceSync('* { caret-color: transparent !important; animation: none !important; transition: none !important }');
             document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
             document.activeElement?.blur();",
        )
        .await;
}

fn stored(theme: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/docs/page-{theme}.webp"))
}

/// A picture as WebP.
async fn compressed(browser: &Browser, picture: &[u8]) -> Vec<u8> {
    let bytes = browser
        .run_async(&format!(
            "const picture = await createImageBitmap(new Blob([new Uint8Array({picture:?})]));
             const canvas = new OffscreenCanvas(picture.width, picture.height);
             canvas.getContext('2d').drawImage(picture, 0, 0);
             const blob = await canvas.convertToBlob({{ type: 'image/webp', quality: 0.92 }});
             return Array.from(new Uint8Array(await blob.arrayBuffer()));"
        ))
        .await;
    serde_json::from_value(bytes).unwrap()
}

/// How two pictures differ once they are scaled down to a cell for 20 by 20 pixels: their sizes, the
/// mean difference of a channel, and the largest of a cell. The browser decodes and compares them.
async fn difference(browser: &Browser, before: &[u8], after: &[u8]) -> Value {
    browser
        .run_async(&format!(
            "const draw = async (bytes) => {{
                 const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
                 const size = [picture.width, picture.height];
                 const [width, height] = size.map((it) => Math.ceil(it / 20));
                 const canvas = new OffscreenCanvas(...size);
                 const context = canvas.getContext('2d', {{ willReadFrequently: true }});
                 context.drawImage(picture, 0, 0);
                 const {{ data }} = context.getImageData(0, 0, ...size);
                 const sums = new Float64Array(width * height * 3);
                 for (let y = 0; y < size[1]; y += 1) {{
                     for (let x = 0; x < size[0]; x += 1) {{
                         const cell = (Math.floor(y / 20) * width + Math.floor(x / 20)) * 3;
                         const pixel = (y * size[0] + x) * 4;
                         for (let c = 0; c < 3; c += 1) sums[cell + c] += data[pixel + c] / 400;
                     }}
                 }}
                 return {{ size, sums }};
             }};
             const before = await draw({before:?});
             const after = await draw({after:?});
             const each = Array.from(before.sums, (it, at) => Math.abs(it - after.sums[at]));
             return {{
                 sizes: [before.size, after.size],
                 mean: each.reduce((sum, it) => sum + it, 0) / each.length,
                 largest: Math.max(...each),
             }};"
        ))
        .await
}

/// Whether the pictures show the same page.
fn is_alike(difference: &Value) -> bool {
    difference["sizes"][0] == difference["sizes"][1]
        && difference["mean"].as_f64().is_some_and(|mean| mean <= MAX_MEAN)
        && difference["largest"].as_f64().is_some_and(|largest| largest <= MAX_CELL)
}

#[tokio::test]
async fn the_pictures_in_the_readme_show_the_page_of_today() {
    let server = setup().start();
    let browser = Browser::start().await;
    show_conversation(&browser, &server).await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        let taken = browser.screenshot(&format!("picture-{theme}")).await;
        if std::env::var(MODE).is_ok_and(|mode| mode == "write") {
            fs::write(stored(theme), compressed(&browser, &taken).await).unwrap();
        }
        let kept = fs::read(stored(theme)).unwrap();
        assert!(kept.len() <= MAX_BYTES, "page-{theme}.webp has {} bytes", kept.len());
        let changed = difference(&browser, &kept, &taken).await;
        println!("{theme}: {changed}");
        assert!(
            is_alike(&changed),
            "the page does not look like src/docs/page-{theme}.webp ({changed}); if it is meant to, \
             run `{MODE}=write cargo nextest run --all-features picture`"
        );
        // What the comparison must see: a column that is gone.
        browser.run("document.querySelector('page-sidebar').style.display = 'none'").await;
        let without = browser.screenshot(&format!("picture-{theme}-without")).await;
        let changed = difference(&browser, &kept, &without).await;
        println!("{theme} without the list: {changed}");
        assert!(!is_alike(&changed), "the list may go unseen: {changed}");
        browser.run("document.querySelector('page-sidebar').style.display = ''").await;
    }
    browser.close().await;
}
