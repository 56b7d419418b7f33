//! The command line: commands and flags. `config` combines them with the environment and the file.

pub mod topics;

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand};

use crate::config::{CommandLine, FlagValue, NamedProjects, keys::keys};

/// A read-only guide to any codebase, for a whole team, in the browser.
///
/// Without a command it serves: `cicerone` the current directory, `cicerone DIR…` those
/// directories. Every flag is also an environment variable, and every setting can stand in a
/// file; `cicerone config check` shows the value and the origin of each.
#[derive(Debug, Parser)]
#[command(name = "cicerone", version, about, after_help = topics::list())]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// Flags of all commands.
    #[command(flatten)]
    pub options: Options,
    /// The projects to serve when there is no command.
    #[command(flatten)]
    pub projects: ProjectArgs,
    /// `serve` if missing.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve projects; the default.
    Serve(ProjectArgs),
    /// Run the built-in agent on stdin and stdout.
    Guide(GuideArgs),
    /// Answer with a model service, on stdin and stdout.
    #[command(hide = true)]
    Model(ModelArgs),
    /// Play back a recording of an agent on stdin and stdout.
    Replay(ReplayArgs),
    /// Read a project for the server, on stdin and stdout.
    #[command(hide = true)]
    Reader {
        /// The project and the limits, as JSON.
        plan: String,
    },
    /// Draw diagrams and formulas for the server, from stdin to stdout.
    #[command(hide = true)]
    Draw,
    /// Serve a project's feature list as an MCP server on stdin and stdout.
    McpFeatures {
        /// The project's directory; it is only read.
        #[arg(long, value_name = "DIR", default_value = ".", env = "PROJECT_DIR", hide_env = true)]
        dir: PathBuf,
    },
    /// Import the conversations of an AutoForge database.
    Import {
        /// Its `assistant.db`, which is only read.
        file: PathBuf,
        /// The project of the conversations.
        #[arg(long, value_name = "NAME")]
        project: String,
    },
    /// Copy the database, also while the server runs.
    Backup {
        /// The file to write; must not exist yet.
        file: PathBuf,
    },
    /// Check agent, account, sandbox, database, port and projects, and say how to fix them.
    Doctor(ProjectArgs),
    /// Print the help on a command or a topic; without a name, both lists.
    Help {
        /// A topic, or a command and its subcommand.
        #[arg(value_name = "TOPIC")]
        words: Vec<String>,
    },
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Confine this process, then execute the command after `--`.
    #[command(hide = true)]
    SandboxExec {
        /// The confinement, `--`, and the command with its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<OsString>,
    },
    /// Attempt what the sandbox must refuse.
    #[command(hide = true)]
    SandboxProbe {
        /// The attempts, as JSON.
        plan: String,
    },
}

/// Arguments of `guide`.
#[derive(Debug, Args)]
pub struct GuideArgs {
    /// Name of the project in answers [default: the directory's].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The project's directory; it is only read.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Glob of files that are not read; can be repeated.
    #[arg(long = "secret", value_name = "GLOB")]
    pub secrets: Vec<String>,
    /// Have the server that started it answer, and read nothing.
    #[arg(long, hide = true)]
    pub relay: bool,
}

/// Arguments of `model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Name of the project.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// File with the system prompt.
    #[arg(long, value_name = "FILE")]
    pub prompt: PathBuf,
    /// Only look at the service, and print what is found as JSON.
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording, made with `agent.record`; it is only read.
    pub file: PathBuf,
    /// How many times as fast as it was recorded.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub speed: u16,
}

/// The commands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its value and its origin, or what is wrong.
    Check(ProjectArgs),
    /// Print a commented file of the usual settings with their defaults
    Sample,
    /// Print every setting and its documentation, as Markdown
    Reference,
    /// Print the JSON Schema of the file, for editors
    Schema,
}

/// Which projects are served.
#[derive(Debug, Clone, Default, Args)]
pub struct ProjectArgs {
    /// Directories to serve, each under its own name [default: those of the file, else the current directory]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Serve DIR under NAME; can be repeated [env: CICERONE_PROJECT=NAME=DIR:…]
    #[arg(long = "project", value_name = "NAME=DIR")]
    pub pairs: Vec<String>,
}

/// Flags of all commands.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Configuration file [env: CICERONE_CONFIG] [default: cicerone/cicerone.toml in the platform's configuration directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The settings that have a flag.
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    /// Log more: -v is --log debug, -vv is --log trace
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "server.log")]
    pub verbose: u8,
}

impl ProjectArgs {
    /// Joins the arguments before a command with those after it.
    pub fn and(mut self, others: Self) -> Self {
        self.dirs.extend(others.dirs);
        self.pairs.extend(others.pairs);
        self
    }
}

impl Options {
    /// The flags with `projects`, which are `None` for a command that serves nothing.
    pub fn command_line(&self, projects: Option<&ProjectArgs>) -> CommandLine {
        CommandLine {
            config_file: self.config.clone(),
            flags: self.flags(),
            projects: projects
                .map(|args| NamedProjects { pairs: args.pairs.clone(), dirs: args.dirs.clone() }),
        }
    }

    fn flags(&self) -> Vec<FlagValue> {
        let level = match self.verbose {
            0 => None,
            1 => Some("debug"),
            _ => Some("trace"),
        };
        let verbose = level.map(|level| FlagValue {
            key: "server.log",
            flag: "-v".to_owned(),
            texts: vec![level.to_owned()],
        });
        self.settings.0.iter().cloned().chain(verbose).collect()
    }
}

/// The flags of settings, generated from the keys.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags(Vec<FlagValue>);

impl Args for SettingFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(keys().filter_map(|key| {
            let action = if key.default.is_array() { ArgAction::Append } else { ArgAction::Set };
            Some(
                Arg::new(key.path.as_str())
                    .long(key.flag.as_deref()?)
                    .value_name(key.placeholder())
                    .help(key.help())
                    .action(action)
                    .global(true),
            )
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = keys().filter_map(|key| {
            let flag = format!("--{}", key.flag.as_ref()?);
            let texts: Vec<String> = matches.get_many(&key.path)?.cloned().collect();
            Some(FlagValue { key: &key.path, flag, texts })
        });
        Ok(Self(flags.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
