//! The command line: which commands and flags there are. What they mean together with the
//! environment and the file is `config`'s matter.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::config::{CommandLine, FlagValue, NamedProjects};

/// A read-only guide to any codebase, for a whole team, in the browser.
///
/// Without a command it serves: `cicerone` the current directory, `cicerone DIR…` those
/// directories. Every flag can also be set as an environment variable, and every setting in a
/// file; `cicerone config check` shows them all, their values and where each came from.
#[derive(Debug, Parser)]
#[command(name = "cicerone", version, about)]
pub struct Cli {
    /// Flags of all commands.
    #[command(flatten)]
    pub options: Options,
    /// What is served when there is no command.
    #[command(flatten)]
    pub projects: ProjectArgs,
    /// The command; `serve` where there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve projects (also without a command).
    Serve(ProjectArgs),
    /// Answer questions about a project on stdin and stdout, as an agent does.
    Guide(GuideArgs),
    /// Serve a project's feature list to an agent, as an MCP server on stdin and stdout.
    McpFeatures {
        /// The project's directory; it is never changed.
        #[arg(long, value_name = "DIR", default_value = ".", env = "PROJECT_DIR", hide_env = true)]
        dir: PathBuf,
    },
    /// Bring the conversations of the original system into the database.
    Import {
        /// The original's `assistant.db`; it is not changed.
        file: PathBuf,
        /// The project that they are about.
        #[arg(long, value_name = "NAME")]
        project: String,
    },
    /// Make a consistent copy of the database while the server runs.
    Backup {
        /// The copy; must not exist yet.
        file: PathBuf,
    },
    /// Check agent, account, sandbox, database, port and projects, and say how to mend each.
    Doctor(ProjectArgs),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Confine this process and become the command after `--`.
    #[command(hide = true)]
    SandboxExec {
        /// How to confine, then `--`, then the command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<OsString>,
    },
    /// Try, in an agent's place, what an agent must not be able to do.
    #[command(hide = true)]
    SandboxProbe {
        /// Where to try what, as JSON.
        plan: String,
    },
}

/// What the built-in agent answers about.
#[derive(Debug, Args)]
pub struct GuideArgs {
    /// The project's name, as answers call it [default: the directory's].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The project's directory; it is never changed.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// A glob of files that must not be read; can be repeated.
    #[arg(long = "secret", value_name = "GLOB")]
    pub secrets: Vec<String>,
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it came from, or what is wrong.
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
    /// Address or name, and port, to listen on; port 0 takes a free one [env: CICERONE_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Directory of the database and the agents' state [env: CICERONE_DATA_DIR] [default: cicerone in the platform's data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Directory to read the page from [env: CICERONE_ASSETS] [default: the built-in page]
    #[arg(long, global = true, value_name = "DIR")]
    pub assets: Option<String>,
    /// Which agent answers: auto, claude or guide [env: CICERONE_AGENT] [default: auto]
    #[arg(long, global = true, value_name = "KIND")]
    pub agent: Option<String>,
    /// The claude program [env: CICERONE_CLAUDE] [default: the one on the PATH]
    #[arg(long, global = true, value_name = "PATH")]
    pub claude: Option<String>,
    /// An environment variable that agents get too; can be repeated [env: CICERONE_AGENT_ENV=NAME,…]
    #[arg(long, global = true, value_name = "NAME")]
    pub agent_env: Vec<String>,
    /// Where the kernel cannot confine an agent: required, best-effort or off [env: CICERONE_SANDBOX] [default: required]
    #[arg(long, global = true, value_name = "MODE")]
    pub sandbox: Option<String>,
    /// Least severe log lines: off, error, warn, info, debug or trace; RUST_LOG wins [env: CICERONE_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL", conflicts_with = "verbose")]
    pub log: Option<String>,
    /// Log more: -v is --log debug, -vv is --log trace
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl ProjectArgs {
    /// Those given before a command, and then those given after it.
    pub fn and(mut self, others: Self) -> Self {
        self.dirs.extend(others.dirs);
        self.pairs.extend(others.pairs);
        self
    }
}

impl Options {
    /// What the flags and `projects` say together; a command that serves nothing has `None`.
    pub fn command_line(&self, projects: Option<&ProjectArgs>) -> CommandLine {
        CommandLine {
            config_file: self.config.clone(),
            flags: self.flags(),
            projects: projects
                .map(|args| NamedProjects { pairs: args.pairs.clone(), dirs: args.dirs.clone() }),
        }
    }

    fn flags(&self) -> Vec<FlagValue> {
        let verbose = match self.verbose {
            0 => None,
            1 => Some("debug".to_owned()),
            _ => Some("trace".to_owned()),
        };
        let single = [
            ("server.listen", "--listen", &self.listen),
            ("server.data_dir", "--data-dir", &self.data_dir),
            ("server.assets", "--assets", &self.assets),
            ("server.log", "--log", &self.log),
            ("server.log", "-v", &verbose),
            ("agent.kind", "--agent", &self.agent),
            ("agent.claude", "--claude", &self.claude),
            ("agent.sandbox", "--sandbox", &self.sandbox),
        ];
        let mut flags: Vec<_> = single
            .into_iter()
            .filter_map(|(key, flag, text)| {
                let texts = vec![text.clone()?];
                Some(FlagValue { key: key.into(), flag: flag.into(), texts })
            })
            .collect();
        if !self.agent_env.is_empty() {
            flags.push(FlagValue {
                key: "agent.env".into(),
                flag: "--agent-env".into(),
                texts: self.agent_env.clone(),
            });
        }
        flags
    }
}

#[cfg(test)]
mod tests;
