//! Budgets: what answers may take in a month, of one user and of one project. Pure.

use std::fmt;

use serde::Serialize;
use time::{Date, Month, OffsetDateTime, UtcOffset};
use utoipa::ToSchema;

/// What answers took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Spending {
    /// Tokens read and written, without those read from a cache.
    pub(crate) tokens: u64,
    /// US dollars.
    pub(crate) dollars: f64,
}

/// The most that answers may take in a month; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MonthlyBudget {
    /// As in [`Spending::tokens`].
    pub(crate) tokens: u32,
    /// US dollars.
    pub(crate) dollars: u32,
}

/// Whose a budget is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spender<'a> {
    /// The user who asks.
    User,
    Project(&'a str),
}

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetMonth {
    year: i32,
    month: Month,
}

impl MonthlyBudget {
    pub(crate) fn is_unlimited(self) -> bool {
        self.tokens == 0 && self.dollars == 0
    }

    /// How much of it is used up, of whichever limit is nearest: 1 is all.
    pub(crate) fn share(self, spent: Spending) -> f64 {
        let of = |spent: f64, most: u32| if most == 0 { 0.0 } else { spent / f64::from(most) };
        #[allow(clippy::cast_precision_loss, reason = "a share needs no more digits")]
        let tokens = of(spent.tokens as f64, self.tokens);
        tokens.max(of(spent.dollars, self.dollars))
    }

    /// Why a question is refused, where the budget is used up.
    pub(crate) fn refusal(
        self,
        spent: Spending,
        spender: Spender<'_>,
        month: BudgetMonth,
    ) -> Option<String> {
        let key = match spender {
            Spender::User => "user",
            Spender::Project(_) => "project",
        };
        let (used, key) = if self.tokens > 0 && spent.tokens >= u64::from(self.tokens) {
            let (spent, most) = (thousands(spent.tokens), thousands(self.tokens.into()));
            (format!("{spent} of {most} tokens"), format!("budgets.{key}_tokens"))
        } else if self.dollars > 0 && spent.dollars >= f64::from(self.dollars) {
            let used = format!("${:.2} of ${}", spent.dollars, self.dollars);
            (used, format!("budgets.{key}_dollars"))
        } else {
            return None;
        };
        let whose = match spender {
            Spender::User => "Your budget".to_owned(),
            Spender::Project(name) => format!("The budget of the project {name}"),
        };
        let (this, next) = (month.month, month.next());
        Some(format!(
            "{whose} for {this} is used up: {used}. Ask again from 1 {next} (UTC), or have an \
             administrator raise {key}."
        ))
    }
}

impl BudgetMonth {
    pub(crate) fn of(time: OffsetDateTime) -> Self {
        let date = time.to_offset(UtcOffset::UTC).date();
        Self { year: date.year(), month: date.month() }
    }

    /// Its first moment.
    pub(crate) fn start(self) -> OffsetDateTime {
        let first = Date::from_calendar_date(self.year, self.month, 1);
        first.map_or(OffsetDateTime::UNIX_EPOCH, |date| date.midnight().assume_utc())
    }

    fn next(self) -> Self {
        let month = self.month.next();
        let year = if month == Month::January { self.year + 1 } else { self.year };
        Self { year, month }
    }
}

impl fmt::Display for BudgetMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.month, self.year)
    }
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<_> = groups.into_iter().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const DECEMBER: BudgetMonth = BudgetMonth { year: 2026, month: Month::December };

    #[test]
    fn a_budget_that_is_used_up_says_whose_by_how_much_and_until_when() {
        let budget = MonthlyBudget { tokens: 2_000_000, dollars: 20 };
        let refusal = |tokens, dollars, spender| {
            budget.refusal(Spending { tokens, dollars }, spender, DECEMBER)
        };
        assert_eq!(refusal(1_999_999, 19.99, Spender::User), None);
        assert_eq!(
            refusal(2_000_000, 0.0, Spender::User).unwrap(),
            "Your budget for December is used up: 2,000,000 of 2,000,000 tokens. Ask again from 1 \
             January 2027 (UTC), or have an administrator raise budgets.user_tokens."
        );
        assert_eq!(
            refusal(7, 20.5, Spender::Project("shop")).unwrap(),
            "The budget of the project shop for December is used up: $20.50 of $20. Ask again from \
             1 January 2027 (UTC), or have an administrator raise budgets.project_dollars."
        );
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let spent = Spending { tokens: u64::MAX, dollars: f64::MAX };
        assert_eq!(MonthlyBudget::default().refusal(spent, Spender::User, DECEMBER), None);
        assert!(MonthlyBudget::default().is_unlimited());
        assert!(MonthlyBudget::default().share(spent) < f64::EPSILON);
    }

    #[test]
    fn the_nearest_limit_counts() {
        let budget = MonthlyBudget { tokens: 100, dollars: 10 };
        let share = |tokens, dollars| budget.share(Spending { tokens, dollars });
        assert!((share(50, 1.0) - 0.5).abs() < 1e-9);
        assert!((share(50, 9.0) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_month_is_one_of_utc() {
        for (time, start) in [
            (datetime!(2026-11-30 23:59:59 -01:00), datetime!(2026-12-01 0:00 UTC)),
            (datetime!(2026-12-31 23:59:59.999 UTC), datetime!(2026-12-01 0:00 UTC)),
            (datetime!(2027-01-01 0:00 UTC), datetime!(2027-01-01 0:00 UTC)),
        ] {
            assert_eq!(BudgetMonth::of(time).start(), start, "{time}");
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
