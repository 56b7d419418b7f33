//! Addresses of the web that stand for themselves in running text. Linear in the text's length.

/// Longest address that becomes a link, in bytes. A longer one stays text.
pub(super) const LONGEST_ADDRESS: usize = 2048;

/// The first address in a text, and what stands before and behind it.
pub(super) fn find(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("http")?;
        let (before, found) = text.split_at_checked(start)?;
        let is_word = before.ends_with(|c: char| c.is_alphanumeric());
        let scheme = ["http://", "https://"].into_iter().find(|it| found.starts_with(it));
        let Some(scheme) = scheme.filter(|_| !is_word) else {
            from = start + "http".len();
            continue;
        };
        let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"`|".contains(c);
        let whole = found.get(..found.find(is_end).unwrap_or(found.len()))?;
        let address = without_punctuation(whole);
        if (scheme.len() + 1..=LONGEST_ADDRESS).contains(&address.len()) {
            return Some((before, address, found.get(address.len()..)?));
        }
        // Nothing within it is an address of its own.
        from = start + whole.len();
    }
}

/// Without what ends a sentence, or a bracket around the address.
fn without_punctuation(whole: &str) -> &str {
    let first_bracket = whole.find('(').unwrap_or(whole.len());
    let mut address = whole;
    while let Some(last) = address.chars().next_back() {
        let is_around = last == ')' && first_bracket >= address.len();
        if !is_around && !".,;:!?'*_~]".contains(last) {
            break;
        }
        address = address.get(..address.len() - last.len_utf8()).unwrap_or_default();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_where_its_sentence_or_the_bracket_around_it_does() {
        for (text, expected) in [
            ("see https://a.b/x_y.", Some("https://a.b/x_y")),
            ("(http://a.b/c)", Some("http://a.b/c")),
            ("(http://a.b/c_(d))", Some("http://a.b/c_(d))")),
            ("http://a.b)).", Some("http://a.b")),
            ("http:// http://x", Some("http://x")),
            ("http://... http://x", Some("http://x")),
            ("ahttp://x http https:// ", None),
        ] {
            assert_eq!(find(text).map(|(_, address, _)| address), expected, "{text}");
        }
    }

    #[test]
    fn an_address_that_is_too_long_is_text_and_the_next_one_is_found() {
        let long = format!("http://{}", "a".repeat(LONGEST_ADDRESS));
        let text = format!("{long} http://x");
        let (before, address, after) = find(&text).unwrap();
        assert_eq!((before, address, after), (&text[..=long.len()], "http://x", ""));
        assert_eq!(find(&long), None);
    }
}
