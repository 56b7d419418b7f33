//! Questions that follow from an answer, each about what it cites or what its agent has read. Pure.

use std::path::Path;

use crate::source::language::Language;

use super::{QUESTIONS, is_short};

/// Characters of a name that tells nothing by itself.
const SHORT_NAME: usize = 3;

/// Names that many things have.
const USUAL_NAMES: [&str; 9] =
    ["default", "handle", "init", "main", "new", "run", "self", "start", "test"];

/// A place in a file that an answer cites.
#[derive(Debug)]
pub(crate) struct CitedPlace {
    pub(crate) path: String,
    pub(crate) line: Option<u32>,
    /// Names that the file defines, and the lines on which they begin, in order.
    pub(crate) definitions: Vec<(String, u32)>,
}

/// Up to three questions about the definitions that an answer cites, and about a file that was read and
/// that it does not cite. None that `question` has asked, and none where nothing has a name.
pub(crate) fn of(question: &str, cited: &[CitedPlace], read: &[String]) -> Vec<String> {
    let mut symbols: Vec<(&str, &str)> = Vec::new();
    for place in cited {
        let found = symbol(place).filter(|it| symbols.iter().all(|known| known.0 != it.0));
        symbols.extend(found);
    }
    let asks = |name: &str| question.contains(name);
    let unknown = symbols.iter().filter(|(name, _)| !asks(name));
    let how = unknown.take(1).map(|(name, path)| format!("How does `{name}` in `{path}` work?"));
    let used = symbols.iter().filter(|(name, _)| !(asks(name) && question.contains("used")));
    let used = used.take(1).map(|(name, path)| format!("Where is `{name}` of `{path}` used?"));
    let is_new = |path: &&String| {
        is_code(path) && !asks(path) && is_short(path) && cited.iter().all(|it| it.path != **path)
    };
    let other = read.iter().filter(is_new).take(1);
    let other = other.map(|path| format!("What does `{path}` do, and what uses it?"));
    used.chain(how).chain(other).take(QUESTIONS).collect()
}

/// The name of the definition that a cited line is part of, and its file.
fn symbol(place: &CitedPlace) -> Option<(&str, &str)> {
    let line = place.line?;
    let (name, _) = place.definitions.iter().rfind(|(_, begins)| *begins <= line)?;
    let is_telling = name.chars().count() > SHORT_NAME
        && !USUAL_NAMES.contains(&name.as_str())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_telling && is_code(&place.path) && is_short(&place.path))
        .then_some((name.as_str(), place.path.as_str()))
}

fn is_code(path: &str) -> bool {
    Language::of(Path::new(path)).is_code()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, line: u32, definitions: &[(&str, u32)]) -> CitedPlace {
        let definitions = definitions.iter().map(|(name, line)| ((*name).to_owned(), *line));
        CitedPlace { path: path.to_owned(), line: Some(line), definitions: definitions.collect() }
    }

    fn ask(question: &str, cited: &[CitedPlace], read: &[&str]) -> Vec<String> {
        let read: Vec<_> = read.iter().map(|path| (*path).to_owned()).collect();
        of(question, cited, &read)
    }

    #[test]
    fn they_name_what_the_answer_cites_and_what_was_read_besides() {
        let cited = [
            place("src/parser.rs", 5, &[("parse_quokka", 2), ("render", 40)]),
            place("src/parser.rs", 44, &[("parse_quokka", 2), ("render", 40)]),
        ];
        assert_eq!(
            ask("Where is parse_quokka?", &cited, &["README.md", "src/parser.rs", "src/lexer.rs"]),
            [
                "Where is `parse_quokka` of `src/parser.rs` used?",
                "How does `render` in `src/parser.rs` work?",
                "What does `src/lexer.rs` do, and what uses it?",
            ]
        );
        // What was asked is not asked again.
        assert_eq!(
            ask("Where is parse_quokka used? And src/lexer.rs?", &cited[..1], &["src/lexer.rs"]),
            [""; 0]
        );
    }

    #[test]
    fn there_is_none_rather_than_a_vague_one() {
        for cited in [
            place("README.md", 5, &[("Overview", 1)]),
            place("src/main.rs", 5, &[("main", 2)]),
            place("src/a.rs", 5, &[("go", 2)]),
            place("src/a.rs", 1, &[("later_on", 2)]),
            place("src/a.rs", 5, &[]),
            place("src/a`b.rs", 5, &[("named", 2)]),
            place("src/a.rs", 5, &[("a name with spaces", 2)]),
            CitedPlace { line: None, ..place("src/a.rs", 1, &[("named", 1)]) },
        ] {
            assert_eq!(ask("What?", &[cited], &["LICENSE", "src/a`b.rs"]), [""; 0]);
        }
        assert_eq!(ask("What?", &[], &[]), [""; 0]);
    }
}
