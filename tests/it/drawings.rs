//! Diagrams and formulas over HTTP: what is drawn, what is refused, and what a hostile source or a
//! process that goes wrong does to others: nothing.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, Setup};

const PATH: &str = "/api/projects/demo/drawings";

async fn post(server: &Server, path: &str, body: &Value) -> (StatusCode, Value) {
    let response = reqwest::Client::new().post(server.url(path)).json(body).send().await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap())
}

/// What becomes of each source.
async fn drawn(server: &Server, sources: &[Value]) -> Vec<Value> {
    let (status, answer) = post(server, PATH, &json!({ "drawings": sources })).await;
    assert_eq!(status, 200, "{answer}");
    let drawings = answer["drawings"].as_array().unwrap().clone();
    assert_eq!(drawings.len(), sources.len());
    drawings
}

fn formula(source: &str) -> Value {
    json!({ "kind": "formula", "source": source })
}

fn diagram(source: &str) -> Value {
    json!({ "kind": "diagram", "source": source })
}

/// The error of a source that is not drawn.
fn error(drawing: &Value) -> &str {
    drawing["error"].as_str().unwrap_or_else(|| panic!("{drawing}"))
}

#[tokio::test]
async fn formulas_are_drawn_in_the_order_in_which_they_are_asked_for() {
    let server = Setup::scripted().start();
    let sources = [
        formula(r"\frac{-b \pm \sqrt{b^2 - 4ac}}{2a}"),
        json!({ "kind": "formula", "source": r"\sum_{i=0}^n x_i", "display": true }),
        formula(r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"),
        formula(r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}"),
        formula(r"\left( \hat{x} \cdot \vec{y} \right) \quad \mathbb{R} \! \alpha_1^2"),
        json!({ "kind": "formula", "source": r"\begin{align} a &= b \\ c &= d \end{align}", "display": true }),
        formula(r"P(A \mid B) = \mathrm{argmax}_{x \in \mathcal{X}} \operatorname{f}(x)"),
        formula(r"a < b \land b > c"),
        formula(r"\nocommand{x}"),
    ];
    let drawings = drawn(&server, &sources).await;
    for (drawing, source) in drawings.iter().zip(&sources).take(8) {
        let mathml = drawing["formula"].as_str().unwrap_or_else(|| panic!("{source}: {drawing}"));
        assert!(mathml.starts_with("<math"), "{mathml}");
        assert!(!mathml.contains(" style="), "{mathml}");
        assert!(mathml.contains("alttext="), "{mathml}");
    }
    assert!(drawings[0]["formula"].as_str().unwrap().contains("<mfrac>"));
    assert!(drawings[1]["formula"].as_str().unwrap().contains(r#"display="block""#));
    assert!(error(&drawings[8]).starts_with("This formula cannot be drawn: "), "{drawings:?}");
    assert_eq!(drawn(&server, &sources).await, drawings, "they are kept");
    assert_eq!(drawn(&server, &[]).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_source_that_goes_wrong_takes_no_other_with_it() {
    let server = Setup::scripted().start();
    let sources = [
        formula("a"),
        formula(r"\faultExit"),
        formula("b"),
        formula(r"\faultNonsense"),
        formula("c"),
        formula(r"\operatorname{<script>alert(1)</script>}"),
        formula(r"\faultFlood"),
        formula("d"),
    ];
    let drawings = drawn(&server, &sources).await;
    for (at, drawing) in drawings.iter().enumerate() {
        match at % 2 == 0 && at < 6 || at == 7 {
            true => assert!(drawing["formula"].is_string(), "{at}: {drawing}"),
            false => assert!(error(drawing).starts_with("This formula "), "{at}: {drawing}"),
        }
    }
    assert!(error(&drawings[5]).contains("not shown"), "{drawings:?}");
}

#[tokio::test]
async fn a_process_that_hangs_or_takes_too_much_is_ended_and_the_next_one_draws() {
    let server = Setup::scripted().start();
    let start = Instant::now();
    let drawings = drawn(&server, &[formula(r"\faultHang"), formula("x")]).await;
    assert!(error(&drawings[0]).contains("longer than 2 s"), "{drawings:?}");
    assert!(drawings[1]["formula"].is_string(), "{drawings:?}");
    let drawings = drawn(&server, &[formula(r"\faultMemory")]).await;
    assert!(error(&drawings[0]).contains("memory"), "{drawings:?}");
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert!(drawn(&server, &[formula("y")]).await[0]["formula"].is_string());
}

#[tokio::test]
async fn hostile_formulas_are_refused_in_words() {
    let server = Setup::scripted().start();
    for (source, words) in [
        (r"\sqrt{".repeat(1000) + "x" + &"}".repeat(1000), "at most 2048"),
        (r"\sqrt".repeat(300) + " x", "levels deep"),
        ("{".repeat(2000), "levels deep"),
        (r"\begin{matrix}".repeat(130), "levels deep"),
        (r"\operatorname{<img src=x onerror=alert(1)>}".to_owned(), "not shown"),
        (r"\href{javascript:alert(1)}{x}".to_owned(), "This formula "),
        (r"\text{</math><script>}\color{red}{x}".to_owned(), "This formula "),
    ] {
        let drawings = drawn(&server, &[formula(&source)]).await;
        assert!(error(&drawings[0]).contains(words), "{source}: {drawings:?}");
    }
    let text = drawn(&server, &[formula(r"\text{<script>alert(1)</script>}")]).await;
    let shown = text[0]["formula"].as_str().unwrap();
    assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script"), "{shown}");
}

#[tokio::test]
async fn many_requests_at_once_are_answered_or_refused_and_the_server_goes_on() {
    let server = Setup::scripted().start();
    let ask = async |number: usize| {
        let body = json!({ "drawings": [formula(&format!("x_{{{number}}}"))] });
        post(&server, PATH, &body).await
    };
    let answers = join_all((0..200).map(ask)).await;
    let mut n_drawn = 0;
    for (status, answer) in answers {
        match status.as_u16() {
            200 => n_drawn += usize::from(answer["drawings"][0]["formula"].is_string()),
            503 => assert!(answer["detail"].as_str().unwrap().contains("try again"), "{answer}"),
            _ => panic!("{status} {answer}"),
        }
    }
    assert!(n_drawn > 0);
    assert!(drawn(&server, &[formula("y")]).await[0]["formula"].is_string());
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let server = Setup::scripted().start();
    for (body, expected) in [
        (json!({ "drawings": vec![formula("x"); 65] }), 422),
        (json!({ "drawings": [{ "kind": "picture", "source": "x" }] }), 422),
        (json!({}), 422),
        (json!({ "drawings": [diagram(&"x".repeat(100_000))] }), 413),
    ] {
        let (status, answer) = post(&server, PATH, &body).await;
        assert_eq!(status, expected, "{answer}");
    }
    let body = json!({ "drawings": [] });
    assert_eq!(post(&server, "/api/projects/nobody/drawings", &body).await.0, 404);
    let hash = "0".repeat(64);
    for name in [format!("{hash}.light.svg"), "x".to_owned(), "..%2f..%2fx.light.svg".to_owned()] {
        assert_eq!(server.get(&format!("{PATH}/{name}")).await.0, 404, "{name}");
    }
}
