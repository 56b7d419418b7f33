//! The `cicerone` program: reads the command line, sets up the log and hands over to a command.

use std::{
    error::Error,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

use cicerone::{
    agent::{
        process::{launch_args, launcher},
        sandbox::self_test,
    },
    ask::{self, AnswerEnd, AskError, AskOptions},
    cli::{
        AskArgs, AskedArgs, Cli, ClusterCommand, Command, ConfigCommand, DoctorArgs, GuideArgs,
        McpArgs, ModelArgs, Options, ProjectArgs, ReplayArgs, generated, log_lines,
        topics::{self, UnknownTopic},
    },
    cluster::{self, Beginning},
    config::{self, ConfigError, Configuration, Loaded, secrets, settings::LogFormat},
    database::{self, Forgotten, backup, import, integrity, json_lines, restore},
    doctor, drawing, guide, mcp, model,
    project::ProjectName,
    reader::serve,
    recording,
    server::{self, Reload, discovery},
};
use clap::Parser;
use log::LevelFilter;

/// The exit code of `doctor` if a check fails.
const CHECK_FAILED: i32 = 1;

/// The exit code of `ask` if the answer was stopped.
const STOPPED: i32 = 130;

/// The exit code of a wrong command line or configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // Each agent is started through this, twice, so it skips everything else.
    let mut arguments = std::env::args_os().skip(1).peekable();
    let is_launcher = arguments.next_if(|first| first == launch_args::SUBCOMMAND).is_some();
    let result = match is_launcher {
        true => Err(launcher::exec(arguments).into()),
        false => run(Cli::parse()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error.as_ref());
            match error.is::<ConfigError>() || error.is::<UnknownTopic>() {
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
        Command::Serve(projects) => run_server(options, &before.and(projects)),
        Command::Ask(arguments) => run_ask(options, arguments),
        Command::Chat(asked) => Ok(ask::chat(ask_options(options, asked, false)?)?),
        Command::Mcp(arguments) => run_mcp(options, arguments),
        Command::Guide(guide) => run_guide(guide),
        Command::Model(model) => run_model(model),
        Command::Replay(replay) => run_replay(&replay),
        Command::Reader { plan } => run_reader(&plan),
        Command::Draw => Ok(drawing::program::run()?),
        Command::McpFeatures { dir } => Ok(mcp::serve(&dir)?),
        Command::Import { file, project } => import(options, &file, project.as_deref()),
        Command::Export { file } => export(options, &file),
        Command::Backup { file } => backup(options, &file),
        Command::Restore { file } => restore(options, &file),
        Command::Forget { user } => forget(options, &user),
        Command::Check => check_database(options),
        Command::Doctor(DoctorArgs { json, projects }) => {
            run_doctor(options, &before.and(projects), json)
        }
        Command::Cluster(begin) => begin_log(options, begin),
        Command::Help { words } => print_line(topics::help(&words)?.trim_end()),
        Command::Config(ConfigCommand::Check(projects)) => {
            check_config(options, &before.and(projects))
        }
        Command::Config(ConfigCommand::Sample) => print_line(config::sample().trim_end()),
        Command::Config(ConfigCommand::Reference) => print_line(config::reference().trim_end()),
        Command::Config(ConfigCommand::Schema) => print_line(config::schema().trim_end()),
        Command::Completions { shell } => print_line(generated::completions(shell).trim_end()),
        Command::Man { dir: None } => print_line(generated::manual_page()?.trim_end()),
        Command::Man { dir: Some(dir) } => Ok(generated::write_manual_pages(&dir)?),
        Command::SandboxExec { arguments } => Err(launcher::exec(arguments).into()),
        Command::SandboxProbe { plan } => {
            print_line(&serde_json::to_string(&self_test::probe(&serde_json::from_str(&plan)?))?)
        }
    }
}

fn run_server(options: &Options, projects: &ProjectArgs) -> Result<(), Box<dyn Error>> {
    let allocator = server::allocator::give_memory_back();
    secrets::leave_environment()
        .map_err(|error| format!("cannot remove the tokens from the environment: {error}"))?;
    let configuration = Configuration::of_process(options.command_line(Some(projects)))?;
    let lists = discovery::look(&configuration)?;
    let begun_with = logged(configuration.load()?);
    lists.log();
    if let Err(error) = allocator {
        log::warn!("cannot configure the allocator, so it keeps freed memory: {error}");
    }
    let set_log_level = log_lines::set_level;
    Ok(server::run(Reload { configuration, begun_with, set_log_level })?)
}

/// Asks a question, and exits with how the answer ended.
fn run_ask(options: &Options, arguments: AskArgs) -> Result<(), Box<dyn Error>> {
    let AskArgs { question, json, asked } = arguments;
    let asked = ask_options(options, asked, json)?;
    match ask::ask(asked, &question.join(" ")) {
        Ok(AnswerEnd::Completed) | Err(AskError::NobodyReads) => Ok(()),
        Ok(AnswerEnd::Stopped) => std::process::exit(STOPPED),
        Ok(AnswerEnd::Failed(reason)) => Err(reason.into()),
        Err(error) => Err(error.into()),
    }
}

/// Who is asked. Without a server, the current directory is the project.
fn ask_options(
    options: &Options,
    asked: AskedArgs,
    is_json: bool,
) -> Result<AskOptions, Box<dyn Error>> {
    let AskedArgs { server, token_file, project, dir, effort, continues } = asked;
    let projects = match (&server, &project) {
        (None, None) => {
            let dirs = vec![dir.unwrap_or_else(|| ".".into())];
            Some(ProjectArgs { dirs, ..ProjectArgs::default() })
        }
        (None, Some(_)) => Some(ProjectArgs::default()),
        (Some(_), _) => None,
    };
    let loaded = config::load(&options.command_line(projects.as_ref()))?;
    let is_asked_for = options.verbose > 0;
    let log = loaded.settings.log;
    set_up_log(if is_asked_for { log } else { log.min(LevelFilter::Error) });
    for warning in loaded.warnings.iter().filter(|_| is_asked_for) {
        log::log!(warning.level, "{}", warning.text);
    }
    let token = match (std::env::var(secrets::CLIENT), token_file) {
        (Ok(token), _) if !token.is_empty() => Some(token),
        (_, Some(file)) => {
            let text = std::fs::read_to_string(&file);
            Some(text.map_err(|error| format!("cannot read {}: {error}", file.display()))?)
        }
        _ => None,
    };
    let agent = options.agent().filter(|_| server.is_some()).map(str::to_owned);
    let settings = loaded.settings;
    Ok(AskOptions { server, token, project, agent, effort, continues, is_json, settings })
}

/// Serves the Model Context Protocol on stdin and stdout.
fn run_mcp(options: &Options, arguments: McpArgs) -> Result<(), Box<dyn Error>> {
    let McpArgs { server, token_file, dir } = arguments;
    let (project, effort, continues) = (None, None, false);
    let asked = AskedArgs { server, token_file, project, dir, effort, continues };
    Ok(ask::serve_mcp(ask_options(options, asked, false)?)?)
}

/// Runs the guide, which answers questions about a project on stdin and stdout.
fn run_guide(arguments: GuideArgs) -> Result<(), Box<dyn Error>> {
    let GuideArgs { name, dir, secrets, relay } = arguments;
    let dir =
        dir.canonicalize().map_err(|error| format!("cannot read {}: {error}", dir.display()))?;
    let named = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    let project = name.or(named).unwrap_or_else(|| "project".to_owned());
    let answerer =
        if relay { guide::Answerer::Server } else { guide::Answerer::Own { dir, secrets } };
    Ok(guide::run(guide::GuideOptions { project, answerer })?)
}

/// Runs the agent of a model service, which answers questions on stdin and stdout.
fn run_model(arguments: ModelArgs) -> Result<(), Box<dyn Error>> {
    let ModelArgs { name, prompt, check } = arguments;
    let service = model::service_of_environment()?;
    if check {
        return print_line(&serde_json::to_string(&model::look::look(&service))?);
    }
    let system = std::fs::read_to_string(&prompt)
        .map_err(|error| format!("cannot read {}: {error}", prompt.display()))?;
    Ok(model::run(model::ModelOptions { project: name, system, service })?)
}

/// Plays a recording, which answers questions on stdin and stdout.
fn run_replay(arguments: &ReplayArgs) -> Result<(), Box<dyn Error>> {
    let ReplayArgs { file, speed } = arguments;
    let failed = |error: io::Error| format!("cannot read {}: {error}", file.display());
    let mut text = Vec::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(recording::MAX_FILE_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(recording::play::run(&String::from_utf8_lossy(&text), *speed)?)
}

/// Runs the reader of a project, which answers the server's requests on stdin and stdout.
fn run_reader(plan: &str) -> Result<(), Box<dyn Error>> {
    server::allocator::give_memory_back()
        .map_err(|error| format!("cannot configure the allocator: {error}"))?;
    Ok(serve::run(plan, set_up_log)?)
}

/// Imports the conversations of a legacy database into the configured store.
fn import(options: &Options, file: &Path, project: Option<&str>) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let store = settings.data_dir.join(database::FILE_NAME);
    match project {
        Some(project) => {
            print_line(&import::run(file, &ProjectName::parse(project)?, &store)?.to_string())
        }
        None => {
            let rows = json_lines::import(file, &store)?;
            print_line(&format!("imported {rows} rows from {}", file.display()))
        }
    }
}

/// Writes the configured store as JSON lines.
fn export(options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let rows = json_lines::export(&settings.data_dir.join(database::FILE_NAME), file)?;
    print_line(&format!("wrote {rows} rows to {}", file.display()))
}

/// Copies the configured store.
fn backup(options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let bytes = backup::run(&settings.data_dir.join(database::FILE_NAME), file)?;
    print_line(&format!("wrote {bytes} bytes to {}", file.display()))
}

/// Puts a backup in the place of the configured store.
fn restore(options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let before = restore::run(file, &settings.data_dir.join(database::FILE_NAME))?;
    let kept = before.map(|path| format!("; the database before it is {}", path.display()));
    print_line(&format!("restored {}{}", file.display(), kept.unwrap_or_default()))
}

/// Deletes what the configured store has of a user.
fn forget(options: &Options, user: &str) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let Forgotten { conversations, turns, others } = server::forget::forget(&settings, user)?;
    print_line(&format!(
        "deleted {conversations} conversations, {turns} questions of others' conversations, and {others} \
         other mentions"
    ))
}

/// Makes a log that begins with the configured store.
fn begin_log(options: &Options, begin: ClusterCommand) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let beginning = match begin {
        ClusterCommand::Import => Beginning::Import,
        ClusterCommand::Reset => Beginning::Reset,
    };
    cluster::begin_log(&settings, beginning)?;
    print_line(
        "the log of the cluster begins with this database: start this node first, then the others",
    )
}

/// Prints what is wrong with the configured store.
fn check_database(options: &Options) -> Result<(), Box<dyn Error>> {
    let settings = load(options, None)?.settings;
    let report = integrity::check(&settings.data_dir.join(database::FILE_NAME))?;
    print_line(&report.to_string())?;
    match report.is_sound() {
        true => Ok(()),
        false => std::process::exit(CHECK_FAILED),
    }
}

/// Prints the report of the doctor, and logs nothing beside it.
fn run_doctor(
    options: &Options,
    projects: &ProjectArgs,
    is_json: bool,
) -> Result<(), Box<dyn Error>> {
    let report = doctor::run(&config::load(&options.command_line(Some(projects)))?);
    print_line(&if is_json { report.to_json() } else { report.to_string() })?;
    match report.is_broken() {
        true => std::process::exit(CHECK_FAILED),
        false => Ok(()),
    }
}

fn check_config(options: &Options, projects: &ProjectArgs) -> Result<(), Box<dyn Error>> {
    let loaded = load(options, Some(projects))?;
    print_line(loaded.report().trim_end())
}

fn print_line(text: &str) -> Result<(), Box<dyn Error>> {
    // A closed pipe is no error: the reader, such as `head`, needs no more.
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Loads the configuration, sets up the log and logs the warnings of the configuration.
fn load(options: &Options, projects: Option<&ProjectArgs>) -> Result<Loaded, ConfigError> {
    Ok(logged(config::load(&options.command_line(projects))?))
}

/// Sets up the log, and logs the warnings of the configuration.
fn logged(loaded: Loaded) -> Loaded {
    log_lines::set_up(loaded.settings.log, loaded.settings.log_format);
    for warning in &loaded.warnings {
        log::log!(warning.level, "{}", warning.text);
    }
    loaded
}

/// Logs for people: this program's lines from `level` on.
fn set_up_log(level: LevelFilter) {
    log_lines::set_up(level, LogFormat::Text);
}

/// Prints an error and those of its causes that its message does not contain.
fn print_error(error: &dyn Error) {
    let mut printed = error.to_string();
    eprintln!("error: {printed}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !printed.contains(&message) {
            eprintln!("  because: {message}");
            printed = message;
        }
        cause = error.source();
    }
}
