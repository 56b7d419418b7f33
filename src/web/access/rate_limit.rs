//! Rate limits of each visitor: requests, WebSockets, turns, messages and wrong tokens.
//!
//! A visitor is the user named by a trusted proxy, otherwise an address (of IPv6 its /64 network,
//! which one household or machine has). Loopback without a user name is exempt from most limits: it
//! is this machine's own user, or an unnamed proxy that speaks for everybody.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{rights::Principal, web::connections::network};

use super::{
    credentials::{Holder, TokenScope},
    roles::Role,
    token_bucket::TokenBucket,
};

/// Idle visitors that are remembered.
const MAX_IDLE_VISITORS: usize = 4096;

/// Files of one visitor that are received at a time.
const UPLOADS: usize = 4;

/// Suggested wait for a permit: nobody knows when one is returned.
const PERMIT_RETRY: Duration = Duration::from_secs(5);

/// Limits of one visitor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimits {
    /// Requests at a time.
    pub requests: usize,
    /// WebSockets at a time.
    pub sockets: usize,
    /// Turns that run or wait at a time.
    pub turns: usize,
    pub messages_per_minute: usize,
    pub wrong_tokens_per_minute: usize,
    /// Applies to loopback too.
    pub conversations_per_minute: usize,
    /// Agents started ahead of a question. Applies to loopback too.
    pub starts_per_minute: usize,
}

#[derive(Debug)]
pub(crate) struct Visitors {
    limits: RateLimits,
    usage: Mutex<HashMap<VisitorKey, VisitorUsage>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum VisitorKey {
    User(String),
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct VisitorUsage {
    requests: usize,
    sockets: usize,
    turns: usize,
    uploads: usize,
    messages: TokenBucket,
    wrong_tokens: TokenBucket,
    conversations: TokenBucket,
    starts: TokenBucket,
}

/// A visitor has reached a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitExceeded {
    /// Names the limit and what to do about it.
    pub message: String,
    pub retry_after: Duration,
}

/// The sender of one request, or of all frames of one WebSocket.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    visitors: Arc<Visitors>,
    /// `None` if exempt.
    key: Option<VisitorKey>,
    address: IpAddr,
    /// Who asks for something of a conversation.
    pub principal: Principal,
    /// `None` for a request without a valid token or login.
    pub role: Option<Role>,
    /// The personal token or login with a provider that was shown.
    pub credential: Option<Holder>,
    /// Whether the client's own connection is encrypted.
    pub is_secure: bool,
    /// How often it had been changed who may see what.
    pub access_changes: u64,
}

/// Counts as one request, WebSocket or turn of a visitor until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    visitors: Arc<Visitors>,
    key: VisitorKey,
    count: fn(&mut VisitorUsage) -> &mut usize,
}

impl Visitors {
    pub(crate) fn new(limits: RateLimits) -> Arc<Self> {
        Arc::new(Self { limits, usage: Mutex::default() })
    }

    pub(crate) fn visitor(self: &Arc<Self>, address: IpAddr, user: Option<String>) -> Visitor {
        let key = match &user {
            Some(user) => Some(VisitorKey::User(user.clone())),
            None if address.is_loopback() => None,
            None => Some(VisitorKey::Address(network(address))),
        };
        let visitors = Arc::clone(self);
        let principal = Principal { user, ..Principal::default() };
        Visitor {
            visitors,
            key,
            address,
            principal,
            role: None,
            credential: None,
            is_secure: false,
            access_changes: 0,
        }
    }

    fn usage(&self) -> MutexGuard<'_, HashMap<VisitorKey, VisitorUsage>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update<T>(
        &self,
        key: &VisitorKey,
        now: Instant,
        update: impl FnOnce(&mut VisitorUsage) -> T,
    ) -> T {
        let mut usage = self.usage();
        if usage.len() >= usage.capacity().max(MAX_IDLE_VISITORS) && !usage.contains_key(key) {
            usage.retain(|_, usage| !usage.is_forgettable(now));
            // So many at once are an attack from many addresses. No memory suffices against it.
            if usage.len() >= MAX_IDLE_VISITORS {
                usage.retain(|_, usage| usage.permits() > 0);
            }
        }
        update(usage.entry(key.clone()).or_default())
    }
}

impl VisitorUsage {
    fn permits(&self) -> usize {
        self.requests + self.sockets + self.turns + self.uploads
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        let buckets = [self.messages, self.wrong_tokens, self.conversations, self.starts];
        self.permits() == 0 && buckets.iter().all(|bucket| bucket.is_full(now))
    }
}

impl Visitor {
    /// Whether a personal token was shown.
    pub(crate) fn has_token_of_person(&self) -> bool {
        self.credential.as_ref().is_some_and(|it| it.scope.is_some())
    }

    /// Whether what was shown allows this.
    pub(crate) fn may(&self, scope: TokenScope) -> bool {
        self.credential.as_ref().and_then(|it| it.scope).is_none_or(|own| own >= scope)
    }

    /// Whether what was shown when this visitor came lets in still.
    pub(crate) fn is_still_let_in(&self) -> bool {
        self.credential.as_ref().is_none_or(Holder::is_valid)
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Begins a request. A proxy may open any number of connections; this limits each of its
    /// clients.
    pub(crate) fn begin_request(&self) -> Result<Option<Permit>, LimitExceeded> {
        let limit = self.visitors.limits.requests;
        self.acquire(
            |usage| &mut usage.requests,
            limit,
            |limit| format!("{limit} of your requests are in progress, which is the limit."),
        )
    }

    pub(crate) fn open_socket(&self) -> Result<Option<Permit>, LimitExceeded> {
        let limit = self.visitors.limits.sockets;
        self.acquire(
            |usage| &mut usage.sockets,
            limit,
            |limit| format!("You have {limit} open connections, which is the limit: close one."),
        )
    }

    pub(crate) fn begin_turn(&self) -> Result<Option<Permit>, LimitExceeded> {
        let limit = self.visitors.limits.turns;
        self.acquire(|usage| &mut usage.turns, limit, |limit| {
            format!(
                "{limit} of your questions are running or waiting, which is the limit; send this \
                 again when one is answered."
            )
        })
    }

    /// Begins to receive a file for a question.
    pub(crate) fn begin_upload(&self) -> Result<Option<Permit>, LimitExceeded> {
        self.acquire(
            |usage| &mut usage.uploads,
            UPLOADS,
            |limit| format!("{limit} of your files are being sent, which is the limit."),
        )
    }

    /// Who it is, where what a visitor has stored is counted.
    pub(crate) fn sender(&self) -> String {
        match self.key_or_address() {
            VisitorKey::User(user) => format!("user {user}"),
            VisitorKey::Address(address) => format!("address {address}"),
        }
    }

    /// Counts a message.
    pub(crate) fn count_message(&self, now: Instant) -> Result<(), LimitExceeded> {
        let Some(key) = &self.key else { return Ok(()) };
        let limit = self.visitors.limits.messages_per_minute;
        let taken = self.visitors.update(key, now, |usage| usage.messages.take(limit, now));
        taken.map_err(|wait| {
            let wait_s = whole_seconds(wait);
            let message =
                format!("You may send {limit} messages a minute; send it again in {wait_s} s.");
            LimitExceeded { message, retry_after: wait }
        })
    }

    /// Counts a new conversation.
    pub(crate) fn count_conversation(&self, now: Instant) -> Result<(), LimitExceeded> {
        let limit = self.visitors.limits.conversations_per_minute;
        let key = self.key_or_address();
        let taken = self.visitors.update(&key, now, |usage| usage.conversations.take(limit, now));
        taken.map_err(|wait| LimitExceeded {
            message: format!(
                "You may start {limit} conversations a minute (advanced.limits.conversations_per_minute); \
                 try again in {} s.",
                whole_seconds(wait)
            ),
            retry_after: wait,
        })
    }

    /// Counts an agent started ahead of a question; false if it is one too many.
    pub(crate) fn may_start_agent(&self, now: Instant) -> bool {
        let limit = self.visitors.limits.starts_per_minute;
        let key = self.key_or_address();
        self.visitors.update(&key, now, |usage| usage.starts.take(limit, now)).is_ok()
    }

    /// Whether the visitor's address has sent as many wrong tokens as it may.
    pub(crate) fn has_failed_too_often(&self, now: Instant) -> bool {
        let limit = self.visitors.limits.wrong_tokens_per_minute;
        let usage = self.visitors.usage();
        usage.get(&self.address_key()).is_some_and(|usage| usage.wrong_tokens.is_empty(limit, now))
    }

    /// Counts a wrong token of the visitor's address.
    pub(crate) fn count_wrong_token(&self, now: Instant) -> Result<(), LimitExceeded> {
        let limit = self.visitors.limits.wrong_tokens_per_minute;
        let key = self.address_key();
        let taken = self.visitors.update(&key, now, |usage| usage.wrong_tokens.take(limit, now));
        if taken.is_ok() {
            // Tokens beyond the limit are not logged, or guesses would fill the disk.
            log::warn!("wrong token address={}", self.address);
        }
        taken.map_err(|wait| LimitExceeded {
            message: format!(
                "Too many wrong tokens came from your address, and this one is wrong too; try \
                 again in {} s.",
                whole_seconds(wait)
            ),
            retry_after: wait,
        })
    }

    /// The key under which loopback is counted too.
    fn key_or_address(&self) -> VisitorKey {
        self.key.clone().unwrap_or_else(|| self.address_key())
    }

    fn address_key(&self) -> VisitorKey {
        VisitorKey::Address(network(self.address))
    }

    /// Counts one more of something of which the visitor may have `limit`; `None` if it is exempt.
    fn acquire(
        &self,
        count: fn(&mut VisitorUsage) -> &mut usize,
        limit: usize,
        message: impl FnOnce(usize) -> String,
    ) -> Result<Option<Permit>, LimitExceeded> {
        let Some(key) = &self.key else { return Ok(None) };
        let is_below = self.visitors.update(key, Instant::now(), |usage| {
            let permits = count(usage);
            let is_below = *permits < limit;
            *permits += usize::from(is_below);
            is_below
        });
        if !is_below {
            return Err(LimitExceeded { message: message(limit), retry_after: PERMIT_RETRY });
        }
        let visitors = Arc::clone(&self.visitors);
        Ok(Some(Permit { visitors, key: key.clone(), count }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut usage = self.visitors.usage();
        let Some(own) = usage.get_mut(&self.key) else { return };
        let permits = (self.count)(own);
        *permits = permits.saturating_sub(1);
        if own.is_forgettable(Instant::now()) {
            usage.remove(&self.key);
        }
    }
}

/// Seconds as `Retry-After` and people count them, rounded up.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors() -> Arc<Visitors> {
        Visitors::new(RateLimits {
            requests: 3,
            sockets: 2,
            turns: 1,
            messages_per_minute: 3,
            wrong_tokens_per_minute: 2,
            conversations_per_minute: 4,
            starts_per_minute: 2,
        })
    }

    fn visitor(visitors: &Arc<Visitors>, address: &str) -> Visitor {
        visitors.visitor(address.parse().unwrap(), None)
    }

    #[test]
    fn a_visitor_has_as_many_sockets_and_turns_as_are_allowed_at_once() {
        let visitors = visitors();
        let one = visitor(&visitors, "192.0.2.1");
        let first = one.open_socket().unwrap();
        let second = one.open_socket().unwrap();
        let refused = one.open_socket().unwrap_err();
        assert_eq!(refused.message, "You have 2 open connections, which is the limit: close one.");
        assert!(visitor(&visitors, "192.0.2.2").open_socket().unwrap().is_some());
        drop(first);
        assert!(one.open_socket().is_ok());
        let turn = one.begin_turn().unwrap();
        assert!(one.begin_turn().is_err());
        drop(turn);
        assert!(one.begin_turn().is_ok());
        drop(second);
        assert!(visitors.usage().is_empty(), "who has nothing is forgotten");
        let requests: Vec<_> = (0..3).map(|_| one.begin_request().unwrap()).collect();
        assert!(one.begin_request().unwrap_err().message.starts_with("3 of your requests"));
        drop(requests);
        assert!(one.begin_request().is_ok());
    }

    #[test]
    fn messages_are_counted_by_the_minute() {
        let (visitors, now) = (visitors(), Instant::now());
        let one = visitor(&visitors, "192.0.2.1");
        for _ in 0..3 {
            one.count_message(now).unwrap();
        }
        let refused = one.count_message(now).unwrap_err();
        assert_eq!(refused.message, "You may send 3 messages a minute; send it again in 20 s.");
        assert_eq!(refused.retry_after, Duration::from_secs(20));
        assert!(one.count_message(now + Duration::from_secs(19)).is_err());
        assert!(one.count_message(now + Duration::from_secs(20)).is_ok());
        assert!(one.count_message(now + Duration::from_secs(21)).is_err());
        assert!(visitor(&visitors, "192.0.2.2").count_message(now).is_ok());
    }

    #[test]
    fn p9_conversations_and_starts_ahead_are_counted_by_the_minute_and_on_loopback_too() {
        let (visitors, now) = (visitors(), Instant::now());
        let named = |name: &str| visitors.visitor([127, 0, 0, 1].into(), Some(name.to_owned()));
        let everybody = [
            visitor(&visitors, "127.0.0.1"),
            visitor(&visitors, "192.0.2.1"),
            named("ada"),
            named("bob"),
        ];
        for one in &everybody {
            assert!((0..4).all(|_| one.count_conversation(now).is_ok()));
            let refused = one.count_conversation(now).unwrap_err();
            assert_eq!(refused.retry_after, Duration::from_secs(15));
            assert!(refused.message.contains("4 conversations a minute"), "{}", refused.message);
            assert!(one.count_conversation(now + Duration::from_secs(15)).is_ok());
            assert!(one.may_start_agent(now) && one.may_start_agent(now));
            assert!(!one.may_start_agent(now + Duration::from_secs(29)));
            assert!(one.may_start_agent(now + Duration::from_secs(30)));
        }
    }

    #[test]
    fn only_wrong_tokens_count_and_those_of_loopback_too() {
        let (visitors, now) = (visitors(), Instant::now());
        for address in ["127.0.0.1", "192.0.2.1"] {
            let one = visitor(&visitors, address);
            assert!((0..9).all(|_| !one.has_failed_too_often(now)));
            one.count_wrong_token(now).unwrap();
            assert!(!one.has_failed_too_often(now));
            one.count_wrong_token(now).unwrap();
            assert!(one.has_failed_too_often(now));
            let refused = one.count_wrong_token(now).unwrap_err();
            assert_eq!(refused.retry_after, Duration::from_secs(30));
            let later = now + Duration::from_secs(30);
            assert!(!one.has_failed_too_often(later));
            one.count_wrong_token(later).unwrap();
        }
        assert!(!visitor(&visitors, "192.0.2.2").has_failed_too_often(now));
    }

    #[test]
    fn a_visitor_is_a_user_else_an_address_else_not_counted() {
        let visitors = visitors();
        let loopback = visitor(&visitors, "127.0.0.1");
        assert!((0..9).all(|_| loopback.open_socket().is_ok()));
        let named = |address: &str| visitors.visitor(address.parse().unwrap(), Some("ada".into()));
        let held = [named("127.0.0.1").open_socket(), named("192.0.2.1").open_socket()];
        assert!(held.iter().all(Result::is_ok) && named("192.0.2.7").open_socket().is_err());
        let held: Vec<_> = ["2001:db8::1", "2001:db8::ffff:2"]
            .map(|address| visitor(&visitors, address).open_socket().unwrap())
            .into();
        assert!(visitor(&visitors, "2001:db8:0:0:9::9").open_socket().is_err());
        assert!(visitor(&visitors, "2001:db8:0:1::1").open_socket().is_ok());
        drop(held);
    }

    #[test]
    fn many_addresses_do_not_fill_the_memory() {
        let (visitors, now) = (visitors(), Instant::now());
        let held = visitor(&visitors, "192.0.2.1").open_socket();
        for number in 0..20_000_u32 {
            visitor(&visitors, &std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string())
                .count_wrong_token(now)
                .unwrap();
        }
        assert!(visitors.usage().len() <= 2 * MAX_IDLE_VISITORS);
        assert_eq!(visitors.usage()[&VisitorKey::Address("192.0.2.1".parse().unwrap())].sockets, 1);
        drop(held);
    }
}
