//! A WebSocket client for tests: sends frames, collects frames, waits with a deadline.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
    },
};

use crate::server::DEADLINE;

/// An open socket.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The cookies that the server set, as a `Cookie` header.
    pub cookie: Option<String>,
}

impl Client {
    /// Opens a socket to a project, as a browser with this cookie.
    pub async fn connect(address: &str, project: &str, cookie: Option<&str>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(stream, address, project, cookie).await
    }

    /// Opens a socket with the smallest receive buffer that the kernel allows.
    pub async fn connect_narrow(address: &str, project: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        Self::over(stream, address, project, None).await
    }

    /// Opens a socket; `None` if the server is gone.
    pub async fn try_connect(address: &str, project: &str, cookie: Option<&str>) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        Self::try_over(stream, address, project, cookie).await
    }

    async fn over(stream: TcpStream, address: &str, project: &str, cookie: Option<&str>) -> Self {
        Self::try_over(stream, address, project, cookie).await.expect("no socket was opened")
    }

    /// Opens a socket with these headers; an error is the HTTP status of the refusal.
    pub async fn connect_with(
        address: &str,
        project: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, u16> {
        let stream = TcpStream::connect(address).await.unwrap();
        match Self::upgrade(stream, address, project, headers).await {
            Ok(client) => Ok(client),
            Err(Error::Http(refusal)) => Err(refusal.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    async fn try_over(
        stream: TcpStream,
        address: &str,
        project: &str,
        cookie: Option<&str>,
    ) -> Option<Self> {
        let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        Self::upgrade(stream, address, project, &headers).await.ok()
    }

    async fn upgrade(
        stream: TcpStream,
        address: &str,
        project: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let url = format!("ws://{address}/api/assistant/ws/{project}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let cookie = request.headers().get("cookie").map(|it| it.to_str().unwrap().to_owned());
        let (socket, answer) = client_async(request, stream).await?;
        let set = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let set = set.and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        Ok(Self { socket, cookie: set.or(cookie) })
    }

    /// The raw WebSocket, for what [`Client`] does not offer.
    pub fn raw(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a text frame as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.send_raw(Message::text(text)).await;
    }

    /// Sends any WebSocket message.
    pub async fn send_raw(&mut self, message: Message) {
        timeout(DEADLINE, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// Sends a frame; returns whether the connection is still open.
    pub async fn try_send(&mut self, frame: Value) -> bool {
        let sent = self.socket.send(Message::text(frame.to_string()));
        timeout(DEADLINE, sent).await.expect("the server takes nothing").is_ok()
    }

    /// The next frame, without a deadline; `None` once the connection is closed.
    pub async fn try_frame(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).ok(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => (),
            }
        }
    }

    /// Starts a new conversation in our dialect as somebody who is about to ask, and gives its id
    /// once all is told.
    pub async fn start(&mut self) -> i64 {
        let id = self.begin().await;
        self.send(json!({ "type": "typing" })).await;
        id
    }

    /// As [`Client::start`], as somebody who only looks.
    pub async fn begin(&mut self) -> i64 {
        self.send(json!({ "type": "start", "protocol": 1 })).await;
        let frames = self.until("caught_up").await;
        frames[0]["conversation_id"].as_i64().unwrap()
    }

    /// Starts a new conversation in the original's dialect and gives its id.
    pub async fn start_seed(&mut self) -> i64 {
        self.send(json!({ "type": "start" })).await;
        let frames = self.until("response_done").await;
        frames[0]["conversation_id"].as_i64().unwrap()
    }

    /// Sends a message.
    pub async fn ask(&mut self, content: &str) {
        self.send(json!({ "type": "message", "content": content })).await;
    }

    /// Sends a message with this message id.
    pub async fn post(&mut self, id: &str, content: &str) {
        self.send(json!({ "type": "message", "message_id": id, "content": content })).await;
    }

    /// Asks for a stored conversation in our dialect and gives everything up to `caught_up`.
    pub async fn enter(&mut self, conversation: i64, after: Value) -> Vec<Value> {
        self.send(json!({
            "type": "start", "protocol": 1, "conversation_id": conversation, "after": after,
        }))
        .await;
        self.until("caught_up").await
    }

    /// The next text frame as JSON.
    pub async fn frame(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next text frame.
    pub async fn text(&mut self) -> String {
        loop {
            match self.message().await {
                Message::Text(text) => return text.to_string(),
                Message::Close(reason) => panic!("the socket was closed: {reason:?}"),
                _ => (),
            }
        }
    }

    /// The next frames up to the first of this type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        self.until_any(&[kind]).await
    }

    /// The next frames up to the first of one of these types.
    pub async fn until_any(&mut self, kinds: &[&str]) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            let last = kinds.iter().any(|kind| frame["type"] == *kind);
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// The frames up to the end of the turn.
    pub async fn turn(&mut self) -> Vec<Value> {
        self.until_any(&["response_done", "error"]).await
    }

    /// The next frames, as they are, until the socket is closed; and the close code and reason.
    pub async fn until_closed(&mut self) -> (Vec<String>, u16, String) {
        let mut frames = Vec::new();
        loop {
            match self.message().await {
                Message::Text(text) => frames.push(text.to_string()),
                Message::Close(Some(reason)) => {
                    return (frames, reason.code.into(), reason.reason.to_string());
                }
                Message::Close(None) => return (frames, 1005, String::new()),
                _ => (),
            }
        }
    }

    /// The next message except pings, within [`DEADLINE`] even if the server keeps pinging.
    async fn message(&mut self) -> Message {
        let next = async {
            loop {
                match self.socket.next().await.expect("the connection was cut").unwrap() {
                    Message::Ping(_) | Message::Pong(_) => (),
                    message => return message,
                }
            }
        };
        timeout(DEADLINE, next).await.expect("no frame came")
    }
}

/// The text of frames, joined.
pub fn text_of(frames: &[Value]) -> String {
    let texts = frames.iter().filter(|frame| frame["type"] == "text");
    texts.filter_map(|frame| frame["content"].as_str()).collect()
}

/// The types of frames.
pub fn types_of(frames: &[Value]) -> Vec<&str> {
    frames.iter().filter_map(|frame| frame["type"].as_str()).collect()
}
