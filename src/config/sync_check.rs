//! How it is made sure that NATS servers do not lose the log.

/// Whether the NATS servers are asked if they write to the disk before they acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncCheck {
    /// They are, and have to.
    Required,
    /// The operator knows.
    Vouched,
}
