//! Input lines, repaired so that every JSON line gets an answer.
//! The MCP library would drop a line with half a surrogate pair or with a value that is too deep or large.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};

use crate::json;

/// Longest line that is read, in bytes. What is longer is passed over.
const MAX_LINE: u64 = 16 << 20; // 16 MiB

/// Bytes that wait to be read.
const BUFFER: usize = 64 << 10; // 64 KiB

/// The same lines as `input`, mended, for a reader that takes nothing odd.
pub(super) fn mended(
    input: impl AsyncRead + Unpin + Send + 'static,
) -> impl AsyncRead + Unpin + Send {
    let (mut inside, outside) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        while let Ok(is_whole) = next_line(&mut input, &mut line).await {
            if line.is_empty() {
                return;
            }
            let mended = if is_whole { mended_line(&line) } else { Cow::Borrowed("\n") };
            // An error means that nobody reads any more.
            if inside.write_all(mended.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    outside
}

/// Reads the next line with its end, empty at the end of the input. Tells whether it is there as a whole.
async fn next_line(
    input: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    line.clear();
    let mut is_whole = true;
    loop {
        let length = (&mut *input).take(MAX_LINE).read_until(b'\n', line).await?;
        if length == 0 || line.ends_with(b"\n") {
            return Ok(is_whole);
        }
        if line.len() as u64 >= MAX_LINE {
            is_whole = false;
            line.clear();
            line.push(b' ');
        }
    }
}

/// A line as JSON that every reader takes.
fn mended_line(line: &[u8]) -> Cow<'_, str> {
    let text = json::decode_text(line);
    // The usual line is not changed, and every value of it is read by whom it concerns.
    let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
    if is_json {
        return text;
    }
    let repaired = json::repair(&text).filter(|it| serde_json::from_str::<IgnoredAny>(it).is_ok());
    match json::value(repaired.as_deref().unwrap_or(&text)) {
        Ok(value) => Cow::Owned(format!("{value}\n")),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(input: &'static [u8]) -> String {
        let mut text = String::new();
        mended(input).read_to_string(&mut text).await.unwrap();
        text
    }

    #[actix::test]
    async fn lines_are_passed_on_and_odd_ones_are_mended() {
        assert_eq!(read(b"{\"a\": 1}\r\n\nno json\n{}").await, "{\"a\": 1}\r\n\nno json\n{}");
        assert_eq!(
            read(br#"{"id":"\ud83d","a":{"b":1e999,"c":"\udc00"}}"#).await,
            "{\"id\":\"\u{fffd}\",\"a\":{\"b\":null,\"c\":\"\u{fffd}\"}}\n"
        );
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":\"\xff\"}\n").await, "{\"a\":\"\u{fffd}\"}\n");
        assert_eq!(read(b"{\"a\":NaN}\n").await, "{\"a\":null}\n");
    }

    #[actix::test]
    async fn p9_a_line_without_an_end_is_passed_over() {
        let endless = tokio::io::repeat(b'x').take(3 * MAX_LINE + 5);
        let mut text = String::new();
        mended(endless.chain(&b"\n{}\n"[..])).read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "\n{}\n");
    }
}
