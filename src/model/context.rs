//! What of a conversation fits into a model's context: what is cut, and in which order. Pure.
//!
//! The oldest results of tools go first, then the oldest turns, of which only the questions stay. More
//! is cut than has to be, so that the next requests begin alike and services can use their caches.

use super::request::{OfferedTool, Said};

/// Bytes that make a token, about, before a service has counted any.
const BYTES_PER_TOKEN: f64 = 3.5;

/// The range in which the measured number is believed.
const BELIEVED: std::ops::RangeInclusive<f64> = 1.5..=6.0;

/// Part of a context that an answer may take, and its most, in tokens.
const ANSWER_PART: f64 = 0.4;
const MAX_ANSWER: u64 = 16_000;

/// To which part of what fits a conversation is cut that does not fit.
const CUT_TO: f64 = 0.7;

/// Bytes of a cut result that stay, and of a question of a dropped turn.
const KEPT_BYTES: usize = 200;
const KEPT_QUESTION_BYTES: usize = 160;

/// Questions of dropped turns that are told.
const TOLD_QUESTIONS: usize = 20;

/// Tokens that a message takes besides its text.
const MESSAGE_TOKENS: u64 = 6;

/// Tokens of an image, about: services scale it and count by its size in their own ways.
const IMAGE_TOKENS: u64 = 1600;

/// What begins the message that stands for dropped turns.
const DROPPED: &str = "(Earlier questions of this conversation, whose answers no longer fit:";

/// The size of a model's context, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ContextSize {
    /// All of it, in tokens.
    pub(super) context: u64,
    /// The longest answer, if set.
    pub(super) max_output: Option<u64>,
    pub(super) bytes_per_token: f64,
}

impl ContextSize {
    pub(super) fn new(context: u64, max_output: Option<u64>) -> Self {
        Self { context, max_output, bytes_per_token: BYTES_PER_TOKEN }
    }

    /// Tokens that may be sent.
    pub(super) fn input(&self) -> u64 {
        let part = (self.context as f64 * ANSWER_PART) as u64;
        let answer = self.max_output.unwrap_or(MAX_ANSWER).min(part);
        self.context.saturating_sub(answer)
    }

    fn tokens(&self, n_bytes: usize) -> u64 {
        (n_bytes as f64 / self.bytes_per_token) as u64
    }

    /// Tokens of a whole request.
    pub(super) fn estimate(&self, system: &str, tools: &[OfferedTool], said: &[Said]) -> u64 {
        let tools = tools.iter().map(|tool| self.tokens(tool_bytes(tool)) + MESSAGE_TOKENS);
        let fixed = self.tokens(system.len()) + tools.sum::<u64>();
        fixed + said.iter().map(|said| self.of(said)).sum::<u64>()
    }

    fn of(&self, said: &Said) -> u64 {
        match said {
            Said::Images(images) => IMAGE_TOKENS * images.len() as u64,
            said => self.tokens(said_bytes(said)) + MESSAGE_TOKENS,
        }
    }

    /// Learns how many bytes make a token from what a service counted.
    pub(super) fn learn(&mut self, estimated: u64, counted: u64) {
        if estimated == 0 || counted == 0 {
            return;
        }
        let measured = self.bytes_per_token * estimated as f64 / counted as f64;
        self.bytes_per_token = measured.clamp(*BELIEVED.start(), *BELIEVED.end());
    }

    /// The limit that a service has named, or half of what was believed.
    pub(super) fn shrink(&mut self, limit: Option<u64>) {
        let half = self.context / 2;
        self.context = limit.filter(|limit| (1..self.context).contains(limit)).unwrap_or(half);
    }

    /// Cuts what does not fit. Gives false if it still does not.
    pub(super) fn fit(&self, system: &str, tools: &[OfferedTool], said: &mut Vec<Said>) -> bool {
        let most = self.input();
        if self.estimate(system, tools, said) <= most {
            return true;
        }
        let fixed = self.estimate(system, tools, &[]);
        let goal = fixed + (most.saturating_sub(fixed) as f64 * CUT_TO) as u64;
        let fits = |said: &[Said], most: u64| self.estimate(system, tools, said) <= most;
        drop_old_images(said);
        let question = said.iter().rposition(|it| matches!(it, Said::Question(_))).unwrap_or(0);
        // The results that the model has not seen stay longest.
        let unseen = said.iter().rposition(|it| matches!(it, Said::Answer { .. })).unwrap_or(0);
        for range in [0..question, question..unseen.max(question)] {
            for at in range {
                if fits(said, goal) {
                    return true;
                }
                said.get_mut(at).into_iter().for_each(|it| cut_result(it, KEPT_BYTES));
            }
        }
        while !fits(said, goal) && drop_oldest_turn(said) {}
        if fits(said, most) {
            return true;
        }
        self.cut_newest(system, tools, said);
        fits(said, most)
    }

    /// Cuts the results that the model has not seen to equal parts of what is free.
    fn cut_newest(&self, system: &str, tools: &[OfferedTool], said: &mut [Said]) {
        let is_result = |it: &Said| matches!(it, Said::Result { .. });
        let n_results = said.iter().filter(|it| is_result(it)).count();
        let rest: Vec<Said> = said.iter().filter(|it| !is_result(it)).cloned().collect();
        let used = self.estimate(system, tools, &rest) + MESSAGE_TOKENS * n_results as u64;
        let free = (self.input().saturating_sub(used)) as f64 * self.bytes_per_token;
        let each = (free / n_results.max(1) as f64) as usize;
        said.iter_mut().for_each(|it| cut_result(it, each.saturating_sub(KEPT_BYTES)));
    }
}

fn tool_bytes(tool: &OfferedTool) -> usize {
    tool.name.len() + tool.description.len() + tool.schema.to_string().len()
}

fn said_bytes(said: &Said) -> usize {
    match said {
        Said::Images(_) => 0,
        Said::Question(text) | Said::Result { text, .. } => text.len(),
        Said::Answer { text, calls, .. } => {
            let calls = calls.iter().map(|call| call.name.len() + call.arguments.len() + 40);
            text.len() + calls.sum::<usize>()
        }
    }
}

/// Cuts a result to `most` bytes and says so.
fn cut_result(said: &mut Said, most: usize) {
    let Said::Result { text, .. } = said else { return };
    if text.len() <= most.saturating_add(KEPT_BYTES) {
        return;
    }
    let cut = text.len() - most;
    text.truncate(text.floor_char_boundary(most));
    text.push_str(&format!(
        "\n[{cut} bytes were cut here to make room. Call the tool again for what you need of them.]"
    ));
}

/// Takes away the images of all questions but the newest.
fn drop_old_images(said: &mut Vec<Said>) {
    let newest = said.iter().rposition(|it| matches!(it, Said::Images(_)));
    let is_asked = newest.is_some_and(|at| {
        !said[at..].iter().any(|it| matches!(it, Said::Answer { calls, .. } if calls.is_empty()))
    });
    let mut at = 0;
    said.retain(|it| {
        let is_kept = !matches!(it, Said::Images(_)) || (is_asked && Some(at) == newest);
        at += 1;
        is_kept
    });
}

/// Replaces the oldest turn by its question. Gives false if only the newest is left.
fn drop_oldest_turn(said: &mut Vec<Said>) -> bool {
    let mut questions = Vec::new();
    let mut start = 0;
    if let Some(Said::Question(text)) = said.first()
        && let Some(told) = text.strip_prefix(DROPPED)
    {
        questions.extend(told.trim_end_matches(')').lines().skip(1).map(str::to_owned));
        start = 2;
    }
    let is_question = |said: &&Said| matches!(said, Said::Question(_));
    let next = said.iter().skip(start + 1).position(|it| is_question(&it)).map(|at| start + 1 + at);
    let (Some(next), Some(Said::Question(oldest))) = (next, said.get(start)) else { return false };
    let has_images = matches!(said.get(next - 1), Some(Said::Images(_)));
    let next = next - usize::from(has_images);
    let end = oldest.floor_char_boundary(KEPT_QUESTION_BYTES);
    questions.push(format!("- {}", oldest.get(..end).unwrap_or_default().replace('\n', " ")));
    let first = questions.len().saturating_sub(TOLD_QUESTIONS);
    let told = questions.get(first..).unwrap_or_default().join("\n");
    let summary = [
        Said::Question(format!("{DROPPED}\n{told})")),
        Said::text("(I no longer see these answers.)".to_owned()),
    ];
    said.splice(..next, summary);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{messages::SignedThinking, reply::ModelCall};

    fn turn(question: &str, n_bytes: usize) -> Vec<Said> {
        let call =
            ModelCall { id: "c".to_owned(), name: "read".to_owned(), ..ModelCall::default() };
        vec![
            Said::Question(question.to_owned()),
            Said::Answer {
                text: String::new(),
                calls: vec![call],
                thinking: SignedThinking::default(),
            },
            Said::Result { id: "c".to_owned(), text: "é".repeat(n_bytes / 2), is_error: false },
            Said::text("It is so.".to_owned()),
        ]
    }

    fn talk(n_turns: usize, n_bytes: usize) -> Vec<Said> {
        let mut said: Vec<Said> =
            (0..n_turns).flat_map(|at| turn(&format!("Question {at}?"), n_bytes)).collect();
        said.push(Said::Question("Now?".to_owned()));
        said
    }

    fn results(said: &[Said]) -> Vec<usize> {
        said.iter()
            .filter_map(
                |it| if let Said::Result { text, .. } = it { Some(text.len()) } else { None },
            )
            .collect()
    }

    #[test]
    fn what_fits_stays_and_the_oldest_results_are_cut_first() {
        let size = ContextSize::new(8000, None);
        let mut said = talk(2, 4000);
        let before = said.clone();
        assert!(size.fit("S", &[], &mut said) && said == before);
        let mut said = talk(6, 4000);
        assert!(size.fit("S", &[], &mut said));
        let lengths = results(&said);
        assert!(lengths[0] < 400 && lengths[5] == 4000, "{lengths:?}");
        let cut = said.clone();
        assert!(size.fit("S", &[], &mut said) && said == cut, "it is cut again");
    }

    #[test]
    fn then_the_oldest_turns_leave_only_their_questions() {
        let size = ContextSize::new(1000, None);
        let mut said = talk(60, 300);
        assert!(size.fit("S", &[], &mut said));
        let Said::Question(first) = &said[0] else { panic!() };
        assert!(first.starts_with(DROPPED) && first.contains("- Question 3"), "{first}");
        assert!(first.lines().count() <= TOLD_QUESTIONS + 1, "{first}");
        assert_eq!(said.last(), Some(&Said::Question("Now?".to_owned())));
        // Questions and answers still take turns.
        assert!(matches!(&said[1], Said::Answer { .. }) && matches!(&said[2], Said::Question(_)));
    }

    #[test]
    fn new_results_share_what_is_free_and_what_cannot_fit_is_told() {
        let size = ContextSize::new(2000, None);
        let mut said = turn("Q", 90_000);
        said.pop();
        assert!(size.fit("S", &[], &mut said));
        assert!(results(&said)[0] > 1000, "{:?}", results(&said));
        assert!(!size.fit(&"s".repeat(90_000), &[], &mut talk(3, 300)));
        assert!(!size.fit("S", &[], &mut vec![Said::Question("q".repeat(90_000))]));
    }

    #[test]
    fn sizes_are_learnt_from_what_a_service_says() {
        let mut size = ContextSize::new(100_000, Some(4000));
        assert_eq!(size.input(), 96_000);
        size.learn(1000, 2000);
        assert!((size.bytes_per_token - 1.75).abs() < 0.01);
        size.learn(1000, 1_000_000);
        assert!((size.bytes_per_token - 1.5).abs() < 0.01);
        size.learn(0, 5);
        size.shrink(Some(4096));
        assert_eq!(size.context, 4096);
        for limit in [None, Some(0), Some(9999)] {
            let mut half = size;
            half.shrink(limit);
            assert_eq!(half.context, 2048, "{limit:?}");
        }
        assert_eq!(ContextSize::new(4096, None).input(), 2458);
    }
}
