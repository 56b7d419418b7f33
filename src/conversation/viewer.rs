//! Identity and connection of a viewer, and the batches that it is sent.

use std::{fmt, sync::Arc, time::Instant};

use bytestring::ByteString;

use crate::ids::Seq;

/// A viewer, unique in the life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ViewerId(pub u64);

/// A browser, by the value of its cookie.
pub(crate) type BrowserId = String;

/// Shuts down the connection of a viewer that has stopped reading.
#[derive(Clone)]
pub(crate) struct ConnectionCloser(Arc<dyn Fn() + Send + Sync>);

impl ConnectionCloser {
    /// `close` must do no harm when the connection is gone.
    pub(crate) fn new(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cut))
    }

    pub(crate) fn now(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ConnectionCloser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionCloser")
    }
}

/// Frames that a viewer is sent at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// In order; shared with other viewers.
    pub(crate) frames: Vec<ByteString>,
    /// The last sequence number in it, if it has one.
    pub(crate) seq: Option<Seq>,
    /// When the oldest new text in it was read from the agent.
    pub(crate) read_at: Option<Instant>,
    pub(crate) then: AfterBatch,
}

/// What follows a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AfterBatch {
    /// The viewer asks again.
    #[default]
    AskAgain,
    /// The viewer follows no conversation any more.
    Detached,
    /// The viewer's connection is closed.
    Close {
        code: u16,
        /// At most 123 bytes.
        reason: &'static str,
    },
}
