//! A thousand diagrams and formulas in one conversation: few processes draw, the server keeps few bytes, the
//! page stays quick.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    processes::{drawers_of, resident},
    server::{Server, Setup, eventually},
};

use super::{browser::Browser, ended};

const TURNS: usize = 50;
/// Of each turn; a thousand drawings in all.
const FORMULAS: usize = 18;
const DIAGRAMS: usize = 2;

/// Two draw at once, and two that were killed may not be gone yet.
const MOST_DRAWERS: usize = 4;

/// Bytes by which the server may grow: what it keeps of drawings, and what it uses while it makes them.
const MOST_GROWTH: u64 = 64 << 20; // 64 MiB

/// Milliseconds of a frame while drawings come in; a bound for a busy machine.
const MOST_FRAME: f64 = 3000.0;

/// A person would look for so long, and then load the page anew.
const IN_TIME: Duration = Duration::from_secs(12);

/// Wait between two looks.
const POLL: Duration = Duration::from_millis(50);

fn answer(turn: usize) -> String {
    let formulas: String = (0..FORMULAS)
        .map(|at| format!("- of $x_{{{turn}}}^{{{at}}} + \\frac{{a}}{{b}}$\\n"))
        .collect();
    let diagrams: String = (0..DIAGRAMS)
        .map(|at| {
            format!("\\n```mermaid\\nflowchart LR\\n  A[Turn {turn}] --> B[Part {at}]\\n```\\n")
        })
        .collect();
    format!("say Answer {turn}:\\n\\n{formulas}{diagrams}")
}

/// Has the conversation.
async fn converse(server: &Server) {
    let mut client = server.connect().await;
    client.start().await;
    for turn in 1..=TURNS {
        client.ask(&answer(turn)).await;
        client.until("response_done").await;
    }
}

/// Counts the processes that draw, again and again. The count is the most that were there at once.
struct Watch {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<usize>,
}

impl Watch {
    fn begin(server: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(drawers_of(server).len());
                thread::sleep(Duration::from_millis(5));
            }
            most
        });
        Self { is_over, thread }
    }

    fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Whether all drawings of a turn are there.
fn is_drawn(turn: usize) -> String {
    format!(
        "(() => {{
            const turn = document.querySelector(\"turn-view[data-turn='{turn}']\");
            return turn.querySelectorAll('.formula math').length === {FORMULAS}
                && [...turn.querySelectorAll('.drawing .screen')].filter((it) => it.naturalWidth > 0).length === {DIAGRAMS};
        }})()"
    )
}

/// Goes to a turn and waits until all its drawings are there. What a busy machine did not draw in time stays
/// as its source until the page asks again, which it does once it is loaded anew.
async fn look_at(browser: &Browser, turn: usize) {
    let seek = format!("document.querySelector('conversation-view').seek({turn})");
    for _ in 0..2 {
        browser.run(&seek).await;
        let deadline = Instant::now() + IN_TIME;
        while Instant::now() < deadline {
            if browser.run(&format!("return {}", is_drawn(turn))).await == json!(true) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        browser.run("location.reload()").await;
        browser.wait_for(&ended(TURNS as u32)).await;
    }
    browser.run(&seek).await;
    browser.wait_for(&is_drawn(turn)).await;
}

/// Scrolls up by as many steps, and gives the longest frame in milliseconds.
async fn scroll_up(browser: &Browser, steps: usize) -> f64 {
    let script = format!(
        "const scroller = document.querySelector('.scroller');
         const frame = () => new Promise(requestAnimationFrame);
         let longest = 0, before = await frame();
         for (let step = 0; step < {steps}; step += 1) {{
             scroller.scrollTop -= 400;
             const now = await frame();
             longest = Math.max(longest, now - before);
             before = now;
         }}
         return longest;"
    );
    browser.run_async(&script).await.as_f64().unwrap()
}

#[tokio::test]
async fn a_thousand_drawings_in_one_conversation_burden_neither_the_server_nor_the_page() {
    let server = Setup::scripted().start();
    converse(&server).await;
    let browser = Browser::start().await;
    let before = resident(server.pid());
    let watch = Watch::begin(server.pid());
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelector('page-sidebar nav a') !== null").await;
    browser.run("document.querySelector('page-sidebar nav a').click()").await;
    browser.wait_for(&ended(TURNS as u32)).await;
    browser.wait_for(&is_drawn(TURNS)).await;

    let mut longest: f64 = 0.0;
    while browser.run("return document.querySelector('.scroller').scrollTop > 0").await
        == json!(true)
    {
        longest = longest.max(scroll_up(&browser, 20).await);
        browser.keys("x").await;
    }
    for turn in [1, TURNS / 2, TURNS] {
        look_at(&browser, turn).await;
    }
    let elements = browser.run("return document.querySelectorAll('*').length").await;
    eventually("nothing draws any more", async || {
        drawers_of(server.pid()).is_empty().then_some(())
    })
    .await;
    let (most, grown) = (watch.end(), resident(server.pid()).saturating_sub(before));
    println!(
        "{most} processes at most, {} KB more, the longest frame {longest:.0} ms, {elements} elements",
        grown >> 10
    );
    assert!((1..=MOST_DRAWERS).contains(&most), "{most} processes drew at once");
    assert!(grown < MOST_GROWTH, "the server grew by {grown} bytes");
    assert!(longest < MOST_FRAME, "a frame took {longest} ms");
    assert!(elements.as_u64().unwrap() < 12_000, "{elements} elements");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
