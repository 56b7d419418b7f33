//! A conversation in the terminal: a question a line, until the end of the input.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::{
    answer::AnswerEnd,
    client::AskError,
    turn::{Asker, print},
};

const PROMPT: &str = "> ";

/// Asks the lines of stdin. Empty lines are skipped; `/exit` ends it.
pub(super) fn run(asker: &mut Asker) -> Result<(), AskError> {
    let is_person = io::stdin().is_terminal();
    if is_person {
        tell(&format!("Ask about {}. Ctrl-C stops an answer, Ctrl-D ends.\n", asker.project))?;
    }
    loop {
        if is_person {
            tell(PROMPT)?;
        }
        let mut line = String::new();
        let unreadable = |source| AskError::Files { path: "stdin".to_owned(), source };
        if io::stdin().lock().read_line(&mut line).map_err(unreadable)? == 0 {
            return if is_person { tell("\n") } else { Ok(()) };
        }
        match line.trim() {
            "" => continue,
            "/exit" | "/quit" => return Ok(()),
            question => {
                let is_first = asker.conversation_id.is_none();
                match asker.ask(question) {
                    Ok(AnswerEnd::Failed(reason)) => tell(&format!("error: {reason}\n"))?,
                    Ok(AnswerEnd::Stopped) => tell("(stopped)\n")?,
                    Ok(AnswerEnd::Completed) => (),
                    Err(error) if is_first => return Err(error),
                    Err(error) => tell(&format!("error: {error}\n"))?,
                }
                print("\n")?;
            }
        }
    }
}

/// Writes to the person, beside the answers.
fn tell(text: &str) -> Result<(), AskError> {
    let mut stderr = io::stderr().lock();
    let written = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    written.map_err(|source| AskError::Files { path: "stderr".to_owned(), source })
}
