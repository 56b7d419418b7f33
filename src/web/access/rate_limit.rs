//! How much each visitor has: WebSockets, turns, messages, and wrong tokens. A visitor is a user
//! whom a proxy names, else an address, of IPv6 the /64 that one household or machine has.
//! Loopback without a name is not counted: it is this machine's own user, or a proxy that does not
//! tell for whom it speaks, and so everybody.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::roles::Role;

/// The span of time in which messages and wrong tokens are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// Visitors remembered at most besides as many as have a socket or a turn.
const MAX_KNOWN: usize = 4096;

/// Upper bounds for one visitor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Requests that are being answered.
    pub requests: usize,
    /// WebSockets.
    pub sockets: usize,
    /// Turns that run or wait.
    pub turns: usize,
    /// Messages in a minute.
    pub messages: usize,
    /// Wrong tokens in a minute.
    pub failures: usize,
    /// Conversations begun in a minute, on loopback too.
    pub conversations: usize,
    /// Agents started ahead of a question in a minute, on loopback too.
    pub starts: usize,
}

/// What all visitors have.
#[derive(Debug)]
pub(crate) struct Visitors {
    bounds: Bounds,
    known: Mutex<HashMap<VisitorKey, VisitorCounts>>,
}

/// Who a visitor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum VisitorKey {
    User(String),
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct VisitorCounts {
    requests: usize,
    sockets: usize,
    turns: usize,
    messages: TokenBucket,
    failures: TokenBucket,
    conversations: TokenBucket,
    starts: TokenBucket,
}

/// A visitor has as much as one may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitExceeded {
    /// What, and what to do.
    pub words: String,
    /// When it may work again.
    pub retry_after: Duration,
}

/// How often something may happen in a minute: at once as often as in all, then evenly. Holds
/// when all of it may be used again.
#[derive(Debug, Default, Clone, Copy)]
struct TokenBucket(Option<Instant>);

impl TokenBucket {
    /// Takes one of `most` in a minute, or tells how long to wait.
    fn take(&mut self, most: usize, now: Instant) -> Result<(), Duration> {
        let step = MINUTE / u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        let full = self.0.map_or(now, |full| full.max(now)) + step;
        let wait = (full - now).saturating_sub(MINUTE.max(step));
        if wait.is_zero() {
            self.0 = Some(full);
            return Ok(());
        }
        Err(wait)
    }

    fn is_full(&self, now: Instant) -> bool {
        self.0.is_none_or(|full| full <= now)
    }
}

/// One visitor, on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    visitors: Arc<Visitors>,
    /// `None` is not counted.
    key: Option<VisitorKey>,
    address: IpAddr,
    /// The user, where a proxy names one.
    pub user: Option<String>,
    /// What the visitor may do; `None` for one who has shown nothing.
    pub role: Option<Role>,
    /// Whether the client's connection is encrypted.
    pub is_secure: bool,
}

/// Kept as long as a socket is open or a turn goes on.
#[derive(Debug)]
pub(crate) struct Permit {
    visitors: Arc<Visitors>,
    key: VisitorKey,
    count: fn(&mut VisitorCounts) -> &mut usize,
}

impl Visitors {
    /// Nobody yet.
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, known: Mutex::default() })
    }

    /// The visitor of this name, else of this address.
    pub(crate) fn visitor(self: &Arc<Self>, address: IpAddr, user: Option<String>) -> Visitor {
        let key = match &user {
            Some(user) => Some(VisitorKey::User(user.clone())),
            None if address.is_loopback() => None,
            None => Some(VisitorKey::Address(network(address))),
        };
        let visitors = Arc::clone(self);
        Visitor { visitors, key, address, user, role: None, is_secure: false }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<VisitorKey, VisitorCounts>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        key: &VisitorKey,
        now: Instant,
        change: impl FnOnce(&mut VisitorCounts) -> T,
    ) -> T {
        let mut known = self.known();
        if known.len() >= known.capacity().max(MAX_KNOWN) && !known.contains_key(key) {
            known.retain(|_, counts| !counts.is_forgettable(now));
            // So many at once are an attack from many addresses, which no memory would help against.
            if known.len() >= MAX_KNOWN {
                known.retain(|_, counts| counts.held() > 0);
            }
        }
        change(known.entry(key.clone()).or_default())
    }
}

impl VisitorCounts {
    fn held(&self) -> usize {
        self.requests + self.sockets + self.turns
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        let paces = [self.messages, self.failures, self.conversations, self.starts];
        self.held() == 0 && paces.iter().all(|pace| pace.is_full(now))
    }
}

impl Visitor {
    /// Begins a request. Behind a proxy, which has as many connections as it likes, this is what
    /// one client has of them.
    pub(crate) fn begin_request(&self) -> Result<Option<Permit>, LimitExceeded> {
        let most = self.visitors.bounds.requests;
        self.acquire(|counts| &mut counts.requests, most).map_err(|retry_after| LimitExceeded {
            words: format!("{most} of your requests are being answered, and no more may be."),
            retry_after,
        })
    }

    /// Opens a WebSocket.
    pub(crate) fn open_socket(&self) -> Result<Option<Permit>, LimitExceeded> {
        let most = self.visitors.bounds.sockets;
        self.acquire(|counts| &mut counts.sockets, most).map_err(|retry_after| LimitExceeded {
            words: format!("You have {most} connections, and no more may be open: close one."),
            retry_after,
        })
    }

    /// Begins a turn.
    pub(crate) fn begin_turn(&self) -> Result<Option<Permit>, LimitExceeded> {
        let most = self.visitors.bounds.turns;
        self.acquire(|counts| &mut counts.turns, most).map_err(|retry_after| LimitExceeded {
            words: format!(
                "{most} of your questions are being answered or wait, and no more may; send it \
                 again when one is answered."
            ),
            retry_after,
        })
    }

    /// Whether one more message is allowed now; it counts.
    pub(crate) fn may_ask(&self, now: Instant) -> Result<(), LimitExceeded> {
        let Some(key) = &self.key else { return Ok(()) };
        let most = self.visitors.bounds.messages;
        let taken = self.visitors.change(key, now, |counts| counts.messages.take(most, now));
        taken.map_err(|retry_after| LimitExceeded {
            words: format!(
                "You may send {most} messages a minute; send it again in {} s.",
                seconds(retry_after)
            ),
            retry_after,
        })
    }

    /// Whether one more conversation may be begun now; it counts.
    pub(crate) fn may_begin(&self, now: Instant) -> Result<(), LimitExceeded> {
        let most = self.visitors.bounds.conversations;
        let taken = self
            .visitors
            .change(&self.own_key(), now, |counts| counts.conversations.take(most, now));
        taken.map_err(|retry_after| LimitExceeded {
            words: format!(
                "You may begin {most} conversations a minute (limits.conversations_per_minute); \
                 try again in {} s.",
                seconds(retry_after)
            ),
            retry_after,
        })
    }

    /// Whether an agent may be started for it before anything is asked; it counts.
    pub(crate) fn may_start_ahead(&self, now: Instant) -> bool {
        let most = self.visitors.bounds.starts;
        let key = self.own_key();
        self.visitors.change(&key, now, |counts| counts.starts.take(most, now)).is_ok()
    }

    /// Who it is where loopback counts as an address like any other.
    fn own_key(&self) -> VisitorKey {
        self.key.clone().unwrap_or_else(|| self.address_key())
    }

    /// Whether so many wrong tokens came from the address that one more is too many.
    pub(crate) fn has_failed_too_often(&self, now: Instant) -> bool {
        let most = self.visitors.bounds.failures;
        let pace = self.visitors.known().get(&self.address_key()).map(|counts| counts.failures);
        // Looked at, not taken.
        pace.unwrap_or_default().take(most, now).is_err()
    }

    /// The address has shown a wrong token; `Err` where it has shown too many.
    pub(crate) fn count_failure(&self, now: Instant) -> Result<(), LimitExceeded> {
        let most = self.visitors.bounds.failures;
        let key = self.address_key();
        let counted = self.visitors.change(&key, now, |counts| counts.failures.take(most, now));
        if counted.is_ok() {
            // Those beyond are not logged either: guesses must not fill the disk.
            log::warn!("wrong token address={}", self.address);
        }
        counted.map_err(|retry_after| LimitExceeded {
            words: format!(
                "Too many wrong tokens came from your address, and this is none of the right ones; \
                 try again in {} s.",
                seconds(retry_after)
            ),
            retry_after,
        })
    }

    fn address_key(&self) -> VisitorKey {
        VisitorKey::Address(network(self.address))
    }

    fn acquire(
        &self,
        count: fn(&mut VisitorCounts) -> &mut usize,
        most: usize,
    ) -> Result<Option<Permit>, Duration> {
        let Some(key) = &self.key else { return Ok(None) };
        let is_free = self.visitors.change(key, Instant::now(), |counts| {
            let held = count(counts);
            let is_free = *held < most;
            *held += usize::from(is_free);
            is_free
        });
        if !is_free {
            // Nobody knows when a tab is closed.
            return Err(Duration::from_secs(5));
        }
        let visitors = Arc::clone(&self.visitors);
        Ok(Some(Permit { visitors, key: key.clone(), count }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut known = self.visitors.known();
        let Some(counts) = known.get_mut(&self.key) else { return };
        let held = (self.count)(counts);
        *held = held.saturating_sub(1);
        if counts.is_forgettable(Instant::now()) {
            known.remove(&self.key);
        }
    }
}

/// Whole seconds, as `Retry-After` and people count them.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// What one address stands for.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors() -> Arc<Visitors> {
        Visitors::new(Bounds {
            requests: 3,
            sockets: 2,
            turns: 1,
            messages: 3,
            failures: 2,
            conversations: 4,
            starts: 2,
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
        assert_eq!(refused.words, "You have 2 connections, and no more may be open: close one.");
        assert!(visitor(&visitors, "192.0.2.2").open_socket().unwrap().is_some());
        drop(first);
        assert!(one.open_socket().is_ok());
        let turn = one.begin_turn().unwrap();
        assert!(one.begin_turn().is_err());
        drop(turn);
        assert!(one.begin_turn().is_ok());
        drop(second);
        assert!(visitors.known().is_empty(), "who has nothing is forgotten");
        let requests: Vec<_> = (0..3).map(|_| one.begin_request().unwrap()).collect();
        assert!(one.begin_request().unwrap_err().words.starts_with("3 of your requests"));
        drop(requests);
        assert!(one.begin_request().is_ok());
    }

    #[test]
    fn messages_are_counted_by_the_minute() {
        let (visitors, now) = (visitors(), Instant::now());
        let one = visitor(&visitors, "192.0.2.1");
        for _ in 0..3 {
            one.may_ask(now).unwrap();
        }
        let refused = one.may_ask(now).unwrap_err();
        assert_eq!(refused.words, "You may send 3 messages a minute; send it again in 20 s.");
        assert_eq!(refused.retry_after, Duration::from_secs(20));
        assert!(one.may_ask(now + Duration::from_secs(19)).is_err());
        assert!(one.may_ask(now + Duration::from_secs(20)).is_ok());
        assert!(one.may_ask(now + Duration::from_secs(21)).is_err());
        assert!(visitor(&visitors, "192.0.2.2").may_ask(now).is_ok());
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
            assert!((0..4).all(|_| one.may_begin(now).is_ok()));
            let refused = one.may_begin(now).unwrap_err();
            assert_eq!(refused.retry_after, Duration::from_secs(15));
            assert!(refused.words.contains("4 conversations a minute"), "{}", refused.words);
            assert!(one.may_begin(now + Duration::from_secs(15)).is_ok());
            assert!(one.may_start_ahead(now) && one.may_start_ahead(now));
            assert!(!one.may_start_ahead(now + Duration::from_secs(29)));
            assert!(one.may_start_ahead(now + Duration::from_secs(30)));
        }
    }

    #[test]
    fn only_wrong_tokens_count_and_those_of_loopback_too() {
        let (visitors, now) = (visitors(), Instant::now());
        for address in ["127.0.0.1", "192.0.2.1"] {
            let one = visitor(&visitors, address);
            assert!((0..9).all(|_| !one.has_failed_too_often(now)));
            one.count_failure(now).unwrap();
            assert!(!one.has_failed_too_often(now));
            one.count_failure(now).unwrap();
            assert!(one.has_failed_too_often(now));
            let refused = one.count_failure(now).unwrap_err();
            assert_eq!(refused.retry_after, Duration::from_secs(30));
            let later = now + Duration::from_secs(30);
            assert!(!one.has_failed_too_often(later));
            one.count_failure(later).unwrap();
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
                .count_failure(now)
                .unwrap();
        }
        assert!(visitors.known().len() <= 2 * MAX_KNOWN);
        assert_eq!(visitors.known()[&VisitorKey::Address("192.0.2.1".parse().unwrap())].sockets, 1);
        drop(held);
    }
}
