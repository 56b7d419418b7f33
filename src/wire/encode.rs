//! Entries of the history as frames.

use bytestring::ByteString;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::entry::{Content, UserMessage, Withdrawn};

use super::Dialect;

/// A piece of growing text that is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextPiece<'a> {
    /// Whether it is thinking and not answer.
    pub thinking: bool,
    /// The turn.
    pub turn: i64,
    /// The block within the turn.
    pub block: u32,
    /// The sequence number that a client has seen with this piece.
    pub seq: i64,
    /// The piece, escaped as the inside of a JSON string.
    pub escaped: &'a str,
    /// Whether it is the block's text from its beginning and replaces what a client has.
    pub replace: bool,
}

/// The frame of a text piece; `None` where the dialect shows no such text.
///
/// Put together by hand, as the text is escaped already: this is the way of every token.
pub(crate) fn text(piece: TextPiece<'_>, dialect: Dialect) -> Option<ByteString> {
    let TextPiece { thinking, turn, block, seq, escaped, replace } = piece;
    match dialect {
        Dialect::Legacy if thinking || escaped.is_empty() => None,
        Dialect::Legacy => Some(format!(r#"{{"type":"text","content":"{escaped}"}}"#).into()),
        Dialect::V1 | Dialect::Html | Dialect::HtmlChanges => {
            let kind = if thinking { "thinking" } else { "text" };
            let tail = if replace { r#","replace":true"# } else { "" };
            Some(
                format!(
                    r#"{{"type":"{kind}","seq":{seq},"turn":{turn},"block":{block},"content":"{escaped}"{tail}}}"#
                )
                .into(),
            )
        }
    }
}

/// A part of an answer that is to be sent as HTML.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HtmlPart<'a> {
    /// The turn.
    pub turn: i64,
    /// The block within the turn.
    pub block: u32,
    /// The sequence number that a client has seen with the last of the parts that belong together.
    pub seq: i64,
    /// Which part of the block, from 0.
    pub part: usize,
    /// How many parts the block has now.
    pub parts: usize,
    /// What a client has of the part already and keeps, empty where it keeps nothing.
    pub kept: &'a str,
    /// The part, or what follows what is kept of it.
    pub html: &'a str,
    /// Whether parts follow that belong together with it.
    pub more: bool,
}

/// The frame of a part.
pub(crate) fn html(part: HtmlPart<'_>) -> ByteString {
    let HtmlPart { turn, block, seq, part, parts, kept, html, more } = part;
    let html = serde_json::to_string(html).unwrap_or_default();
    let keep = match kept {
        "" => String::new(),
        // As browsers count.
        kept => format!(r#","keep":{}"#, kept.chars().map(char::len_utf16).sum::<usize>()),
    };
    let tail = if more { r#","more":true"# } else { "" };
    format!(
        r#"{{"type":"html","seq":{seq},"turn":{turn},"block":{block},"part":{part},"parts":{parts}{keep},"html":{html}{tail}}}"#
    )
    .into()
}

/// The frame of an entry that does not grow; `None` where the dialect has no such frame.
pub(crate) fn fixed(
    content: &Content,
    turn: i64,
    seq: i64,
    dialect: Dialect,
) -> Option<ByteString> {
    match dialect {
        Dialect::Legacy => seed(content).map(|frame| json(&frame)),
        Dialect::V1 | Dialect::Html | Dialect::HtmlChanges => v1(content, turn, seq),
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SeedFrame<'a> {
    Text { content: &'a str },
    ToolCall { tool: &'a str, input: &'a RawValue },
    Question { questions: &'a RawValue },
    ResponseDone,
    Error { content: String },
}

fn seed(content: &Content) -> Option<SeedFrame<'_>> {
    match content {
        Content::Text(block) => Some(SeedFrame::Text { content: &block.content }),
        Content::ToolCall(call) => {
            Some(SeedFrame::ToolCall { tool: &call.tool, input: &call.input })
        }
        Content::Question(question) => Some(SeedFrame::Question { questions: &question.questions }),
        Content::ResponseDone(_) => Some(SeedFrame::ResponseDone),
        Content::Error(error) => {
            Some(SeedFrame::Error { content: format!("Error: {}", error.content) })
        }
        // The original's frames can take nothing back.
        Content::UserMessage(_)
        | Content::Thinking(_)
        | Content::Withdrawn(_)
        | Content::ToolResult(_) => None,
    }
}

fn v1(content: &Content, turn: i64, seq: i64) -> Option<ByteString> {
    if let Content::Withdrawn(Withdrawn { block, thinking }) = content {
        let escaped = "";
        let piece =
            TextPiece { thinking: *thinking, turn, block: *block, seq, escaped, replace: true };
        return text(piece, Dialect::V1);
    }
    // The payload is an object of its own: its fields follow the common ones.
    let payload = match content {
        Content::UserMessage(message) if message.carried.is_some() => {
            let shown = UserMessage { carried: None, ..message.clone() };
            Content::UserMessage(shown).payload().ok()?
        }
        _ => content.payload().ok()?,
    };
    let kind = content.kind();
    let fields = payload.strip_prefix('{')?;
    let comma = if fields == "}" { "" } else { "," };
    Some(format!(r#"{{"type":"{kind}","seq":{seq},"turn":{turn}{comma}{fields}"#).into())
}

fn json<T: Serialize>(value: &T) -> ByteString {
    serde_json::to_string(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{ResponseDone, ToolCall, TurnError};

    fn call() -> Content {
        Content::ToolCall(ToolCall {
            call_id: "c1".to_owned(),
            tool: "Read".to_owned(),
            input: RawValue::from_string(r#"{"path":"ü"}"#.to_owned()).unwrap(),
        })
    }

    #[test]
    fn one_entry_has_a_frame_in_each_dialect() {
        assert_eq!(
            fixed(&call(), 2, 9, Dialect::V1).unwrap(),
            r#"{"type":"tool_call","seq":9,"turn":2,"call_id":"c1","tool":"Read","input":{"path":"ü"}}"#
        );
        assert_eq!(
            fixed(&call(), 2, 9, Dialect::Legacy).unwrap(),
            r#"{"type":"tool_call","tool":"Read","input":{"path":"ü"}}"#
        );
    }

    #[test]
    fn ends_are_the_originals_in_the_seed_dialect() {
        let done =
            Content::ResponseDone(ResponseDone { cost_usd: Some(0.5), ..ResponseDone::default() });
        assert_eq!(fixed(&done, 1, 3, Dialect::Legacy).unwrap(), r#"{"type":"response_done"}"#);
        assert_eq!(
            fixed(&done, 1, 3, Dialect::V1).unwrap(),
            r#"{"type":"response_done","seq":3,"turn":1,"outcome":"completed","cost_usd":0.5}"#
        );
        let error = Content::Error(TurnError::new("it broke", true));
        assert_eq!(
            fixed(&error, 1, 3, Dialect::Legacy).unwrap(),
            r#"{"type":"error","content":"Error: it broke"}"#
        );
    }

    #[test]
    fn what_was_withdrawn_is_replaced_by_nothing() {
        let frame = |thinking, dialect| {
            fixed(&Content::Withdrawn(Withdrawn { block: 2, thinking }), 1, 9, dialect)
        };
        assert_eq!(
            frame(false, Dialect::V1).unwrap(),
            r#"{"type":"text","seq":9,"turn":1,"block":2,"content":"","replace":true}"#
        );
        assert_eq!(
            frame(true, Dialect::Html).unwrap(),
            r#"{"type":"thinking","seq":9,"turn":1,"block":2,"content":"","replace":true}"#
        );
        assert_eq!(frame(false, Dialect::Legacy), None);
    }

    #[test]
    fn a_text_piece_says_when_it_replaces() {
        let piece = TextPiece {
            thinking: false,
            turn: 1,
            block: 0,
            seq: 4,
            escaped: r#"a\"b"#,
            replace: true,
        };
        assert_eq!(
            text(piece, Dialect::V1).unwrap(),
            r#"{"type":"text","seq":4,"turn":1,"block":0,"content":"a\"b","replace":true}"#
        );
        assert_eq!(text(piece, Dialect::Legacy).unwrap(), r#"{"type":"text","content":"a\"b"}"#);
    }
}
