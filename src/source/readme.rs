//! README of a project: which file it is, and its headings. Pure.

/// A text file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextFile {
    /// Relative to the project's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The README among the paths of a project: the one in the root, in the default language.
pub(crate) fn choose<'a>(paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let in_root = paths.filter(|path| !path.contains('/'));
    let readmes = in_root.filter(|path| path.to_lowercase().starts_with("readme"));
    // `README.md` before its translations.
    readmes.min_by_key(|path| (path.len(), *path))
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
}
