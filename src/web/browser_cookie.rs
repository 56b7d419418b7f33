//! The cookie that identifies a browser, and which history each browser has read last.
//!
//! Legacy pages of a later revision read the history over HTTP and must not be greeted again; those
//! of an earlier one rely on the greeting.

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

use crate::{config::base_path::BasePath, conversation::viewer::BrowserId, ids::ConversationId};

use super::cookies;

const COOKIE: &str = "cicerone-browser";

/// How long a browser counts as knowing the history that it has read.
const READ_LIFETIME: Duration = Duration::from_secs(60);

const MAX_BROWSERS: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Browsers {
    /// The conversation whose history each browser has read last, and when.
    read: Mutex<HashMap<BrowserId, (ConversationId, Instant)>>,
}

impl Browsers {
    pub(crate) fn note_history_read(&self, browser: BrowserId, conversation: ConversationId) {
        let now = Instant::now();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MAX_BROWSERS {
            read.retain(|_, (_, at)| now - *at < READ_LIFETIME);
        }
        if read.len() < MAX_BROWSERS {
            read.insert(browser, (conversation, now));
        }
    }

    /// Whether the browser has just read this conversation's history.
    pub(crate) fn has_read(&self, browser: &BrowserId, conversation: ConversationId) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(browser)
            .is_some_and(|(read, at)| *read == conversation && at.elapsed() < READ_LIFETIME)
    }
}

/// The browser's id, and the cookie to set if it is new.
pub(crate) fn identify(
    request: &HttpRequest,
    base: &BasePath,
) -> (BrowserId, Option<Cookie<'static>>) {
    let known = cookies::values(request.headers(), COOKIE).find_map(|id| Uuid::parse_str(id).ok());
    if let Some(id) = known {
        return (id.to_string(), None);
    }
    let id = Uuid::new_v4().to_string();
    let cookie = Cookie::build(COOKIE, id.clone())
        .path(base.address("/api/assistant"))
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish();
    (id, Some(cookie))
}
