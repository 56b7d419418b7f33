//! Requests as bytes: what no HTTP library would send, or would change on its way.

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::server::{DEADLINE, Server};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The cookie that is set.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// What a problem document says.
    pub fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let document: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(document["status"], self.status, "{self:?}");
        document["detail"].as_str().unwrap().to_owned()
    }
}

/// Sends a first line and headers, with `Host` as it should be.
pub async fn ask(server: &Server, line: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Host", server.address())];
    all.extend(headers);
    ask_with(server, line, &all, "").await
}

/// Sends a first line, these headers and a body.
pub async fn ask_with(server: &Server, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    exchange(stream, line, headers, body).await
}

/// The same on a connection that is open.
pub async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Connection: close\r\n\r\n{body}"));
    let mut bytes = Vec::new();
    let exchanged = async {
        // A server that has refused the head need not read the rest.
        stream.write_all(request.as_bytes()).await.ok();
        stream.read_to_end(&mut bytes).await.ok();
    };
    timeout(DEADLINE, exchanged).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Answer { status, headers, body: body.to_owned() }
}
