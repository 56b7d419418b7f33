//! Definitions: the name that a line of code defines, by one pattern per language.
//!
//! The patterns see one line at a time and miss definitions that are spread over several.

use std::sync::LazyLock;

use regex::Regex;

use crate::source::{language::Language, table_languages};

/// The name that a line defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DefinedName<'a> {
    /// The keyword, such as `fn` or `class`, or a word such as `heading`.
    pub kind: &'a str,
    pub name: &'a str,
}

/// Longest line that is looked at, bytes; longer ones are generated.
const MAX_LINE_BYTES: usize = 400;

/// Keywords that look like a name being defined.
const NOT_NAMES: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "return",
    "else",
    "do",
    "function",
    "new",
    "await",
    "with",
    "constructor",
    "super",
    "throw",
    "typeof",
    "in",
    "of",
    "delete",
    "sizeof",
    "using",
];

macro_rules! pattern {
    ($name:ident, $($part:expr),+ $(,)?) => {
        static $name: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(concat!($($part),+)).ok());
    };
}

pattern!(
    RUST,
    r#"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|const\s+|async\s+|unsafe\s+|extern\s+(?:"[^"]*"\s+)?)*"#,
    r"(?P<kind>fn|struct|enum|trait|type|mod|union|static|const|macro_rules!|impl)",
    r"(?:<[^>]*>+)?\s+(?:mut\s+)?(?:.*?\bfor\s+)?(?:&(?:mut\s+)?)?(?:[a-z_]\w*::)*(?P<name>[A-Za-z_]\w*)"
);
pattern!(
    PYTHON,
    r"^\s*(?:async\s+)?(?P<kind>def|class)\s+(?P<name>\w+)|^(?P<constant>[A-Za-z_]\w*)\s*(?::[^=]+)?=[^=]"
);
pattern!(
    JAVASCRIPT,
    r"^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?",
    r"(?P<kind>function|class|interface|enum|type|namespace)\b\s*\*?\s*(?P<name>[A-Za-z_$][\w$]*)",
    r"|^(?:export\s+)?(?P<binding>const|let|var)\s+(?P<bound>[A-Za-z_$][\w$]*)\s*[:=]",
    r"|^\s*(?:const|let|var)\s+(?P<arrow>[A-Za-z_$][\w$]*)\s*=\s*(?:async\s*)?(?:function|\([^)]*\)\s*=>|\w+\s*=>)",
    r"|^\s*(?:[\w$]+\.)*(?:prototype|exports|module)\.(?P<export>[\w$]+)\s*=",
    r"|^\s*[\w$.]+\.(?P<assigned>[\w$]+)\s*=\s*(?:async\s*)?function",
    r"|^\s*(?:public\s+|private\s+|protected\s+|static\s+|readonly\s+|override\s+|async\s+|get\s+|set\s+|\*\s*)*",
    r"(?P<method>[#A-Za-z_$][\w$]*)\s*(?:<[^>]*>)?\([^;=]*\)\s*(?::[^={]+)?\{\s*$",
    r"|^\s*(?P<property>[A-Za-z_$][\w$]*)\s*[:=]\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*=>)"
);
pattern!(
    GO,
    r"^(?P<kind>func|type|var|const)\s+(?:\([^)]*\)\s*)?(?P<name>[A-Za-z_]\w*)",
    // In a block of constants; variables within functions begin in lower case.
    r"|^\t(?P<constant>[A-Z]\w*)(?:\s+[\w.*\[\]]+)?\s+=\s"
);
pattern!(
    JAVA,
    r"^\s*(?:(?:public|private|protected|static|final|abstract|sealed|partial|internal|override|virtual|async|readonly|synchronized|data|open|case|suspend|inline|implicit|lazy|export)\s+)*",
    r"(?P<kind>class|interface|enum|record|struct|trait|object|fun|namespace|protocol|extension|func|def)\s+(?:<[^>]*>\s*)?(?:\w+\.)?(?P<name>[A-Za-z_]\w*)",
    r"|^\s*(?:(?:public|private|protected|static|final|abstract|override|virtual|async|synchronized|internal)\s+)+",
    r"[\w<>\[\],.?\s]+?\s+(?P<method>[A-Za-z_]\w*)\s*\("
);
pattern!(
    C,
    r"^\s*(?:typedef\s+|static\s+|extern\s+)*(?P<kind>struct|class|enum|union|namespace|mixin|extension)\s+(?P<name>[A-Za-z_]\w*)\s*[^;]*$",
    r"|^#\s*define\s+(?P<constant>[A-Za-z_]\w*)",
    r"|^(?:[A-Za-z_][\w:<>,*&\s~]*?[\s*&])?(?:\w+::)*(?P<method>~?[A-Za-z_]\w*)\s*\([^;]*$",
    r"|^\s*(?:pub\s+)?fn\s+(?P<bound>\w+)"
);
pattern!(
    RUBY,
    r"^\s*(?P<kind>def|class|module)\s+(?:self\.)?(?:\w+::)*(?P<name>[A-Za-z_]\w*[?!]?)",
    r"|^\s*(?P<constant>[A-Z][A-Z0-9_]+)\s*="
);
pattern!(
    PHP,
    r"^\s*(?:(?:abstract|final|public|private|protected|static|readonly)\s+)*",
    r"(?P<kind>function|class|interface|trait|enum|const)\s+&?(?P<name>[A-Za-z_]\w*)"
);
pattern!(
    SHELL,
    r"^\s*(?:function\s+)(?P<name>[\w:-]+)|^(?P<method>[\w:-]+)\s*\(\)\s*\{?",
    r"|^(?P<target>[A-Za-z][\w-]*)\s*:(?:[^=]|$)|^(?:export\s+)?(?P<constant>[A-Z][A-Z0-9_]+)="
);
pattern!(
    SQL,
    r#"(?i)^\s*create\s+(?:or\s+replace\s+)?(?:unique\s+|temp(?:orary)?\s+|virtual\s+|materialized\s+)*"#,
    r#"(?P<kind>table|view|index|function|procedure|trigger|type)\s+(?:if\s+not\s+exists\s+)?["`\[]?(?:\w+\.)?(?P<name>\w+)"#
);
pattern!(
    ELIXIR,
    r"^\s*(?P<kind>def|defp|defmodule|defmacro|defstruct|defprotocol)\s+(?:[A-Z]\w*\.)*(?P<name>[A-Za-z_]\w*[?!]?)"
);
pattern!(LUA, r"^\s*(?:local\s+)?(?P<kind>function)\s+(?:\w+[.:])*(?P<name>\w+)");
pattern!(CSS, r"^\s*(?:\.|#|--|@mixin\s+|\$)(?P<name>[\w-]+)");
pattern!(PROSE, r"^(?P<kind>#{1,6})\s+(?P<name>\S.*?)\s*#*$");
pattern!(DATA, r"^\s*\[+(?P<name>[\w.-]+)\]+\s*$");

/// The name that `line` defines, if any.
pub(crate) fn definition(language: Language, line: &str) -> Option<DefinedName<'_>> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    if let Language::Table(number) = language {
        let captures = table_languages::pattern(number)?.captures(line)?;
        return captured(language, &captures);
    }
    let pattern = match language {
        Language::Rust => &RUST,
        Language::Python => &PYTHON,
        Language::JavaScript => &JAVASCRIPT,
        Language::Go => &GO,
        Language::Java
        | Language::Kotlin
        | Language::Swift
        | Language::Scala
        | Language::CSharp => &JAVA,
        Language::C => &C,
        Language::Ruby => &RUBY,
        Language::Php => &PHP,
        Language::Shell => &SHELL,
        Language::Sql => &SQL,
        Language::Elixir => &ELIXIR,
        Language::Lua => &LUA,
        Language::Css => &CSS,
        Language::Prose => &PROSE,
        Language::Data => &DATA,
        Language::Markup | Language::Table(_) => return None,
    };
    let captures = pattern.as_ref()?.captures(line)?;
    if only_names(language, line) {
        return None;
    }
    captured(language, &captures)
}

/// The definition in the groups of a pattern.
fn captured<'a>(language: Language, captures: &regex::Captures<'a>) -> Option<DefinedName<'a>> {
    if let Some(name) = captures.name("name") {
        let kind = captures.name("kind").map_or("function", |kind| kind.as_str());
        let kind = match language {
            Language::Prose => "heading",
            Language::Data => "section",
            Language::Css => "rule",
            _ => kind,
        };
        return accept(kind, name.as_str());
    }
    for (group, kind) in [
        ("constant", "constant"),
        ("bound", "constant"),
        ("arrow", "function"),
        ("export", "export"),
        ("assigned", "function"),
        ("method", "method"),
        ("property", "method"),
        ("target", "target"),
    ] {
        if let Some(name) = captures.name_checked(group) {
            return accept(kind, name);
        }
    }
    None
}

/// Whether a line only names a definition from elsewhere: `mod pool;`, `const fs = require("fs")`.
fn only_names(language: Language, line: &str) -> bool {
    let line = line.trim();
    match language {
        Language::Rust => {
            let is_declared = line.ends_with(';') && !line.contains('=');
            is_declared
                && (line.starts_with("mod ") || line.contains(" mod ") || line.contains("use "))
        }
        Language::JavaScript => line.contains("require(") && !line.contains("=>"),
        _ => false,
    }
}

fn accept<'a>(kind: &'a str, name: &'a str) -> Option<DefinedName<'a>> {
    let is_name = !NOT_NAMES.contains(&name) || kind == "class";
    is_name.then_some(DefinedName { kind, name })
}

/// The kinds of definitions in lower case. Definitions refer to these strings instead of owning one.
pub(crate) const KINDS: &[&str] = &[
    "annotation",
    "architecture",
    "callback",
    "class",
    "component",
    "const",
    "constant",
    "constructor",
    "contract",
    "data",
    "def",
    "define",
    "defmacro",
    "defmodule",
    "defn",
    "defp",
    "defprotocol",
    "defstruct",
    "defun",
    "destructor",
    "directive",
    "entity",
    "enum",
    "error",
    "event",
    "exception",
    "export",
    "extension",
    "external",
    "filter",
    "fn",
    "fragment",
    "fun",
    "func",
    "function",
    "heading",
    "impl",
    "index",
    "input",
    "interface",
    "let",
    "lib",
    "library",
    "macro",
    "macro_rules!",
    "member",
    "message",
    "method",
    "mixin",
    "mod",
    "modifier",
    "module",
    "mutation",
    "namespace",
    "newtype",
    "object",
    "oneof",
    "opaque",
    "operation",
    "option",
    "output",
    "package",
    "port",
    "proc",
    "procedure",
    "program",
    "project",
    "protocol",
    "provider",
    "query",
    "record",
    "resource",
    "rpc",
    "rule",
    "scalar",
    "section",
    "service",
    "static",
    "struct",
    "sub",
    "subroutine",
    "subscription",
    "table",
    "target",
    "task",
    "template",
    "trait",
    "trigger",
    "type",
    "typedef",
    "union",
    "unit",
    "val",
    "var",
    "variable",
    "view",
];

/// The kind of a definition in lower case, from [`KINDS`].
pub(crate) fn kind_word(kind: &str) -> &'static str {
    let known = KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind));
    known.copied().unwrap_or("definition")
}

/// Whether a definition of this kind encloses others, such as a class, an `impl` or a module.
pub(crate) fn is_container(kind: &str) -> bool {
    matches!(
        kind,
        "impl"
            | "class"
            | "struct"
            | "trait"
            | "interface"
            | "module"
            | "namespace"
            | "object"
            | "protocol"
            | "extension"
            | "enum"
            | "mod"
            | "defmodule"
            | "record"
            | "message"
            | "service"
            | "contract"
            | "package"
            | "mixin"
    )
}

/// Whether a definition of this kind may be a value.
pub(crate) fn is_value(kind: &str) -> bool {
    matches!(kind, "const" | "constant" | "static" | "define" | "val" | "let" | "var" | "variable")
}

/// A group that the pattern of a language may lack.
trait NamedGroup<'a> {
    fn name_checked(&self, group: &str) -> Option<&'a str>;
}

impl<'a> NamedGroup<'a> for regex::Captures<'a> {
    fn name_checked(&self, group: &str) -> Option<&'a str> {
        self.name(group).map(|found| found.as_str())
    }
}

#[cfg(test)]
mod tests;
