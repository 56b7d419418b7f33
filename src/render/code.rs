//! Code with classes for its colours: comments, strings, numbers, keywords, names of types and of
//! what is called. A lexer and no grammar, for the languages that answers quote most: it looks at
//! each byte about once, so that even code that is being streamed has its colours at once, on
//! whatever thread, and the same code always the same ones.

use super::html::escape;

mod languages;

use languages::Syntax;

/// Bytes of a string of one line at most.
const MAX_LINE: usize = 500;

/// Appends code of a language as HTML, its tokens in elements with classes.
pub(super) fn write(code: &str, language: &str, out: &mut String) {
    if language.eq_ignore_ascii_case("diff") {
        return diff(code, out);
    }
    match languages::syntax(language) {
        Some(syntax) => lex(code, &syntax, out),
        None => escape(code, out),
    }
}

fn diff(code: &str, out: &mut String) {
    for line in code.split_inclusive('\n') {
        match line.as_bytes().first() {
            Some(b'+') => token("added", line, out),
            Some(b'-') => token("removed", line, out),
            Some(b'@') => token("comment", line, out),
            _ => escape(line, out),
        }
    }
}

fn token(class: &str, text: &str, out: &mut String) {
    out.push_str("<span class=\"");
    out.push_str(class);
    out.push_str("\">");
    escape(text, out);
    out.push_str("</span>");
}

fn lex(code: &str, syntax: &Syntax, out: &mut String) {
    let mut rest = code;
    // Text without a class is written in one piece.
    let mut plain = code;
    let mut before = '\n';
    while let Some(first) = rest.chars().next() {
        let (class, length) = syntax.token(rest, first, before);
        let (text, after) = rest.split_at(length);
        if !class.is_empty() {
            escape(plain.get(..plain.len() - rest.len()).unwrap_or_default(), out);
            token(class, text, out);
            plain = after;
        }
        before = text.chars().next_back().unwrap_or(first);
        rest = after;
    }
    escape(plain, out);
}

impl Syntax {
    /// The class of the token with which `rest` begins, empty for none, and its bytes: at least one
    /// character's.
    fn token(&self, rest: &str, first: char, before: char) -> (&'static str, usize) {
        if let Some(length) = self.comment(rest, before) {
            return ("comment", length);
        }
        if let Some(length) = self.string(rest, first) {
            return ("string", length);
        }
        if first.is_ascii_digit() {
            return ("number", number(rest));
        }
        if !is_word(first) {
            return ("", first.len_utf8());
        }
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        (self.word(word, after), length)
    }

    fn comment(&self, rest: &str, before: char) -> Option<usize> {
        let marks = self.line_comments.iter();
        // In shells and settings, a mark within a word is none.
        let is_mark =
            |mark: &&&str| rest.starts_with(**mark) && (**mark != "#" || before.is_whitespace());
        if marks.clone().any(|mark| is_mark(&mark)) {
            return Some(rest.find('\n').unwrap_or(rest.len()));
        }
        let (begin, end) = self.block_comment?;
        let inside = rest.strip_prefix(begin)?;
        Some(inside.find(end).map_or(rest.len(), |at| begin.len() + at + end.len()))
    }

    fn string(&self, rest: &str, first: char) -> Option<usize> {
        if !self.quotes.contains(first) {
            return None;
        }
        let triple = [r#"""""#, "'''"].into_iter().find(|triple| rest.starts_with(*triple));
        if let Some(triple) = triple {
            let inside = rest.get(triple.len()..)?;
            let end = inside.find(triple).map_or(inside.len(), |at| at + triple.len());
            return Some(triple.len() + end);
        }
        let mut is_escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                // A string of one line that does not end on it, or soon, was none.
                _ if at > MAX_LINE && first != '`' && !(first == '"' && self.long_strings) => {
                    return None;
                }
                '\n' if first != '`' && !(first == '"' && self.long_strings) => return None,
                _ if c == first => return Some(at + c.len_utf8()),
                // A lifetime, or a quote in a text.
                _ if first == '\'' && self.chars && at > 1 && !rest.starts_with("'\\") => {
                    return None;
                }
                _ => (),
            }
        }
        (first == '`' || self.long_strings).then_some(rest.len())
    }

    fn word(&self, word: &str, after: &str) -> &'static str {
        let is_keyword = |keyword: &str| match self.any_case {
            true => keyword.eq_ignore_ascii_case(word),
            false => keyword == word,
        };
        if self.keywords.split(' ').any(is_keyword) {
            return "keyword";
        }
        if !self.has_names {
            return "";
        }
        let is_called =
            after.starts_with('(') || after.starts_with("!(") || after.starts_with("::<");
        if is_called {
            return "function";
        }
        let is_type = word.starts_with(char::is_uppercase)
            && (word.len() == 1 || word.contains(char::is_lowercase));
        if is_type { "type" } else { "" }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes of a number: with its base, its unit, and a point only where digits follow.
fn number(rest: &str) -> usize {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_point = c == '.' && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        if !is_word(c) && !is_point {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(language: &str, code: &str) -> String {
        let mut out = String::new();
        write(code, language, &mut out);
        out.replace("<span class=\"", "[").replace("\">", ":").replace("</span>", "]")
    }

    #[test]
    fn tokens_have_the_classes_of_their_kinds() {
        assert_eq!(
            shown("rust", "fn a<'x>(b: &'x Vec<u8>) -> u8 { b.len() + 0x1F } // it's\n"),
            "[keyword:fn] a&lt;&#39;x&gt;(b: &amp;&#39;x [type:Vec]&lt;[type:u8]&gt;) -&gt; [type:u8] \
             { b.[function:len]() + [number:0x1F] } [comment:// it&#39;s]\n"
                .replace("[type:u8]", "u8")
        );
        assert_eq!(
            shown("rust", "'a' '\\n' \"x\ny\""),
            "[string:&#39;a&#39;] [string:&#39;\\n&#39;] [string:&quot;x\ny&quot;]"
        );
        assert_eq!(
            shown("py", "def f(x=1.5):\n    \"\"\"It's\n    <b>\"\"\"\n    return x#y"),
            "[keyword:def] [function:f](x=[number:1.5]):\n    [string:&quot;&quot;&quot;It&#39;s\n    \
             &lt;b&gt;&quot;&quot;&quot;]\n    [keyword:return] x#y"
        );
        assert_eq!(shown("sql", "select 1 -- one"), "[keyword:select] [number:1] [comment:-- one]");
        assert_eq!(shown("sh", "echo don't # no"), "[keyword:echo] don&#39;t [comment:# no]");
        assert_eq!(shown("diff", "+a\n-b\n c\n"), "[added:+a\n][removed:-b\n] c\n");
        assert_eq!(shown("ts", "`a\n<${b}` 0..5"), "[string:`a\n&lt;${b}`] [number:0]..[number:5]");
    }

    #[test]
    fn an_unknown_language_is_plain_and_what_is_not_closed_ends_with_the_code() {
        assert_eq!(shown("klingon", "fn <a>"), "fn &lt;a&gt;");
        assert_eq!(shown("c", "/* <a"), "[comment:/* &lt;a]");
        assert_eq!(shown("rust", "\"é"), "[string:&quot;é]");
        assert_eq!(shown("json", "{\"a\": true"), "{[string:&quot;a&quot;]: [keyword:true]");
    }
}
