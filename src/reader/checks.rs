//! Checks of a reader's answers: a hostile file may have taken the reader over, so that each answer
//! is foreign text. Pure.

use crate::{
    citation::{
        Citation, Reference,
        anchor::{Anchor, Standing},
    },
    history::{checkout::Checkout, parse},
    markdown::escape,
    project::Project,
};

use super::{
    excerpt::{FileExcerpt, OutlineItem},
    file_list::{Directory, FoundFile, MAX_NAMES},
};

/// The classes that highlighted code may have.
const CLASSES: [&str; 8] =
    ["added", "comment", "function", "keyword", "number", "removed", "string", "type"];

/// Longest path, name and sentence that is taken, in bytes.
const MAX_TEXT: usize = 8192;

const SPAN: &str = "<span class=\"";

const SPAN_END: &str = "</span>";

/// Whether `html` is `code`, escaped, with nothing but spans of known classes in it, none in another.
pub(super) fn is_highlighted(html: &str, code: &str) -> bool {
    let mut escaped = String::with_capacity(code.len() + code.len() / 8);
    escape::push_escaped(code, &mut escaped);
    let (mut html, mut text, mut is_open) = (html, escaped.as_str(), false);
    while let Some(at) = html.find('<') {
        let (Some(piece), Some(tag)) = (html.get(..at), html.get(at..)) else { return false };
        let Some(rest) = text.strip_prefix(piece) else { return false };
        text = rest;
        html = if let Some(rest) = tag.strip_prefix(SPAN_END).filter(|_| is_open) {
            rest
        } else if let Some(rest) = tag.strip_prefix(SPAN).filter(|_| !is_open) {
            let Some((class, rest)) = rest.split_once("\">") else { return false };
            if !CLASSES.contains(&class) {
                return false;
            }
            rest
        } else {
            return false;
        };
        is_open = !is_open;
    }
    html == text && !is_open
}

/// Whether `lines` are the lines of `text`, each highlighted.
pub(super) fn are_highlighted(lines: &[String], text: &str) -> bool {
    let mut shown = text.split('\n');
    lines.iter().all(|line| shown.next().is_some_and(|shown| is_highlighted(line, shown)))
        && shown.next().is_none()
}

/// Whether found files are as many as were asked for, with paths that could be asked for again.
pub(super) fn are_found(files: &[FoundFile], total: usize, limit: usize) -> bool {
    files.len() <= limit.min(total) && files.iter().all(|file| is_path(&file.path))
}

/// Whether the figures of an excerpt fit each other and the limits.
pub(super) fn is_excerpt(page: &FileExcerpt, max_lines: usize, max_bytes: usize) -> bool {
    let shown = match page.first_line {
        0 => 0,
        first => (page.last_line + 1).saturating_sub(first),
    };
    let is_item = |item: &OutlineItem| is_plain(&item.kind) && item.name.len() <= MAX_TEXT;
    page.text.len() <= max_bytes
        && page.last_line <= page.total_lines
        && shown <= max_lines
        && page.text.split('\n').count() <= shown.max(1)
        && (shown > 0 || page.text.is_empty())
        && is_plain(&page.language)
        && page.outline.iter().all(is_item)
}

/// Whether these are names of what may be in a directory.
pub(super) fn is_directory(directory: &Directory) -> bool {
    let Directory { dirs, files, .. } = directory;
    dirs.len() + files.len() <= MAX_NAMES
        && dirs.iter().chain(files).all(|name| is_path(name) && !name.contains('/'))
}

/// Whether it is no longer than a text that is taken.
pub(super) fn is_short(text: &str) -> bool {
    text.len() <= MAX_TEXT
}

/// Whether this may name a language or a kind of definition.
pub(super) fn is_plain(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "+#-._ !:".contains(c);
    text.len() <= MAX_TEXT && text.chars().all(is_known)
}

/// The citations that belong to references that were asked for, in their order.
pub(super) fn citations(citations: Vec<Citation>, asked: &[Reference]) -> Vec<Citation> {
    let mut rest = asked.iter();
    let is_asked = |citation: &Citation| {
        let mut ahead = rest.clone();
        let is_known = ahead.any(|reference| *reference == citation.reference);
        if is_known {
            rest = ahead;
        }
        let is_named = citation.file.as_deref().is_none_or(is_path);
        let is_short = citation.why.as_deref().is_none_or(|why| why.len() <= MAX_TEXT);
        let is_commit = citation.commit.as_deref().is_none_or(parse::is_full_id);
        let is_anchored = citation.anchor.as_ref().is_none_or(Anchor::is_valid);
        is_known
            && is_named
            && is_short
            && is_anchored
            && is_commit
            && citation.candidates.iter().all(|path| is_path(path))
    };
    citations.into_iter().filter(is_asked).collect()
}

/// Those of the checkouts that the project can have.
pub(super) fn checkouts(mut checkouts: Vec<Checkout>, project: &Project) -> Vec<Checkout> {
    checkouts.retain(Checkout::is_valid);
    checkouts.retain(|it| match &it.member {
        None => !project.roots.is_group(),
        Some(name) => project.members().any(|member| member.as_str() == name),
    });
    checkouts.truncate(project.roots.iter().count());
    checkouts
}

/// Whether these name files that could be asked for.
pub(super) fn are_standings(standings: &[Standing]) -> bool {
    standings.iter().all(|standing| match standing {
        Standing::Moved { file: Some(file), .. } => is_path(file),
        _ => true,
    })
}

/// Whether this may be the path of a file of the project, relative to its root.
pub(super) fn is_path(path: &str) -> bool {
    let is_inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    !path.is_empty() && path.len() <= MAX_TEXT && is_inside && !path.contains('\0')
}

/// A sentence of the reader, cut.
pub(super) fn sentence(mut words: String) -> String {
    let end = words.floor_char_boundary(MAX_TEXT);
    words.truncate(end);
    words
}

/// The first `most` characters of a text, with a note where it is cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}\n… (truncated)", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{definitions, table_languages};

    #[test]
    fn whatever_a_definition_or_a_language_is_called_is_taken() {
        for name in definitions::KINDS.iter().chain(&["definition"]) {
            assert!(is_plain(name), "{name}");
        }
        for language in table_languages::LANGUAGES {
            assert!(is_plain(language.fence), "{}", language.fence);
        }
        assert!(!is_plain("<b>") && !is_plain("a\nb"));
    }

    #[test]
    fn only_the_same_text_in_known_spans_is_taken() {
        let code = "let a = \"<b>\";\n";
        for good in [
            "let a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"keyword\">let</span> a = <span class=\"string\">&quot;&lt;b&gt;&quot;</span>;\n",
        ] {
            assert!(is_highlighted(good, code), "{good}");
        }
        for bad in [
            "",
            "let a = \"<b>\";\n",
            "let a = &quot;&lt;b&gt;&quot;;",
            "let b = &quot;&lt;b&gt;&quot;;\n",
            "<b>let</b> a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"keyword\">let a = &quot;&lt;b&gt;&quot;;\n",
            "let</span> a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"hidden\">let</span> a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"keyword\" onclick=\"x\">let</span> a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"keyword\"><span class=\"type\">let</span></span> a = &quot;&lt;b&gt;&quot;;\n",
            "<span class=\"keyword\">let</span> a = &quot;&lt;b&gt;&quot;;\n<script></script>",
        ] {
            assert!(!is_highlighted(bad, code), "{bad}");
        }
        let two = ["a".to_owned(), "b".to_owned()];
        assert!(are_highlighted(&two, "a\nb") && !are_highlighted(&two, "a"));
        assert!(!are_highlighted(&two[..1], "a\nb"));
    }

    #[test]
    fn a_long_text_is_cut_after_so_many_characters() {
        assert_eq!(shortened("ééé", 3), "ééé");
        assert_eq!(shortened("ééé", 2), "éé\n… (truncated)");
    }

    #[test]
    fn citations_that_nobody_asked_for_are_dropped() {
        let reference =
            |path: &str| Reference { path: path.to_owned(), line: None, end_line: None };
        let cited = |path: &str, file: Option<&str>| Citation {
            reference: reference(path),
            file: file.map(str::to_owned),
            found: true,
            why: None,
            doubt: None,
            candidates: Vec::new(),
            lines_in_name: false,
            read: false,
            commit: None,
            anchor: None,
        };
        let answer = vec![
            cited("a.rs", None),
            cited("x.rs", None),
            cited("b.rs", Some("../b.rs")),
            cited("c.rs", Some("src/c.rs")),
            cited("a.rs", None),
        ];
        let asked = [reference("a.rs"), reference("b.rs"), reference("c.rs")];
        let kept = citations(answer, &asked);
        assert_eq!(kept, [cited("a.rs", None), cited("c.rs", Some("src/c.rs"))]);
    }
}
