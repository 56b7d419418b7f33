//! Who has logged in on the page: a random id in a cookie stands for a role until the login ends.
//! The token itself is in no cookie. LoginSessions are not stored: they end with the server.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::roles::Role;

/// The logins that have not ended.
#[derive(Debug)]
pub(crate) struct LoginSessions {
    kept: Mutex<HashMap<Uuid, (Role, Instant)>>,
    lifetime: Duration,
    most: usize,
}

impl LoginSessions {
    /// None yet. Each lasts for `lifetime`, and at most `most` are kept.
    pub(crate) fn new(lifetime: Duration, most: usize) -> Self {
        Self { kept: Mutex::default(), lifetime, most }
    }

    /// How long a login lasts.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Begins a login and gives its id, of 122 random bits.
    pub(crate) fn begin(&self, role: Role, now: Instant) -> Uuid {
        let id = Uuid::new_v4();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            kept.retain(|_, (_, end)| *end > now);
        }
        while kept.len() >= self.most {
            let Some(first) = kept.iter().min_by_key(|(_, (_, end))| *end).map(|(id, _)| *id)
            else {
                break;
            };
            kept.remove(&first);
        }
        kept.insert(id, (role, now + self.lifetime));
        id
    }

    /// The role of a login that has not ended.
    pub(crate) fn role(&self, id: &str, now: Instant) -> Option<Role> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (role, end) = kept.get(&Uuid::parse_str(id).ok()?)?;
        (*end > now).then_some(*role)
    }

    /// Ends a login.
    pub(crate) fn end(&self, id: &str) {
        if let Ok(id) = Uuid::parse_str(id) {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_lasts_until_its_time_is_over_or_somebody_ends_it() {
        let (logins, now) = (LoginSessions::new(Duration::from_secs(60), 10), Instant::now());
        let id = logins.begin(Role::Viewer, now).to_string();
        assert_eq!(logins.role(&id, now + Duration::from_secs(59)), Some(Role::Viewer));
        assert_eq!(logins.role(&id, now + Duration::from_secs(60)), None);
        assert_eq!(logins.role(&Uuid::new_v4().to_string(), now), None);
        assert_eq!(logins.role("", now), None);
        logins.end(&id);
        assert_eq!(logins.role(&id, now), None);
    }

    #[test]
    fn the_login_that_ends_first_makes_room() {
        let (logins, now) = (LoginSessions::new(Duration::from_secs(60), 2), Instant::now());
        let ids = [0, 1, 2]
            .map(|second| logins.begin(Role::Admin, now + Duration::from_secs(second)).to_string());
        let now = now + Duration::from_secs(3);
        let roles = ids.map(|id| logins.role(&id, now));
        assert_eq!(roles, [None, Some(Role::Admin), Some(Role::Admin)]);
    }
}
