//! A viewer of one of Cicerone's conversations, in the dialect with numbers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;

use crate::{
    client::Connection,
    stamps::{self, Stamps},
};

/// Anything must have come within this, a whole answer too.
pub const DEADLINE: Duration = Duration::from_secs(120);

static VIEWERS: AtomicU64 = AtomicU64::new(0);

/// A socket that follows a conversation.
pub struct Viewer {
    connection: Connection,
    /// Counts the viewers in the order in which they came.
    pub number: u64,
    /// The conversation.
    pub conversation: i64,
    /// How long its first frame of history took, nanoseconds.
    pub first: u64,
    /// How long it took until it had caught up, nanoseconds.
    pub caught_up: u64,
}

impl Viewer {
    /// Lets a socket follow a conversation, or a new one; it has caught up then.
    pub async fn enter(connection: Connection, conversation: Option<i64>) -> Self {
        let start = match conversation {
            None => r#"{"type":"start","protocol":1}"#.to_owned(),
            Some(id) => format!(r#"{{"type":"start","protocol":1,"conversation_id":{id}}}"#),
        };
        Self::start(connection, &start).await
    }

    /// Lets a socket follow a new conversation, with answers as HTML.
    pub async fn enter_html(connection: Connection) -> Self {
        Self::start(connection, r#"{"type":"start","protocol":1,"format":"html"}"#).await
    }

    async fn start(mut connection: Connection, start: &str) -> Self {
        let since = stamps::now_ns();
        connection.send(start).await.unwrap();
        let (mut id, mut first, mut caught_up) = (0, 0, 0);
        while caught_up == 0 {
            let read = connection.read(|frame, now| {
                if frame.starts_with(br#"{"type":"attached""#) {
                    let frame: Value = serde_json::from_slice(frame).unwrap();
                    id = frame["conversation_id"].as_i64().unwrap();
                } else if frame.starts_with(br#"{"type":"caught_up""#) {
                    caught_up = now - since;
                } else if first == 0 && memchr::memmem::find(frame, br#""seq":"#).is_some() {
                    first = now - since;
                }
                assert!(!frame.starts_with(br#"{"type":"error""#), "{}", words(frame));
            });
            timeout(DEADLINE, read).await.expect("no history came").unwrap();
        }
        let number = VIEWERS.fetch_add(1, Ordering::Relaxed);
        Self { connection, number, conversation: id, first, caught_up }
    }

    /// Reads whatever comes, until the connection ends.
    pub async fn look_on(mut self) {
        while self.connection.read(|_, _| ()).await.is_ok() {}
    }

    /// Asks the agent something.
    pub async fn ask(&mut self, order: &str) {
        let message = serde_json::json!({"type": "message", "content": order});
        self.connection.send(&message.to_string()).await.unwrap();
    }

    /// Asks under an id, so that it is told when the question is stored.
    pub async fn post(&mut self, id: &str, order: &str) {
        let message = serde_json::json!({"type": "message", "message_id": id, "content": order});
        self.connection.send(&message.to_string()).await.unwrap();
    }

    /// The stamps of what streams now, up to the end of the turn.
    pub async fn stamps(&mut self) -> Stamps {
        let mut stamps = Stamps::default();
        self.until_end(|frame, now| stamps.take(frame, now)).await;
        stamps
    }

    /// Gives each frame with text, up to the end of the turn.
    pub async fn until_end(&mut self, mut take: impl FnMut(&[u8], u64)) {
        let text = [&br#"{"type":"text""#[..], br#"{"type":"html""#];
        self.until(|frame, now| {
            if text.iter().any(|kind| frame.starts_with(kind)) {
                take(frame, now);
            }
            is_end(frame)
        })
        .await;
    }

    /// Gives each frame, until it was the last one that is wanted.
    pub async fn until(&mut self, mut is_last: impl FnMut(&[u8], u64) -> bool) {
        let whole = async {
            let mut is_over = false;
            while !is_over {
                let read = self.connection.read(|frame, now| {
                    assert!(!frame.starts_with(br#"{"type":"error""#), "{}", words(frame));
                    is_over |= is_last(frame, now);
                });
                read.await.unwrap();
            }
        };
        timeout(DEADLINE, whole).await.expect("what was waited for did not come");
    }
}

/// Whether a frame is the end of a turn.
pub fn is_end(frame: &[u8]) -> bool {
    frame.starts_with(br#"{"type":"response_done""#)
}

fn words(frame: &[u8]) -> String {
    String::from_utf8_lossy(frame).into_owned()
}
