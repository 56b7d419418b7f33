//! The secret names as globs in the manner of `.gitignore`, for an agent whose own rules know
//! nothing else. A glob cannot say "but not": where templates and public keys stand between secret
//! names, the globs list what differs from them, letter by letter. Nor can it say "but no
//! directory", so that bare words are left out. Each glob costs the agent time at each of its
//! calls; the exact list is asked about each call anyway.

use std::collections::BTreeSet;

use super::{
    names::{BUNDLES, DIRS, FILES, PLACES},
    words::{EXTENSIONS, KEYS, PUBLIC},
};

/// What a part of a name may consist of.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-";

/// Names of files that are often directories of code.
const OFTEN_DIRS: [&str; 6] = ["credentials", "shadow", "gshadow", "password", "netrc", ".history"];

/// Extensions that are often the last word of a directory's name.
const OFTEN_OF_DIRS: [&str; 6] =
    ["secret", "secrets", "credential", "credentials", "wallet", "keychain"];

/// Many names as one glob. The names that they match are left out.
const MERGED: [&str; 8] = [
    "_netrc",
    ".*_history",
    "*vault?pass",
    "*vault?password",
    "*vault?pass*.txt",
    "*private?key",
    "*private?key.txt",
    "*private?key.json",
];

/// Files of data that a word in their name gives away: the words and the extensions.
const WORDS: [&str; 8] =
    ["credential", "credentials", "creds", "secret", "secrets", "passwords", "apikey", "api?key"];
const DATA: [&str; 6] = ["json", "yaml", "yml", "toml", "csv", "txt"];

/// Other names, and what copies are called: an agent sees no copy of anything.
const OTHERS: [&str; 24] = [
    "kubeconfig",
    "kubeconfig.[cjty]*",
    "*[-_.]kubeconfig.y*ml",
    "*access?key*.csv",
    "*accesskey*.csv",
    "*service?account*.json",
    "*serviceaccount*.json",
    "*firebase-adminsdk*.json",
    "client?secret?*.json",
    "*.tfstate.*",
    "*.tfvars.json",
    "UTC--*",
    "wg[0-9]*.conf",
    "*~",
    "*.bak",
    "*.bak.*",
    "*.old",
    "*.orig",
    "*.save",
    "*.backup",
    "*.sw[op]",
    "*.pem.[0-9]*",
    "*.key.[0-9]*",
    "*.env.[0-9]*",
];

/// The words of templates that are common, and what texts about a file end with.
const TEMPLATES: [&str; 5] = ["example", "sample", "template", "dist", "md"];

/// The words of certificates that are common.
const CERTIFICATES: [&str; 5] = ["public", "pub", "cert", "ca", "fullchain"];

/// Longest name of a person or a machine behind a key's, characters.
const LONGEST_OWNER: usize = 8;

/// All globs, none of them twice.
pub(super) fn globs() -> Vec<String> {
    let mut globs: BTreeSet<String> = MERGED.iter().chain(&OTHERS).map(|it| (*it).into()).collect();
    globs.extend(DIRS.iter().map(|dir| format!("**/{dir}/**")));
    globs.extend(BUNDLES.iter().map(|bundle| format!("**/*.{bundle}/**")));
    globs.extend(PLACES.iter().map(|place| format!("**/{place}")));
    globs.insert("/auth.json".to_owned());
    globs.extend(FILES.iter().filter(|name| !is_covered(name)).map(|name| (*name).to_owned()));
    globs.extend(all_beginning_but(&TEMPLATES, ".env[._-]"));
    globs.extend([".env", ".env[0-9]*", ".environment", ".envrc.*"].map(str::to_owned));
    globs.extend(keys());
    for extension in EXTENSIONS.iter().filter(|it| !OFTEN_OF_DIRS.contains(it)) {
        match *extension {
            "key" => globs.extend(all_ending_but(PUBLIC, ".key")),
            "pem" => globs.extend(all_ending_but(&CERTIFICATES, ".pem")),
            "env" => globs.extend(all_ending_but(&TEMPLATES[..2], ".env")),
            other => {
                globs.insert(format!("*.{other}"));
            }
        }
    }
    for data in DATA {
        let words = WORDS.iter().filter(|word| (**word, data) != ("secret", "txt"));
        globs.extend(words.map(|word| format!("*{word}.{data}")));
    }
    globs.into_iter().collect()
}

/// Whether a name of a file needs no glob of its own, or can have none.
fn is_covered(name: &str) -> bool {
    let is_merged = name.ends_with("_history")
        || name.contains("vault")
        || name.starts_with("private") && !name.ends_with(".asc");
    OFTEN_DIRS.contains(&name) || is_merged && name != ".vault-token" && name != ".vault_token"
}

/// Private keys by the names that programs give them, and with an owner behind.
fn keys() -> impl Iterator<Item = String> {
    let beside = |key: &&str| {
        let is_owned = ["id_rsa", "id_ed25519"].contains(key);
        let longest = if is_owned { LONGEST_OWNER } else { 0 };
        let key = (*key).to_owned();
        let whole = key.clone();
        let owners = (1..=longest).map(move |n| format!("{key}[-_]{}", "[0-9A-Za-z_@-]".repeat(n)));
        owners.chain([whole])
    };
    KEYS.iter().flat_map(beside)
}

/// Globs of every name that begins with `start`, but those where one of `words` follows.
fn all_beginning_but(words: &[&str], start: &str) -> Vec<String> {
    let glob = |first: &str, others: &str| match others {
        "" => format!("{start}{first}"),
        others => format!("{start}{first}[{others}]*"),
    };
    apart_from(words, &glob)
}

/// Globs of every name that ends with `end`, but those whose last word before is one of `words`.
fn all_ending_but(words: &[&str], end: &str) -> Vec<String> {
    let backwards: Vec<String> = words.iter().map(|word| word.chars().rev().collect()).collect();
    let backwards: Vec<&str> = backwards.iter().map(String::as_str).collect();
    let glob = |last: &str, others: &str| {
        let last: String = last.chars().rev().collect();
        match others {
            "" => format!("{last}{end}"),
            others => format!("*[{others}]{last}{end}"),
        }
    };
    let mut globs = apart_from(&backwards, &glob);
    // What only ends like one of the words is another word.
    globs.extend(words.iter().map(|word| format!("*[a-z0-9]{word}{end}")));
    globs
}

/// What differs from `words` at each of their letters: `glob` makes one of what is common to a word
/// and the letters that come in none.
fn apart_from(words: &[&str], glob: &dyn Fn(&str, &str) -> String) -> Vec<String> {
    let starts: BTreeSet<&str> =
        words.iter().flat_map(|word| (0..word.len()).filter_map(|end| word.get(..end))).collect();
    let mut globs = Vec::new();
    for start in starts {
        let goes_on = |letter: char| {
            let longer = format!("{start}{letter}");
            words.iter().any(|word| word.starts_with(&longer))
        };
        let others: String = LETTERS.chars().filter(|&letter| !goes_on(letter)).collect();
        globs.push(glob(start, &others));
        if !start.is_empty() && !words.contains(&start) {
            globs.push(glob(start, ""));
        }
    }
    globs
}
