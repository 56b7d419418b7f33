//! Roots: the directories of a project, and the paths of files in them. Pure but for
//! [`Roots::resolved`].
//!
//! A plain project has one root without a name, and its paths count from there: `src/x.ts`. A group
//! has one for each member, and a path in it begins with the member's name and a colon:
//! `web:src/x.ts`. Directories that lie in each other, or are the same, would give a file two paths:
//! the innermost counts, and the configuration refuses them.

use std::{
    borrow::Cow,
    ffi::OsStr,
    io, iter,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{MAX_NAME_LENGTH, ProjectName, is_allowed};

/// A directory whose files belong to a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The member of a group; `None` in a plain project.
    pub name: Option<ProjectName>,
    /// The absolute directory as configured. It may vanish, and a link in it may move on, at any
    /// time: whoever starts to work with it resolves it anew.
    pub dir: PathBuf,
}

impl Root {
    /// What the path of each of its files begins with.
    pub(crate) fn prefix(&self) -> String {
        self.name.as_ref().map(|name| format!("{name}:")).unwrap_or_default()
    }

    /// The project's path of a file that lies at `inside` in this directory.
    pub(crate) fn path(&self, inside: &Path) -> PathBuf {
        let mut path = std::ffi::OsString::from(self.prefix());
        path.push(inside);
        path.into()
    }
}

/// The directories of a project, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    first: Root,
    rest: Vec<Root>,
}

impl<D: Into<PathBuf>> From<D> for Roots {
    /// The only directory of a plain project.
    fn from(dir: D) -> Self {
        Self { first: Root { name: None, dir: dir.into() }, rest: Vec::new() }
    }
}

impl Roots {
    /// The directories of a group's members; `None` without any.
    pub fn of_group(members: impl IntoIterator<Item = (ProjectName, PathBuf)>) -> Option<Self> {
        let mut roots = members.into_iter().map(|(name, dir)| Root { name: Some(name), dir });
        Some(Self { first: roots.next()?, rest: roots.collect() })
    }

    /// The first one, in which agents with tools of their own work.
    pub(crate) fn first(&self) -> &Path {
        &self.first.dir
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Root> + Clone {
        iter::once(&self.first).chain(&self.rest)
    }

    pub(crate) fn dirs(&self) -> impl Iterator<Item = &Path> + Clone {
        self.iter().map(|root| root.dir.as_path())
    }

    /// Whether paths name the member that they are of.
    pub(crate) fn is_group(&self) -> bool {
        self.first.name.is_some()
    }

    /// The directories with all links resolved. Blocks.
    pub(crate) fn resolved(&self) -> io::Result<Self> {
        self.try_map(|root| root.dir.canonicalize())
    }

    fn try_map(&self, map: impl Fn(&Root) -> io::Result<PathBuf>) -> io::Result<Self> {
        let mapped = |root: &Root| Ok(Root { name: root.name.clone(), dir: map(root)? });
        let rest = self.rest.iter().map(mapped).collect::<io::Result<_>>()?;
        Ok(Self { first: mapped(&self.first)?, rest })
    }

    /// The root that a path of the project is of, and the rest of the path; `None` where a path in
    /// a group names no member.
    pub(crate) fn find<'a>(&self, path: &'a Path) -> Option<(&Root, &'a Path)> {
        if !self.is_group() {
            return Some((&self.first, path));
        }
        let (name, inside) = split(path)?;
        let root =
            self.iter().find(|root| root.name.as_ref().is_some_and(|it| it.as_str() == name));
        Some((root?, inside))
    }

    /// The innermost root that a path of the file system lies in, and the rest of the path.
    pub(crate) fn around<'a>(&self, path: &'a Path) -> Option<(&Root, &'a Path)> {
        let around =
            self.iter().filter_map(|root| Some((root, path.strip_prefix(&root.dir).ok()?)));
        around.min_by_key(|(_, inside)| inside.as_os_str().len())
    }

    /// A text without the directories: paths in them are those of the project, and the directories
    /// themselves are `.`, or members of the group by their names.
    pub(crate) fn without_dirs(&self, text: &str) -> String {
        let mut roots: Vec<_> = self.iter().filter(|root| root.dir.as_os_str().len() > 1).collect();
        // Of directories in each other the innermost counts.
        roots.sort_by_key(|root| std::cmp::Reverse(root.dir.as_os_str().len()));
        let mut text = text.to_owned();
        for root in roots {
            let Some(dir) = root.dir.to_str() else { continue };
            let (prefix, whole) =
                (root.prefix(), root.name.as_ref().map_or(".", ProjectName::as_str));
            let is_name = |c: char| c.is_alphanumeric() || "-_".contains(c);
            let (mut shown, mut from) = (String::new(), 0);
            for (at, _) in text.match_indices(dir) {
                let (before, after) = (&text[from..at], &text[at + dir.len()..]);
                // It may be a part of another path.
                if before.ends_with(is_name) || after.starts_with(is_name) {
                    continue;
                }
                shown.push_str(before);
                from = at + dir.len() + usize::from(after.starts_with('/'));
                shown.push_str(if after.starts_with('/') { &prefix } else { whole });
            }
            shown.push_str(&text[from..]);
            text = shown;
        }
        text
    }

    /// The path of the project that is meant by one that an agent or a person wrote: an absolute one
    /// below a root, one with `./` before it, or one with `/` after the name of a member. Any other
    /// stays as it is.
    pub(crate) fn path_of<'a>(&self, written: &'a str) -> Cow<'a, str> {
        if let Some((root, inside)) = self.around(Path::new(written)) {
            let inside = inside.to_str().unwrap_or_default();
            return match root.name {
                Some(_) => Cow::Owned(root.prefix() + inside),
                None => Cow::Borrowed(inside),
            };
        }
        let plain = written.strip_prefix("./").unwrap_or(written);
        if !self.is_group() {
            return Cow::Borrowed(plain);
        }
        let path = Path::new(plain);
        let (name, inside) = match split(path) {
            Some((name, inside)) => (name, inside.to_str().unwrap_or_default()),
            None => plain.split_once('/').unwrap_or((plain, "")),
        };
        let root =
            self.iter().find(|root| root.name.as_ref().is_some_and(|it| it.as_str() == name));
        match root {
            Some(root) => {
                let mut inside = inside.trim_start_matches('/');
                while let Some(rest) = inside.strip_prefix("./") {
                    inside = rest.trim_start_matches('/');
                }
                Cow::Owned(root.prefix() + inside)
            }
            None => Cow::Borrowed(plain),
        }
    }
}

/// The name of a member that a path may begin with, and the rest of the path.
pub(crate) fn split(path: &Path) -> Option<(&str, &Path)> {
    let bytes = path.as_os_str().as_bytes();
    let near = bytes.get(..=MAX_NAME_LENGTH).unwrap_or(bytes);
    let colon = memchr::memchr(b':', near)?;
    let (name, inside) = (bytes.get(..colon)?, bytes.get(colon + 1..)?);
    let name =
        std::str::from_utf8(name).ok().filter(|it| !it.is_empty() && it.chars().all(is_allowed));
    Some((name?, Path::new(OsStr::from_bytes(inside))))
}

/// Whether a text is the name of a member with its colon, and no more.
pub(crate) fn is_prefix(text: &str) -> bool {
    split(Path::new(text)).is_some_and(|(_, inside)| inside.as_os_str().is_empty())
}

/// The path of an entry of a directory.
pub(crate) fn join(dir: &Path, name: &OsStr) -> PathBuf {
    match split(dir) {
        Some((_, inside)) if inside.as_os_str().is_empty() => {
            let mut path = dir.as_os_str().to_owned();
            path.push(name);
            path.into()
        }
        _ => dir.join(name),
    }
}

/// What the paths of the files below a directory begin with; the empty one is that of all.
pub(crate) fn dir_prefix(dir: &str) -> String {
    match dir.is_empty() || is_prefix(dir) {
        true => dir.to_owned(),
        false => format!("{dir}/"),
    }
}

/// The path within a directory of a file that lies below it.
pub(crate) fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(dir)?;
    if dir.is_empty() || is_prefix(dir) { Some(rest) } else { rest.strip_prefix('/') }
}

/// A path without the name of a member before it: for what the names of files tell by themselves.
pub(crate) fn inner(path: &Path) -> &Path {
    split(path).map_or(path, |(_, inside)| inside)
}

/// [`inner`] of a text.
pub(crate) fn inner_str(path: &str) -> &str {
    inner(Path::new(path)).to_str().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group() -> Roots {
        let members = [("api", "/src/api"), ("web", "/src/web"), ("deep", "/src/web/deep")];
        let member = |(name, dir)| (ProjectName::mend(name), PathBuf::from(dir));
        Roots::of_group(members.map(member)).unwrap()
    }

    #[test]
    fn a_text_tells_nothing_of_the_directories() {
        let plain = Roots::from("/srv/shop");
        for (text, shown) in [
            ("see /srv/shop/src/a.rs:1, /srv/shop.", "see src/a.rs:1, .."),
            ("`/srv/shop/` (/srv/shop)", "`` (.)"),
            (
                "/srv/shop-old/a /mnt/srv/shop/b /srv/shop2",
                "/srv/shop-old/a /mnt/srv/shop/b /srv/shop2",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(plain.without_dirs(text), shown);
        }
        let text = "/src/web/x /src/web/deep/y /src/api";
        assert_eq!(group().without_dirs(text), "web:x deep:y api");
    }

    #[test]
    fn a_path_of_a_group_is_found_in_the_member_that_it_names() {
        for (path, expected) in [
            ("web:src/x.ts", Some(("/src/web", "src/x.ts"))),
            ("api:", Some(("/src/api", ""))),
            ("api:../web/x", Some(("/src/api", "../web/x"))),
            ("web:a:b", Some(("/src/web", "a:b"))),
            ("other:x", None),
            ("src/x.ts", None),
            (":x", None),
            ("we b:x", None),
            ("", None),
        ] {
            let group = group();
            let found = group.find(Path::new(path));
            let found = found.map(|(root, it)| (root.dir.to_str().unwrap(), it.to_str().unwrap()));
            assert_eq!(found, expected, "{path:?}");
        }
        let plain = Roots::from("/p");
        let (root, inside) = plain.find(Path::new("web:x")).unwrap();
        assert_eq!((root.dir.to_str(), inside.to_str()), (Some("/p"), Some("web:x")));
    }

    #[test]
    fn other_spellings_of_a_path_become_the_one_with_the_name_and_a_colon() {
        for (written, expected) in [
            ("web:src/x.ts", "web:src/x.ts"),
            ("./web:src/x.ts", "web:src/x.ts"),
            ("web/src/x.ts", "web:src/x.ts"),
            ("web:/src/x.ts", "web:src/x.ts"),
            ("web:./src/x.ts", "web:src/x.ts"),
            ("web", "web:"),
            ("web/", "web:"),
            ("/src/web/src/x.ts", "web:src/x.ts"),
            ("/src/web/deep/x.ts", "deep:x.ts"),
            ("/src/web", "web:"),
            ("/src/webs/x", "/src/webs/x"),
            ("src/x.ts", "src/x.ts"),
            ("api:../web/x", "api:../web/x"),
            ("other/x", "other/x"),
            ("", ""),
        ] {
            assert_eq!(group().path_of(written), expected, "{written:?}");
        }
        let plain = Roots::from("/p");
        for (written, expected) in
            [("/p/a", "a"), ("./a", "a"), ("web:a", "web:a"), ("web/a", "web/a"), ("/q/a", "/q/a")]
        {
            assert_eq!(plain.path_of(written), expected, "{written:?}");
        }
    }

    #[test]
    fn the_name_of_a_member_is_no_part_of_the_name_of_a_file() {
        for (path, expected) in
            [("web:Makefile", "Makefile"), ("src/a:b", "src/a:b"), ("Makefile", "Makefile")]
        {
            assert_eq!(inner_str(path), expected);
        }
    }

    proptest! {
        #[test]
        fn p_a_path_stays_the_same_when_it_is_read_twice(written in r"(./)?(web|api|other)[:/.]{1,3}[a-z/.:]{0,9}") {
            let group = group();
            let once = group.path_of(&written).into_owned();
            prop_assume!(group.find(Path::new(&once)).is_some());
            prop_assert_eq!(group.path_of(&once), once.as_str());
        }
    }
}
