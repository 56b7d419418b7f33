//! What the lexer knows of languages: their comments, strings and keywords.

/// How a language is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub line_comments: &'static [&'static str],
    pub block_comment: Option<(&'static str, &'static str)>,
    /// What strings stand in.
    pub quotes: &'static str,
    /// A single quote holds one character, or begins a name.
    pub chars: bool,
    /// Strings in double quotes go over several lines.
    pub long_strings: bool,
    /// Separated by spaces.
    pub keywords: &'static str,
    /// Keywords are the same in capitals.
    pub any_case: bool,
    /// Names of types and of what is called can be told.
    pub has_names: bool,
}

const C: Syntax = Syntax {
    line_comments: &["//"],
    block_comment: Some(("/*", "*/")),
    quotes: "\"'",
    chars: false,
    long_strings: false,
    keywords: "auto bool break case char class const constexpr continue default define delete do double else \
        enum extern false float for goto if include inline int long namespace new nullptr operator override \
        private protected public return short signed sizeof static struct switch template this throw true try \
        typedef typename union unsigned using virtual void volatile while NULL",
    any_case: false,
    has_names: true,
};

const SCRIPT: Syntax = Syntax {
    quotes: "\"'`",
    keywords: "abstract any as async await boolean break case catch class const continue debugger declare \
        default delete do else enum export extends false finally for from function get if implements import in \
        instanceof interface keyof let new null number of private protected public readonly return set static \
        string super switch this throw true try type typeof undefined unknown var void while yield",
    ..C
};

const HASH: Syntax = Syntax {
    line_comments: &["#"],
    block_comment: None,
    keywords: "true false null yes no on off",
    has_names: false,
    ..C
};

/// The syntax of a language by the name that a fence gives it.
pub(super) fn syntax(name: &str) -> Option<Syntax> {
    Some(match name.to_ascii_lowercase().as_str() {
        "rust" | "rs" => Syntax {
            chars: true,
            long_strings: true,
            keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in \
                let loop match mod move mut pub ref return self Self static struct super trait true type \
                unsafe use where while",
            ..C
        },
        "c" | "h" | "cpp" | "c++" | "cc" | "hpp" => C,
        "js" | "javascript" | "jsx" | "mjs" | "ts" | "typescript" | "tsx" => SCRIPT,
        "go" | "golang" => Syntax {
            quotes: "\"'`",
            keywords: "any bool break byte case chan const continue default defer else error fallthrough false \
                for func go goto if import int interface map nil package range return rune select string struct \
                switch true type uint var",
            ..C
        },
        "java" | "kotlin" | "kt" | "scala" | "cs" | "csharp" | "c#" | "swift" | "dart" | "php" => {
            Syntax {
                keywords: "abstract as async await base boolean break byte case catch char class const continue data \
                def default do double echo else enum extends extension false final finally float for foreach \
                fun func function guard if implements import in init instanceof int interface internal is lazy \
                let long namespace new nil null object open operator out override package private protected \
                public record return sealed self short static string struct super suspend switch this throw \
                throws trait true try typealias using val var virtual void when where while with yield",
                ..C
            }
        }
        "py" | "python" | "python3" => Syntax {
            keywords: "and as assert async await break case class continue def del elif else except False finally \
                for from global if import in is lambda match None nonlocal not or pass raise return self True \
                try while with yield",
            has_names: true,
            ..HASH
        },
        "rb" | "ruby" => Syntax {
            keywords: "alias and begin break case class def do else elsif end ensure false for if in module next \
                nil not or redo require rescue retry return self super then true undef unless until when while \
                yield",
            has_names: true,
            ..HASH
        },
        "sh" | "bash" | "zsh" | "shell" | "console" | "fish" | "dockerfile" | "makefile"
        | "make" => Syntax {
            keywords: "case cd do done echo elif else esac eval exec exit export fi for function if in local \
                readonly return set shift source then trap unset until while FROM RUN COPY ADD CMD ENTRYPOINT \
                ENV ARG WORKDIR EXPOSE USER",
            ..HASH
        },
        "toml" | "yaml" | "yml" | "ini" | "conf" | "nix" | "elixir" | "r" => HASH,
        "json" | "jsonc" | "json5" => Syntax { keywords: "true false null", has_names: false, ..C },
        "css" | "scss" | "less" => {
            Syntax { line_comments: &[], keywords: "important", has_names: false, ..C }
        }
        "html" | "xml" | "svg" | "vue" => Syntax {
            line_comments: &[],
            block_comment: Some(("<!--", "-->")),
            quotes: "\"",
            keywords: "",
            has_names: false,
            ..C
        },
        "sql" | "sqlite" | "postgresql" | "mysql" => Syntax {
            line_comments: &["--"],
            keywords: "add all alter and as asc begin between by case check commit constraint create cross default \
                delete desc distinct drop else end exists explain foreign from full group having if in index \
                inner insert integer into is join key left like limit not null offset on or order outer pragma \
                primary references replace returning right rollback select set strict table text then \
                transaction trigger union unique update using values view when where with",
            any_case: true,
            has_names: false,
            ..C
        },
        "lua" | "hs" | "haskell" => Syntax {
            line_comments: &["--"],
            block_comment: None,
            keywords: "and break case class data deriving do else elseif end false for function goto if import in \
                infix instance let local module newtype nil not of or repeat return then true type until where \
                while",
            ..C
        },
        _ => return None,
    })
}
