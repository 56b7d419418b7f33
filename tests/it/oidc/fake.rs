//! A provider that tells whatever a test has it tell, signed with a key of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey as _,
    core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub struct Fake {
    pub issuer: String,
    address: SocketAddr,
    key: CoreEdDsaPrivateSigningKey,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    keys: Mutex<Value>,
    /// The answer to an exchange: its status and body.
    answer: Mutex<(u16, Value)>,
    last_exchange: Mutex<String>,
    is_over: AtomicBool,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub fn encoded(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token that says that it is signed by nothing.
pub fn unsigned(algorithm: &str, claims: &Value) -> String {
    format!("{}.{}.", encoded(&json!({ "alg": algorithm })), encoded(claims))
}

/// A token that is signed with what the client and the provider both know.
pub fn with_secret(claims: &Value) -> String {
    let text = format!("{}.{}", encoded(&json!({ "alg": "HS256" })), encoded(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret-of-the-client").unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The challenge to the proof that an exchange has.
pub fn challenge_of(exchange: &str) -> String {
    let (_, proof) = exchange.split_once("code_verifier=").unwrap();
    let proof = proof.split('&').next().unwrap();
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(proof.as_bytes()))
}

fn new_key() -> (CoreEdDsaPrivateSigningKey, Value) {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let id = JsonWebKeyId::new(format!("key-{}", fastrand::u64(..)));
    let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).unwrap();
    let public = json!({ "keys": [key.as_verification_key()] });
    (key, public)
}

impl Fake {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = format!("http://{address}");
        let (key, keys) = new_key();
        let shared = Arc::new(Shared { keys: Mutex::new(keys), ..Shared::default() });
        let (serving, own) = (Arc::clone(&shared), issuer.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::Relaxed) {
                    break;
                }
                serve(stream, &serving, &own);
            }
        });
        Self { issuer, address, key, shared }
    }

    /// Signs claims.
    pub fn signed(&self, claims: &Value) -> String {
        let key = self.shared.keys.lock().unwrap()["keys"][0]["kid"].clone();
        let text =
            format!("{}.{}", encoded(&json!({ "alg": "EdDSA", "kid": key })), encoded(claims));
        let signature = self.key.sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// What the next exchanges bring.
    pub fn tells(&self, id_token: String) {
        let answer = json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token });
        *self.shared.answer.lock().unwrap() = (200, answer);
    }

    pub fn refuses(&self, error: &str) {
        *self.shared.answer.lock().unwrap() = (400, json!({ "error": error }));
    }

    pub fn last_exchange(&self) -> String {
        self.shared.last_exchange.lock().unwrap().clone()
    }

    pub fn change_key(&mut self) {
        let (key, keys) = new_key();
        self.key = key;
        *self.shared.keys.lock().unwrap() = keys;
    }

    /// Is not there any more.
    pub fn stop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
    }
}

fn serve(mut stream: TcpStream, shared: &Shared, issuer: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = match first.split(' ').nth(1).unwrap() {
        "/.well-known/openid-configuration" => (
            200,
            json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["EdDSA"],
            }),
        ),
        "/keys" => (200, shared.keys.lock().unwrap().clone()),
        "/token" => {
            *shared.last_exchange.lock().unwrap() = String::from_utf8(body).unwrap();
            shared.answer.lock().unwrap().clone()
        }
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{answer}",
        answer.len()
    )
    .ok();
}
