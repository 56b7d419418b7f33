//! Generated documentation: the commented sample file and the reference of all keys.

use crate::config::keys::{ConfigTable, Key, tables};

const SAMPLE_HEAD: &str = r#"#:schema ./cicerone.schema.json
#
# Configuration of Cicerone: the usual settings with their defaults. `cicerone config sample` prints
# this file. It is read from `cicerone/cicerone.toml` in the platform's configuration directory, or
# from the file that `--config` or CICERONE_CONFIG names.
#
# Command-line flags override environment variables, and those override this file.
# Durations are written "200ms", "30s" or "5m"; sizes "256KiB", or as a number of bytes.
# Relative paths start at the directory of this file; `~/` is the home directory.

# Projects by name. Without any, the current directory is served.
[projects]
#my-app = "~/src/my-app"
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
```

`CICERONE_PROJECT=NAME=DIR:…`, `--project NAME=DIR` and directories on the command line replace them.
Without any, and without `[discovery]`, the current directory is the project.
A directory may be a link, such as `current -> releases/42`: when it moves on, the next request and the
next start of an agent follow it, without a restart.
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
    usual.into_iter().for_each(|table| add_table(&mut text, table));
    text += ADVANCED_HEAD;
    advanced.into_iter().for_each(|table| add_table(&mut text, table));
    text
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::keys;

    #[test]
    fn the_reference_has_a_row_for_each_key() {
        let reference = reference();
        let rows: Vec<_> = reference.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), keys().count());
        assert!(rows.iter().all(|row| row.matches('|').count() == 5));
        assert!(rows.contains(
            &"| `listen` | `\"127.0.0.1:8080\"` | `--listen`, `CICERONE_LISTEN` | Address or host \
              name, and port, to listen on; port 0 picks a free one. |"
        ));
        assert!(reference.contains("Formerly `highlighting.keep`. |"));
    }
}
