//! Answers about the project as a whole, from its README, specification and manifests. Pure.

use serde_json::Value;

use crate::{
    citation::written,
    source::{
        left_out::LeftOut,
        readme::{TextFile, heading, is_underline, without_tags},
        text::clip,
    },
};

/// A statement about the project, with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    /// In Markdown.
    pub text: String,
    /// `path:line`.
    pub citation: String,
}

/// Paragraphs quoted of a README at most.
const MAX_PARAGRAPHS: usize = 3;
/// Longest paragraph quoted, bytes.
const MAX_PARAGRAPH_BYTES: usize = 700;
/// Lines quoted of a section at most.
const MAX_SECTION_LINES: usize = 24;
/// Sections quoted at most.
const MAX_SECTIONS: usize = 3;
/// Bytes quoted of a specification at most.
const MAX_SPEC_BYTES: usize = 900;

/// Words in the headings of README sections that are not about the project.
const ASIDES: &[&str] = &[
    "donat",
    "sponsor",
    "funding",
    "backer",
    "enterprise",
    "licen",
    "credit",
    "badge",
    "thanks",
    "table of contents",
];

/// The first paragraphs of a README, without badges, pictures and tables. Where none says much, the
/// first lines that say anything, be it in HTML, a list or a heading.
pub(crate) fn introduction(source: &TextFile) -> Vec<Fact> {
    let facts = paragraphs(source);
    if !facts.is_empty() {
        return facts;
    }
    let text = without_tags(&source.text);
    let words = text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim().trim_start_matches(['#', '=', '>', '*', '-', '+', ' ']).trim();
        let is_markup = ["[![", "![", "|", "```", ".. ", ":"].iter().any(|it| line.starts_with(it));
        let is_said = !is_markup && line.chars().filter(|it| it.is_alphabetic()).count() >= 3;
        let citation = format!("{}:{}", source.path, at + 1);
        is_said.then(|| Fact { text: line.to_owned(), citation })
    });
    words.take(MAX_PARAGRAPHS).collect()
}

/// What the overview says where nothing could be quoted.
pub(crate) fn without_words(readme: Option<&TextFile>, left_out: &LeftOut) -> String {
    match (readme, left_out.sentence()) {
        (Some(readme), _) => format!("There is a README (`{}`), without words. ", readme.path),
        (None, None) => "There is no README, specification or manifest that I know. ".to_owned(),
        (None, Some(left_out)) => {
            format!("I found no README, specification or manifest that I know. {left_out}\n\n")
        }
    }
}

fn paragraphs(source: &TextFile) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut paragraph: Vec<String> = Vec::new();
    let mut start = 1;
    let mut is_fenced = false;
    let mut is_aside = false;
    let lines: Vec<&str> = source.text.lines().collect();
    for (at, line) in lines.iter().copied().chain([""]).enumerate() {
        if at < lines.len()
            && let Some(title) = heading(&lines, at).filter(|_| !is_fenced)
        {
            if !facts.is_empty() && paragraph.is_empty() {
                break;
            }
            let title = title.to_lowercase();
            is_aside = ASIDES.iter().any(|aside| title.contains(aside));
        }
        let line = line.trim();
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        }
        let is_tag = line.starts_with('<') && !line.starts_with("<http");
        let line = if is_tag { without_tags(line).trim().to_owned() } else { line.to_owned() };
        let is_title = line.starts_with('#') && is_tag;
        if !line.is_empty() && !is_fenced && !is_title {
            if paragraph.is_empty() {
                start = at + 1;
            }
            paragraph.push(line);
            continue;
        }
        let is_list = |line: &String| line.starts_with("- ") || line.starts_with("* ");
        let text = paragraph.join(if paragraph.iter().skip(1).any(is_list) { "\n" } else { " " });
        let text = clip(&text, MAX_PARAGRAPH_BYTES);
        paragraph.clear();
        if says_something(&text) && !is_aside && !is_advert(&text) {
            facts.push(Fact { text, citation: format!("{}:{start}", source.path) });
            if facts.len() == MAX_PARAGRAPHS {
                break;
            }
        }
    }
    facts
}

/// Whether a paragraph thanks those who pay, as it stands in many READMEs before what the project is.
fn is_advert(text: &str) -> bool {
    let start: String = text.chars().take(60).collect::<String>().to_lowercase();
    ["sponsor", "donat", "backed by", "supported by"].iter().any(|word| start.contains(word))
}

fn says_something(text: &str) -> bool {
    let is_markup =
        ["#", "[![", "![", "<", "|", "```", ".. ", ":", "---", "===", "[", "- [", "* [", "```"]
            .iter()
            .any(|opening| text.starts_with(opening));
    let n_letters = text.chars().filter(|c| c.is_alphabetic()).count();
    !is_markup && n_letters >= 30 && n_letters * 2 > text.len()
}

/// The sections of a README whose headings have one of `words`, as Markdown with citations.
pub(crate) fn sections(source: &TextFile, words: &[&str]) -> Vec<Fact> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut facts = Vec::new();
    let mut at = 0;
    let mut is_fenced = false;
    while at < lines.len() && facts.len() < MAX_SECTIONS {
        let line = lines[at];
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        let Some(title) = heading(&lines, at).filter(|_| !is_fenced) else {
            at += 1;
            continue;
        };
        let lower = title.to_lowercase();
        if !words.iter().any(|word| lower.contains(word)) {
            at += 1;
            continue;
        }
        let body_start = at + 1 + usize::from(is_underline(lines.get(at + 1)));
        let end = section_end(&lines, body_start);
        let body: Vec<&str> = lines[body_start..end].to_vec();
        let mut text = body.join("\n").trim().to_owned();
        if text.matches("```").count() % 2 == 1 {
            text.push_str("\n```");
        }
        if !text.is_empty() {
            facts.push(Fact {
                text: format!("**{}**\n\n{text}", title.trim()),
                citation: format!("{}:{}", source.path, at + 1),
            });
        }
        at = end.max(at + 1);
    }
    facts
}

fn section_end(lines: &[&str], start: usize) -> usize {
    let mut is_fenced = false;
    for (at, line) in lines.iter().enumerate().skip(start) {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        let is_long = at - start >= MAX_SECTION_LINES;
        if !is_fenced && (is_long || heading(lines, at).is_some()) {
            return at;
        }
        if at - start >= MAX_SECTION_LINES * 2 {
            return at;
        }
    }
    lines.len()
}

/// The overview of a specification if it is tagged, else its beginning.
pub(crate) fn specification(source: &TextFile) -> Option<Fact> {
    let tagged = ["overview", "description", "summary", "purpose"]
        .iter()
        .find_map(|tag| between(&source.text, tag));
    let (text, at) = tagged.unwrap_or((source.text.trim(), 0));
    let text = clip(text.trim(), MAX_SPEC_BYTES);
    let line = source.text[..at].matches('\n').count() + 1;
    (!text.is_empty()).then(|| Fact { text, citation: format!("{}:{line}", source.path) })
}

fn between<'a>(text: &'a str, tag: &str) -> Option<(&'a str, usize)> {
    let open = format!("<{tag}>");
    let start = text.find(&open)? + open.len();
    let end = text[start..].find(&format!("</{tag}>"))? + start;
    Some((&text[start..end], start))
}

/// The kind, name, version and description of a project, from its manifest.
pub(crate) fn manifest(source: &TextFile) -> Option<Fact> {
    let name = source.path.rsplit('/').next()?;
    let (kind, name, version, description) = match name {
        "Cargo.toml" => {
            let table: toml::Table = source.text.parse().ok()?;
            let package = table.get("package")?;
            let text =
                |key: &str| package.get(key).and_then(|value| value.as_str()).map(str::to_owned);
            ("Rust package", text("name")?, text("version"), text("description"))
        }
        "pyproject.toml" => {
            let table: toml::Table = source.text.parse().ok()?;
            let package = table.get("project").or_else(|| table.get("tool")?.get("poetry"))?;
            let text =
                |key: &str| package.get(key).and_then(|value| value.as_str()).map(str::to_owned);
            ("Python package", text("name")?, text("version"), text("description"))
        }
        "package.json" => {
            let value: Value = serde_json::from_str(&source.text).ok()?;
            let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
            ("Node package", text("name")?, text("version"), text("description"))
        }
        "go.mod" => {
            let module = source.text.lines().find_map(|line| line.strip_prefix("module "))?;
            ("Go module", module.trim().to_owned(), None, None)
        }
        _ => return None,
    };
    let mut fact = format!("{kind} `{name}`");
    if let Some(version) = version {
        fact.push_str(&format!(" {version}"));
    }
    if let Some(description) = description {
        fact.push_str(&format!(": {description}"));
    }
    Some(Fact { text: fact, citation: format!("{}:{}", source.path, line_of(&source.text, &name)) })
}

fn line_of(text: &str, needle: &str) -> usize {
    text.lines()
        .position(|line| line.contains("name") && line.contains(needle))
        .map_or(1, |at| at + 1)
}

/// The commands that a manifest or a makefile offers, with their purpose.
pub(crate) fn commands(source: &TextFile) -> Vec<Fact> {
    let cite = |line: usize| format!("{}:{line}", source.path);
    let fact = |text: &str, line: usize| Fact { text: text.to_owned(), citation: cite(line) };
    match source.path.rsplit('/').next().unwrap_or_default() {
        "Cargo.toml" => vec![
            fact("`cargo build` builds it", 1),
            fact("`cargo test` runs its tests", 1),
            fact("`cargo run` runs it, where it has a program", 1),
        ],
        "go.mod" => {
            vec![fact("`go build ./...` builds it", 1), fact("`go test ./...` runs its tests", 1)]
        }
        "pyproject.toml" | "setup.py" => {
            let mut facts = vec![fact("`pip install -e .` installs it", 1)];
            if let Some(at) = source.text.lines().position(|line| line.contains("pytest")) {
                facts.push(fact("`pytest` runs its tests", at + 1));
            }
            facts
        }
        "requirements.txt" => {
            vec![fact("`pip install -r requirements.txt` installs what it needs", 1)]
        }
        "package.json" => {
            let scripts = serde_json::from_str::<Value>(&source.text).ok();
            let scripts = scripts.as_ref().and_then(|value| value.get("scripts")?.as_object());
            let line = |name: &str| {
                let needle = format!("\"{name}\"");
                source.text.lines().position(|line| line.contains(&needle)).map_or(1, |at| at + 1)
            };
            let mut facts = vec![fact("`npm install` installs what it needs", 1)];
            facts.extend(scripts.into_iter().flatten().take(12).map(|(name, command)| {
                let command = command.as_str().unwrap_or_default();
                fact(&format!("`npm run {name}` runs `{}`", clip(command, 100)), line(name))
            }));
            facts
        }
        "Makefile" | "makefile" | "justfile" => {
            let tool = if source.path.ends_with("justfile") { "just" } else { "make" };
            let targets = source.text.lines().enumerate().filter_map(|(at, line)| {
                let (target, _) = line.split_once(':')?;
                let is_target = !target.is_empty()
                    && !line.contains(":=")
                    && target.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
                is_target.then(|| fact(&format!("`{tool} {target}`"), at + 1))
            });
            targets.take(12).collect()
        }
        _ => Vec::new(),
    }
}

/// Facts as a list.
pub(crate) fn list(facts: &[Fact]) -> String {
    facts.iter().fold(String::new(), |mut list, fact| {
        list.push_str(&format!("- {} ({})\n", fact.text, written::place(&fact.citation)));
        list
    })
}

/// Facts as paragraphs, quoted.
pub(crate) fn quoted(facts: &[Fact]) -> String {
    facts.iter().fold(String::new(), |mut text, fact| {
        for line in fact.text.lines() {
            text.push_str(&format!("> {line}\n"));
        }
        text.push_str(&format!("\n({})\n\n", written::place(&fact.citation)));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_introduction_is_the_first_paragraph_that_says_something() {
        let readme = source(
            "README.md",
            "# Pool\n\n[![badge](x)](y)\n\nPool keeps connections to databases open and\nhands them out.\n\n## Use\n",
        );
        let facts = introduction(&readme);
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].text, "Pool keeps connections to databases open and hands them out.");
        assert_eq!(facts[0].citation, "README.md:5");
    }

    #[test]
    fn an_introduction_is_found_behind_adverts_and_in_markup() {
        for (text, words, line) in [
            (
                "> Featured Sponsor: [Rabbit](https://r.test) cuts your review time in half.\n\n# Memo\n\nMemo keeps short notes and shows them on a timeline.\n",
                "Memo keeps short notes and shows them on a timeline.",
                5,
            ),
            (
                "<h1 align=\"center\">Memo</h1>\n<p align=\"center\">\n<i>Memo keeps short notes and shows them on a timeline.</i>\n</p>\n\n## Start\n\nA detailed guide can be found at the site of the project.\n",
                "Memo keeps short notes and shows them on a timeline.",
                3,
            ),
        ] {
            let facts = introduction(&source("README.md", text));
            assert_eq!(facts[0].text, words, "{text}");
            assert_eq!(facts[0].citation, format!("README.md:{line}"));
            assert_eq!(facts.len(), 1, "{facts:?}");
        }
    }

    #[test]
    fn a_readme_of_few_words_is_quoted() {
        for (path, text, words, line) in [
            ("README", "Keeps keys.\n", "Keeps keys.", 1),
            ("README.md", "# Quokka\n\n- fast\n- small\n", "Quokka", 1),
            ("README.md", "<p align=center>\n<b>Keeps keys.</b>\n</p>\n", "Keeps keys.", 2),
            ("README.rst", "Quokka\n======\n\nKeeps keys.\n", "Quokka", 1),
            ("README.txt", "* Keeps keys\n", "Keeps keys", 1),
        ] {
            let fact = &introduction(&source(path, text))[0];
            assert_eq!((fact.text.as_str(), &fact.citation), (words, &format!("{path}:{line}")));
        }
        assert!(introduction(&source("README.md", "[![x](y)](z)\n\n")).is_empty());
    }

    #[test]
    fn sections_are_found_by_heading_and_keep_their_fences_whole() {
        let readme = source(
            "README.md",
            "# A\n\n## Running\n\n```sh\n# not a heading\nmake\n```\n\n## Other\n\nno\n",
        );
        let facts = sections(&readme, &["run"]);
        assert_eq!(facts.len(), 1);
        assert!(facts[0].text.ends_with("make\n```"), "{}", facts[0].text);
        assert_eq!(facts[0].citation, "README.md:3");
    }

    #[test]
    fn manifests_say_what_the_project_is_and_how_it_runs() {
        let cargo = source(
            "Cargo.toml",
            "[package]\nname = \"pool\"\nversion = \"1.0.0\"\ndescription = \"Keeps.\"\n",
        );
        let fact = manifest(&cargo).unwrap();
        assert_eq!(fact.text, "Rust package `pool` 1.0.0: Keeps.");
        assert_eq!(fact.citation, "Cargo.toml:2");
        let node = source("package.json", "{\"name\":\"a\",\n\"scripts\":{\n\"dev\":\"vite\"}}");
        assert!(commands(&node).contains(&Fact {
            text: "`npm run dev` runs `vite`".to_owned(),
            citation: "package.json:3".to_owned(),
        }));
    }

    #[test]
    fn a_specification_is_quoted_from_its_overview() {
        let spec = source(
            "prompts/app_spec.txt",
            "<project_specification>\n<overview>\nA shop.\n</overview>\n",
        );
        let fact = specification(&spec).unwrap();
        assert_eq!(fact.text, "A shop.");
        assert_eq!(fact.citation, "prompts/app_spec.txt:2");
    }
}
