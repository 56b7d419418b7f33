//! A long conversation: opens fast, keeps few elements, keeps the scroll position, can be searched.

use serde_json::{Value, json};

use crate::server::{Server, Setup};

use super::browser::{Browser, ENTER};

/// Ten entries each: the question, a thought, three tool calls with results, the answer, the end.
const TURNS: usize = 200;

/// Elements of the page that are there at most, whatever was said.
const MOST_ELEMENTS: u64 = 5000;

/// A bound for a busy machine and a debug build; what it took is printed.
const MOST_MILLISECONDS: f64 = 3000.0;

fn question(number: usize) -> String {
    let words = "It has some words that fill a paragraph and wrap. ".repeat(1 + number % 9);
    format!(
        "think Let me see.\n\
         tool Read {{\"file_path\":\"src/a{number}.rs\"}} => one\n\
         tool Grep {{\"pattern\":\"q{number}\"}} => two\n\
         tool Read {{\"file_path\":\"src/b.rs\"}} => three\n\
         say This is answer *number* {number}. {words}\\n\\n- a point\\n- another\\n\\n```rust\\nfn a{number}() {{}}\\n```\\n"
    )
}

/// Has a conversation of 2,000 entries and gives its id.
async fn converse(server: &Server) -> i64 {
    let mut client = server.connect().await;
    let id = client.start().await;
    for number in 1..=TURNS {
        client.ask(&question(number)).await;
        client.until("response_done").await;
    }
    id
}

fn turn(number: usize) -> String {
    format!("document.querySelector(\"turn-view[data-turn='{number}']\")")
}

/// Opens the conversation by its link in the list and gives how long that took until its end was
/// painted, in milliseconds.
async fn open(browser: &Browser) -> f64 {
    browser.wait_for("document.querySelector('page-sidebar nav a') !== null").await;
    let script = format!(
        "const begun = performance.now();
         document.querySelector('page-sidebar nav a').click();
         const frame = () => new Promise(requestAnimationFrame);
         while (!{}?.querySelector('.end small')?.checkVisibility()) await frame();
         await frame();
         await new Promise((then) => setTimeout(then));
         return performance.now() - begun;",
        turn(TURNS)
    );
    browser.run_async(&script).await.as_f64().unwrap()
}

async fn elements(browser: &Browser) -> u64 {
    browser.run("return document.querySelectorAll('*').length").await.as_u64().unwrap()
}

/// Where the turn begins on the screen, from the top of what scrolls.
async fn offset(browser: &Browser, number: usize) -> f64 {
    let script = format!(
        "return {}.getBoundingClientRect().top - document.querySelector('.scroller').getBoundingClientRect().top",
        turn(number)
    );
    browser.run(&script).await.as_f64().unwrap()
}

#[tokio::test]
async fn a_long_conversation_opens_at_once_and_every_turn_can_be_reached() {
    let server = Setup::scripted().start();
    converse(&server).await;
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    let mut times = Vec::new();
    for _ in 0..3 {
        browser.goto(&server.url("/p/demo")).await;
        times.push(open(&browser).await);
    }
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    println!("a conversation of {} entries is shown after {times:.0?} ms", TURNS * 10);
    assert!(best < MOST_MILLISECONDS, "{times:?}");
    let is_at_end = "const it = document.querySelector('.scroller'); \
                     return it.scrollHeight - it.scrollTop - it.clientHeight < 2";
    assert_eq!(browser.run(is_at_end).await, json!(true));
    assert!(elements(&browser).await < MOST_ELEMENTS);

    nothing_jumps_on_the_way_up(&browser).await;
    assert!(elements(&browser).await < MOST_ELEMENTS);

    browser.run("document.querySelector('conversation-view').seek(100)").await;
    assert!((offset(&browser, 100).await - 16.0).abs() < 2.0);
    assert_eq!(browser.run("return document.activeElement.dataset.turn").await, json!("100"));
    assert!(
        browser.content("turn-view[data-turn='100'] answer-text").await.contains("number 100.")
    );
    browser.press("j").await;
    browser.press("j").await;
    browser.press("k").await;
    assert_eq!(browser.run("return document.activeElement.dataset.turn").await, json!("101"));
    browser.screenshot("long").await;
    the_top_is_reached_in_one_go(&browser).await;
    the_browsers_own_search_finds_what_is_far_away(&browser).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

/// Scrolls up through turns that were never shown: what is in the middle of the screen moves by as
/// much as was scrolled, and is never an empty box.
async fn nothing_jumps_on_the_way_up(browser: &Browser) {
    let script = "
        const scroller = document.querySelector('.scroller');
        const frame = () => new Promise(requestAnimationFrame);
        let worst = 0, empty = 0;
        const times = [];
        for (let step = 0; step < 150; step += 1) {
            const seen = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
            if (seen.closest('[data-placeholder]')) empty += 1;
            const before = seen.getBoundingClientRect().top;
            const begun = performance.now();
            scroller.scrollTop -= 120;
            await frame();
            await frame();
            times.push((performance.now() - begun) / 2);
            if (seen.isConnected && seen.closest('article')) {
                worst = Math.max(worst, Math.abs(seen.getBoundingClientRect().top - before - 120));
            }
        }
        times.sort((one, other) => one - other);
        return { worst, empty, median: times[75], slowest: times[149] };";
    let seen = browser.run_async(script).await;
    println!(
        "scrolling: {:.1} ms a frame, the slowest {:.1}",
        seen["median"].as_f64().unwrap(),
        seen["slowest"].as_f64().unwrap()
    );
    assert!(seen["worst"].as_f64().unwrap() < 2.0, "{seen}");
    assert_eq!(seen["empty"], 0, "{seen}");
}

async fn the_top_is_reached_in_one_go(browser: &Browser) {
    browser.run("document.querySelector('.scroller').scrollTop = 0").await;
    browser.wait_for(&format!("{}.querySelector('answer-text')?.checkVisibility()", turn(1))).await;
    assert_eq!(browser.run("return document.querySelector('.scroller').scrollTop").await, json!(0));
}

async fn the_browsers_own_search_finds_what_is_far_away(browser: &Browser) {
    let find = "return window.find('answer number 150.', false, false, true)";
    assert_eq!(browser.run(find).await, json!(false), "it is not in the document");
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'f', ctrlKey: true, bubbles: true }))").await;
    browser.wait_for("document.querySelector('turn-view[data-placeholder]') === null").await;
    assert_eq!(browser.run(find).await, json!(true));
    let found = format!("return {}.contains(getSelection().anchorNode)", turn(150));
    assert_eq!(browser.run(&found).await, json!(true));
    browser
        .run("getSelection().anchorNode.parentElement.scrollIntoView({ block: 'center' })")
        .await;
    // The page is used again: what is far away rests, and what was found is still there.
    browser.run("document.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))").await;
    browser.run("document.querySelector('.scroller').scrollTop += 1").await;
    browser.wait_for("document.querySelectorAll('turn-view[data-placeholder]').length > 150").await;
    assert!(offset(browser, 150).await.abs() < 2000.0);
    assert!(elements(browser).await < MOST_ELEMENTS);
}

#[tokio::test]
async fn who_reads_further_up_is_not_moved_and_who_is_at_the_end_stays_there() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    for number in 1..=3 {
        browser
            .keys(&format!("{}{ENTER}", question(number).replace('\n', "\u{e008}\u{e007}\u{e008}")))
            .await;
        browser.wait_for(&super::ended(number as u32)).await;
    }
    let signal = server.project_dir().join("go on");
    let script = ["stream 150 10", &format!("await {}", signal.display()), "stream 150 10"];
    browser.keys(&script.join("\u{e008}\u{e007}\u{e008}")).await;
    browser.keys(ENTER).await;
    browser.wait_for(&super::says(4, "w149")).await;
    browser.wait_for(&format!("{}.getBoundingClientRect().bottom <= document.querySelector('question-composer').getBoundingClientRect().top", turn(4))).await;

    browser.run("document.querySelector('conversation-view').seek(2)").await;
    let before = offset(&browser, 2).await;
    std::fs::write(signal, "").unwrap();
    let watch = "
        const seen = [];
        while (document.querySelector(\"turn-view[data-turn='4'] .end\")?.hidden !== false) {
            seen.push(document.querySelector(\"turn-view[data-turn='2']\").getBoundingClientRect().top);
            await new Promise(requestAnimationFrame);
        }
        return Math.max(...seen) - Math.min(...seen);";
    assert_eq!(browser.run_async(watch).await, json!(0), "it moved while the answer grew");
    assert!((offset(&browser, 2).await - before).abs() < 1.0);
    browser.wait_for("document.querySelector('.to-end').checkVisibility()").await;

    // Something above opens and closes: what is read stays.
    browser.run("document.querySelector('conversation-view').seek(3)").await;
    let before = offset(&browser, 3).await;
    browser.run(&format!("{}.querySelector('details').open = true; {0}.querySelectorAll('details').forEach((it) => {{ it.open = true; }})", turn(1))).await;
    let settled: Value = browser
        .run_async(
            "for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame); return true",
        )
        .await;
    assert_eq!(settled, json!(true));
    let after = offset(&browser, 3).await;
    assert!((after - before).abs() < 2.0, "from {before} to {after}");
    browser.click(".to-end").await;
    browser.wait_for("document.querySelector('.to-end').hidden").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
