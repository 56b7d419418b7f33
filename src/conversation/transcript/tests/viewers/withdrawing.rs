//! Texts that are replaced and taken back, and what each viewer is to see of it.

use crate::ids::{Seq, TurnNumber};

use super::{OURS, Place, Step, World, check};

impl World {
    pub(super) fn replace(&mut self, turn: TurnNumber, text: &str) {
        let seq = self.transcript.numbers.next;
        let is_said = !self.is_begun && self.pieces.0 == turn;
        let is_open = self.is_open(turn, false);
        let open = self.pieces.1.last_mut().filter(|(thinking, _)| !thinking && is_said);
        let Some((_, entries)) = open else {
            return if !text.is_empty() {
                self.append(turn, false, text)
            };
        };
        let newest = self.said.len() - 1;
        if *entries == [newest] && is_open {
            self.transcript.replace(turn, text);
            self.empty_in_place(newest, text);
            return;
        }
        let entries = std::mem::take(entries);
        // What is emptied in place takes a number too.
        let seq = seq + i64::from(entries.contains(&newest) && is_open);
        self.is_written(|world| {
            world.transcript.replace(turn, text);
            let gone = world.empty(turn, &entries, seq);
            if !text.is_empty() {
                world.note_append(turn, false, text, seq + gone);
            }
        });
    }

    pub(super) fn withdraw(&mut self, turn: TurnNumber, counts: &[usize]) {
        let count = self.pieces.1.len();
        if self.pieces.0 != turn || count == 0 {
            return;
        }
        let counts: Vec<usize> = counts.iter().map(|it| it % count).collect();
        let mut entries = Vec::new();
        for at in &counts {
            entries.append(&mut self.pieces.1[*at].1);
        }
        self.is_written(|world| {
            let before = world.transcript.numbers.next;
            world.transcript.withdraw(turn, &counts);
            let newest = world.said.len() - 1;
            let in_place = entries.contains(&newest) && world.said[newest].is_open;
            world.empty(turn, &entries, before + i64::from(in_place));
        });
    }

    /// The session writes at once what takes something back. That it crashes in between is not looked
    /// at here.
    fn is_written(&mut self, change: impl FnOnce(&mut Self)) {
        self.written(true);
        change(self);
        self.writing = Some(self.transcript.take_dirty());
        self.written(true);
    }

    /// Entries become empty. Tells how many are added that say so, from `seq` on.
    fn empty(&mut self, turn: TurnNumber, entries: &[usize], seq: Seq) -> i64 {
        let newest = self.said.len() - 1;
        let mut gone = 0;
        for at in entries {
            if *at == newest && self.said[*at].is_open {
                self.empty_in_place(*at, "");
            } else if !self.said[*at].is_empty {
                self.empty_in_place(*at, "");
                gone += 1;
            }
        }
        (0..gone).for_each(|more| self.say(turn, seq + more, None, false));
        gone
    }

    fn empty_in_place(&mut self, entry: usize, text: &str) {
        let said = &mut self.said[entry];
        said.is_empty = text.is_empty();
        if let Some(known) = &mut said.text {
            text.clone_into(known);
            self.seeds.iter_mut().for_each(|seed| seed.replace(entry, text));
        }
    }
}

#[test]
fn who_comes_in_behind_a_text_that_was_replaced_across_a_call_gets_it_no_second_time() {
    let mut world = World::new();
    for step in [
        Step::Ask,
        Step::Append(false, "before".to_owned()),
        Step::Call,
        Step::Append(false, "after".to_owned()),
        Step::Replace("right".to_owned()),
    ] {
        world.step(step);
    }
    let newest = world.said.len() - 1;
    assert_eq!(world.said[newest].first_seq, world.transcript.entries.last().unwrap().first_seq);
    world.step(Step::Resume(OURS, Place::Behind(newest)));
    while world.read(OURS, 4096) {}
    assert_eq!(world.seeds[0].got, "");
}

/// What a viewer has of a part while it is empty is nothing, also when its colours come later.
#[test]
fn p4_a_part_that_was_empty_is_sent_whole() {
    for viewer in 0..OURS {
        let steps = vec![
            Step::Ask,
            Step::Append(false, "\n".to_owned()),
            Step::Withdraw(vec![0]),
            Step::Read(viewer, 55),
            Step::Append(false, "\n```rs\nb\n```\n\nc\n".to_owned()),
            Step::End,
            Step::Refresh(false),
            Step::Colour(0),
        ];
        check(steps).unwrap();
    }
}
