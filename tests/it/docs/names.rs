//! What the documents name: files, commands, flags, targets, settings.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use cicerone::{
    cli::{Cli, topics},
    config,
};
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use regex::Regex;

use super::{
    all_blocks,
    blocks::{Check, opening},
    documents, read, root,
};

/// Programs in commands that cannot be run here, besides ours and cargo.
const FOREIGN: [&str; 6] = ["npm", "claude", "curl", "ollama", "python3", "litestream"];

/// Fails with the complaints, if there are any.
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

/// A document without its fenced blocks.
fn prose(path: &str) -> String {
    let mut fence = None;
    let mut prose = String::new();
    for line in read(path).lines() {
        match (fence, opening(line)) {
            (None, None) => prose.extend([line, "\n"]),
            (None, Some((opened, _))) => fence = Some(opened),
            (Some(open), _) if line.trim() == open => fence = None,
            (Some(_), _) => (),
        }
    }
    prose
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(path: &str) -> BTreeSet<String> {
    let text = prose(path);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let link = Regex::new(r#"\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)""#).unwrap();
    let mut complaints = Vec::new();
    for path in documents() {
        let dir = Path::new(&path).parent().unwrap().to_owned();
        for found in link.captures_iter(&prose(&path)) {
            let target = found.get(1).or(found.get(2)).unwrap().as_str();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file =
                if file.is_empty() { root().join(&path) } else { root().join(&dir).join(file) };
            let is_there = file.exists();
            let text = file.canonicalize().unwrap_or_default();
            let relative = text.strip_prefix(root().canonicalize().unwrap()).unwrap_or(&text);
            let leads = anchor.is_empty()
                || is_there && anchors(relative.to_str().unwrap()).contains(anchor);
            if !is_there || !leads {
                complaints.push(format!("{path}: {target} leads nowhere"));
            }
        }
    }
    no_complaints(&complaints);
}

#[test]
fn every_document_is_a_topic_and_the_readme_links_it() {
    let readme = read("README.md");
    for path in documents().iter().filter(|path| *path != "README.md") {
        assert!(readme.contains(&format!("({path})")), "README.md does not link {path}");
        let name = Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned();
        let output =
            Command::new(env!("CARGO_BIN_EXE_cicerone")).args(["help", &name]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.trim_end(), read(path).trim_end(), "cicerone help {name}");
        assert!(topics::help(&[]).unwrap().contains(&name), "the help does not list {name}");
        let mut commands = Cli::command();
        commands.build();
        assert!(commands.find_subcommand(&name).is_none(), "{name} is a command");
    }
}

#[test]
fn help_on_what_is_not_there_names_the_nearest() {
    let help = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_cicerone")).arg("help").args(words).output().unwrap()
    };
    let unknown = help(&["protokol"]);
    let stderr = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr.contains("did you mean `protocol`?"), "{stderr}");
    let known = String::from_utf8(help(&["doctor"]).stdout).unwrap();
    assert!(known.contains("Usage: cicerone doctor"), "{known}");
}

/// Why a command line of ours is wrong, if it is. Words in capitals stand for values.
fn mistake(line: &str) -> Option<String> {
    let cleaned: String = line.chars().filter(|c| !"[]…".contains(*c)).collect();
    let words: Vec<&str> = cleaned.split_whitespace().collect();
    let first =
        words.get(1).filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    if let Some(first) = first.filter(|word| !word.starts_with('-'))
        && Cli::command().find_subcommand(first).is_none()
    {
        return Some(format!("no command {first}"));
    }
    let error = Cli::try_parse_from(&words).err()?;
    let is_mistake = !matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    is_mistake.then(|| error.to_string())
}

/// Why a command of cargo is wrong, if it is: a target that is not there, a filter without tests.
fn cargo_mistake(line: &str) -> Option<String> {
    let manifest = read("Cargo.toml");
    let words: Vec<&str> = line.split_whitespace().collect();
    let (own, _) = line.split_once(" -- ").unwrap_or((line, ""));
    for kind in ["bench", "example", "test"] {
        let flag = format!("--{kind}");
        let Some(name) = words.iter().skip_while(|word| **word != flag).nth(1) else { continue };
        let target = format!("[[{kind}]]\nname = \"{name}\"");
        if !manifest.contains(&target) {
            return Some(format!("no {kind} {name}"));
        }
    }
    let filters = own.strip_prefix("cargo nextest run ")?.split_whitespace();
    let mut before = "";
    for word in filters {
        let is_value = std::mem::replace(&mut before, word) == "--test";
        if is_value || word.starts_with('-') {
            continue;
        }
        if !has_test(word.trim_end_matches(':')) {
            return Some(format!("no test is selected by {word}"));
        }
    }
    None
}

/// Whether a word is part of a test's or a module of tests' name.
fn has_test(word: &str) -> bool {
    let name = Regex::new(&format!(r"\b(mod|fn) \w*{word}\w*")).unwrap();
    let mut dirs = vec![root().join("tests/it"), root().join("src")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|it| it == "rs")
                && name.is_match(&fs::read_to_string(path).unwrap())
            {
                return true;
            }
        }
    }
    false
}

fn mistake_in_any(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    });
    let program = words.next()?;
    let rest: Vec<&str> = std::iter::once(program).chain(words).collect();
    match program {
        "cicerone" => mistake(&rest.join(" ")),
        "cargo" => cargo_mistake(&rest.join(" ")),
        _ if FOREIGN.contains(&program) => None,
        path => (!root().join(path).exists()).then(|| format!("no program {path}")),
    }
}

#[test]
fn commands_that_are_not_run_have_programs_flags_and_targets_that_exist() {
    let mut complaints = Vec::new();
    let blocks = all_blocks();
    for block in blocks.iter().filter(|it| it.check() == Ok(Check::Names) && it.language == "sh") {
        for line in block.text.lines() {
            let command = line.split(" #").next().unwrap().trim();
            if let Some(mistake) = mistake_in_any(command) {
                complaints.push(format!("{}: {command}: {mistake}", block.place));
            }
        }
    }
    no_complaints(&complaints);
}

#[test]
fn commands_in_the_text_have_flags_and_targets_that_exist() {
    let command = Regex::new(r"`((?:[A-Z_]+=\S+ )*(?:cicerone|cargo) [^`]+)`").unwrap();
    let mut complaints = Vec::new();
    let mut n_commands = 0;
    for path in documents() {
        // A line end in a span of code is a space.
        let text = prose(&path).replace('\n', " ");
        for found in command.captures_iter(&text) {
            n_commands += 1;
            if found[1].starts_with("cicerone sandbox-exec") {
                continue;
            }
            if let Some(mistake) = mistake_in_any(&found[1]) {
                complaints.push(format!("{path}: {}: {mistake}", &found[1]));
            }
        }
    }
    assert!(n_commands > 20, "{n_commands} commands");
    no_complaints(&complaints);
}

/// The settings, with their tables.
fn settings() -> BTreeSet<String> {
    let reference = config::reference();
    let table = Regex::new(r"^## `\[([\w.]+)\]`|^### `\[([\w.]+)\]`").unwrap();
    let row = Regex::new(r"^\| `(\w+)` \|").unwrap();
    let mut settings = BTreeSet::new();
    let mut current = String::new();
    for line in reference.lines() {
        if let Some(found) = table.captures(line) {
            current = found.get(1).or(found.get(2)).unwrap().as_str().to_owned();
        } else if let Some(found) = row.captures(line) {
            settings.insert(format!("{current}.{}", &found[1]));
        }
    }
    assert!(settings.len() > 60, "{settings:?}");
    settings
}

#[test]
fn settings_that_the_docs_name_exist() {
    let settings = settings();
    let tables: BTreeSet<&str> =
        settings.iter().map(|key| key.split('.').next().unwrap()).collect();
    let name = Regex::new(r"`([a-z_]+(?:\.[a-z_]+)+)`").unwrap();
    let mut complaints = Vec::new();
    let mut n_names = 0;
    // The reference is generated from the settings, and also gives the former names.
    for path in documents().iter().filter(|path| *path != "src/docs/configuration.md") {
        for found in name.captures_iter(&prose(path)) {
            let table = found[1].split('.').next().unwrap();
            if !tables.contains(table) {
                continue;
            }
            n_names += 1;
            let is_key = settings.contains(&found[1])
                || settings.iter().any(|key| key.starts_with(&format!("{}.", &found[1])));
            if !is_key && !root().join("src").join(&found[1]).exists() {
                complaints.push(format!("{path}: there is no setting {}", &found[1]));
            }
        }
    }
    assert!(n_names > 20, "{n_names} settings");
    no_complaints(&complaints);
}

#[test]
fn flags_that_the_docs_name_exist() {
    let mut all = Cli::command();
    let commands = all.get_subcommands_mut().map(|it| it.render_long_help().to_string());
    let help: String = commands.collect::<Vec<_>>().concat();
    let help = help + &all.render_long_help().to_string();
    let flag = Regex::new(r"`(--[a-z-]+)[ `]").unwrap();
    // Flags of cargo and of benchmarks.
    let others = ["--all-features", "--quick"];
    let mut complaints = Vec::new();
    for path in documents() {
        for found in flag.captures_iter(&prose(&path)) {
            let is_ours = Regex::new(&format!(r"{}\b", &found[1])).unwrap().is_match(&help);
            if !is_ours && !others.contains(&&found[1]) {
                complaints.push(format!("{path}: there is no flag {}", &found[1]));
            }
        }
    }
    no_complaints(&complaints);
}
