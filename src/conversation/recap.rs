//! Summaries of the earlier conversation for an agent that does not know it.

use crate::{
    agent::AgentKind,
    attachment::told,
    entry::{Content, Outcome, ResponseDone},
    ids::TurnNumber,
};

use super::{Conversation, transcript::Transcript};

/// Characters of a recap that is carried over from another conversation.
const CARRIED_CHARACTERS: usize = 8000;

/// What an agent knows of the earlier conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AgentKnowledge {
    /// Its own session has everything, or nothing was said.
    #[default]
    Everything,
    /// Its own session may lack the last answer, which was cut off.
    WithoutTheLast,
    /// Its session is new.
    Nothing,
    /// It keeps no session: it is told the conversation before its first question.
    Untold,
}

/// Questions and answers in a recap, at most; the newest ones.
const MAX_MESSAGES: usize = 30;

/// Characters of each of them.
const MAX_CHARACTERS: usize = 600;

/// Characters of an answer that was cut off.
const CUT_CHARACTERS: usize = 4000;

/// The question of `turn`, after a recap of what was said before it.
pub(crate) fn with_recap(transcript: &Transcript, turn: TurnNumber, question: &str) -> String {
    let carried = carried(transcript);
    let said = before(transcript, turn);
    let begun = transcript.answer(turn);
    if carried.is_none() && said.is_empty() && begun.trim().is_empty() {
        return question.to_owned();
    }
    let mut text =
        "This conversation began earlier. In short, so that you can go on with it:\n\n".to_owned();
    text.push_str(carried.unwrap_or_default());
    text.push_str(&said);
    text.push_str("That was the past. The person asks now:\n\n");
    text.push_str(question);
    text.push_str(&begun_answer(&begun));
    text
}

/// The question of `turn` for an agent that was told all before it.
pub(crate) fn with_begun_answer(
    transcript: &Transcript,
    turn: TurnNumber,
    question: &str,
) -> String {
    let carried = transcript.question(turn).and_then(|question| question.carried.as_deref());
    let before = carried.map(|carried| {
        format!("Before this conversation, in another one:\n\n{carried}The person asks now:\n\n")
    });
    before.unwrap_or_default() + question + &begun_answer(&transcript.answer(turn))
}

fn begun_answer(begun: &str) -> String {
    if begun.trim().is_empty() {
        return String::new();
    }
    format!(
        "\n\n[You have begun to answer already, and people saw this much of it:\n\n{}\n\nGo on from \
         there.]",
        beginning(begun, CUT_CHARACTERS)
    )
}

/// The question of `turn`, followed by the answer before it that was cut off: the agent's own
/// session may lack it.
pub(crate) fn with_cut_off_answer(
    transcript: &Transcript,
    turn: TurnNumber,
    question: &str,
) -> String {
    let cut = last_before(transcript, turn).map(|last| transcript.answer(last));
    let Some(cut) = cut.filter(|cut| !cut.trim().is_empty()) else { return question.to_owned() };
    // The end is next to the cut.
    let from = cut.char_indices().rev().nth(CUT_CHARACTERS - 1).map_or(0, |(at, _)| at);
    let shown = cut.get(from..).unwrap_or(&cut);
    format!(
        "{question}\n\n[Your last answer was cut off. In case you do not have it, people saw this of \
         it:\n\n{shown}]"
    )
}

/// A recap of the turns before `turn`, for another conversation that goes on there.
pub(crate) fn carry_over(transcript: &Transcript, turn: TurnNumber) -> String {
    let mut text = carried(transcript)
        .map_or_else(String::new, |carried| beginning(carried, CARRIED_CHARACTERS) + "\n\n");
    text.push_str(&before(transcript, turn));
    text
}

/// The recap that this conversation began with.
fn carried(transcript: &Transcript) -> Option<&str> {
    let all = transcript.contents().filter_map(|(_, content)| match content {
        Content::UserMessage(message) => message.carried.as_deref(),
        _ => None,
    });
    all.last()
}

/// What was said in the turns before `turn`; empty if nothing was.
fn before(transcript: &Transcript, turn: TurnNumber) -> String {
    let spoken: Vec<_> = transcript
        .dialogue()
        .into_iter()
        .filter(|words| {
            (TurnNumber::FIRST..turn).contains(&words.turn) && !words.text.trim().is_empty()
        })
        .collect();
    let mut text = String::new();
    for words in spoken.iter().skip(spoken.len().saturating_sub(MAX_MESSAGES)) {
        let who = if words.by_person { "Person" } else { "You" };
        let files = match words.by_person {
            true => transcript.question(words.turn).map(|question| question.attachments.as_slice()),
            false => None,
        };
        let files = told::mentions(files.unwrap_or_default());
        text.push_str(&format!("{who}: {}{files}\n\n", beginning(&words.text, MAX_CHARACTERS)));
    }
    text
}

fn beginning(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{} […]", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The last turn before `turn` with a question.
fn last_before(transcript: &Transcript, turn: TurnNumber) -> Option<TurnNumber> {
    let asked = transcript
        .contents()
        .filter(|(of, content)| *of < turn && matches!(content, Content::UserMessage(_)));
    asked.map(|(of, _)| of).max()
}

impl Conversation {
    /// Has the agent get a recap if this turn's question brings one from another conversation.
    pub(crate) fn note_carried(&mut self, turn: TurnNumber) {
        let has_model = self.agent.handle.as_ref().is_some_and(|it| it.kind().has_model());
        let question = self.transcript.question(turn);
        let is_untold = self.agent.knowledge == AgentKnowledge::Untold;
        if has_model && !is_untold && question.is_some_and(|question| question.carried.is_some()) {
            self.agent.knowledge = AgentKnowledge::Nothing;
        }
    }

    /// What an agent of this kind knows that starts now.
    pub(crate) fn knowledge(&self, kind: AgentKind) -> AgentKnowledge {
        // A recap helps only a language model.
        if !self.transcript.has_user_message() || !kind.has_model() {
            return AgentKnowledge::Everything;
        }
        if !kind.keeps_sessions() {
            return AgentKnowledge::Untold;
        }
        if self.agent.session.is_none() {
            return AgentKnowledge::Nothing;
        }
        let newest = self.transcript.contents().filter_map(|(turn, content)| match content {
            Content::ResponseDone(ResponseDone { outcome: Outcome::Completed, .. }) => {
                Some((turn, false))
            }
            // Nobody waits for an answer to it.
            content if content.is_withdrawal() => None,
            content => content.is_end().then_some((turn, true)),
        });
        match newest.max_by_key(|(turn, _)| *turn) {
            Some((_, true)) => AgentKnowledge::WithoutTheLast,
            _ => AgentKnowledge::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::TextKind;
    use crate::{
        entry::{Content, UserMessage},
        ids::Seq,
    };

    fn asked(content: &str) -> Content {
        Content::UserMessage(UserMessage { content: content.to_owned(), ..UserMessage::default() })
    }

    #[test]
    fn a_first_question_needs_no_digest() {
        let mut transcript = Transcript::new(Seq(100));
        transcript.append(TurnNumber(0), TextKind::Answer, "Hello!");
        transcript.push(TurnNumber(1), asked("why?"));
        assert_eq!(with_recap(&transcript, TurnNumber(1), "why?"), "why?");
    }

    #[test]
    fn what_was_said_before_comes_before_the_question() {
        let mut transcript = Transcript::new(Seq(100));
        transcript.push(TurnNumber(1), asked("what is it?"));
        transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(1000));
        transcript.push(TurnNumber(2), asked("why?"));
        let text = with_recap(&transcript, TurnNumber(2), "why?");
        assert!(text.contains("Person: what is it?"), "{text}");
        assert!(text.contains(&format!("You: {} […]", "x".repeat(600))), "{text}");
        assert!(text.ends_with("asks now:\n\nwhy?"), "{text}");
        assert_eq!(text.matches("why?").count(), 1);
    }

    #[test]
    fn an_answer_that_was_cut_off_comes_with_the_next_question() {
        let mut transcript = Transcript::new(Seq(100));
        transcript.push(TurnNumber(1), asked("what is it?"));
        transcript.append(TurnNumber(1), TextKind::Answer, "It is a");
        transcript.push(TurnNumber(1), Content::plain_end(Outcome::Interrupted));
        transcript.push(TurnNumber(2), asked("why?"));
        let text = with_cut_off_answer(&transcript, TurnNumber(2), "why?");
        assert!(text.starts_with("why?") && text.ends_with("It is a]"), "{text}");
        assert_eq!(with_cut_off_answer(&transcript, TurnNumber(1), "what is it?"), "what is it?");
        // Of a long one the end, where it was cut off.
        transcript.append(TurnNumber(2), TextKind::Answer, &"é".repeat(5000));
        transcript.append(TurnNumber(2), TextKind::Answer, "the end");
        transcript.push(TurnNumber(3), asked("so?"));
        let text = with_cut_off_answer(&transcript, TurnNumber(3), "so?");
        assert!(text.ends_with("ééthe end]") && text.chars().count() < 4200);
    }

    #[test]
    fn an_answer_that_begins_afresh_is_told_how_it_began() {
        let mut transcript = Transcript::new(Seq(100));
        transcript.push(TurnNumber(1), asked("what is it?"));
        transcript.append(TurnNumber(1), TextKind::Answer, "It is a");
        let text = with_recap(&transcript, TurnNumber(1), "what is it?");
        assert!(text.contains("asks now:\n\nwhat is it?") && text.contains("It is a"), "{text}");
    }

    #[test]
    fn what_was_carried_over_is_told_first_and_carried_on() {
        let mut transcript = Transcript::new(Seq(100));
        let carried = Some("Person: about tea?\n\nYou: green\n\n".to_owned());
        let first = UserMessage { content: "and?".to_owned(), carried, ..UserMessage::default() };
        transcript.push(TurnNumber(1), Content::UserMessage(first));
        let text = with_recap(&transcript, TurnNumber(1), "and?");
        assert!(text.contains("You: green") && text.ends_with("asks now:\n\nand?"), "{text}");
        transcript.append(TurnNumber(1), TextKind::Answer, "black");
        transcript.push(TurnNumber(2), asked("so?"));
        let text = carry_over(&transcript, TurnNumber(2));
        assert!(text.find("You: green") < text.find("You: black"), "{text}");
    }
}
