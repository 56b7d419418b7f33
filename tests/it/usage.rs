//! What answers take: budgets, the table for admins, charts; and the log of who did what.

use serde_json::{Value, json};

use crate::{
    access::rights::{ADMINISTRATOR, ANA, BEN, CEM, Person, connect, make_private, team},
    client::{Client, text_of},
    server::{Server, Setup, eventually},
};

/// Tokens that the scripted agent says it read for each answer.
const READ: u64 = 10;

async fn started(server: &Server, who: Person) -> (Client, i64) {
    let mut client = connect(server, who).await;
    let id = client.start().await;
    (client, id)
}

/// Asks, and gives the end of the turn or the refusal.
async fn ask(client: &mut Client, id: &str, script: &str) -> Value {
    client.post(id, script).await;
    loop {
        let frame = client.frame().await;
        let is_refusal = frame["type"] == "error" && frame["message_id"] == id;
        if is_refusal
            || frame["type"] == "response_done"
            || frame["turn"] == 1 && frame["type"] == "error"
        {
            return frame;
        }
    }
}

async fn usage(server: &Server, query: &str) -> Vec<Value> {
    let (status, table) =
        ADMINISTRATOR.send(server, "GET", &format!("/api/admin/usage{query}"), "").await;
    assert_eq!(status, 200, "{table}");
    table["rows"].as_array().unwrap().clone()
}

async fn budget(server: &Server, who: Person) -> Value {
    who.send(server, "GET", "/api/projects/demo/budget", "").await.1
}

#[actix::test]
async fn a_user_whose_budget_is_used_up_is_refused_in_words_and_others_are_not() {
    let mut server = team("[budgets]\nuser_tokens = 15\n").start();
    let (mut ana, id) = started(&server, ANA).await;
    let first = ask(&mut ana, "m1", "stream 6 0").await;
    assert_eq!(first["usage"]["output_tokens"], 6, "{first}");
    let spent = budget(&server, ANA).await;
    assert_eq!(spent["user"]["spent"]["tokens"], READ + 6, "{spent}");
    assert_eq!(spent["user"]["budget"]["tokens"], 15);
    assert!(spent["user"]["share"].as_f64().unwrap() > 1.0 && spent["project"].is_null());

    let refused = ask(&mut ana, "m2", "say more").await;
    let words = refused["content"].as_str().unwrap();
    assert!(words.contains("is used up: 16 of 15 tokens"), "{words}");
    assert!(words.contains("budgets.user_tokens"), "{words}");
    assert_eq!(refused["retryable"], false);
    let (mut ben, _) = started(&server, BEN).await;
    assert_eq!(ask(&mut ben, "m1", "say mine").await["outcome"], "completed");

    // Neither a deleted conversation nor a crash gives anything back.
    let path = format!("/api/assistant/conversations/demo/{id}");
    assert_eq!(ANA.send(&server, "DELETE", &path, "").await.0, 200);
    server.crash();
    let (mut ana, _) = started(&server, ANA).await;
    assert_eq!(ask(&mut ana, "m3", "say again").await["type"], "error");
    assert_eq!(budget(&server, ANA).await["user"]["spent"]["tokens"], READ + 6);
}

#[actix::test]
async fn a_projects_budget_is_everybodys() {
    let server = team("[budgets]\nproject_tokens = 12\nuser_dollars = 1\n").start();
    let (mut ana, _) = started(&server, ANA).await;
    ask(&mut ana, "m1", "stream 6 0").await;
    let (mut ben, _) = started(&server, BEN).await;
    let refused = ask(&mut ben, "m1", "say more").await;
    let words = refused["content"].as_str().unwrap();
    assert!(words.starts_with("The budget of the project demo for "), "{words}");
    let of_ben = budget(&server, BEN).await;
    assert_eq!(of_ben["user"]["spent"], json!({ "tokens": 0, "dollars": 0.0 }), "{of_ben}");
    let cost = budget(&server, ANA).await["user"]["spent"]["dollars"].as_f64().unwrap();
    assert!((cost - 0.01).abs() < 1e-9, "{cost}");
}

#[actix::test]
async fn without_budgets_nothing_is_refused_and_nobody_is_told_of_one() {
    let server = team("").start();
    let (mut ana, _) = started(&server, ANA).await;
    assert_eq!(ask(&mut ana, "m1", "say fine").await["outcome"], "completed");
    let told = budget(&server, ANA).await;
    assert!(told["user"].is_null() && told["project"].is_null() && told["month"].is_string());
}

#[actix::test]
async fn a_legacy_client_is_refused_in_words_too() {
    let server = Setup::scripted().config("[budgets]\nproject_tokens = 1\n").start();
    let mut client = server.connect().await;
    client.start_seed().await;
    client.ask("say one").await;
    assert_eq!(text_of(&client.turn().await), "one");
    client.ask("say two").await;
    let refused = client.frame().await;
    assert!(refused["content"].as_str().unwrap().contains("is used up"), "{refused}");
}

#[actix::test]
async fn admins_see_what_answers_took_by_day_user_project_and_agent_also_as_csv() {
    let server = team("").start();
    let (mut ana, _) = started(&server, ANA).await;
    ask(&mut ana, "m1", "say one").await;
    assert_eq!(ask(&mut ana, "m2", "stream 3 0").await["answered"]["by"]["name"], "claude");
    let (mut ben, _) = started(&server, BEN).await;
    // An answer that failed took its tokens as well.
    let failed = ask(&mut ben, "m1", "say part\nerror no luck").await;
    assert_eq!(
        (&failed["type"], &failed["usage"]["input_tokens"]),
        (&json!("error"), &json!(READ))
    );

    let all = usage(&server, "").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["answers"], &all[0]["failed"]), (&json!(3), &json!(1)), "{all:?}");
    assert_eq!(all[0]["input_tokens"], 3 * READ);
    assert!(all[0]["user"].is_null() && all[0]["day"].is_null());

    let by_user = usage(&server, "?by=user,project,agent,day").await;
    let of: Vec<_> = by_user.iter().map(|row| (row["user"].as_str(), &row["answers"])).collect();
    assert_eq!(of, [(Some("ana"), &json!(2)), (Some("ben"), &json!(1))], "{by_user:?}");
    let (day, agent) = (by_user[0]["day"].as_str().unwrap(), &by_user[0]["agent"]);
    assert_eq!((&by_user[0]["project"], agent), (&json!("demo"), &json!("claude")));

    assert_eq!(usage(&server, &format!("?from={day}&to={day}&user=ben")).await[0]["answers"], 1);
    assert_eq!(usage(&server, "?to=2020-01-01&from=2019-01-01").await, Vec::<Value>::new());
    assert_eq!(usage(&server, "?project=another&by=project").await, Vec::<Value>::new());

    let mut request = reqwest::Client::new().get(server.url("/api/admin/usage?by=user&format=csv"));
    for (name, value) in ADMINISTRATOR.headers() {
        request = request.header(name, value);
    }
    let csv = request.send().await.unwrap().text().await.unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("day,user,project,agent,answers,failed,"), "{csv}");
    assert!(lines[1].starts_with(",ana,,,2,0,20,0,"), "{csv}");

    for bad in ["?by=week", "?from=tomorrow", "?format=xls", "?to=2026-02-30"] {
        let path = format!("/api/admin/usage{bad}");
        let (status, problem) = ADMINISTRATOR.send(&server, "GET", &path, "").await;
        assert_eq!(status, 422, "{bad}: {problem}");
    }
}

#[actix::test]
async fn charts_of_the_last_hour_and_month_survive_a_restart() {
    let mut server = team("").start();
    let (mut ana, _) = started(&server, ANA).await;
    ask(&mut ana, "m1", "say one").await;
    server.crash();
    for (span, points) in [("hour", 60), ("month", 30)] {
        let path = format!("/api/admin/charts?span={span}");
        let (status, charts) = ADMINISTRATOR.send(&server, "GET", &path, "").await;
        assert_eq!(status, 200, "{charts}");
        let names: Vec<_> = charts.as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["answers", "first_text", "tokens", "cost", "agents"]);
        let summary = charts[0]["summary"].as_str().unwrap();
        assert!(summary.starts_with("1 answer in the last"), "{summary}");
        assert!(charts[1]["summary"].as_str().unwrap().starts_with("Half of the answers"));
        assert!(charts[4]["summary"].as_str().unwrap().starts_with("At most 1 at once"));
        let svg = charts[0]["svg"].as_str().unwrap();
        assert_eq!(svg.matches("class=\"point\"").count(), points, "{svg}");
    }
    let (status, _) = ADMINISTRATOR.send(&server, "GET", "/api/admin/charts?span=year", "").await;
    assert_eq!(status, 422);
}

#[actix::test]
async fn the_log_tells_who_ended_deleted_and_shared_what() {
    let server = team("").start();
    let (mut ana, id) = started(&server, ANA).await;
    ask(&mut ana, "m1", "say one").await;
    let of = |rest: &str| format!("/api/assistant/conversations/demo/{id}{rest}");
    let private = r#"{"visibility":"private"}"#;
    assert_eq!(ANA.send(&server, "PUT", &of("/visibility"), private).await.0, 200);
    let (_, link) = ANA.send(&server, "PUT", &of("/link"), "").await;
    assert_eq!(BEN.send(&server, "POST", &of("/guests"), &link.to_string()).await.0, 200);
    assert_eq!(ANA.send(&server, "DELETE", &of("/link"), "").await.0, 200);
    let open = r#"{"visibility":"team"}"#;
    assert_eq!(ANA.send(&server, "PUT", &of("/visibility"), open).await.0, 200);
    let session = format!("/api/admin/sessions/demo/{id}");
    assert_eq!(ADMINISTRATOR.send(&server, "DELETE", &session, "").await.0, 200);
    assert_eq!(BEN.send(&server, "DELETE", &of(""), "").await.0, 200);
    // What is refused is not done, and so not told.
    assert_eq!(BEN.send(&server, "DELETE", &of(""), "").await.0, 404);

    let log = async |query: &str| {
        let path = format!("/api/admin/actions{query}");
        ADMINISTRATOR.send(&server, "GET", &path, "").await.1
    };
    let all = eventually("all is in the log", async || {
        let log = log("").await;
        (log.as_array()?.len() == 8).then_some(log)
    })
    .await;
    let told: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (it["kind"].as_str().unwrap(), it["user"].as_str(), it["is_admin"].as_bool().unwrap())
        })
        .collect();
    let admin = ADMINISTRATOR.user;
    assert_eq!(
        told,
        [
            ("deleted", Some("ben"), false),
            ("ended", admin, true),
            ("opened_to_team", Some("ana"), false),
            ("withdrew_link", Some("ana"), false),
            ("opened_link", Some("ben"), false),
            ("made_link", Some("ana"), false),
            ("made_private", Some("ana"), false),
            ("asked", Some("ana"), false),
        ]
    );
    assert!(all.as_array().unwrap().iter().all(|it| it["conversation_id"] == id));
    assert_eq!(log("?q=BEN").await.as_array().unwrap().len(), 2);
    assert_eq!(log("?q=%25").await, json!([]));
    assert_eq!(log("?limit=1").await.as_array().unwrap().len(), 1);
}

#[actix::test]
async fn the_log_tells_once_who_read_what_of_somebody_else() {
    let server = team("").start();
    let (mut ana, id) = started(&server, ANA).await;
    ask(&mut ana, "m1", "say one").await;
    let (mut cem, other) = started(&server, CEM).await;
    ask(&mut cem, "m1", "say two").await;
    make_private(&server, CEM, other).await;
    let of = |id: i64, rest: &str| format!("/api/assistant/conversations/demo/{id}{rest}");
    for _ in 0..2 {
        assert_eq!(ANA.send(&server, "GET", &of(id, ""), "").await.0, 200);
        assert_eq!(BEN.send(&server, "GET", &of(id, ""), "").await.0, 200);
        assert_eq!(BEN.send(&server, "GET", &of(id, "/export"), "").await.0, 200);
        // What is refused is not read.
        assert_eq!(BEN.send(&server, "GET", &of(other, ""), "").await.0, 404);
    }
    // Over a socket as well.
    let mut socket = connect(&server, CEM).await;
    socket.enter(id, json!(0)).await;
    let opened = eventually("both are in the log", async || {
        let path = "/api/admin/actions?q=opened";
        let (_, log) = ADMINISTRATOR.send(&server, "GET", path, "").await;
        (log.as_array()?.len() >= 2).then_some(log)
    })
    .await;
    let who = |it: &Value| (it["user"].clone(), it["conversation_id"].clone(), it["kind"].clone());
    let told: Vec<_> = opened.as_array().unwrap().iter().map(who).collect();
    let opened = |user: &str| (json!(user), json!(id), json!("opened"));
    assert_eq!(told, [opened("cem"), opened("ben")]);
}
