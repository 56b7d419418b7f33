//! Viewers: their identity, their connection, and the batches of frames they are sent.

use std::{fmt, sync::Arc};

use bytestring::ByteString;

use crate::ids::Seq;

/// Tells viewers apart; never used twice in the life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ViewerId(pub u64);

/// Tells browsers apart: the value of a cookie.
pub(crate) type BrowserId = String;

/// Ends a viewer's connection from outside, for one that reads no more.
#[derive(Clone)]
pub(crate) struct ConnectionCloser(Arc<dyn Fn() + Send + Sync>);

impl ConnectionCloser {
    /// Hangs up by calling `cut`, which must do no harm when the connection is gone.
    pub(crate) fn new(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cut))
    }

    /// Hangs up.
    pub(crate) fn now(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ConnectionCloser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionCloser")
    }
}

/// What a viewer is sent at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The frames, in order, shared with other viewers.
    pub(crate) frames: Vec<ByteString>,
    /// The last sequence number in it, where it has one.
    pub(crate) seq: Option<Seq>,
    /// What becomes of the viewer afterwards.
    pub(crate) then: AfterBatch,
}

/// What becomes of a viewer after a [`Batch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AfterBatch {
    /// It asks again.
    #[default]
    AskAgain,
    /// It follows no conversation any more.
    Detached,
    /// Its socket is closed.
    Close {
        /// The close code.
        code: u16,
        /// The reason, at most 123 bytes.
        reason: &'static str,
    },
}
