//! The command line: commands and flags. `config` combines them with the environment and the file.

pub mod generated;
pub mod log_lines;
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
#[command(name = "cicerone", version = env!("CICERONE_VERSION"), about, after_help = topics::list())]
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
    /// Ask a question and print the answer: from a server or, without one, by itself.
    Ask(AskArgs),
    /// Ask one question after another, each a line of stdin, in one conversation.
    Chat(AskedArgs),
    /// Serve the Model Context Protocol on stdin and stdout: of a server or, without one, by itself.
    Mcp(McpArgs),
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
    /// Import an export into a new database, or the conversations of an AutoForge database.
    Import {
        /// The file that `export` has written, or an `assistant.db`; it is only read.
        file: PathBuf,
        /// The project of AutoForge's conversations.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Write everything that is stored to a file of JSON lines, also while the server runs.
    Export {
        /// The file to write; must not exist yet.
        file: PathBuf,
    },
    /// Copy the database, also while the server runs.
    Backup {
        /// The file to write; must not exist yet.
        file: PathBuf,
    },
    /// Put a backup in the place of the database, while no server runs.
    Restore {
        /// The backup, which is only read.
        file: PathBuf,
    },
    /// Delete what a user asked, and the user's name everywhere else, while no server runs.
    Forget {
        /// The name, letter by letter.
        user: String,
    },
    /// Check the database: the file, its references and the index of the search.
    Check,
    /// Check agent, account, sandbox, database, port and projects, and say how to fix them.
    Doctor(DoctorArgs),
    /// Begin the log of a cluster with the database of this machine, while no node runs.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Print the help on a command or a topic; without a name, both lists.
    Help {
        /// A topic, or a command and its subcommand.
        #[arg(value_name = "TOPIC")]
        words: Vec<String>,
    },
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands into a directory.
    Man {
        /// The directory, such as `~/.local/share/man/man1`.
        dir: Option<PathBuf>,
    },
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

/// Arguments of `ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question in one or more words; `-` reads it from stdin.
    #[arg(value_name = "QUESTION", required = true)]
    pub question: Vec<String>,
    /// Print the answer, what it cites and what it took as JSON, once it is complete.
    #[arg(long)]
    pub json: bool,
    /// Who is asked.
    #[command(flatten)]
    pub asked: AskedArgs,
}

/// Who is asked, and about what.
#[derive(Debug, Args)]
pub struct AskedArgs {
    /// Address of a server; without one, this process answers about the current directory
    #[arg(long, value_name = "URL", env = "CICERONE_SERVER")]
    pub server: Option<String>,
    /// File with the server's token; CICERONE_TOKEN overrides it
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Project by its name, at the server or in the configuration file
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Directory to answer about without a server
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "project"])]
    pub dir: Option<PathBuf>,
    /// How thorough the answer is to be
    #[arg(long, value_name = "EFFORT", value_parser = ["quick", "thorough"])]
    pub effort: Option<String>,
    /// Continue the last conversation
    #[arg(long = "continue", short = 'c')]
    pub continues: bool,
}

/// Arguments of `mcp`.
#[derive(Debug, Args)]
pub struct McpArgs {
    /// Address of a server; without one, this process serves the current directory
    #[arg(long, value_name = "URL", env = "CICERONE_SERVER")]
    pub server: Option<String>,
    /// File with the server's token; CICERONE_TOKEN overrides it
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Directory to serve without a server
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub dir: Option<PathBuf>,
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

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the report as JSON, for programs.
    #[arg(long)]
    pub json: bool,
    /// What the server would serve.
    #[command(flatten)]
    pub projects: ProjectArgs,
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

/// How the log of a cluster begins.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ClusterCommand {
    /// Begin with the database of a server that was alone
    Import,
    /// Begin anew with the database of a node, where the log was lost or emptied
    Reset,
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

    /// The agent that a flag names.
    pub fn agent(&self) -> Option<&str> {
        let flag = self.settings.0.iter().find(|flag| flag.key == "agent.default");
        flag?.texts.last().map(String::as_str)
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
