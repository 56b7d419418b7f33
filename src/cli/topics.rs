//! Help topics: the documentation in `src/docs/`, embedded in the program.

use clap::CommandFactory as _;

use super::Cli;
use crate::config::nearest;

/// A document that `cicerone help` prints.
struct Topic {
    name: &'static str,
    about: &'static str,
    text: &'static str,
}

macro_rules! topics {
    ($($name:literal: $about:literal,)*) => {
        [$(Topic {
            name: $name,
            about: $about,
            text: include_str!(concat!("../docs/", $name, ".md")),
        }),*]
    };
}

const TOPICS: [Topic; 17] = topics! {
    "agents": "Claude Code and the built-in guide: setting up, choosing, what they may use",
    "architecture": "the modules of the code and the rules between them",
    "benchmarks": "how fast it is, and how to measure it",
    "commands": "the commands of the program",
    "configuration": "every setting with its default, flag and variable",
    "confinement": "how the sandbox keeps an agent from writing, and what it does not do",
    "editors": "looking and asking from Claude Code, Codex, Gemini CLI, VS Code and Cursor (MCP)",
    "git": "projects from git: fetching, branches, tokens, bounds",
    "installing": "packages, systemd, containers, upgrades, releases, what changed",
    "logins": "who may use the server: providers, tokens, proxies, groups, access to projects",
    "machines": "several machines that serve the same projects: NATS, nodes, what fails",
    "operations": "opening it to a team: tokens, TLS, proxies, limits, backup, import, metrics",
    "protocol": "the WebSocket frames and the HTTP paths",
    "secrets": "which files of a project no agent and no page may read",
    "security": "what is promised against whom, and what is not",
    "testing": "how the tests are run, what they cost, how to contribute",
    "webhooks": "telling other servers what happens, and a bot for a chat room",
};

/// The name under which [`list`] is printed.
const LIST: &str = "topics";

/// Neither a topic nor a command.
#[derive(Debug, thiserror::Error)]
#[error("there is no help on `{name}`{hint}; `cicerone help` lists the commands and the topics")]
pub struct UnknownTopic {
    name: String,
    hint: String,
}

/// The topics, one a line.
pub(super) fn list() -> String {
    let topics = TOPICS.iter().map(|topic| format!("  {:<14} {}\n", topic.name, topic.about));
    format!("Topics (`cicerone help TOPIC`):\n{}", topics.collect::<String>())
}

/// The help on a topic or a command, whose path may have several words; on the program without any.
pub fn help(words: &[String]) -> Result<String, UnknownTopic> {
    let mut command = Cli::command();
    command.build();
    if let [name] = words {
        if name == LIST {
            return Ok(list());
        }
        if let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) {
            return Ok(topic.text.to_owned());
        }
    }
    let mut found = &mut command;
    for word in words {
        let known = found.get_subcommands().filter(|it| !it.is_hide_set()).map(|it| it.get_name());
        let mut candidates: Vec<&str> = known.collect();
        if found.get_name() == env!("CARGO_PKG_NAME") {
            candidates.extend(TOPICS.iter().map(|topic| topic.name).chain([LIST]));
        }
        let hint = crate::config::hint(nearest(word, candidates).as_deref());
        found = found
            .find_subcommand_mut(word)
            .ok_or_else(|| UnknownTopic { name: words.join(" "), hint })?;
    }
    Ok(found.render_long_help().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        help(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn every_topic_is_printed_and_listed() {
        for topic in &TOPICS {
            let text = on(&[topic.name]).unwrap();
            assert!(text.starts_with("# "), "{}", topic.name);
            assert!(on(&["topics"]).unwrap().contains(&format!("\n  {} ", topic.name)));
        }
    }

    #[test]
    fn help_on_a_command_is_what_the_command_says_of_itself() {
        let text = on(&["config", "check"]).unwrap();
        assert!(text.contains("Usage: cicerone config check"), "{text}");
        assert!(on(&[]).unwrap().contains("confinement"), "the topics are listed");
    }

    #[test]
    fn an_unknown_topic_is_refused_with_the_nearest_name() {
        let text = on(&["confinment"]).unwrap_err();
        assert!(text.contains("`confinment`; did you mean `confinement`?"), "{text}");
        assert!(on(&["backupp"]).unwrap_err().contains("`backup`"));
        assert!(
            on(&["config", "checks"])
                .unwrap_err()
                .contains("`config checks`; did you mean `check`")
        );
        assert!(!on(&["qqqqqq"]).unwrap_err().contains("did you mean"));
    }
}
