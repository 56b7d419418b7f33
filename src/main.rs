//! The `cicerone` program: reads the command line, sets up the log and hands over to a command.

use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use cicerone::{
    agent::{
        process::{launch_args, launcher},
        sandbox::self_test,
    },
    cli::{Cli, Command, ConfigCommand, GuideArgs, Options, ProjectArgs},
    config::{self, ConfigError, Loaded, secrets},
    database::{self, backup, import},
    doctor, guide, mcp,
    project::ProjectName,
    server,
};
use clap::Parser;
use log::LevelFilter;

/// The exit code where something is broken.
const BROKEN: i32 = 1;

/// The exit code of a wrong command line or configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // An agent waits for this, twice, and it needs none of what follows.
    let mut arguments = std::env::args_os().skip(1).peekable();
    let is_launcher = arguments.next_if(|first| first == launch_args::SUBCOMMAND).is_some();
    let done = match is_launcher {
        true => Err(launcher::exec(arguments).into()),
        false => run(Cli::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error.as_ref());
            match error.is::<ConfigError>() {
                true => ExitCode::from(USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    let Cli { options, projects: before, command } = cli;
    let options = &options;
    match command.unwrap_or(Command::Serve(ProjectArgs::default())) {
        Command::Serve(projects) => serve(options, &before.and(projects)),
        Command::Guide(guide) => answer(guide),
        Command::McpFeatures { dir } => Ok(mcp::serve(&dir)?),
        Command::Import { file, project } => import(options, &file, &project),
        Command::Backup { file } => backup(options, &file),
        Command::Doctor(projects) => examine(options, &before.and(projects)),
        Command::Config(ConfigCommand::Check(projects)) => {
            check_config(options, &before.and(projects))
        }
        Command::Config(ConfigCommand::Sample) => say(config::sample().trim_end()),
        Command::Config(ConfigCommand::Reference) => say(config::reference().trim_end()),
        Command::Config(ConfigCommand::Schema) => say(config::schema().trim_end()),
        Command::SandboxExec { arguments } => Err(launcher::exec(arguments).into()),
        Command::SandboxProbe { plan } => {
            say(&serde_json::to_string(&self_test::probe(&serde_json::from_str(&plan)?))?)
        }
    }
}

fn serve(options: &Options, projects: &ProjectArgs) -> Result<(), Box<dyn Error>> {
    let larger = server::allocator::give_memory_back();
    secrets::leave_environment()
        .map_err(|error| format!("cannot take the tokens out of the environment: {error}"))?;
    let settings = load(options, Some(projects))?.settings;
    if let Err(error) = larger {
        log::warn!("the allocator keeps its own ways, and memory that was used once: {error}");
    }
    Ok(server::run(settings)?)
}

/// Answers questions about a project on stdin and stdout.
fn answer(arguments: GuideArgs) -> Result<(), Box<dyn Error>> {
    let GuideArgs { name, dir, secrets } = arguments;
    let dir =
        dir.canonicalize().map_err(|error| format!("cannot read {}: {error}", dir.display()))?;
    let named = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    let project = name.or(named).unwrap_or_else(|| "project".to_owned());
    Ok(guide::run(guide::GuideOptions { project, dir, secrets })?)
}

/// Brings an original's conversations into the store of this configuration.
fn import(options: &Options, file: &Path, project: &str) -> Result<(), Box<dyn Error>> {
    let project = ProjectName::parse(project)?;
    let settings = load(options, None)?.settings;
    let store = settings.data_dir.join(database::FILE_NAME);
    say(&import::run(file, &project, &store)?.to_string())
}

/// Copies the store of this configuration.
fn backup(options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let bytes = backup::run(&settings.data_dir.join(database::FILE_NAME), file)?;
    say(&format!("wrote {bytes} bytes to {}", file.display()))
}

/// Looks at what a server needs. The report has one line a check, so nothing is logged beside it.
fn examine(options: &Options, projects: &ProjectArgs) -> Result<(), Box<dyn Error>> {
    let report = doctor::run(&config::load(&options.command_line(Some(projects)))?);
    say(&report.to_string())?;
    match report.is_broken() {
        true => std::process::exit(BROKEN),
        false => Ok(()),
    }
}

fn check_config(options: &Options, projects: &ProjectArgs) -> Result<(), Box<dyn Error>> {
    let loaded = load(options, Some(projects))?;
    say(loaded.report().trim_end())
}

/// Writes the outcome of a command to stdout.
fn say(text: &str) -> Result<(), Box<dyn Error>> {
    // A reader that has seen enough, such as `head`, is no error.
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Reads the configuration, sets up the log and writes what the configuration has to say.
fn load(options: &Options, projects: Option<&ProjectArgs>) -> Result<Loaded, ConfigError> {
    let loaded = config::load(&options.command_line(projects))?;
    set_up_log(loaded.settings.log);
    for warning in &loaded.warnings {
        log::log!(warning.level, "{}", warning.text);
    }
    Ok(loaded)
}

/// Prints this program's lines from `level` on and warnings of others. `RUST_LOG` decides alone
/// where it is set.
fn set_up_log(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    match std::env::var("RUST_LOG") {
        Ok(filters) if !filters.is_empty() => builder.parse_filters(&filters),
        _ => builder.filter_level(LevelFilter::Warn.min(level)).filter_module("cicerone", level),
    };
    builder.init();
}

/// Prints an error and those of its causes that it does not tell itself.
fn print_error(error: &dyn Error) {
    let mut told = error.to_string();
    eprintln!("error: {told}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !told.contains(&words) {
            eprintln!("  because: {words}");
            told = words;
        }
        cause = error.source();
    }
}
