//! Questions about the history: who, when, why, and what changed lately.

use serde_json::json;

use crate::{
    guide::{
        answer::history::{self as words, HistoryAsk, Subject},
        overview, parts,
        passage::{self, CitedPassage},
        turn::{TurnStopped, TurnWriter},
    },
    history::{Commits, HistoryError, LogQuery, ProjectHistory, text},
    source::{self, index::Index, query},
    tools,
};

/// What people do to code.
const DEEDS: &str = "wrote written write added add changed change created create introduced introduce \
    made make modified modify removed remove deleted delete renamed rename updated update touched \
    implemented implement rewritten rewrote edited committed fixed replaced refactored moved \
    authored contributed maintains invented chosen chose";

/// Words of such questions that say nothing of what is asked for.
const ASKING: &str = "who when why since what was were is are did does do has have had been be it that \
    this there last first lately recently recent latest long ago how old commit commits history author \
    authors blame get got because reason for way exist exists here we so we've and by in of week month \
    year day today yesterday please tell me show line lines code";

/// Commits listed for what changed.
const MAX_LISTED: usize = 10;

/// What `question` asks of the history, by its words alone. Pure.
pub(crate) fn asked(question: &str) -> Option<HistoryAsk> {
    let lower = question.to_lowercase().replace('’', "'");
    let words: Vec<&str> = words_of(&lower).collect();
    let has = |list: &str| words.iter().any(|word| is_in(list, word));
    let line = format!(" {} ", words.join(" "));
    let says = |phrases: &[&str]| phrases.iter().any(|it| line.contains(&format!(" {it} ")));
    let starts = |phrases: &[&str]| phrases.iter().any(|it| line.starts_with(&format!(" {it} ")));
    let is_past = has("was were did has have been");
    if starts(&["who", "by whom"]) && (has(DEEDS) || says(&["to blame"]))
        || says(&["author of", "authors of", "git blame"])
    {
        return Some(HistoryAsk::Who);
    }
    if says(&["since when", "how old is", "how old are", "how long has", "how long have"])
        || has("when") && is_past && has(DEEDS)
        || has("when") && says(&["last changed", "last modified", "last updated", "last touched"])
    {
        return Some(HistoryAsk::When);
    }
    let changed = says(&[
        "what changed",
        "what has changed",
        "what was changed",
        "what's changed",
        "what is new",
        "what's new",
        "recent changes",
        "latest changes",
        "last changes",
        "recent commits",
        "latest commits",
        "last commits",
        "last commit",
        "latest commit",
        "changed lately",
        "changed recently",
        "most recent commit",
        "most recent commits",
        "commit history",
        "git history",
        "git log",
        "which commits",
        "what commits",
        "history of",
    ]);
    if changed && !has("where how") {
        return Some(HistoryAsk::Changes);
    }
    let why = [
        "why is",
        "why are",
        "why was",
        "why were",
        "why did",
        "why do",
        "why does",
        "why has",
        "why have",
        "what is the reason",
        "what was the reason",
    ];
    // Somebody who looks for a fault of today wants the code.
    let is_fault =
        has("fail fails failing failed error errors crash crashes crashing slow broken hang \
        hangs not can't cannot doesn't isn't my i");
    (starts(&why) && (is_past || !is_fault)).then_some(HistoryAsk::Why)
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || "'_-./:".contains(c);
    let words = text.split(move |c: char| !is_word(c));
    words.map(|word| word.trim_matches(['.', ':', '\'', '-'])).filter(|word| !word.is_empty())
}

fn is_in(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|listed| listed == word)
}

/// Answers from the history. Returns whether it did: a question whose subject it cannot tell, and a why
/// of which the history knows nothing, are for the search.
///
/// # Errors
/// The turn was stopped.
pub(crate) fn answer(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    ask: HistoryAsk,
    question: &str,
) -> Result<bool, TurnStopped> {
    let history = ProjectHistory::new(index.roots().clone(), index.secrets().clone());
    if ask == HistoryAsk::Changes {
        return changes(turn, index, &history, question).map(|()| true);
    }
    let Some(place) = subject(index, question) else {
        if let Some(path) = named_path(index, question) {
            let query = LogQuery { path: Some(path.clone()), ..of_all() };
            let found = log(turn, &history, &query)?;
            let subject = Subject { name: format!("`{path}`"), place: String::new() };
            return say(turn, ask, &subject, found);
        }
        return Ok(false);
    };
    let now = index.text(place.file).unwrap_or_default();
    let (first, last) = (place.quoted.start as usize, place.ends as usize);
    let input = json!({"path": place.path, "first_line": first, "last_line": last});
    let found = turn.tool(&tool(tools::HISTORY_LOG), &input, || {
        let found = history.log_of_lines(&place.path, &now, (first, last));
        let shown = shown(&found);
        (found, shown)
    })?;
    let name =
        place.definition.as_ref().map_or_else(|| "this".to_owned(), |it| format!("`{}`", it.name));
    say(turn, ask, &Subject { name, place: place.citation() }, found)
}

fn say(
    turn: &mut TurnWriter<'_>,
    ask: HistoryAsk,
    subject: &Subject,
    found: Result<Commits, HistoryError>,
) -> Result<bool, TurnStopped> {
    match found {
        Ok(found) => turn.say(&words::text(ask, subject, &found))?,
        Err(error) => turn.say(&words::unknown(ask, &error))?,
    }
    // What the code itself says of the reason follows.
    Ok(ask != HistoryAsk::Why || subject.place.is_empty())
}

fn changes(
    turn: &mut TurnWriter<'_>,
    index: &Index,
    history: &ProjectHistory,
    question: &str,
) -> Result<(), TurnStopped> {
    let since = since(question);
    let path = named_path(index, question);
    let limit = Some(MAX_LISTED);
    let query = LogQuery { path: path.clone(), since: since.clone(), limit, ..LogQuery::default() };
    match log(turn, history, &query)? {
        Ok(found) if found.commits.is_empty() && since.is_some() => {
            let last = LogQuery { path, limit: Some(1), ..LogQuery::default() };
            let last = log(turn, history, &last)?.unwrap_or_default();
            turn.say(&words::quiet(since.as_deref().unwrap_or_default(), &last))
        }
        Ok(found) => turn.say(&words::changes(path.as_deref(), since.as_deref(), &found)),
        Err(error) => turn.say(&words::unknown(HistoryAsk::Changes, &error)),
    }
}

fn of_all() -> LogQuery {
    LogQuery { limit: Some(crate::history::MAX_COMMITS), ..LogQuery::default() }
}

fn log(
    turn: &mut TurnWriter<'_>,
    history: &ProjectHistory,
    query: &LogQuery,
) -> Result<Result<Commits, HistoryError>, TurnStopped> {
    let mut input = json!({});
    for (name, value) in [("path", &query.path), ("since", &query.since)] {
        if let Some(value) = value {
            input[name] = json!(value);
        }
    }
    turn.tool(&tool(tools::HISTORY_LOG), &input, || {
        let found = history.log(query);
        let shown = shown(&found);
        (found, shown)
    })
}

fn tool(name: &str) -> String {
    format!("mcp__{}__{name}", tools::SERVER_NAME)
}

fn shown(found: &Result<Commits, HistoryError>) -> Result<String, String> {
    found.as_ref().map(text::list).map_err(ToString::to_string)
}

/// A file or directory that the question names.
fn named_path(index: &Index, question: &str) -> Option<String> {
    let file = overview::named_file(index, question);
    let file = file.and_then(|file| index.files().get(file as usize));
    file.map(|file| file.found.path.to_string_lossy().into_owned())
        .or_else(|| parts::named_directory(index, question))
}

/// The definition that is asked for, by its name or because the search is sure of it.
fn subject(index: &Index, question: &str) -> Option<CitedPassage> {
    let is_asking = |word: &&str| {
        let lower = word.to_lowercase();
        !is_in(DEEDS, &lower) && !is_in(ASKING, &lower)
    };
    let words: Vec<&str> = words_of(question).filter(is_asking).collect();
    let defined = |name: &str| {
        let mut defined = index.defined(name);
        let is_code = |kind: &str| !matches!(kind, "heading" | "section");
        defined.retain(|(_, definition)| is_code(definition.kind));
        defined.sort_by_key(|(file, definition)| {
            let entry = &index.files()[*file as usize];
            let is_spelled_so = *definition.name == *name;
            let is_source = entry.role == source::file_role::FileRole::Source;
            (!is_spelled_so, !is_source, entry.found.path.clone())
        });
        let (file, definition) = defined.into_iter().next()?;
        passage::of_definition(index, file, &definition)
    };
    let last = |word: &&str| word.rsplit([':', '.']).next().map(str::to_owned);
    // A name that only code has, then one that may be a common word.
    let is_name =
        |word: &&&str| word.contains(['_', ':']) || word.chars().skip(1).any(char::is_uppercase);
    let names = words.iter().filter(is_name).chain(words.iter().filter(|_| words.len() == 1));
    if let Some(found) = names.filter_map(last).find_map(|name| defined(&name)) {
        return Some(found);
    }
    if named_path(index, question).is_some() {
        return None;
    }
    let query = query::parse(&words.join(" "));
    let hits = source::find(index, &query);
    if !source::is_sure(source::confidence(&hits)) {
        return None;
    }
    passage::locate(index, &query, hits.first()?)
}

/// The start of the time that a question names, for git.
fn since(question: &str) -> Option<String> {
    let lower = question.to_lowercase();
    let words: Vec<&str> = words_of(&lower).collect();
    let has = |word: &str| words.contains(&word);
    let unit_of = |word: &str| {
        ["hour", "day", "week", "month", "year"]
            .into_iter()
            .find(|unit| word.trim_end_matches('s') == *unit)
    };
    let counted = words.windows(2).find_map(|pair| {
        let n: u32 = pair[0].parse().ok()?;
        Some(format!("{n} {}s ago", unit_of(pair[1])?))
    });
    let date = words.windows(2).find_map(|pair| {
        let is_date =
            pair[1].len() == 10 && pair[1].chars().all(|c| c.is_ascii_digit() || c == '-');
        (pair[0] == "since" && is_date).then(|| pair[1].to_owned())
    });
    let named = words.windows(2).find_map(|pair| {
        let unit = unit_of(pair[1]).filter(|_| is_in("last this past previous", pair[0]))?;
        Some(format!("1 {unit} ago"))
    });
    let of_day = if has("yesterday") {
        Some("2 days ago".to_owned())
    } else {
        has("today").then(|| "1 day ago".to_owned())
    };
    date.or(counted).or(named).or(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_the_history_are_told_from_those_about_the_code() {
        use HistoryAsk::{Changes, When, Who, Why};
        for (question, ask) in [
            ("Who wrote the retry policy?", Some(Who)),
            ("who last changed drain", Some(Who)),
            ("who is the author of src/pool.rs?", Some(Who)),
            ("When was drain added?", Some(When)),
            ("when did we introduce the cache?", Some(When)),
            ("Since when do we have a pool?", Some(When)),
            ("when was it last changed", Some(When)),
            ("Why was drain changed?", Some(Why)),
            ("why is the timeout so long?", Some(Why)),
            ("What changed lately?", Some(Changes)),
            ("what changed in src/pool.rs last week?", Some(Changes)),
            ("show me the recent commits", Some(Changes)),
            ("who calls drain?", None),
            ("when is a connection closed?", None),
            ("why does the test fail?", None),
            ("Where is the history of a conversation kept?", None),
            ("how does the retry work?", None),
        ] {
            assert_eq!(asked(question), ask, "{question}");
        }
    }

    #[test]
    fn the_time_that_is_named_is_understood() {
        for (question, expected) in [
            ("what changed last week?", Some("1 week ago")),
            ("what changed in the last 3 days", Some("3 days ago")),
            ("what changed since 2026-01-31", Some("2026-01-31")),
            ("what changed today?", Some("1 day ago")),
            ("what changed lately?", None),
        ] {
            assert_eq!(since(question).as_deref(), expected, "{question}");
        }
    }
}
