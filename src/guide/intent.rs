//! Topics: what kind of answer a question wants. Pure, by the words alone.

use crate::source::terms;

/// What kind of answer a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// A hello.
    Greeting,
    /// A thank you.
    Thanks,
    /// What the guide is and can do.
    Capabilities,
    /// Something is to be changed or run, which the guide cannot.
    Change,
    /// What the project is.
    Overview,
    /// How the project is built, run or tested.
    Running,
    /// How far the project's features are.
    Progress,
    /// Which folders and files there are.
    Layout,
    /// More of the last answer.
    More,
    /// Anything else: a place in the project.
    Code,
}

const CHANGING_VERBS: &str = "add fix change write create refactor delete remove rename update edit modify commit push \
    rewrite replace move install deploy execute run generate make upgrade implement apply \
    merge";
const RUNNING_VERBS: &str =
    "run start build install test deploy compile launch setup use execute serve tests";
const ABOUT_THE_PROJECT: &str = "it this project app application server tests test locally program repo repository \
    codebase code set up suite development dev the a my machine on all unit and or package \
    dependencies them everything in";

/// The topic of a question.
pub(crate) fn of(question: &str) -> Intent {
    let text = question.to_lowercase().replace('’', "'");
    let all: Vec<&str> = text
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '_' || c == '-'))
        .filter(|word| !word.is_empty())
        .collect();
    let line = all.join(" ");
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| has_phrase(&line, phrase));
    let has = |list: &[&str]| all.iter().any(|word| list.contains(word));
    let n_words = all.len();
    let first = all.first().copied().unwrap_or_default();

    if n_words <= 4
        && matches!(
            first,
            "hi" | "hello" | "hey" | "hallo" | "good" | "greetings" | "howdy" | "moin"
        )
    {
        return Intent::Greeting;
    }
    if n_words <= 6 && has(&["thanks", "thank", "thx", "cheers"]) {
        return Intent::Thanks;
    }
    if says(&[
        "what can you do",
        "who are you",
        "what are you",
        "can you help",
        "are you an ai",
        "are you claude",
        "are you a bot",
        "language model",
        "how do you work",
        "connect claude",
        "install claude",
        "connect a model",
        "what do you do",
        "how can you help",
    ]) || line == "help"
    {
        return Intent::Capabilities;
    }
    if n_words <= 6
        && (says(&[
            "show me more",
            "tell me more",
            "more results",
            "anything else",
            "what else",
            "go on",
            "show more",
        ]) || matches!(line.as_str(), "more" | "next" | "continue" | "others" | "more please"))
    {
        return Intent::More;
    }
    if is_progress(&says, &has) {
        return Intent::Progress;
    }
    if is_running(&all) {
        return Intent::Running;
    }
    if wants_change(&all) {
        return Intent::Change;
    }
    if says(&[
        "project structure",
        "folder structure",
        "directory structure",
        "file structure",
        "code structure",
        "structure of the project",
        "structure of this project",
        "structure of the code",
        "list the files",
        "list files",
        "list all files",
        "what files are",
        "which files are there",
        "what folders",
        "which folders",
        "directory tree",
        "project layout",
        "layout of",
        "how is the project organised",
        "how is the project organized",
        "how is the code organised",
        "how is the code organized",
        "how is this project organized",
        "how is this project organised",
        "where do i start",
        "where should i start",
        "entry point",
        "entry points",
    ]) || asks_for_the_start(&says)
    {
        return Intent::Layout;
    }
    if is_overview(&says, n_words) {
        return Intent::Overview;
    }
    Intent::Code
}

/// Whether a question only makes sense after the one before it.
pub(crate) fn leans_on_previous(question: &str) -> bool {
    let lower = question.to_lowercase();
    let all: Vec<&str> = terms::raw_words(&lower).collect();
    let opens = matches!(
        all.first(),
        Some(&("and" | "but" | "also" | "so" | "then" | "what about" | "ok"))
    );
    let points = all.iter().any(|word| {
        matches!(
            *word,
            "it" | "that"
                | "they"
                | "them"
                | "its"
                | "there"
                | "those"
                | "these"
                | "this"
                | "again"
        )
    });
    let n_telling = all
        .iter()
        .filter(|word| !terms::is_stop_word(word) && !terms::is_asking_word(word))
        .count();
    let asks_about = lower.starts_with("what about") || lower.starts_with("how about");
    (opens && n_telling <= 3) || asks_about || (points && n_telling <= 2) || n_telling == 0
}

fn is_progress(says: &dyn Fn(&[&str]) -> bool, has: &dyn Fn(&[&str]) -> bool) -> bool {
    let speaks_of_features = has(&["feature", "features"])
        && has(&[
            "done",
            "left",
            "pass",
            "passing",
            "passed",
            "status",
            "many",
            "next",
            "complete",
            "completed",
            "pending",
            "blocked",
            "remaining",
            "progress",
            "finished",
            "implemented",
            "failing",
            "list",
            "ready",
        ]);
    speaks_of_features
        || says(&[
            "project progress",
            "progress of the project",
            "progress so far",
            "what is the progress",
            "what's the progress",
            "how far is the project",
            "how far along",
            "what's left to do",
            "what is left to do",
            "what remains to be done",
            "what is next to build",
            "what should be built next",
            "how much is done",
            "how much is left",
            "current progress",
            "overall progress",
            "completion status",
        ])
}

fn is_running(all: &[&str]) -> bool {
    let Some(rest) = [
        "how do i",
        "how do you",
        "how can i",
        "how to",
        "how do we",
        "how should i",
        "how would i",
        "how is",
        "how are",
        "can i",
        "what command",
        "which command",
    ]
    .iter()
    .find_map(|opening| {
        let opening: Vec<&str> = opening.split(' ').collect();
        all.starts_with(&opening).then(|| &all[opening.len()..])
    }) else {
        return false;
    };
    let has_verb = rest.iter().take(4).any(|word| {
        is_in(RUNNING_VERBS, word)
            || matches!(
                *word,
                "runs" | "starts" | "started" | "built" | "tested" | "installed" | "set"
            )
    });
    let n_other = rest
        .iter()
        .filter(|word| !is_in(RUNNING_VERBS, word) && !is_in(ABOUT_THE_PROJECT, word))
        .filter(|word| {
            !matches!(
                **word,
                "runs"
                    | "starts"
                    | "started"
                    | "built"
                    | "tested"
                    | "installed"
                    | "i"
                    | "is"
                    | "to"
            )
        })
        .count();
    let is_about_project = rest.iter().any(|word| {
        is_in(ABOUT_THE_PROJECT, word)
            && !matches!(*word, "the" | "a" | "on" | "my" | "and" | "or" | "all")
    });
    has_verb && n_other == 0 && (is_about_project || rest.len() == 1)
}

fn wants_change(all: &[&str]) -> bool {
    let rest = [
        "please",
        "can you",
        "could you",
        "would you",
        "will you",
        "i want you to",
        "i'd like you to",
        "go ahead and",
        "let's",
    ]
    .iter()
    .find_map(|opening| {
        let opening: Vec<&str> = opening.split(' ').collect();
        all.starts_with(&opening).then(|| &all[opening.len()..])
    })
    .unwrap_or(all);
    let rest = rest.strip_prefix(&["please"]).unwrap_or(rest);
    let Some((verb, object)) = rest.split_first() else {
        return false;
    };
    // `run queue` is a thing; `run the tests` is an order.
    let is_order = object.first().is_some_and(|word| {
        matches!(
            *word,
            "a" | "an"
                | "the"
                | "this"
                | "that"
                | "all"
                | "some"
                | "my"
                | "it"
                | "me"
                | "another"
                | "new"
                | "to"
                | "more"
                | "tests"
                | "support"
                | "your"
        )
    });
    is_in(CHANGING_VERBS, verb) && is_order
}

/// Whether the start of the whole program is asked for, not that of a part of it.
fn asks_for_the_start(says: &dyn Fn(&[&str]) -> bool) -> bool {
    let whole = ["program", "project", "app", "application", "code", "codebase", "execution"];
    let starts = ["start", "starts", "begin", "begins"];
    says(&["where"])
        && whole
            .iter()
            .any(|noun| starts.iter().any(|verb| says(&[format!("{noun} {verb}").as_str()])))
}

fn is_overview(says: &dyn Fn(&[&str]) -> bool, n_words: usize) -> bool {
    let names_project = says(&[
        "this project",
        "the project",
        "this repo",
        "this repository",
        "this app",
        "this application",
        "this codebase",
        "the codebase",
        "the repo",
        "this code",
        "this program",
        "the application",
        "the app",
    ]);
    let asks = says(&[
        "what is",
        "what's",
        "what does",
        "tell me about",
        "explain",
        "describe",
        "overview",
        "summary",
        "summarise",
        "summarize",
        "introduce",
        "purpose",
        "about",
        "which language",
        "what language",
        "tech stack",
        "technologies",
        "dependencies",
        "goal",
    ]);
    // A second question may follow, but what the project is comes first.
    let asks_first = says(&["what is this project", "what does this project do"])
        || says(&["what is this repo", "what is this repository", "what is this codebase"]);
    (names_project && asks && n_words <= 10)
        || asks_first
        || says(&[
            "give me an overview",
            "project overview",
            "overview of the project",
            "tech stack",
            "what is this all about",
            "what's this about",
            "what is this about",
        ])
        || (n_words <= 3 && says(&["what is this", "what's this", "overview"]))
}

/// Whether a list of words, with spaces between, has `word`.
fn is_in(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

fn has_phrase(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let before = at == 0 || line[..at].ends_with(' ');
        let end = at + phrase.len();
        let after = end == line.len() || line[end..].starts_with(' ');
        before && after
    })
}

#[cfg(test)]
mod tests;
