//! What goes wrong at a service: every error has words that help, and is repeated where that helps.

use std::{
    io::{Read, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Model,
    service::{
        Act, Service, delta, error, finish, response, response_with, says, stream,
        stream as stream_of, usage,
    },
};

#[test]
fn every_error_of_a_service_has_words_that_help() {
    let llama = |code: u16, message: &str, kind: &str| {
        error(code, &json!({"error": {"code": code, "message": message, "type": kind}}))
    };
    for (act, settings, words) in [
        (
            llama(401, "Invalid API Key", "authentication_error"),
            json!({}),
            "does not accept the key",
        ),
        (llama(403, "no", "x"), json!({}), "does not accept the key"),
        (
            error(402, &json!({"error": {"code": 402, "message": "Insufficient credits"}})),
            json!({}),
            "no credit",
        ),
        (
            error(429, &json!({"error": {"code": "insufficient_quota", "message": "quota"}})),
            json!({}),
            "no credit",
        ),
        (
            error(
                404,
                &json!({"error": {"message": "model \"m\" not found, try pulling it first"}}),
            ),
            json!({"preset": "ollama"}),
            "ollama pull m",
        ),
        (
            error(404, &json!({"error": {"code": "model_not_found", "message": "no"}})),
            json!({}),
            "does not know the model",
        ),
        (llama(404, "File Not Found", "not_found_error"), json!({}), "base_url"),
        (error(413, &json!({})), json!({"context": 4096}), "longer than the model's context"),
        (llama(400, "odd", "invalid_request_error"), json!({}), "did not accept"),
        (
            Act::Bytes(response_with(429, "application/json", "retry-after: 90\r\n", b"{}")),
            json!({}),
            "Ask again in 1m 30s",
        ),
        (
            error(529, &json!({"error": {"type": "overloaded_error", "message": "Overloaded"}})),
            json!({"retries": 0}),
            "too much to do",
        ),
        (error(500, &json!({"error": "out of memory"})), json!({"retries": 0}), "out of memory"),
        (
            Act::Bytes(response(200, "text/html", b"<!doctype html><p>hi")),
            json!({}),
            "no model service",
        ),
        (
            Act::Bytes(response(404, "text/html", b"<!doctype html><p>hi")),
            json!({}),
            "no model service",
        ),
        (
            Act::Bytes(response_with(
                307,
                "text/plain",
                "location: https://elsewhere.example/v1\r\n",
                b"",
            )),
            json!({"key": "k"}),
            "elsewhere.example",
        ),
        (Act::Bytes(b"SSH-2.0-OpenSSH\r\n".to_vec()), json!({}), "no model service"),
        (
            Act::Bytes(response(200, "text/plain", b"hello")),
            json!({"retries": 0}),
            "ended before the answer",
        ),
        (
            Act::Bytes(response(200, "application/json", b"[1")),
            json!({"retries": 0}),
            "no answer of a model",
        ),
        (Act::Close, json!({"retries": 0}), "ended before the answer"),
        (
            Act::Bytes(stream(&[json!({"error": {"message": "out of memory", "code": 500}})])),
            json!({"retries": 0}),
            "out of memory",
        ),
        (Act::Bytes(stream(&[finish("stop")])), json!({"retries": 0}), "without a word"),
        (
            Act::Bytes(stream(&[delta(json!({"reasoning": "hm"})), finish("length")])),
            json!({}),
            "most that it may say",
        ),
        (Act::Bytes(stream(&[finish("content_filter")])), json!({}), "declined"),
    ] {
        let service = Service::start(vec![act.clone()]);
        let mut model = Model::start(&service.url, settings);
        let turn = model.ask("Hello?");
        turn.check();
        assert!(turn.words().contains(words), "{act:?}: {}", turn.result);
        assert_eq!(turn.result["terminal_reason"], "explained");
        assert!(turn.words().len() < 700 && !turn.words().contains('<'), "{}", turn.words());
        assert!(!model.says_more());
    }
}

#[test]
fn an_agent_whose_service_is_gone_or_unsafe_says_so_and_lives() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let plain = greeting(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let tls = format!("https://{plain}/v1");
    for (url, words) in [
        (format!("http://{closed}/v1"), "Nothing answers"),
        ("http://no-such-host.invalid/v1".to_owned(), "Nothing answers"),
        (tls, "cannot be made secure"),
    ] {
        let mut model = Model::start(&url, json!({"retries": 0}));
        let turn = model.ask("Hello?");
        assert!(turn.words().contains(words), "{url}: {}", turn.result);
        assert_eq!(model.ask("Again?").result["terminal_reason"], "explained");
    }
}

/// The address of a server that says this to everybody, and does not listen.
fn greeting(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            stream.write_all(bytes).ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    address
}

/// The address of a service that answers over TLS, and the file of the authority that vouches for it.
fn secure_service() -> (String, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let answer = stream_of(&[delta(json!({"content": "There."})), finish("stop")]);
            stream.write_all(&answer).ok();
            stream.conn.send_close_notify();
            stream.flush().ok();
        }
    });
    (format!("https://localhost:{port}/v1"), file)
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let (url, authority) = secure_service();
    let mut model = Model::start(&url, json!({"retries": 0}));
    let turn = model.ask("Hello?");
    assert!(turn.words().contains("cannot be made secure"), "{}", turn.result);
    assert!(turn.words().contains("SSL_CERT_FILE"), "{}", turn.words());
    let file = authority.path().to_str().unwrap();
    let mut model = Model::start_with(&url, json!({"retries": 0}), &[("SSL_CERT_FILE", file)]);
    let turn = model.ask("Hello?");
    assert_eq!(turn.text(), "There.", "{}", turn.result);
}

#[test]
fn a_key_with_a_line_break_is_refused_at_once_and_not_shown() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cicerone"))
        .args(["model", "--name", "pond", "--prompt", "/dev/null"])
        .env(
            "CICERONE_MODEL_SERVICE",
            json!({"base_url": "http://127.0.0.1:1/v1", "model": "m",
            "key": "hunter2\nhunter3"})
            .to_string(),
        )
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("line break"), "{said}");
    assert!(!said.contains("hunter"), "{said}");
}

#[test]
fn what_may_pass_is_asked_again_and_nothing_is_shown_twice() {
    for act in [
        error(529, &json!({"error": {"type": "overloaded_error", "message": "x"}})),
        error(500, &json!({})),
        Act::Bytes(response_with(429, "application/json", "retry-after: 1\r\n", b"{}")),
        Act::Close,
        Act::Bytes(stream(&[json!({"error": {"message": "x", "code": 503}})])),
    ] {
        let service = Service::start(vec![act.clone(), says("There.")]);
        let mut model = Model::start(&service.url, json!({}));
        let turn = model.ask("Hello?");
        turn.check();
        assert_eq!((turn.text().as_str(), turn.retries()), ("There.", 1), "{act:?}");
        assert_eq!(service.questions().len(), 2);
    }
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    let half = format!("data: {}\n\n", delta(json!({"content": "Half"})));
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec();
    let failed = format!("data: {}\n\n", json!({"error": {"message": "gone", "code": 529}}));
    for rest in [String::new(), failed, "data: {\"cho".to_owned()] {
        let bytes = [head.clone(), half.clone().into_bytes(), rest.into_bytes()].concat();
        let service = Service::start(vec![Act::Bytes(bytes), says("Again.")]);
        let mut model = Model::start(&service.url, json!({}));
        let turn = model.ask("Hello?");
        turn.check();
        assert_eq!((turn.text().as_str(), turn.is_success()), ("Half", false), "{}", turn.result);
        assert_eq!((turn.retries(), service.questions().len()), (0, 1));
        assert_eq!(model.ask("Again?").text(), "Again.");
    }
}

#[test]
fn a_model_that_is_being_loaded_is_waited_for() {
    let loading =
        || error(503, &json!({"error": {"message": "Loading model", "type": "unavailable_error"}}));
    let service = Service::start(vec![loading(), says("There.")])
        .tell("/health", Act::Bytes(response(200, "application/json", b"{\"status\":\"ok\"}")))
        .tell("/health", loading());
    let mut model = Model::start(&service.url, json!({"retries": 0}));
    let turn = model.ask("Hello?");
    assert_eq!((turn.text().as_str(), turn.retries()), ("There.", 1));
}

#[test]
fn an_overflow_is_cut_once_and_then_told() {
    let overflow = || {
        error(
            400,
            &json!({"error": {"code": 400, "type": "exceed_context_size_error",
            "message": "request exceeds", "n_prompt_tokens": 4024, "n_ctx": 2048}}),
        )
    };
    let service = Service::start(vec![overflow(), says("Short."), overflow(), overflow()]);
    let mut model = Model::start(&service.url, json!({}));
    let past = json!({"question": "One?", "answer": [{"text": "x".repeat(9000)}]});
    model.send(&json!({"type": "history", "turns": [past]}));
    assert_eq!(model.ask("Two?").text(), "Short.");
    let questions = service.questions();
    let length = |at: usize| questions[at].body["messages"].to_string().len();
    assert!(length(1) * 3 < length(0), "{} {}", length(1), length(0));
    let turn = model.ask("Three?");
    assert!(
        turn.words().contains("2048 tokens") || turn.words().contains("tokens"),
        "{}",
        turn.result
    );
    assert_eq!(turn.result["remedy"], "new_conversation");
}

#[test]
fn a_service_that_says_nothing_is_given_up() {
    let service = Service::start(vec![Act::Hold(Vec::new())]);
    let mut model = Model::start(&service.url, json!({"silence_s": 1}));
    let begun = Instant::now();
    let turn = model.ask("Hello?");
    assert!(turn.words().contains("said nothing"), "{}", turn.result);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn silent_truncation_is_noticed_and_told_once_with_its_cure() {
    let answer = || {
        Act::Bytes(stream(&[delta(json!({"content": "Well."})), finish("stop"), usage(2048, 5)]))
    };
    let runs = |context: u64| {
        let models = json!({"models": [{"name": "m:latest", "context_length": context}]});
        Act::Bytes(response(200, "application/json", models.to_string().as_bytes()))
    };
    let long = "word ".repeat(5000);
    for (service, told) in [
        (Service::start(vec![answer()]), Some("2048")),
        (Service::start(vec![answer()]).tell("/api/ps", runs(4096)), Some("4096")),
        // The rest was in its cache.
        (Service::start(vec![answer()]).tell("/api/ps", runs(65_536)), None),
    ] {
        let mut model = Model::start(&service.url, json!({"preset": "ollama", "context": 100_000}));
        let turn = model.ask(&long);
        turn.check();
        match told {
            Some(size) => {
                assert!(turn.text().contains(size), "{}", turn.text());
                assert!(turn.text().contains("OLLAMA_CONTEXT_LENGTH"), "{}", turn.text());
            }
            None => assert_eq!(turn.text(), "Well."),
        }
        assert_eq!(model.ask("And?").text(), "Well.");
    }
}

#[test]
fn a_service_that_counts_too_few_tokens_is_still_sent_all() {
    let counts = |tokens| {
        let words = delta(json!({"content": "Well."}));
        Act::Bytes(stream(&[words, finish("stop"), usage(tokens, 5)]))
    };
    for counted in [1, 7, 300, 1500] {
        let service = Service::start(vec![counts(counted)]);
        let mut model = Model::start(&service.url, json!({"preset": "vllm", "context": 100_000}));
        let [first, second] = ["first ", "second "].map(|word| word.repeat(5000));
        let turn = model.ask(&first);
        assert!(turn.text().contains(&format!("at most {counted} tokens")), "{}", turn.text());
        assert_eq!(model.ask(&second).text(), "Well.");
        let sent = service.questions().pop().unwrap().body.to_string();
        assert!(sent.contains(&first) && sent.contains(&second), "{counted}: it was cut");
    }
}

#[test]
fn the_size_of_the_context_is_asked_from_the_service_unless_it_is_configured() {
    let long = "x".repeat(30_000);
    let models = json!({"data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 4096}}]});
    let models = Act::Bytes(response(200, "application/json", models.to_string().as_bytes()));
    for (settings, fits) in [(json!({}), false), (json!({"context": 32_000}), true)] {
        let service = Service::start(vec![says("Well.")]).tell("/v1/models", models.clone());
        let mut model = Model::start(&service.url, settings);
        let turn = model.ask(&long);
        assert_eq!(turn.is_success(), fits, "{}", turn.result);
        assert_eq!(turn.words().contains("4096 tokens"), !fits, "{}", turn.words());
        assert_eq!(service.questions().len(), usize::from(fits));
    }
}

#[test]
fn a_service_that_was_not_ready_is_asked_for_its_size_again() {
    let models = json!({"data": [{"id": "m", "meta": {"n_ctx": 4096}}]});
    let models = Act::Bytes(response(200, "application/json", models.to_string().as_bytes()));
    let loading = error(503, &json!({"error": {"message": "Loading model"}}));
    let service =
        Service::start(vec![says("Well.")]).tell("/v1/models", models).tell("/v1/models", loading);
    let mut model = Model::start(&service.url, json!({}));
    assert_eq!(model.ask("Hello?").text(), "Well.");
    let turn = model.ask(&"x".repeat(30_000));
    assert!(turn.words().contains("4096 tokens"), "{}", turn.result);
}

#[test]
fn a_service_that_loads_its_model_is_asked_again_whether_that_takes_tools() {
    let loading = || error(503, &json!({"error": {"message": "Loading model"}}));
    let props = json!({"chat_template_caps": {"supports_tools": false}});
    let props = Act::Bytes(response(200, "application/json", props.to_string().as_bytes()));
    let service = Service::start(vec![loading(), says("It is in a.rs.")])
        .tell("/props", props)
        .tell("/props", loading());
    let mut model = Model::start(&service.url, json!({"preset": "llamacpp"}));
    model.results.insert("search", "src/a.rs:3-9\nfn evict() {}".to_owned());
    let turn = model.ask("Where is it?");
    turn.check();
    assert_eq!(turn.calls.len(), 1, "{:?}", turn.calls);
    let asked = service.questions().pop().unwrap();
    assert!(asked.body["messages"].to_string().contains("fn evict() {}"), "{:?}", asked.body);
    assert!(asked.body.get("tools").is_none(), "{:?}", asked.body);
}

#[test]
fn a_model_without_tools_gets_the_passages_instead() {
    let props = json!({"chat_template_caps": {"supports_tools": false},
        "default_generation_settings": {"n_ctx": 4096}});
    let props = Act::Bytes(response(200, "application/json", props.to_string().as_bytes()));
    let refused = error(400, &json!({"error": {"message": "m does not support tools"}}));
    for service in [
        Service::start(vec![says("It is in a.rs.")]).tell("/props", props),
        Service::start(vec![refused, says("It is in a.rs.")]),
    ] {
        let mut model = Model::start(&service.url, json!({"preset": "llamacpp"}));
        model.results.insert("search", "src/a.rs:3-9\nfn evict() {}".to_owned());
        let turn = model.ask("Where is it?");
        turn.check();
        assert_eq!(turn.calls[0].0, "search");
        assert_eq!(turn.calls[0].1["query"], "Where is it?");
        assert_eq!(turn.text(), "It is in a.rs.");
        let request = service.questions().pop().unwrap().body;
        assert!(request.get("tools").is_none());
        assert!(request["messages"].to_string().contains("src/a.rs:3-9"), "{request}");
    }
}

#[test]
fn a_service_of_a_model_that_ollama_does_not_have_is_told_before_the_first_request() {
    let missing = error(404, &json!({"error": "model 'm' not found"}));
    let service = Service::start(vec![says("?")]).tell("/api/show", missing);
    let mut model = Model::start(&service.url, json!({"preset": "ollama"}));
    let turn = model.ask("Hello?");
    assert!(turn.words().contains("`ollama pull m`"), "{}", turn.result);
    assert!(service.questions().is_empty());
}
