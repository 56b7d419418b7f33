//! The rules of the house, checked on the sources as text: what a file is like, what the code
//! does not do, and what is written down in two places.

mod features;
mod lockstep;
mod source;
mod structure;

use std::{collections::BTreeSet, path::Path, process::Command};

use regex::Regex;

use source::{Source, sources};

/// Lines of a file at most, its unit tests apart.
const MAX_LINES: usize = 400;

/// Lines of a file of tests at most.
const MAX_TEST_LINES: usize = 550;

/// What the repository holds at its top, besides hidden files and licences.
const TOP: [&str; 7] =
    ["Cargo.lock", "Cargo.toml", "README.md", "config", "src", "static", "tests"];

/// The library's modules. Each uses only those before it.
const LAYERS: [&str; 50] = [
    "ids",
    "hex",
    "signing",
    "histogram",
    "json",
    "mask",
    "sse",
    "rights",
    "reaction",
    "budget",
    "effort",
    "authority",
    "http_client",
    "sqlite_readonly",
    "project",
    "tools",
    "git_remote",
    "forge",
    "config",
    "webhook",
    "policy",
    "history",
    "features",
    "mcp",
    "source",
    "suggestions",
    "citation",
    "guide",
    "model",
    "attachment",
    "recording",
    "entry",
    "telemetry",
    "agent",
    "markdown",
    "highlighter",
    "drawing",
    "reader",
    "wire",
    "database",
    "cluster",
    "repositories",
    "conversation",
    "session",
    "registry",
    "web",
    "server",
    "ask",
    "doctor",
    "cli",
];

/// Code that decides, and so knows nothing of actors, tasks and time.
const PURE: [&str; 76] = [
    "agent/codec",
    "agent/event",
    "ask/answer",
    "attachment",
    "budget",
    "effort",
    "authority",
    "sse",
    "cluster/append",
    "cluster/ownership",
    "cluster/peers",
    "citation/address",
    "citation/anchor",
    "citation/files_read",
    "citation/mention",
    "citation/name_list",
    "citation/reading",
    "citation/script",
    "citation/suffix",
    "citation/verdict",
    "citation/written",
    "database/similar/score",
    "drawing/allowed",
    "drawing/cache",
    "drawing/css",
    "drawing/mathml",
    "drawing/outcome",
    "drawing/sources",
    "drawing/svg",
    "entry",
    "forge/answer",
    "forge/choice",
    "forge/paging",
    "git_remote",
    "hex",
    "signing",
    "history/align",
    "history/parse",
    "history/text",
    "ids",
    "json",
    "markdown",
    "mask",
    "project",
    "registry/restart",
    "rights",
    "reaction",
    "conversation/reactions",
    "conversation/fitting_notes",
    "conversation/list_log",
    "conversation/presence",
    "conversation/transcript",
    "conversation/turn",
    "source",
    "suggestions",
    "web/api/ask/answer",
    "web/api/ask/progress",
    "web/api/ask/shown_place",
    "web/api/ask/frames",
    "web/api/charts/svg",
    "web/api/mcp/message",
    "web/api/mcp/tools",
    "web/api/openai/chores",
    "web/api/openai/chunks",
    "web/api/openai/request",
    "web/access/host_check",
    "web/access/origin_check",
    "web/access/token_bucket",
    "web/connections/table",
    "web/websocket/backlog",
    "web/websocket/frame_check",
    "web/access/client_address",
    "web/access/login_sessions",
    "webhook/event",
    "webhook/signature",
    "wire",
];

/// Messages that nobody waits for: the facts that a viewer left and that a session ended.
const UNAWAITED: [&str; 2] = ["session", "web/websocket"];

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with the complaints, if there are any.
fn no_complaints(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

/// The lines of the library's code, outside tests, that `pattern` matches in files that are not
/// `allowed`: modules with all below them.
fn lines_with(pattern: &str, allowed: &[&str]) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let library = sources("src");
    let concerned = library.iter().filter(|source| !source.is_within(allowed));
    concerned.flat_map(|source| source.lines_with(&pattern)).collect()
}

#[test]
fn every_file_says_what_it_owns() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let silent = all.filter(|source| !source.text.starts_with("//! "));
    no_complaints(
        silent.map(|source| format!("{}: has no `//!` at its top", source.path)).collect(),
    );
}

#[test]
fn no_file_is_long() {
    let all: Vec<Source> = sources("src").into_iter().chain(sources("tests")).collect();
    let long = all.iter().filter_map(|source| {
        let lines = source.code.lines().count();
        let limit = if source.is_test() { MAX_TEST_LINES } else { MAX_LINES };
        (lines > limit).then(|| format!("{}: {lines} lines, more than {limit}", source.path))
    });
    no_complaints(long.collect());
}

#[test]
fn the_repository_holds_only_what_it_must_at_its_top() {
    let strange = top().into_iter().filter(|name| {
        let is_expected = TOP.contains(&name.as_str());
        !is_expected && !name.starts_with('.') && !name.starts_with("LICENSE")
    });
    no_complaints(strange.map(|name| format!("{name}: does not belong at the top")).collect());
}

/// What git knows of; in a copy without git, what is there besides what was built.
fn top() -> BTreeSet<String> {
    let listed = Command::new("git").arg("ls-files").current_dir(root()).output();
    let files = listed.ok().filter(|output| output.status.success() && !output.stdout.is_empty());
    match files {
        Some(files) => String::from_utf8(files.stdout)
            .unwrap()
            .lines()
            .map(|path| path.split('/').next().unwrap().to_owned())
            .collect(),
        None => root()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "target")
            .collect(),
    }
}

#[test]
fn only_the_viewer_knows_actix_web_actors() {
    no_complaints(lines_with("actix_web_actors", &["web/websocket"]));
}

#[test]
fn what_decides_knows_neither_actix_nor_tokio() {
    let framework =
        Regex::new(r"\b(actix|actix_web|actix_rt|tokio)::|\buse (actix|tokio)").unwrap();
    let library = sources("src");
    let pure: Vec<&Source> = library.iter().filter(|source| source.is_within(&PURE)).collect();
    for module in PURE {
        let is_there = pure.iter().any(|source| source.is_within(&[module]));
        assert!(is_there, "there is no module {module}");
    }
    no_complaints(pure.iter().flat_map(|source| source.lines_with(&framework)).collect());
}

#[test]
fn only_the_store_and_the_readers_of_foreign_files_know_sqlite() {
    let allowed = ["database", "ids", "sqlite_readonly", "features", "config/registry"];
    no_complaints(lines_with(r"\b(rusqlite|r2d2\w*|libsqlite3_sys)\b", &allowed));
}

#[test]
fn writes_read_no_clock_and_draw_no_number() {
    let sources = sources("src");
    let writes: Vec<_> = sources.iter().filter(|it| it.is_within(&["database/writes"])).collect();
    assert!(!writes.is_empty());
    let nondeterministic = Regex::new(
        r"\bClock\b|\bclock::|now_utc|\bInstant\b|\bSystemTime\b|(?i:uuid|rand\b|random|'now'|current_time|current_date|last_insert_rowid|unixepoch)",
    );
    let nondeterministic = nondeterministic.unwrap();
    no_complaints(writes.iter().flat_map(|it| it.lines_with(&nondeterministic)).collect());
}

/// What opens files that belong to no project, and the gate, which opens those that do.
const OPENERS: [&str; 18] = [
    "agent",
    "ask/kept",
    "config",
    "database",
    "doctor",
    "forge/client",
    "forge/kept",
    "history/git_dir",
    "sqlite_readonly",
    "policy",
    "registry",
    "server",
    "source/index/store",
    "source/walk/outer",
    "web/api/store_copy",
    "web/assets",
    "web/state",
    "main",
];

#[test]
fn p10_files_of_projects_are_opened_by_the_gate_alone() {
    no_complaints(lines_with(
        r"\bfs::(self|File|OpenOptions|open|openat|read|read_to_string|read_dir|copy)\b|\bFile::open\b|\bwalkdir\b|\bWalkBuilder\b",
        &OPENERS,
    ));
    let within_policy = sources("src").into_iter().filter(|it| it.is_within(&["policy"]));
    let opening =
        Regex::new(r"\bFile::|\bfs::(open|openat|openat2|read|read_to_string)\b").unwrap();
    let others = within_policy.filter(|it| !it.is_within(&["policy/gate"]));
    no_complaints(others.flat_map(|source| source.lines_with(&opening)).collect());
}

/// What reads foreign files: the processes in a cage, and what only they call.
const CAGED: [&str; 13] = [
    "reader/serve",
    "reader/file_list",
    "guide",
    "source",
    "mcp",
    "features",
    "citation/check",
    "citation/head_commit",
    "citation/project_files",
    "policy",
    "highlighter",
    "markdown/code",
    "sqlite_readonly",
];

/// The process that draws, and what only it calls.
const DRAWING: [&str; 3] = ["drawing/program", "drawing/formula", "drawing/diagram"];

/// What else does: the import and the registry read files of no project.
const UNCAGED: [&str; 2] = ["database/import", "config/registry"];

#[test]
fn p10_the_server_opens_no_file_of_a_project_and_runs_no_grammar() {
    let allowed = [CAGED.as_slice(), UNCAGED.as_slice()].concat();
    no_complaints(lines_with(
        r"\bopening::(read|read_start|is_file)\b|\bgate::|\bTree::open\b|\bwalk::files\b|\bcheck::check\b|\bFeatures::open\b|\bsqlite_readonly::open\b|\bsyntect::|\bHighlighter::new\b|policy\.check_content\(",
        &allowed,
    ));
}

#[test]
fn p10_the_server_draws_nothing_itself() {
    no_complaints(lines_with(r"\bmath_core::|\bmerman::|\bformula::|\bdiagram::", &DRAWING));
}

#[test]
fn only_agents_and_git_are_processes() {
    no_complaints(lines_with(
        r"\bprocess::Command\b|\bCommand::new\b|\.spawn_command\(",
        &["agent", "config/secrets", "history/git", "server/allocator"],
    ));
}

#[test]
fn p14_paths_know_of_projects_from_one_place_which_asks_who_may() {
    no_complaints(lines_with(
        r"\bsettings\.projects\b|\bProjectAccess\b|\.admits\(",
        &[
            "ask",
            "config",
            "doctor",
            "project",
            "registry",
            "server",
            // Whether any project has a list.
            "web/access",
            // What is public is so for everybody.
            "web/api/snapshots",
            "web/state",
        ],
    ));
}

#[test]
fn data_is_awaited() {
    no_complaints(lines_with(r"\bdo_send\(", &UNAWAITED));
    let library = sources("src");
    for module in UNAWAITED {
        let within = library.iter().filter(|source| source.is_within(&[module]));
        let uses: usize = within.map(|source| source.code.matches("do_send(").count()).sum();
        assert_eq!(uses, 1, "uses of do_send in {module}");
    }
}

#[test]
fn nothing_panics_on_purpose() {
    let panics = r"\.(unwrap|expect|unwrap_err|expect_err)\(|\b(todo|unimplemented)!";
    no_complaints(lines_with(panics, &[]));
}

#[test]
fn only_the_probe_calls_the_kernel_by_number() {
    // The guide knows the word, to find definitions by, and a policy for pictures has it.
    no_complaints(lines_with(
        r"\bunsafe(_code)?\b",
        &["agent/sandbox/self_test/raw_syscall", "source/definitions", "web/api/drawings"],
    ));
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let rank = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    let mut complaints = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let module = source.module();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let own = rank(module).unwrap_or_else(|| panic!("{module} has no place in LAYERS"));
        for used in source.modules_used() {
            match rank(&used) {
                Some(its) if its <= own => (),
                Some(_) => complaints.push(format!("{}: uses {used}", source.path)),
                None => complaints.push(format!("{}: uses crate::{used}", source.path)),
            }
        }
    }
    no_complaints(complaints);
}
