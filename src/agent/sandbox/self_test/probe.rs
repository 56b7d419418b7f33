//! The probe: runs in an agent's place, under the same rules, and tries what an agent can and cannot do.
//!
//! In a real project it makes only harmless attempts: it opens files for writing without writing, and
//! creates unnamed files. Only after all of these were refused does it try to create a named one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use rustix::{
    fs::{OFlags, XattrFlags},
    process::{self, Pid},
};
use uuid::Uuid;

use super::{
    AttemptKind::{Change, ChangeElsewhere, Read as Reading},
    ProbeReport,
    attempts::Attempts,
    isolation::{try_processes_and_network, try_syscalls, try_syscalls_on},
    plan::{Decoys, ProbePlan},
    user_files,
};
use crate::agent::sandbox;

/// Directory entries that are searched for a file at most.
const MOST_ENTRIES: usize = 256;

/// Makes all attempts of the plan.
pub fn probe(plan: &ProbePlan) -> ProbeReport {
    let mut attempts = Attempts::default();
    let server = plan.server.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    let server = server.or_else(process::getppid);
    try_reads(&mut attempts, plan, server);
    user_files::try_user_files(&mut attempts, &plan.user_files);
    match &plan.decoys {
        Some(decoys) => {
            for root in &plan.roots {
                try_syscalls_on(&mut attempts, &root.join("file"));
                try_changes(&mut attempts, plan, root, decoys, server);
            }
            try_processes_and_network(&mut attempts, plan, decoys, server);
            try_syscalls(&mut attempts);
        }
        None => {
            for root in &plan.roots {
                try_harmless_changes(&mut attempts, root);
            }
        }
    }
    let uid = process::geteuid().as_raw();
    ProbeReport { kernel: sandbox::kernel_support(), uid, attempts: attempts.0 }
}

/// Tries reads that must work and reads that must not.
fn try_reads(attempts: &mut Attempts, plan: &ProbePlan, server: Option<Pid>) {
    for root in &plan.roots {
        if !plan.reads_project {
            attempts.refused(Reading, "list the project", fs::read_dir(root));
        } else {
            attempts.allowed(Reading, "list the project", fs::read_dir(root));
        }
        if let Some(file) = a_file(root) {
            attempts.allowed(Reading, "read a file of the project", read(&file));
        }
    }
    attempts.allowed(Reading, "read chance", read("/dev/urandom"));
    let null = OpenOptions::new().write(true).open("/dev/null");
    attempts.allowed(
        ChangeElsewhere,
        "write to nothing",
        null.and_then(|mut it| it.write_all(b"x")),
    );
    for own in plan.own.iter().filter(|own| own.is_dir()) {
        let what = "write, read and delete a file of its own";
        attempts.allowed(ChangeElsewhere, what, use_own(own));
    }

    attempts.refused(Reading, "read the list of users", read("/etc/passwd"));
    attempts.refused(Reading, "list the root directory", fs::read_dir("/"));
    if plan.database.exists() {
        attempts.refused(Reading, "read the database", read(&plan.database));
    }
    attempts.refused(Reading, "leave by /proc/self/root", read("/proc/self/root/etc/passwd"));
    if let Some(server) = server {
        let of_server = |name: &str| format!("/proc/{server}/{name}");
        attempts.refused(Reading, "read the server's environment", read(of_server("environ")));
        let root = read(of_server("root/etc/passwd"));
        attempts.refused(Reading, "leave by the server's root", root);
        attempts.refused(Reading, "list the server's directory", fs::read_dir(of_server("cwd")));
    }
    if let (Some(decoys), Some(project)) = (&plan.decoys, plan.roots.first()) {
        let secret = decoys.dir.join("secret");
        attempts.refused(Reading, "read beside the project", read(&secret));
        attempts.refused(Reading, "leave by a link", read(project.join("link-out/secret")));
        let climbed = project.join("..").join(name_of(&decoys.dir)).join("secret");
        attempts.refused(Reading, "leave by `..`", read(climbed));
        // Only an agent that reads the project works in it.
        if plan.reads_project {
            let by_cwd = Path::new("/proc/self/cwd/..").join(name_of(&decoys.dir)).join("secret");
            attempts.refused(Reading, "leave by /proc/self/cwd", read(by_cwd));
        }
    }
}

/// Tries changes of a real project that are harmless if they work.
fn try_harmless_changes(attempts: &mut Attempts, project: &Path) {
    if let Some(file) = a_file(project) {
        let open = |options: &mut OpenOptions| options.open(&file);
        attempts.refused(Change, "overwrite a file", open(OpenOptions::new().write(true)));
        attempts.refused(Change, "append to a file", open(OpenOptions::new().append(true)));
    }
    attempts.refused(Change, "create a file without a name", unnamed(project));
    if attempts.is_broken() {
        return;
    }
    let new = project.join(format!(".cicerone-self-test-{}", Uuid::new_v4()));
    let created = File::create_new(&new);
    if created.is_ok() {
        fs::remove_file(&new).ok();
    }
    attempts.refused(Change, "create a file", created);
    let made = fs::create_dir(&new);
    if made.is_ok() {
        fs::remove_dir(&new).ok();
    }
    attempts.refused(Change, "create a directory", made);
}

/// Tries changes of the scratch project and its decoys. Without the sandbox, everybody could change its
/// `file`, `dir` and `link-out`.
fn try_changes(
    attempts: &mut Attempts,
    plan: &ProbePlan,
    project: &Path,
    decoys: &Decoys,
    server: Option<Pid>,
) {
    let file = &project.join("file");
    let at = |name: &str| project.join(name);
    let write = || OpenOptions::new().write(true).open(file);
    let mut change = |what: &str, tried: io::Result<()>| attempts.refused(Change, what, tried);

    change("create a file", File::create_new(at("new")).map(drop));
    change("create a file without a name", unnamed(project).map(drop));
    change("overwrite a file", write().and_then(|mut file| file.write_all(b"x")));
    let append = OpenOptions::new().append(true).open(file);
    change("append to a file", append.and_then(|mut file| file.write_all(b"x")));
    let cut = OpenOptions::new().write(true).truncate(true).open(file);
    change("cut a file short", cut.map(drop));
    let cut = OpenOptions::new().read(true).custom_flags(libc::O_TRUNC).open(file);
    change("cut a file short that it may read", cut.map(drop));
    change("rename a file", move_and_back(file, &at("renamed")));
    change("create a directory", fs::create_dir(at("made")));
    change("create a symbolic link", symlink("file", at("symbolic")));
    change("create a hard link", fs::hard_link(file, at("hard")));
    if let Some(own) = plan.own.iter().find(|own| own.is_dir()) {
        let mine = own.join("probe");
        write_new(&mine, b"mine").ok();
        change("put a file of its own there", fs::rename(&mine, at("put")));
        change("move a file away", move_and_back(file, &own.join("moved")));
        change("link a file to where it can write", fs::hard_link(file, own.join("linked")));
        let to_file = own.join("to-file");
        symlink(file, &to_file).ok();
        let by_link = OpenOptions::new().write(true).open(&to_file);
        change("overwrite a file by a link", by_link.map(drop));
        for name in ["probe", "moved", "linked", "to-file"] {
            fs::remove_file(own.join(name)).ok();
        }
    }
    let open = |path: PathBuf| OpenOptions::new().write(true).open(path).map(drop);
    if plan.reads_project {
        change("overwrite a file by /proc/self/cwd", open("/proc/self/cwd/file".into()));
    }
    if let Some(server) = server {
        let root = PathBuf::from(format!("/proc/{server}/root"));
        let by_root = root.join(file.strip_prefix("/").unwrap_or(file));
        change("overwrite a file by the server's root", open(by_root));
    }
    change("change a mode", change_mode(file));
    change("change a time", change_time(file));
    change(
        "change an owner",
        std::os::unix::fs::chown(file, Some(process::getuid().as_raw()), None),
    );
    change("change an attribute", set_attribute(file));
    change("delete a file", fs::remove_file(file));
    change("delete a directory", fs::remove_dir(at("dir")));

    let secret = decoys.dir.join("secret");
    let mut elsewhere = |what: &str, tried| attempts.refused(ChangeElsewhere, what, tried);
    elsewhere(
        "create a file beside the project",
        File::create_new(decoys.dir.join("new")).map(drop),
    );
    elsewhere("overwrite a file beside the project", open(secret));
    elsewhere("overwrite a file by a link out", open(at("link-out/secret")));
    elsewhere("run a program that it wrote", run_own(plan));
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    File::create_new(path)?.write_all(content)
}

fn read(path: impl AsRef<Path>) -> io::Result<()> {
    File::open(path)?.read(&mut [0]).map(drop)
}

/// A regular file in the project's directory, preferably a readable one.
fn a_file(project: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(project).ok()?.filter_map(Result::ok).take(MOST_ENTRIES);
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    let opened = files.iter().find(|file| File::open(file).is_ok());
    opened.or(files.first()).cloned()
}

fn name_of(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// Creates an unnamed file, which is gone when closed.
fn unnamed(dir: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::TMPFILE.bits()).unwrap_or_default();
    OpenOptions::new().write(true).custom_flags(flags).open(dir)
}

/// Moves the file back on success, for the attempts that follow.
fn move_and_back(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    fs::rename(to, from)
}

fn use_own(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!("self-test-{}", Uuid::new_v4()));
    write_new(&path, b"mine")?;
    let read = fs::read(&path);
    fs::remove_file(&path)?;
    match read? == b"mine" {
        true => Ok(()),
        false => Err(io::Error::other("something else was read than was written")),
    }
}

fn without_effect() -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, "it had no effect")
}

/// Compares the mode before and after, since the call claims to succeed.
fn change_mode(file: &Path) -> io::Result<()> {
    let before = fs::metadata(file)?.permissions().mode();
    fs::set_permissions(file, fs::Permissions::from_mode(before ^ 0o111))?;
    match fs::metadata(file)?.permissions().mode() == before {
        true => Err(without_effect()),
        false => Ok(()),
    }
}

fn change_time(file: &Path) -> io::Result<()> {
    let before = fs::metadata(file)?.mtime();
    File::open(file)?.set_modified(SystemTime::UNIX_EPOCH)?;
    match fs::metadata(file)?.mtime() == before {
        true => Err(without_effect()),
        false => Ok(()),
    }
}

fn set_attribute(file: &Path) -> io::Result<()> {
    Ok(rustix::fs::setxattr(file, "user.cicerone", b"x", XattrFlags::empty())?)
}

fn run_own(plan: &ProbePlan) -> io::Result<()> {
    let dir = plan.own.iter().find(|own| own.is_dir()).ok_or(ErrorKind::NotFound)?;
    let script = dir.join("probe.sh");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o700).open(&script)?.write_all(b"#!/bin/sh\n")?;
    let ran = Command::new(&script).status().map(drop);
    fs::remove_file(&script)?;
    ran
}
