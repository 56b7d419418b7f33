//! A conversation with the guide: answers questions, and remembers the last one for follow-ups.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::features::{self, Features, FeaturesError};
use crate::guide::{
    answer::{
        code, progress,
        project::{self, Fact},
        small_talk,
    },
    history,
    intent::{self, Intent},
    overview, parts,
    protocol::UserQuestion,
    retrieval::{self, PLACES},
    start,
    turn::{TurnStopped, TurnWriter},
};
use crate::project::{SPECIFICATIONS, roots};
use crate::source::{
    file_role::FileRole,
    index::Index,
    query::{self, Query},
    readme::{self, TextFile},
};

/// Share of the previous question's weight in a follow-up.
const PREVIOUS_SHARE: f32 = 0.8;

/// The tool name under which reading the feature list is shown.
const FEATURES_TOOL: &str = "mcp__features__feature_get_stats";

/// What the guide remembers of a conversation between its answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GuideConversation {
    project: String,
    previous: Option<Previous>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Previous {
    query: Query,
    n_shown: usize,
}

impl GuideConversation {
    pub(crate) fn new(project: String) -> Self {
        Self { project, previous: None }
    }

    /// Whether an answer to `ask` needs the index.
    pub(crate) fn needs_index(ask: &UserQuestion) -> bool {
        !matches!(Intent::of(&ask.text), Intent::Greeting | Intent::Thanks | Intent::Capabilities)
    }

    /// Answers a question that needs no index.
    ///
    /// # Errors
    /// The turn was stopped.
    pub(crate) fn chat(
        &self,
        turn: &mut TurnWriter<'_>,
        ask: &UserQuestion,
    ) -> Result<(), TurnStopped> {
        turn.say(&match Intent::of(&ask.text) {
            Intent::Greeting => small_talk::greeting(&self.project),
            Intent::Thanks => small_talk::thanks(),
            _ => small_talk::capabilities(&self.project),
        })
    }

    /// Answers from the index.
    ///
    /// # Errors
    /// The turn was stopped.
    pub(crate) fn answer(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        ask: &UserQuestion,
    ) -> Result<(), TurnStopped> {
        if ask.has_attachments {
            turn.say(&small_talk::attachments())?;
        }
        if let Some(asked) = history::asked(&ask.text)
            && history::answer(turn, index, asked, &ask.text)?
        {
            return Ok(());
        }
        if let Some(file) = overview::named_file(index, &ask.text) {
            return self.describe_file(turn, index, file, &ask.text);
        }
        if let Some(dir) = parts::named_directory(index, &ask.text) {
            return self.describe_directory(turn, index, &dir);
        }
        match Intent::of(&intent::without_name(&ask.text, &self.names(index))) {
            Intent::Overview => self.overview(turn, index),
            Intent::Running => self.running(turn, index),
            Intent::Layout => self.layout(turn, index),
            Intent::Start => match start::describe(turn, index)? {
                Some(text) => turn.say(&text),
                None => self.layout(turn, index),
            },
            Intent::Progress => self.progress(turn, index, &ask.text),
            Intent::More => self.more(turn, index, &ask.text),
            Intent::Change => self.places(turn, index, &ask.text, &small_talk::read_only()),
            _ => self.places(turn, index, &ask.text, ""),
        }
    }

    /// The names of the project: as it is set up, of its directory, and the title of its README.
    fn names(&self, index: &Index) -> Vec<String> {
        let dirs = index.roots().dirs().filter_map(|dir| dir.file_name());
        let dirs = dirs.map(|name| name.to_string_lossy().into_owned());
        let readme = readme::of_project(index.paths()).and_then(|path| {
            let text = index.text(index.file_at(path.as_ref())?)?;
            Some(readme::plain(TextFile { path: path.to_owned(), text }))
        });
        let headings = readme.as_ref().map(readme::headings).unwrap_or_default();
        let title = headings.into_iter().next().filter(|(level, _)| *level == 1);
        let title = title.map(|(_, title)| title);
        [self.project.clone()].into_iter().chain(dirs).chain(title).collect()
    }

    fn places(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        question: &str,
        opening: &str,
    ) -> Result<(), TurnStopped> {
        let mut query = query::parse(question);
        if let Some(previous) = &self.previous
            && intent::is_follow_up(question)
        {
            query.add_earlier(&previous.query, PREVIOUS_SHARE);
        }
        if query.is_empty() {
            let nothing = small_talk::nothing(&[], index.n_files(), &index.left_out());
            return turn.say(&format!("{opening}{nothing}"));
        }
        self.tell_places(turn, index, query, 0, opening)
    }

    fn more(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        question: &str,
    ) -> Result<(), TurnStopped> {
        match self.previous.take() {
            Some(previous) => self.tell_places(turn, index, previous.query, previous.n_shown, ""),
            None => self.places(turn, index, question, ""),
        }
    }

    fn tell_places(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        query: Query,
        skip: usize,
        opening: &str,
    ) -> Result<(), TurnStopped> {
        let findings = retrieval::search(turn, index, &query, skip)?;
        let text = if findings.places.is_empty() {
            let labels: Vec<String> = query
                .clauses
                .iter()
                .filter(|clause| clause.weight >= 1.0)
                .map(|clause| clause.label.clone())
                .collect();
            small_talk::nothing(&labels, index.n_files(), &index.left_out())
        } else {
            code::text(&findings)
        };
        self.previous = Some(Previous { query, n_shown: skip + PLACES });
        turn.say(&format!("{opening}{text}"))
    }

    fn describe_file(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        file: u32,
        question: &str,
    ) -> Result<(), TurnStopped> {
        let path = index.files()[file as usize].found.path.to_string_lossy().into_owned();
        let source = retrieval::read_source(turn, index, &path)?;
        let text = overview::describe(index, file, source.as_ref());
        self.previous = Some(Previous { query: query::parse(question), n_shown: 0 });
        turn.say(&text)
    }

    fn describe_directory(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        dir: &str,
    ) -> Result<(), TurnStopped> {
        let parts = turn.tool("Glob", &json!({"pattern": format!("{dir}/**/*")}), || {
            let parts = parts::describe(index, dir);
            (parts.clone(), Ok(parts))
        })?;
        turn.say(&format!("`{}` has these parts:\n\n{parts}", roots::dir_prefix(dir)))
    }

    fn overview(&mut self, turn: &mut TurnWriter<'_>, index: &Index) -> Result<(), TurnStopped> {
        let mut text = String::new();
        let mut manifests: Vec<Fact> = Vec::new();
        for path in overview::present(index, overview::MANIFESTS) {
            if let Some(source) = retrieval::read_source(turn, index, &path)? {
                manifests.extend(project::manifest(&source));
            }
        }
        let readme = self.readme(turn, index)?;
        let introduction = readme.as_ref().map(project::introduction).unwrap_or_default();
        let mut spec = None;
        let places = [&SPECIFICATIONS[..], &[overview::LOOSE_SPECIFICATION]].concat();
        if let Some(path) = overview::present(index, &places).first() {
            let source = retrieval::read_source(turn, index, path)?;
            spec = source.as_ref().and_then(project::specification);
        }
        if !introduction.is_empty() {
            text.push_str(&format!("**{}**, in the words of its README:\n\n", self.project));
            text.push_str(&project::quoted(&introduction));
        }
        if let Some(spec) = spec {
            text.push_str("Its specification says:\n\n");
            text.push_str(&project::quoted(&[spec]));
        }
        if !manifests.is_empty() {
            text.push_str("Its manifests:\n\n");
            text.push_str(&project::list(&manifests));
            text.push('\n');
        }
        let layout = turn.tool("Glob", &json!({"pattern": "*"}), || {
            let layout = overview::layout(index);
            (layout.clone(), Ok(layout))
        })?;
        if text.is_empty() {
            text.push_str(&project::without_words(readme.as_ref(), &index.left_out()));
        }
        text.push_str("What it is made of:\n\n");
        text.push_str(&layout);
        text.push_str(&structure(index));
        turn.say(&text)
    }

    fn running(&mut self, turn: &mut TurnWriter<'_>, index: &Index) -> Result<(), TurnStopped> {
        let mut text = String::new();
        if let Some(readme) = self.readme(turn, index)? {
            let sections = project::sections(&readme, overview::RUNNING_HEADINGS);
            if !sections.is_empty() {
                text.push_str("The README says:\n\n");
                text.push_str(&project::quoted(&sections));
            }
        }
        let mut commands = Vec::new();
        for path in overview::present(index, overview::RUNNABLE) {
            if let Some(source) = retrieval::read_source(turn, index, &path)? {
                commands.extend(project::commands(&source));
            }
        }
        if !commands.is_empty() {
            text.push_str("What its manifests offer:\n\n");
            text.push_str(&project::list(&commands));
        }
        let n_tests = index
            .files()
            .iter()
            .filter(|entry| entry.is_alive && entry.role == FileRole::Test)
            .count();
        if text.is_empty() {
            text.push_str(
                "I found neither a README with such a section nor a manifest that I know, so I \
                 cannot tell how it is run.",
            );
        } else if n_tests > 0 {
            text.push_str(&format!("\nThere are {n_tests} files of tests."));
        }
        turn.say(&text)
    }

    fn layout(&mut self, turn: &mut TurnWriter<'_>, index: &Index) -> Result<(), TurnStopped> {
        let layout = turn.tool("Glob", &json!({"pattern": "**/*"}), || {
            let layout = overview::layout(index);
            (layout.clone(), Ok(layout))
        })?;
        let structure = structure(index);
        let n_files = index.n_files();
        turn.say(&format!(
            "The project has {n_files} files that I can read:\n\n{layout}{structure}"
        ))
    }

    /// Answers from the feature list. Without one, the question is searched like any other.
    fn progress(
        &mut self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
        question: &str,
    ) -> Result<(), TurnStopped> {
        let features = match Features::open(features::root_of(index.roots())) {
            Ok(Some(features)) => features,
            Ok(None) => {
                let opening = "I found no feature list (`features.db`) in this project, so I \
                               cannot tell its progress.\n\n";
                return self.places(turn, index, question, opening);
            }
            Err(error) => return turn.say(&unreadable(&error)),
        };
        let progress =
            turn.tool(FEATURES_TOOL, &json!({}), || match progress::read(&features) {
                Ok(progress) => {
                    let shown = serde_json::to_string(&progress.stats).unwrap_or_default();
                    (Ok(progress), Ok(shown))
                }
                Err(error) => {
                    let shown = error.to_string();
                    (Err(error), Err(shown))
                }
            })?;
        turn.say(&match progress {
            Ok(progress) => progress::text(&progress),
            Err(error) => unreadable(&error),
        })
    }

    fn readme(
        &self,
        turn: &mut TurnWriter<'_>,
        index: &Index,
    ) -> Result<Option<TextFile>, TurnStopped> {
        match readme::of_project(index.paths()) {
            Some(path) => Ok(retrieval::read_source(turn, index, path)?.map(readme::plain)),
            None => Ok(None),
        }
    }
}

/// The parts of the folder with most of the source, and where to start reading.
fn structure(index: &Index) -> String {
    let mut text = String::new();
    let main = parts::main_directory(index);
    let described = parts::describe(index, &main);
    if !described.is_empty() {
        let named = if main.is_empty() { "the root".to_owned() } else { format!("`{main}/`") };
        text.push_str(&format!("\nThe parts of {named}:\n\n{described}"));
    }
    let entries = overview::entry_points(index);
    if !entries.is_empty() {
        text.push_str("\nGood places to start reading:\n\n");
        text.push_str(&project::list(&entries));
    }
    text
}

fn unreadable(error: &FeaturesError) -> String {
    format!("I cannot read the feature list of this project: {error}.")
}
