//! Kinds of events that webhooks tell.

use std::fmt;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// A turn ended with an answer, or failed.
    Answered,
    /// Somebody finds an answer wrong.
    Wrong,
    /// A budget is used up.
    BudgetReached,
}

impl EventKind {
    pub(crate) const ALL: [Self; 3] = [Self::Answered, Self::Wrong, Self::BudgetReached];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Wrong => "wrong",
            Self::BudgetReached => "budget_reached",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
