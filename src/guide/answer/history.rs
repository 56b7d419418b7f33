//! Answers from the history. Pure.

use std::fmt::Write as _;

use crate::history::{Commit, Commits, HistoryError};

/// Commits whose words are quoted for a why.
const MAX_QUOTED: usize = 4;

/// Further authors that are named.
const MAX_AUTHORS: usize = 5;

/// Longest quote of one message, in lines.
const MAX_LINES: usize = 12;

/// What a question asks of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistoryAsk {
    Who,
    When,
    Why,
    /// What was committed lately.
    Changes,
}

/// What is asked about, in Markdown.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Where it is, if it is a part of a file.
    pub(crate) place: String,
}

/// Who, when or why, from the commits that changed it, the newest first.
pub(crate) fn text(ask: HistoryAsk, subject: &Subject, found: &Commits) -> String {
    let place = match subject.place.is_empty() {
        true => String::new(),
        false => format!(" ({})", subject.place),
    };
    let name = format!("{}{place}", subject.name);
    let (Some(last), Some(first)) = (found.commits.first(), found.commits.last()) else {
        return format!("{name} is not committed yet, so that the history tells nothing of it.");
    };
    let mut text = match ask {
        HistoryAsk::Why => why(&name, found),
        HistoryAsk::Who => format!(
            "{name} was {} by **{}** on {} in {}.",
            written(found),
            plain(&first.author),
            first.date,
            subject_of(first)
        ),
        HistoryAsk::When | HistoryAsk::Changes => format!(
            "{name} was {} on **{}** by {} in {}.",
            written(found),
            first.date,
            plain(&first.author),
            subject_of(first)
        ),
    };
    if ask != HistoryAsk::Why {
        match found.commits.len() {
            1 if !found.is_cut => text.push_str(" It was not changed since."),
            _ => {
                let (who, date, in_) = (plain(&last.author), &last.date, subject_of(last));
                _ = write!(text, " It was last changed on {date} by {who} in {in_}.");
            }
        }
        text.push_str(&others(found));
    }
    if found.is_shallow {
        text.push_str(
            "\n\nThis clone has only the last part of the history, so that it may be older.",
        );
    }
    text.push_str("\n\n");
    text
}

/// What was committed.
pub(crate) fn changes(path: Option<&str>, since: Option<&str>, found: &Commits) -> String {
    let of = path.map(|path| format!(" of `{path}`")).unwrap_or_default();
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    let most = if found.is_cut { "last " } else { "" };
    let n = found.commits.len();
    if n == 0 {
        return format!("There are no commits{of}{since}.");
    }
    let mut text = match n {
        1 => format!("The {most}commit{of}{since}:\n\n"),
        _ => format!("The {most}{n} commits{of}{since}, the newest first:\n\n"),
    };
    for commit in &found.commits {
        let Commit { date, author, .. } = commit;
        _ = writeln!(text, "- {date}, {}: {}", plain(author), subject_of(commit));
    }
    text
}

/// Nothing was committed in the time that was asked for.
pub(crate) fn quiet(since: &str, last: &Commits) -> String {
    let mut text = format!("Nothing was committed since {since}.");
    if let Some(last) = last.commits.first() {
        let (date, who) = (&last.date, plain(&last.author));
        _ = write!(text, " The last commit is of {date} by {who}: {}.", subject_of(last));
    }
    text
}

/// The history cannot be had.
pub(crate) fn unknown(ask: HistoryAsk, error: &HistoryError) -> String {
    let what = match ask {
        HistoryAsk::Who => "who that was",
        HistoryAsk::When => "when that was",
        HistoryAsk::Why => "from the history why that is so",
        HistoryAsk::Changes => "what changed",
    };
    format!("I cannot tell {what}: {error}.\n\n")
}

fn written(found: &Commits) -> &'static str {
    match found.is_cut || found.is_shallow {
        true => "changed, at the earliest that I see,",
        false => "added",
    }
}

fn why(name: &str, found: &Commits) -> String {
    let mut text = format!("Of {name} the history says:\n\n");
    let n = found.commits.len();
    // Where it began, then the latest changes; those with a message of more than a line first.
    let mut chosen: Vec<usize> = (0..n).collect();
    chosen.sort_by_key(|at| (found.commits[*at].body.is_empty(), *at + 1 != n, *at));
    chosen.truncate(MAX_QUOTED);
    chosen.sort_unstable_by(|a, b| b.cmp(a));
    let mut has_reason = false;
    for at in &chosen {
        let commit = &found.commits[*at];
        has_reason |= !commit.body.is_empty();
        let did = if at + 1 == n && !found.is_cut { "added it" } else { "changed it" };
        let Commit { short, date, author, subject, body, .. } = commit;
        _ = writeln!(text, "`{short}` ({date}, {}) {did}:\n", plain(author));
        _ = writeln!(text, "> {}", plain(subject));
        if !body.is_empty() {
            text.push_str(">\n");
        }
        let lines = body.lines().filter(|line| !is_trailer(line));
        for line in lines.take(MAX_LINES) {
            _ = writeln!(text, "> {}", plain(line));
        }
        text.push('\n');
    }
    if let Some(more) = n.checked_sub(chosen.len()).filter(|more| *more > 0) {
        _ = write!(text, "{more} more commits changed it. ");
    }
    text.push_str(match has_reason {
        true => "These are the words of the commits; I do not guess beyond them.",
        false => {
            "The commits give no reason beyond these lines, and I do not guess one. A comment in \
                  the code, or those who wrote it, may."
        }
    });
    text
}

/// `Signed-off-by: …` and the like.
fn is_trailer(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        name.contains('-') && name.ends_with("-by") && name.starts_with(char::is_uppercase)
    })
}

fn others(found: &Commits) -> String {
    let n = found.commits.len();
    if n < 3 {
        return String::new();
    }
    let mut authors: Vec<(&str, usize)> = Vec::new();
    for commit in &found.commits {
        match authors.iter_mut().find(|(name, _)| *name == commit.author) {
            Some((_, n)) => *n += 1,
            None => authors.push((&commit.author, 1)),
        }
    }
    authors.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let more = authors.len().saturating_sub(MAX_AUTHORS);
    let named = authors.iter().take(MAX_AUTHORS).map(|(name, n)| format!("{} ({n})", plain(name)));
    let named = named.collect::<Vec<_>>().join(", ");
    let most = if found.is_cut { "At least " } else { "" };
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" {most}{n} commits changed it, by {named}{and_more}.")
}

/// A commit by its hash and subject.
fn subject_of(commit: &Commit) -> String {
    format!("`{}`, “{}”", commit.short, plain(&commit.subject))
}

/// Foreign words in Markdown, so that they stay words.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>#|~$&!".contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() { ' ' } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(id: &str, author: &str, date: &str, subject: &str, body: &str) -> Commit {
        Commit {
            id: id.repeat(40),
            short: id.repeat(10),
            parents: Vec::new(),
            author: author.to_owned(),
            date: date.to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
        }
    }

    fn drain() -> (Subject, Commits) {
        let commits = vec![
            commit(
                "b",
                "Bob",
                "2026-02-01",
                "Wait for all",
                "Some were left.\n\nSigned-off-by: Bob <b@x>",
            ),
            commit("a", "Ann_A", "2026-01-01", "Add *drain*", ""),
        ];
        let subject = Subject { name: "`drain`".to_owned(), place: "`pool.rs:3`".to_owned() };
        (subject, Commits { commits, ..Commits::default() })
    }

    #[test]
    fn who_and_when_name_the_first_and_the_last_commit() {
        let (subject, found) = drain();
        assert_eq!(
            text(HistoryAsk::Who, &subject, &found),
            "`drain` (`pool.rs:3`) was added by **Ann\\_A** on 2026-01-01 in `aaaaaaaaaa`, “Add \
             \\*drain\\*”. It was last changed on 2026-02-01 by Bob in `bbbbbbbbbb`, “Wait for all”.\n\n"
        );
        let mut shallow = found;
        shallow.commits.truncate(1);
        shallow.is_shallow = true;
        let when = text(HistoryAsk::When, &subject, &shallow);
        assert!(when.contains("at the earliest that I see, on **2026-02-01**"), "{when}");
        assert!(when.contains("may be older"), "{when}");
        let none = text(HistoryAsk::Who, &subject, &Commits::default());
        assert!(none.contains("not committed yet"), "{none}");
    }

    #[test]
    fn a_why_is_answered_in_the_words_of_commits_or_not_at_all() {
        let (subject, mut found) = drain();
        let why = text(HistoryAsk::Why, &subject, &found);
        assert!(why.contains("> Wait for all\n>\n> Some were left.\n"), "{why}");
        assert!(why.contains("`aaaaaaaaaa` (2026-01-01, Ann\\_A) added it:"), "{why}");
        assert!(why.contains("the words of the commits") && !why.contains("Signed"), "{why}");
        found.commits.remove(0);
        let why = text(HistoryAsk::Why, &subject, &found);
        assert!(why.contains("give no reason beyond these lines"), "{why}");
    }

    #[test]
    fn what_changed_is_listed_and_a_quiet_time_is_said() {
        let (_, found) = drain();
        let text = changes(Some("pool.rs"), Some("1 week ago"), &found);
        assert!(text.starts_with("The 2 commits of `pool.rs` since 1 week ago"), "{text}");
        assert!(text.contains("- 2026-02-01, Bob: `bbbbbbbbbb`, “Wait for all”\n"), "{text}");
        let quiet = quiet("1 week ago", &found);
        assert!(quiet.contains("Nothing was committed") && quiet.contains("2026-02-01"), "{quiet}");
    }
}
