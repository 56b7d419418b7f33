//! Attaching a viewer to a conversation, and to the same one again after its session has failed.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use actix::{Addr, AsyncContext as _};
use actix_web::rt;

use crate::{
    conversation::presence::Person,
    ids::{ConversationId, Seq},
    project::ProjectName,
    registry::messages::{Find, NotOpened, Open, SessionPhase},
    rights::Principal,
    session::{
        Session,
        attach::{Attach, AttachError, AttachTarget, Attachment},
    },
    web::{access::rate_limit::LimitExceeded, state::AppState},
    wire::{
        client_frame::{StartFrame, StartTarget},
        close_code,
        server_frame::{ConversationState, ErrorNotice, Notice, Status},
    },
};

use super::{Attached, Context, Position, Viewer, ViewerEnv, close};

/// Longest wait for a session that is restarting.
const RESTART_TIMEOUT: Duration = Duration::from_secs(60);

/// Wait until the end of a session has reached the registry.
const RESTART_POLL: Duration = Duration::from_millis(20);

/// Legacy clients do not say when somebody is typing: after so long in a conversation, its agent is
/// started.
const LEGACY_WAKE_DELAY: Duration = Duration::from_secs(1);

/// RFC 6455: the endpoint is going away.
const GOING_AWAY: u16 = 1001;

/// Why a viewer was not attached.
pub(super) enum AttachFailure {
    NotOpened(NotOpened),
    Refused(AttachError),
    LimitExceeded(LimitExceeded),
}

impl Viewer {
    pub(super) fn start(&mut self, start: StartFrame, context: &mut Context) {
        let StartFrame { dialect, target, after, list } = start;
        self.dialect = dialect;
        self.list = list;
        let to = match target {
            StartTarget::New => match self.env.visitor.count_conversation(Instant::now()) {
                Ok(()) => AttachTarget::New,
                Err(limit) => {
                    return self.on_attach_failure(AttachFailure::LimitExceeded(limit), context);
                }
            },
            StartTarget::Conversation(conversation) if dialect.is_legacy() => {
                let ViewerEnv { state, browser, .. } = &self.env;
                let has_history = state.browsers.has_read(browser, conversation);
                AttachTarget::Resumed { conversation, has_history }
            }
            StartTarget::Conversation(conversation) => AttachTarget::Stored { conversation, after },
            StartTarget::InvalidId(id) => {
                let failure = AttachFailure::Refused(AttachError::Unknown(id));
                return self.on_attach_failure(failure, context);
            }
        };
        let opened = open_session(&self.env);
        self.attach(opened, to, context, |viewer, result, context| match result {
            Ok(()) if viewer.dialect.is_legacy() => viewer.wake_later(context),
            Ok(()) => (),
            Err(failure) => viewer.on_attach_failure(failure, context),
        });
    }

    fn wake_later(&mut self, context: &mut Context) {
        let conversation = self.attached.as_ref().map(|it| it.position.conversation);
        context.run_later(LEGACY_WAKE_DELAY, move |viewer, context| {
            if viewer.attached.as_ref().map(|it| it.position.conversation) == conversation {
                viewer.wake(context);
            }
        });
    }

    /// Attaches the viewer to a conversation of the session that `opened` resolves to.
    pub(super) fn attach(
        &mut self,
        opened: impl Future<Output = Result<Addr<Session>, AttachFailure>> + 'static,
        to: AttachTarget,
        context: &mut Context,
        then: impl FnOnce(&mut Self, Result<(), AttachFailure>, &mut Context) + 'static,
    ) {
        let seq = match &to {
            AttachTarget::Stored { after, .. } => after.unwrap_or(Seq::ZERO),
            AttachTarget::Again { seq, .. } => *seq,
            _ => Seq::ZERO,
        };
        let is_reading = !matches!(to, AttachTarget::New | AttachTarget::Again { .. });
        let ViewerEnv { state, project, visitor, .. } = &self.env;
        let (state, project) = (state.clone(), project.clone());
        let principal = visitor.principal.clone();
        let attach = Attach {
            person: Person {
                viewer: self.id,
                browser: Some(self.env.browser.clone()),
                principal: self.env.visitor.principal.clone(),
            },
            dialect: self.dialect,
            to,
            list: self.list.clone(),
            hang_up: self.hang_up.clone(),
        };
        let attached = async move {
            let session = opened.await?;
            let attachment = match session.send(attach).await {
                Ok(attachment) => attachment.map_err(AttachFailure::Refused)?,
                Err(_) => {
                    return Err(AttachFailure::NotOpened(NotOpened::Restarting(RESTART_POLL)));
                }
            };
            if is_reading {
                rt::spawn(record_reading(state, principal, project, attachment.conversation));
            }
            Ok((session, attachment))
        };
        self.run_request(attached, context, move |viewer, result, context| {
            let result = result.map(|(session, Attachment { conversation })| {
                let position = Position { conversation, seq };
                let demands = session.clone().recipient();
                viewer.attached = Some(Attached { session, demands, position });
                viewer.left_at = None;
                viewer.request_batch(context);
            });
            then(viewer, result, context);
        });
    }

    pub(super) fn on_attach_failure(&mut self, failure: AttachFailure, context: &mut Context) {
        let (message, code) = match failure {
            AttachFailure::NotOpened(NotOpened::Draining)
            | AttachFailure::Refused(AttachError::Closing) => {
                return close(context, GOING_AWAY, "the server is shutting down");
            }
            AttachFailure::NotOpened(error @ NotOpened::NotHere(_)) => {
                self.notify(&Notice::Error(ErrorNotice::retryable(error.to_string())), context);
                return close(context, close_code::SERVED_ELSEWHERE, "another node serves it");
            }
            AttachFailure::NotOpened(error @ NotOpened::UnknownProject) => {
                (error.to_string(), Some(close_code::NO_SUCH_PROJECT))
            }
            AttachFailure::NotOpened(error) => (error.to_string(), None),
            AttachFailure::LimitExceeded(limit) => (limit.message, Some(close_code::TOO_MANY)),
            AttachFailure::Refused(error @ AttachError::Unknown(_)) => {
                (error.to_string(), Some(close_code::NO_SUCH_CONVERSATION))
            }
            AttachFailure::Refused(error @ AttachError::TooMany(_)) => {
                (error.to_string(), Some(close_code::TOO_MANY))
            }
            AttachFailure::Refused(error) => (error.to_string(), None),
        };
        self.notify(&Notice::error(message), context);
        // Legacy clients do not know these codes and would only reconnect.
        if let Some(code) = code.filter(|_| !self.dialect.is_legacy()) {
            close(context, code, "see the error");
        }
    }

    /// The session has ended under the viewer. If it failed, it restarts in a moment.
    pub(super) fn on_session_lost(&mut self, context: &mut Context) {
        if let Some(Attached { position, .. }) = self.attached.take() {
            self.reattach(position, context);
        }
    }

    /// Waits for the session to restart and attaches to the same conversation.
    fn reattach(&mut self, position: Position, context: &mut Context) {
        let found = find_session(&self.env);
        self.run_request(found, context, move |viewer, found, context| match found {
            Ok(session) => {
                let restarting = Status {
                    state: ConversationState::Starting,
                    detail: "The session failed and is restarting…".to_owned(),
                    queue_position: None,
                };
                viewer.notify(&Notice::Status(restarting), context);
                let Position { conversation, seq } = position;
                let to = AttachTarget::Again { conversation, seq };
                let opened = async { Ok(session) };
                viewer.attach(opened, to, context, move |viewer, result, context| match result {
                    Ok(()) => (),
                    // It has failed again; the registry limits how often.
                    Err(AttachFailure::NotOpened(NotOpened::Restarting(_))) => {
                        viewer.reattach(position, context);
                    }
                    Err(failure) => viewer.on_attach_failure(failure, context),
                });
            }
            Err(AttachFailure::Refused(_)) if viewer.env.is_lost() => {
                close(context, close_code::SERVED_ELSEWHERE, "another node serves it");
            }
            // It was closed and has not failed.
            Err(AttachFailure::Refused(_)) => viewer.left_at = Some(position),
            Err(failure) => {
                viewer.left_at = Some(position);
                viewer.on_attach_failure(failure, context);
            }
        });
    }

    /// Attaches a client that has sent nothing. It is a legacy page that has reconnected, and waits
    /// for the end of the turn that it lost.
    pub(super) fn attach_silent(&mut self, context: &mut Context) {
        if !self.dialect.is_legacy() || self.has_sent_request || self.attached.is_some() {
            return;
        }
        self.attach_live(AttachTarget::Left, context, Self::attach_missed);
    }

    /// Attaches a client that asks without a `start` to the conversation that its browser was last
    /// in, or else to the newest live one.
    pub(super) fn attach_to_last(
        &mut self,
        context: &mut Context,
        then: impl FnOnce(&mut Self, Result<(), AttachFailure>, &mut Context) + 'static,
    ) {
        let found = find_session(&self.env);
        self.attach(found, AttachTarget::Left, context, |viewer, left, context| {
            if left.is_ok() {
                return then(viewer, left, context);
            }
            let position = last_position(&viewer.env);
            viewer.run_request(position, context, |viewer, position, context| {
                let newest = find_session(&viewer.env);
                let Some(Position { conversation, seq }) = position else {
                    return viewer.attach(newest, AttachTarget::Latest, context, then);
                };
                let to = AttachTarget::Again { conversation, seq };
                let opened = open_session(&viewer.env);
                viewer.attach(opened, to, context, |viewer, again, context| match again {
                    // It was deleted in the meantime.
                    Err(AttachFailure::Refused(AttachError::Unknown(_))) => {
                        viewer.attach(newest, AttachTarget::Latest, context, then);
                    }
                    again => then(viewer, again, context),
                });
            });
        });
    }

    /// Attaches to a live conversation, if there is one.
    fn attach_live(
        &mut self,
        to: AttachTarget,
        context: &mut Context,
        otherwise: fn(&mut Self, &mut Context),
    ) {
        let found = find_session(&self.env);
        self.attach(found, to, context, move |viewer, result, context| {
            if result.is_err() {
                otherwise(viewer, context);
            }
        });
    }

    /// Attaches to the conversation whose turn was running when the server stopped, if the browser
    /// has missed its end.
    fn attach_missed(&mut self, context: &mut Context) {
        let (project, browser) = (self.env.project.clone(), self.env.browser.clone());
        let reader = self.env.state.resources.reader.clone();
        let missed =
            async move { reader.ask(move |reader| reader.missed(&project, &browser)).await };
        self.run_request(missed, context, move |viewer, missed, context| match missed {
            Ok(Some((conversation, seq))) => {
                let to = AttachTarget::Again { conversation, seq };
                viewer.attach(open_session(&viewer.env), to, context, |_, _, _| ());
            }
            // A failure is not reported: the client has not asked for anything.
            Ok(None) => viewer.attach_live(AttachTarget::Only, context, |_, _| ()),
            Err(error) => log::warn!("cannot look up a missed turn error={error}"),
        });
    }
}

/// Where the browser was last: at the end of a turn that it missed, else at the end of the
/// conversation that it last visited.
fn last_position(env: &ViewerEnv) -> impl Future<Output = Option<Position>> + use<> {
    let (project, browser) = (env.project.clone(), env.browser.clone());
    let reader = env.state.resources.reader.clone();
    async move {
        let position = reader.ask(move |reader| match reader.missed(&project, &browser)? {
            Some(missed) => Ok(Some(missed)),
            None => reader.last_visited(&project, &browser),
        });
        match position.await {
            Ok(position) => position.map(|(conversation, seq)| Position { conversation, seq }),
            Err(error) => {
                log::warn!("cannot look up the last conversation error={error}");
                None
            }
        }
    }
}

/// The project's session, started if there is none. Waits for one that is restarting.
pub(super) fn open_session(
    env: &ViewerEnv,
) -> impl Future<Output = Result<Addr<Session>, AttachFailure>> + use<> {
    let (registry, project) = (env.state.registry.clone(), env.project.clone());
    async move {
        let deadline = Instant::now() + RESTART_TIMEOUT;
        loop {
            let open = Open { project: project.clone() };
            match registry.send(open).await.unwrap_or(Err(NotOpened::Draining)) {
                Err(NotOpened::Restarting(wait)) if Instant::now() + wait < deadline => {
                    tokio::time::sleep(wait + RESTART_POLL).await;
                }
                // Its end has not reached the registry yet.
                Ok(session) if !session.connected() && Instant::now() < deadline => {
                    tokio::time::sleep(RESTART_POLL).await;
                }
                answer => return answer.map_err(AttachFailure::NotOpened),
            }
        }
    }
}

/// The project's session, if there is one.
pub(super) fn find_session(
    env: &ViewerEnv,
) -> impl Future<Output = Result<Addr<Session>, AttachFailure>> + use<> {
    let (registry, project) = (env.state.registry.clone(), env.project.clone());
    let opened = open_session(env);
    async move {
        match registry.send(Find { project }).await.unwrap_or(Err(NotOpened::Draining)) {
            Ok(Some(SessionPhase::Closing) | None) => {
                Err(AttachFailure::Refused(AttachError::NoneLive))
            }
            Ok(Some(_)) => opened.await,
            Err(error) => Err(AttachFailure::NotOpened(error)),
        }
    }
}

/// Records for the audit log that somebody has opened a conversation, which does not wait for it.
async fn record_reading(
    state: AppState,
    principal: Principal,
    project: ProjectName,
    conversation: ConversationId,
) {
    let name = project.clone();
    let of = state.resources.reader.ask(move |reader| reader.ownership(&name, conversation)).await;
    if let Ok(Some(of)) = of {
        state.readings.record(&state.resources, &principal, &project, conversation, &of);
    }
}
