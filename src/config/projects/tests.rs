//! Tests.

use tempfile::TempDir;

use super::*;

struct Disk {
    dir: TempDir,
    env: ProcessEnv,
}

impl Disk {
    fn with_dirs(dirs: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in dirs {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let env =
            ProcessEnv { current_dir: dir.path().canonicalize().unwrap(), ..ProcessEnv::default() };
        Self { dir, env }
    }

    fn find(&self, file: &str, pairs: &[&str], dirs: &[&str]) -> Result<ProjectSet, ConfigMistake> {
        let mut layers = Layers::new(&self.env);
        layers.add_file(file, &self.env.current_dir.join("c.toml"))?;
        let named = NamedProjects {
            pairs: pairs.iter().map(|pair| (*pair).to_owned()).collect(),
            dirs: dirs.iter().map(PathBuf::from).collect(),
        };
        find(&layers, &layers.tables()?.discovery, &named, &self.env, Path::new("/data"))
    }

    fn error(&self, file: &str, pairs: &[&str], dirs: &[&str]) -> String {
        let error = self.find(file, pairs, dirs).unwrap_err();
        self.shorten(&error.to_string())
    }

    /// Text without the path of the temporary directory.
    fn shorten(&self, text: &str) -> String {
        text.replace(self.env.current_dir.to_str().unwrap(), "")
    }

    #[track_caller]
    fn check(&self, found: &ProjectSet, expected: &[(&str, &str)]) {
        let seen: Vec<_> = found
            .projects
            .iter()
            .map(|project| {
                (project.name.to_string(), self.shorten(project.roots.first().to_str().unwrap()))
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, dir)| ((*name).to_owned(), (*dir).to_owned())).collect();
        assert_eq!(seen, expected);
        assert_eq!(found.origins.len(), seen.len());
    }
}

#[test]
fn without_a_word_it_is_the_current_directory() {
    let disk = Disk::with_dirs(&[]);
    let found = disk.find("", &[], &[]).unwrap();
    assert_eq!(found.projects[0].roots.first(), disk.env.current_dir);
    assert_eq!(found.origins, [ValueOrigin::CurrentDirectory]);
}

#[test]
fn the_command_line_takes_the_place_of_the_environment_and_that_of_the_file() {
    let mut disk = Disk::with_dirs(&["a", "b", "c", "d"]);
    let file = "[projects]\nf = \"a\"\n";
    disk.check(&disk.find(file, &[], &[]).unwrap(), &[("f", "/a")]);
    disk.env.variables.insert("CICERONE_PROJECT".into(), "x=b:y=c".into());
    disk.check(&disk.find(file, &[], &[]).unwrap(), &[("x", "/b"), ("y", "/c")]);
    let found = disk.find(file, &["z=a"], &["d"]).unwrap();
    disk.check(&found, &[("z", "/a"), ("d", "/d")]);
}

#[test]
fn a_directory_named_on_the_command_line_must_be_there() {
    let disk = Disk::with_dirs(&[]);
    fs::write(disk.dir.path().join("file"), "").unwrap();
    for (pairs, dirs) in [(vec!["a=none"], vec![]), (vec![], vec!["none"]), (vec![], vec!["file"])]
    {
        let error = disk.error("", &pairs, &dirs);
        assert!(error.starts_with("project directory /"), "{error}");
        assert!(error.contains("cannot be read: check its spelling"), "{error}");
    }
}

#[test]
fn a_directory_of_the_file_may_be_missing_and_is_warned_of() {
    let disk = Disk::with_dirs(&[]);
    let found = disk.find("[projects]\na = \"none\"\n", &[], &[]).unwrap();
    disk.check(&found, &[("a", "/none")]);
    let [warning] = found.warnings.as_slice() else { panic!("{:?}", found.warnings) };
    assert_eq!(warning.level, Level::Warn);
    assert_eq!(
        disk.shorten(&warning.text),
        "project directory cannot be read dir=/none origin=/c.toml:2"
    );
}

#[test]
fn a_name_that_breaks_the_rule_is_refused_where_somebody_chose_it() {
    let disk = Disk::with_dirs(&["a"]);
    let error = disk.error("", &["my app=a"], &[]);
    assert!(error.ends_with("(flag --project); did you mean `my-app`?"), "{error}");
    let error = disk.error("[projects]\n\"ä\" = \"a\"\n", &[], &[]);
    assert!(error.contains("(/c.toml:2)"), "{error}");
    for text in ["a", "=a", "a="] {
        let error = disk.error("", &[text], &[]);
        assert_eq!(
            error,
            format!("{text:?} (flag --project) names no project: write NAME=DIRECTORY")
        );
    }
}

#[test]
fn two_projects_of_one_name_are_refused() {
    let disk = Disk::with_dirs(&["a", "b"]);
    let error = disk.error("", &["x=a", "x=b"], &[]);
    assert_eq!(error, "two projects are named `x`: /a and /b; rename one");
}

#[test]
fn a_directory_name_is_mended_and_a_taken_one_numbered_and_both_are_said() {
    let long = "l".repeat(50);
    let (long_1, long_2) = (format!("1/{long}"), format!("2/{long}"));
    let disk = Disk::with_dirs(&["1/my app", "2/my-app", "3/my-app", &long_1, &long_2]);
    let dirs = ["1/my app", "2/my-app", "3/my-app", "2/my-app", &long_1, &long_2];
    let found = disk.find("", &[], &dirs).unwrap();
    let cut = format!("{}-2", "l".repeat(48));
    disk.check(
        &found,
        &[
            ("my-app", "/1/my app"),
            ("my-app-2", "/2/my-app"),
            ("my-app-3", "/3/my-app"),
            (&long, &format!("/{long_1}")),
            (&cut, &format!("/{long_2}")),
        ],
    );
    let texts: Vec<_> = found.warnings.iter().map(|warning| disk.shorten(&warning.text)).collect();
    assert_eq!(
        texts[..3],
        [
            "project is served under another name name=my-app wanted=\"my app\" dir=/1/my app",
            "project is served under another name name=my-app-2 wanted=\"my-app\" dir=/2/my-app",
            "project is served under another name name=my-app-3 wanted=\"my-app\" dir=/3/my-app",
        ]
    );
    assert_eq!(texts[3], "directory is already served dir=/2/my-app");
}

#[test]
fn the_children_of_a_root_are_projects_but_hidden_ones_and_files() {
    let disk = Disk::with_dirs(&["src/b", "src/a", "src/.git", "own"]);
    fs::write(disk.dir.path().join("src/file"), "").unwrap();
    let file = "[projects]\nmine = \"own\"\n[discovery]\nroots = [\"src\", \"none\"]\n";
    let found = disk.find(file, &[], &[]).unwrap();
    disk.check(&found, &[("mine", "/own"), ("a", "/src/a"), ("b", "/src/b")]);
    let [warning] = found.warnings.as_slice() else { panic!("{:?}", found.warnings) };
    assert!(
        disk.shorten(&warning.text)
            .starts_with("root cannot be read, its projects are not served dir=/none")
    );
}

#[test]
fn the_registry_of_the_legacy_system_adds_its_projects() {
    let disk = Disk::with_dirs(&["a", "b"]);
    let here = disk.env.current_dir.display();
    rusqlite::Connection::open(disk.dir.path().join("registry.db"))
        .unwrap()
        .execute_batch(&format!(
            "CREATE TABLE projects (name TEXT, path TEXT, created_at TEXT);
             INSERT INTO projects VALUES ('a', '{here}/a', ''), ('b', '{here}/a', ''), ('c', '{here}/gone', '');"
        ))
        .unwrap();
    let file = "[projects]\na = \"a\"\nb = \"b\"\n[discovery]\nregistry = \"registry.db\"\n";
    let found = disk.find(file, &[], &[]).unwrap();
    disk.check(&found, &[("a", "/a"), ("b", "/b"), ("b-2", "/a"), ("c", "/gone")]);
    assert!(disk.find("[discovery]\nregistry = \"none.db\"\n", &[], &[]).is_err());
}

#[cfg(unix)]
#[test]
fn a_data_directory_behind_a_link_into_a_project_is_refused() {
    let disk = Disk::with_dirs(&["project", "elsewhere"]);
    let root = disk.dir.path();
    std::os::unix::fs::symlink(root.join("project"), root.join("link")).unwrap();
    let projects = disk.find("", &[], &["project"]).unwrap().projects;
    let check = |dir: &str| check_written_dir("server.data_dir", &root.join(dir), &projects);
    assert!(check("link/data").is_err());
    assert!(check("project").is_err());
    check("elsewhere/data").unwrap();
    check("project-data").unwrap();
}
