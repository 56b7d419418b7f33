//! Reload of the configuration while the server runs, on SIGHUP or when the list of a forge has changed: what
//! may change is replaced, and what may not is told.

use std::{
    fs,
    io::{self, IsTerminal as _},
    sync::{Arc, PoisonError, RwLock},
};

use actix::Addr;
use actix_web::rt;
use log::LevelFilter;
use rustls::ServerConfig;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::spawn_blocking,
};

use crate::{
    config::{
        Configuration, Loaded,
        settings::{LiveSettings, agents::AgentName},
    },
    project::{Project, ProjectName},
    registry::{Registry, messages::CloseSession},
    session::Resources,
};

use super::{discovery, tls};

/// How the configuration of a running server is read anew.
#[derive(Debug)]
pub struct Reload {
    /// Where it comes from.
    pub configuration: Configuration,
    /// What the server began with.
    pub begun_with: Loaded,
    /// Sets the least severe level that is logged.
    pub set_log_level: fn(LevelFilter),
}

/// The TLS configuration of new connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct CurrentTls(Arc<RwLock<Arc<ServerConfig>>>);

impl CurrentTls {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    pub(super) fn get(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, config: ServerConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}

/// What a reload reaches.
pub(super) struct Reloaded {
    pub(super) resources: Resources,
    pub(super) registry: Addr<Registry>,
    pub(super) tls: Option<CurrentTls>,
}

/// Reloads at each SIGHUP and change of a forge's list, from this call on. `gone` is told when it was the end of the terminal in which
/// the server runs.
pub(super) fn on_hangup(reload: Reload, reloaded: Reloaded, gone: Arc<Notify>) -> io::Result<()> {
    let is_kept = is_ignored(SignalKind::hangup())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (reload, had_terminal) = (Arc::new(reload), has_terminal() && !is_kept);
    // Lists of forges and branches that match: they are kept when this is told.
    let listed = reloaded.resources.repositories.branches_changed();
    rt::spawn(async move {
        loop {
            let forges = reloaded.resources.live.get().forges.clone();
            let _lists = discovery::watch(&forges, &reloaded.resources.settings.data_dir, &listed);
            let asks_forges = tokio::select! {
                signal = hangup.recv() => match signal {
                    Some(()) if had_terminal && !has_terminal() => return gone.notify_one(),
                    Some(()) => true,
                    None => return,
                },
                () = listed.notified() => false,
            };
            reload_once(&reload, &reloaded, asks_forges).await;
        }
    });
    Ok(())
}

/// Whether the process was started so that it outlives its terminal, as `nohup` does.
fn is_ignored(signal: SignalKind) -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & (1 << (signal.as_raw_value() - 1)) != 0))
}

/// Whether a terminal controls this process.
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok_and(|terminal| terminal.is_terminal())
}

async fn reload_once(reload: &Arc<Reload>, reloaded: &Reloaded, asks_forges: bool) {
    let reading = Arc::clone(reload);
    let read = spawn_blocking(move || reading.read(asks_forges)).await;
    let read = read.map_err(|error| error.to_string()).flatten();
    let live = &reloaded.resources.live;
    let (loaded, tls) = match read {
        Ok(read) => read,
        Err(error) => {
            log::error!("the configuration is not reloaded, that of before holds error={error:?}");
            return live.note_reload(false);
        }
    };
    for warning in &loaded.warnings {
        log::log!(warning.level, "{}", warning.text);
    }
    if let (Some(current), Some(tls)) = (&reloaded.tls, tls) {
        current.set(tls);
    }
    (reload.set_log_level)(loaded.settings.log);
    let restart = loaded.needs_restart(&reload.begun_with);
    let after = loaded.settings.live;
    let before = live.replace(after.clone());
    live.note_reload(true);
    reloaded.resources.repositories.keep(&after.repositories);
    let changes = ProjectChanges::between(&before, &after);
    log::info!(
        "configuration reloaded new_projects={} changed_projects={} gone_projects={}",
        changes.new.len(),
        changes.changed.len(),
        changes.gone.len()
    );
    if !restart.is_empty() {
        log::warn!("these settings have changed and wait for a restart: {}", restart.join(", "));
    }
    end_sessions(&reloaded.registry, changes).await;
    reloaded.resources.repositories.remove_gone();
}

impl Reload {
    /// The configuration, with the lists of forges, and the certificate as they are now. Blocks. The error is
    /// for a person.
    fn read(&self, asks_forges: bool) -> Result<(Loaded, Option<ServerConfig>), String> {
        if asks_forges {
            discovery::look(&self.configuration).map_err(|error| error.to_string())?.log();
        }
        let loaded = self.configuration.load().map_err(|error| error.to_string())?;
        let begun_with = &self.begun_with.settings;
        let is_known = |name: &AgentName| begun_with.agent.named.iter().any(|it| it.name == *name);
        // Another one would answer in its place.
        match loaded.settings.live.agents.names.iter().find(|(_, name)| !is_known(name)) {
            Some((project, agent)) => Err(format!(
                "project `{project}` names the agent `{agent}`, which there is after a restart"
            )),
            None => {
                let tls = begun_with.tls.as_ref().map(tls::load).transpose();
                Ok((loaded, tls.map_err(|error| error.to_string())?))
            }
        }
    }
}

/// What a reload does to the projects.
#[derive(Debug, Default, PartialEq)]
struct ProjectChanges {
    new: Vec<ProjectName>,
    /// Those whose agents may read or reach something else than before.
    changed: Vec<ProjectName>,
    gone: Vec<ProjectName>,
}

impl ProjectChanges {
    fn between(before: &LiveSettings, after: &LiveSettings) -> Self {
        let mut changes = Self::default();
        for project in &before.projects {
            let name = &project.name;
            let is_same = |other: &Project| {
                other.roots == project.roots
                    && before.agents.has_web(name) == after.agents.has_web(name)
            };
            match after.projects.iter().find(|other| other.name == *name) {
                Some(other) if is_same(other) => (),
                Some(_) => changes.changed.push(name.clone()),
                None => changes.gone.push(name.clone()),
            }
        }
        let is_new = |it: &&Project| before.projects.iter().all(|project| project.name != it.name);
        changes.new = after.projects.iter().filter(is_new).map(|it| it.name.clone()).collect();
        changes
    }
}

/// Ends the sessions of projects that are not what they were.
async fn end_sessions(registry: &Addr<Registry>, changes: ProjectChanges) {
    let gone = changes.gone.into_iter().map(|name| (name, "the project is served no longer"));
    let changed =
        changes.changed.into_iter().map(|name| (name, "the settings of the project have changed"));
    for (project, words) in gone.chain(changed) {
        let close = CloseSession { project, conversation: None, words: words.to_owned() };
        if let Err(error) = registry.send(close).await {
            log::error!("cannot end a session error={error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(projects: &[(&str, &str)], offline: &[&str]) -> LiveSettings {
        let mut live = LiveSettings::default();
        let project = |(name, dir): &(&str, &str)| Project::new(ProjectName::mend(name), *dir);
        live.projects = projects.iter().map(project).collect();
        live.agents.offline = offline.iter().map(ToString::to_string).collect();
        live
    }

    #[test]
    fn projects_are_new_changed_or_gone() {
        let before = with(&[("shop", "/shop"), ("web", "/web"), ("docs", "/docs")], &[]);
        let names = |names: &[&str]| names.iter().map(|name| ProjectName::mend(name)).collect();
        for (after, new, changed, gone) in [
            (before.clone(), vec![], vec![], vec![]),
            (with(&[("shop", "/shop"), ("web", "/web")], &[]), vec![], vec![], vec!["docs"]),
            (
                with(&[("shop", "/new"), ("web", "/web"), ("docs", "/docs")], &[]),
                vec![],
                vec!["shop"],
                vec![],
            ),
            (
                with(&[("shop", "/shop"), ("web", "/web"), ("docs", "/docs")], &["web"]),
                vec![],
                vec!["web"],
                vec![],
            ),
            (with(&[("tea", "/shop")], &[]), vec!["tea"], vec![], vec!["shop", "web", "docs"]),
        ] {
            let expected =
                ProjectChanges { new: names(&new), changed: names(&changed), gone: names(&gone) };
            assert_eq!(ProjectChanges::between(&before, &after), expected);
        }
    }
}
