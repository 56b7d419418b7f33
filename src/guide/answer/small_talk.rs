//! Small talk: what the guide says about itself.

use crate::source::left_out::LeftOut;

/// How to use a language model instead.
const CONNECT: &str = "To talk to a language model instead, install Claude Code \
(`npm install -g @anthropic-ai/claude-code`), run `claude` once to log in or set \
`ANTHROPIC_API_KEY`. With `--agent auto`, the default, it answers from the next question on.";

pub(crate) fn greeting(project: &str) -> String {
    format!(
        "Hello! I am the built-in guide to **{project}**. Ask me where something is, how it works, \
         or what the project is about, and I search its files and show you the places. {}",
        "I have no language model: I find and quote, I do not reason."
    )
}

pub(crate) fn thanks() -> String {
    "You are welcome. Ask on whenever you like.".to_owned()
}

pub(crate) fn capabilities(project: &str) -> String {
    format!(
        "I am the built-in guide to **{project}**. I have **no language model**: I search the \
         project's files, rank what I find, and quote it with file and line.\n\n\
         Ask me, for example:\n\n\
         - what the project is, how it is laid out, how to run and test it\n\
         - where something is done, in your own words: *where are old entries thrown away?*\n\
         - how a function or a type works, by its name, or what a file is for, by its path\n\
         - to go on: *and where is it tested?*, *show me more*\n\n\
         I only read. Files that the project ignores, hidden files and secrets I never open.\n\n\
         {CONNECT}"
    )
}

/// Precedes the results when a change was asked for.
pub(crate) fn read_only() -> String {
    "I am read-only: I cannot change files, run commands or install anything. I can show you where \
     it would be done.\n\n"
        .to_owned()
}

/// Precedes the answer to a question with attachments.
pub(crate) fn attachments() -> String {
    "I do not read attached files; I answer from the text of your question alone.\n\n".to_owned()
}

/// The answer without results, with what was not looked at.
pub(crate) fn nothing(labels: &[String], n_files: usize, left_out: &LeftOut) -> String {
    let asked = if labels.is_empty() {
        "that".to_owned()
    } else {
        labels.iter().map(|label| format!("“{label}”")).collect::<Vec<_>>().join(", ")
    };
    let left_out = left_out.sentence().map(|it| format!(" {it}")).unwrap_or_default();
    format!(
        "I found nothing about {asked} in the {n_files} files that I can read.{left_out} I have no \
         language model and do not guess.\n\nTry the words that the code itself would use, the name of a \
         function or type, or a file's path; or ask *what is this project?* for an overview."
    )
}
