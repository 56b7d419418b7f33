//! Budgets: the table `budgets`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    budget::MonthlyBudget,
    config::values::{As, WholeNumber},
};

/// What answers may take in a calendar month (UTC); then questions are refused in words.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(crate) struct BudgetSettings {
    /// Tokens of one user, where users are known (`access.user_header`); 0: no limit.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 0))]
    user_tokens: u32,
    /// US dollars of one user, where users are known; 0: no limit.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 0))]
    user_dollars: u32,
    /// Tokens of one project; 0: no limit.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 0))]
    project_tokens: u32,
    /// US dollars of one project; 0: no limit.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 0))]
    project_dollars: u32,
}

impl BudgetSettings {
    /// That of each user.
    pub(crate) fn user(&self) -> MonthlyBudget {
        MonthlyBudget { tokens: self.user_tokens, dollars: self.user_dollars }
    }

    /// That of each project.
    pub(crate) fn project(&self) -> MonthlyBudget {
        MonthlyBudget { tokens: self.project_tokens, dollars: self.project_dollars }
    }
}
