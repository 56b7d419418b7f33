//! Settings in the text of a file of git's configuration. Pure.

/// The values of a key, in order. Sections are those with a name, such as `[remote "origin"]`, if
/// `is_named`, else the one without. `section` and `key` in any case.
pub(crate) fn values(text: &str, section: &str, is_named: bool, key: &str) -> Vec<String> {
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    let mut is_wanted = false;
    let mut found = Vec::new();
    for line in joined.lines() {
        let mut line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let (title, rest) = header.split_at(end_of_header(header));
            let (name, own) = title.split_at(title.find([' ', '\t', '"']).unwrap_or(title.len()));
            let has_own = !own.trim().is_empty();
            is_wanted = name.trim().eq_ignore_ascii_case(section) && has_own == is_named;
            line = rest.trim_start_matches(']').trim();
        }
        let Some((name, given)) = line.split_once('=').filter(|_| is_wanted) else { continue };
        if name.trim().eq_ignore_ascii_case(key) {
            found.push(value(given));
        }
    }
    found
}

/// Where the bracket is that ends a header; a name in quotes may hold one.
fn end_of_header(header: &str) -> usize {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let end = header.find(|character| {
        let is_end = character == ']' && !is_quoted;
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(header.len())
}

/// A value without its quotes, escapes and comment.
fn value(given: &str) -> String {
    let mut value = String::new();
    // Up to here, spaces at the end are no part of it.
    let mut kept = 0;
    let mut is_quoted = false;
    let mut characters = given.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(escaped) => value.push(escaped),
                None => break,
            },
            other => value.push(other),
        }
        if is_quoted || !character.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_as_git_writes_them() {
        for (text, expected) in [
            ("[core]\n\tworkTree = ../a\n", &["../a"][..]),
            ("[core]\nworktree=/a b/c # x\n", &["/a b/c"]),
            ("[Core] WorkTree = \"/a # b\" ; c\n", &["/a # b"]),
            ("[core]\nworktree = /a\n[user]\nworktree = b\n[core]\nworktree = /b\n", &["/a", "/b"]),
            ("[core]\nworktree = /a\\\n/b\n", &["/a/b"]),
            ("[core]\nworktree =\n", &[""]),
            ("[core \"x\"]\nworktree = /a\n", &[]),
            ("[core", &[]),
            ("", &[]),
        ] {
            assert_eq!(values(text, "core", false, "worktree"), expected, "{text:?}");
        }
    }

    #[test]
    fn sections_with_names_are_told_from_those_without() {
        let text = "[remote]\nurl = a\n[remote \"origin\"]\n\turl = b ; c\n[remote \"x]y\"] url = d\n\
                    [remote \"q\\\"]\"]\nurl = e\n[branch \"remote\"]\nurl = f\n";
        assert_eq!(values(text, "remote", true, "url"), ["b", "d", "e"]);
        assert_eq!(values(text, "remote", false, "URL"), ["a"]);
    }
}
