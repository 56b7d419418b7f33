//! Diagrams and formulas over HTTP: what is drawn, what is refused, and what a hostile source or a
//! process that goes wrong does to others: nothing.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    processes::drawers_of,
    server::{Server, Setup, eventually},
};

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

/// Waits until no process draws any more.
async fn nothing_draws(server: &Server) {
    let is_done = async || drawers_of(server.pid()).is_empty().then_some(());
    eventually("nothing draws any more", is_done).await;
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
    nothing_draws(&server).await;
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

#[cfg(feature = "diagrams")]
mod diagrams {
    use super::*;

    /// The SVG of a drawing in a theme, with the policy that it is served with.
    async fn picture(server: &Server, drawing: &Value, theme: &str) -> (String, String) {
        let path = drawing["diagram"][theme].as_str().unwrap_or_else(|| panic!("{drawing}"));
        let response = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(response.headers()["content-type"], "image/svg+xml");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        (response.text().await.unwrap(), policy)
    }

    #[tokio::test]
    async fn a_diagram_is_a_picture_for_each_theme_that_says_what_it_shows() {
        let server = Setup::scripted().start();
        let titled =
            "flowchart LR\n  accTitle: How a question is answered\n  A[Page] --> B[Server]";
        let sources = [
            diagram(titled),
            diagram("sequenceDiagram\n  Page->>Server: asks\n  Server-->>Page: answers"),
        ];
        let drawings = drawn(&server, &sources).await;
        let of = |at: usize| drawings[at]["diagram"]["description"].as_str().unwrap_or_default();
        assert_eq!(of(0), "Flowchart: How a question is answered", "{drawings:?}");
        assert!(of(1).starts_with("Sequence diagram with "), "{drawings:?}");
        let (light, policy) = picture(&server, &drawings[0], "light").await;
        let (dark, _) = picture(&server, &drawings[0], "dark").await;
        assert!(light.contains("#fbfaf7") && dark.contains("#12181a"), "{light}\n{dark}");
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
        assert!(drawings[0]["diagram"]["width"].as_u64().unwrap() > 50, "{drawings:?}");
        // Another project has no part in it.
        let elsewhere = light_path(&drawings[0]).replace("/demo/", "/nobody/");
        assert_eq!(server.get(&elsewhere).await.0, 404);
    }

    fn light_path(drawing: &Value) -> String {
        drawing["diagram"]["light"].as_str().unwrap().to_owned()
    }

    /// What an agent that obeys an attacker may write, and what must not reach a browser of it.
    fn hostile() -> Vec<String> {
        let many = |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<String>();
        vec![
            "flowchart LR\n  A[\"</svg><script>hurt()</script>\"] --> B".to_owned(),
            "flowchart LR\n  A[\"<img src=x onerror=hurt()>\"] --> B[\"<iframe src=//evil.example>\"]".to_owned(),
            "flowchart LR\n  A --> B\n  click A \"javascript:hurt()\"\n  click B call hurt()".to_owned(),
            "flowchart LR\n  A --> B\n  style A fill:url(https://evil.example/z),stroke:#f00".to_owned(),
            "flowchart LR\n  A:::x --> B\n  classDef x background:url(//evil.example)".to_owned(),
            "flowchart LR\n  H@{ img: \"https://evil.example/x.png\", label: \"x\" }".to_owned(),
            "%%{init: {\"themeCSS\": \"@import url(https://evil.example/x.css);\"}}%%\nflowchart LR\n  A --> B".to_owned(),
            "%%{init: {\"themeVariables\": {\"primaryColor\": \"url(https://evil.example)\", \"fontFamily\": \"x;}</style><script>hurt()</script>\"}}}%%\nflowchart LR\n  A --> B".to_owned(),
            "%%{init: {\"securityLevel\": \"loose\", \"htmlLabels\": true, \"maxTextSize\": 99999999}}%%\nflowchart LR\n  A[\"<script>hurt()</script>\"] --> B".to_owned(),
            "---\ntitle: \"</title><script>hurt()</script>\"\n---\nflowchart LR\n  A --> B".to_owned(),
            "sequenceDiagram\n  A->>B: <script>hurt()</script>\n  link A: x @ javascript:hurt()".to_owned(),
            "classDiagram\n  class A\n  link A \"javascript:hurt()\"\n  callback A \"hurt\"".to_owned(),
            "erDiagram\n  \"<svg onload=hurt()>\" ||--o{ B : \"<script>hurt()</script>\"".to_owned(),
            "stateDiagram-v2\n  [*] --> \"</text><script>hurt()</script>\"".to_owned(),
            format!("flowchart LR\n{}", many(1200, &|n| format!("  a{n} --> b{n}\n"))),
            format!("flowchart LR\n{}", many(60, &|n| many(20, &|m| format!("  n{n} --> n{m}\n")))),
            format!("flowchart LR\n{}A\n{}", many(300, &|n| format!("subgraph s{n}\n")), "end\n".repeat(300)),
            format!("stateDiagram-v2\n{}", many(400, &|n| format!("state s{n} {{\n"))),
            format!("sequenceDiagram\n{}", "  A->>B: x\n".repeat(1500)),
            format!("sequenceDiagram\n{}  A->>B: x\n", "  loop x\n".repeat(1000)),
            format!("flowchart LR\n  A[\"{}\"]", "W".repeat(19_000)),
            format!("flowchart LR\n  A[\"{}\"]", "\u{202e}\u{200b}😀".repeat(1500)),
            "x".repeat(30_000),
            "\0flowchart LR\n  A --> B\0".to_owned(),
        ]
    }

    #[tokio::test]
    async fn what_a_hostile_agent_writes_neither_runs_nor_loads_nor_lasts() {
        let server = Setup::scripted().start();
        let (mut n_drawn, mut n_refused) = (0, 0);
        for source in hostile() {
            let start = Instant::now();
            let drawings = drawn(&server, &[diagram(&source)]).await;
            let source = source.chars().take(120).collect::<String>();
            assert!(start.elapsed() < Duration::from_secs(15), "{source}: {:?}", start.elapsed());
            if drawings[0]["error"].is_string() {
                let words = error(&drawings[0]);
                assert!(words.starts_with("Th") && words.ends_with(['.', '…']), "{words}");
                println!("{:4} ms, refused: {words}", start.elapsed().as_millis());
                n_refused += 1;
                continue;
            }
            println!("{:4} ms, drawn: {}", start.elapsed().as_millis(), source.escape_debug());
            n_drawn += 1;
            let (light, _) = picture(&server, &drawings[0], "light").await;
            let (dark, _) = picture(&server, &drawings[0], "dark").await;
            for svg in [light, dark] {
                for word in [
                    "<script",
                    "<img",
                    "<iframe",
                    "<foreignObject",
                    "evil.example",
                    "javascript:",
                    "@import",
                ] {
                    assert!(!svg.contains(word), "{source}: {word}");
                }
                assert!(svg.starts_with("<svg ") && svg.len() <= 2 << 20);
            }
        }
        assert!(n_drawn > 5 && n_refused > 3, "{n_drawn} drawn, {n_refused} refused");
        nothing_draws(&server).await;
        let drawings = drawn(&server, &[diagram("flowchart LR\n  A --> B")]).await;
        assert!(drawings[0]["diagram"].is_object(), "{drawings:?}");
    }
}
