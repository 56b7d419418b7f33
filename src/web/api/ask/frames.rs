//! Which frames of a conversation belong to one turn. Pure.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    ids::{ConversationId, Seq, TurnNumber},
    wire::server_frame::RefusalReason,
};

/// What a frame says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FrameHead<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) seq: Option<Seq>,
    pub(super) turn: Option<TurnNumber>,
    pub(super) conversation_id: Option<ConversationId>,
    #[serde(borrow)]
    pub(super) message_id: Option<Cow<'a, str>>,
    /// Of `attached`: where the replay begins.
    pub(super) after: Option<Seq>,
}

impl<'a> FrameHead<'a> {
    /// The head of a frame of the server.
    pub(super) fn of(frame: &'a [u8]) -> Self {
        serde_json::from_slice(frame).unwrap_or_default()
    }
}

/// A refusal, or an error outside a turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RefusalFrame {
    pub(super) content: String,
    retryable: bool,
    reason: Option<RefusalReason>,
}

impl RefusalFrame {
    pub(super) fn of(frame: &[u8]) -> Self {
        serde_json::from_slice(frame).unwrap_or_default()
    }

    /// The HTTP status of a request that was refused like this.
    pub(super) fn status(&self) -> u16 {
        match self.reason {
            Some(RefusalReason::Budget) => 402,
            Some(RefusalReason::Limit) => 429,
            Some(RefusalReason::TooLong) => 413,
            None if self.retryable => 503,
            None => 422,
        }
    }
}

/// Picks the frames of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnFrames {
    pub(crate) turn: TurnNumber,
    /// The number up to which a client has seen the history.
    pub(crate) after: Seq,
}

/// What a frame is to a client that follows a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picked {
    /// Not for it.
    Other,
    /// A state of the conversation.
    Status,
    /// A part of the turn.
    Part(Option<Seq>),
    /// The end of the turn.
    End(Option<Seq>),
    /// What follows does not go on where the client is: it has to come again.
    Lost,
}

impl TurnFrames {
    pub(super) fn pick(&mut self, head: &FrameHead<'_>) -> Picked {
        let is_own = head.turn == Some(self.turn);
        match &*head.kind {
            "status" => Picked::Status,
            "error" if head.turn.is_none() => Picked::Lost,
            "attached" if head.after.is_some_and(|after| after < self.after) => Picked::Lost,
            // It has the number of the question, which comes too.
            "accepted" | "attached" => Picked::Other,
            _ if !is_own => Picked::Other,
            "response_done" | "error" => Picked::End(self.seen(head.seq)),
            _ => Picked::Part(self.seen(head.seq)),
        }
    }

    fn seen(&mut self, seq: Option<Seq>) -> Option<Seq> {
        self.after = seq.unwrap_or(self.after);
        seq
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pick(frames: &mut TurnFrames, frame: &str) -> Picked {
        frames.pick(&FrameHead::of(frame.as_bytes()))
    }

    #[test]
    fn a_turn_has_its_own_frames_and_the_states_of_its_conversation() {
        let mut frames = TurnFrames { turn: TurnNumber(2), after: Seq(4) };
        for (frame, expected) in [
            (
                r#"{"type":"user_message","seq":5,"turn":2,"content":"x"}"#,
                Picked::Part(Some(Seq(5))),
            ),
            (r#"{"type":"text","seq":6,"turn":1,"block":0,"content":"y"}"#, Picked::Other),
            (r#"{"type":"accepted","seq":5,"turn":2,"position":1}"#, Picked::Other),
            (r#"{"type":"status","state":"running","detail":"Using Read…"}"#, Picked::Status),
            (r#"{"type":"response_done","seq":7,"turn":1,"outcome":"completed"}"#, Picked::Other),
            (r#"{"type":"error","seq":7,"turn":1,"content":"z","retryable":true}"#, Picked::Other),
            (
                r#"{"type":"text","seq":9,"turn":2,"block":0,"content":"a\nb"}"#,
                Picked::Part(Some(Seq(9))),
            ),
            (r#"{"type":"attached","conversation_id":1,"seq":9,"after":9}"#, Picked::Other),
            (r#"{"type":"response_done","seq":10,"turn":2}"#, Picked::End(Some(Seq(10)))),
        ] {
            assert_eq!(pick(&mut frames, frame), expected, "{frame}");
        }
    }

    #[test]
    fn what_does_not_go_on_is_noticed() {
        let mut frames = TurnFrames { turn: TurnNumber(2), after: Seq(4) };
        pick(&mut frames, r#"{"type":"text","seq":9,"turn":2,"block":0,"content":"a"}"#);
        let lost = r#"{"type":"attached","conversation_id":1,"seq":9,"after":6}"#;
        assert_eq!(pick(&mut frames, lost), Picked::Lost);
        let deleted = r#"{"type":"error","content":"The conversation was deleted."}"#;
        assert_eq!(pick(&mut frames, deleted), Picked::Lost);
        let failed = r#"{"type":"error","seq":11,"turn":2,"content":"it broke","retryable":true}"#;
        assert_eq!(pick(&mut frames, failed), Picked::End(Some(Seq(11))));
    }

    #[test]
    fn a_refusal_has_the_status_of_its_reason() {
        for (fields, status) in [
            (r#""retryable":false,"reason":"budget""#, 402),
            (r#""retryable":true,"reason":"limit""#, 429),
            (r#""retryable":false,"reason":"too_long""#, 413),
            (r#""retryable":true"#, 503),
            (r#""retryable":false"#, 422),
        ] {
            let frame = format!(r#"{{"type":"error","content":"No.",{fields}}}"#);
            assert_eq!(RefusalFrame::of(frame.as_bytes()).status(), status, "{fields}");
        }
    }

    proptest! {
        #[test]
        fn p9_any_bytes_are_a_frame_of_nothing_or_of_something(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let mut frames = TurnFrames { turn: TurnNumber(1), after: Seq(0) };
            frames.pick(&FrameHead::of(&bytes));
            prop_assert_eq!(frames.pick(&FrameHead::of(text.as_bytes())), Picked::Other);
        }
    }
}
