//! A client that does as little as possible: it reads lines of a TCP stream, or text frames of a
//! WebSocket, and hands them on.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::stamps;

/// Most bytes of one read.
const READ_BYTES: usize = 1 << 18; // 256 KiB

thread_local! {
    /// Shared by all connections: only half a frame is kept with its own.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// An open connection.
pub struct Connection {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    framing: Framing,
    /// The half frame that the last read ended with.
    rest: Vec<u8>,
}

/// What parts the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Ends of lines.
    Lines,
    /// Frames of a WebSocket.
    Frames,
}

impl Connection {
    /// Opens a TCP stream of lines.
    pub async fn lines(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader, writer, framing: Framing::Lines, rest: Vec::new() })
    }

    /// Opens a WebSocket.
    pub async fn socket(address: &str, path: &str) -> io::Result<Self> {
        let mut connection = Self::lines(address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        connection.writer.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let end = loop {
            connection.reader.readable().await?;
            match connection.reader.try_read_buf(&mut answer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            let words = String::from_utf8_lossy(&answer).into_owned();
            return Err(io::Error::other(words));
        }
        connection.framing = Framing::Frames;
        connection.rest = answer.split_off(end);
        Ok(connection)
    }

    /// Sends a line, or a text frame.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        let bytes = match self.framing {
            Framing::Lines => format!("{text}\n").into_bytes(),
            Framing::Frames => frame(1, text.as_bytes()),
        };
        self.writer.write_all(&bytes).await
    }

    /// Waits until something comes, and gives each line or frame that is whole, with the time at
    /// which it was read.
    pub async fn read(&mut self, mut take: impl FnMut(&[u8], u64)) -> io::Result<()> {
        let mut pings = Vec::new();
        let mut take = |kind: u8, payload: &[u8], now: u64| match kind {
            TEXT => take(payload, now),
            PING => pings.push(payload.to_vec()),
            _ => (),
        };
        poll_fn(|task| BUFFER.with_borrow_mut(|buffer| self.poll_read(task, buffer, &mut take)))
            .await?;
        for payload in pings {
            self.writer.write_all(&frame(PONG, &payload)).await?;
        }
        Ok(())
    }

    /// Reads once. That of tokio knows by itself when there is no more, and asks the kernel once.
    fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        buffer: &mut [u8],
        take: &mut impl FnMut(u8, &[u8], u64),
    ) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.reader).poll_read(task, &mut buffer))?;
        let read = buffer.filled();
        if read.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let now = stamps::now_ns();
        let mut take = |kind: u8, payload: &[u8]| take(kind, payload, now);
        if self.rest.is_empty() {
            let used = parse(self.framing, read, &mut take);
            self.rest.extend_from_slice(&read[used..]);
        } else {
            self.rest.extend_from_slice(read);
            let used = parse(self.framing, &self.rest, &mut take);
            self.rest.drain(..used);
        }
        Poll::Ready(Ok(()))
    }
}

const TEXT: u8 = 1;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Gives what is whole, and how many bytes that took.
fn parse(framing: Framing, bytes: &[u8], take: &mut impl FnMut(u8, &[u8])) -> usize {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        match framing {
            Framing::Lines => {
                let Some(end) = memchr::memchr(b'\n', rest) else { return used };
                take(TEXT, &rest[..end]);
                used += end + 1;
            }
            Framing::Frames => {
                let Some((head, length)) = head_of(rest) else { return used };
                let Some(payload) = rest.get(head..head + length) else { return used };
                take(rest[0] & 15, payload);
                used += head + length;
            }
        }
    }
}

/// Lengths of a frame's head and of its payload. A server masks nothing.
fn head_of(bytes: &[u8]) -> Option<(usize, usize)> {
    match usize::from(bytes.get(1)? & 127) {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap());
            Some((10, usize::try_from(length).unwrap()))
        }
        length => Some((2, length)),
    }
}

/// A client's frame. Its mask is of zeros, which leaves the payload as it is.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![128 | kind];
    match u16::try_from(payload.len()).unwrap() {
        length @ 0..126 => frame.push(128 | u8::try_from(length).unwrap()),
        length => {
            frame.push(128 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
