//! Start of the program: the file and function in which it begins, and what that calls.

use crate::{
    guide::{
        answer::{code, project::Fact},
        calls::{self, Calls},
        passage::{self, CitedPassage},
        retrieval,
        turn::{TurnStopped, TurnWriter},
    },
    source::{document, file_role, index::Index},
};

/// Other files listed in which a program may start.
const MAX_OTHERS: usize = 5;

/// The answer to where the program starts; `None` where no file is known to start one.
///
/// # Errors
/// The turn was stopped.
pub(super) fn describe(
    turn: &mut TurnWriter<'_>,
    index: &Index,
) -> Result<Option<String>, TurnStopped> {
    let starts = files(index);
    let Some((first, others)) = starts.split_first() else {
        return Ok(None);
    };
    let Some(best) = opening(index, *first) else {
        return Ok(None);
    };
    retrieval::read(turn, index, &best)?;
    let calls = calls_of(index, &best);
    let others: Vec<Fact> = others.iter().take(MAX_OTHERS).map(|file| fact(index, *file)).collect();
    Ok(Some(code::start(&best, &calls, &others)))
}

/// The files in which programs start, the likeliest first: by how sure their names are, and how near
/// they are to the root.
fn files(index: &Index) -> Vec<u32> {
    let mut found: Vec<_> = index
        .files()
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.is_alive)
        .filter_map(|(file, entry)| {
            let path = entry.found.path.as_path();
            let (is_other, rank) = file_role::start_rank(path)?;
            Some(((is_other, path.components().count(), rank), path, file as u32))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, file)| file).collect()
}

/// The `main` of a file, else its first lines of code.
fn opening(index: &Index, file: u32) -> Option<CitedPassage> {
    let entry = &index.files()[file as usize];
    let main = entry.definitions().into_iter().find(|it| it.name.eq_ignore_ascii_case("main"));
    if let Some(main) = main.filter(|it| calls::is_function(it.kind)) {
        return passage::of_definition(index, file, &main);
    }
    let text = index.text(file)?;
    let is_comment = document::comment_lines(&text, entry.language);
    let is_code = |(at, line): &(usize, &str)| {
        !line.trim().is_empty() && !is_comment.get(*at).copied().unwrap_or(false)
    };
    let imports = |line: &str| calls::is_import(line) || line.starts_with("package ");
    let mut code = text.lines().enumerate().filter(is_code);
    let first = code.clone().find(|(_, line)| !imports(line)).or_else(|| code.next());
    passage::of_line(index, file, first.map_or(1, |(at, _)| at + 1))
}

fn calls_of(index: &Index, best: &CitedPassage) -> Calls {
    let text = index.text(best.file).unwrap_or_default();
    let body: Vec<&str> =
        text.lines().take(best.ends as usize).skip(best.line as usize - 1).collect();
    let callees = calls::callees(index, best.file, best.definition.as_ref(), &body);
    Calls { callees, ..Calls::default() }
}

fn fact(index: &Index, file: u32) -> Fact {
    let entry = &index.files()[file as usize];
    let path = entry.found.path.to_string_lossy();
    let text = index.text(file).unwrap_or_default();
    let head = document::head_sentence(&text, entry.language);
    let text = if head.is_empty() { "another start".to_owned() } else { format!("“{head}”") };
    Fact { text, citation: format!("{path}:1") }
}
