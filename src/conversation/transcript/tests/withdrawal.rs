//! Texts that are taken back.

use crate::{
    entry::{Content, TextKind, Withdrawn},
    ids::{Seq, TurnNumber},
};

use super::Transcript;

#[test]
fn a_text_that_is_empty_already_is_taken_back_no_second_time() {
    let mut transcript = Transcript::new(Seq(100));
    let turn = TurnNumber(1);
    transcript.append(turn, TextKind::Answer, "wrong");
    transcript.replace(turn, "");
    transcript.push(turn, Content::Withdrawn(Withdrawn { block: 7, thinking: true }));
    let before = transcript.take_dirty().len();
    transcript.is_written();
    transcript.evict(&[], 0);
    transcript.replace(turn, "");
    assert_eq!((before, transcript.take_dirty().len()), (2, 0));
}
