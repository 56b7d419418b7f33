//! Causes of a failed turn.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureCause {
    /// The turn took more steps than it may.
    TooManySteps,
    /// The agent has spent what it may.
    NoBudget,
    /// The conversation is longer than the model can read.
    TooLong,
    /// The request has more bytes than the API takes.
    TooLarge,
    /// The agent's own record of the conversation is refused: so is every further question.
    BadHistory,
    /// The model, or what watches over it, declined to answer.
    Declined,
    /// An image or a document in the request cannot be read.
    BadMedia,
    /// The answer was longer than the model may answer.
    LongAnswer,
    /// What the account may use is used up.
    UsageLimit,
    /// The account has no money left.
    NoCredit,
    /// Too many requests at a time.
    RateLimit,
    /// The agent has no account.
    NoAccount,
    /// The account is not accepted (any more).
    BadAccount,
    /// The account is blocked, or waits for something that its owner must do.
    HeldAccount,
    /// The account may not do this.
    Forbidden,
    /// The credentials of a cloud provider cannot be loaded.
    CloudAccount,
    /// There is no such model for this account.
    NoModel,
    /// The service's certificate is not trusted.
    Untrusted,
    /// A proxy stands in the way.
    Proxy,
    /// The service's name cannot be resolved.
    NoName,
    /// The service cannot be reached.
    Unreachable,
    /// The service did not answer in time.
    TimedOut,
    /// The service has too much to do.
    Overloaded,
    /// The service failed, with this status.
    Server(u16),
    /// The service refused the request, with this status.
    Refused(u16),
    /// Something else.
    Other,
}

impl FailureCause {
    /// Whether its signs count in an error that came with this status: the words of a service that fails
    /// may be about anything.
    pub(super) fn fits(self, status: Option<u16>) -> bool {
        match status {
            None => true,
            Some(400 | 413 | 422) => true,
            Some(401) => matches!(self, Self::NoAccount | Self::HeldAccount | Self::BadAccount),
            Some(402) => matches!(self, Self::NoCredit),
            Some(403) => matches!(
                self,
                Self::Declined
                    | Self::NoCredit
                    | Self::UsageLimit
                    | Self::HeldAccount
                    | Self::BadAccount
            ),
            Some(404) => matches!(self, Self::NoModel),
            Some(429) => matches!(self, Self::NoCredit | Self::UsageLimit | Self::RateLimit),
            Some(_) => false,
        }
    }

    /// Whether the agent's own word on the kind of error, or a status, says more than the sign.
    pub(super) fn yields_to_kind(self) -> bool {
        matches!(self, Self::Unreachable | Self::Overloaded | Self::RateLimit | Self::TimedOut)
    }
}
