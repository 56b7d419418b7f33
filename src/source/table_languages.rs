//! Languages that a row of a table tells enough of: their files, comments and definitions.
//!
//! A pattern sees one line. Its groups are those of `definitions`: `kind` and `name`, or one of
//! `constant`, `method` and `target`.

use std::sync::LazyLock;

use regex::Regex;

/// How a language is written.
#[derive(Debug)]
pub(crate) struct TableLanguage {
    /// The name for a fenced block.
    pub fence: &'static str,
    /// In lower case.
    pub extensions: &'static [&'static str],
    /// Whole names of files in lower case.
    pub names: &'static [&'static str],
    pub line_comments: &'static [&'static str],
    pub block_comments: &'static [(&'static str, &'static str)],
    /// Whether it is a programming language, not settings or data.
    pub is_code: bool,
    /// What a line defines.
    pub pattern: &'static str,
}

macro_rules! languages {
    ($($fence:literal [$($extension:literal)*] [$($name:literal)*] $kind:ident
        [$($line:literal)*] [$($open:literal $close:literal)*] $pattern:literal;)+) => {
        pub(crate) const LANGUAGES: &[TableLanguage] = &[$(TableLanguage {
            fence: $fence,
            extensions: &[$($extension),*],
            names: &[$($name),*],
            line_comments: &[$($line),*],
            block_comments: &[$(($open, $close)),*],
            is_code: languages!(@ $kind),
            pattern: $pattern,
        }),+];
    };
    (@ code) => { true };
    (@ data) => { false };
}

languages! {
    "erlang" ["erl" "hrl"] [] code ["%"] []
        r"^-(?P<kind>module|record|type|opaque|callback)\(?\s*(?P<name>\w+)|^-define\((?P<constant>\w+)|^(?P<method>[a-z]\w*)\(.*(?:->|when)";
    "haskell" ["hs" "lhs"] [] code ["--"] ["{-" "-}"]
        r"^(?P<kind>data|newtype|type(?:\s+family)?|class|instance|module)\s+(?:\(?[^=]*\)?\s*=>\s*)?(?P<name>[A-Z][\w.']*)|^(?P<method>[a-z_][\w']*)\s*::";
    "ocaml" ["ml" "mli"] [] code [] ["(*" "*)"]
        r"^\s*(?P<kind>let|and|val|external|type|module|exception|class|method)\s+(?:rec\s+|type\s+|nonrec\s+|private\s+|virtual\s+)*(?:'\w+\s+|\([^)]*\)\s+)?(?P<name>[A-Za-z_][\w']*)";
    "fsharp" ["fs" "fsx" "fsi"] [] code ["//"] ["(*" "*)"]
        r"^\s*(?P<kind>let|type|module|namespace|member|exception|abstract)\s+(?:rec\s+|inline\s+|mutable\s+|private\s+|public\s+|internal\s+|static\s+)*(?:\w+\.)*(?P<name>[A-Za-z_]\w*)";
    "zig" ["zig" "zon"] [] code ["//"] []
        r#"^\s*(?:pub\s+|export\s+|inline\s+|extern\s+(?:"[^"]*"\s+)?)*(?P<kind>fn|const|var)\s+(?P<name>[A-Za-z_]\w*)"#;
    "dart" ["dart"] [] code ["//"] ["/*" "*/"]
        r"^\s*(?:abstract\s+|sealed\s+|base\s+|final\s+|interface\s+)*(?P<kind>class|mixin|extension|enum|typedef)\s+(?P<name>\w+)|^\s*(?:static\s+|external\s+|final\s+)*(?:[A-Z]\w*(?:<[^()]*>)?\??|void|int|double|bool|num|dynamic)\s+(?P<method>[a-z_]\w*)\s*\([^;]*$";
    "r" ["r"] [] code ["#"] []
        r"^\s*(?P<method>[A-Za-z.][\w.]*)\s*(?:<-|=)\s*function\b|^(?P<constant>[A-Za-z.][\w.]*)\s*<-";
    "julia" ["jl"] [] code ["#"] ["#=" "=#"]
        r"^\s*(?:@\w+\s+)*(?P<kind>function|macro|struct|mutable struct|abstract type|module|const)\s+(?:\w+\.)*(?P<name>[A-Za-z_]\w*!?)|^(?P<method>[A-Za-z_]\w*!?)\([^=]*\)\s*=[^=]";
    "perl" ["pl" "pm" "t"] [] code ["#"] ["=pod" "=cut" "=head1" "=cut"]
        r"^\s*(?P<kind>sub|package)\s+(?:\w+::)*(?P<name>\w+)|^use\s+constant\s+(?P<constant>\w+)";
    "powershell" ["ps1" "psm1" "psd1"] [] code ["#"] ["<#" "#>"]
        r"(?i)^\s*(?P<kind>function|filter|class|enum|workflow)\s+(?:\w+:)?(?P<name>[\w-]+)";
    "hcl" ["tf" "tfvars" "hcl"] [] code ["#" "//"] ["/*" "*/"]
        r#"^(?P<kind>resource|data|module|variable|output|provider|job|source|build)\s+(?:"[^"]+"\s+)?"(?P<name>[^"]+)"|^(?P<target>locals|terraform)\s*\{"#;
    "protobuf" ["proto"] [] code ["//"] ["/*" "*/"]
        r"^\s*(?P<kind>message|service|rpc|enum|oneof|extend)\s+(?:\w+\.)*(?P<name>\w+)";
    "graphql" ["graphql" "gql"] [] code ["#"] [r#"""""# r#"""""#]
        r"^\s*(?:extend\s+)?(?P<kind>type|interface|union|enum|input|scalar|query|mutation|subscription|fragment|directive)\s+@?(?P<name>\w+)";
    "thrift" ["thrift"] [] code ["//" "#"] ["/*" "*/"]
        r"^\s*(?P<kind>struct|service|enum|exception|union|typedef|const)\s+(?:\w+\s+)?(?P<name>\w+)";
    "dockerfile" ["dockerfile"] ["dockerfile" "containerfile"] code ["#"] []
        r"(?i)^from\s+\S+\s+as\s+(?P<target>[\w.-]+)|^(?:ARG|ENV)\s+(?P<constant>\w+)";
    "cmake" ["cmake"] ["cmakelists.txt"] code ["#"] ["#[[" "]]"]
        r"(?i)^\s*(?P<kind>function|macro|project|option|add_executable|add_library|add_custom_target)\s*\(\s*(?P<name>[\w.:-]+)";
    "nix" ["nix"] [] code ["#"] ["/*" "*/"]
        r#"^\s{0,4}(?P<constant>[A-Za-z_][\w'-]*(?:\.[\w'-]+)*)\s*=(?:[^=]|$)"#;
    "yaml" ["yml" "yaml"] [] data ["#"] []
        r#"^(?P<target>["']?[A-Za-z_][\w./-]*["']?):(?:\s|$)|^  (?P<constant>[A-Za-z_][\w./-]*):\s*$"#;
    "clojure" ["clj" "cljs" "cljc" "edn"] [] code [";"] []
        r"^\s*\((?P<kind>defn-?|def|defmacro|defmulti|defmethod|defprotocol|defrecord|deftype|ns)\s+(?:\^\S+\s+)*(?P<name>[^\s()\[\]{}]+)";
    "lisp" ["lisp" "lsp" "el" "scm" "rkt" "ss"] [] code [";"] ["#|" "|#"]
        r"^\s*\((?P<kind>defun|defmacro|defvar|defparameter|defcustom|defconst|defclass|defgeneric|defmethod|defstruct|define|define-syntax|define-minor-mode|struct)\s+\(?(?P<name>[^\s()]+)";
    "nim" ["nim" "nims"] [] code ["#"] ["#[" "]#"]
        r"^\s*(?P<kind>proc|func|method|iterator|template|macro|converter)\s+`?(?P<name>\w+)|^\s+(?P<constant>[A-Z]\w*)\*?\s*=\s*(?:ref\s+)?(?:object|enum|tuple|distinct)";
    "solidity" ["sol"] [] code ["//"] ["/*" "*/"]
        r"^\s*(?:abstract\s+)?(?P<kind>contract|interface|library|function|modifier|event|struct|enum|error)\s+(?P<name>\w+)";
    "elm" ["elm"] [] code ["--"] ["{-" "-}"]
        r"^(?P<kind>type alias|type|port|port module|module)\s+(?P<name>[A-Za-z_][\w.]*)|^(?P<method>[a-z]\w*)\s*:\s";
    "crystal" ["cr"] [] code ["#"] []
        r"^\s*(?:private\s+|protected\s+|abstract\s+)*(?P<kind>def|class|module|struct|enum|macro|lib|annotation)\s+(?:self\.)?(?:\w+::)*(?P<name>[A-Za-z_]\w*[?!]?)";
    "fortran" ["f" "f90" "f95" "f03" "f08"] [] code ["!"] []
        r"(?i)^\s*(?:(?:pure|elemental|recursive|integer|real|logical|double precision)\s*(?:\([^)]*\))?\s+)*(?P<kind>subroutine|function|module|program|type)\s*(?:,[^:]*)?(?:::)?\s+(?P<name>[a-z]\w*)";
    "pascal" ["pas" "dpr" "lpr"] [] code ["//"] ["{" "}" "(*" "*)"]
        r"(?i)^\s*(?:class\s+)?(?P<kind>procedure|function|constructor|destructor|unit|program)\s+(?:\w+\.)*(?P<name>\w+)|^\s*(?P<method>T\w+)\s*=\s*(?:class|record|interface)";
    "ada" ["adb" "ads"] [] code ["--"] []
        r"(?i)^\s*(?P<kind>procedure|function|package(?: body)?|type|task(?: body)?|protected)\s+(?P<name>[a-z][\w.]*)";
    "vim" ["vim"] ["vimrc" ".vimrc"] code ["\""] []
        r"^\s*(?P<kind>fu|func|function|command|augroup)!?\s+(?:<?[sS][iI]?[dD]?>?:|[\w#]*[:#]|-\S+\s+)*(?P<name>\w+)|^let\s+g:(?P<constant>\w+)";
    "tcl" ["tcl" "tk"] [] code ["#"] []
        r"^\s*(?P<kind>proc|namespace eval|oo::class create)\s+(?:::)?(?:\w+::)*(?P<name>\w+)";
    "verilog" ["v" "sv" "svh" "vh"] [] code ["//"] ["/*" "*/"]
        r"^\s*(?:virtual\s+|automatic\s+|static\s+)*(?P<kind>module|interface|package|class|task|function|program)\s+(?:automatic\s+)?(?:[\w\[\]:]+\s+)??(?P<name>[A-Za-z_]\w*)\s*[;#(]|^`define\s+(?P<constant>\w+)";
    "vhdl" ["vhd" "vhdl"] [] code ["--"] []
        r"(?i)^\s*(?P<kind>entity|architecture|package(?: body)?|component|procedure|function)\s+(?P<name>\w+)";
    "d" ["d"] [] code ["//"] ["/*" "*/" "/+" "+/"]
        r"^\s*(?:(?:public|private|protected|package|static|final|abstract|override|pure|nothrow|export)\s+)*(?P<kind>class|struct|interface|enum|union|template|module|alias)\s+(?:\w+\.)*(?P<name>\w+)|^\s*(?:(?:public|private|protected|static|final|override|pure|nothrow|@\w+)\s+)*[A-Za-z_][\w!()\[\]*]*\s+(?P<method>[a-z]\w*)\s*\([^;]*$";
    "wgsl" ["wgsl" "glsl" "vert" "frag" "comp" "hlsl" "metal"] [] code ["//"] ["/*" "*/"]
        r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?P<kind>fn|struct|cbuffer)\s+(?P<name>\w+)|^#define\s+(?P<constant>\w+)|^(?:void|float|int|bool|[biu]?vec[234]|mat[234]|float[234])\s+(?P<method>\w+)\s*\(";
}

static PATTERNS: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| LANGUAGES.iter().map(|language| Regex::new(language.pattern).ok()).collect());

/// The language of a file, by its name and extension in lower case.
pub(crate) fn find(name: &str, extension: &str) -> Option<u8> {
    let is_of = |language: &TableLanguage| {
        language.names.contains(&name) || language.extensions.contains(&extension)
    };
    LANGUAGES.iter().position(is_of).and_then(|at| u8::try_from(at).ok())
}

/// A language by its number.
pub(crate) fn language(number: u8) -> Option<&'static TableLanguage> {
    LANGUAGES.get(usize::from(number))
}

/// What a line of the language of this number defines.
pub(crate) fn pattern(number: u8) -> Option<&'static Regex> {
    PATTERNS.get(usize::from(number))?.as_ref()
}

#[cfg(test)]
mod tests;
