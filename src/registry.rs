//! Registry of sessions, an actor: starts a project's session on first use, restarts it after a
//! failure, closes it.
//!
//! actix's supervisor does not survive a panic, so supervision is here: a session reports its end
//! from `stopped`, and a failed one restarts after a growing wait, until it has failed too often.

pub(crate) mod messages;
pub(crate) mod restart;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, ResponseFuture,
    WrapFuture as _,
};
use futures_util::future::join_all;

use crate::{
    conversation::turn::CloseReason,
    project::{Project, ProjectName},
    session::{Abandon, Resources, Session, SessionExited, close::Close, describe::Describe},
};

use messages::{
    CloseSession, Drain, Find, ListSessions, Lose, NotOpened, Open, Resume, SessionPhase, Sessions,
};
use restart::{Decision, History};

/// Wait before a session that is being closed is asked for again.
const CLOSING_STEP: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Registry {
    resources: Resources,
    entries: HashMap<ProjectName, Entry>,
    epochs: u64,
    is_draining: bool,
}

#[derive(Debug)]
struct Entry {
    epoch: u64,
    phase: SessionPhase,
    history: History,
    restarts: u32,
}

impl Registry {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources, entries: HashMap::new(), epochs: 0, is_draining: false }
    }

    /// Starts a session on this thread, where its viewers live.
    fn launch(&mut self, project: Project, context: &Context<Self>) -> (u64, Addr<Session>) {
        self.epochs += 1;
        let exited = context.address().recipient();
        let session = Session::new(project, self.epochs, self.resources.clone(), exited);
        (self.epochs, session.launch())
    }

    /// The project's session, which starts if there is none.
    fn open(
        &mut self,
        project: &ProjectName,
        context: &Context<Self>,
    ) -> Result<Addr<Session>, NotOpened> {
        match self.phase(project)? {
            Some(SessionPhase::Live(session)) => Ok(session),
            Some(SessionPhase::Restarting(at)) => {
                Err(NotOpened::Restarting(at.saturating_duration_since(Instant::now())))
            }
            Some(SessionPhase::GivenUp) => Err(NotOpened::GivenUp),
            Some(SessionPhase::Closing) => Err(NotOpened::Restarting(CLOSING_STEP)),
            None => {
                let known = self.project(project).ok_or(NotOpened::UnknownProject)?;
                if !self.resources.cluster.is_here(project).map_err(NotOpened::NotHere)? {
                    return Err(NotOpened::Restarting(CLOSING_STEP));
                }
                let (epoch, session) = self.launch(known, context);
                let phase = SessionPhase::Live(session.clone());
                let entry = Entry { epoch, phase, history: History::default(), restarts: 0 };
                self.entries.insert(project.clone(), entry);
                Ok(session)
            }
        }
    }

    /// The project of this name, if it is served.
    fn project(&self, name: &ProjectName) -> Option<Project> {
        self.resources.live.get().project(name.as_str()).cloned()
    }

    fn phase(&self, project: &ProjectName) -> Result<Option<SessionPhase>, NotOpened> {
        if self.is_draining {
            return Err(NotOpened::Draining);
        }
        Ok(self.entries.get(project).map(|entry| entry.phase.clone()))
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    /// Starts the sessions in which questions wait since the server stopped.
    fn started(&mut self, context: &mut Self::Context) {
        // Where there are several nodes, each starts those of the projects that it takes.
        if !self.resources.cluster.is_clustered() {
            self.answer_waiting(None, context);
        }
    }
}

impl Registry {
    /// Starts the sessions in which questions wait: that of a project, or all.
    fn answer_waiting(&self, only: Option<ProjectName>, context: &mut Context<Self>) {
        let reader = self.resources.reader.clone();
        let found = async move { reader.ask(|reader| reader.unanswered()).await };
        context.spawn(found.into_actor(self).map(move |found, registry, context| match found {
            Ok(found) => {
                let is_meant = |project: &ProjectName| only.as_ref().is_none_or(|it| it == project);
                for (project, _) in found.into_iter().filter(|(project, _)| is_meant(project)) {
                    if let Err(error) = registry.open(&project, context) {
                        log::warn!("questions wait in project={project} but {error}");
                    }
                }
            }
            Err(error) => log::error!("cannot look for questions that wait error={error}"),
        }));
    }
}

impl Handler<Resume> for Registry {
    type Result = ();

    fn handle(&mut self, resume: Resume, context: &mut Self::Context) {
        self.answer_waiting(Some(resume.project), context);
    }
}

impl Handler<Lose> for Registry {
    type Result = ();

    fn handle(&mut self, lose: Lose, context: &mut Self::Context) {
        let Some(entry) = self.entries.get_mut(&lose.project) else { return };
        let SessionPhase::Live(session) = &entry.phase else { return };
        let abandoned = session.send(Abandon);
        entry.phase = SessionPhase::Closing;
        // It has ended already where nobody hears.
        context.spawn(abandoned.into_actor(self).map(|_, _, _| ()));
    }
}

impl Handler<Open> for Registry {
    type Result = Result<Addr<Session>, NotOpened>;

    fn handle(&mut self, open: Open, context: &mut Self::Context) -> Self::Result {
        self.open(&open.project, context)
    }
}

impl Handler<Find> for Registry {
    type Result = Result<Option<SessionPhase>, NotOpened>;

    fn handle(&mut self, find: Find, _: &mut Self::Context) -> Self::Result {
        self.phase(&find.project)
    }
}

impl Handler<SessionExited> for Registry {
    type Result = ();

    fn handle(&mut self, exited: SessionExited, context: &mut Self::Context) {
        let SessionExited { project, epoch, panicked } = exited;
        // The end of an older session says nothing about the current one.
        let Some(entry) = self.entries.get_mut(&project).filter(|entry| entry.epoch == epoch)
        else {
            return;
        };
        if !panicked || self.is_draining {
            self.entries.remove(&project);
            return;
        }
        let now = Instant::now();
        match entry.history.failed(now, &self.resources.settings.restart) {
            Decision::GiveUp => {
                log::error!("session failed too often and is given up project={project}");
                entry.phase = SessionPhase::GivenUp;
            }
            Decision::RestartAfter(wait) => {
                log::error!("session failed project={project} restart_in={wait:?}");
                entry.phase = SessionPhase::Restarting(now + wait);
                context.run_later(wait, move |registry, context| {
                    registry.restart(&project, epoch, context);
                });
            }
        }
    }
}

impl Registry {
    fn restart(&mut self, name: &ProjectName, failed: u64, context: &mut Context<Self>) {
        let due = self.entries.get(name).is_some_and(|entry| entry.epoch == failed);
        let Some(project) = self.project(name).filter(|_| due) else { return };
        if self.is_draining {
            return;
        }
        let (epoch, session) = self.launch(project, context);
        if let Some(entry) = self.entries.get_mut(name) {
            entry.epoch = epoch;
            entry.phase = SessionPhase::Live(session);
            entry.restarts += 1;
        }
    }
}

impl Handler<ListSessions> for Registry {
    type Result = ResponseFuture<Sessions>;

    fn handle(&mut self, _: ListSessions, _: &mut Self::Context) -> Self::Result {
        let asked: Vec<_> = self
            .entries
            .iter()
            .map(|(project, entry)| (project.clone(), entry.phase.clone(), entry.restarts))
            .collect();
        Box::pin(async move {
            let described = asked.into_iter().map(|(project, phase, restarts)| async move {
                let name = phase.name();
                let description = match phase {
                    SessionPhase::Live(session) => session.send(Describe).await.ok(),
                    _ => None,
                };
                messages::SessionDescription { project, phase: name, restarts, description }
            });
            let mut sessions = join_all(described).await;
            sessions.sort_by(|a, b| a.project.cmp(&b.project));
            sessions
        })
    }
}

impl Handler<CloseSession> for Registry {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, close: CloseSession, _: &mut Self::Context) -> Self::Result {
        let CloseSession { project, conversation, words } = close;
        let phase = self.phase(&project).unwrap_or_default();
        if conversation.is_none() {
            match self.entries.get_mut(&project) {
                Some(entry) if matches!(entry.phase, SessionPhase::Live(_)) => {
                    entry.phase = SessionPhase::Closing;
                }
                Some(Entry { phase: SessionPhase::Closing, .. }) | None => (),
                Some(_) => drop(self.entries.remove(&project)),
            }
        }
        let close = Close { conversation, closing: CloseReason::Ended(words), delete: None };
        Box::pin(async move {
            match phase {
                Some(SessionPhase::Live(session)) => session.send(close).await.unwrap_or(true),
                Some(SessionPhase::Closing) | None => false,
                // There was one, but none of its conversations was live.
                Some(_) => conversation.is_none(),
            }
        })
    }
}

impl Handler<Drain> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.is_draining = true;
        let live: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| match &entry.phase {
                SessionPhase::Live(session) => Some(session.clone()),
                _ => None,
            })
            .collect();
        Box::pin(async move {
            let closed = live.iter().map(|session| {
                session.send(Close {
                    conversation: None,
                    closing: CloseReason::Shutdown,
                    delete: None,
                })
            });
            // A session that has ended needs no closing.
            join_all(closed).await;
        })
    }
}
