//! Where a name is used as code.
//!
//! The index keeps the files that have the words of a name, not what refers to what. So these files
//! are read: a use is the name between characters that belong to no name, not in a comment or a
//! string. What a comment or a string is, the highlighter tells.

use std::{
    collections::HashSet,
    ops::Range,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    guide::extent,
    highlighter::HighlightRequest,
    policy::gate::Tree,
    reader::{
        protocol::ReaderAnswer,
        symbols::{FoundSymbols, SymbolQuery},
        text_search::LineHit,
        uses::{FoundUses, MAX_DEFINITIONS, MAX_USES, UseGroup},
    },
    source::{
        definitions,
        document::{self, Definition},
        index::Index,
        language::Language,
        terms, text,
    },
};

use super::{ProjectReader, code_parts, files::ReadableFiles, symbols, text_search};

/// Most files that are read, and their size together.
const MAX_FILES: usize = 200;
const MAX_BYTES: usize = 16 << 20; // 16 MiB

/// How long reading and highlighting take, but for the file at hand.
const LONGEST: Duration = Duration::from_secs(4);

/// What is read of the project for a name.
struct Candidates {
    definitions: FoundSymbols,
    files: Vec<UsingFile>,
    /// Whether some files were left out.
    more: bool,
}

/// A file in which the name stands.
struct UsingFile {
    path: String,
    language: Language,
    definitions: Vec<Definition>,
    text: Arc<str>,
}

/// The uses of a name in the project's code.
pub(super) async fn find(reader: &ProjectReader, name: String) -> ReaderAnswer {
    let Ok(permit) = timeout(reader.tool_wait, reader.searches.acquire()).await else {
        return ReaderAnswer::Failed("too many wait for them at once".to_owned());
    };
    let (until, files, wanted) =
        (Instant::now() + LONGEST, Arc::clone(&reader.files), name.clone());
    let read = spawn_blocking(move || candidates(&files, &wanted, until)).await;
    drop(permit);
    let candidates = match read {
        Ok(Ok(candidates)) => candidates,
        Ok(Err(words)) => return ReaderAnswer::Failed(words),
        Err(error) => return ReaderAnswer::Failed(error.to_string()),
    };
    let Candidates { definitions, files, more } = candidates;
    let mut found = FoundUses { definitions, groups: Vec::new(), more };
    let mut room = MAX_USES;
    for file in files {
        if room == 0 || Instant::now() > until {
            found.more = true;
            break;
        }
        let first_line = file.text.lines().next().unwrap_or_default().to_owned();
        let (path, before) = (file.path.clone().into(), String::new());
        let shown = Arc::clone(&file.text);
        let request = HighlightRequest { path, first_line, before, shown };
        let lines = reader.highlighter.excerpt(request).await;
        let (groups, more) = groups(&file, &name, &lines, room);
        found.more |= more;
        room -= groups.iter().map(|group| group.uses.len()).sum::<usize>();
        found.groups.extend(groups);
    }
    ReaderAnswer::Uses(found)
}

/// The files in which the name may be used; the error is for a person.
fn candidates(files: &ReadableFiles, name: &str, until: Instant) -> Result<Candidates, String> {
    let asked = SymbolQuery { name: name.to_owned(), is_exact: true, limit: usize::MAX };
    let known = files.with_index(|index| {
        let mut symbols = symbols::named(index, &asked).symbols;
        // Other spellings are other names, and a heading is no code.
        symbols.retain(|symbol| symbol.name == name && symbol.kind != "heading");
        let total = symbols.len();
        symbols.truncate(MAX_DEFINITIONS);
        (FoundSymbols { symbols, total }, with_words_of(index, name))
    });
    let (definitions, mut with_words) = known.map_err(|error| error.to_string())?;
    with_words.sort_by(|a, b| a.0.cmp(&b.0));
    let tree = Tree::of(files.roots()).map_err(|error| error.to_string())?;
    let mut found = Candidates { definitions, files: Vec::new(), more: false };
    let mut bytes = 0;
    for (path, language, definitions) in with_words {
        // It may be gone, or its content secret.
        let Ok(read) = tree.read(Path::new(&path), files.max_file_bytes()) else { continue };
        let Some(decoded) = text::of_file(Path::new(&path), &read) else { continue };
        if !decoded.text.contains(name) {
            continue;
        }
        bytes += decoded.text.len();
        if found.files.len() == MAX_FILES || bytes > MAX_BYTES || Instant::now() > until {
            found.more = true;
            break;
        }
        let text = decoded.text.into();
        found.files.push(UsingFile { path, language, definitions, text });
    }
    Ok(found)
}

/// The files of code with all words of a name, as far as the index knows them.
fn with_words_of(index: &Index, name: &str) -> Vec<(String, Language, Vec<Definition>)> {
    let words = terms::raw_words(name).flat_map(terms::terms_of_word);
    let known = words.filter_map(|word| index.term(&word));
    let with_term = |term: u32| -> HashSet<u32> {
        let passages = index
            .postings(term)
            .into_iter()
            .filter_map(|it| index.passages().get(it.passage as usize).map(|passage| passage.file));
        passages.collect()
    };
    let chosen = known.map(with_term).reduce(|a, b| a.intersection(&b).copied().collect());
    let is_chosen = |file: usize| {
        let number = u32::try_from(file).unwrap_or(u32::MAX);
        chosen.as_ref().is_none_or(|chosen| chosen.contains(&number))
    };
    let files = index.files().iter().enumerate();
    files
        .filter(|(number, file)| file.is_alive && file.language.is_code() && is_chosen(*number))
        .filter_map(|(_, file)| {
            let path = file.found.path.to_str()?.to_owned();
            Some((path, file.language, file.definitions()))
        })
        .collect()
}

/// The uses in a file by the definitions around them, and whether it has more lines than there is
/// room for. `highlighted` are its lines as HTML.
fn groups(
    file: &UsingFile,
    name: &str,
    highlighted: &[String],
    room: usize,
) -> (Vec<UseGroup>, bool) {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut around = Around::new(&file.definitions, &lines);
    // Without a grammar, or with too much to do for it, whole lines are all that is known.
    let is_plain = highlighted.iter().all(|line| !line.contains("<span"));
    let comments =
        if is_plain { document::comment_lines(&file.text, file.language) } else { Vec::new() };
    let mut groups: Vec<(Option<usize>, Vec<LineHit>)> = Vec::new();
    let (mut left, mut more) = (room, false);
    for (at, line) in lines.iter().enumerate() {
        let is_comment = comments.get(at).copied().unwrap_or_default();
        if is_comment || !line.contains(name) {
            continue;
        }
        let html = highlighted.get(at).map_or("", String::as_str);
        let uses = in_line(file, name, at + 1, line, html);
        let Some(first) = uses.first().cloned() else { continue };
        if left == 0 {
            more = true;
            break;
        }
        let hit = text_search::shown_line(line, at + 1, &first, uses.into_iter());
        left -= 1;
        let within = around.innermost(at + 1);
        match groups.iter_mut().find(|(known, _)| *known == within) {
            Some((_, uses)) => uses.push(hit),
            None => groups.push((within, vec![hit])),
        }
    }
    let symbol = |at: usize| symbols::symbol(&file.path, file.definitions.get(at)?.clone());
    let group = |(within, uses): (Option<usize>, Vec<LineHit>)| UseGroup {
        path: file.path.clone(),
        within: within.and_then(symbol),
        uses,
    };
    (groups.into_iter().map(group).collect(), more)
}

/// The uses in the line with this number, without the name that is defined there.
fn in_line(
    file: &UsingFile,
    name: &str,
    number: usize,
    line: &str,
    html: &str,
) -> Vec<Range<usize>> {
    let quiet = code_parts::quiet(html);
    let is_code = |place: &Range<usize>| !quiet.iter().any(|it| it.contains(&place.start));
    let places = code_parts::occurrences(line, name, file.language).into_iter().filter(is_code);
    let defines = |it: &Definition| it.line as usize == number && *it.name == *name;
    let defined = usize::from(file.definitions.iter().any(defines));
    places.skip(defined).collect()
}

/// Finds the definitions around lines.
struct Around<'a> {
    definitions: &'a [Definition],
    lines: &'a [&'a str],
    /// The last line of each, once it was asked for.
    ends: Vec<Option<usize>>,
}

impl<'a> Around<'a> {
    fn new(definitions: &'a [Definition], lines: &'a [&'a str]) -> Self {
        Self { definitions, lines, ends: vec![None; definitions.len()] }
    }

    /// The number of the innermost definition around a line, counted from 1. A value counts only where
    /// nothing else is around: what a variable is set to belongs to its function.
    fn innermost(&mut self, line: usize) -> Option<usize> {
        let mut value = None;
        let before = self.definitions.partition_point(|it| it.line as usize <= line);
        for at in (0..before).rev() {
            let definition = &self.definitions[at];
            let start = definition.line as usize;
            let end = *self.ends[at].get_or_insert_with(|| extent::last_line(self.lines, start));
            if end < line {
                continue;
            }
            if !definitions::is_value(definition.kind) {
                return Some(at);
            }
            value = value.or(Some(at));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_innermost_function_and_to_a_value_outside_of_all() {
        let text =
            "mod a {\n    fn b() {\n        let c = 1;\n    }\n}\nconst D: u8 = b();\nb();\n";
        let lines: Vec<&str> = text.lines().collect();
        let of = |(kind, line): (&'static str, u32)| Definition {
            kind,
            name: kind.into(),
            line,
            summary: "".into(),
        };
        let definitions = [("mod", 1), ("fn", 2), ("let", 3), ("const", 6)].map(of);
        let mut around = Around::new(&definitions, &lines);
        let found: Vec<_> = (1..=7).map(|line| around.innermost(line)).collect();
        assert_eq!(found, [Some(0), Some(1), Some(1), Some(1), Some(0), Some(3), None]);
    }
}
