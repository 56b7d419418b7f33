//! README of a project: which file it is, and its headings. Pure.

use std::path::Path;

use crate::project::roots;
use crate::source::language::Language;

/// A text file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextFile {
    /// Relative to the project's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Directories that hold a README where the root has none, best first.
const README_DIRS: [&str; 4] = ["", "docs", "doc", ".github"];
/// Names of a README without the extension, in lower case and without separators.
const README_STEMS: [&str; 5] = ["readme", "readmefirst", "liesmich", "lisezmoi", "leiame"];
/// Extensions of a README, best first; the empty one stands for none.
const README_EXTENSIONS: [&str; 12] =
    ["md", "markdown", "mdx", "rst", "adoc", "asciidoc", "org", "txt", "", "html", "htm", "rdoc"];

/// The README of a project, by the paths of its files: that of the root, or of a directory of
/// documentation, in the default language.
pub(crate) fn of_project<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    README_DIRS.iter().find_map(|dir| choose_in(dir, paths.clone()))
}

/// The README among the paths of a project: the one in the root, in the default language.
#[cfg(test)]
fn choose<'a>(paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    choose_in("", paths)
}

fn choose_in<'a>(dir: &str, paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = paths.filter_map(|path| {
        let inner = roots::inner_str(path);
        let (parent, name) = inner.rsplit_once('/').unwrap_or(("", inner));
        let rank = parent.eq_ignore_ascii_case(dir).then(|| rank(name)).flatten()?;
        Some((rank, path.len(), path))
    });
    ranked.min().map(|(_, _, path)| path)
}

/// How good a file is as a README, best first; `None` if it is none. One without a language comes
/// before its translations, such as `README.de.md` and `README_zh.md`.
fn rank(name: &str) -> Option<(bool, usize)> {
    let lower = name.to_lowercase();
    let is_name = |stem: &str| {
        let letters: String = stem.chars().filter(|it| it.is_alphanumeric()).collect();
        README_STEMS.contains(&letters.as_str())
    };
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let known = README_EXTENSIONS.iter().position(|known| *known == extension);
    match known {
        Some(extension) if is_name(stem) => Some((false, extension)),
        Some(extension) => {
            let (stem, language) = stem.rsplit_once(['.', '-', '_'])?;
            let is_language = (2..=7).contains(&language.len());
            (is_name(stem) && is_language).then_some((true, extension))
        }
        // `README.de`, `README.1ST` and so on, but no program of that name.
        None if is_name(stem) && !Language::of(Path::new(&lower)).is_code() => {
            Some((true, README_EXTENSIONS.len()))
        }
        None => None,
    }
}

/// The text of a README without markup of HTML, line for line; headings get their `#`.
pub(crate) fn plain(source: TextFile) -> TextFile {
    let lower = source.path.to_lowercase();
    if !lower.ends_with(".html") && !lower.ends_with(".htm") {
        return source;
    }
    TextFile { text: without_tags(&source.text), path: source.path }
}

/// A text of HTML without tags, comments, styles and scripts, with as many lines.
pub(crate) fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    let keep_lines = |text: &mut String, skipped: &str| {
        text.extend(skipped.chars().filter(|it| *it == '\n'));
    };
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let lower: String = rest.chars().take(8).collect::<String>().to_lowercase();
        let hidden = [("<!--", "-->"), ("<style", "</style>"), ("<script", "</script>")];
        let end = match hidden.iter().find(|(open, _)| lower.starts_with(open)) {
            Some((_, close)) => rest.find(close).map(|at| at + close.len()),
            None if lower[1..].starts_with(|it: char| it.is_alphabetic() || "/!?".contains(it)) => {
                rest.find('>').map(|at| at + 1)
            }
            None => {
                text.push('<');
                rest = &rest[1..];
                continue;
            }
        };
        let (tag, after) = rest.split_at(end.unwrap_or(rest.len()));
        if let Some(level) = lower.strip_prefix("<h").and_then(|it| it.chars().next()?.to_digit(10))
        {
            text.extend(std::iter::repeat_n('#', level as usize));
            text.push(' ');
        }
        keep_lines(&mut text, tag);
        rest = after;
    }
    text.push_str(rest);
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// The headings of a README with their levels, counted from 1, outside code blocks.
pub(crate) fn headings(source: &TextFile) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut is_fenced = false;
    let mut headings = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        let level = match line.bytes().take_while(|byte| *byte == b'#').count() {
            0 if lines.get(at + 1).is_some_and(|next| next.starts_with("==")) => 1,
            0 => 2,
            level => level,
        };
        headings.extend(
            heading(&lines, at).filter(|_| !is_fenced).map(|title| (level, title.to_owned())),
        );
    }
    headings
}

/// The heading on the line `at`, marked by `#` or underlined.
pub(crate) fn heading<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let line = lines[at];
    if let Some(title) = line.strip_prefix('#') {
        return Some(title.trim_start_matches('#').trim());
    }
    (is_underline(lines.get(at + 1)) && !line.trim().is_empty()).then_some(line)
}

/// Whether a line underlines a heading.
pub(crate) fn is_underline(line: Option<&&str>) -> bool {
    line.is_some_and(|line| {
        let line = line.trim_end();
        line.len() >= 3 && ["=", "-", "~"].iter().any(|rule| line.replace(rule, "").is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_of_the_root_is_the_one_without_a_language() {
        let files = ["README.de.md", "docs/README.md", "README.md", "src/readme.rs"];
        assert_eq!(choose(files.into_iter()), Some("README.md"));
        assert_eq!(choose(files[1..2].iter().copied()), None);
    }

    #[test]
    fn a_readme_of_any_kind_is_found() {
        for (paths, expected) in [
            (&["README"][..], "README"),
            (&["readme.rst", "src/a.py"], "readme.rst"),
            (&["ReadMe.html"], "ReadMe.html"),
            (&["Read Me.txt"], "Read Me.txt"),
            (&["README.1st"], "README.1st"),
            (&["README.txt", "README.md"], "README.md"),
            (&["README-zh.md", "README.rst"], "README.rst"),
            (&["README_de.md"], "README_de.md"),
            (&["docs/README.md", "src/README.md"], "docs/README.md"),
            (&[".github/README.md"], ".github/README.md"),
            (&["Docs/readme.adoc", ".github/README.md"], "Docs/readme.adoc"),
            (&["readme.py", "README.org"], "README.org"),
            (&["LIESMICH.txt"], "LIESMICH.txt"),
        ] {
            assert_eq!(of_project(paths.iter().copied()), Some(expected), "{paths:?}");
        }
        for paths in [
            &["readme.py", "readme.rs"][..],
            &["src/README.md"],
            &["readme-generator.md", "readmes.txt"],
            &["docs/a/README.md"],
        ] {
            assert_eq!(of_project(paths.iter().copied()), None, "{paths:?}");
        }
    }

    #[test]
    fn html_becomes_text_with_the_same_lines() {
        let html = "<!-- a\nb -->\n<h1 class=x>Keeper</h1>\n<style>\np { a < b }\n</style>\n\
                    <p>Keeps 1 < 2 &amp; more,\n<b>always</b>.</p>\n";
        let source = TextFile { path: "README.html".to_owned(), text: html.to_owned() };
        let text = plain(source).text;
        assert_eq!(text.lines().count(), html.lines().count());
        assert_eq!(text.lines().nth(2), Some("# Keeper"));
        assert_eq!(text.lines().nth(6), Some("Keeps 1 < 2 & more,"));
        assert_eq!(text.lines().nth(7), Some("always."));
    }
}
