//! Checks of the host: database, disk space, port, open files, projects.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

use bytesize::ByteSize;

use crate::{config::settings::Settings, database, project::Project, server::descriptors};

use super::{Check, home_relative};

/// Free space below which to warn, in bytes.
const LITTLE_SPACE: u64 = 1 << 30; // 1 GiB

/// Free space below which the server cannot work, in bytes.
const NO_SPACE: u64 = 64 << 20; // 64 MiB

/// Time for a program on the port to answer.
const ANSWER: Duration = Duration::from_secs(1);

pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![database(&settings.data_dir)];
    checks.extend(space(&settings.data_dir));
    checks.extend(settings.listen.iter().copied().map(port));
    checks.push(open_files(settings));
    checks.extend(settings.live.projects.iter().map(|it| project(settings, it)));
    checks
}

fn database(data_dir: &Path) -> Check {
    const ABOUT: &str = "database";
    let path = data_dir.join(database::FILE_NAME);
    let shown = home_relative(&path);
    if !path.exists() {
        return Check::ok(ABOUT, format!("{shown} does not exist yet; the server creates it"));
    }
    match database::inspect(&path) {
        Ok(()) => Check::ok(ABOUT, format!("{shown} can be opened")),
        Err(error) => Check::fail(ABOUT, error.to_string()),
    }
}

/// Checks the free space for the data directory.
fn space(data_dir: &Path) -> Option<Check> {
    const ABOUT: &str = "disk";
    let dir = data_dir.ancestors().find(|dir| dir.is_dir())?;
    let shown = home_relative(dir);
    let free = match rustix::fs::statvfs(dir) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            return Some(Check::warn(
                ABOUT,
                format!("cannot determine the free space in {shown}: {error}"),
            ));
        }
    };
    let text = format!("{} free in {shown}", ByteSize(free).display().iec());
    let mend = "free some space, or choose another directory with --data-dir";
    Some(match free {
        free if free < NO_SPACE => Check::fail(ABOUT, format!("{text}: {mend}")),
        free if free < LITTLE_SPACE => Check::warn(ABOUT, format!("{text}: {mend}")),
        _ => Check::ok(ABOUT, text),
    })
}

/// Checks that the limit of open files allows all connections.
fn open_files(settings: &Settings) -> Check {
    const ABOUT: &str = "open files";
    let limit = descriptors::hard_limit();
    let wanted = settings.limits.connections;
    let most = descriptors::connections(&settings.limits, limit);
    if most < wanted {
        let needed = descriptors::needed(&settings.limits);
        let text = format!(
            "at most {limit} files may be open, which allows {most} of {wanted} connections: \
             raise the limit to {needed} (`ulimit -n`, or LimitNOFILE= in systemd's unit), or \
             lower limits.connections"
        );
        return Check::warn(ABOUT, text);
    }
    Check::ok(ABOUT, format!("the limit of {limit} allows {wanted} connections"))
}

fn port(address: SocketAddr) -> Check {
    const ABOUT: &str = "port";
    match TcpListener::bind(address) {
        Ok(_) => Check::ok(ABOUT, format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match is_ours(address) {
            Ok(true) => Check::ok(ABOUT, format!("a Cicerone server answers on {address}")),
            Ok(false) | Err(_) => Check::fail(
                ABOUT,
                format!("another program uses {address}: choose another port with --listen"),
            ),
        },
        Err(error) => Check::fail(
            ABOUT,
            format!("cannot listen on {address}: {error}; choose another with --listen"),
        ),
    }
}

/// Whether a Cicerone server listens there.
fn is_ours(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    write!(stream, "GET /healthz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer.ends_with(r#"{"status":"healthy"}"#))
}

fn project(settings: &Settings, project: &Project) -> Check {
    let mut branches = settings.live.repositories.iter().flat_map(|it| &it.branches);
    let is_from_git = branches.any(|it| it.project == project.name);
    if is_from_git && project.roots.dirs().any(|dir| !dir.exists()) {
        let text = format!("{} is not fetched yet; a server fetches it", project.name);
        return Check::ok("project", text);
    }
    let shown: Vec<_> = project.roots.dirs().map(home_relative).collect();
    let shown = shown.join(" and ");
    let unreadable = |dir: &Path| Some((home_relative(dir), fs::read_dir(dir).err()?));
    match project.roots.dirs().find_map(unreadable) {
        None => Check::ok("project", format!("{} can be read in {shown}", project.name)),
        Some((shown, error)) => Check::fail(
            "project",
            format!(
                "{} cannot be read in {shown}: {error}; restore the directory or correct its path",
                project.name
            ),
        ),
    }
}
