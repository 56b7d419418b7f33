//! Tokens and cost of a conversation's answers.

use serde::Serialize;

use crate::entry::{AnswerFacts, Content, EntryRow, ResponseDone, TurnError};

/// Totals of all turns whose agent reported usage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct UsageTotals {
    /// Input tokens, cached ones included.
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// US dollars.
    pub(crate) cost_usd: f64,
}

impl UsageTotals {
    /// The totals of these entries.
    pub(crate) fn of(entries: &[EntryRow]) -> Self {
        let ends = entries.iter().filter(|it| matches!(&*it.kind, "response_done" | "error"));
        let mut spent = Self::default();
        ends.filter_map(|end| Content::from_row(&end.kind, &end.payload).ok())
            .for_each(|end| spent.add(&end));
        spent
    }

    /// Adds the usage of a turn's end.
    pub(crate) fn add(&mut self, content: &Content) {
        let (Content::ResponseDone(ResponseDone { facts, .. })
        | Content::Error(TurnError { facts, .. })) = content
        else {
            return;
        };
        let AnswerFacts { usage, cost_usd, .. } = &**facts;
        if let Some(usage) = usage {
            self.input_tokens +=
                usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens;
            self.output_tokens += usage.output_tokens;
        }
        self.cost_usd += cost_usd.unwrap_or(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Usage;
    use crate::ids::{Seq, TurnNumber};

    #[test]
    fn tokens_and_money_of_all_turns_are_summed() {
        let usage = |output_tokens| Usage {
            input_tokens: 1,
            output_tokens,
            cache_read_tokens: 10,
            cache_write_tokens: 100,
        };
        let done = |output_tokens, cost_usd| {
            let end = Content::ResponseDone(ResponseDone {
                facts: Box::new(AnswerFacts {
                    usage: Some(usage(output_tokens)),
                    cost_usd,
                    ..AnswerFacts::default()
                }),
                ..ResponseDone::default()
            });
            let (kind, payload) = (end.kind().to_owned(), end.payload().unwrap());
            EntryRow { turn: TurnNumber(1), first_seq: Seq(1), last_seq: Seq(1), kind, payload }
        };
        let spent = UsageTotals::of(&[done(5, Some(0.5)), done(6, None)]);
        assert_eq!(spent, UsageTotals { input_tokens: 222, output_tokens: 11, cost_usd: 0.5 });
    }
}
