//! Questions from a file, in either of two forms: of libraries, one table a question, and of
//! applications, one table a repository.

use std::{error::Error, fs, path::Path};

use serde::Deserialize;

#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The name of the directory.
    pub base: String,
    pub kind: String,
    pub question: String,
    /// The files that answer it.
    pub files: Vec<String>,
    /// Text of the line, in the first of the files, that opens the definition to be named.
    pub at: Option<String>,
}

#[derive(Deserialize)]
struct QuestionFile {
    #[serde(default)]
    question: Vec<LibraryQuestion>,
    #[serde(default)]
    repository: Vec<Repository>,
}

#[derive(Deserialize)]
struct LibraryQuestion {
    base: String,
    kind: String,
    question: String,
    files: Vec<String>,
}

#[derive(Deserialize)]
struct Repository {
    /// `owner/name`.
    name: String,
    questions: Vec<RepositoryQuestion>,
}

#[derive(Deserialize)]
struct RepositoryQuestion {
    kind: String,
    question: String,
    files: Vec<String>,
    at: Option<String>,
}

pub(crate) fn read(path: &Path) -> Result<Vec<Question>, Box<dyn Error>> {
    let file: QuestionFile = toml::from_str(&fs::read_to_string(path)?)?;
    let libraries = file.question.into_iter().map(|found| Question {
        base: found.base,
        kind: found.kind,
        question: found.question,
        files: found.files,
        at: None,
    });
    let applications = file.repository.into_iter().flat_map(|repository| {
        let base = repository.name.rsplit('/').next().unwrap_or_default().to_owned();
        repository.questions.into_iter().map(move |found| Question {
            base: base.clone(),
            kind: found.kind,
            question: found.question,
            files: found.files,
            at: found.at,
        })
    });
    Ok(libraries.chain(applications).collect())
}
