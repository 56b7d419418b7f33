//! Fenced blocks of a document.

/// One fenced block.
pub struct Block {
    /// `FILE:LINE` of its fence.
    pub place: String,
    /// The document.
    pub path: String,
    /// The language after the fence.
    pub language: String,
    /// The comment before it.
    pub comment: Option<String>,
    /// Whether it follows a block that is run, with nothing between but empty lines.
    pub follows_commands: bool,
    /// Its lines.
    pub text: String,
}

/// How a block is checked.
#[derive(Debug, PartialEq, Eq)]
pub enum Check {
    /// Run as commands.
    Run,
    /// Commands that cannot be run here: their programs, flags and targets exist.
    Names,
    /// Compared with what the commands before print.
    Output,
    /// Loaded as configuration.
    Configuration,
    /// A session of the WebSocket.
    Frames,
    /// A program that a test of its own runs, under this name.
    Program(String),
    /// A file of the sample project.
    File(String),
    /// Asked the guide.
    Question,
    /// Compared with the guide's answer, to the question before if it names none itself.
    Answer(Option<String>),
    /// Nothing to check.
    Drawing,
}

impl Check {
    pub const NAMES: [&str; 10] = [
        "run",
        "names",
        "output",
        "configuration",
        "frames",
        "file",
        "question",
        "answer",
        "drawing",
        "program",
    ];

    pub fn name(&self) -> &'static str {
        let index = match self {
            Self::Run => 0,
            Self::Names => 1,
            Self::Output => 2,
            Self::Configuration => 3,
            Self::Frames => 4,
            Self::File(_) => 5,
            Self::Question => 6,
            Self::Answer(_) => 7,
            Self::Drawing => 8,
            Self::Program(_) => 9,
        };
        Self::NAMES[index]
    }
}

impl Block {
    /// How it is checked; an error where nothing says so.
    pub fn check(&self) -> Result<Check, String> {
        let comment = self.comment.as_deref().unwrap_or_default();
        let (word, rest) = comment.split_once(": ").unwrap_or((comment, ""));
        match (self.language.as_str(), word) {
            ("sh", "") => Ok(Check::Run),
            ("sh" | "nginx" | "ini", "not run") if !rest.is_empty() => Ok(Check::Names),
            ("toml", "") => Ok(Check::Configuration),
            ("json", "frames") => Ok(Check::Frames),
            ("text", "question") => Ok(Check::Question),
            ("text", "answer") => {
                Ok(Check::Answer(Some(rest.to_owned()).filter(|it| !it.is_empty())))
            }
            ("text", "drawing") => Ok(Check::Drawing),
            ("text", "") if self.follows_commands => Ok(Check::Output),
            (_, "program") if !rest.is_empty() => Ok(Check::Program(rest.to_owned())),
            (_, "file") if !rest.is_empty() => Ok(Check::File(rest.to_owned())),
            (language, _) => Err(format!("nothing checks this block ({language}, `{comment}`)")),
        }
    }
}

/// The fence that opens a block, and the language after it. Blocks that hold fences have tildes.
pub fn opening(line: &str) -> Option<(&'static str, &str)> {
    let fences = ["```", "~~~"];
    fences.into_iter().find_map(|fence| Some((fence, line.trim_start().strip_prefix(fence)?)))
}

/// The blocks of a document.
pub fn blocks(path: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut comment = None;
    let mut follows_commands = false;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(rest) = line.strip_prefix("<!-- ") {
            comment = rest.strip_suffix(" -->").map(str::to_owned);
            continue;
        }
        let Some((fence, language)) = opening(line) else {
            if !line.is_empty() {
                comment = None;
                follows_commands = false;
            }
            continue;
        };
        let body = lines.by_ref().map(|(_, line)| line).take_while(|it| it.trim() != fence);
        let block = Block {
            place: format!("{path}:{}", number + 1),
            path: path.to_owned(),
            language: language.to_owned(),
            comment: comment.take(),
            follows_commands,
            text: body.map(|line| format!("{line}\n")).collect(),
        };
        follows_commands = block.check() == Ok(Check::Run);
        blocks.push(block);
    }
    blocks
}
