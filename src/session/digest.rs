//! What an agent is told that does not know the conversation: what was said before, in short.

use super::transcript::Transcript;

/// Questions and answers told at most, the newest ones.
const MAX_MESSAGES: usize = 30;

/// Characters told of each.
const MAX_CHARACTERS: usize = 600;

/// The question of `turn`, after a digest of what was said before it.
pub fn wrap(transcript: &Transcript, turn: i64, question: &str) -> String {
    let spoken: Vec<_> = transcript
        .spoken()
        .into_iter()
        .filter(|words| (1..turn).contains(&words.turn) && !words.text.trim().is_empty())
        .collect();
    if spoken.is_empty() {
        return question.to_owned();
    }
    let mut text =
        "This conversation began earlier. In short, so that you can go on with it:\n\n".to_owned();
    for words in spoken.iter().skip(spoken.len().saturating_sub(MAX_MESSAGES)) {
        let who = if words.by_person { "Person" } else { "You" };
        let end = words.text.char_indices().nth(MAX_CHARACTERS).map(|(end, _)| end);
        let shown = end.and_then(|end| words.text.get(..end)).unwrap_or(&words.text);
        let cut = if end.is_some() { " […]" } else { "" };
        text.push_str(&format!("{who}: {shown}{cut}\n\n"));
    }
    text.push_str("That was the past. The person asks now:\n\n");
    text.push_str(question);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Content, UserMessage};

    fn asked(content: &str) -> Content {
        Content::UserMessage(UserMessage { content: content.to_owned(), ..UserMessage::default() })
    }

    #[test]
    fn a_first_question_needs_no_digest() {
        let mut transcript = Transcript::new(100);
        transcript.append(0, false, "Hello!");
        transcript.push(1, asked("why?"), false);
        assert_eq!(wrap(&transcript, 1, "why?"), "why?");
    }

    #[test]
    fn what_was_said_before_comes_before_the_question() {
        let mut transcript = Transcript::new(100);
        transcript.push(1, asked("what is it?"), false);
        transcript.append(1, false, &"x".repeat(1000));
        transcript.push(2, asked("why?"), false);
        let text = wrap(&transcript, 2, "why?");
        assert!(text.contains("Person: what is it?"), "{text}");
        assert!(text.contains(&format!("You: {} […]", "x".repeat(600))), "{text}");
        assert!(text.ends_with("asks now:\n\nwhy?"), "{text}");
        assert_eq!(text.matches("why?").count(), 1);
    }
}
