//! Tests of how the page is served.

use std::{collections::BTreeSet, fs};

use actix_web::{App, body::to_bytes, dev::ServiceResponse, test};

use super::*;

async fn respond(assets: Assets, request: test::TestRequest) -> ServiceResponse {
    let app = test::init_service(App::new().configure(|config| configure(config, assets))).await;
    test::call_service(&app, request.to_request()).await
}

async fn get(path: &str) -> ServiceResponse {
    respond(Assets::embedded(), test::TestRequest::get().uri(path)).await
}

fn header_of(response: &ServiceResponse, name: header::HeaderName) -> &str {
    response.headers().get(&name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn list(dir: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[std::prelude::v1::test]
fn every_file_of_the_page_is_embedded() {
    let mut on_disk = BTreeSet::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    list(&dir, "", &mut on_disk);
    let embedded: BTreeSet<String> = FILES.iter().map(|&(path, _)| path.to_owned()).collect();
    assert_eq!(embedded, on_disk);
}

#[actix_web::test]
async fn each_file_is_served_with_its_type() {
    for &(path, bytes) in FILES {
        let response = get(&format!("/{path}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let known = ["text/html", "text/javascript", "text/css", "image/svg+xml"];
        let content_type = header_of(&response, header::CONTENT_TYPE);
        assert!(
            known.iter().any(|known| content_type.starts_with(known)),
            "{path} is {content_type}"
        );
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-cache");
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), bytes);
    }
}

#[actix_web::test]
async fn an_address_within_the_page_shows_the_page() {
    for path in ["/", "/p/my-app_2", "/p/my-app_2/12", "/p/my-app_2/"] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/html; charset=utf-8");
    }
}

#[actix_web::test]
async fn what_is_not_the_pages_is_not_found() {
    let paths = [
        "/api",
        "/api/nothing",
        "/ws/x",
        "/missing.js",
        "/views/missing.js",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/views/..%2fapp.js",
        "/.git/config",
        "/views\\app.js",
    ];
    for path in paths {
        // The request's path must reach us as a client would write it, which a URI type may refuse.
        let Ok(uri) = path.parse::<actix_web::http::Uri>() else {
            assert_eq!(target(path), None, "{path}");
            continue;
        };
        let request = test::TestRequest::get().uri(&uri.to_string());
        let response = respond(Assets::embedded(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "application/problem+json");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(body.ends_with(br#""detail":"Not Found"}"#), "{path}");
    }
}

#[actix_web::test]
async fn a_known_version_is_not_sent_again() {
    let etag = header_of(&get("/app.js").await, header::ETAG).to_owned();
    for tags in [etag.clone(), format!("\"other\", {etag}"), etag.replace("W/", ""), "*".to_owned()]
    {
        let request = test::TestRequest::get()
            .uri("/app.js")
            .insert_header((header::IF_NONE_MATCH, tags.clone()));
        let response = respond(Assets::embedded(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tags}");
        assert_eq!(header_of(&response, header::ETAG), etag);
        assert!(to_bytes(response.into_body()).await.unwrap().is_empty());
    }
    let request =
        test::TestRequest::get().uri("/app.js").insert_header((header::IF_NONE_MATCH, "\"other\""));
    let response = respond(Assets::embedded(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_file_is_only_read() {
    let request = test::TestRequest::post().uri("/app.js");
    let response = respond(Assets::embedded(), request).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header_of(&response, header::ALLOW), "GET, HEAD");
}

#[actix_web::test]
async fn head_tells_the_length_and_sends_no_body() {
    let app = || App::new().configure(|config| configure(config, Assets::embedded()));
    let server = actix_web::HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let url = format!("http://{address}/app.js");
    let response = reqwest::Client::new().head(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let length = FILES.iter().find(|(path, _)| *path == "app.js").unwrap().1;
    assert_eq!(response.headers()["content-length"], length.len().to_string());
    assert!(response.bytes().await.unwrap().is_empty());
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_directory_serves_its_newest_files_and_nothing_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("page");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join(INDEX), "first").unwrap();
    fs::write(root.path().join("secret.js"), "secret").unwrap();
    std::os::unix::fs::symlink(root.path().join("secret.js"), dir.join("link.js")).unwrap();

    let assets = Assets::from_directory(&dir).unwrap();
    let page = |assets| respond(assets, test::TestRequest::get().uri("/"));
    let body = to_bytes(page(assets.clone()).await.into_body()).await;
    assert_eq!(body.unwrap(), "first");
    fs::write(dir.join(INDEX), "second").unwrap();
    let body = to_bytes(page(assets.clone()).await.into_body()).await;
    assert_eq!(body.unwrap(), "second");

    for path in ["/link.js", "/../secret.js", "/..%2fsecret.js"] {
        let request = test::TestRequest::get().uri(path);
        let response = respond(assets.clone(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[std::prelude::v1::test]
fn a_directory_without_a_page_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let error = Assets::from_directory(dir.path()).unwrap_err().to_string();
    assert!(error.contains("index.html"), "{error}");
}
