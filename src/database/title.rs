//! Titles of conversations, given or taken from the first question.

/// Longest title taken from a message, in characters.
const MAX_TAKEN: usize = 50;

/// Longest title that a person can give, in characters.
pub(crate) const MAX_GIVEN: usize = 200;

/// The title has so many characters, and they are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The title has {0} characters, and at most {MAX_GIVEN} are allowed; shorten it.")]
pub(crate) struct TooLong(usize);

/// Cleans a title that a person gives: one line, trimmed. `None` when nothing is left.
pub(crate) fn given(text: &str) -> Result<Option<String>, TooLong> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title = line.trim();
    match title.chars().count() {
        0 => Ok(None),
        1..=MAX_GIVEN => Ok(Some(title.to_owned())),
        length => Err(TooLong(length)),
    }
}

/// The first 50 characters of a message, and `...` when it has more.
pub(crate) fn from_message(content: &str) -> String {
    match content.char_indices().nth(MAX_TAKEN) {
        Some((end, _)) => format!("{}...", &content[..end]),
        None => content.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_title_is_one_line_of_bounded_length() {
        assert_eq!(given("  Where\nit\tis \n"), Ok(Some("Where it is".to_owned())));
        assert_eq!(given(" \n "), Ok(None));
        assert_eq!(given(&"ü".repeat(200)), Ok(Some("ü".repeat(200))));
        assert_eq!(given(&"ü".repeat(201)), Err(TooLong(201)));
    }

    #[test]
    fn a_title_is_cut_after_fifty_characters_not_bytes() {
        assert_eq!(from_message("Where is main?"), "Where is main?");
        assert_eq!(from_message(&"ü".repeat(50)), "ü".repeat(50));
        assert_eq!(from_message(&"ü".repeat(51)), format!("{}...", "ü".repeat(50)));
    }
}
