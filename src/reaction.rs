//! What people say of answers: useful or wrong, with a word why, or that one is to be kept. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::TurnNumber;

/// Characters of a reason, at most.
pub(crate) const MAX_REASON: usize = 280;

/// Reasons that are told of one answer, at most; the newest.
const TOLD_REASONS: usize = 3;

/// Whether an answer helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerVerdict {
    Useful,
    Wrong,
}

/// What one person says of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reaction {
    pub(crate) verdict: AnswerVerdict,
    /// Why, in a word or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// A reason has more characters than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The reason has {0} characters, and at most {MAX_REASON} are kept; shorten it.")]
pub(crate) struct TooLongReason(usize);

/// A person who says something of an answer: a user, or where none is known a browser. What it holds is
/// told to nobody, because the id of a browser is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Reactor(String);

/// A reaction as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StoredReaction {
    #[serde(skip)]
    pub(crate) turn: TurnNumber,
    #[serde(skip)]
    pub(crate) by: Reactor,
    /// The person's name, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(flatten)]
    pub(crate) reaction: Reaction,
    /// UTC, ISO 8601.
    pub(crate) reacted_at: String,
}

/// That an answer is kept as a note of its project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct KeptNote {
    /// Who keeps it, where users are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// UTC, ISO 8601.
    pub(crate) at: String,
}

/// All that people say of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AnswerMarks {
    pub(crate) reactions: Vec<StoredReaction>,
    pub(crate) note: Option<KeptNote>,
}

/// What all people say of one answer, as one of them is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AnswerReactions {
    pub(crate) turn: TurnNumber,
    /// People who find it useful.
    pub(crate) useful: usize,
    /// People who find it wrong.
    pub(crate) wrong: usize,
    /// The newest reactions with a reason, at most three.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<StoredReaction>,
    /// What the person who is told says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mine: Option<Reaction>,
    /// Present if it is kept as a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<KeptNote>,
}

impl AnswerVerdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Useful => "useful",
            Self::Wrong => "wrong",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Useful, Self::Wrong].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl Reaction {
    /// The same with its reason in one line; an empty one is none.
    pub(crate) fn tidied(self) -> Result<Self, TooLongReason> {
        let why = self.why.unwrap_or_default();
        let words = why.split(|c: char| c.is_whitespace() || c.is_control());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let why = words.join(" ");
        match why.chars().count() {
            0 => Ok(Self { why: None, ..self }),
            long if long > MAX_REASON => Err(TooLongReason(long)),
            _ => Ok(Self { why: Some(why), ..self }),
        }
    }
}

impl Reactor {
    /// `None` for a client that tells neither.
    pub(crate) fn of(user: Option<&str>, browser: Option<&str>) -> Option<Self> {
        match (user, browser) {
            (None, None) => None,
            (user, browser) => Some(Self::of_person(user, browser.unwrap_or_default())),
        }
    }

    /// The user, or where none is known the browser.
    pub(crate) fn of_person(user: Option<&str>, browser: &str) -> Self {
        Self(user.map_or_else(|| format!("browser {browser}"), |name| format!("user {name}")))
    }

    /// What was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl AnswerReactions {
    /// What `told` is told of one answer.
    pub(crate) fn of(turn: TurnNumber, marks: &AnswerMarks, told: Option<&Reactor>) -> Self {
        let note = marks.note.clone();
        let mut of = Self { turn, useful: 0, wrong: 0, reasons: Vec::new(), mine: None, note };
        for stored in &marks.reactions {
            match stored.reaction.verdict {
                AnswerVerdict::Useful => of.useful += 1,
                AnswerVerdict::Wrong => of.wrong += 1,
            }
            if stored.reaction.why.is_some() {
                of.reasons.push(stored.clone());
            }
            if told == Some(&stored.by) {
                of.mine = Some(stored.reaction.clone());
            }
        }
        of.reasons.sort_by(|a, b| b.reacted_at.cmp(&a.reacted_at));
        of.reasons.truncate(TOLD_REASONS);
        of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaction(verdict: AnswerVerdict, why: Option<&str>) -> Reaction {
        Reaction { verdict, why: why.map(str::to_owned) }
    }

    #[test]
    fn a_reason_is_one_short_line_or_none() {
        for (given, kept) in [
            (None, None),
            (Some(" \n\t"), None),
            (Some(" the\r\nfile  moved\u{7} "), Some("the file moved")),
            (Some(&*"ä".repeat(MAX_REASON)), Some(&*"ä".repeat(MAX_REASON))),
        ] {
            let expected = Ok(reaction(AnswerVerdict::Wrong, kept));
            assert_eq!(reaction(AnswerVerdict::Wrong, given).tidied(), expected, "{given:?}");
        }
        let long = reaction(AnswerVerdict::Useful, Some(&"ä".repeat(MAX_REASON + 1))).tidied();
        assert_eq!(long, Err(TooLongReason(MAX_REASON + 1)));
    }

    #[test]
    fn a_person_is_a_user_or_else_a_browser_and_never_mistaken_for_the_other() {
        let of = Reactor::of;
        assert_eq!(of(Some("ana"), Some("b")), of(Some("ana"), None));
        assert_ne!(of(Some("b"), None), of(None, Some("b")));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn everybody_is_counted_and_each_is_told_what_they_said() {
        let stored = |user: &str, at: u8, verdict, why| StoredReaction {
            turn: TurnNumber(1),
            by: Reactor::of(Some(user), None).unwrap(),
            user: Some(user.to_owned()),
            reaction: reaction(verdict, why),
            reacted_at: format!("2027-01-15T08:00:0{at}.000000Z"),
        };
        let reactions = vec![
            stored("ana", 1, AnswerVerdict::Useful, None),
            stored("ben", 2, AnswerVerdict::Wrong, Some("old")),
            stored("cem", 3, AnswerVerdict::Wrong, Some("no such file")),
            stored("eve", 4, AnswerVerdict::Useful, Some("saved my day")),
            stored("ida", 5, AnswerVerdict::Wrong, Some("half")),
        ];
        let note = Some(KeptNote { by: None, at: "2027-01-15T08:00:06.000000Z".to_owned() });
        let marks = AnswerMarks { reactions, note };
        let told =
            |who| AnswerReactions::of(TurnNumber(1), &marks, Reactor::of(who, None).as_ref());
        let of = told(Some("ben"));
        assert_eq!((of.useful, of.wrong), (2, 3));
        assert_eq!(of.mine, Some(reaction(AnswerVerdict::Wrong, Some("old"))));
        let reasons: Vec<_> = of.reasons.iter().filter_map(|it| it.user.as_deref()).collect();
        assert_eq!(reasons, ["ida", "eve", "cem"]);
        assert_eq!((told(None).mine, told(None).note), (None, marks.note.clone()));
        let json = serde_json::to_string(&of.reasons).unwrap();
        assert!(!json.contains("user ida"), "who reacted is told by name alone: {json}");
    }
}
