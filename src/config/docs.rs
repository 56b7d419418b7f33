//! Generated documentation: the commented sample file and the reference of all keys.

use serde_json::Value as Json;

use crate::config::{
    keys::{ConfigTable, Key, tables},
    schema::{agent_schema, forge_schema},
};

const SAMPLE_HEAD: &str = r#"#:schema ./cicerone.schema.json
#
# Configuration of Cicerone: the usual settings with their defaults. `cicerone config sample` prints
# this file. It is read from `cicerone/cicerone.toml` in the platform's configuration directory, or
# from the file that `--config` or CICERONE_CONFIG names.
#
# Command-line flags override environment variables, and those override this file.
# Durations are written "200ms", "30s" or "5m"; sizes "256KiB", or as a number of bytes.
# Relative paths start at the directory of this file; `~/` is the home directory.

# Projects by name. Without any, the current directory is served. `{ dir = "…", agent = "…" }` in place of
# a directory names the agent that answers.
[projects]
#my-app = "~/src/my-app"

# Groups by name: one conversation about several of the projects.
[groups]
#platform = ["my-app", "my-library"]

# Agents by name, beside `claude` and `guide`. `cicerone help agents` shows set-ups for usual services.
[agents]
#local = { kind = "model", preset = "ollama", model = "qwen3:8b" }
"#;

const REFERENCE_HEAD: &str = r#"# Configuration

<!-- Printed by `cicerone config reference`; a test compares the two. -->

Every setting can stand in a TOML file, and be overridden by an environment variable, and some by a
command-line flag, which wins. The file is `cicerone/cicerone.toml` in the platform's configuration
directory, or the one that `--config` or `CICERONE_CONFIG` names.

- `cicerone config check` prints every setting, its value and its origin, or what is wrong.
- `cicerone config sample` prints a commented file to start from (`config/cicerone.toml`).
- `cicerone config schema` prints a JSON Schema (`config/cicerone.schema.json`). Save it beside your
  file, start the file with `#:schema ./cicerone.schema.json`, and editors complete and check it.

A mistake ends the program with code 2 and a message that gives the file, the line and the nearest
key. Durations are written `"200ms"`, `"30s"` or `"5m"`; sizes `"256KiB"`, or as a number of bytes. An
empty text stands for "not set". Variables give lists with commas. Relative paths in the file start at
its directory, all others at the current directory; `~/` is the home directory.

Two secrets are set in the environment alone: `CICERONE_VIEWER_TOKEN` and `CICERONE_ADMIN_TOKEN`. They
are taken out of the process's environment before an agent starts.

## `[projects]`

Projects by name, and their directories:

```toml
[projects]
my-app = "~/src/my-app"
shop = { dir = "~/src/shop", agent = "guide" }
```

With `git` in place of `dir`, a project is [fetched from a remote](git.md); `[discovery.forges]` does that with
all repositories of an organisation.

`agent` names the agent that answers where a conversation names none. `instructions` is a file with what
its agents are told besides; with `repository_instructions = true` they are told the project's
`AGENTS.md` or `CLAUDE.md` too (`cicerone help agents`). `access = ["team-a", "ann@example.org"]` lists the
groups and people for whom it exists (`cicerone help logins`).

`CICERONE_PROJECT=NAME=DIR:…`, `--project NAME=DIR` and directories on the command line replace them.
Without any, and without `[discovery]`, the current directory is the project.
A directory may be a link, such as `current -> releases/42`: when it moves on, the next request and the
next start of an agent follow it, without a restart.

## `[groups]`

Groups by name, and the projects that one conversation in them is about:

```toml
[projects]
shop = "~/src/shop"
web = "~/src/website"

[groups]
platform = ["shop", "web"]
quick = { projects = ["shop", "web"], agent = "guide" }
```

A group is offered beside the projects and used like one. Its agents read the directories of its projects
and no others; search, files, suggestions and history span them. Paths begin with the name of a project
and a colon, such as `web:src/x.ts:3`.

- Each name is that of a project that is served, wherever it comes from, and none is in a group twice. A
  group has at most 16 projects, and none of them lies in another.
- The feature list is that of the first project that has one.
- While the directory of a project is missing, its groups cannot be used.
- Web tools are off where they are for one of the projects.
- Without its group, a conversation is kept and not shown; it is there again when the group is. Where the
  command line or the environment names the projects, groups of others are left out.
"#;

const AGENTS_HEAD: &str = r#"
## `[agents.NAME]`

Agents by name, beside `claude` and `guide`, which are always there. A table of the name `claude` or
`guide` replaces that one. `kind` says what an agent is, and which other keys it has:

```toml
[agents.local]
kind = "model"
preset = "ollama"
model = "qwen3:8b"
```

`agent.default`, the table of a project and the page choose among them. The key of a service comes from a
file or a variable, never from this file.
"#;

const FORGES_HEAD: &str = r#"
## `[discovery.forges.NAME]`

Forges, or lists, each of whose repositories becomes a [project from git](git.md#whole-organisations):

```toml
[discovery.forges.acme]
kind = "github"
owner = "acme"
token_file = "github.token"
exclude = ["*-archive"]
```

| key | meaning |
| --- | --- |
"#;

const ADVANCED_HEAD: &str = r#"
# Advanced settings

The defaults fit nearly everywhere; nobody should have to change these. In earlier versions they stood
in the tables without `advanced.`, such as `limits.frame_bytes` (`CICERONE_LIMITS_FRAME_BYTES`) for
`advanced.limits.frame_bytes`. Those names are still read, with a warning that gives the new one.
"#;

/// A commented file of the usual keys with their defaults.
pub fn sample() -> String {
    let mut text = SAMPLE_HEAD.to_owned();
    for table in tables().iter().filter(|table| !table.is_advanced()) {
        text += &format!("\n# {}\n[{}]\n", table.description, table.path);
        for key in &table.keys {
            for line in key.description.lines().chain(key.choices().as_deref()) {
                text += &format!("# {line}\n");
            }
            text += &format!("#{} = {}\n", key.name(), key.default);
        }
    }
    text
}

/// All keys as Markdown.
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    let (advanced, usual): (Vec<_>, Vec<_>) =
        tables().iter().partition(|table| table.is_advanced());
    text += AGENTS_HEAD;
    text += &agent_kinds();
    text += FORGES_HEAD;
    text += &rows(&forge_schema());
    usual.into_iter().for_each(|table| add_table(&mut text, table));
    text += ADVANCED_HEAD;
    advanced.into_iter().for_each(|table| add_table(&mut text, table));
    text
}

/// The keys of each kind of agent.
fn agent_kinds() -> String {
    let schema = agent_schema();
    let mut text = String::new();
    for kind in schema.get("oneOf").and_then(Json::as_array).into_iter().flatten() {
        let name = kind.pointer("/properties/kind/const").and_then(Json::as_str);
        text += &format!("\n### `kind = {:?}`\n\n{}\n", name.unwrap_or_default(), words(kind));
        let mut kind = kind.clone();
        if let Some(Json::Object(properties)) = kind.get_mut("properties") {
            properties.shift_remove("kind");
        }
        let rows = rows(&kind);
        if !rows.is_empty() {
            text += &format!("\n| key | meaning |\n| --- | --- |\n{rows}");
        }
    }
    text
}

/// A row for each key of a table.
fn rows(table: &Json) -> String {
    let properties = table.get("properties").and_then(Json::as_object);
    let row = |(key, schema)| format!("| `{key}` | {}{} |\n", words(schema), choices(schema));
    properties.into_iter().flatten().map(row).collect()
}

fn words(of: &Json) -> String {
    let description = of.get("description").and_then(Json::as_str).unwrap_or_default();
    description.replace('\n', " ")
}

/// A sentence that lists the words or keys that fit, where only certain ones do.
fn choices(schema: &Json) -> String {
    let of_enum = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    let of_consts = schema.pointer("/anyOf/0/oneOf").and_then(Json::as_array).into_iter().flatten();
    let words =
        of_enum.chain(of_consts.filter_map(|one| one.get("const"))).filter_map(Json::as_str);
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    let keys = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    let keys: Vec<_> = keys.map(|(key, _)| format!("`{key}`")).collect();
    match (words.is_empty(), keys.is_empty()) {
        (false, _) => format!(" One of {}.", words.join(", ")),
        (true, false) => format!(" A table with {}.", keys.join(", ")),
        (true, true) => String::new(),
    }
}

fn add_table(text: &mut String, table: &ConfigTable) {
    let ConfigTable { path, description, keys } = table;
    *text += &format!("\n## `[{path}]`\n\n{description}\n\n");
    *text += "| key | default | flag, environment | meaning |\n| --- | --- | --- | --- |\n";
    for key in keys {
        let flag = key.flag.as_deref().map(|flag| format!("`--{flag}`, ")).unwrap_or_default();
        *text += &format!(
            "| `{}` | `{}` | {flag}`{}` | {} |\n",
            key.name(),
            key.default,
            key.variable(),
            meaning(key)
        );
    }
}

fn meaning(key: &Key) -> String {
    let mut text = key.documentation();
    if let Some(former_path) = key.former_path.as_deref().filter(|it| !it.ends_with(key.name())) {
        text += &format!(" Formerly `{former_path}`.");
    }
    if key.is_live {
        text += " Reloaded.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::keys;

    #[test]
    fn the_reference_has_a_row_for_each_key() {
        let reference = reference();
        let with_default = |line: &&str| line.starts_with("| `") && line.matches('|').count() == 5;
        let rows: Vec<_> = reference.lines().filter(with_default).collect();
        assert_eq!(rows.len(), keys().count());
        assert!(rows.contains(
            &"| `listen` | `\"127.0.0.1:8080\"` | `--listen`, `CICERONE_LISTEN` | Address or host \
              name, and port, to listen on; port 0 picks a free one. |"
        ));
        assert!(reference.contains("Formerly `highlighting.keep`. |"));
    }
}
