//! The effective configuration as text for a person: every key, its value and where that came
//! from.

use crate::config::{ConfigError, Loaded, Origin};

impl Loaded {
    /// One line per setting and project, in the syntax of the file, with the origin as a comment.
    pub fn report(&self) -> Result<String, ConfigError> {
        let mut lines = Vec::new();
        let mut table = "";
        for key in self.layers.keys() {
            if key.table() != table {
                table = key.table();
                lines.push((String::new(), None));
                lines.push((format!("[{table}]"), None));
            }
            let name = key.path.split_once('.').map_or("", |(_, name)| name);
            let given = self.layers.given(&key.path)?;
            // An empty data directory stands for one that is worth knowing.
            let (value, origin) = if key.path == "server.data_dir" {
                let dir = self.settings.data_dir.to_string_lossy().into_owned();
                (toml::Value::from(dir), &given.origin)
            } else {
                (given.value.clone(), &given.origin)
            };
            lines.push((format!("{name} = {value}"), Some(origin)));
        }
        lines.push((String::new(), None));
        lines.push(("[projects]".into(), None));
        for (project, origin) in self.settings.projects.iter().zip(&self.project_origins) {
            let dir = toml::Value::from(project.dir.to_string_lossy().into_owned());
            lines.push((format!("{} = {dir}", project.name), Some(origin)));
        }
        Ok(lay_out(&lines))
    }
}

/// Puts the origins into one column, but for lines that are too long for it.
fn lay_out(lines: &[(String, Option<&Origin>)]) -> String {
    const COLUMN: usize = 48;
    lines
        .iter()
        .map(|(line, origin)| match origin {
            Some(origin) => format!("{line:COLUMN$}  # {origin}\n"),
            None => format!("{line}\n"),
        })
        .collect::<String>()
        .trim_start()
        .to_owned()
}
