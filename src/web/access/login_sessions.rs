//! Logins from the page: a random id in a cookie stands for a role until the login ends.
//!
//! Logins are kept in memory only, so they end with the server. No cookie contains a token.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::roles::Role;

#[derive(Debug)]
pub(crate) struct LoginSessions {
    /// The role of each login and when it ends.
    sessions: Mutex<HashMap<Uuid, (Role, Instant)>>,
    lifetime: Duration,
    capacity: usize,
}

impl LoginSessions {
    /// Keeps at most `capacity` logins; the one that ends first makes room.
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self { sessions: Mutex::default(), lifetime, capacity }
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Begins a login and returns its id, which has 122 random bits.
    pub(crate) fn begin(&self, role: Role, now: Instant) -> Uuid {
        let id = Uuid::new_v4();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= self.capacity {
            sessions.retain(|_, (_, end)| *end > now);
        }
        while sessions.len() >= self.capacity {
            let first = sessions.iter().min_by_key(|(_, (_, end))| *end).map(|(id, _)| *id);
            let Some(first) = first else { break };
            sessions.remove(&first);
        }
        sessions.insert(id, (role, now + self.lifetime));
        id
    }

    /// The role of a login that has not ended.
    pub(crate) fn role(&self, id: &str, now: Instant) -> Option<Role> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let (role, end) = sessions.get(&Uuid::parse_str(id).ok()?)?;
        (*end > now).then_some(*role)
    }

    pub(crate) fn end(&self, id: &str) {
        if let Ok(id) = Uuid::parse_str(id) {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_lasts_for_its_lifetime_or_until_it_is_ended() {
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
