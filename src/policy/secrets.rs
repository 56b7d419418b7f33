//! Secret files, recognised by their names ([`names`]) and those of copies ([`copies`]).
//! The gate also checks the content ([`content`]) of every file that it reads.

pub(crate) mod content;
mod copies;
mod denied;
mod names;
mod words;

use std::{path::Path, sync::Arc};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use names::{BUNDLES, DIRS, FILES, PLACES};
use words::{
    CERTIFICATES, DATA, EXTENSIONS, HARMLESS, JSON_WORDS, KEY_ENDS, KEYS, MANIFESTS, PROSE, PUBLIC,
    STAGES, TEMPLATE_FORMATS, TEMPLATES, WORDS,
};

/// Longest file name that is examined, in bytes; file systems allow no longer ones.
const LONGEST_NAME: usize = 255;

/// An invalid glob of secret files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{glob:?} is not a usable glob of secret files: {reason}")]
pub struct InvalidSecret {
    /// The glob.
    pub glob: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The rules for secret files of a project. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Secrets(Arc<SecretRules>);

#[derive(Debug)]
struct SecretRules {
    added: Vec<String>,
    /// The built-in names and the added globs, for the agent's own rules.
    globs: Vec<String>,
    /// The added globs, compiled.
    set: GlobSet,
}

impl Secrets {
    /// The built-in names and the globs `added`.
    pub fn new(added: &[String]) -> Result<Self, InvalidSecret> {
        let set = set(added)?;
        let globs = denied::globs().into_iter().chain(added.iter().cloned()).collect();
        Ok(Self(Arc::new(SecretRules { added: added.to_vec(), globs, set })))
    }

    /// The added globs as given.
    pub fn added(&self) -> &[String] {
        &self.0.added
    }

    /// Globs of all secret files, for an agent's own rules. Slightly coarser than [`Secrets::matches`],
    /// which is checked as well.
    pub fn globs(&self) -> &[String] {
        &self.0.globs
    }

    /// Whether the file at `path`, relative to the project's root, is secret.
    pub fn matches(&self, path: &Path) -> bool {
        let parts = lower_parts(path);
        let Some((name, dirs)) = parts.split_last() else {
            return false;
        };
        if dirs.iter().any(|dir| is_secret_dir(dir)) || self.is_added(path) {
            return true;
        }
        let is_manifest = dirs.iter().any(|dir| MANIFESTS.contains(&dir.as_str()));
        let bases = copies::bases(name);
        if bases.iter().any(|base| is_template(base)) {
            return false;
        }
        bases.iter().any(|base| {
            is_secret_name(base, is_manifest)
                || is_secret_place(base, dirs)
                || (base != name && self.is_added(&path.with_file_name(base)))
        })
    }

    /// Whether the directory at `path` is secret with all its content.
    pub fn matches_dir(&self, path: &Path) -> bool {
        lower_parts(path).iter().any(|name| is_secret_dir(name)) || self.is_added(path)
    }

    fn is_added(&self, path: &Path) -> bool {
        !self.0.added.is_empty() && self.0.set.is_match(path)
    }
}

/// The components of a path in lower case.
fn lower_parts(path: &Path) -> Vec<String> {
    path.iter().map(|part| part.to_string_lossy().to_lowercase()).collect()
}

/// Whether a directory is secret with all its content. `name` is lower case.
fn is_secret_dir(name: &str) -> bool {
    DIRS.contains(&name) || BUNDLES.contains(&extension(name)) || is_environment(name)
}

/// Whether a file is secret in its directory. `name` and `dirs`, from the root, are lower case.
fn is_secret_place(name: &str, dirs: &[String]) -> bool {
    let fits = |part: &str, known: &str| known == "*" || known == part;
    let is_at = |place: &&str| {
        let mut known = place.rsplit('/');
        let mut parts = std::iter::once(name).chain(dirs.iter().rev().map(String::as_str));
        known.all(|known| parts.next().is_some_and(|part| fits(part, known)))
    };
    // Composer's file; elsewhere it is often a translation.
    let is_composers = dirs.is_empty() && name == "auth.json";
    let is_kubes = dirs.last().is_some_and(|dir| dir == ".kube") && name.starts_with("config");
    is_composers || is_kubes || PLACES.iter().any(is_at)
}

/// Whether a file name is secret anywhere. `name` is lower case.
fn is_secret_name(name: &str, is_manifest: bool) -> bool {
    if name.len() > LONGEST_NAME {
        return false;
    }
    if let Some(filled_in) = name.strip_suffix(".local")
        && is_secret_name(filled_in, is_manifest)
    {
        return true;
    }
    let is_wireguard = name.strip_prefix("wg").and_then(|rest| rest.strip_suffix(".conf"));
    FILES.contains(&name)
        || DIRS.contains(&name)
        || is_environment(name)
        || is_key_store(name)
        || is_key(name)
        || is_data_of_secrets(name, is_manifest)
        || (name.contains(".tfstate.") && !is_file_type(extension(name)))
        || name.ends_with(".tfvars.json")
        || name.starts_with("utc--")
        || is_wireguard.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))
}

/// `.env` and its variants, except documentation.
fn is_environment(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(".env") else {
        return false;
    };
    // `.envoy` and `.envsubst` belong to other programs.
    let is_other = rest.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["ironment", "rc", "s"].iter().any(|end| {
            rest.strip_prefix(end).is_some_and(|after| !after.starts_with(char::is_alphabetic))
        });
    let extension = extension(name);
    !is_other && !PROSE.contains(&extension) && !rest.ends_with(".d.ts")
}

/// Whether the extension belongs to keys, state or settings with secrets.
fn is_key_store(name: &str) -> bool {
    let extension = extension(name);
    if !EXTENSIONS.contains(&extension) {
        return false;
    }
    let stem = &name[..name.len() - extension.len() - 1];
    let last = words(stem).next_back().unwrap_or_default();
    match extension {
        "key" => !PUBLIC.contains(&last),
        "pem" => !PUBLIC.contains(&last) && !CERTIFICATES.contains(&last),
        _ => true,
    }
}

/// Whether it is the name of a private key, possibly with an owner.
fn is_key(name: &str) -> bool {
    if KEY_ENDS.iter().any(|end| name.ends_with(end)) {
        return true;
    }
    let beside = |key: &&str| name.strip_prefix(*key);
    let Some(rest) = KEYS.iter().filter_map(beside).min_by_key(|rest| rest.len()) else {
        return false;
    };
    let is_public = words(rest).any(|word| PUBLIC.contains(&word));
    let is_program = rest.contains('.') && (is_public || is_file_type(extension(name)));
    rest.is_empty() || (!rest.starts_with(char::is_alphanumeric) && !is_program)
}

/// Whether an extension denotes a file type, such as code; others may be the name of a person or host.
fn is_file_type(extension: &str) -> bool {
    const CODE: &[&str] = &[
        "pub", "rs", "go", "py", "pyi", "rb", "java", "kt", "kts", "scala", "c", "h", "cc", "cpp",
        "hpp", "cs", "fs", "swift", "m", "mm", "ts", "tsx", "js", "jsx", "mjs", "cjs", "vue",
        "php", "pl", "pm", "lua", "sh", "bash", "zsh", "ps1", "bat", "ex", "exs", "erl", "hs",
        "clj", "elm", "dart", "r", "jl", "sql", "tf", "css", "proto", "ipynb", "patch", "diff",
        "lock", "snap", "svg", "png", "tex", "crt", "cer", "csr", "sig", "asc",
    ];
    CODE.contains(&extension) || PROSE.contains(&extension)
}

/// Whether it is a data file, not code or text, with a secret's word in its name.
fn is_data_of_secrets(name: &str, is_manifest: bool) -> bool {
    let extension = extension(name);
    let stem = name.strip_suffix(extension).unwrap_or(name);
    let stem = if extension.is_empty() { stem } else { stem.trim_end_matches('.') };
    if extension == "json" && JSON_WORDS.iter().any(|word| stem.contains(word)) {
        return true;
    }
    if !extension.is_empty() && !DATA.contains(&extension) {
        return false;
    }
    // Without any dot it may be a program.
    let may_be_program = extension.is_empty() && !name.starts_with('.');
    let stem = stem.trim_start_matches('.');
    // `secret.txt` is usually a note or a puzzle; `secrets.txt` is not.
    let is_note = |word: &str| word == "secret" && extension == "txt";
    WORDS.iter().filter(|word| !is_note(word)).any(|word| {
        let is_kubes = word.starts_with("kube");
        match word_in(stem, word) {
            None => false,
            Some(_) if is_manifest && word.starts_with("secret") => false,
            Some(WordPosition::Whole) => !may_be_program || is_kubes,
            Some(WordPosition::End(before)) => {
                let is_harmless = words(before).any(|it| HARMLESS.contains(&it));
                (!may_be_program || is_kubes) && !is_harmless
            }
            Some(WordPosition::Start(after)) => {
                is_kubes || words(after).all(|it| STAGES.contains(&it))
            }
        }
    })
}

/// The position of a word in a name.
enum WordPosition<'a> {
    Whole,
    /// With this text before it.
    End(&'a str),
    /// With this text after it.
    Start(&'a str),
}

fn word_in<'a>(stem: &'a str, word: &str) -> Option<WordPosition<'a>> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| "-_. @+()".contains(c));
    if stem == word {
        return Some(WordPosition::Whole);
    }
    if let Some(before) = stem.strip_suffix(word)
        && is_edge(before.chars().next_back())
    {
        return Some(WordPosition::End(before));
    }
    let after = stem.strip_prefix(word)?;
    is_edge(after.chars().next()).then_some(WordPosition::Start(after))
}

/// Whether a name marks a template, by its last word or the one before the extension.
fn is_template(name: &str) -> bool {
    let mut last = words(name).rev();
    let Some(end) = last.next() else {
        return false;
    };
    if TEMPLATES.contains(&end) {
        return name.len() > end.len();
    }
    // `.env.example.local` is a filled-in template.
    let is_format = TEMPLATE_FORMATS.contains(&end) && extension(name) == end;
    // Defaults are in use, examples are not.
    is_format && last.next().is_some_and(|word| TEMPLATES.contains(&word) && word != "default")
}

/// The text after the last dot, unless the dot begins the name.
fn extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension,
        _ => "",
    }
}

fn words(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    name.split(['.', '-', '_', ' ', '@', '(', ')']).filter(|word| !word.is_empty())
}

/// Compiles globs, each of which matches at any depth and everything below.
fn set(globs: &[String]) -> Result<GlobSet, InvalidSecret> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let invalid = |reason: String| InvalidSecret { glob: glob.clone(), reason };
        if glob.is_empty() || glob.contains(['(', ')', ',', '\n', '"']) {
            let reason = "it is empty or holds a parenthesis, a comma or a quote";
            return Err(invalid(reason.to_owned()));
        }
        for pattern in patterns(glob) {
            let glob =
                GlobBuilder::new(&pattern).literal_separator(true).case_insensitive(true).build();
            set.add(glob.map_err(|error| invalid(error.to_string()))?);
        }
    }
    set.build().map_err(|error| InvalidSecret { glob: globs.join(" "), reason: error.to_string() })
}

/// The patterns of a glob: at any depth, and everything below.
fn patterns(glob: &str) -> [String; 2] {
    let glob = glob.trim_start_matches('/').trim_start_matches("**/");
    let name = glob.trim_end_matches('/').trim_end_matches("/**");
    [format!("**/{name}"), format!("**/{name}/**")]
}

#[cfg(test)]
mod tests;
