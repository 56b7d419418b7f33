//! Which files an agent has seen in a turn, from the tools that it used. Pure code.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

/// Files that are remembered for one turn.
const MAX_FILES: usize = 1000;

/// What the tools of one turn have shown to the agent.
#[derive(Debug, Default)]
pub(crate) struct FilesRead {
    /// Calls that have not returned: the file that they read, or none for a search.
    open: HashMap<String, Option<String>>,
    /// Paths from the project's root where they lie in it, in the order in which they were read.
    files: Vec<String>,
}

impl FilesRead {
    /// A tool was called with this input, a JSON object. `root` is the project's directory.
    pub(crate) fn called(&mut self, call_id: &str, tool: &str, input: &str, root: &Path) {
        #[derive(Deserialize)]
        struct Input {
            file_path: String,
        }
        let looks_at = match tool {
            "Read" => match serde_json::from_str(input) {
                Ok(Input { file_path }) => Some(within(&file_path, root).to_owned()),
                Err(_) => return,
            },
            "Grep" => None,
            _ => return,
        };
        if self.open.len() < MAX_FILES {
            self.open.insert(call_id.to_owned(), looks_at);
        }
    }

    /// A tool has given this back.
    pub(crate) fn returned(&mut self, call_id: &str, ok: bool, content: &str, root: &Path) {
        let Some(looked_at) = self.open.remove(call_id) else { return };
        if !ok {
            return;
        }
        match looked_at {
            Some(file) => self.note(&file),
            None => {
                for file in content.lines().filter_map(hit) {
                    self.note(within(file, root));
                }
            }
        }
    }

    /// The files, in the order in which they were first seen.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// The same, for good.
    pub(crate) fn into_files(self) -> Vec<String> {
        self.files
    }

    fn note(&mut self, file: &str) {
        // A search gives the lines of a file one after another.
        let is_known = self.files.last().is_some_and(|last| last == file)
            || self.files.iter().any(|known| known == file);
        if !is_known && self.files.len() < MAX_FILES {
            self.files.push(file.to_owned());
        }
    }
}

/// A path from the project's root, where it lies in the project.
pub(crate) fn within<'a>(path: &'a str, root: &Path) -> &'a str {
    let inside = Path::new(path).strip_prefix(root).ok().and_then(Path::to_str);
    inside.unwrap_or(path.strip_prefix("./").unwrap_or(path))
}

/// The file of a line that a search shows: `src/main.rs:42:fn main() {`.
fn hit(line: &str) -> Option<&str> {
    let (file, rest) = line.split_once(':')?;
    let (number, _) = rest.split_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !file.is_empty()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_tool(reading: &mut FilesRead, tool: &str, input: &str, ok: bool, content: &str) {
        let root = Path::new("/p");
        reading.called("c", tool, input, root);
        reading.returned("c", ok, content, root);
    }

    #[test]
    fn a_file_counts_as_read_when_a_tool_gave_text_of_it() {
        let mut reading = FilesRead::default();
        use_tool(&mut reading, "Read", r#"{"file_path":"/p/src/a.rs"}"#, true, "1 x");
        use_tool(&mut reading, "Read", r#"{"file_path":"src/b.rs"}"#, false, "no such file");
        use_tool(
            &mut reading,
            "Grep",
            r#"{"pattern":"x"}"#,
            true,
            "c.py:3:x\nc.py:4:x\nd.py\n/p/e.py:1:x",
        );
        use_tool(&mut reading, "Glob", r#"{"pattern":"*"}"#, true, "f.py:3:x");
        use_tool(&mut reading, "Read", r#"{"file_path":"./src/a.rs"}"#, true, "1 x");
        assert_eq!(reading.files(), ["src/a.rs", "c.py", "e.py"]);
    }
}
