//! Tests of the history on repositories that they make.

use std::{fs, path::Path, process::Command};

use super::*;

const MANY: usize = 1 << 20;

struct Repository(tempfile::TempDir);

impl Repository {
    fn new(options: &[&str]) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.git(&[&["init", "-q", "-b", "main"], options].concat());
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.path()).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_AUTHOR_NAME", "Ann Example").env("GIT_AUTHOR_EMAIL", "ann@example.org");
        command
            .env("GIT_COMMITTER_NAME", "Ann Example")
            .env("GIT_COMMITTER_EMAIL", "a@example.org");
        let done = command.output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits all files; returns the hash.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn history(&self) -> ProjectHistory {
        ProjectHistory::new(
            self.path().canonicalize().unwrap(),
            Secrets::new(&["*.private".to_owned()]).unwrap(),
        )
    }
}

/// Two commits: the second explains why the pool is drained, and the file was renamed between.
fn pool() -> (Repository, String, String) {
    let repository = Repository::new(&[]);
    repository.write("old.rs", "fn open() {}\n\nfn drain() {\n    wait();\n}\n\nfn close() {}\n");
    let first = repository.commit("Add a pool");
    repository.git(&["mv", "old.rs", "pool.rs"]);
    repository
        .write("pool.rs", "fn open() {}\n\nfn drain() {\n    wait_all();\n}\n\nfn close() {}\n");
    let second =
        repository.commit("Drain the pool\n\nConnections leaked when it was closed early.");
    (repository, first, second)
}

fn ids(found: &Commits) -> Vec<&str> {
    found.commits.iter().map(|commit| commit.id.as_str()).collect()
}

#[test]
fn a_log_follows_a_file_through_its_names_and_tells_who_and_when() {
    let (repository, first, second) = pool();
    let history = repository.history();
    let of = |query: LogQuery| history.log(&query).unwrap();
    assert_eq!(ids(&of(LogQuery::default())), [&second, &first]);
    let path = Some("pool.rs".to_owned());
    let found = of(LogQuery { path: path.clone(), ..LogQuery::default() });
    assert_eq!(ids(&found), [&second, &first]);
    let commit = &found.commits[0];
    assert_eq!(
        (commit.author.as_str(), commit.subject.as_str()),
        ("Ann Example", "Drain the pool")
    );
    assert_eq!(commit.body, "Connections leaked when it was closed early.");
    assert_eq!(commit.parents, [first.as_str()]);
    assert_eq!(commit.date.len(), "2026-01-31".len());
    let lines = |range| of(LogQuery { path: path.clone(), lines: range, ..LogQuery::default() });
    assert_eq!(ids(&lines(Some((3, 5)))), [&second, &first]);
    assert_eq!(ids(&lines(Some((1, 1)))), [&first]);
    let limited = of(LogQuery { limit: Some(1), ..LogQuery::default() });
    assert!(limited.is_cut && ids(&limited) == [&second]);
    let by = |author: &str| of(LogQuery { author: Some(author.to_owned()), ..LogQuery::default() });
    assert_eq!((by("ann").commits.len(), by("bob").commits.len()), (2, 0));
    let since = |since: &str| of(LogQuery { since: Some(since.to_owned()), ..LogQuery::default() });
    assert_eq!((since("1 week ago").commits.len(), since("2035-01-01").commits.len()), (2, 0));
}

#[test]
fn a_commit_is_shown_with_its_message_and_difference() {
    let (repository, first, second) = pool();
    let history = repository.history();
    for name in [&second, &second[..8], "main", "HEAD", "HEAD~0"] {
        assert_eq!(history.show(name, MANY).unwrap().commit.id, second, "{name}");
    }
    let shown = history.show(&second, MANY).unwrap();
    let [file] = shown.changes.files.as_slice() else { panic!("{shown:?}") };
    assert_eq!(
        (file.status, file.path.as_str(), file.from.as_deref()),
        ('R', "pool.rs", Some("old.rs"))
    );
    let diff = &shown.changes.diff;
    assert!(diff.contains("-    wait();\n+    wait_all();\n"), "{diff}");
    assert!(history.show(&first, MANY).unwrap().changes.diff.contains("+fn open() {}"));
    let cut = history.show(&second, 100).unwrap().changes;
    assert!(cut.is_cut && cut.diff.len() <= 100 && cut.diff.ends_with('\n'));
    assert_eq!(history.diff(&first, "main", None, MANY).unwrap().diff, *diff);
    assert!(history.diff("main", &second, None, MANY).unwrap().files.is_empty());
    for unknown in ["deadbeef", "nothing", "-n1", "main..HEAD", "HEAD:pool.rs", "", "@{1}"] {
        let shown = history.show(unknown, MANY);
        assert_eq!(shown, Err(HistoryError::UnknownCommit(unknown.to_owned())));
    }
}

#[test]
fn blame_knows_who_wrote_each_line_and_which_are_not_committed() {
    let (repository, first, second) = pool();
    let now = "// new\nfn open() {}\n\nfn drain() {\n    wait_all();\n}\n\nfn close() {}\n";
    let blame = repository.history().blame("pool.rs", now, 1, 100).unwrap();
    let by: Vec<_> =
        blame.lines.iter().map(|at| at.map(|at| blame.commits[at].id.as_str())).collect();
    let (one, two) = (Some(first.as_str()), Some(second.as_str()));
    assert_eq!(by, [None, one, one, one, two, one, one, one]);
    let part = repository.history().blame("./pool.rs", now, 5, 5).unwrap();
    assert_eq!((part.lines.len(), part.commits.len()), (1, 1));
    let missing = repository.history().blame("none.rs", now, 1, 1);
    assert_eq!(missing, Err(HistoryError::NotCommitted("none.rs".to_owned())));
}

#[test]
fn messages_and_differences_are_searched() {
    let (repository, first, second) = pool();
    let history = repository.history();
    let found = |search: Search| {
        let found = history.search(&search, None, 10).unwrap();
        found.commits.into_iter().map(|commit| commit.id).collect::<Vec<_>>()
    };
    let words = |words: &[&str]| Search::Message(words.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(found(words(&["LEAKED", "pool"])), std::slice::from_ref(&second));
    assert!(found(words(&["leaked", "absent"])).is_empty());
    assert_eq!(found(Search::Text("wait_all".to_owned())), std::slice::from_ref(&second));
    assert_eq!(found(Search::Pattern("wait(_all)?\\(".to_owned())), [second, first]);
    assert!(history.search(&words(&[]), None, 10).is_err());
}

#[test]
fn p10_secret_files_do_not_come_out_through_the_history() {
    let repository = Repository::new(&[]);
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n";
    repository.write(".env", "TOKEN=hidden1\n");
    repository.write("a.private", "hidden2\n");
    repository.write("notes.txt", &format!("{key}hidden3\n{}", "x\n".repeat(20)));
    repository.write("plain.txt", "shown\n");
    let first = repository.commit("Add all");
    repository.git(&["mv", ".env", "settings.txt"]);
    repository.write("notes.txt", &format!("{key}hidden3\n{}hidden4\n", "x\n".repeat(20)));
    let second = repository.commit("Change them");
    repository.git(&["rm", "-q", "a.private", "notes.txt"]);
    let third = repository.commit("Remove them");
    let history = repository.history();
    for (id, n_secret) in [(&first, 3), (&second, 2), (&third, 2)] {
        let shown = history.show(id, MANY).unwrap().changes;
        let text = text::changes(&shown);
        assert!(!text.contains("hidden") && !text.contains("notes.txt"), "{text}");
        assert_eq!(shown.n_secret, n_secret, "{text}");
    }
    assert!(history.show(&first, MANY).unwrap().changes.diff.contains("+shown"));
    let across = history.diff(&first, &third, None, MANY).unwrap();
    assert!(!text::changes(&across).contains("hidden"));
    let secret = Err(HistoryError::Secret(".env".to_owned()));
    assert_eq!(history.blame(".env", "TOKEN=hidden1\n", 1, 1), secret);
    let log = history.log(&LogQuery { path: Some("a.private".to_owned()), ..LogQuery::default() });
    assert!(matches!(log, Err(HistoryError::Secret(_))));
    // A search does not tell what only a secret file held.
    let search = |text: &str| {
        history.search(&Search::Text(text.to_owned()), None, 10).unwrap().commits.len()
    };
    assert_eq!((search("hidden2"), search("shown")), (0, 1));
    for outside in ["../x", "/etc/passwd", "a/../../x"] {
        let log = history.log(&LogQuery { path: Some(outside.to_owned()), ..LogQuery::default() });
        assert!(matches!(log, Err(HistoryError::Invalid(_))), "{outside}");
    }
}

#[test]
fn p10_settings_of_a_hostile_repository_run_nothing() {
    let (repository, first, second) = pool();
    let marker = repository.path().join("marker");
    let run = format!("touch {}", marker.display());
    let script = repository.path().join("run.sh");
    fs::write(&script, format!("#!/bin/sh\n{run}\ncat \"$@\"\n")).unwrap();
    let made = Command::new("chmod").arg("+x").arg(&script).status().unwrap();
    assert!(made.success());
    let script = script.display().to_string();
    let settings = format!(
        "[core]\n\tfsmonitor = {script}\n\tpager = {script}\n\thooksPath = {dir}\n\tsshCommand = {script}\n\
         \tworktree = /\n\teditor = {script}\n\tattributesFile = {dir}/attributes\n\
         [diff]\n\texternal = {script}\n\torderFile = /dev/zero\n\tsubmodule = diff\n\
         [diff \"x\"]\n\ttextconv = {script}\n\tcommand = {script}\n\tcachetextconv = true\n\
         [filter \"x\"]\n\tclean = {script}\n\tsmudge = {script}\n\tprocess = {script}\n\
         [log]\n\tshowSignature = true\n[gpg]\n\tprogram = {script}\n[gpg \"ssh\"]\n\tprogram = {script}\n\
         [alias]\n\tlog = !{run}\n\tblame = !{run}\n\tdiff-tree = !{run}\n\trev-parse = !{run}\n\
         [pager]\n\tlog = {script}\n\tblame = {script}\n[mailmap]\n\tfile = /dev/zero\n\
         [blame]\n\tignoreRevsFile = /none\n[color]\n\tui = always\n[grep]\n\tpatternType = perl\n\
         [remote \"origin\"]\n\turl = ext::{script}\n\tpromisor = true\n[extensions]\n\tpartialClone = origin\n\
         [include]\n\tpath = {dir}/more\n[uploadpack]\n\tpackObjectsHook = {script}\n",
        dir = repository.path().display(),
    );
    let config = repository.path().join(".git/config");
    let plain = fs::read_to_string(&config).unwrap();
    fs::write(&config, plain + &settings).unwrap();
    repository.write("more", &format!("[core]\n\tpager = {script}\n\tfsmonitor = {script}\n"));
    for attributes in [".gitattributes", ".git/info/attributes", "attributes"] {
        repository.write(attributes, "* diff=x filter=x\n");
    }
    for hook in ["post-checkout", "pre-commit", "post-index-change", "fsmonitor-watchman"] {
        let hook = repository.path().join(".git/hooks").join(hook);
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::copy(&script, hook).unwrap();
    }
    let history = repository.history();
    assert_eq!(ids(&history.log(&LogQuery::default()).unwrap()), [&second, &first]);
    let path = Some("pool.rs".to_owned());
    for lines in [None, Some((3, 5))] {
        let found = history.log(&LogQuery { path: path.clone(), lines, ..LogQuery::default() });
        assert_eq!(ids(&found.unwrap()), [&second, &first], "{lines:?}");
    }
    assert!(history.show(&second, MANY).unwrap().changes.diff.contains("+    wait_all();"));
    assert!(history.diff(&first, &second, None, MANY).unwrap().diff.contains("wait_all"));
    // Git reads the list of commits to pass over before anything else, and none of it may be told.
    repository.write(".env", "hunter2\n");
    let by = |file: &str| {
        repository.git(&["config", "blame.ignoreRevsFile", file]);
        history.blame("pool.rs", "fn open() {}\n", 1, 1)
    };
    assert_eq!(by(".env"), Err(HistoryError::Refused));
    assert_eq!(by("/none"), Err(HistoryError::Refused));
    assert_eq!(by("/dev/null").unwrap().commits[0].id, first);
    for search in [Search::Text("wait_all".to_owned()), Search::Message(vec!["pool".to_owned()])] {
        assert!(!history.search(&search, None, 5).unwrap().commits.is_empty());
    }
    assert!(history.show("0123456789", MANY).is_err());
    assert!(!marker.exists(), "a setting of the repository ran a program");
}

#[test]
fn where_there_is_no_history_it_says_why() {
    let log = |dir: &Path| {
        let secrets = Secrets::new(&[]).unwrap();
        ProjectHistory::new(dir.canonicalize().unwrap(), secrets).log(&LogQuery::default())
    };
    let none = tempfile::tempdir().unwrap();
    assert_eq!(log(none.path()), Err(HistoryError::NoRepository));
    let empty = Repository::new(&[]);
    assert_eq!(log(empty.path()), Err(HistoryError::Empty));
    let (repository, first, second) = pool();
    fs::create_dir(repository.path().join("part")).unwrap();
    assert_eq!(log(&repository.path().join("part")), Err(HistoryError::OutOfReach));
    let tree = tempfile::tempdir().unwrap();
    let tree = tree.path().join("tree");
    repository.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap()]);
    assert_eq!(ids(&log(&tree).unwrap()), [&second, &first]);
    fs::write(tree.join("new"), "x\n").unwrap();
    let in_tree = |args: &[&str]| {
        let tree = ["-C", tree.to_str().unwrap()];
        repository.git(&[&tree, args].concat())
    };
    in_tree(&["add", "new"]);
    in_tree(&["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "In the tree"]);
    assert_eq!(log(&tree).unwrap().commits[0].subject, "In the tree");
    let above = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository.path().display());
    let above_git = |args: &[&str]| {
        let allowed = ["-C", above.path().to_str().unwrap(), "-c", "protocol.file.allow=always"];
        repository.git(&[&allowed, args].concat())
    };
    above_git(&["init", "-q"]);
    above_git(&["submodule", "--quiet", "add", &url, "inner"]);
    assert_eq!(ids(&log(&above.path().join("inner")).unwrap()), [&second, &first]);
    let linked = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository.path().join(".git"), linked.path().join(".git")).unwrap();
    assert_eq!(log(linked.path()), Err(HistoryError::OutOfReach));
    let clone = tempfile::tempdir().unwrap();
    let (bare, shallow) = (clone.path().join("bare"), clone.path().join("shallow"));
    repository.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert_eq!(ids(&log(&bare).unwrap()), [&second, &first]);
    repository.git(&["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()]);
    let found = log(&shallow).unwrap();
    assert!(found.is_shallow && ids(&found) == [&second]);
}

#[test]
fn long_hashes_are_read_as_short_ones_are() {
    let repository = Repository::new(&["--object-format=sha256"]);
    repository.write("a", "one\n");
    let id = repository.commit("Add a");
    assert_eq!(id.len(), 64);
    let history = repository.history();
    let shown = history.show(&id[..12], MANY).unwrap();
    assert_eq!(shown.commit.id, id);
    assert!(shown.changes.diff.contains("+one"));
    assert_eq!(history.blame("a", "one\n", 1, 1).unwrap().commits[0].id, id);
}

#[test]
fn what_is_checked_out_is_told_with_its_branch_and_whether_files_differ() {
    let (repository, _, second) = pool();
    let dir = repository.path().canonicalize().unwrap();
    let told = |dir: &Path| {
        let roots = dir.canonicalize().unwrap();
        let all = ProjectHistory::new(roots, Secrets::new(&[]).unwrap()).checkouts();
        all.into_iter().map(|it| (it.branch, it.commit, it.is_changed)).next()
    };
    let main = || Some("main".to_owned());
    assert_eq!(told(&dir), Some((main(), second.clone(), Some(false))));
    repository.write("untracked", "");
    assert_eq!(told(&dir), Some((main(), second.clone(), Some(false))));
    repository.write("pool.rs", "fn open() {}\n");
    assert_eq!(told(&dir), Some((main(), second.clone(), Some(true))));
    repository.git(&["checkout", "-q", "-f", "--detach"]);
    let tree = dir.with_extension("tree");
    repository.git(&["worktree", "add", "-q", "-b", "side", tree.to_str().unwrap()]);
    assert_eq!(told(&tree), Some((Some("side".to_owned()), second.clone(), Some(false))));
    fs::remove_dir_all(&tree).unwrap();
    assert_eq!(told(&dir), Some((None, second.clone(), Some(false))));
    let bare = tempfile::tempdir().unwrap();
    repository.git(&["clone", "-q", "--bare", ".", bare.path().to_str().unwrap()]);
    assert!(told(bare.path()).is_some_and(|it| it.1 == second));
    let empty = Repository::new(&[]);
    assert_eq!(told(empty.path()), None);
    assert_eq!(told(tempfile::tempdir().unwrap().path()), None);
}

#[test]
fn p10_telling_whether_files_differ_runs_nothing_of_the_repository() {
    let (repository, _, second) = pool();
    let marker = repository.path().join("marker");
    let run = format!("sh -c 'touch {}; cat'", marker.display());
    for (name, value) in [
        ("filter.evil.clean", run.as_str()),
        ("filter.evil.smudge", &run),
        ("filter.evil.process", &run),
        ("filter.evil.required", "true"),
        ("filter.Odd \"[x].clean", &run),
        ("core.fsmonitor", &run),
        ("core.hooksPath", ".git/hooks"),
        ("diff.external", &run),
        ("submodule.recurse", "true"),
    ] {
        repository.git(&["config", name, value]);
    }
    fs::write(repository.path().join(".git/info/attributes"), "* filter=evil\n").unwrap();
    let changed = || repository.history().checkouts().pop();
    for text in ["fn other() {}\n", "fn o() {}\n\nfn drain() {\n    wait();\n}\n\nfn close() {}\n"]
    {
        repository.write("pool.rs", text);
        let told = changed().unwrap();
        assert_eq!((told.commit.as_str(), told.is_changed), (second.as_str(), Some(true)));
    }
    repository.git(&["config", "filter.a=b.clean", &run]);
    assert_eq!(changed().unwrap().is_changed, None);
    assert!(!marker.exists(), "a setting of the repository ran a program");
}
