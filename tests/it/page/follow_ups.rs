//! Questions that follow from an answer of the guide.

use serde_json::Value;

use crate::server::{Setup, write};

use super::{
    OVERFLOWS, ask,
    browser::{Browser, ENTER},
    ended, open,
};

/// The questions that are offered.
const OFFERED: &str = "[...document.querySelectorAll('.follow-ups:not([hidden]) button')].map((it) => it.textContent)";

#[tokio::test]
async fn an_answer_of_the_guide_offers_three_questions_at_most_and_a_click_asks_one() {
    let setup = Setup::guide();
    let dir = setup.project_dir();
    write(
        &dir,
        "src/parser.rs",
        "//! Parses hops.\n\n/// Parses a quokka.\npub fn parse_quokka(input: &str) -> usize {\n    count_hops(input)\n}\n\n/// Counts its hops.\npub fn count_hops(input: &str) -> usize {\n    input.len()\n}\n",
    );
    write(
        &dir,
        "src/main.rs",
        "use crate::parser::parse_quokka;\n\nfn main() {\n    parse_quokka(\"hop\");\n}\n",
    );
    let server = setup.start();
    let browser = Browser::start().await;
    open(&browser, &server).await;
    ask(&browser, &["How is a quokka parsed?"], 1).await;
    browser.wait_for(&format!("{OFFERED}.length > 0")).await;
    let offered = browser.run(&format!("return {OFFERED}")).await;
    let offered: Vec<&str> = offered.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(offered.len() <= 3, "{offered:?}");
    assert!(offered.iter().all(|it| it.ends_with('?') && it.contains("src/")), "{offered:?}");
    browser.portraits("follow-ups").await;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.audit(&format!("questions that follow, {theme}")).await;
    }

    browser.click(".follow-ups button").await;
    browser.wait_for(&ended(2)).await;
    let asked = browser.content("turn-view[data-turn='2'] .question").await;
    assert_eq!(asked.replace('`', ""), offered[0], "it is asked as it was read");
    // They stand behind the last answer, and are others.
    let is_other = format!("!{OFFERED}.includes({})", Value::from(offered[0]));
    browser.wait_for(&is_other).await;

    // On a phone, by keyboard.
    browser.become_phone().await;
    ask(&browser, &["How is a quokka parsed?"], 3).await;
    browser.wait_for(&format!("{OFFERED}.length > 0")).await;
    assert_eq!(browser.run(OVERFLOWS).await, serde_json::json!([]));
    browser.audit("questions that follow on a phone").await;
    browser.run("document.querySelector('.follow-ups button').focus()").await;
    browser.press(ENTER).await;
    browser.wait_for(&ended(4)).await;
    browser.assert_no_complaints(&[]).await;
    browser.close().await;
}
