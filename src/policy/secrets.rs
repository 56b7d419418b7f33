//! Which files hold secrets, by their names.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Names that are secret in every project. A glob without a slash matches at any depth.
pub const DEFAULT_SECRETS: [&str; 22] = [
    ".env*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".htpasswd",
    ".git-credentials",
    ".git/**",
    ".aws/**",
    ".ssh/**",
    ".gnupg/**",
];

/// A glob that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{glob:?} is not a usable glob of secret files: {reason}")]
pub struct InvalidSecret {
    /// The glob.
    pub glob: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The secret files of a project.
#[derive(Debug, Clone)]
pub struct Secrets {
    globs: Vec<String>,
    set: GlobSet,
}

impl Secrets {
    /// The default names and `added` ones.
    pub fn new(added: &[String]) -> Result<Self, InvalidSecret> {
        let mut globs: Vec<String> = DEFAULT_SECRETS.map(str::to_owned).into();
        for glob in added {
            if !globs.contains(glob) {
                globs.push(glob.clone());
            }
        }
        let mut set = GlobSetBuilder::new();
        for glob in &globs {
            let invalid = |reason: String| InvalidSecret { glob: glob.clone(), reason };
            if glob.is_empty() || glob.contains(['(', ')', ',', '\n', '"']) {
                let reason = "it is empty or holds a parenthesis, a comma or a quote";
                return Err(invalid(reason.to_owned()));
            }
            for pattern in patterns(glob) {
                let glob = GlobBuilder::new(&pattern)
                    .literal_separator(true)
                    .case_insensitive(true)
                    .build();
                set.add(glob.map_err(|error| invalid(error.to_string()))?);
            }
        }
        let set = set
            .build()
            .map_err(|error| InvalidSecret { glob: globs.join(" "), reason: error.to_string() })?;
        Ok(Self { globs, set })
    }

    /// The globs, as they were given.
    pub fn globs(&self) -> &[String] {
        &self.globs
    }

    /// Whether the file at `path`, from the project's root, is secret.
    pub fn matches(&self, path: &Path) -> bool {
        self.set.is_match(path)
    }
}

/// What a glob stands for: itself at any depth, and all that is below it.
fn patterns(glob: &str) -> [String; 2] {
    let glob = glob.trim_start_matches('/').trim_start_matches("**/");
    let name = glob.trim_end_matches('/').trim_end_matches("/**");
    [format!("**/{name}"), format!("**/{name}/**")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_name_at_any_depth() {
        let secrets = Secrets::new(&["config/prod/**".to_owned(), "*.sqlite".to_owned()]).unwrap();
        for secret in [
            ".env",
            ".ENV.local",
            "a/b/.env.production",
            "certs/server.pem",
            ".git/config",
            ".git",
            "x/.ssh/known_hosts",
            "config/prod/a/b.toml",
            "deep/data.sqlite",
        ] {
            assert!(secrets.matches(Path::new(secret)), "{secret} was not found");
        }
        for plain in
            ["src/main.rs", "environment.md", ".gitignore", ".github/ci.yml", "config/dev.toml", ""]
        {
            assert!(!secrets.matches(Path::new(plain)), "{plain} was taken for a secret");
        }
    }

    #[test]
    fn a_glob_that_the_agent_could_not_be_told_is_refused() {
        for bad in ["", "a,b", "a(b", "[", "a\"b"] {
            assert!(Secrets::new(&[bad.to_owned()]).is_err(), "{bad:?} was taken");
        }
    }
}
