//! Languages, by the names of files: how comments are written, and the name for a fenced block.
//!
//! What a line of a language *defines* is found by `definitions`.

use std::path::Path;

use crate::project::roots;
use crate::source::table_languages::{self, TableLanguage};

/// Extensions of data files that have no language of their own.
const DATA_EXTENSIONS: [&str; 9] =
    ["lock", "cfg", "ini", "conf", "env", "svg", "csv", "db", "jsonl"];

/// A language, or a family of languages that are read in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Language {
    Rust,
    Python,
    /// Also TypeScript, and the components of Vue, Svelte and Astro.
    JavaScript,
    Go,
    /// Also Groovy.
    Java,
    Kotlin,
    Swift,
    Scala,
    /// Also C++, Objective-C and CUDA.
    C,
    CSharp,
    Ruby,
    Php,
    /// Also Makefiles.
    Shell,
    Sql,
    Elixir,
    Lua,
    Css,
    /// HTML, XML and templates for them.
    Markup,
    /// Text for people: Markdown, reStructuredText and plain text.
    Prose,
    /// Settings and data: TOML, INI, JSON, and every unknown kind of file.
    Data,
    /// One of [`table_languages::LANGUAGES`], by its number.
    Table(u8),
}

impl Language {
    /// The language of a file, by its name.
    pub(crate) fn of(path: &Path) -> Self {
        let name = roots::inner(path).file_name();
        let name = name.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        match extension.unwrap_or_default() {
            "rs" => Self::Rust,
            "py" | "pyi" | "pyx" | "ipynb" => Self::Python,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte"
            | "astro" => Self::JavaScript,
            "go" => Self::Go,
            "java" | "groovy" | "gradle" => Self::Java,
            "kt" | "kts" => Self::Kotlin,
            "swift" => Self::Swift,
            "scala" | "sc" => Self::Scala,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "m" | "mm" | "ino" | "cu"
            | "cuh" => Self::C,
            "cs" => Self::CSharp,
            "rb" | "rake" | "gemspec" => Self::Ruby,
            "php" => Self::Php,
            "sh" | "bash" | "zsh" | "fish" => Self::Shell,
            "sql" => Self::Sql,
            "ex" | "exs" => Self::Elixir,
            "lua" => Self::Lua,
            "css" | "scss" | "less" | "sass" => Self::Css,
            "html" | "htm" | "xml" | "jinja" | "j2" | "hbs" | "ejs" | "erb" => Self::Markup,
            "txt" if name == "cmakelists.txt" => {
                table_languages::find(&name, "").map_or(Self::Prose, Self::Table)
            }
            "md" | "mdx" | "markdown" | "rst" | "txt" | "adoc" | "org" => Self::Prose,
            _ => match name.as_str() {
                "readme" | "changelog" | "license" | "contributing" | "authors" | "news" => {
                    Self::Prose
                }
                "makefile" | "justfile" => Self::Shell,
                "rakefile" | "gemfile" => Self::Ruby,
                name => {
                    let extension = extension.unwrap_or_default();
                    table_languages::find(name, extension).map_or(Self::Data, Self::Table)
                }
            },
        }
    }

    /// The openings of comments that end with their line.
    pub(crate) fn line_comments(self) -> &'static [&'static str] {
        match self {
            Self::Rust
            | Self::JavaScript
            | Self::Go
            | Self::Java
            | Self::Kotlin
            | Self::Swift
            | Self::Scala
            | Self::C
            | Self::CSharp
            | Self::Css => &["//"],
            Self::Php => &["//", "#"],
            Self::Python | Self::Ruby | Self::Shell | Self::Elixir | Self::Data => &["#"],
            Self::Sql | Self::Lua => &["--"],
            Self::Markup | Self::Prose => &[],
            Self::Table(_) => self.row().map_or(&[], |row| row.line_comments),
        }
    }

    fn row(self) -> Option<&'static TableLanguage> {
        match self {
            Self::Table(number) => table_languages::language(number),
            _ => None,
        }
    }

    /// The openings and closings of block comments; for Python and Elixir, those of doc strings.
    pub(crate) fn block_comments(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust
            | Self::JavaScript
            | Self::Go
            | Self::Java
            | Self::Kotlin
            | Self::Swift
            | Self::Scala
            | Self::C
            | Self::CSharp
            | Self::Php
            | Self::Sql
            | Self::Css => &[("/*", "*/")],
            Self::Python => &[("\"\"\"", "\"\"\""), ("'''", "'''")],
            Self::Elixir => &[("\"\"\"", "\"\"\"")],
            Self::Ruby => &[("=begin", "=end")],
            Self::Lua => &[("--[[", "]]")],
            Self::Markup => &[("<!--", "-->")],
            Self::Shell | Self::Prose | Self::Data => &[],
            Self::Table(_) => self.row().map_or(&[], |row| row.block_comments),
        }
    }

    /// Whether it is text for people.
    pub(crate) fn is_prose(self) -> bool {
        self == Self::Prose
    }

    /// Whether it is a programming language.
    pub(crate) fn is_code(self) -> bool {
        match self {
            Self::Prose | Self::Data | Self::Markup | Self::Css => false,
            Self::Table(_) => self.row().is_some_and(|row| row.is_code),
            _ => true,
        }
    }
}

/// The language name for a fenced block of the file, empty if none is known.
pub(crate) fn fence_name(path: &Path) -> &'static str {
    if let Some(row) = Language::of(path).row() {
        return row.fence;
    }
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "ts" | "mts" | "cts" => "typescript",
        "tsx" => "tsx",
        "jsx" => "jsx",
        "h" | "c" => "c",
        "cc" | "cpp" | "cxx" | "hpp" | "hh" => "cpp",
        "toml" => "toml",
        "json" => "json",
        "rst" => "rst",
        "txt" => "text",
        "diff" | "patch" => "diff",
        _ => match Language::of(path) {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
            Language::Go => "go",
            Language::Java => "java",
            Language::Kotlin => "kotlin",
            Language::Swift => "swift",
            Language::Scala => "scala",
            Language::C => "cpp",
            Language::CSharp => "csharp",
            Language::Ruby => "ruby",
            Language::Php => "php",
            Language::Shell => "bash",
            Language::Sql => "sql",
            Language::Elixir => "elixir",
            Language::Lua => "lua",
            Language::Css => "css",
            Language::Markup => "html",
            Language::Prose => "markdown",
            Language::Data | Language::Table(_) => "",
        },
    }
}

/// Whether a file's name has an extension that files commonly have.
pub(crate) fn is_known_extension(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    DATA_EXTENSIONS.contains(&extension) || !fence_name(Path::new(name)).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_the_language() {
        for (name, language) in [
            ("src/main.rs", Language::Rust),
            ("app/Views.PY", Language::Python),
            ("web/App.tsx", Language::JavaScript),
            ("README", Language::Prose),
            ("Makefile", Language::Shell),
            ("data.bin", Language::Data),
        ] {
            assert_eq!(Language::of(Path::new(name)), language, "{name}");
        }
        assert_eq!(fence_name(Path::new("a/b.ts")), "typescript");
    }
}
