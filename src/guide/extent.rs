//! Extent of a definition: the line where the block that a line opens ends, by its brackets' lines and
//! its indentation. Pure.

/// Lines in which the head of a definition opens its body.
const MAX_HEAD_LINES: usize = 16;

/// The last line of the definition at `line`, both counted from 1.
pub(crate) fn last_line(lines: &[&str], line: usize) -> usize {
    if line == 0 || line > lines.len() {
        return line;
    }
    // What stands between braces may be indented in any way: labels, directives, texts.
    braced_end(lines, line).unwrap_or_else(|| indented_end(lines, line))
}

/// The line of the closing brace of a body whose opening brace ends a line.
fn braced_end(lines: &[&str], line: usize) -> Option<usize> {
    let own = indent(lines[line - 1]);
    let rest = &lines[line - 1..];
    let opens = |text: &str| without_comment(text).trim_end().ends_with('{');
    let belongs = |at: usize, text: &str| {
        at == 0 || (!text.trim().is_empty() && (indent(text) > own || continues(text)))
    };
    let head = rest.iter().take(MAX_HEAD_LINES).enumerate();
    let head = head.take_while(|(at, text)| belongs(*at, text) && !ends_statement(text));
    let opened = head.into_iter().find(|(_, text)| opens(text)).map(|(at, _)| at)?;
    let closes = |text: &str| indent(text) == own && text.trim_start().starts_with('}');
    let closed = rest.iter().skip(opened + 1).position(|text| closes(text))?;
    Some(line + opened + 1 + closed)
}

/// Whether a line ends a definition before a body was opened.
fn ends_statement(text: &str) -> bool {
    let text = without_comment(text).trim_end();
    text.ends_with(';') || text.ends_with('}')
}

fn without_comment(text: &str) -> &str {
    text.find(" //").map_or(text, |at| &text[..at])
}

/// The last line that is indented deeper, or goes on as the definition's own.
fn indented_end(lines: &[&str], line: usize) -> usize {
    let own = indent(lines[line - 1]);
    let mut last = line;
    for (at, text) in lines.iter().enumerate().skip(line) {
        if text.trim().is_empty() {
            continue;
        }
        let is_inside = indent(text) > own;
        let goes_on = indent(text) == own && continues(text);
        if !is_inside && !goes_on {
            break;
        }
        last = at + 1;
    }
    last
}

/// The width of the space before a line; a tab counts as four spaces.
fn indent(line: &str) -> usize {
    let space = line.chars().take_while(|c| c.is_whitespace());
    space.map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// Whether a line that is indented like the definition still belongs to it: it closes a bracket,
/// opens the body on a line of its own, or states conditions of the head.
fn continues(line: &str) -> bool {
    let line = line.trim();
    let is_word = |word: &str| {
        line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    line.starts_with(['}', ')', ']', '{'])
        || ["end", "where", "then", "begin"].into_iter().any(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, expected: usize) {
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(last_line(&lines, line), expected, "{text}");
    }

    #[test]
    fn a_definition_ends_where_its_block_ends_in_any_language() {
        check("fn a() {\n    b();\n\n    c();\n}\n\nfn d() {}\n", 1, 5);
        check("fn a<T>(\n    t: T,\n) -> T\nwhere\n    T: Copy,\n{\n    t\n}\nfn b() {}", 1, 8);
        check("def a():\n    return 1\n\n\ndef b():\n    pass\n", 1, 2);
        check("def a(\n    b,\n) -> int:\n    return 1\n\nC = 1\n", 1, 4);
        check("class A\n  def b\n    1\n  end\nend\nclass C\nend\n", 1, 5);
        check("class A\n  def b\n    1\n  end\nend\n", 2, 4);
        check("void a()\n{\n\tb();\n}\nint c;\n", 1, 4);
        check("const A: u8 = 1;\nconst B: u8 = 2;\n", 1, 1);
        check("const A: [u8; 2] = [\n    1,\n    2,\n];\nlet b;\n", 1, 4);
        check("SELECT 1\n", 1, 1);
        check("", 1, 1);
        check("fn a() {}\nfn b() {\n}\n", 1, 1);
        check("int a() { return 1; }\nint b() {\n}\n", 1, 1);
        check("type A string\n\ntype B struct {\n\ta int\n}\n", 1, 1);
        check("from a import b\nX = 1\nD = {\n    1: 2,\n}\n", 2, 2);
    }

    #[test]
    fn a_body_in_braces_may_have_lines_without_indentation() {
        check("class A {\npublic:\n    A();\n};\nint b;\n", 1, 4);
        check("int a()\n{\n#ifdef B\n    b();\n#endif\n}\nint c() {\n}\n", 1, 6);
        check("function a() { // go\n  return `\nb\n`;\n}\nfunction c() {\n}\n", 1, 5);
        check("    fn a() {\n        r\"\nx\n\"\n    }\n    fn b() {}\n", 1, 5);
    }
}
