//! Which conversation a viewer follows: how it comes in, how it is turned away, and how it finds
//! its conversation again when the session failed under it.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use actix::{Addr, AsyncContext as _};

use crate::{
    project::ProjectName,
    registry::messages::{Find, Found, NotOpened, Open},
    session::{
        Session,
        messages::{Attach, AttachError, Attachment, BrowserId, Destination},
    },
    web::{access::rate_limit::LimitExceeded, state::AppState},
    wire::{
        Dialect,
        client_frame::{StartFrame, StartTarget},
        close_code,
        server_frame::{ConversationState, Notice, Status},
    },
};

use super::{Context, Followed, GOING_AWAY, Place, Viewer, ViewerEnv, close};

/// A session that is being started again is waited for this long.
const RESTART_PATIENCE: Duration = Duration::from_secs(60);

/// Until a session's end has reached the registry, it is asked again after this.
const RESTART_STEP: Duration = Duration::from_millis(20);

/// A client of the original that has followed a conversation for this long may be about to ask.
const STAYS: Duration = Duration::from_secs(1);

/// Why a viewer follows nothing.
pub(super) enum NotAttached {
    NotOpened(NotOpened),
    Refused(AttachError),
    TooFast(LimitExceeded),
}

impl Viewer {
    pub(super) fn start_frame(&mut self, start: StartFrame, context: &mut Context) {
        let StartFrame { v1, target, html, changes, after } = start;
        self.dialect = match (v1, html, changes) {
            (false, ..) => Dialect::Legacy,
            (true, false, _) => Dialect::V1,
            (true, true, false) => Dialect::Html,
            (true, true, true) => Dialect::HtmlChanges,
        };
        let to = match target {
            StartTarget::New => match self.env.visitor.count_conversation(Instant::now()) {
                Ok(()) => Destination::New,
                Err(limit) => return self.not_attached(NotAttached::TooFast(limit), context),
            },
            StartTarget::Conversation(conversation) if v1 => {
                Destination::Stored { conversation, after }
            }
            StartTarget::Conversation(conversation) => {
                let ViewerEnv { state, browser, .. } = &self.env;
                let has_history = state.browsers.knows(browser, conversation);
                Destination::Resumed { conversation, has_history }
            }
            StartTarget::InvalidId(shown) => {
                return self
                    .not_attached(NotAttached::Refused(AttachError::Unknown(shown)), context);
            }
        };
        let opened = open(self.env.state.clone(), self.env.project.clone());
        self.attach(opened, to, context, |viewer, result, context| match result {
            Ok(()) => viewer.wake_later(context),
            Err(why) => viewer.not_attached(why, context),
        });
    }

    /// A client of the original does not tell when somebody is about to ask: one that stays for a
    /// moment has its agent started.
    fn wake_later(&mut self, context: &mut Context) {
        if self.dialect.is_ours() {
            return;
        }
        let conversation = self.followed.as_ref().map(|followed| followed.place.conversation);
        context.run_later(STAYS, move |viewer, context| {
            let now = viewer.followed.as_ref().map(|followed| followed.place.conversation);
            if now == conversation {
                viewer.wake(context);
            }
        });
    }

    /// Follows a conversation of the session that `opened` gives.
    pub(super) fn attach(
        &mut self,
        opened: impl Future<Output = Result<Addr<Session>, NotAttached>> + 'static,
        to: Destination,
        context: &mut Context,
        then: impl FnOnce(&mut Self, Result<(), NotAttached>, &mut Context) + 'static,
    ) {
        let seq = match &to {
            Destination::Stored { after, .. } => after.unwrap_or(0),
            Destination::Again { seq, .. } => *seq,
            _ => 0,
        };
        let attach = Attach {
            viewer: self.id,
            browser: Some(self.env.browser.clone()),
            dialect: self.dialect,
            to,
            hang_up: self.hang_up.clone(),
        };
        let attached = async move {
            let session = opened.await?;
            let attached = match session.send(attach).await {
                Ok(attached) => attached.map_err(NotAttached::Refused)?,
                Err(_) => return Err(NotAttached::NotOpened(NotOpened::Restarting(RESTART_STEP))),
            };
            Ok((session, attached))
        };
        self.occupy(attached, context, move |viewer, result, context| {
            let result = result.map(|(session, attached)| {
                viewer.follow(session, attached, seq, context);
            });
            then(viewer, result, context);
        });
    }

    fn follow(
        &mut self,
        session: Addr<Session>,
        attached: Attachment,
        seq: i64,
        context: &mut Context,
    ) {
        let place = Place { conversation: attached.conversation, seq };
        let demands = session.clone().recipient();
        self.followed = Some(Followed { session, demands, place });
        self.left = None;
        self.ask(context);
    }

    pub(super) fn not_attached(&mut self, why: NotAttached, context: &mut Context) {
        let (words, code) = match why {
            NotAttached::NotOpened(NotOpened::Draining)
            | NotAttached::Refused(AttachError::Closing) => {
                return close(context, GOING_AWAY, "the server is shutting down");
            }
            NotAttached::NotOpened(error @ NotOpened::UnknownProject) => {
                (error.to_string(), Some(close_code::NO_SUCH_PROJECT))
            }
            NotAttached::NotOpened(error) => (error.to_string(), None),
            NotAttached::TooFast(limit) => (limit.message, Some(close_code::TOO_MANY)),
            NotAttached::Refused(error @ AttachError::Unknown(_)) => {
                (error.to_string(), Some(close_code::NO_SUCH_CONVERSATION))
            }
            NotAttached::Refused(error @ AttachError::TooMany(_)) => {
                (error.to_string(), Some(close_code::TOO_MANY))
            }
            NotAttached::Refused(error) => (error.to_string(), None),
        };
        self.say(&Notice::error(words), context);
        // The original knows no such closes: its clients would only come again.
        let code = code.filter(|_| self.dialect.is_ours());
        if let Some(code) = code {
            close(context, code, "see the error");
        }
    }

    /// The session has ended under the viewer. If it failed, it is back in a moment.
    pub(super) fn session_lost(&mut self, context: &mut Context) {
        if let Some(Followed { place, .. }) = self.followed.take() {
            self.recover(place, context);
        }
    }

    /// Waits for the session that is built anew, and goes on in it.
    fn recover(&mut self, place: Place, context: &mut Context) {
        let restarting = Status {
            state: ConversationState::Starting,
            detail: "The session failed and is being started again…".to_owned(),
            queue_position: None,
        };
        let ViewerEnv { state, project, .. } = &self.env;
        let found = find(state.clone(), project.clone());
        self.occupy(found, context, move |viewer, found, context| match found {
            Ok(session) => {
                viewer.say(&Notice::Status(restarting), context);
                let Place { conversation, seq } = place;
                let to = Destination::Again { conversation, seq };
                let opened = async { Ok(session) };
                viewer.attach(opened, to, context, move |viewer, result, context| match result {
                    Ok(()) => (),
                    // It failed once more in the meantime; the registry bounds how often.
                    Err(NotAttached::NotOpened(NotOpened::Restarting(_))) => {
                        viewer.recover(place, context);
                    }
                    Err(why) => viewer.not_attached(why, context),
                });
            }
            // Closed in good order, not failed.
            Err(NotAttached::Refused(_)) => viewer.left = Some(place),
            Err(why) => {
                viewer.left = Some(place);
                viewer.not_attached(why, context);
            }
        });
    }

    /// A client that has said nothing is a page that came back: it waits for the end of the turn
    /// that it lost.
    pub(super) fn attach_silent(&mut self, context: &mut Context) {
        if self.has_spoken || self.followed.is_some() {
            return;
        }
        self.attach_returning(Destination::Left, context, Self::attach_missed);
    }

    /// Follows the conversation that the browser was last in, for a client that asks without having
    /// sent a `start`; a browser without one follows the newest that is live.
    pub(super) fn attach_last(
        &mut self,
        context: &mut Context,
        then: impl FnOnce(&mut Self, Result<(), NotAttached>, &mut Context) + 'static,
    ) {
        let ViewerEnv { state, project, browser, .. } = &self.env;
        let (state, project, browser) = (state.clone(), project.clone(), browser.clone());
        let found = find(state.clone(), project.clone());
        self.attach(found, Destination::Left, context, move |viewer, left, context| {
            if left.is_ok() {
                return then(viewer, left, context);
            }
            let newest = find(state.clone(), project.clone());
            let place =
                async move { (last_place(&state, &project, &browser).await, state, project) };
            viewer.occupy(place, context, move |viewer, (place, state, project), context| {
                let Some(Place { conversation, seq }) = place else {
                    return viewer.attach(newest, Destination::Latest, context, then);
                };
                let to = Destination::Again { conversation, seq };
                viewer.attach(open(state, project), to, context, |viewer, again, context| {
                    match again {
                        // It was deleted in the meantime.
                        Err(NotAttached::Refused(AttachError::Unknown(_))) => {
                            viewer.attach(newest, Destination::Latest, context, then);
                        }
                        again => then(viewer, again, context),
                    }
                });
            });
        });
    }

    /// Follows what is live for a page that came back, where there is something.
    fn attach_returning(
        &mut self,
        to: Destination,
        context: &mut Context,
        otherwise: fn(&mut Self, &mut Context),
    ) {
        let ViewerEnv { state, project, .. } = &self.env;
        let found = find(state.clone(), project.clone());
        self.attach(found, to, context, move |viewer, result, context| {
            if result.is_err() {
                otherwise(viewer, context);
            }
        });
    }

    /// The page left no conversation that is live since. If its turn was open when the server
    /// went, it waits for what became of that.
    fn attach_missed(&mut self, context: &mut Context) {
        let ViewerEnv { state, project, browser, .. } = &self.env;
        let (state, project, browser) = (state.clone(), project.clone(), browser.clone());
        let name = project.clone();
        let reader = state.resources.reader.clone();
        let missed = async move { reader.ask(move |reader| reader.missed(&name, &browser)).await };
        self.occupy(missed, context, move |viewer, missed, context| match missed {
            Ok(Some((conversation, seq))) => {
                let to = Destination::Again { conversation, seq };
                viewer.attach(open(state, project), to, context, |_, _, _| ());
            }
            // Where there is nothing to come back to, there is nothing to say.
            Ok(None) => viewer.attach_returning(Destination::Only, context, |_, _| ()),
            Err(error) => log::warn!("cannot look for what was missed error={error}"),
        });
    }
}

/// Where the browser was last: where it missed the end of a turn, else behind everything that is
/// stored there.
async fn last_place(state: &AppState, project: &ProjectName, browser: &BrowserId) -> Option<Place> {
    let (project, browser) = (project.clone(), browser.clone());
    let place = state.resources.reader.ask(move |reader| {
        let missed = reader.missed(&project, &browser)?;
        missed.map_or_else(|| reader.last_visited(&project, &browser), |place| Ok(Some(place)))
    });
    match place.await {
        Ok(place) => place.map(|(conversation, seq)| Place { conversation, seq }),
        Err(error) => {
            log::warn!("cannot look for the last conversation error={error}");
            None
        }
    }
}

/// The project's session, started where there is none; one that failed is waited for.
pub(super) async fn open(
    state: AppState,
    project: ProjectName,
) -> Result<Addr<Session>, NotAttached> {
    let deadline = Instant::now() + RESTART_PATIENCE;
    loop {
        let open = Open { project: project.clone() };
        match state.registry.send(open).await.unwrap_or(Err(NotOpened::Draining)) {
            Err(NotOpened::Restarting(wait)) if Instant::now() + wait < deadline => {
                tokio::time::sleep(wait + RESTART_STEP).await;
            }
            // Its end has not reached the registry yet.
            Ok(session) if !session.connected() && Instant::now() < deadline => {
                tokio::time::sleep(RESTART_STEP).await;
            }
            answer => return answer.map_err(NotAttached::NotOpened),
        }
    }
}

/// The project's session where there is one.
pub(super) async fn find(
    state: AppState,
    project: ProjectName,
) -> Result<Addr<Session>, NotAttached> {
    let find = Find { project: project.clone() };
    match state.registry.send(find).await.unwrap_or(Found::Draining) {
        Found::Nothing | Found::Closing => Err(NotAttached::Refused(AttachError::NoneLive)),
        Found::Live(_) | Found::Restarting(_) | Found::GivenUp => open(state, project).await,
        Found::Draining => Err(NotAttached::NotOpened(NotOpened::Draining)),
    }
}
