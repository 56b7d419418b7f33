//! Names of agents, and the choice of one.

use std::{fmt, str::FromStr, sync::Arc};

/// Which agent answers where none was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AgentChoice {
    /// The first that is usable.
    #[default]
    Auto,
    /// This one.
    Named(AgentName),
}

/// Longest name of an agent, in characters.
const MAX_NAME_LENGTH: usize = 50;

/// An agent's name: 1 to 50 ASCII letters, digits, hyphens and underscores, but not `auto`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(Arc<str>);

/// The text is no name of an agent.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{0:?} is not a name for an agent: use 1 to {MAX_NAME_LENGTH} letters, digits, hyphens and \
     underscores, and not `auto`"
)]
pub struct InvalidAgentName(String);

/// What `agent.default` calls the choice by what is usable.
pub(crate) const AUTO: &str = "auto";

/// The name of Claude Code where no table has it.
pub(crate) const CLAUDE: &str = "claude";

/// The name of the built-in guide where no table has it.
pub(crate) const GUIDE: &str = "guide";

impl AgentName {
    /// Claude Code.
    pub fn claude() -> Self {
        Self(CLAUDE.into())
    }

    /// The built-in guide.
    pub fn guide() -> Self {
        Self(GUIDE.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentName {
    type Err = InvalidAgentName;

    fn from_str(text: &str) -> Result<Self, InvalidAgentName> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed);
        match fits && text != AUTO {
            true => Ok(Self(text.into())),
            false => Err(InvalidAgentName(text.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_fifty_plain_characters_and_is_not_auto() {
        for good in ["local", "gpt-5_mini", "a", &"x".repeat(50)] {
            assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
        }
        for bad in ["", "auto", "a b", "ü", "a/b", "a.b", &"x".repeat(51)] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad:?} was taken");
        }
    }
}
