//! The access that an agent needs, turned into a [`Profile`]. Blocks.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::config::{
    exposure,
    settings::{AgentSettings, Limits, Sandbox},
};

use crate::project::Roots;

use super::{Profile, User};

/// Variables that name a proxy.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];

/// Variables by which a program finds proxies and trusted certificates.
pub(crate) const NETWORK_VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Longest first line of a script that is read, in bytes.
const FIRST_LINE: u64 = 512;

/// What one agent needs beyond the common paths.
#[derive(Debug)]
pub(crate) struct AccessNeeds<'a> {
    /// The project's directories, for an agent that reads them itself.
    pub project: Option<&'a Roots>,
    /// The agent's program, and `cicerone`.
    pub programs: [&'a Path; 2],
    pub environment: &'a [(OsString, OsString)],
    /// Further files that it reads.
    pub read: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    /// TCP ports to connect to.
    pub ports: Vec<u16>,
}

impl AccessNeeds<'_> {
    /// The profile of this agent.
    pub(crate) fn profile(
        self,
        settings: &AgentSettings,
        limits: &Limits,
        user: Option<User>,
    ) -> Profile {
        let mut read: Vec<PathBuf> = exposure::SYSTEM.iter().map(PathBuf::from).collect();
        read.extend(self.project.into_iter().flat_map(Roots::dirs).map(Path::to_owned));
        read.extend(self.read);
        read.extend(settings.readable.iter().cloned());
        read.extend(exposure::named_files(|name| value(self.environment, name)));
        let path = value(self.environment, "PATH").unwrap_or_default();
        let mut run: Vec<PathBuf> = exposure::PROGRAMS.iter().map(PathBuf::from).collect();
        run.extend(files_of(self.programs, path));
        Profile {
            strict: settings.sandbox == Sandbox::Required,
            read,
            run,
            write: self.write,
            ports: self.ports,
            user,
            reads_all: false,
            open_files: limits.agent_open_files as u64,
            file_bytes: limits.agent_file_bytes as u64,
            processes: limits.agent_processes as u64,
            #[cfg(feature = "faults")]
            faults: Vec::new(),
        }
    }
}

/// The files of an agent's program, and `cicerone`, which is one file wherever it lies.
fn files_of([agent, own]: [&Path; 2], path: &OsStr) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = own.canonicalize().ok().into_iter().collect();
    if agent != own {
        files.extend(parts_of(agent, path));
    }
    files
}

/// The files of a program: its real path, the package or the Python environment around it, and the
/// interpreter of a script.
pub(crate) fn parts_of(program: &Path, path: &OsStr) -> Vec<PathBuf> {
    let Ok(real) = program.canonicalize() else { return Vec::new() };
    let mut parts = vec![real.clone()];
    let package = real.ancestors().skip(1).take(4).find(|dir| dir.join("package.json").is_file());
    if let Some(package) = package {
        parts.push(modules_of(package).unwrap_or(package).to_owned());
    }
    let environment = real.ancestors().skip(1).take(3).find(|dir| dir.join("pyvenv.cfg").is_file());
    parts.extend(environment.map(Path::to_owned));
    if let Some(interpreter) = interpreter(&real, path) {
        parts.extend(interpreter.canonicalize().ok());
    }
    parts
}

/// The directory of all packages, for a package whose own lie beside it.
fn modules_of(package: &Path) -> Option<&Path> {
    if package.join("node_modules").is_dir() {
        return None;
    }
    let description = std::fs::read(package.join("package.json")).ok()?;
    let description: serde_json::Value = serde_json::from_slice(&description).ok()?;
    description.get("dependencies")?.as_object().filter(|needed| !needed.is_empty())?;
    package.ancestors().skip(1).take(2).find(|dir| dir.ends_with("node_modules"))
}

/// The interpreter in the first line of a script.
fn interpreter(script: &Path, path: &OsStr) -> Option<PathBuf> {
    let mut start = Vec::new();
    File::open(script).ok()?.take(FIRST_LINE).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let first = Path::new(words.next()?);
    if first.file_name()? != "env" {
        return Some(first.to_owned());
    }
    let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// TCP ports to connect to: the configured ones, and those of the API and of proxies in the environment.
pub(crate) fn ports(configured: &[u16], environment: &[(OsString, OsString)]) -> Vec<u16> {
    let mut ports = configured.to_vec();
    for (name, value) in environment {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        let names_service = name.starts_with("ANTHROPIC_") && name.ends_with("_URL");
        if names_service || PROXIES.contains(&name) {
            ports.extend(port_of(value));
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The port of an address such as `http://user:word@host:8080/path`; without a scheme, `http`.
pub(crate) fn port_of(address: &str) -> Option<u16> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit('@').next().filter(|host| !host.is_empty())?;
    let after_brackets = host.rsplit(']').next()?;
    match after_brackets.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None if scheme.eq_ignore_ascii_case("https") => Some(443),
        None if scheme.eq_ignore_ascii_case("http") => Some(80),
        None => None,
    }
}

/// The value of a variable, unless it is empty.
pub(crate) fn value<'a>(
    environment: &'a [(OsString, OsString)],
    wanted: &str,
) -> Option<&'a OsStr> {
    let found = environment.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn ports_are_those_of_the_settings_and_of_the_environment() {
        let environment = environment(&[
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8787/v1"),
            ("HTTPS_PROXY", "http://me:word@proxy.example:3128"),
            ("http_proxy", "proxy.example"),
            ("ANTHROPIC_API_KEY", "http://127.0.0.1:9"),
            ("OTHER_URL", "http://127.0.0.1:10"),
        ]);
        assert_eq!(ports(&[443], &environment), [80, 443, 3128, 8787]);
        assert_eq!(ports(&[], &[]), [] as [u16; 0]);
    }

    #[test]
    fn a_port_is_found_in_every_kind_of_address() {
        for (address, port) in [
            ("https://api.example", Some(443)),
            ("https://[::1]/x:7", Some(443)),
            ("http://[::1]:81", Some(81)),
            ("localhost:3128", Some(3128)),
            ("socks5://host", None),
            ("", None),
        ] {
            assert_eq!(port_of(address), port, "{address}");
        }
    }

    #[test]
    fn a_script_in_a_package_needs_the_package_and_the_program_that_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().canonicalize().unwrap().join("lib/claude");
        fs::create_dir_all(package.join("bin")).unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        fs::write(package.join("package.json"), "{}").unwrap();
        let script = package.join("bin/cli.js");
        fs::write(&script, "#!/usr/bin/env -S node --flag\n").unwrap();
        let node = dir.path().canonicalize().unwrap().join("bin/node");
        fs::write(&node, "").unwrap();
        let link = dir.path().join("bin/claude");
        std::os::unix::fs::symlink(&script, &link).unwrap();
        let parts = parts_of(&link, dir.path().join("bin").as_os_str());
        assert_eq!(parts, [script, package, node]);
    }

    #[test]
    fn nothing_is_granted_around_the_own_program() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().canonicalize().unwrap().join("cicerone");
        fs::write(&own, "").unwrap();
        for neighbour in ["package.json", "pyvenv.cfg"] {
            fs::write(dir.path().join(neighbour), "{}").unwrap();
        }
        assert_eq!(files_of([&own, &own], OsStr::new("")), std::slice::from_ref(&own));
    }
}
