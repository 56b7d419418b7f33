//! Tokens and cost of a turn, in the shapes in which agents report them.

use super::wire::{PromptResult, Update};
use crate::{entry::Usage, json::Object};

/// What an agent's numbers of tokens count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UsageScope {
    /// The turn, or its last request.
    #[default]
    Turn,
    /// The session so far.
    Session,
}

/// What one turn took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct UsageCount {
    pub usage: Usage,
    pub cost_usd: Option<f64>,
}

/// Tokens as an agent counts them.
#[derive(Debug, Default)]
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
}

/// Turns an agent's totals into what each turn took.
#[derive(Debug)]
pub(super) struct Meter {
    scope: UsageScope,
    /// Tokens before the running turn, where the agent counts the session.
    before: Usage,
    /// US dollars of the session: now, and before the running turn.
    cost_usd: Option<f64>,
    cost_before_usd: f64,
}

impl Meter {
    pub(super) fn new(scope: UsageScope) -> Self {
        Self { scope, before: Usage::default(), cost_usd: None, cost_before_usd: 0.0 }
    }

    /// Notes the cost so far, and the tokens of a session that was resumed.
    pub(super) fn on_update(&mut self, update: &Update<'_>, is_replay: bool) {
        if let Some(cost) = &update.cost
            && cost.currency.as_str().eq_ignore_ascii_case("usd")
        {
            self.cost_usd = cost.amount.or(self.cost_usd);
        }
        if !is_replay || update.session_update.as_str() != "usage_update" {
            return;
        }
        if let Some(meta) = &update.meta {
            self.before = usage_of(tokens_in(meta));
        }
        self.cost_before_usd = self.cost_usd.unwrap_or_default();
    }

    /// What the turn took that ends with this result.
    pub(super) fn end_turn(&mut self, result: &PromptResult<'_>) -> UsageCount {
        let in_meta = || {
            let quota = result.meta.as_ref()?.object("quota")?;
            Some(tokens_in(&quota.object("token_count")?))
        };
        let counted = result.usage.as_ref().map(tokens_in).or_else(in_meta);
        let counted = usage_of(counted.unwrap_or_default());
        let usage = match self.scope {
            UsageScope::Turn => counted,
            UsageScope::Session if counted == Usage::default() => counted,
            UsageScope::Session => {
                let before = std::mem::replace(&mut self.before, counted);
                without(counted, before)
            }
        };
        let cost_usd = self.cost_usd.map(|now| {
            let before = std::mem::replace(&mut self.cost_before_usd, now);
            if now < before { now } else { now - before }
        });
        UsageCount { usage, cost_usd }
    }
}

fn tokens_in(fields: &Object<'_>) -> Tokens {
    let count = |names: &[&str]| names.iter().find_map(|name| fields.get::<u64>(name));
    Tokens {
        input: count(&["inputTokens", "input_tokens", "promptTokens"]),
        output: count(&["outputTokens", "output_tokens", "completionTokens"]),
        total: count(&["totalTokens", "total_tokens"]),
        cached: count(&["cachedReadTokens", "cachedInputTokens", "cachedTokens"]),
        written: count(&["cachedWriteTokens", "cacheWriteInputTokens"]),
    }
}

/// Some agents count cached tokens as part of those read; their total shows it.
fn usage_of(tokens: Tokens) -> Usage {
    let [input, output, cached, written] =
        [tokens.input, tokens.output, tokens.cached, tokens.written].map(Option::unwrap_or_default);
    let is_included = tokens.total == input.checked_add(output) && cached <= input;
    Usage {
        input_tokens: if is_included { input - cached } else { input },
        output_tokens: output,
        cache_read_tokens: cached,
        cache_write_tokens: written,
    }
}

fn without(all: Usage, before: Usage) -> Usage {
    Usage {
        input_tokens: all.input_tokens.saturating_sub(before.input_tokens),
        output_tokens: all.output_tokens.saturating_sub(before.output_tokens),
        cache_read_tokens: all.cache_read_tokens.saturating_sub(before.cache_read_tokens),
        cache_write_tokens: all.cache_write_tokens.saturating_sub(before.cache_write_tokens),
    }
}
