//! What is remembered of browsers, under an id that a cookie holds: which conversation's history
//! one has just read. A page of the original's later revision reads the history itself and must
//! not be greeted again; one of the earlier revision relies on the greeting.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
};
use uuid::Uuid;

use crate::session::messages::BrowserId;

use super::cookies;

/// Name of the cookie.
const COOKIE: &str = "cicerone-browser";

/// A history that was read this long ago is taken for forgotten.
const READ_KEPT: Duration = Duration::from_secs(60);

/// Browsers remembered at most.
const MAX_BROWSERS: usize = 1024;

/// Which history each browser has read last.
#[derive(Debug, Default)]
pub(crate) struct Browsers {
    read: Mutex<HashMap<BrowserId, (i64, Instant)>>,
}

impl Browsers {
    /// The browser has read a conversation's history.
    pub(crate) fn has_read(&self, browser: BrowserId, conversation: i64) {
        let now = Instant::now();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MAX_BROWSERS {
            read.retain(|_, (_, at)| now - *at < READ_KEPT);
        }
        if read.len() < MAX_BROWSERS {
            read.insert(browser, (conversation, now));
        }
    }

    /// Whether the browser has read this conversation's history a moment ago.
    pub(crate) fn knows(&self, browser: &BrowserId, conversation: i64) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(browser)
            .is_some_and(|(read, at)| *read == conversation && at.elapsed() < READ_KEPT)
    }
}

/// The browser's id, and the cookie that gives it one if it has none.
pub(crate) fn identify(request: &HttpRequest) -> (BrowserId, Option<Cookie<'static>>) {
    let known = cookies::values(request.headers(), COOKIE).find_map(|id| Uuid::parse_str(id).ok());
    if let Some(id) = known {
        return (id.to_string(), None);
    }
    let id = Uuid::new_v4().to_string();
    let cookie = Cookie::build(COOKIE, id.clone())
        .path("/api/assistant")
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish();
    (id, Some(cookie))
}
