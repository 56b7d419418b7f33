//! Files read: which files an agent has seen in a turn, by the tools that it used. Pure code.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

/// Files, and unanswered tool calls, remembered for one turn.
const MAX_FILES: usize = 1000;

/// The files of which the tools of one turn have shown text.
#[derive(Debug, Default)]
pub(crate) struct FilesRead {
    /// Calls without a result: the file that they read, or `None` for a search.
    open: HashMap<String, Option<String>>,
    /// Relative to the project's root if they lie in it, in the order of their first reading.
    files: Vec<String>,
}

impl FilesRead {
    /// `input` is a JSON object, `root` the project's directory.
    pub(crate) fn on_tool_call(&mut self, call_id: &str, tool: &str, input: &str, root: &Path) {
        #[derive(Deserialize)]
        struct Input {
            file_path: String,
        }
        let file = match tool {
            "Read" => match serde_json::from_str(input) {
                Ok(Input { file_path }) => Some(relative(&file_path, root).to_owned()),
                Err(_) => return,
            },
            "Grep" => None,
            _ => return,
        };
        if self.open.len() < MAX_FILES {
            self.open.insert(call_id.to_owned(), file);
        }
    }

    pub(crate) fn on_tool_result(&mut self, call_id: &str, ok: bool, content: &str, root: &Path) {
        let Some(file) = self.open.remove(call_id) else { return };
        if !ok {
            return;
        }
        match file {
            Some(file) => self.add(&file),
            None => {
                for file in content.lines().filter_map(matched_file) {
                    self.add(relative(file, root));
                }
            }
        }
    }

    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    pub(crate) fn into_files(self) -> Vec<String> {
        self.files
    }

    fn add(&mut self, file: &str) {
        // Matches in one file come one after another, so the last file is the likeliest.
        let is_known = self.files.last().is_some_and(|last| last == file)
            || self.files.iter().any(|known| known == file);
        if !is_known && self.files.len() < MAX_FILES {
            self.files.push(file.to_owned());
        }
    }
}

/// The path relative to the project's root, or unchanged if it lies elsewhere.
pub(crate) fn relative<'a>(path: &'a str, root: &Path) -> &'a str {
    let inside = Path::new(path).strip_prefix(root).ok().and_then(Path::to_str);
    inside.unwrap_or(path.strip_prefix("./").unwrap_or(path))
}

/// The file of a search result such as `src/main.rs:42:fn main() {`.
fn matched_file(line: &str) -> Option<&str> {
    let (file, rest) = line.split_once(':')?;
    let (number, _) = rest.split_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !file.is_empty()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_tool(files: &mut FilesRead, tool: &str, input: &str, ok: bool, content: &str) {
        let root = Path::new("/p");
        files.on_tool_call("c", tool, input, root);
        files.on_tool_result("c", ok, content, root);
    }

    #[test]
    fn a_file_counts_as_read_when_a_tool_gave_text_of_it() {
        let mut files = FilesRead::default();
        use_tool(&mut files, "Read", r#"{"file_path":"/p/src/a.rs"}"#, true, "1 x");
        use_tool(&mut files, "Read", r#"{"file_path":"src/b.rs"}"#, false, "no such file");
        use_tool(
            &mut files,
            "Grep",
            r#"{"pattern":"x"}"#,
            true,
            "c.py:3:x\nc.py:4:x\nd.py\n/p/e.py:1:x",
        );
        use_tool(&mut files, "Glob", r#"{"pattern":"*"}"#, true, "f.py:3:x");
        use_tool(&mut files, "Read", r#"{"file_path":"./src/a.rs"}"#, true, "1 x");
        assert_eq!(files.files(), ["src/a.rs", "c.py", "e.py"]);
    }
}
