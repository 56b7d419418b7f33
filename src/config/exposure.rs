//! Exposure of secrets: what agents may read besides their project, and checks that no secret of
//! the server lies there.
//!
//! The same lists make the sandbox of agents.

use std::{
    borrow::Cow,
    collections::HashSet,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    config::{
        error::{ConfigMistake, ConfigWarning},
        keys::{FORGES, PROJECTS},
        settings::{
            Settings,
            agents::{AgentConfig, NamedAgent},
        },
    },
    git_remote::{RemoteLogin, Repository},
    project::Project,
};

/// Programs and libraries of the system.
pub(crate) const PROGRAMS: [&str; 11] = [
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/nix/store",
    "/gnu/store",
];

/// System files that programs look up: names, trusted certificates, locales, time zones, hardware.
/// Nothing here tells of users or of other processes. Of the TLS directories of each distribution,
/// only trusted certificates and the library's settings are listed, never keys.
pub(crate) const SYSTEM: [&str; 42] = [
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/ct_log_list.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/tls/openssl.d",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/ct_log_list.cnf",
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/proc/version",
    "/run/systemd/resolve",
    "/sys/devices/system/cpu",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/i18n",
    "/usr/share/locale",
    "/usr/share/pki",
    "/usr/share/terminfo",
    "/usr/share/zoneinfo",
    "/var/lib/ca-certificates",
];

/// Variables that name files or directories of certificates and accounts.
const NAMING: [&str; 8] = [
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// Variables that choose a cloud, and the directory of its account in the home directory.
const CLOUDS: [(&str, &str); 2] =
    [("CLAUDE_CODE_USE_BEDROCK", ".aws"), ("CLAUDE_CODE_USE_VERTEX", ".config/gcloud")];

/// Files named by the environment, and the directory of a cloud's account. `value` looks up a
/// variable that is not empty.
pub(crate) fn named_files<'a>(value: impl Fn(&str) -> Option<&'a OsStr>) -> Vec<PathBuf> {
    let named = NAMING.iter().filter_map(|name| value(name)).map(PathBuf::from);
    let home = value("HOME").map(PathBuf::from);
    let clouds = CLOUDS.iter().filter(|(name, _)| value(name).is_some());
    let accounts = clouds.filter_map(|(_, dir)| Some(home.as_ref()?.join(dir)));
    named.chain(accounts).filter(|path| path.is_absolute()).collect()
}

/// A file or directory with a secret, and the key that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretFile {
    pub(super) key: Cow<'static, str>,
    pub(super) path: PathBuf,
}

/// The files and directories that hold secrets of the server.
pub(super) fn secret_files(settings: &Settings) -> Vec<SecretFile> {
    let tls = settings.tls.as_ref();
    let certificate = tls.map(|tls| &tls.certificate).filter(|file| holds_private_key(file));
    let mut seen = HashSet::new();
    [
        ("access.viewer_token_file", settings.access.viewer_token_file.as_ref()),
        ("access.admin_token_file", settings.access.admin_token_file.as_ref()),
        ("oidc.secret_file", settings.oidc.secret_file.as_ref()),
        ("webhooks.secret_file", settings.webhooks.secret_file.as_ref()),
        ("cluster.secret_file", settings.cluster.secret_file.as_ref()),
        ("cluster.user_file", settings.cluster.user_file.as_ref()),
        ("cluster.tls_key", settings.cluster.tls_key.as_ref()),
        ("server.tls_key", tls.map(|tls| &tls.key)),
        ("server.tls_certificate", certificate),
        ("server.data_dir", Some(&settings.data_dir)),
        ("agent.record", settings.agent.record.as_ref()),
    ]
    .into_iter()
    .filter_map(|(key, path)| Some(SecretFile { key: key.into(), path: path?.clone() }))
    .chain(settings.agent.named.iter().filter_map(key_file))
    .chain(
        settings
            .live
            .forges
            .iter()
            .flat_map(|it| login_files(format!("{FORGES}.{}", it.name), &it.login)),
    )
    .chain(settings.live.repositories.iter().flat_map(repository_files))
    // The repositories of a forge share theirs.
    .filter(|secret| seen.insert(secret.path.clone()))
    .collect()
}

fn repository_files(repository: &Repository) -> impl Iterator<Item = SecretFile> {
    let name = repository.name().map(ToString::to_string).unwrap_or_default();
    login_files(format!("{PROJECTS}.{name}"), &repository.remote.login)
}

/// The files by which git logs in, named in a table.
fn login_files(table: String, login: &RemoteLogin) -> impl Iterator<Item = SecretFile> {
    let files = [("token_file", &login.token_file), ("ssh_key", &login.ssh_key)];
    files.into_iter().filter_map(move |(key, path)| {
        Some(SecretFile { key: format!("{table}.{key}").into(), path: path.clone()? })
    })
}

/// The file with the key of a model service.
fn key_file(agent: &NamedAgent) -> Option<SecretFile> {
    let AgentConfig::Model(model) = &agent.config else { return None };
    let key = format!("agents.{}.key_file", agent.name).into();
    Some(SecretFile { key, path: model.key_file.clone()? })
}

fn holds_private_key(file: &Path) -> bool {
    let text = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("PRIVATE KEY-----")
}

/// Refuses secrets where agents read: in a project, in what all agents may read, and in `readable`,
/// which the settings and the environment add.
pub(super) fn check(
    files: &[SecretFile],
    projects: &[Project],
    readable: &[PathBuf],
) -> Result<(), ConfigMistake> {
    for SecretFile { key, path } in files {
        // Who may read the target may read the link.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let resolved = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let is_around =
            |project: &&Project| project.roots.dirs().any(|dir| real.starts_with(resolved(dir)));
        if let Some(project) = projects.iter().find(is_around) {
            let (key, path, name) = (key.clone(), path.clone(), project.name.clone());
            return Err(ConfigMistake::SecretInProject { key, path, name });
        }
        let all = SYSTEM.iter().chain(&PROGRAMS).map(Path::new);
        let holds_it = |dir: &&Path| real.starts_with(resolved(dir));
        let mut added = readable.iter().map(PathBuf::as_path);
        let is_in_it = |dir: &&Path| resolved(dir).starts_with(&real);
        let found = all.chain(added.clone()).find(holds_it).or_else(|| added.find(is_in_it));
        if let Some(dir) = found {
            let (key, path, dir) = (key.clone(), path.clone(), dir.to_owned());
            return Err(ConfigMistake::SecretReadable { key, path, dir });
        }
    }
    Ok(())
}

/// Whether other people than the server's user can ask: from other machines, through a proxy, or with
/// a token of their own.
pub(super) fn serves_others(settings: &Settings) -> bool {
    let access = &settings.access;
    settings.listen.iter().any(|address| !address.ip().is_loopback())
        || access.has_token()
        || !access.hosts.is_empty()
        || !access.trusted_proxies.is_empty()
}

/// Warns of what is allowed and yet may be a mistake.
pub(super) fn warnings(settings: &Settings, secrets: &[SecretFile]) -> Vec<ConfigWarning> {
    let paths = secrets.iter().map(|secret| &secret.path);
    let mut texts: Vec<String> = paths
        .filter(|path| path.is_file() && is_readable_by_others(path))
        .map(|path| format!("{} can be read by other users: chmod 600 {0}", path.display()))
        .collect();
    if let Some(listen) = settings.listen.iter().find(|address| !address.ip().is_loopback()) {
        if listen.ip().is_unspecified() && settings.access.hosts.is_empty() {
            texts.push(format!(
                "listening on {listen} but only loopback names are let in: add the host names of \
                 this server to `access.hosts`"
            ));
        }
        if settings.tls.is_none() {
            texts.push(format!(
                "listening on {listen} without TLS: tokens and conversations can be read on the \
                 network; set `server.tls_certificate` and `server.tls_key`"
            ));
        }
    }
    if settings.agent.serves_others && settings.agent.share_login {
        texts.push(
            "a personal login of an agent's service answers other people too, as \
             `agent.share_login` says: the terms of the service may forbid that"
                .to_owned(),
        );
    }
    texts.into_iter().map(ConfigWarning::warn).collect()
}

fn is_readable_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::project::ProjectName;

    fn refused(path: &Path, readable: &[PathBuf], projects: &[Project]) -> Option<String> {
        let file = SecretFile { key: "server.tls_key".into(), path: path.to_owned() };
        check(&[file], projects, readable).err().map(|error| error.to_string())
    }

    #[test]
    fn p6_a_secret_file_that_agents_could_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (shared, own) = (base.join("shared"), base.join("own"));
        fs::create_dir(&shared).unwrap();
        fs::create_dir(&own).unwrap();
        fs::write(shared.join("guide.key"), "key").unwrap();
        symlink(shared.join("guide.key"), own.join("linked.key")).unwrap();
        symlink(&shared, base.join("other-name")).unwrap();
        let project = Project::new(ProjectName::mend("shop"), base.join("project"));
        let (readable, projects) = ([base.join("other-name")], [project]);
        for path in [
            Path::new("/etc/ssl/certs/guide.key"),
            Path::new("/etc/pki/tls/certs/guide.key"),
            Path::new("/etc/ssl/cert.pem"),
            Path::new("/usr/lib/guide.key"),
            Path::new("/usr/local/share/ca-certificates/guide.key"),
            &shared.join("guide.key"),
            &own.join("linked.key"),
            &shared.join("not/there/yet.key"),
        ] {
            let words = refused(path, &readable, &projects);
            let words = words.unwrap_or_else(|| panic!("{path:?} was taken"));
            assert!(words.contains("server.tls_key") && words.contains("agents"), "{words}");
        }
        let words = refused(&base.join("project/guide.key"), &readable, &projects).unwrap();
        assert!(words.contains("inside project `shop`"), "{words}");
        for path in [
            Path::new("/etc/ssl/private/guide.key"),
            Path::new("/etc/ssl/guide.key"),
            Path::new("/etc/pki/tls/private/guide.key"),
            Path::new("/etc/cicerone/guide.key"),
            &own.join("guide.key"),
        ] {
            assert_eq!(refused(path, &readable, &projects), None, "{path:?}");
        }
    }

    #[test]
    fn p6_agents_read_what_is_trusted_and_no_key_of_the_system() {
        for key in ["/etc/ssl/private", "/etc/ssl/guide.key", "/etc/pki/tls/private", "/etc/pki/CA"]
        {
            let is_readable = |path: &str| Path::new(key).starts_with(path);
            assert!(!SYSTEM.iter().chain(&PROGRAMS).any(|path| is_readable(path)), "{key}");
        }
        for trusted in ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf"] {
            assert!(SYSTEM.iter().any(|path| Path::new(trusted).starts_with(path)), "{trusted}");
        }
    }

    #[test]
    fn an_account_of_a_cloud_can_be_read() {
        let named = named_files(|name| match name {
            "HOME" => Some(OsStr::new("/home/me")),
            "CLAUDE_CODE_USE_BEDROCK" => Some(OsStr::new("1")),
            "NODE_EXTRA_CA_CERTS" => Some(OsStr::new("/opt/ca.pem")),
            _ => None,
        });
        assert_eq!(named, [PathBuf::from("/opt/ca.pem"), "/home/me/.aws".into()]);
    }
}
