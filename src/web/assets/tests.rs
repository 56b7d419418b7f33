//! Tests of how the page is served.

use std::{borrow::Cow, collections::BTreeSet, fs, sync::LazyLock};

use actix_web::{App, body::to_bytes, dev::ServiceResponse, test};

use super::*;

static EMBEDDED: LazyLock<Assets> =
    LazyLock::new(|| Assets::embedded(&BasePath::default()).unwrap());

async fn respond(assets: Assets, request: test::TestRequest) -> ServiceResponse {
    let app = test::init_service(App::new().configure(|config| configure(config, assets))).await;
    test::call_service(&app, request.to_request()).await
}

async fn get(path: &str) -> ServiceResponse {
    respond(EMBEDDED.clone(), test::TestRequest::get().uri(path)).await
}

/// The address of an embedded asset.
fn asset(path: &str) -> String {
    format!("/assets/{}/{path}", EMBEDDED.version())
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
    let embedded: BTreeSet<String> = Embedded::iter().map(Cow::into_owned).collect();
    assert_eq!(embedded, on_disk);
}

/// What is served, by path.
fn served() -> Files {
    link::link(&embedded_files()).unwrap()
}

#[actix_web::test]
async fn each_asset_is_served_with_its_type_and_kept_for_good() {
    for (path, text) in served().into_iter().filter(|(path, _)| !path.ends_with(".html")) {
        let response = get(&asset(&path)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let known = ["text/javascript", "text/css", "image/svg+xml", "text/plain"];
        let content_type = header_of(&response, header::CONTENT_TYPE);
        assert!(
            known.iter().any(|known| content_type.starts_with(known)),
            "{path} is {content_type}"
        );
        let cache = header_of(&response, header::CACHE_CONTROL);
        assert_eq!(cache, "public, max-age=31536000, immutable");
        let bytes = to_bytes(response.into_body()).await.unwrap();
        assert_eq!(bytes, text);
    }
}

#[std::prelude::v1::test]
fn every_module_is_served_without_its_comments_where_it_is_needed() {
    let served = served();
    let all = embedded_files();
    let modules = all.keys().filter(|path| path.ends_with(".js") && *path != "early.js");
    let holders = |module: &str| {
        let head = format!("\n// {module}\n");
        let scripts = served.iter().filter(|(_, text)| text.contains(&head));
        scripts.map(|(path, _)| path.as_str()).collect::<Vec<_>>()
    };
    for module in modules {
        assert!(!holders(module).is_empty(), "{module}");
    }
    assert_eq!(holders("views/dom.js"), ["admin.js", "app.js"]);
    assert!(!holders("views/search_dialog.js").contains(&"app.js"), "it is loaded later");
    for (path, text) in &served {
        let comment = text.lines().find(|line| line.trim_start().starts_with("/*"));
        assert_eq!(comment, None, "{path}");
    }
}

#[actix_web::test]
async fn documents_are_revalidated_and_load_what_is_served() {
    for (path, name) in [("/", INDEX), ("/login", "login.html"), ("/admin", "admin.html")] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-cache");
        let html = String::from_utf8(to_bytes(response.into_body()).await.unwrap().into()).unwrap();
        let loaded: Vec<&str> = html.split('"').filter(|text| text.starts_with(PREFIX)).collect();
        let stem = name.trim_end_matches(".html");
        assert!(loaded.contains(&asset(&format!("{stem}.css")).as_str()), "{loaded:?}");
        assert!(loaded.len() > 3, "{html}");
        for address in loaded {
            assert_eq!(get(address).await.status(), StatusCode::OK, "{address}");
        }
    }
}

#[actix_web::test]
async fn assets_of_another_version_are_not_found_and_the_answer_says_what_helps() {
    for path in ["/assets/0123456789abcdef/app.js", "/assets/live/app.js"] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("reload the page"), "{body:?}");
    }
}

#[std::prelude::v1::test]
fn the_version_changes_with_any_file() {
    let version = |content: &str| fingerprint(&[("app.js", content), ("style.css", "b")]);
    assert_eq!(version("a"), version("a"));
    assert_ne!(version("a"), version("c"));
    assert_eq!(Assets::embedded(&BasePath::default()).unwrap().version(), EMBEDDED.version());
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
        "/app.js",
        "/assets/",
        "/assets/missing.js",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/views/..%2fapp.js",
        "/.git/config",
        "/views\\app.js",
    ];
    for path in paths {
        // The request's path must reach us as a client would write it, which a URI type may refuse.
        let Ok(uri) = path.parse::<actix_web::http::Uri>() else {
            assert_eq!(Target::of(path), None, "{path}");
            continue;
        };
        let request = test::TestRequest::get().uri(&uri.to_string());
        let response = respond(EMBEDDED.clone(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "application/problem+json");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(body.ends_with(br#""detail":"Not Found"}"#), "{path}");
    }
}

#[actix_web::test]
async fn a_known_version_is_not_sent_again() {
    let app = asset("app.js");
    let etag = header_of(&get(&app).await, header::ETAG).to_owned();
    for tags in [etag.clone(), format!("\"other\", {etag}"), etag.replace("W/", ""), "*".to_owned()]
    {
        let request =
            test::TestRequest::get().uri(&app).insert_header((header::IF_NONE_MATCH, tags.clone()));
        let response = respond(EMBEDDED.clone(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tags}");
        assert_eq!(header_of(&response, header::ETAG), etag);
        assert!(to_bytes(response.into_body()).await.unwrap().is_empty());
    }
    let request =
        test::TestRequest::get().uri(&app).insert_header((header::IF_NONE_MATCH, "\"other\""));
    let response = respond(EMBEDDED.clone(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_file_is_only_read() {
    let request = test::TestRequest::post().uri(&asset("app.js"));
    let response = respond(EMBEDDED.clone(), request).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header_of(&response, header::ALLOW), "GET, HEAD");
}

#[actix_web::test]
async fn head_tells_the_length_and_sends_no_body() {
    let app = || {
        App::new()
            .configure(|config| configure(config, Assets::embedded(&BasePath::default()).unwrap()))
    };
    let server = actix_web::HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let url = format!("http://{address}{}", asset("app.js"));
    let response = reqwest::Client::new().head(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let length = served()["app.js"].len();
    assert_eq!(response.headers()["content-length"], length.to_string());
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

    let assets = Assets::from_directory(&dir, &BasePath::default()).unwrap();
    let page = |assets| respond(assets, test::TestRequest::get().uri("/"));
    let body = to_bytes(page(assets.clone()).await.into_body()).await;
    assert_eq!(body.unwrap(), "first");
    fs::write(dir.join(INDEX), "second").unwrap();
    let body = to_bytes(page(assets.clone()).await.into_body()).await;
    assert_eq!(body.unwrap(), "second");

    fs::write(dir.join("app.js"), "script").unwrap();
    let app = respond(assets.clone(), test::TestRequest::get().uri("/assets/live/app.js")).await;
    assert_eq!(header_of(&app, header::CACHE_CONTROL), "no-cache");
    assert_eq!(to_bytes(app.into_body()).await.unwrap(), "script");

    for path in
        ["/assets/live/link.js", "/assets/live/../../secret.js", "/assets/live/..%2fsecret.js"]
    {
        let request = test::TestRequest::get().uri(path);
        let response = respond(assets.clone(), request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[std::prelude::v1::test]
fn a_directory_without_a_page_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let error = Assets::from_directory(dir.path(), &BasePath::default()).unwrap_err().to_string();
    assert!(error.contains("index.html"), "{error}");
}
