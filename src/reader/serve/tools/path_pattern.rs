//! Patterns for paths, which match as a line of `.gitignore` does, with `{a,b}` besides. Pure.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::project::roots;

/// Longest pattern, in bytes.
const MAX_BYTES: usize = 1000;

#[derive(Debug)]
pub(in crate::reader::serve) struct PathPattern {
    /// The member of a group that it names.
    member: Option<String>,
    set: GlobSet,
    /// Whether it chooses what does not match.
    is_negated: bool,
}

impl PathPattern {
    /// The error is for the model.
    pub(in crate::reader::serve) fn new(written: &str) -> Result<Self, String> {
        let refused = |why: &str| format!("The pattern {written:?} cannot be used: {why}.");
        if written.len() > MAX_BYTES {
            return Err(format!("A pattern for paths has at most {MAX_BYTES} bytes."));
        }
        let (is_negated, pattern) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let (member, pattern) = match roots::split(Path::new(pattern)) {
            Some((name, inside)) => (Some(name.to_owned()), inside.to_str().unwrap_or_default()),
            None => (None, pattern),
        };
        let pattern = match pattern.trim_start_matches("./") {
            "" if member.is_some() => "**",
            pattern => pattern,
        };
        if pattern.split('/').any(|part| part == "..") {
            return Err(refused("it leaves the directory with `..`"));
        }
        let inner = pattern.trim_end_matches('/');
        let anchored = match inner.strip_prefix('/') {
            Some(inner) => inner.to_owned(),
            None if inner.contains('/') => inner.to_owned(),
            None => format!("**/{inner}"),
        };
        if inner.trim_start_matches('/').is_empty() {
            return Err(refused("it is empty"));
        }
        let mut set = GlobSetBuilder::new();
        // What matches a directory matches all below it.
        let below = format!("{anchored}/**");
        let is_of_dirs = pattern.ends_with('/');
        for glob in [Some(below), (!is_of_dirs).then_some(anchored)].into_iter().flatten() {
            let built = GlobBuilder::new(&glob).literal_separator(true).build();
            set.add(built.map_err(|error| refused(&error.kind().to_string()))?);
        }
        let set = set.build().map_err(|error| refused(&error.kind().to_string()))?;
        Ok(Self { member, set, is_negated })
    }

    /// Whether it chooses the file at `path`.
    pub(in crate::reader::serve) fn matches(&self, path: &str) -> bool {
        let (member, inside) = roots::split(Path::new(path)).unwrap_or(("", Path::new(path)));
        let is_match = match &self.member {
            Some(wanted) => member == wanted && self.set.is_match(inside),
            None => self.set.is_match(path) || self.set.is_match(inside),
        };
        is_match != self.is_negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn a_pattern_matches_as_in_gitignore() {
        for (pattern, path) in [
            ("*.rs", "a.rs"),
            ("*.rs", "src/a.rs"),
            ("/*.rs", "a.rs"),
            ("./src/*.rs", "src/a.rs"),
            ("src", "src/a/b.rs"),
            ("src", "lib/src/b.rs"),
            ("src/", "src/b.rs"),
            ("src/**", "src/a/b.rs"),
            ("src/**/b.rs", "src/b.rs"),
            ("**/b.rs", "b.rs"),
            ("*.{ts,tsx}", "web/a.tsx"),
            ("{src,tests}/*.rs", "tests/a.rs"),
            ("[a-c].rs", "x/b.rs"),
            ("!tests/**", "src/a.rs"),
            ("app/[[]id]/page.tsx", "app/[id]/page.tsx"),
            ("*.ts", "web:src/a.ts"),
            ("src/**/*.ts", "web:src/a.ts"),
            ("web:src/**/*.ts", "web:src/a.ts"),
            ("web:**/*.ts", "web:src/deep/a.ts"),
            ("web:*.ts", "web:src/a.ts"),
            ("web:", "web:src/a.ts"),
            ("!web:src/**", "api:src/a.ts"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/*.rs", "src/a.rs"),
            ("src/*.rs", "src/a/b.rs"),
            ("src/*.rs", "lib/src/a.rs"),
            ("src/", "src"),
            ("*.rs", "a.rsx"),
            ("!tests/**", "tests/a.rs"),
            ("!*.rs", "a.rs"),
            ("web:src/**", "api:src/a.ts"),
            ("web:src/**", "src/a.ts"),
            ("src/**", "web:lib/src/a.ts"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_of_paths_is_refused() {
        let long = "a".repeat(5000);
        let braces = "{a,".repeat(300);
        for (pattern, words) in [
            ("", "it is empty"),
            ("/", "it is empty"),
            ("!", "it is empty"),
            ("../*.rs", "leaves the directory"),
            ("src/../../x", "leaves the directory"),
            ("[a", "unclosed character class"),
            ("{a", "unclosed alternate group"),
            (long.as_str(), "at most 1000 bytes"),
            (braces.as_str(), "unclosed"),
        ] {
            let refused = PathPattern::new(pattern).unwrap_err();
            assert!(refused.contains(words), "{pattern}: {refused}");
        }
    }

    #[test]
    fn p9_no_pattern_costs_much() {
        let path = format!("{}b", "a/".repeat(500) + &"a".repeat(200));
        let since = std::time::Instant::now();
        for pattern in [
            "*a".repeat(499),
            "**/".repeat(333),
            "{a,b,c,d}".repeat(110),
            "{*,*,*}".repeat(140),
            "[a-z]*".repeat(160),
            "?".repeat(1000),
        ] {
            if let Ok(pattern) = PathPattern::new(&pattern) {
                (0..100).for_each(|_| _ = pattern.matches(&path));
            }
        }
        assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
    }
}
