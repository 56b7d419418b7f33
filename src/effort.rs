//! Effort: how long an agent is to think about a question, where it lets itself be told.

use serde::{Deserialize, Serialize};

/// The control request that tells an agent, by the most tokens that it may think.
pub(crate) const REQUEST: &str = "set_max_thinking_tokens";

/// How thorough an answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Without thinking first.
    Quick,
    /// With long thinking.
    Thorough,
}

impl Effort {
    /// The names on the wire.
    pub(crate) const NAMES: [&str; 2] = ["quick", "thorough"];

    /// The effort of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "quick" => Some(Self::Quick),
            "thorough" => Some(Self::Thorough),
            _ => None,
        }
    }

    /// The most tokens that the agent may think, as Claude Code is told.
    pub(crate) fn thinking_tokens(self) -> u64 {
        match self {
            Self::Quick => 0,
            Self::Thorough => 31_999,
        }
    }

    /// The word of services for it.
    pub(crate) fn level(self) -> &'static str {
        match self {
            Self::Quick => "low",
            Self::Thorough => "high",
        }
    }

    /// The effort behind such a number.
    pub(crate) fn of_thinking_tokens(tokens: u64) -> Self {
        if tokens == 0 { Self::Quick } else { Self::Thorough }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effort_is_known_by_its_name_and_its_tokens() {
        for (name, effort) in Effort::NAMES.into_iter().zip([Effort::Quick, Effort::Thorough]) {
            assert_eq!(Effort::named(name), Some(effort));
            assert_eq!(serde_json::to_value(effort).unwrap(), name);
            assert_eq!(Effort::of_thinking_tokens(effort.thinking_tokens()), effort);
        }
        assert_eq!(Effort::named("Quick"), None);
    }
}
