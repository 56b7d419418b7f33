//! Tests.

use clap::CommandFactory;

use super::*;
use crate::config::keys::keys;

fn parse(arguments: &[&str]) -> Cli {
    let program = ["cicerone"];
    Cli::try_parse_from(program.iter().chain(arguments)).unwrap()
}

/// The flags and projects of a command line that serves.
fn served(arguments: &[&str]) -> (Vec<PathBuf>, Vec<String>, Vec<FlagValue>) {
    let cli = parse(arguments);
    let projects = match cli.command {
        Some(Command::Serve(projects)) => cli.projects.and(projects),
        None => cli.projects,
        Some(_) => panic!("{arguments:?} does not serve"),
    };
    let line = cli.options.command_line(Some(&projects));
    let named = line.projects.unwrap();
    (named.dirs, named.pairs, line.flags)
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn serving_needs_no_command() {
    let expected = served(&["serve", "a", "b", "--listen", "x"]);
    assert_eq!(expected.0, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(served(&["a", "b", "--listen", "x"]), expected);
    assert_eq!(served(&["--listen", "x", "a", "b"]), expected);
    assert_eq!(served(&["--listen=x", "serve", "a", "b"]), expected);
    assert_eq!(served(&["--project", "a=b", "serve"]).1, ["a=b"]);
    assert_eq!(served(&[]), (vec![], vec![], vec![]));
}

#[test]
fn every_setting_with_a_flag_can_be_given_as_that_flag() {
    for key in keys() {
        let Some(flag) = &key.flag else { continue };
        let (_, _, flags) = served(&[&format!("--{flag}"), "value"]);
        let [given] = flags.as_slice() else { panic!("{flags:?}") };
        assert_eq!(given.key, key.path);
        assert_eq!(given.flag, format!("--{flag}"));
        assert_eq!(given.texts, ["value"]);
    }
}

#[test]
fn the_help_names_each_variable_and_the_true_default() {
    let help = Cli::command().term_width(usize::MAX).render_long_help();
    let help = help.to_string();
    for key in keys() {
        let Some(flag) = &key.flag else { continue };
        assert!(help.contains(&format!("[env: {}", key.variable())), "{flag}");
        if let Some(default) = key.default.as_str().filter(|text| !text.is_empty()) {
            assert!(help.contains(&format!("[default: {default}]")), "{flag}");
        }
    }
}

#[test]
fn more_v_is_more_log() {
    let level = |arguments: &[&str]| {
        let (_, _, flags) = served(arguments);
        flags.first().map(|flag| (flag.key, flag.texts.join(",")))
    };
    assert_eq!(level(&[]), None);
    assert_eq!(level(&["-v"]), Some(("server.log", "debug".into())));
    assert_eq!(level(&["-vv"]), Some(("server.log", "trace".into())));
    assert_eq!(level(&["-v", "-v", "-v"]), Some(("server.log", "trace".into())));
}

#[test]
fn projects_and_agent_variables_repeat() {
    let (_, pairs, flags) =
        served(&["--project", "a=x", "--agent-env", "A", "--project", "b=y", "--agent-env", "B"]);
    assert_eq!(pairs, ["a=x", "b=y"]);
    assert_eq!(flags[0].texts, ["A", "B"]);
}

#[test]
fn the_project_of_an_import_is_not_one_to_serve() {
    let cli = parse(&["import", "assistant.db", "--project", "a"]);
    assert_eq!(cli.projects.pairs, Vec::<String>::new());
    assert!(
        matches!(cli.command, Some(Command::Import { project: Some(project), .. }) if project == "a")
    );
}

#[test]
fn the_command_to_confine_keeps_its_own_flags() {
    let given = ["--parent", "7", "--", "claude", "-v", "--listen", "x", "--", "y"];
    let mut line = vec!["sandbox-exec"];
    line.extend(given);
    let cli = parse(&line);
    let Some(Command::SandboxExec { arguments }) = cli.command else { panic!("no sandbox-exec") };
    assert_eq!(arguments, given);
    assert_eq!((cli.options.verbose, cli.options.flags()), (0, vec![]));
}
