//! Glob matching, as git matches patterns against paths.
//!
//! A match takes at most as many steps as the product of the lengths of pattern and path.

use std::time::Instant;

/// Matches between two checks of the deadline.
const MATCHES_BETWEEN_LOOKS: u64 = 256;

/// One part of a pattern, by what it matches.
enum GlobPart {
    /// One byte of a set.
    One(Bytes),
    /// Any bytes but slashes.
    Run,
    /// Any bytes.
    All,
    /// Any number of directories, each with its slash.
    Dirs,
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes([u64; 4]);

impl Bytes {
    fn one(byte: u8) -> Self {
        let mut set = Self::default();
        set.add(byte);
        set
    }

    fn all_but_slash() -> Self {
        Self([u64::MAX; 4]).without_slash()
    }

    fn without_slash(mut self) -> Self {
        self.0[usize::from(b'/' >> 6)] &= !(1 << (b'/' & 63));
        self
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn add_all(&mut self, which: impl Fn(u8) -> bool) {
        (0..=u8::MAX).filter(|byte| which(*byte)).for_each(|byte| self.add(byte));
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }
}

/// Matches patterns within a budget of steps and time.
#[derive(Debug)]
pub(super) struct GlobMatcher {
    /// For each position of the path, whether the pattern so far can end there.
    reached: Vec<bool>,
    steps_left: u64,
    deadline: Instant,
    n_matches: u64,
}

impl GlobMatcher {
    pub(super) fn new(steps: u64, deadline: Instant) -> Self {
        Self { reached: Vec::new(), steps_left: steps, deadline, n_matches: 0 }
    }

    /// Whether steps or time are used up. Later results are meaningless.
    pub(super) fn is_spent(&self) -> bool {
        self.steps_left == 0
    }

    /// Whether the whole `path` matches `pattern`. An invalid pattern matches nothing.
    pub(super) fn matches(&mut self, pattern: &[u8], path: &[u8]) -> bool {
        self.n_matches += 1;
        if self.n_matches.is_multiple_of(MATCHES_BETWEEN_LOOKS) && Instant::now() > self.deadline {
            self.steps_left = 0;
        }
        self.reached.clear();
        self.reached.resize(path.len() + 1, false);
        self.reached[0] = true;
        let mut bounds = Some((0, 0));
        let mut at = 0;
        while at < pattern.len() {
            let (Some((first, last)), Some((part, length))) = (bounds, part(pattern, at)) else {
                return false;
            };
            bounds = self.step(&part, path, first, last);
            at += length;
        }
        bounds.is_some() && self.reached[path.len()]
    }

    /// Advances by one part, from the first and last reachable position to the new ones.
    fn step(
        &mut self,
        part: &GlobPart,
        path: &[u8],
        first: usize,
        last: usize,
    ) -> Option<(usize, usize)> {
        let reached = &mut self.reached;
        let end = path.len();
        let last = match part {
            GlobPart::One(bytes) => {
                for at in (first..=last).rev().filter(|at| *at < end) {
                    reached[at + 1] = reached[at] && bytes.has(path[at]);
                }
                reached[first] = false;
                (last + 1).min(end)
            }
            GlobPart::Run => {
                let mut at = first;
                while at < end && (at < last || reached[at]) {
                    reached[at + 1] |= reached[at] && path[at] != b'/';
                    at += 1;
                }
                at
            }
            GlobPart::All => {
                reached[first..].fill(true);
                end
            }
            GlobPart::Dirs => {
                for at in first..end {
                    reached[at + 1] |= path[at] == b'/';
                }
                end
            }
        };
        let visited = u64::try_from(last.saturating_sub(first)).unwrap_or(u64::MAX);
        self.steps_left = self.steps_left.saturating_sub(visited.saturating_add(1));
        let first = (first..=last).find(|at| self.reached[*at])?;
        let last = (first..=last).rev().find(|at| self.reached[*at])?;
        Some((first, last))
    }
}

/// The part of a pattern that begins at `at`, and its length. `None` if it is invalid.
fn part(pattern: &[u8], at: usize) -> Option<(GlobPart, usize)> {
    match pattern[at] {
        b'*' => Some(stars(pattern, at)),
        b'?' => Some((GlobPart::One(Bytes::all_but_slash()), 1)),
        b'[' => class(&pattern[at..]).map(|(bytes, length)| (GlobPart::One(bytes), length)),
        b'\\' => pattern.get(at + 1).map(|byte| (GlobPart::One(Bytes::one(*byte)), 2)),
        byte => Some((GlobPart::One(Bytes::one(byte)), 1)),
    }
}

/// Two or more stars match directories where they are a whole component of the path.
fn stars(pattern: &[u8], at: usize) -> (GlobPart, usize) {
    let length = pattern[at..].iter().take_while(|byte| **byte == b'*').count();
    let after = &pattern[at + length..];
    let begins = at == 0 || pattern[at - 1] == b'/';
    match after {
        _ if length == 1 || !begins => (GlobPart::Run, length),
        [] => (GlobPart::All, length),
        [b'/', ..] => (GlobPart::Dirs, length + 1),
        [b'\\', b'/', ..] => (GlobPart::All, length),
        _ => (GlobPart::Run, length),
    }
}

/// The length of the bracket expression that `pattern` begins with; `None` if it is invalid.
pub(super) fn class_length(pattern: &[u8]) -> Option<usize> {
    class(pattern).map(|(_, length)| length)
}

/// The bracket expression that `pattern` begins with, and its length.
fn class(pattern: &[u8]) -> Option<(Bytes, usize)> {
    let mut set = Bytes::default();
    let mut at = 1;
    let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    at += usize::from(negated);
    // A closing bracket that comes first stands for itself.
    let mut before = None;
    loop {
        let byte = *pattern.get(at)?;
        before = match byte {
            b'\\' => {
                at += 1;
                set.add(*pattern.get(at)?);
                Some(*pattern.get(at)?)
            }
            b'-' if before.is_some() && !matches!(pattern.get(at + 1), None | Some(b']')) => {
                at += 1;
                if pattern[at] == b'\\' {
                    at += 1;
                }
                let (from, to) = (before?, *pattern.get(at)?);
                (from..=to).for_each(|byte| set.add(byte));
                None
            }
            b'[' if pattern.get(at + 1) == Some(&b':') => {
                let name = &pattern[at + 2..];
                let name = &name[..name.iter().position(|byte| *byte == b']')?];
                match name.strip_suffix(b":") {
                    Some(known) => {
                        named(&mut set, known)?;
                        at += 2 + name.len();
                        None
                    }
                    // Not a named class.
                    None => {
                        set.add(b'[');
                        Some(b'[')
                    }
                }
            }
            byte => {
                set.add(byte);
                Some(byte)
            }
        };
        at += 1;
        if *pattern.get(at)? == b']' {
            break;
        }
    }
    if negated {
        set.0 = set.0.map(|bits| !bits);
    }
    Some((set.without_slash(), at + 1))
}

fn named(set: &mut Bytes, name: &[u8]) -> Option<()> {
    let is_space = |byte: u8| b" \t\n\r".contains(&byte);
    match name {
        b"alnum" => set.add_all(|byte| byte.is_ascii_alphanumeric()),
        b"alpha" => set.add_all(|byte| byte.is_ascii_alphabetic()),
        b"blank" => set.add_all(|byte| byte == b' ' || byte == b'\t'),
        b"cntrl" => set.add_all(|byte| byte.is_ascii_control()),
        b"digit" => set.add_all(|byte| byte.is_ascii_digit()),
        b"graph" => set.add_all(|byte| byte.is_ascii_graphic()),
        b"lower" => set.add_all(|byte| byte.is_ascii_lowercase()),
        b"print" => set.add_all(|byte| byte.is_ascii_graphic() || byte == b' '),
        b"punct" => set.add_all(|byte| byte.is_ascii_punctuation()),
        b"space" => set.add_all(is_space),
        b"upper" => set.add_all(|byte| byte.is_ascii_uppercase()),
        b"xdigit" => set.add_all(|byte| byte.is_ascii_hexdigit()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn matcher(steps: u64) -> GlobMatcher {
        GlobMatcher::new(steps, Instant::now() + Duration::from_secs(600))
    }

    fn matches(pattern: &str, path: &str) -> bool {
        matcher(u64::MAX).matches(pattern.as_bytes(), path.as_bytes())
    }

    #[test]
    fn a_pattern_matches_what_git_says() {
        for (pattern, path) in [
            ("foo", "foo"),
            ("f*o", "fo"),
            ("*.rs", ".rs"),
            ("**", "a/b"),
            ("a/**", "a/b/c"),
            ("**/b", "b"),
            ("**/b", "a/x/b"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("a**b", "axxb"),
            ("*/b", "a/b"),
            ("[a-c]?", "bz"),
            ("[!a-c]", "d"),
            ("[^a-c]", "d"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("[[:digit:]x]", "7"),
            ("[[:x]", ":"),
            ("[\\]]", "]"),
            ("\\*", "*"),
            ("a\\b", "ab"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("foo", "foobar"),
            ("*", "a/b"),
            ("a?b", "a/b"),
            ("a[/]b", "a/b"),
            ("a[!x]b", "a/b"),
            ("a**b", "a/b"),
            ("a/**/b", "ab"),
            ("[a-c", "a"),
            ("[[:nothing:]]", "a"),
            ("a\\", "a"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn p9_no_pattern_takes_longer_than_its_length_times_the_path() {
        let path = "a".repeat(4000);
        let started = Instant::now();
        for pattern in [
            "*a".repeat(500) + "b",
            "**/".repeat(300) + "b",
            "*".repeat(1000) + "b",
            "*[a-z]?".repeat(300) + "b",
            "a*/**/".repeat(100) + "b",
        ] {
            assert!(!matches(&pattern, &path), "{pattern}");
            assert!(!matches(&pattern, &"a/".repeat(2000)), "{pattern}");
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let mut matcher = matcher(1000);
        matcher.matches("*a*a*a*a*b".as_bytes(), path.as_bytes());
        assert!(matcher.is_spent());
    }
}
