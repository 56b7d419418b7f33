//! Effective configuration: every key with its value and origin, as `config check` prints it.

use std::path::Path;

use toml::Value;

use crate::config::{
    Loaded,
    error::ValueOrigin,
    keys::{AGENTS, FORGES, tables},
    shown,
};

/// Width of a line before its origin.
const ORIGIN_COLUMN: usize = 48;

impl Loaded {
    /// One line per setting and project, in the syntax of the file, with the origin as a comment.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for table in tables() {
            text += &format!("[{}]\n", table.path);
            for key in &table.keys {
                let Some(given) = self.layers.given(&key.path) else { continue };
                // Here the default says where the directory is, not that none is set.
                let value = match key.path.as_str() {
                    "server.data_dir" => path_value(&self.settings.data_dir),
                    _ => given.value.clone(),
                };
                let value = shown::of_report(&key.path, &value);
                text += &line(key.name(), &value, &given.origin);
            }
            text += "\n";
        }
        text += "[projects]\n";
        let all = self.settings.live.projects.iter().zip(&self.project_origins);
        let (groups, plain): (Vec<_>, Vec<_>) = all.partition(|(it, _)| it.roots.is_group());
        for (project, origin) in plain {
            text += &line(project.name.as_str(), &path_value(project.roots.first()), origin);
        }
        if !groups.is_empty() {
            text += "\n[groups]\n";
        }
        for (group, origin) in groups {
            let members: Vec<String> = group.members().map(ToString::to_string).collect();
            text += &line(group.name.as_str(), &Value::from(members), origin);
        }
        let agents = self.layers.agents.iter().map(|it| (AGENTS, it));
        let forges = self.layers.forges.iter().map(|it| (FORGES, it));
        for (table, (name, given)) in agents.chain(forges) {
            let head = format!("[{table}.{name}]");
            text += &format!("\n{head:ORIGIN_COLUMN$}  # {}\n", given.origin);
            for (key, value) in given.value.as_table().into_iter().flatten() {
                // The values of headers may be secret.
                match value.as_table().filter(|_| key == "headers") {
                    Some(headers) => {
                        let names: Vec<_> = headers.keys().map(String::as_str).collect();
                        text += &format!("# headers: {}\n", names.join(", "));
                    }
                    None => text += &format!("{key} = {}\n", shown::of_report(key, value)),
                }
            }
        }
        text
    }
}

fn path_value(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}

fn line(name: &str, value: &Value, origin: &ValueOrigin) -> String {
    let setting = format!("{name} = {value}");
    format!("{setting:ORIGIN_COLUMN$}  # {origin}\n")
}
