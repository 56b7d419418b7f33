//! A service of a model that plays a script: one answer for each request, byte by byte where asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use serde_json::{Value, json};

/// What the service does about a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes, and closes the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes one by one.
    ByteByByte(Vec<u8>),
    /// Sends these bytes, says so, and waits until the client is gone.
    Hold(Vec<u8>),
    /// Sends the first bytes, then the second ones again and again until the client is gone.
    Endless(Vec<u8>, Vec<u8>),
    /// Closes the connection at once.
    Close,
}

/// A request of the client.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub head: String,
    pub body: Value,
}

/// A running service.
pub struct Service {
    pub url: String,
    requests: Receiver<Request>,
    /// What holds: a message when the bytes are sent, and one when the client is gone.
    pub held: Receiver<&'static str>,
    facts: Arc<Mutex<Vec<(&'static str, Act)>>>,
}

impl Service {
    /// Starts one that answers questions in this order; the last act goes on.
    pub fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (request_sender, requests) = mpsc::channel();
        let (held_sender, held) = mpsc::channel();
        let facts: Arc<Mutex<Vec<(&'static str, Act)>>> = Arc::default();
        let told = Arc::clone(&facts);
        let acts = Arc::new(Mutex::new(acts));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (acts, told) = (Arc::clone(&acts), Arc::clone(&told));
                let (requests, held) = (request_sender.clone(), held_sender.clone());
                thread::spawn(move || answer(stream, &acts, &told, &requests, &held));
            }
        });
        Self { url, requests, held, facts }
    }

    /// Answers requests of `path`, which are no questions.
    pub fn tell(self, path: &'static str, act: Act) -> Self {
        self.facts.lock().unwrap().insert(0, (path, act));
        self
    }

    /// The questions that have come since.
    pub fn questions(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn answer(
    mut stream: TcpStream,
    acts: &Mutex<Vec<Act>>,
    facts: &Mutex<Vec<(&'static str, Act)>>,
    requests: &Sender<Request>,
    held: &Sender<&'static str>,
) {
    let Some(request) = read(&stream) else { return };
    let is_question =
        ["/chat/completions", "/messages"].iter().any(|it| request.path.ends_with(it));
    let act = if is_question {
        requests.send(request).ok();
        let mut acts = acts.lock().unwrap();
        if acts.len() > 1 { acts.remove(0) } else { acts[0].clone() }
    } else {
        let mut facts = facts.lock().unwrap();
        let told = facts.iter().position(|(path, _)| request.path == *path);
        match told {
            Some(at) if facts.iter().filter(|(path, _)| request.path == *path).count() > 1 => {
                facts.remove(at).1
            }
            Some(at) => facts[at].1.clone(),
            None => Act::Bytes(response(404, "application/json", b"{}")),
        }
    };
    play(&mut stream, act, held);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request { path, head, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn play(stream: &mut TcpStream, act: Act, held: &Sender<&'static str>) {
    match act {
        Act::Close => (),
        Act::Bytes(bytes) => drop(stream.write_all(&bytes)),
        Act::ByteByByte(bytes) => {
            stream.set_nodelay(true).unwrap();
            for byte in bytes {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        }
        Act::Hold(bytes) => {
            stream.write_all(&bytes).unwrap();
            held.send("sent").ok();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).ok();
            held.send("gone").ok();
        }
        Act::Endless(first, again) => {
            stream.write_all(&first).unwrap();
            while stream.write_all(&again).is_ok() {}
            held.send("gone").ok();
        }
    }
}

/// A whole response.
pub fn response(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    response_with(status, kind, "", body)
}

/// A whole response with further headers, each with its line's end.
pub fn response_with(status: u16, kind: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The head of a stream whose end is that of the connection.
pub fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec()
}

/// A stream with these events.
pub fn stream(events: &[Value]) -> Vec<u8> {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    [stream_head(), events.into_bytes(), b"data: [DONE]\n\n".to_vec()].concat()
}

/// An event with this delta.
pub fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// The event that ends an answer for this reason.
pub fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// The event with the usage.
pub fn usage(prompt: u64, completion: u64) -> Value {
    json!({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})
}

/// A stream that says this.
pub fn says(text: &str) -> Act {
    Act::Bytes(stream(&[delta(json!({"content": text})), finish("stop"), usage(500, 5)]))
}

/// One whole call of a tool, as Ollama sends it.
pub fn call(id: &str, name: &str, arguments: &Value) -> Value {
    json!({"id": id, "type": "function",
        "function": {"name": name, "arguments": arguments.to_string()}})
}

/// A stream that makes these calls.
pub fn calls(calls: &[Value]) -> Act {
    Act::Bytes(stream(&[delta(json!({"tool_calls": calls})), finish("tool_calls")]))
}

/// An answer that is an error.
pub fn error(status: u16, body: &Value) -> Act {
    Act::Bytes(response(status, "application/json", body.to_string().as_bytes()))
}
