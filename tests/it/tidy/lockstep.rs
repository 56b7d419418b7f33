//! What is written down in two places: the page and the server name the same frames, the documents
//! list what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use cicerone::{
    config,
    web::openapi,
    wire::{
        client_frame::{self, InvalidFrame},
        close_code,
    },
};
use regex::Regex;

use super::{no_complaints, root, source::sources};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What the first group of `pattern` finds in `text`.
fn all(pattern: &str, text: &str) -> BTreeSet<String> {
    let found: BTreeSet<String> =
        Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect();
    assert!(!found.is_empty(), "nothing matches {pattern}");
    found
}

/// The text from after `start` up to `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?}")).0
}

/// `UserMessage` as `user_message`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// The variants of an enum as the wire names them.
fn variants(path: &str, name: &str) -> BTreeSet<String> {
    let text = read(path);
    let body = between(&text, &format!("enum {name} {{"), "\n}");
    all(r"(?m)^    ([A-Z]\w*)", body).iter().map(|variant| snake_case(variant)).collect()
}

#[test]
fn the_page_sends_the_frames_that_the_server_reads() {
    let page = read("static/protocol.js");
    let sent = all(r"\{type: '(\w+)'", between(&page, "* Client to server.", "*/"));
    let server = read("src/wire/client_frame.rs");
    let read = all(r#""(\w+)" =>"#, between(&server, "pub fn parse(", "\n}"));
    assert_eq!(sent, read);
    for kind in sent {
        let frame = format!(r#"{{"type":"{kind}"}}"#);
        let parsed = client_frame::parse(&frame);
        assert!(!matches!(parsed, Err(InvalidFrame::UnknownType(_))), "{frame}: {parsed:?}");
    }
}

#[test]
fn the_page_understands_the_frames_that_the_server_sends() {
    let page = read("static/protocol.js");
    let understood = all(r"\{type: '(\w+)'", between(&page, "* Server to client.", "*/"));
    let mut sent = variants("src/wire/server_frame.rs", "Notice");
    sent.extend(variants("src/entry.rs", "Content"));
    // What was taken back is told as a text without content.
    sent.remove("withdrawn");
    // The page asks for HTML.
    sent.remove("text");
    sent.extend(all(r#""type":"(html)""#, &read("src/wire/encode.rs")));
    assert_eq!(understood, sent);
}

#[test]
fn the_page_knows_every_state_of_a_conversation() {
    let page = read("static/protocol.js");
    let states = between(&page, "@typedef {'", "| string} SessionState");
    let known = all(r"'?(\w+)'", states);
    assert_eq!(known, variants("src/wire/server_frame.rs", "ConversationState"));
}

#[test]
fn both_sides_mean_the_same_by_a_close_code() {
    let page = read("static/protocol.js");
    for (name, code) in [
        ("BAD_PROJECT_NAME", close_code::BAD_PROJECT_NAME),
        ("NO_SUCH_PROJECT", close_code::NO_SUCH_PROJECT),
        ("NO_SUCH_CONVERSATION", close_code::NO_SUCH_CONVERSATION),
        ("TOO_MANY", close_code::TOO_MANY),
    ] {
        let line = format!("export const CLOSE_{name} = {code};");
        assert!(page.contains(&line), "static/protocol.js lacks `{line}`");
        let protocol = read("src/docs/protocol.md");
        assert!(protocol.contains(&format!("| {code} |")), "src/docs/protocol.md lacks {code}");
    }
}

#[test]
fn the_files_of_the_configuration_are_as_they_are_generated() {
    for (path, text, command) in [
        ("config/cicerone.toml", config::sample(), "sample"),
        ("config/cicerone.schema.json", config::schema(), "schema"),
        ("src/docs/configuration.md", config::reference(), "reference"),
    ] {
        assert!(read(path) == text, "run `cicerone config {command} > {path}`");
    }
}

#[test]
fn the_protocol_lists_every_path() {
    let protocol = read("src/docs/protocol.md");
    let paths = all(r#"\bat\("(/[^"]+)"\)"#, &read("src/web.rs"));
    let missing = paths.iter().filter(|path| {
        !path.starts_with("/api/faults/") && !protocol.contains(&format!("`{path}`"))
    });
    no_complaints(missing.map(|path| format!("src/docs/protocol.md lacks {path}")).collect());
}

#[test]
fn the_protocol_names_every_frame() {
    let protocol = read("src/docs/protocol.md");
    let server = read("src/wire/client_frame.rs");
    let mut frames = all(r#""(\w+)" =>"#, between(&server, "pub fn parse(", "\n}"));
    frames.extend(variants("src/wire/server_frame.rs", "Notice"));
    frames.extend(variants("src/entry.rs", "Content"));
    frames.extend(variants("src/wire/server_frame.rs", "ConversationState"));
    // What was taken back is told as a text without content.
    frames.remove("withdrawn");
    let missing = frames.iter().filter(|frame| {
        let named = [format!("`{frame}`"), format!("\"type\":\"{frame}\"")];
        !named.iter().any(|name| protocol.contains(name))
    });
    no_complaints(missing.map(|frame| format!("src/docs/protocol.md lacks {frame}")).collect());
}

/// The description's operations: `GET /path`.
fn described() -> BTreeSet<String> {
    let description = serde_json::to_value(openapi::description()).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[test]
fn the_description_of_the_interface_has_the_routes_and_no_others() {
    let web = read("src/web.rs");
    let service = Regex::new(r#"^\s*at\(\s*"(/[^"]+)""#).unwrap();
    let method = Regex::new(r"\.route\((\w+)\(\)").unwrap();
    let routes: BTreeSet<String> = between(&web, "pub fn configure(", "\n}")
        .split(".service(")
        .filter_map(|text| Some((service.captures(text)?[1].to_owned(), text)))
        .filter(|(path, _)| !path.starts_with("/api/faults/"))
        .flat_map(|(path, text)| {
            let methods = method.captures_iter(text);
            methods.map(|it| format!("{} {path}", it[1].to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    assert!(routes.len() > 20, "{routes:?}");
    assert_eq!(described(), routes);
}

#[test]
fn the_protocol_and_the_description_tell_of_the_same_paths_and_methods() {
    let protocol = read("src/docs/protocol.md");
    let (_, table) = protocol.split_once("## Paths\n").unwrap();
    let row = Regex::new(r"^\| (`/[^|]+`) \| ([A-Z, ]+) \|").unwrap();
    let name = Regex::new("`(/[^`]+)`").unwrap();
    let written: BTreeSet<String> = table
        .lines()
        .filter_map(|line| row.captures(line))
        .flat_map(|row| {
            let (paths, methods) = (row[1].to_owned(), row[2].to_owned());
            let paths = name.captures_iter(&paths).map(|it| it[1].to_owned()).collect::<Vec<_>>();
            let pairs = paths.into_iter().flat_map(move |path| {
                methods.split(", ").map(|method| format!("{method} {path}")).collect::<Vec<_>>()
            });
            pairs.collect::<Vec<_>>()
        })
        .collect();
    // It has a section of its own.
    let mut described = described();
    described.remove("GET /api/assistant/ws/{project}");
    assert_eq!(written, described);
}

#[test]
fn the_architecture_lists_every_module() {
    let architecture = read("src/docs/architecture.md");
    let modules = all(r"(?m)^pub(?:\(crate\))? mod (\w+);", &read("src/lib.rs"));
    let missing = modules.iter().filter(|module| {
        let row = Regex::new(&format!(r"(?m)^\| [^|]*`{module}`[^|]* \|")).unwrap();
        !row.is_match(&architecture)
    });
    no_complaints(missing.map(|it| format!("src/docs/architecture.md lacks {it}")).collect());
}

/// Tests below a directory, or in the file of the same name: functions of Rust, or calls in JavaScript.
fn tests_in(dir: &str) -> usize {
    let of_rust = Regex::new(r"#\[(\w+::)?test\]").unwrap();
    let of_script = Regex::new(r"(?m)^test\(").unwrap();
    let all = sources("src").into_iter().chain(sources("tests"));
    let below = all.filter(|source| source.path.starts_with(dir));
    let in_rust: usize = below.map(|source| of_rust.find_iter(&source.text).count()).sum();
    let files = fs::read_dir(root().join(dir)).unwrap().map(|entry| entry.unwrap().path());
    let scripts = files.filter(|path| path.extension().is_some_and(|extension| extension == "js"));
    let in_scripts =
        scripts.map(|path| of_script.find_iter(&fs::read_to_string(path).unwrap()).count());
    in_rust + in_scripts.sum::<usize>()
}

#[test]
fn the_table_of_tests_has_their_numbers() {
    let table = read("src/docs/testing.md");
    let row = Regex::new(r"(?m)^\| [^|]+ \| `([\w/]+)` \| (\d+)\+ \|").unwrap();
    let rows: Vec<(&str, usize)> = row
        .captures_iter(&table)
        .map(|row| (row.get(1).unwrap().as_str(), row[2].parse().unwrap()))
        .collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    for (dir, least) in rows {
        let tests = tests_in(dir);
        assert!((least..least * 3 / 2).contains(&tests), "{dir} has {tests} tests, not {least}+");
    }
}

#[test]
fn the_page_and_the_server_mark_the_same_characters_by_the_same_names() {
    let page = read("static/invisible.js");
    let page = between(&page, "const NAMES = [", "\n];");
    let entry = Regex::new(r"\[0x(\w+), 0x(\w+), '([^']+)'\]").unwrap();
    let mut of_page = BTreeMap::new();
    for found in entry.captures_iter(page) {
        let [first, last] = [1, 2].map(|at| u32::from_str_radix(&found[at], 16).unwrap());
        of_page.extend((first..=last).map(|character| (character, found[3].to_owned())));
    }
    let server = read("src/markdown/invisible.rs");
    let server = between(&server, "fn name(c: char)", "_ => return None");
    let arm =
        Regex::new(r#"(?m)^\s+((?:0x\w+(?:\.\.=0x\w+)?(?: \| )?)+) => (?:"([^"]+)"|return None)"#);
    let range = Regex::new(r"0x(\w+)(?:\.\.=0x(\w+))?").unwrap();
    let mut of_server = BTreeMap::new();
    for arm in arm.unwrap().captures_iter(server) {
        for range in range.captures_iter(&arm[1]) {
            let number = |text: &str| u32::from_str_radix(text, 16).unwrap();
            let first = number(&range[1]);
            let last = range.get(2).map_or(first, |last| number(last.as_str()));
            for character in first..=last {
                // The first arm that fits counts; one without a name marks nothing.
                let name = arm.get(2).map(|name| name.as_str().to_owned());
                of_server.entry(character).or_insert(name);
            }
        }
    }
    let of_server: BTreeMap<u32, String> =
        of_server.into_iter().filter_map(|(character, name)| Some((character, name?))).collect();
    assert!(of_page.len() > 300, "the table of the page was not read");
    assert_eq!(of_page, of_server);
}
