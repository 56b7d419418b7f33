//! A stand-in for the service that renews logins: a proxy that all of the program's TLS goes through,
//! and that answers in the place of every host. Each renewal gives the next tokens.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::agent_probe::Bench;

/// The hosts that it stands for.
const HOSTS: [&str; 4] =
    ["platform.claude.com", "console.anthropic.com", "api.anthropic.com", "claude.ai"];

/// A running stand-in.
pub struct OAuth {
    /// The tokens that were renewed.
    renewed: Arc<Mutex<Vec<String>>>,
}

impl OAuth {
    /// Starts one, and leads the agents of a bench through it.
    pub fn start(bench: &mut Bench) -> Self {
        let (certificate, tls) = certificate();
        let trusted = bench.base.path().join("trusted.pem");
        fs::write(&trusted, certificate).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let trusted = trusted.to_str().unwrap();
        for (name, value) in
            [("HTTPS_PROXY", &*proxy), ("NO_PROXY", "127.0.0.1"), ("NODE_EXTRA_CA_CERTS", trusted)]
        {
            bench.environment.push((name.into(), value.into()));
        }
        let renewed = Arc::default();
        let told = Arc::clone(&renewed);
        actix_web::rt::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                actix_web::rt::spawn(serve(stream, tls.clone(), Arc::clone(&told)));
            }
        });
        Self { renewed }
    }

    /// The tokens that were renewed, in order.
    pub fn renewals(&self) -> Vec<String> {
        self.renewed.lock().unwrap().clone()
    }
}

/// A certificate for all hosts, which vouches for itself, and what shows it.
fn certificate() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap(),
        );
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config.unwrap())))
}

async fn serve(mut stream: TcpStream, tls: TlsAcceptor, renewed: Arc<Mutex<Vec<String>>>) {
    let mut head = BufReader::new(&mut stream);
    if request(&mut head).await.is_none() {
        return;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
    let Ok(mut stream) = tls.accept(stream).await else { return };
    let Some((line, body)) = request(&mut BufReader::new(&mut stream)).await else { return };
    let (status, answer) = if line.contains("/v1/oauth/token") {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let mut renewed = renewed.lock().unwrap();
        renewed.push(asked["refresh_token"].as_str().unwrap().to_owned());
        let number = renewed.len();
        let tokens = json!({
            "token_type": "Bearer", "expires_in": 28_800, "scope": asked["scope"],
            "access_token": format!("sk-ant-oat01-renewed-{number}"),
            "refresh_token": format!("sk-ant-ort01-renewed-{number}"),
        });
        ("200 OK", tokens)
    } else {
        ("404 Not Found", json!({}))
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        answer.len()
    );
    stream.write_all(format!("{head}{answer}").as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// The first line of a request, and its body.
async fn request(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    (!first.is_empty()).then_some((first, body))
}
