//! Access tokens: secrets that admit whoever sends them.

use std::fmt;

/// Half of what `openssl rand -hex 16` prints, in characters.
const SHORTEST_TOKEN: usize = 16;

/// Longest token, in characters.
const LONGEST_TOKEN: usize = 1024;

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// The secret in `text`, or what is wrong with it, to follow its name.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let length = text.chars().count();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has a space or a character that no HTTP header can hold".to_owned());
        }
        if length < SHORTEST_TOKEN {
            return Err(format!("has {length} characters and needs {SHORTEST_TOKEN} or more"));
        }
        if length > LONGEST_TOKEN {
            return Err(format!("has {length} characters and may have {LONGEST_TOKEN}"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_fits_into_a_header() {
        let check = Token::new;
        assert_eq!(check("0123456789abcdef\n").unwrap().reveal(), "0123456789abcdef");
        assert_eq!(check("short").unwrap_err(), "has 5 characters and needs 16 or more");
        assert!(check(&"x".repeat(1025)).unwrap_err().contains("may have 1024"));
        for bad in ["0123456789 abcdef", "0123456789abcd\u{e9}f", "0123456789\nabcdef"] {
            assert!(check(bad).unwrap_err().contains("no HTTP header"), "{bad}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let shown = format!("{:?}", Token::new("0123456789abcdef").unwrap());
        assert_eq!(shown, "Token(…)");
    }
}
