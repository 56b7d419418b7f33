//! What lets people in under their names: logins of browsers with a provider, and personal tokens.
//!
//! Each is a random secret, of which memory and the store keep the SHA-256 alone. They outlive the server.

mod ended;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::Addr;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    database::{
        Database, DatabaseError, messages::credentials::ChangeCredential,
        queries::credentials::StoredCredential,
    },
    hex,
};

/// What a personal token begins with, so that one is known wherever it turns up.
pub(crate) const PREFIX: &str = "cicerone_";

/// The kind of a login.
const LOGIN: &str = "login";

/// Personal tokens of one user.
pub(crate) const MAX_TOKENS: usize = 50;

/// How exactly the time of the last use is kept, in seconds.
const USE_STEP: i64 = 60;

/// What a personal token may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenScope {
    /// Read files and conversations, and search.
    Read,
    /// Also ask, and change and share conversations.
    Ask,
    /// Also administer, as long as its owner may.
    Admin,
}

impl TokenScope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ask => "ask",
            Self::Admin => "admin",
        }
    }

    fn parse(kind: &str) -> Option<Self> {
        [Self::Read, Self::Ask, Self::Admin].into_iter().find(|scope| scope.as_str() == kind)
    }
}

/// Who holds a credential that was shown.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) user: String,
    pub(crate) groups: Arc<[String]>,
    /// What a token may do; `None` for a login.
    pub(crate) scope: Option<TokenScope>,
    ends_at: i64,
    is_ended: Arc<AtomicBool>,
}

impl Holder {
    /// The holder of a token that the provider has given out: it asks, and administers nothing.
    pub(super) fn of_issued(user: String, groups: Arc<[String]>, ends_at: i64) -> Self {
        Self { user, groups, scope: Some(TokenScope::Ask), ends_at, is_ended: Arc::default() }
    }

    /// Whether it has neither ended nor been ended since it was shown.
    pub(crate) fn is_valid(&self) -> bool {
        !self.is_ended.load(Ordering::Relaxed) && now() < self.ends_at
    }
}

/// A personal token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PersonalToken)]
pub(crate) struct ListedToken {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) scope: TokenScope,
    /// Seconds since 1970.
    pub(crate) made_at: i64,
    pub(crate) ends_at: i64,
    /// To the minute; `null` if never.
    pub(crate) used_at: Option<i64>,
}

/// What a new credential is to be.
#[derive(Debug)]
pub(crate) struct NewCredential {
    /// `None` for a login.
    pub(crate) scope: Option<TokenScope>,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    /// Which provider a login is of.
    pub(crate) origin: String,
    pub(crate) ends_at: i64,
}

/// Why a credential is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    #[error("You have {MAX_TOKENS} tokens, which is the limit: revoke one.")]
    TooMany,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[derive(Debug)]
struct Held {
    stored: StoredCredential,
    groups: Arc<[String]>,
    is_ended: Arc<AtomicBool>,
}

/// All credentials by their hashes; the store has the same.
#[derive(Debug)]
pub(crate) struct Credentials {
    held: Mutex<HashMap<String, Held>>,
    database: OnceLock<Addr<Database>>,
    /// Logins that are kept.
    max_logins: usize,
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

impl Credentials {
    pub(crate) fn new(max_logins: usize) -> Self {
        Self { held: Mutex::default(), database: OnceLock::new(), max_logins }
    }

    /// Takes over what is stored: tokens, and logins of this provider.
    pub(crate) fn restore(
        &self,
        stored: Vec<StoredCredential>,
        origin: Option<&str>,
        database: Addr<Database>,
    ) {
        let now = now();
        let mut held = self.held();
        for credential in stored.into_iter().filter(|it| it.ends_at > now) {
            if is_known_here(&credential, origin) {
                held.insert(credential.hash.clone(), Held::new(credential));
            }
        }
        drop(held);
        if self.database.set(database).is_ok() {
            self.store_later(ChangeCredential::DropEnded(now));
        }
    }

    /// Takes over a change of another node, which the store has by now.
    pub(crate) fn on_change(&self, change: ChangeCredential, origin: Option<&str>) {
        let mut held = self.held();
        match change {
            ChangeCredential::Add(new) if is_known_here(&new, origin) => {
                held.insert(new.hash.clone(), Held::new(new));
            }
            ChangeCredential::End(hash) => {
                if let Some(ended) = held.remove(&hash) {
                    ended.is_ended.store(true, Ordering::Relaxed);
                }
            }
            ChangeCredential::Used { hash, at } => {
                if let Some(used) = held.get_mut(&hash) {
                    used.stored.used_at = used.stored.used_at.max(Some(at));
                }
            }
            ChangeCredential::SetGroups { user, groups } => {
                set_groups(&mut held, &user, &groups);
            }
            ChangeCredential::Add(_) | ChangeCredential::DropEnded(_) => (),
        }
    }

    /// Makes a credential; returns its secret, which nobody can find out again, and its id.
    pub(crate) async fn add(&self, new: NewCredential) -> Result<(String, String), NotMade> {
        let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let prefix = if new.scope.is_some() { PREFIX } else { "" };
        let secret = format!("{prefix}{random}");
        let id = Uuid::new_v4().to_string();
        if new.scope.is_some() && self.tokens(Some(&new.user)).len() >= MAX_TOKENS {
            return Err(NotMade::TooMany);
        }
        let stored = StoredCredential {
            hash: hash(&secret),
            id: id.clone(),
            kind: new.scope.map_or(LOGIN, TokenScope::as_str).to_owned(),
            name: new.name,
            user: new.user,
            groups: new.groups,
            origin: new.origin,
            made_at: now(),
            ends_at: new.ends_at,
            used_at: None,
        };
        self.store(ChangeCredential::Add(stored.clone())).await?;
        for hash in self.superfluous_logins(new.scope.is_none()) {
            self.end(&hash).await?;
        }
        self.held().insert(stored.hash.clone(), Held::new(stored));
        Ok((secret, id))
    }

    /// Those that end first, where one more login is one too many.
    fn superfluous_logins(&self, is_login: bool) -> Vec<String> {
        let held = self.held();
        let logins = held.values().filter(|it| it.stored.kind == LOGIN);
        let mut logins: Vec<_> =
            logins.map(|it| (it.stored.ends_at, it.stored.hash.clone())).collect();
        let most = self.max_logins.saturating_sub(1);
        let n = if is_login { logins.len().saturating_sub(most) } else { 0 };
        logins.sort();
        logins.into_iter().take(n).map(|(_, hash)| hash).collect()
    }

    /// Who holds the token that was shown.
    pub(crate) fn of_token(&self, secret: &str) -> Option<Holder> {
        if !secret.starts_with(PREFIX) {
            return None;
        }
        let (now, hash) = (now(), hash(secret));
        let mut held = self.held();
        let token = held.get_mut(&hash).filter(|it| it.stored.ends_at > now)?;
        let scope = Some(TokenScope::parse(&token.stored.kind)?);
        let is_stale = token.stored.used_at.is_none_or(|at| now - at >= USE_STEP);
        let holder = token.holder(scope);
        if is_stale {
            token.stored.used_at = Some(now);
            drop(held);
            self.store_later(ChangeCredential::Used { hash, at: now });
        }
        Some(holder)
    }

    /// Who holds the login that was shown.
    pub(crate) fn of_login(&self, secret: &str) -> Option<Holder> {
        let (now, held) = (now(), self.held());
        let login = held.get(&hash(secret))?;
        let is_valid = login.stored.kind == LOGIN && login.stored.ends_at > now;
        is_valid.then(|| login.holder(None))
    }

    /// Ends the login with this secret.
    pub(crate) async fn end_login(&self, secret: &str) -> Result<Option<Holder>, DatabaseError> {
        let Some(holder) = self.of_login(secret) else { return Ok(None) };
        self.end(&hash(secret)).await?;
        Ok(Some(holder))
    }

    /// Revokes a token of this user, or of whomever; returns it if there was one.
    pub(crate) async fn revoke(
        &self,
        id: &str,
        user: Option<&str>,
    ) -> Result<Option<ListedToken>, DatabaseError> {
        let found = self.tokens(user).into_iter().find(|token| token.id == id);
        let hash =
            self.held().values().find(|it| it.stored.id == id).map(|it| it.stored.hash.clone());
        let (Some(token), Some(hash)) = (found, hash) else { return Ok(None) };
        self.end(&hash).await?;
        Ok(Some(token))
    }

    /// From now on it lets nobody in, also where the store fails.
    async fn end(&self, hash: &str) -> Result<(), DatabaseError> {
        if let Some(ended) = self.held().remove(hash) {
            ended.is_ended.store(true, Ordering::Relaxed);
        }
        self.store(ChangeCredential::End(hash.to_owned())).await
    }

    /// The tokens of a user, or of all, the newest first.
    pub(crate) fn tokens(&self, user: Option<&str>) -> Vec<ListedToken> {
        let (now, held) = (now(), self.held());
        let wanted = held.values().map(|it| &it.stored);
        let wanted =
            wanted.filter(|it| it.ends_at > now && user.is_none_or(|user| it.user == user));
        let mut tokens: Vec<_> = wanted
            .filter_map(|it| {
                Some(ListedToken {
                    id: it.id.clone(),
                    name: it.name.clone(),
                    user: it.user.clone(),
                    scope: TokenScope::parse(&it.kind)?,
                    made_at: it.made_at,
                    ends_at: it.ends_at,
                    used_at: it.used_at,
                })
            })
            .collect();
        tokens.sort_by(|a, b| (b.made_at, &b.id).cmp(&(a.made_at, &a.id)));
        tokens
    }

    /// Takes over in which groups a user is now: what the user has left counts for no token any more.
    pub(crate) fn note_groups(&self, user: &str, groups: &[String]) {
        let has_changed = set_groups(&mut self.held(), user, groups);
        if has_changed {
            let (user, groups) = (user.to_owned(), groups.to_vec());
            self.store_later(ChangeCredential::SetGroups { user, groups });
        }
    }

    async fn store(&self, change: ChangeCredential) -> Result<(), DatabaseError> {
        let database = self.database.get().ok_or(DatabaseError::Stopped)?;
        database.send(change).await.unwrap_or(Err(DatabaseError::Stopped))
    }

    /// Stores what nobody waits for.
    fn store_later(&self, change: ChangeCredential) {
        let Some(database) = self.database.get().cloned() else { return };
        actix_web::rt::spawn(async move {
            if let Ok(Err(error)) = database.send(change).await {
                log::warn!("cannot store who may come in error={error}");
            }
        });
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a credential lets somebody in here: a login does with its own provider alone.
fn is_known_here(credential: &StoredCredential, origin: Option<&str>) -> bool {
    credential.kind != LOGIN || origin == Some(credential.origin.as_str())
}

/// Gives all of a user's credentials these groups. Answers whether they had others.
fn set_groups(held: &mut HashMap<String, Held>, user: &str, groups: &[String]) -> bool {
    let mut has_changed = false;
    for held in held.values_mut().filter(|it| it.stored.user == user) {
        if *held.groups != *groups {
            held.groups = groups.into();
            groups.clone_into(&mut held.stored.groups);
            has_changed = true;
        }
    }
    has_changed
}

impl Held {
    fn new(stored: StoredCredential) -> Self {
        let groups = stored.groups.as_slice().into();
        Self { stored, groups, is_ended: Arc::default() }
    }

    fn holder(&self, scope: Option<TokenScope>) -> Holder {
        Holder {
            user: self.stored.user.clone(),
            groups: Arc::clone(&self.groups),
            scope,
            ends_at: self.stored.ends_at,
            is_ended: Arc::clone(&self.is_ended),
        }
    }
}

/// The SHA-256 of a secret in hexadecimal digits. It has too many random bits to be guessed from it.
fn hash(secret: &str) -> String {
    hex::digits(&Sha256::digest(secret.as_bytes()))
}
