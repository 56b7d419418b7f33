//! What git is told, so that neither a repository nor its remote has it run another program.

use std::path::Path;

use super::{GitRemote, address::RemoteAddress, refs::WantedRef};

/// Settings of every command. There are no others: the system's and the user's files are not read.
const SETTINGS: [&str; 26] = [
    "advice.detachedHead=false",
    "checkout.workers=1",
    "core.attributesFile=/dev/null",
    "core.bigFileThreshold=8m",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.packedGitLimit=256m",
    "core.pager=cat",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.symlinks=true",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
    "index.threads=1",
    "init.defaultBranch=main",
    "maintenance.auto=false",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "protocol.allow=never",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.credentialsInUrl=die",
];

/// The names of the files that a command finds in its temporary directory.
pub(crate) const LOGINS: &str = "logins";
pub(crate) const KEY: &str = "key";
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";
pub(crate) const SETTINGS_FILE: &str = "settings";

/// What a command asks git for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GitTask {
    /// An empty store.
    Init,
    /// The branches and tags of these names, and what the remote calls its own.
    List(Vec<String>),
    Fetch(Vec<WantedRef>),
    /// The files of a commit, in a new directory.
    CheckOut {
        commit: String,
        tree: String,
    },
    /// Forgets trees that are gone, and objects that nothing needs.
    Clean,
}

impl GitTask {
    /// Whether it speaks with the remote.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::List(_) | Self::Fetch(_))
    }

    /// All arguments of git.
    pub(crate) fn arguments(
        &self,
        remote: &GitRemote,
        store: &Path,
        temporary: &Path,
    ) -> Vec<String> {
        let shown = |path: &Path| path.display().to_string();
        let mut all = vec!["--no-pager".to_owned()];
        if *self != Self::Init && !matches!(self, Self::List(_)) {
            all.push(format!("--git-dir={}", shown(store)));
        }
        let mut set = |setting: String| all.extend(["-c".to_owned(), setting]);
        SETTINGS.iter().for_each(|setting| set((*setting).to_owned()));
        if self.is_remote() {
            set(format!("protocol.{}.allow=always", remote.address.scheme()));
            if remote.login.has_password() {
                let file = quoted(&shown(&temporary.join(LOGINS)));
                set(format!("credential.helper=store --file={file}"));
            }
        }
        let plain: &[&str] = match self {
            Self::Init => &["init", "--quiet", "--bare", "--template="],
            Self::List(_) => &["ls-remote", "--symref", "--"],
            Self::Fetch(_) => &[
                "fetch",
                "--quiet",
                "--no-tags",
                "--force",
                "--no-write-fetch-head",
                "--no-auto-maintenance",
                "--no-recurse-submodules",
                "--update-shallow",
            ],
            Self::CheckOut { .. } => &["worktree", "add", "--quiet", "--detach", "--force"],
            Self::Clean => &["gc", "--quiet", "--prune=now"],
        };
        all.extend(plain.iter().map(|it| (*it).to_owned()));
        match self {
            Self::Init => all.push(shown(store)),
            Self::List(names) => {
                all.extend([remote.address.to_string(), "HEAD".to_owned()]);
                for name in names {
                    let tag = format!("refs/tags/{name}");
                    all.extend([format!("refs/heads/{name}"), format!("{tag}^{{}}"), tag]);
                }
                if names.is_empty() {
                    all.push("refs/heads/*".to_owned());
                }
            }
            Self::Fetch(refs) => {
                all.extend([format!("--depth={}", remote.depth), "--".to_owned()]);
                all.push(remote.address.to_string());
                all.extend(refs.iter().map(|it| format!("+{}:refs/served/{}", it.name, it.name)));
            }
            Self::CheckOut { commit, tree } => all.extend([tree.clone(), commit.clone()]),
            Self::Clean => (),
        }
        all
    }
}

/// The variables of every command.
pub(crate) fn environment(
    address: &RemoteAddress,
    temporary: &Path,
) -> Vec<(&'static str, String)> {
    let file = |name: &str| quoted(&temporary.join(name).display().to_string());
    let settings = match address.dir() {
        // The owner of the repository may be another user.
        Some(_) => temporary.join(SETTINGS_FILE).display().to_string(),
        None => "/dev/null".to_owned(),
    };
    let ssh = format!(
        "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
         -o StrictHostKeyChecking=yes -o ClearAllForwardings=yes -o PermitLocalCommand=no \
         -o UserKnownHostsFile={} -i {}",
        file(KNOWN_HOSTS),
        file(KEY)
    );
    vec![
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_CONFIG_GLOBAL", settings),
        ("GIT_ATTR_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("GIT_ASKPASS", String::new()),
        ("GIT_LFS_SKIP_SMUDGE", "1".to_owned()),
        ("GIT_NO_REPLACE_OBJECTS", "1".to_owned()),
        ("GIT_SSH_COMMAND", ssh),
        ("GIT_SSH_VARIANT", "ssh".to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]
}

/// For the shell that git gives its helpers to.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What git complains of, as the end of a sentence for a person, without our paths.
pub(crate) fn complaint(stderr: &str, home: &Path, temporary: &Path) -> String {
    const MAX_CHARS: usize = 300;
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_main = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
    let line = lines().find(is_main).or_else(|| lines().next_back()).unwrap_or("git said nothing");
    let line = line.trim_start_matches("fatal: ").trim_start_matches("error: ");
    let line = [home, temporary]
        .iter()
        .fold(line.to_owned(), |line, path| line.replace(&path.display().to_string(), "…"));
    let words: String = line.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    match words.contains("could not read Username") || words.contains("terminal prompts disabled") {
        true => "the remote wants a login: name a file with a token in `token_file`".to_owned(),
        false => words,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::git_remote::RemoteLogin;

    fn remote() -> GitRemote {
        GitRemote {
            address: RemoteAddress::parse("https://example.org/shop.git").unwrap(),
            refresh: Duration::from_secs(300),
            depth: 7,
            login: RemoteLogin {
                token_file: Some("/secret/token".into()),
                ..RemoteLogin::default()
            },
        }
    }

    #[test]
    fn p10_no_argument_names_a_secret_and_nothing_runs_but_git() {
        let wanted = WantedRef { name: "refs/heads/main".to_owned(), commit: "1".repeat(40) };
        let tasks = [
            GitTask::Init,
            GitTask::List(vec!["main".to_owned()]),
            GitTask::Fetch(vec![wanted]),
            GitTask::CheckOut { commit: "1".repeat(40), tree: "/home/trees/x".to_owned() },
            GitTask::Clean,
        ];
        for task in tasks {
            let all = task.arguments(&remote(), Path::new("/home/store"), Path::new("/tmp/it's"));
            let line = all.join(" ");
            assert!(
                line.contains("core.hooksPath=/dev/null") && line.contains("protocol.allow=never")
            );
            assert!(!line.contains("/secret"), "{line}");
            assert_eq!(line.contains("protocol.https.allow=always"), task.is_remote(), "{line}");
            assert_eq!(line.contains(r"store --file='/tmp/it'\''s/logins'"), task.is_remote());
        }
    }

    #[test]
    fn a_fetch_takes_the_wanted_commits_and_no_more() {
        let wanted = WantedRef { name: "refs/tags/v1".to_owned(), commit: "1".repeat(40) };
        let all =
            GitTask::Fetch(vec![wanted]).arguments(&remote(), Path::new("/s"), Path::new("/t"));
        let end = [
            "--depth=7",
            "--",
            "https://example.org/shop.git",
            "+refs/tags/v1:refs/served/refs/tags/v1",
        ];
        assert!(all.ends_with(&end.map(str::to_owned)), "{all:?}");
    }

    #[test]
    fn a_complaint_is_one_line_without_our_paths() {
        let told = |text| complaint(text, Path::new("/data/x"), Path::new("/tmp/y"));
        assert_eq!(
            told("warning: a\nfatal: repository '/data/x/store' is bad\nmore"),
            "repository '…/store' is bad"
        );
        assert!(
            told("fatal: could not read Username for 'https://x': terminal").contains("token_file")
        );
        assert_eq!(told(""), "git said nothing");
        assert_eq!(told(&"x".repeat(1000)).len(), 300);
    }
}
