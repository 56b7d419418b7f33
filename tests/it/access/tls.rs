//! The server with a certificate of its own.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::Certificate;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::server::{DEADLINE, Server, Setup};

use super::raw::exchange;

/// A server with a certificate for `localhost`, and who trusts that.
fn start() -> (Server, TlsConnector) {
    start_with("")
}

/// The same with more lines of configuration.
fn start_with(config: &str) -> (Server, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let setup = Setup::guide();
    let dir = setup.files_dir().to_owned();
    fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let server = setup
        .config(&format!(
            "[server]\ntls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\n\
             [access]\nhosts = [\"guide.example.org\"]\n{config}"
        ))
        .env("CICERONE_VIEWER_TOKEN", "viewer-0123456789")
        .start();
    (server, trusting(&made.cert))
}

/// A client that trusts a certificate.
pub fn trusting(certificate: &Certificate) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(client))
}

async fn connect(server: &Server, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    timeout(DEADLINE, connector.connect(name, stream)).await.unwrap().unwrap()
}

#[actix::test]
async fn p10_with_a_certificate_pages_and_sockets_are_encrypted() {
    let (server, connector) = start();
    let port = server.address().rsplit(':').next().unwrap();
    let host = format!("localhost:{port}");
    let token = ("Authorization", "Bearer viewer-0123456789");
    let stream = connect(&server, &connector).await;
    let list = exchange(stream, "GET /api/projects", &[("Host", &host), token], "").await;
    assert_eq!(list.status, 200);
    assert!(list.body.contains("demo"));
    assert_eq!(list.header("strict-transport-security"), "", "loopback has other servers too");

    let body = "token=viewer-0123456789";
    let length = body.len().to_string();
    let form = [
        ("Host", "guide.example.org"),
        ("Origin", "https://guide.example.org"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", length.as_str()),
    ];
    let stream = connect(&server, &connector).await;
    let login = exchange(stream, "POST /login", &form, body).await;
    assert_eq!(login.status, 200, "{login:?}");
    assert!(login.header("set-cookie").contains("Secure"), "{login:?}");
    assert_eq!(login.header("strict-transport-security"), "max-age=31536000");

    let request = tokio_tungstenite::tungstenite::http::Request::builder()
        .uri(format!("wss://{host}/api/assistant/ws/demo"))
        .header("host", &host)
        .header("origin", format!("https://{host}"))
        .header("authorization", token.1)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
        .body(())
        .unwrap();
    let stream = connect(&server, &connector).await;
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    socket.send(Message::text(r#"{"type":"start","protocol":1}"#)).await.unwrap();
    let first = timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
    let first: Value = serde_json::from_str(first.to_text().unwrap()).unwrap();
    assert_eq!(first["type"], "conversation_created");
}

#[actix::test]
async fn p9_handshakes_that_do_not_end_are_cut_off_and_hold_up_nobody() {
    let (server, connector) = start_with("[advanced.socket]\nrequest_timeout = \"1s\"\n");
    let mut hanging = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // The beginning of a client's first record, and none at all.
        let begun: &[u8] = if number % 2 == 0 { b"\x16\x03\x01\x02\x00\x01\x00" } else { b"" };
        stream.write_all(begun).await.unwrap();
        hanging.push(stream);
    }
    let begun = Instant::now();
    let stream = connect(&server, &connector).await;
    let page = exchange(stream, "GET /healthz", &[("Host", "localhost")], "").await;
    assert_eq!(page.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    for mut stream in hanging {
        let mut rest = Vec::new();
        // A reset is an end too.
        timeout(DEADLINE, stream.read_to_end(&mut rest)).await.unwrap().unwrap_or_default();
    }
}

#[actix::test]
async fn p10_a_certificate_that_does_not_do_is_told_in_words() {
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (made, other) = (pair(), pair());
    let (certificate, key) = (made.cert.pem(), other.signing_key.serialize_pem());
    for (config, code, words) in [
        (
            "tls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\n",
            1,
            "is not that of the certificate",
        ),
        ("tls_certificate = \"cert.pem\"\ntls_key = \"gone.pem\"\n", 1, "gone.pem: No such file"),
        (
            "tls_certificate = \"key.pem\"\ntls_key = \"key.pem\"\n",
            1,
            "holds no certificate in PEM",
        ),
        ("tls_certificate = \"cert.pem\"\n", 2, "`server.tls_key` is not"),
    ] {
        let setup = Setup::guide();
        fs::write(setup.files_dir().join("cert.pem"), &certificate).unwrap();
        fs::write(setup.files_dir().join("key.pem"), &key).unwrap();
        let (status, stderr) = setup.config(&format!("[server]\n{config}")).fail();
        assert_eq!(status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert!(!stderr.contains("PRIVATE KEY-----\n"));
    }
}
