//! The shape of a recipe, and its application to a configured command.

use serde_json::{Map, Value};

use crate::agent::codec::acp::UsageScope;

/// The argument that names the model.
const MODEL: &str = "-m";

/// What is known of an agent. In texts, `{home}` and `{retries}` stand for what a start chooses.
#[derive(Debug)]
pub(in crate::agent) struct Recipe {
    /// The product's name, for people.
    pub title: &'static str,
    /// File names of its program.
    pub programs: &'static [&'static str],
    pub arguments: &'static [Argument],
    /// Variable that names the model; without one the argument `-m` does where the recipe has it.
    pub model_variable: Option<&'static str>,
    /// Variables of the server that are passed on; a star stands for any ending.
    pub passed: &'static [&'static str],
    /// Whether its account may be that of one person, by the same variable as Claude Code's.
    pub may_be_personal: bool,
    /// Variables that are set.
    pub set: &'static [(&'static str, &'static str)],
    /// Variables that hold a JSON object, and the fields that are set in it.
    pub merged: &'static [(&'static str, &'static str)],
    /// Files in its home: path and content.
    pub files: &'static [(&'static str, &'static str)],
    /// `_meta` of the requests that open a session. `{instructions}` stands for what else precedes the
    /// first question.
    pub meta: Option<&'static str>,
    /// Mode to set.
    pub mode: Option<&'static str>,
    /// Methods of `authenticate`, by the variable that must be there; the first one counts.
    pub logins: &'static [(&'static str, &'static str)],
    /// Whether it does not begin without one of them.
    pub needs_login: bool,
    /// Whether it opens a TCP port for itself, which the sandbox forbids.
    pub listens: bool,
    /// Directories in its home that hold its sessions.
    pub kept: &'static [&'static str],
    pub usage: UsageScope,
    /// Whether it comes without tools that write or run.
    pub takes_tools_away: bool,
    /// How to give it an account, in sentences.
    pub log_in: &'static str,
}

/// An argument that is added unless the command has it.
#[derive(Debug)]
pub(in crate::agent) struct Argument {
    pub names: &'static [&'static str],
    pub values: &'static [&'static str],
    /// Whether the command may not set it otherwise.
    pub is_lock: bool,
}

/// An argument that the command may set otherwise.
pub(super) const fn preset(
    names: &'static [&'static str],
    values: &'static [&'static str],
) -> Argument {
    Argument { names, values, is_lock: false }
}

/// An argument that only the recipe may set.
pub(super) const fn lock(
    names: &'static [&'static str],
    values: &'static [&'static str],
) -> Argument {
    Argument { names, values, is_lock: true }
}

impl Recipe {
    /// What is done with an agent of which nothing is known.
    pub(super) const UNKNOWN: Self = Self {
        title: "an agent that this server does not know",
        programs: &[],
        arguments: &[],
        model_variable: None,
        passed: &[],
        may_be_personal: false,
        set: &[],
        merged: &[],
        files: &[],
        meta: None,
        mode: None,
        logins: &[],
        needs_login: false,
        listens: false,
        kept: &[],
        usage: UsageScope::Turn,
        takes_tools_away: false,
        log_in: "Give it an account in variables that `env` of its table names, and restart the server.",
    };

    /// Whether nothing is known of the agent.
    pub(in crate::agent) fn is_unknown(&self) -> bool {
        self.programs.is_empty()
    }

    /// What keeps the agent from writing, in words for people.
    pub(in crate::agent) fn locks(&self) -> &'static str {
        match (self.takes_tools_away, self.is_unknown()) {
            (true, _) => {
                "two locks of three: the kernel confines it, and it comes without tools that write or \
                 run; what it reads in the project is not checked"
            }
            (false, true) => {
                "one lock of three: the kernel confines it; its tools are unknown, and what it reads in \
                 the project is not checked"
            }
            (false, false) => {
                "one lock of three: the kernel confines it; it keeps tools that could write or run, and \
                 what it reads in the project is not checked"
            }
        }
    }

    /// The arguments after the program. The error is for a person.
    pub(super) fn arguments(
        &self,
        command: &[String],
        model: Option<&str>,
        fill: &impl Fn(&str) -> String,
    ) -> Result<Vec<String>, String> {
        let mut arguments: Vec<String> = command.iter().skip(1).cloned().collect();
        let takes_model = self.arguments.iter().any(|argument| argument.names.contains(&MODEL));
        if let Some(model) = model.filter(|_| takes_model) {
            arguments.extend([MODEL.to_owned(), model.to_owned()]);
        }
        for Argument { names, values, is_lock } in self.arguments {
            let is_it = |given: &String| {
                names.iter().any(|name| given == name || given.starts_with(&format!("{name}=")))
            };
            match arguments.iter().any(is_it) {
                true if *is_lock => {
                    let name = names.first().unwrap_or(&"");
                    return Err(format!(
                        "No agent is started: `command` sets {name}, which keeps {} from doing more \
                         than reading. Remove it from `command`.",
                        self.title
                    ));
                }
                true => (),
                false => {
                    arguments.extend(names.first().map(|name| (*name).to_owned()));
                    arguments.extend(values.iter().map(|value| fill(value)));
                }
            }
        }
        Ok(arguments)
    }

    /// Whether a variable of the server is passed on.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.passed.iter().any(|passed| match passed.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *passed,
        })
    }

    /// The JSON object in `given` with the fields that are set in it.
    pub(super) fn merge(given: Option<&str>, fields: &str) -> String {
        let read =
            |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut object = given.map(read).unwrap_or_default();
        object.extend(read(fields));
        Value::Object(object).to_string()
    }

    /// `_meta` with these instructions.
    pub(super) fn meta(&self, instructions: &str) -> Option<Value> {
        let mut meta: Value = serde_json::from_str(self.meta?).ok()?;
        if let Some(prompt) = meta.get_mut("systemPrompt") {
            *prompt = instructions.into();
        }
        Some(meta)
    }
}
