//! The causes of a failed turn that are told apart.

/// Why a turn failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureCause {
    /// The turn reached its limit of steps.
    TooManySteps,
    /// The budget of the agent is used up.
    NoBudget,
    /// The conversation is longer than the model can read.
    TooLong,
    /// The request has more bytes than the API takes.
    TooLarge,
    /// The API rejects the agent's record of the conversation, and would reject it with every question.
    BadHistory,
    /// The model or its safeguards declined to answer.
    Declined,
    /// An image or a document in the request cannot be read.
    BadMedia,
    /// The answer reached the model's output limit.
    LongAnswer,
    /// The account's usage limit is reached.
    UsageLimit,
    /// The account has no credit.
    NoCredit,
    /// Too many requests at a time.
    RateLimit,
    /// The agent has no account.
    NoAccount,
    /// The API rejects the credentials.
    BadAccount,
    /// The account is blocked or waits for an action of its owner.
    HeldAccount,
    /// The account lacks the permission.
    Forbidden,
    /// Credentials of a cloud provider cannot be loaded.
    CloudAccount,
    /// The account cannot use the model, or there is none of this name.
    NoModel,
    /// The API's TLS certificate is not trusted.
    Untrusted,
    /// A proxy refused the connection.
    Proxy,
    /// The API's host name cannot be resolved.
    NoName,
    /// No connection to the API.
    Unreachable,
    /// The API did not answer in time.
    TimedOut,
    /// The API is overloaded.
    Overloaded,
    /// The API failed with this HTTP status.
    Server(u16),
    /// The API refused the request with this HTTP status.
    Refused(u16),
    Other,
}

impl FailureCause {
    /// Whether its signs count beside this HTTP status. The text of a failing service may mention anything.
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

    /// Whether a status or the agent's own error kind is more precise than the sign.
    pub(super) fn yields_to_kind(self) -> bool {
        matches!(self, Self::Unreachable | Self::Overloaded | Self::RateLimit | Self::TimedOut)
    }
}
