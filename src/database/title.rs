//! How a conversation gets its title.

/// Longest title taken from a message, in characters.
const LENGTH: usize = 50;

/// The title that a first message gives: its first 50 characters, and `...` when it has more.
pub fn from_message(content: &str) -> String {
    match content.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &content[..end]),
        None => content.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_after_fifty_characters_not_bytes() {
        assert_eq!(from_message("Where is main?"), "Where is main?");
        assert_eq!(from_message(&"ü".repeat(50)), "ü".repeat(50));
        assert_eq!(from_message(&"ü".repeat(51)), format!("{}...", "ü".repeat(50)));
    }
}
