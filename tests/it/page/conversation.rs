//! The open conversation: status, steps, keyboard and touch.

use serde_json::json;

use crate::{
    claude::{Version, program},
    fake_api::FakeApi,
    server::{Server, Setup, eventually},
};

use super::{
    browser::{Browser, ENTER, ESCAPE, NEW_LINE},
    ended,
    gate::Gate,
    says, words,
};

async fn open(browser: &Browser, url: &str) {
    browser.goto(&format!("{url}/p/demo")).await;
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.wait_for("document.querySelector('turn-view') !== null").await;
}

fn status_is(words: &str) -> String {
    format!("document.querySelector('.status').textContent === {}", json!(words))
}

fn status_has(words: &str) -> String {
    format!("document.querySelector('.status').textContent.includes({})", json!(words))
}

fn is_said(words: &str) -> String {
    format!(
        "[...document.querySelectorAll('#announcements p')].some((it) => it.textContent === {})",
        json!(words)
    )
}

/// A script of the agent that goes on when the file `name` is there, and the file.
fn wait(server: &Server, name: &str) -> (String, std::path::PathBuf) {
    let signal = server.project_dir().join(name);
    (format!("await {}", signal.display()), signal)
}

#[tokio::test]
async fn two_people_see_one_conversation_and_what_goes_on_in_it() {
    let server = Setup::scripted().start();
    let ana = Browser::start().await;
    open(&ana, &server.url("")).await;
    // Every status that is shown from now on, with the time for which it was there.
    ana.run(
        "window.said = [];
         const line = document.querySelector('.status');
         new MutationObserver(() => window.said.push([performance.now(), line.textContent]))
             .observe(line, { childList: true, characterData: true, subtree: true });",
    )
    .await;
    let (until_first, first) = wait(&server, "first");
    let (until_second, second) = wait(&server, "second");
    let read = r#"tool Read {"file_path":"src/parser.rs"} => one"#;
    let script = [&until_first, read, &until_second, r"say One.\n\nTwo.\n\n", "stream 20 20"];
    ana.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
    ana.wait_for(&status_is("Thinking…")).await;
    let ben = Browser::start().await;
    ben.goto(&ana.address().await).await;
    for person in [&ana, &ben] {
        person.wait_for("document.querySelector('.facts').textContent.startsWith('2 people are reading this')").await;
    }
    std::fs::write(first, "").unwrap();
    ben.wait_for("document.querySelector('tool-call .outcome')?.textContent === ' · 1 line'").await;
    // Ben asks as well, and goes on with something else.
    ben.keys(&format!("say three{ENTER}")).await;
    ben.wait_for(&status_is(
        "Waiting: 1 question before yours; you can leave, the answer will be here.",
    ))
    .await;
    ben.wait_for("document.querySelector('.queue-note:not([hidden])')?.textContent === 'Waiting for 1 question before this one.'").await;
    ana.wait_for("document.querySelector('.queue-note:not([hidden])') !== null").await;
    std::fs::write(second, "").unwrap();
    for person in [&ana, &ben] {
        person.wait_for(&says(2, "three")).await;
        person.wait_for(&status_is("")).await;
        for part in ["One.", "Two.", "three"] {
            person.wait_for(&is_said(part)).await;
        }
        let said = person.run("return document.querySelectorAll('#announcements p').length").await;
        assert!(said.as_u64() <= Some(8), "{said}");
    }
    let said = ana.run("return window.said").await;
    let times = said.as_array().unwrap();
    for pair in times.windows(2) {
        let lasted = pair[1][0].as_f64().unwrap() - pair[0][0].as_f64().unwrap();
        assert!(lasted > 250.0, "a state flickers: {said}");
    }
    ben.close().await;
    ana.wait_for("!document.querySelector('.facts').textContent.includes('people')").await;
    ana.assert_no_complaints(&[]).await;
    ana.close().await;
}

#[tokio::test]
async fn forty_tool_calls_are_one_line_and_open_to_all_that_they_did() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    let mut script: Vec<String> = (0..39)
        .map(|number| match number % 3 {
            0 => format!(r#"tool Grep {{"pattern":"quokka_{number}"}} => src/a.rs:1: quokka"#),
            _ => format!(
                r#"tool Read {{"file_path":"src/file{number}.rs","offset":{number}}} => one\ntwo"#
            ),
        })
        .collect();
    script.push(r#"toolerror Read {"file_path":"nope.rs"} => no such file"#.to_owned());
    script.insert(3, "think What is this about?".to_owned());
    let (until, signal) = wait(&server, "go on");
    script.push(until);
    script.push("say The answer.".to_owned());
    browser.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
    let line = "document.querySelector('step-group summary .input').textContent";
    browser.wait_for(&format!("{line} === '40 steps: 27 reads, 13 searches, 1 failed'")).await;
    browser.wait_for("document.querySelector('step-group').offsetHeight < 60").await;
    std::fs::write(signal, "").unwrap();
    browser.wait_for(&ended(1)).await;
    browser.portraits("forty-tools").await;
    assert_eq!(browser.content("step-group .now").await, "");
    browser.click("step-group > details > summary").await;
    browser.wait_for("document.querySelectorAll('tool-call').length === 40").await;
    browser.run("document.querySelectorAll('tool-call')[1].querySelector('summary').click()").await;
    browser.wait_for("document.querySelector('tool-call .given')?.textContent === 'file_pathsrc/file1.rsoffset1'").await;
    assert_eq!(browser.content("tool-call .body pre").await, "one\ntwo");
    let thought = "const it = document.querySelector('.thinking'); return [it.open, getComputedStyle(it).fontStyle]";
    assert_eq!(browser.run(thought).await, json!([false, "italic"]));
    // What the answers took is in the heading, quietly.
    assert_eq!(browser.content(".usage summary").await, "$0.0100");
    assert!(browser.content(".usage div").await.starts_with("1 answer: "));
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn code_that_streams_is_code_before_its_end_is_there() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server.url("/p/demo")).await;
    let (until, signal) = wait(&server, "go on");
    let code = r"say The parser begins like this:\n\n```rust\n/// Reads one quokka.\npub fn parse(input: &str) -> Option<Quokka> {\n    let name = input.trim();";
    let script = [code, &until, r"say \n}\n```\n\nThat is all."];
    browser.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
    browser.wait_for("document.querySelector('turn-view[data-turn=\"1\"] pre')?.textContent.includes('input.trim')").await;
    browser.portraits("streaming-code").await;
    std::fs::write(signal, "").unwrap();
    browser.wait_for(&ended(1)).await;
    browser
        .wait_for("document.querySelector('turn-view[data-turn=\"1\"] pre .keyword') !== null")
        .await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_said_and_costs_no_word() {
    let server = Setup::scripted().env("CICERONE_ACCESS_HOSTS", "127.0.0.1").start();
    let gate = Gate::open(server.address()).await;
    let browser = Browser::start().await;
    open(&browser, &gate.url).await;
    browser.keys(&format!("stream 120 20{ENTER}")).await;
    browser.wait_for(&says(1, "w9 ")).await;
    gate.cut();
    browser.wait_for(&status_is("The connection is lost. Reconnecting… Your text is kept.")).await;
    browser.wait_for(&is_said("The connection is lost. Reconnecting… Your text is kept.")).await;
    browser.keys("still typing").await;
    browser.portraits("reconnecting-in-mid-stream").await;
    gate.lead_to(server.address());
    browser.wait_for(&is_said("Connected again.")).await;
    browser.wait_for(&ended(1)).await;
    assert_eq!(
        browser.content("turn-view[data-turn='1'] answer-text").await,
        words(120).trim_end()
    );
    browser.wait_for(&status_is("")).await;
    assert_eq!(
        browser.run("return document.querySelector('#question').value").await,
        json!("still typing")
    );

    // The device itself has no network.
    browser.set_offline(true).await;
    gate.cut();
    browser.wait_for(&status_has("This device is offline. Your text is kept")).await;
    browser.screenshot("offline").await;
    gate.lead_to(server.address());
    browser.set_offline(false).await;
    browser.wait_for(&status_is("")).await;
    browser.assert_no_complaints(&super::WHILE_AWAY).await;
    browser.close().await;
}

#[tokio::test]
async fn a_crash_of_the_agent_is_said_and_the_question_asked_again() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    browser.keys(&format!("say begun{NEW_LINE}crash{ENTER}")).await;
    browser.wait_for(&ended(1)).await;
    let end = browser.content("turn-view[data-turn='1'] .end").await;
    assert!(end.contains("was killed") && end.contains("Your question is kept."), "{end}");
    browser.portraits("crashed").await;
    browser.click("turn-view[data-turn='1'] .end button").await;
    browser.wait_for(&ended(2)).await;
    assert!(browser.content("turn-view[data-turn='2'] .question").await.starts_with("say begun"));
    // The second button has the guide answer, which knows no script.
    browser.click("turn-view[data-turn='2'] .end button + button").await;
    browser.wait_for(&ended(3)).await;
    let answer = browser.content("turn-view[data-turn='3']").await;
    assert!(!answer.contains("was killed"), "{answer}");
    // Nothing is left of the focus in a turn that changed.
    browser.wait_for("document.activeElement !== document.body").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn everything_is_reached_by_keys() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    for turn in 1..=2 {
        browser.keys(&format!("say answer {turn} is in `README.md:{turn}`{ENTER}")).await;
        browser.wait_for(&ended(turn)).await;
    }
    browser.run("document.querySelector('.scroller').focus()").await;
    browser.press("j").await;
    browser.run("document.querySelector(\"turn-view[data-turn='2']\").focus()").await;
    browser.press("o").await;
    browser.wait_for("location.search === '?file=README.md%3A2'").await;
    browser.press(ESCAPE).await;
    browser.wait_for("location.search === ''").await;
    browser.press("?").await;
    browser
        .wait_for("document.querySelector('dialog[open]')?.textContent.includes('find a file')")
        .await;
    browser.press(ESCAPE).await;
    browser.wait_for("document.querySelector('dialog[open]') === null").await;
    // Letters in the field are letters, and Escape there stops what runs.
    browser.keys(&format!("jko[]?{ENTER}")).await;
    browser.wait_for(&ended(3)).await;
    assert_eq!(browser.content("turn-view[data-turn='3'] .question").await, "jko[]?");
    browser.keys(&format!("stream 2000 20{ENTER}")).await;
    browser.wait_for(&says(4, "w3")).await;
    browser.press(ESCAPE).await;
    browser.wait_for(&ended(4)).await;
    assert!(browser.content("turn-view[data-turn='4'] .end").await.starts_with("Stopped."));
    // The headings are the questions, below the conversation's title.
    let outline = "return [...document.querySelectorAll('main :is(h1, h2)')].filter((it) => it.checkVisibility()).map((it) => it.tagName + ' ' + it.textContent)";
    let outline = browser.run(outline).await;
    assert_eq!(outline[0], "H1 say answer 1 is in `README.md:1`");
    assert_eq!(outline[1], "H2 say answer 1 is in `README.md:1`");
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[tokio::test]
async fn on_a_phone_everything_fits_and_is_large_enough_for_a_finger() {
    let server = Setup::scripted().start();
    let browser = Browser::start().await;
    browser.become_phone().await;
    browser.goto(&server.url("/p/demo")).await;
    browser.wait_for("document.querySelectorAll('.welcome li button').length > 0").await;
    browser.wait_for("document.querySelector('.read-only')?.checkVisibility()").await;
    large_enough(&browser).await;
    let below = "return innerHeight - document.querySelector('question-composer').getBoundingClientRect().bottom";
    assert_eq!(browser.run(below).await, json!(0), "the field stands at the bottom");
    browser.screenshot("phone-empty").await;
    let read =
        r#"tool Read {"file_path":"src/a_file_with_a_long_name/and_another_one/parser.rs"} => one"#;
    browser
        .keys(&[read, "think So.", "say The answer is `one`.", "stream 3000 20"].join(" "))
        .await;
    browser.run("document.querySelector('#question').value = ''").await;
    browser.keys(&format!("{read}{NEW_LINE}say The answer.{NEW_LINE}stream 3000 20{ENTER}")).await;
    browser.wait_for(&says(1, "w9 ")).await;
    browser.keys("see @READ").await;
    browser.wait_for("document.querySelectorAll('file-finder li').length > 0").await;
    large_enough(&browser).await;
    browser.screenshot("phone-finder").await;
    browser.click("#found-files li").await;
    browser.wait_for("document.querySelector('#question').value === 'see README.md '").await;
    browser.click("turn-view[data-turn='1'] .edit").await;
    browser.wait_for("document.querySelector('.editing').checkVisibility()").await;
    large_enough(&browser).await;
    browser.screenshot("phone-editing").await;
    browser.click(".editing button").await;
    browser.wait_for("document.querySelector('#question').value === 'see README.md '").await;
    browser.click("question-composer form [type=button]").await;
    browser.wait_for(&ended(1)).await;
    large_enough(&browser).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

/// Fails when something is wider than the screen, or too small to be hit.
async fn large_enough(browser: &Browser) {
    let small = "
        const hit = [...document.querySelectorAll('main :is(button, summary, textarea, [role=option])')]
            .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.disabled)
            .filter((it) => it.getBoundingClientRect().height < 43.5)
            .map((it) => `${it.tagName} ${it.textContent} ${it.getBoundingClientRect().height}`);
        const wide = ['html', 'main', '.scroller', 'question-composer']
            .filter((name) => document.querySelector(name).scrollWidth > document.querySelector(name).clientWidth);
        return [...hit, ...wide];";
    assert_eq!(browser.run(small).await, json!([]));
}

#[tokio::test]
async fn three_questions_that_fit_the_project_are_offered_and_one_is_asked() {
    let setup = Setup::guide();
    let readme = "# Quokka\n\nA store of keys and values.\n\n## Leases\n\nText.\n";
    std::fs::write(setup.project_dir().join("README.md"), readme).unwrap();
    let server = setup.start();
    eventually("the sandbox is tested", async || {
        (server.get("/readyz").await.1["sandbox"] == "proved").then_some(())
    })
    .await;
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    let first = "document.querySelector('.welcome li button')?.textContent";
    browser.wait_for(&format!("{first} === 'What is Quokka for, and how is it laid out?'")).await;
    browser.wait_for("/\\d+ ways to write were tried at start, all refused/.test(document.querySelector('.read-only')?.textContent)").await;
    browser.click(".welcome li button").await;
    browser.wait_for(&ended(1)).await;
    assert!(
        browser.content("turn-view[data-turn='1'] answer-text").await.contains("store of keys")
    );
    browser.wait_for("document.activeElement.id === 'question'").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}

#[actix_web::test]
async fn the_real_agent_reads_a_file_and_its_answer_streams_in() {
    let api = FakeApi::start();
    let program = program(Version::InUse);
    let server = Setup::new()
        .args(["--agent", "claude", "--claude", program.to_str().unwrap()])
        .env("ANTHROPIC_BASE_URL", &api.url())
        .env("ANTHROPIC_API_KEY", "dummy")
        .start();
    let browser = Browser::start().await;
    open(&browser, &server.url("")).await;
    let script = ["TOOL Read {\"file_path\":\"README.md\"}", "WORDS 60 30"];
    browser.keys(&format!("{}{ENTER}", script.join(NEW_LINE))).await;
    browser.wait_for(&says(1, "w5 ")).await;
    browser.wait_for(&status_is("Answering…")).await;
    assert_eq!(browser.run(&format!("return {}", ended(1))).await, json!(false), "it streams");
    browser.wait_for(&ended(1)).await;
    assert_eq!(browser.content("turn-view[data-turn='1'] tool-call .tool").await, "Read");
    assert_eq!(browser.content("turn-view[data-turn='1'] tool-call .input").await, "README.md");
    assert_eq!(browser.content("turn-view[data-turn='1'] answer-text").await, words(60).trim_end());
    browser.wait_for("/tokens read/.test(document.querySelector('turn-view[data-turn=\"1\"] .end')?.textContent)").await;
    browser.screenshot("real-agent").await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
