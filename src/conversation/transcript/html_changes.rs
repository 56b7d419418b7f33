//! How the open part of an answer changed, for viewers that are sent only what is new of it, and how often
//! viewers may be sent it: what they get altogether is linear in the answer's length, whatever it holds.

use std::collections::VecDeque;

/// HtmlChanges that are kept in mind. A viewer that is further behind is sent the part whole.
const MOST: usize = 64;

/// The changes of the part that was open last, and of the one that became of it.
#[derive(Debug, Default)]
pub(super) struct HtmlChanges {
    log: VecDeque<HtmlChange>,
    /// The version since which all are there.
    since: u32,
}

#[derive(Debug)]
struct HtmlChange {
    /// The version that came of it.
    version: u32,
    part: usize,
    /// Bytes of HTML at the part's beginning that it left as they were.
    kept: usize,
}

impl HtmlChanges {
    /// Notes that a part has changed, and how many bytes are new in it.
    pub(super) fn note(&mut self, version: u32, part: usize, before: &str, html: &str) -> usize {
        let kept = common(before, html);
        if self.log.len() >= MOST {
            self.since = self.log.pop_front().map_or(version, |oldest| oldest.version);
        }
        self.log.push_back(HtmlChange { version, part, kept });
        html.len() - kept
    }

    /// How many bytes of a part have stayed what they were in a version; `None` where that is not known.
    pub(super) fn kept(&self, part: usize, version: u32) -> Option<usize> {
        let later = self.log.iter().filter(|it| it.part == part && it.version > version);
        let kept = later.map(|change| change.kept).min();
        kept.filter(|kept| version >= self.since && *kept > 0)
    }
}

/// How many bytes two texts have in common at their beginning, whole characters.
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

/// What an answer that grows has cost so far.
#[derive(Debug, Default)]
pub(super) struct ByteBudget {
    /// Bytes.
    spent: usize,
}

/// How much an answer may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Bytes, however short the answer is.
    pub always: usize,
    /// Bytes for each byte of the answer.
    pub per_byte: usize,
}

impl ByteBudget {
    /// So much is rendered, or sent.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
    }

    /// Whether more may be spent on an answer of so many bytes.
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
