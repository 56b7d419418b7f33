//! Changes of an answer's open part, and a budget for sending them: what a viewer gets in total is
//! linear in the length of the answer.

use std::collections::VecDeque;

/// Changes that are kept. A viewer that is further behind is sent the whole part.
const MOST: usize = 64;

/// Changes of the open part, and of the part that it became.
#[derive(Debug, Default)]
pub(super) struct HtmlChanges {
    log: VecDeque<HtmlChange>,
    /// The version since which all changes are there.
    since: u32,
}

#[derive(Debug)]
struct HtmlChange {
    /// The version after the change.
    version: u32,
    part: usize,
    /// Bytes at the beginning of the part's HTML that stayed as they were.
    kept: usize,
}

impl HtmlChanges {
    /// Records a change and returns how many bytes of the part are new.
    pub(super) fn note(&mut self, version: u32, part: usize, before: &str, html: &str) -> usize {
        let kept = common(before, html);
        if self.log.len() >= MOST {
            self.since = self.log.pop_front().map_or(version, |oldest| oldest.version);
        }
        self.log.push_back(HtmlChange { version, part, kept });
        html.len() - kept
    }

    /// Bytes of a part that are unchanged since a version; `None` if that is not known.
    pub(super) fn kept(&self, part: usize, version: u32) -> Option<usize> {
        let later = self.log.iter().filter(|it| it.part == part && it.version > version);
        let kept = later.map(|change| change.kept).min();
        kept.filter(|kept| version >= self.since && *kept > 0)
    }
}

/// Bytes that two texts share at their beginning, whole characters.
fn common(before: &str, html: &str) -> usize {
    const BLOCK: usize = 1024;
    let blocks = before.as_bytes().chunks(BLOCK).zip(html.as_bytes().chunks(BLOCK));
    let start = BLOCK * blocks.take_while(|(before, now)| before == now).count();
    let before = before.as_bytes().get(start..).unwrap_or_default();
    let now = html.as_bytes().get(start..).unwrap_or_default();
    let same = before.iter().zip(now).take(BLOCK);
    let same = same.take_while(|(before, now)| before == now).count();
    html.floor_char_boundary(start.min(html.len()) + same)
}

/// Bytes that a growing answer has spent on rendering or sending.
#[derive(Debug, Default)]
pub(super) struct ByteBudget {
    spent: usize,
}

/// Bytes that an answer may spend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// However short the answer is.
    pub(crate) always: usize,
    /// For each byte of the answer.
    pub(crate) per_byte: usize,
}

impl ByteBudget {
    pub(super) fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
    }

    /// Whether more may be spent on an answer of this many bytes.
    pub(super) fn allows(&self, answer: usize, Allowance { always, per_byte }: Allowance) -> bool {
        self.spent <= always + answer.saturating_mul(per_byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_part_keeps_is_known_for_each_version_that_is_not_too_old() {
        let mut changes = HtmlChanges::default();
        assert_eq!(changes.note(2, 0, "<p>a</p>", "<p>ab</p>"), 5);
        assert_eq!(changes.note(3, 0, "<p>ab</p>", "<p>a<em>b</em></p>"), 14);
        assert_eq!(changes.note(4, 1, "<p>x</p>", "<p>xyz</p>"), 6);
        assert_eq!([1, 2, 3].map(|version| changes.kept(0, version)), [Some(4), Some(4), None]);
        assert_eq!(changes.kept(1, 3), Some(4));
        for version in 5..5 + 64 {
            changes.note(version, 2, "<p>é</p>", "<p>è</p>");
        }
        assert_eq!(changes.kept(1, 3), None, "forgotten");
        assert_eq!(changes.kept(2, 4), Some(3), "a character is kept whole or not at all");
        changes.note(70, 3, "a", "b");
        assert_eq!(changes.kept(3, 69), None, "nothing is kept");
    }

    #[test]
    fn more_may_be_spent_as_the_answer_grows() {
        let allowance = Allowance { always: 1000, per_byte: 4 };
        let mut pace = ByteBudget::default();
        assert!(pace.allows(0, allowance));
        pace.spend(2000);
        assert!(!pace.allows(200, allowance));
        assert!(pace.allows(300, allowance));
    }
}
