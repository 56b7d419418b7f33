//! Intent of a question: which kind of answer it asks for, by its words alone. Pure.

use crate::source::terms;

/// The kind of answer that a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Greeting,
    Thanks,
    /// What the guide is and can do.
    Capabilities,
    /// To change or run something, which the guide cannot.
    Change,
    /// What the project is.
    Overview,
    /// How to build, run or test the project.
    Running,
    /// How many of the project's features are done.
    Progress,
    /// Where the program starts.
    Start,
    /// Which folders and files there are.
    Layout,
    /// More results for the question before.
    More,
    /// Anything else: a place in the code.
    Code,
}

type Rule = fn(&QuestionWords<'_>) -> bool;

/// The rules in the order in which they are tried; [`Intent::Code`] applies where none does.
const RULES: [(Rule, Intent); 11] = [
    (is_greeting, Intent::Greeting),
    (is_thanks, Intent::Thanks),
    (asks_about_guide, Intent::Capabilities),
    (asks_for_more, Intent::More),
    (asks_for_progress, Intent::Progress),
    (asks_how_to_run, Intent::Running),
    (asks_for_change, Intent::Change),
    (asks_for_all, Intent::Overview),
    (asks_for_start, Intent::Start),
    (asks_for_layout, Intent::Layout),
    (asks_for_overview, Intent::Overview),
];

impl Intent {
    pub(crate) fn of(question: &str) -> Self {
        let text = question.to_lowercase().replace('’', "'");
        let words: Vec<&str> = text
            .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '_' || c == '-'))
            .filter(|word| !word.is_empty())
            .collect();
        let question = QuestionWords { line: words.join(" "), words };
        let rule = RULES.iter().find(|(applies, _)| applies(&question));
        rule.map_or(Self::Code, |(_, intent)| *intent)
    }
}

/// The words of a question in lower case.
struct QuestionWords<'a> {
    words: Vec<&'a str>,
    /// The words with single spaces between them.
    line: String,
}

impl QuestionWords<'_> {
    /// Whether it has one of the phrases, which are separated by commas.
    fn says(&self, phrases: &str) -> bool {
        phrases.split(", ").any(|phrase| has_phrase(&self.line, phrase))
    }

    /// Whether it has one of the words, which are separated by spaces.
    fn has(&self, words: &str) -> bool {
        self.words.iter().any(|word| is_in(words, word))
    }

    fn len(&self) -> usize {
        self.words.len()
    }

    /// The words after one of the openings, which are separated by commas.
    fn after(&self, openings: &str) -> Option<&[&str]> {
        openings.split(", ").find_map(|opening| {
            let n_words = opening.split(' ').count();
            let (start, rest) = self.words.split_at_checked(n_words)?;
            start.iter().copied().eq(opening.split(' ')).then_some(rest)
        })
    }
}

fn is_greeting(question: &QuestionWords<'_>) -> bool {
    let greetings = "hi hello hey hallo good greetings howdy moin";
    question.len() <= 4 && question.words.first().is_some_and(|first| is_in(greetings, first))
}

fn is_thanks(question: &QuestionWords<'_>) -> bool {
    question.len() <= 6 && question.has("thanks thank thx cheers")
}

fn asks_about_guide(question: &QuestionWords<'_>) -> bool {
    question.line == "help"
        || question.says(
            "what can you do, who are you, what are you, can you help, are you an ai, \
             are you claude, are you a bot, language model, how do you work, connect claude, \
             install claude, connect a model, what do you do, how can you help",
        )
}

fn asks_for_more(question: &QuestionWords<'_>) -> bool {
    let is_short = question.len() <= 6;
    let is_bare =
        matches!(question.line.as_str(), "more" | "next" | "continue" | "others" | "more please");
    is_short
        && (is_bare
            || question.says(
                "show me more, tell me more, more results, anything else, what else, go on, \
                 show more",
            ))
}

fn asks_for_progress(question: &QuestionWords<'_>) -> bool {
    let asks_about_features = question.has("feature features")
        && question.has(
            "done left pass passing passed status many next complete completed pending blocked \
             remaining progress finished implemented failing list ready",
        );
    asks_about_features
        || question.says(
            "project progress, progress of the project, progress so far, what is the progress, \
             what's the progress, how far is the project, how far along, what's left to do, \
             what is left to do, what remains to be done, what is next to build, \
             what should be built next, how much is done, how much is left, current progress, \
             overall progress, completion status",
        )
}

fn asks_how_to_run(question: &QuestionWords<'_>) -> bool {
    const VERBS: &str =
        "run start build install test deploy compile launch setup use execute serve tests";
    const VERB_FORMS: &str = "runs starts started built tested installed";
    const ABOUT_PROJECT: &str = "it this project app application server tests test locally program \
        repo repository codebase code set up suite development dev the a my machine on all unit \
        and or package dependencies them everything in";
    const FILLERS: &str = "the a on my and or all";
    let openings = "how do i, how do you, how can i, how to, how do we, how should i, how would i, \
                    how is, how are, can i, what command, which command";
    let Some(rest) = question.after(openings) else { return false };
    let is_verb = |word: &str| is_in(VERBS, word) || is_in(VERB_FORMS, word);
    let has_verb = rest.iter().take(4).any(|word| is_verb(word) || *word == "set");
    let is_expected =
        |word: &str| is_verb(word) || is_in(ABOUT_PROJECT, word) || is_in("i is to", word);
    let is_about_project =
        rest.iter().any(|word| is_in(ABOUT_PROJECT, word) && !is_in(FILLERS, word));
    has_verb && rest.iter().all(|word| is_expected(word)) && (is_about_project || rest.len() == 1)
}

fn asks_for_change(question: &QuestionWords<'_>) -> bool {
    const VERBS: &str = "add fix change write create refactor delete remove rename update edit \
        modify commit push rewrite replace move install deploy execute run generate make upgrade \
        implement apply merge";
    const OBJECTS: &str =
        "a an the this that all some my it me another new to more tests support your";
    let openings = "please, can you, could you, would you, will you, i want you to, \
                    i'd like you to, go ahead and, let's";
    let rest = question.after(openings).unwrap_or(&question.words);
    let rest = rest.strip_prefix(&["please"]).unwrap_or(rest);
    match rest {
        // `run queue` is a thing; `run the tests` is an order.
        [verb, object, ..] => is_in(VERBS, verb) && is_in(OBJECTS, object),
        _ => false,
    }
}

/// Whether it asks what the project is and how it is laid out: an overview tells both.
fn asks_for_all(question: &QuestionWords<'_>) -> bool {
    question.has("and") && asks_for_layout(question) && asks_for_overview(question)
}

fn asks_for_layout(question: &QuestionWords<'_>) -> bool {
    question.says(
        "project structure, folder structure, directory structure, file structure, \
         code structure, structure of the project, structure of this project, \
         structure of the code, list the files, list files, list all files, what files are, \
         which files are there, what folders, which folders, directory tree, project layout, \
         layout of the project, layout of this project, layout of the code, laid out, \
         how is it organised, how is it organized, how is it structured, \
         how is this organised, how is this organized, how is this structured, \
         how is the project structured, how is the code structured, \
         how is this project structured, how is this repository organised, \
         how is this repository organized, how is the repository organised, \
         how is the repository organized, architecture of the project, \
         architecture of this project, what is the architecture, overall architecture, \
         overall structure, how is the project organised, how is the project organized, \
         how is the code organised, how is the code organized, how is this project organized, \
         how is this project organised, where do i start, where should i start",
    )
}

/// Whether it asks where the whole program starts, and not where a part of it does.
fn asks_for_start(question: &QuestionWords<'_>) -> bool {
    if question.says("entry point, entry points") && question.len() <= 10 {
        return true;
    }
    const NOUNS: &str = "program project app application code codebase execution";
    const VERBS: &str = "start starts begin begins";
    let names_program_and_start = |pair: &[&str]| is_in(NOUNS, pair[0]) && is_in(VERBS, pair[1]);
    question.has("where") && question.words.windows(2).any(names_program_and_start)
}

fn asks_for_overview(question: &QuestionWords<'_>) -> bool {
    let names_project = question.says(
        "this project, the project, this repo, this repository, this app, this application, \
         this codebase, the codebase, the repo, this code, this program, the application, the app",
    );
    let asks = question.says(
        "what is, what's, what does, tell me about, explain, describe, overview, summary, \
         summarise, summarize, introduce, purpose, about, which language, what language, \
         tech stack, technologies, dependencies, goal",
    );
    // A second question may follow, but what the project is comes first.
    let is_sure = question.says(
        "what is this project, what does this project do, what is this repo, \
         what is this repository, what is this codebase, give me an overview, project overview, \
         overview of the project, tech stack, what is this all about, what's this about, \
         what is this about",
    );
    (names_project && asks && question.len() <= 10)
        || is_sure
        || (question.len() <= 3 && question.says("what is this, what's this, overview"))
}

/// The question with the project's own names as `this project`, unless one follows an article: then it
/// is a thing in the project.
pub(crate) fn without_name(question: &str, names: &[String]) -> String {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let words: Vec<&str> = question.split_whitespace().collect();
    let mut text: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let n_named =
            names.iter().map(|name| name.split_whitespace().map(bare).collect::<Vec<_>>());
        let n_named = n_named.filter(|name| {
            let said = words.iter().skip(at).take(name.len()).map(|word| bare(word));
            !name.is_empty()
                && name.iter().any(|it| !it.is_empty())
                && said.eq(name.iter().cloned())
        });
        let n_named = n_named.map(|name| name.len()).max().unwrap_or(0);
        let is_thing = text.last().is_some_and(|word| is_in("a an the", &word.to_lowercase()));
        if n_named > 0 && !is_thing {
            let last = words[at + n_named - 1];
            text.push(if last.ends_with(',') { "this project," } else { "this project" });
            at += n_named;
        } else {
            text.push(words[at]);
            at += 1;
        }
    }
    text.join(" ")
}

/// Whether a question makes sense only after the one before it.
pub(crate) fn is_follow_up(question: &str) -> bool {
    let lower = question.to_lowercase();
    let words: Vec<&str> = terms::raw_words(&lower).collect();
    let continues = words.first().is_some_and(|first| is_in("and but also so then ok", first));
    let refers_back =
        words.iter().any(|word| is_in("it that they them its there those these this again", word));
    let n_content_words = words
        .iter()
        .filter(|word| !terms::is_stop_word(word) && !terms::is_asking_word(word))
        .count();
    let asks_about = lower.starts_with("what about") || lower.starts_with("how about");
    n_content_words == 0
        || asks_about
        || (continues && n_content_words <= 3)
        || (refers_back && n_content_words <= 2)
}

/// Whether `words`, separated by spaces, has `word`.
fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|listed| listed == word)
}

/// Whether the words of `phrase` are whole words of `line`.
fn has_phrase(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let is_start = at == 0 || line[..at].ends_with(' ');
        let end = at + phrase.len();
        let is_end = end == line.len() || line[end..].starts_with(' ');
        is_start && is_end
    })
}

#[cfg(test)]
mod tests;
