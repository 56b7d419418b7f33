//! Files read: which files an agent has seen in a turn, by the tools that it used. Pure code.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

use crate::project::{Roots, roots};

/// Files, and unanswered tool calls, remembered for one turn.
const MAX_FILES: usize = 1000;

/// The files of which the tools of one turn have shown text.
#[derive(Debug, Default)]
pub(crate) struct FilesRead {
    /// Calls without a result: the file that they read, or `None` for a search.
    open: HashMap<String, Option<String>>,
    /// By the project's paths if they lie in it, in the order of their first reading.
    files: Vec<String>,
}

impl FilesRead {
    /// `input` is a JSON object.
    pub(crate) fn on_tool_call(&mut self, call_id: &str, tool: &str, input: &str, roots: &Roots) {
        #[derive(Deserialize)]
        struct Input {
            file_path: String,
        }
        let file = match tool {
            "Read" => match serde_json::from_str(input) {
                Ok(Input { file_path }) => Some(path_seen(&file_path, roots)),
                Err(_) => return,
            },
            "Grep" => None,
            _ => return,
        };
        if self.open.len() < MAX_FILES {
            self.open.insert(call_id.to_owned(), file);
        }
    }

    pub(crate) fn on_tool_result(&mut self, call_id: &str, ok: bool, content: &str, roots: &Roots) {
        let Some(file) = self.open.remove(call_id) else { return };
        if !ok {
            return;
        }
        match file {
            Some(file) => self.add(&file),
            None => {
                for file in content.lines().filter_map(matched_file) {
                    self.add(&path_seen(file, roots));
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

/// The project's path of a file that a tool named. Agents work in the first root of a group, from
/// where their own tools count.
fn path_seen(path: &str, roots: &Roots) -> String {
    let known = roots.path_of(path);
    let names_a_root = || roots.find(Path::new(&*known)).is_some();
    match roots.iter().next() {
        Some(root) if !names_a_root() && !known.starts_with(['/', '.']) => root.prefix() + &known,
        _ => known.into_owned(),
    }
}

/// The file of a search result such as `src/main.rs:42:fn main() {`, also with the name of a member
/// before it.
fn matched_file(line: &str) -> Option<&str> {
    let start = roots::split(Path::new(line)).map_or(0, |(name, _)| name.len() + 1);
    let is_numbered = |at: usize| file_before_number(line, at);
    is_numbered(0).or_else(|| is_numbered(start))
}

/// The file in `line` up to the first colon after `from`, if the number of a line follows.
fn file_before_number(line: &str, from: usize) -> Option<&str> {
    let end = from + line.get(from..)?.find(':')?;
    let (file, rest) = (line.get(..end)?, line.get(end + 1..)?);
    let (number, _) = rest.split_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !file.is_empty()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectName;

    fn use_tool(files: &mut FilesRead, tool: &str, input: &str, ok: bool, content: &str) {
        use_tool_in(&Roots::from("/p"), files, tool, input, ok, content);
    }

    fn use_tool_in(
        roots: &Roots,
        files: &mut FilesRead,
        tool: &str,
        input: &str,
        ok: bool,
        content: &str,
    ) {
        files.on_tool_call("c", tool, input, roots);
        files.on_tool_result("c", ok, content, roots);
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
    #[test]
    fn a_file_of_a_group_counts_by_its_path_however_a_tool_names_it() {
        let member = |(name, dir): (&str, &str)| (ProjectName::mend(name), dir.into());
        let members = [("api", "/src/api"), ("web", "/src/web")].map(member);
        let group = Roots::of_group(members).unwrap();
        let mut files = FilesRead::default();
        for path in ["/src/web/a.ts", "b.rs", "../web/c.ts", "web/d.ts"] {
            let input = serde_json::json!({"file_path": path}).to_string();
            use_tool_in(&group, &mut files, "Read", &input, true, "1 x");
        }
        let found = "e.rs:3:x\n/src/web/f.ts:4:x\nweb:g.ts:5:x\n(6 lines)";
        use_tool_in(&group, &mut files, "Grep", "{}", true, found);
        let expected =
            ["web:a.ts", "api:b.rs", "../web/c.ts", "web:d.ts", "api:e.rs", "web:f.ts", "web:g.ts"];
        assert_eq!(files.files(), expected);
    }
}
