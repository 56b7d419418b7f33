//! Access to projects: for those whom a project does not list, it does not exist, on every path.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Server, Setup};

use super::rights::{ADMINISTRATOR, ANA, BEN, CEM, PATHS, Person, filled, team};

/// What a project lists that Ana and the group `ops` may see.
pub const LIST: &str = r#"access = ["user:ana", "ops"]"#;

/// The projects `demo` for everybody and `hidden` for some, and the group `both` of them.
pub fn restricted(access: &str) -> Setup {
    let table = format!("[projects.hidden]\ndir = \"elsewhere\"\n{access}\n");
    let groups = "[groups]\nboth = [\"demo\", \"hidden\"]\n";
    let setup = team(&format!("public_snapshots = true\n{table}{groups}")).project("hidden");
    std::fs::write(setup.files_dir().join("hidden/README.md"), "# Hidden\n").unwrap();
    let file = setup.files_dir().join("cicerone.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let headers = "[access]\ngroups_header = \"X-Forwarded-Groups\"";
    std::fs::write(&file, text.replacen("[access]", headers, 1)).unwrap();
    setup
}

/// Everything that an answer tells but its time.
async fn told(
    server: &Server,
    headers: &[(&'static str, String)],
    (method, path, body): (&str, &str, &str),
) -> (StatusCode, Vec<String>, String) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = reqwest::Client::new().request(method, server.url(path));
    request = request.timeout(Duration::from_secs(10));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let varies = ["date", "set-cookie"];
    let told = headers.iter().filter(|(name, _)| !varies.contains(&name.as_str()));
    let mut told: Vec<_> = told.map(|(name, value)| format!("{name}: {value:?}")).collect();
    told.sort();
    (status, told, answer.text().await.unwrap())
}

fn in_group(person: Person, groups: &str) -> Vec<(&'static str, String)> {
    let mut headers = person.headers();
    headers.push(("x-forwarded-groups", groups.to_owned()));
    headers
}

async fn names(server: &Server, headers: &[(&'static str, String)], path: &str) -> Vec<String> {
    let (status, _, text) = told(server, headers, ("GET", path, "")).await;
    assert_eq!(status, 200, "{text}");
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["data"].as_array().or(list.as_array()).unwrap();
    let name = |item: &Value| {
        [&item["name"], &item["id"], item].into_iter().find_map(Value::as_str).unwrap().to_owned()
    };
    items.iter().map(name).collect()
}

/// A conversation of Ana's in a project, with an answer.
async fn conversation(server: &Server, project: &str) -> i64 {
    let body = json!({ "project": project, "question": "say yes" }).to_string();
    let (status, _, text) = told(server, &ANA.headers(), ("POST", "/api/v1/ask", &body)).await;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["conversation_id"].as_i64().unwrap()
}

#[actix::test]
async fn p14_a_project_without_access_answers_as_one_that_does_not_exist_on_every_path() {
    let server = restricted(LIST).start();
    // The name of the one that does not exist has as many letters.
    for (hidden, absent) in [("hidden", "absent"), ("both", "none")] {
        let id = conversation(&server, hidden).await;
        let mut compared = 0;
        for who in [BEN.headers(), in_group(CEM, "op, ops-2"), in_group(CEM, "user:ana")] {
            for (method, path, with, _) in PATHS {
                let is_of_project = path.contains("{project}")
                    || path.contains("{model}")
                    || with.contains("\"demo\"");
                if !is_of_project || path.contains("/ws/") {
                    continue;
                }
                let ask = async |name: &str| {
                    let (query, body) =
                        if with.starts_with('?') { (*with, "") } else { ("", *with) };
                    let path = filled(path, name, id) + query;
                    let body = body.replace("\"demo\"", &format!("\"{name}\""));
                    told(&server, &who, (method, &path, &body)).await
                };
                let of_hidden = ask(hidden).await;
                let (status, headers, text) = ask(absent).await;
                let as_hidden = (status, headers, text.replace(absent, hidden));
                assert_eq!(of_hidden, as_hidden, "{method} {path} {who:?}");
                compared += 1;
            }
        }
        assert!(compared > 100, "{compared}");
        // And it is all there for those who have access.
        let (status, ..) = told(
            &server,
            &ANA.headers(),
            ("GET", &format!("/api/assistant/conversations/{hidden}/{id}"), ""),
        )
        .await;
        assert_eq!(status, 200);
    }
}

#[actix::test]
async fn p14_a_socket_to_a_project_without_access_closes_as_to_one_that_does_not_exist() {
    let server = restricted(LIST).start();
    conversation(&server, "hidden").await;
    let connect = async |project: &str, headers: Vec<(&'static str, String)>| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let client = crate::client::Client::connect_with(server.address(), project, &headers);
        client.await.unwrap()
    };
    for project in ["hidden", "both"] {
        for who in [BEN.headers(), in_group(BEN, "dev"), ANA.headers()[..1].to_vec()] {
            let refused = connect(project, who.clone()).await.until_closed().await;
            let absent = connect("absent", who).await.until_closed().await;
            assert_eq!(refused, absent);
        }
        for who in [ANA.headers(), in_group(BEN, "dev,ops"), ADMINISTRATOR.headers()] {
            let mut client = connect(project, who).await;
            client.begin().await;
        }
    }
}

#[actix::test]
async fn p14_every_list_has_the_projects_that_exist_for_who_asks() {
    let server = restricted(LIST).start();
    for project in ["demo", "hidden", "both"] {
        conversation(&server, project).await;
    }
    for path in ["/api/projects", "/v1/models", "/api/assistant/sessions"] {
        for who in [ANA.headers(), in_group(BEN, "ops"), ADMINISTRATOR.headers()] {
            let mut all = names(&server, &who, path).await;
            all.sort();
            assert_eq!(all, ["both", "demo", "hidden"], "{path} {who:?}");
        }
        for who in [BEN.headers(), in_group(BEN, "OPS"), ANA.headers()[..1].to_vec()] {
            assert_eq!(names(&server, &who, path).await, ["demo"], "{path} {who:?}");
        }
    }
}

#[actix::test]
async fn p14_who_is_let_in_by_a_list_and_who_is_an_admin_is_no_claim_of_a_client() {
    let setup = restricted(LIST);
    let file = setup.files_dir().join("cicerone.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // A header from elsewhere than the proxy counts for nothing.
    let text = text.replace("[\"127.0.0.1\"]", "[\"192.0.2.1\"]");
    let text = text.replacen("[access]", "[access]\nadmin_groups = [\"ops\"]", 1);
    std::fs::write(&file, text).unwrap();
    let server = setup.start();
    let who = in_group(ANA, "ops");
    assert_eq!(names(&server, &who, "/api/projects").await, ["demo"]);
    assert_eq!(told(&server, &who, ("GET", "/api/admin/sessions", "")).await.0, 403);
    // Two headers are one too many, as one of them may be the client's.
    let server = restricted(LIST).start();
    let mut twice = in_group(BEN, "dev");
    twice.push(("x-forwarded-groups", "ops".to_owned()));
    assert_eq!(names(&server, &twice, "/api/projects").await, ["demo"]);
}

#[actix::test]
async fn members_of_an_admin_group_are_admins_and_without_tokens_nobody_else_is() {
    let setup = restricted(LIST);
    let file = setup.files_dir().join("cicerone.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("[access]", "[access]\nadmin_groups = [\"root\"]", 1);
    std::fs::write(&file, text).unwrap();
    let setup = setup.env("CICERONE_VIEWER_TOKEN", "").env("CICERONE_ADMIN_TOKEN", "");
    let server = setup.start();
    let user = |name: &str, groups: &str| {
        vec![("x-forwarded-user", name.to_owned()), ("x-forwarded-groups", groups.to_owned())]
    };
    for (who, status, projects) in [
        (user("ben", "root"), 200, 3),
        (user("ana", "dev"), 403, 3),
        (user("ben", "dev"), 403, 1),
        (Vec::new(), 403, 1),
    ] {
        assert_eq!(told(&server, &who, ("GET", "/api/admin/sessions", "")).await.0, status);
        assert_eq!(names(&server, &who, "/api/projects").await.len(), projects, "{who:?}");
    }
}

#[test]
fn a_list_is_refused_where_nobody_has_a_name_and_a_name_that_nobody_can_have() {
    let table = |access: &str| format!("[projects.demo]\ndir = \".\"\naccess = {access}\n");
    let (_, words) = Setup::guide().config(&table(r#"["ana"]"#)).fail();
    assert!(words.contains("nobody has a name here"), "{words}");
    let (_, words) = restricted(r#"access = ["ana "]"#).fail();
    assert!(words.contains("projects.hidden.access") && words.contains("no name"), "{words}");
    let (_, words) = restricted(r#"access = "ana""#).fail();
    assert!(words.contains("projects.hidden"), "{words}");
    let header = "[access]\ngroups_header = \"X-Groups\"\n";
    let (_, words) = Setup::guide().config(header).fail();
    assert!(words.contains("trusted_proxies"), "{words}");
}

#[test]
fn whoever_reaches_the_files_of_a_restricted_project_through_another_one_is_told() {
    let setup = restricted(LIST);
    let inner = setup.files_dir().join("hidden/part");
    std::fs::create_dir(&inner).unwrap();
    let server = setup.args(["--project", &format!("part={}", inner.display())]).start();
    let log = server.log();
    assert!(log.contains("files of project `hidden` are also in project `part`"), "{log}");
}
