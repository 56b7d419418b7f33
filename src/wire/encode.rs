//! The encoding of history entries as frames.

use bytestring::ByteString;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    entry::{Content, UserMessage, Withdrawn},
    ids::{Seq, TurnNumber},
};

use super::Dialect;

/// A piece of a streaming text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextPiece<'a> {
    /// Whether it belongs to thinking and not to the answer.
    pub thinking: bool,
    pub turn: TurnNumber,
    /// The number of the text within its turn.
    pub block: u32,
    /// The sequence number up to which a client has seen the history with this piece.
    pub seq: Seq,
    /// The piece, escaped as the inside of a JSON string.
    pub escaped: &'a str,
    /// Whether it begins the text anew, in place of what the client has.
    pub replace: bool,
}

/// The frame of a text piece; `None` if the dialect does not show it.
///
/// It is formatted by hand, as the text is escaped already (see [`wire`](super)).
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

/// A part of an answer as HTML.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HtmlPart<'a> {
    pub turn: TurnNumber,
    /// The number of the text within its turn.
    pub block: u32,
    /// The sequence number up to which a client has seen the history with the last part of the group.
    pub seq: Seq,
    /// The index of the part within its block, from 0.
    pub part: usize,
    /// The number of parts that the block has now.
    pub parts: usize,
    /// The beginning of the part that the client has and keeps.
    pub kept: &'a str,
    /// What follows `kept`.
    pub html: &'a str,
    /// Whether more parts of the group follow.
    pub more: bool,
}

pub(crate) fn html(part: HtmlPart<'_>) -> ByteString {
    let HtmlPart { turn, block, seq, part, parts, kept, html, more } = part;
    let html = serde_json::to_string(html).unwrap_or_default();
    let keep = match kept {
        "" => String::new(),
        // In UTF-16 units, as browsers count.
        kept => format!(r#","keep":{}"#, kept.chars().map(char::len_utf16).sum::<usize>()),
    };
    let tail = if more { r#","more":true"# } else { "" };
    format!(
        r#"{{"type":"html","seq":{seq},"turn":{turn},"block":{block},"part":{part},"parts":{parts}{keep},"html":{html}{tail}}}"#
    )
    .into()
}

/// The frame of an entry that does not grow; `None` if the dialect has none.
pub(crate) fn fixed(
    content: &Content,
    turn: TurnNumber,
    seq: Seq,
    dialect: Dialect,
) -> Option<ByteString> {
    match dialect {
        Dialect::Legacy => legacy(content).map(|frame| json(&frame)),
        Dialect::V1 | Dialect::Html | Dialect::HtmlChanges => v1(content, turn, seq),
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum LegacyFrame<'a> {
    Text { content: &'a str },
    ToolCall { tool: &'a str, input: &'a RawValue },
    Question { questions: &'a RawValue },
    ResponseDone,
    Error { content: String },
}

fn legacy(content: &Content) -> Option<LegacyFrame<'_>> {
    match content {
        Content::Text(block) => Some(LegacyFrame::Text { content: &block.content }),
        Content::ToolCall(call) => {
            Some(LegacyFrame::ToolCall { tool: &call.tool, input: &call.input })
        }
        Content::Question(question) => {
            Some(LegacyFrame::Question { questions: &question.questions })
        }
        // Legacy frames have no turn: this one would end the answer that is running.
        content if content.is_withdrawal() => None,
        Content::ResponseDone(_) => Some(LegacyFrame::ResponseDone),
        Content::Error(error) => {
            Some(LegacyFrame::Error { content: format!("Error: {}", error.content) })
        }
        // Legacy clients cannot take anything back.
        Content::UserMessage(_)
        | Content::Thinking(_)
        | Content::Withdrawn(_)
        | Content::ToolResult(_) => None,
    }
}

fn v1(content: &Content, turn: TurnNumber, seq: Seq) -> Option<ByteString> {
    if let Content::Withdrawn(Withdrawn { block, thinking }) = content {
        let escaped = "";
        let piece =
            TextPiece { thinking: *thinking, turn, block: *block, seq, escaped, replace: true };
        return text(piece, Dialect::V1);
    }
    // The payload is a JSON object; its fields follow the common ones.
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
    use crate::entry::{AnswerFacts, ResponseDone, ToolCall, TurnError};

    fn call() -> Content {
        Content::ToolCall(ToolCall {
            call_id: "c1".to_owned(),
            tool: "Read".to_owned(),
            input: RawValue::from_string(r#"{"path":"ü"}"#.to_owned()).unwrap(),
        })
    }

    #[test]
    fn an_entry_has_a_frame_in_each_dialect() {
        assert_eq!(
            fixed(&call(), TurnNumber(2), Seq(9), Dialect::V1).unwrap(),
            r#"{"type":"tool_call","seq":9,"turn":2,"call_id":"c1","tool":"Read","input":{"path":"ü"}}"#
        );
        assert_eq!(
            fixed(&call(), TurnNumber(2), Seq(9), Dialect::Legacy).unwrap(),
            r#"{"type":"tool_call","tool":"Read","input":{"path":"ü"}}"#
        );
    }

    #[test]
    fn the_legacy_dialect_has_its_own_end_frames() {
        let facts = Box::new(AnswerFacts { cost_usd: Some(0.5), ..AnswerFacts::default() });
        let done = Content::ResponseDone(ResponseDone { facts, ..ResponseDone::default() });
        assert_eq!(
            fixed(&done, TurnNumber(1), Seq(3), Dialect::Legacy).unwrap(),
            r#"{"type":"response_done"}"#
        );
        assert_eq!(
            fixed(&done, TurnNumber(1), Seq(3), Dialect::Legacy).unwrap(),
            r#"{"type":"response_done"}"#
        );
        assert_eq!(
            fixed(&done, TurnNumber(1), Seq(3), Dialect::V1).unwrap(),
            r#"{"type":"response_done","seq":3,"turn":1,"outcome":"completed","cost_usd":0.5}"#
        );
        let error = Content::Error(TurnError::new("it broke", true));
        assert_eq!(
            fixed(&error, TurnNumber(1), Seq(3), Dialect::Legacy).unwrap(),
            r#"{"type":"error","content":"Error: it broke"}"#
        );
    }

    #[test]
    fn withdrawn_text_is_replaced_by_nothing() {
        let frame = |thinking, dialect| {
            fixed(
                &Content::Withdrawn(Withdrawn { block: 2, thinking }),
                TurnNumber(1),
                Seq(9),
                dialect,
            )
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
            turn: TurnNumber(1),
            block: 0,
            seq: Seq(4),
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
