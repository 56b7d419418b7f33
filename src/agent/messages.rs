//! Messages from a running agent to its session.

use std::{process::ExitStatus, time::Instant};

use actix::{Message, MessageResponse};
use tokio::sync::oneshot;

use crate::ids::ConversationId;

use super::{
    AgentKind,
    event::{Activity, AgentEvent},
};

/// The events of one read of an agent's output. The next read waits for the reply, so a busy session
/// slows its agent down and nothing piles up.
#[derive(Message, Debug)]
#[rtype(result = "Flow")]
pub struct AgentOutput {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// Number of the agent's start; output of an older one is stale.
    pub epoch: u64,
    /// In the agent's order.
    pub events: Vec<AgentEvent>,
    /// The activity that the output shows.
    pub activity: Activity,
    /// When it was read.
    pub read_at: Instant,
}

/// When to read more of an agent's output.
#[derive(MessageResponse, Debug)]
pub enum Flow {
    /// Now.
    Continue,
    /// When this resolves or is dropped.
    Hold(oneshot::Receiver<()>),
}

/// An agent's process has ended and is reaped. Sent once, after all of its output.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct AgentExited {
    /// The conversation that it belonged to.
    pub conversation: ConversationId,
    /// Number of the agent's start.
    pub epoch: u64,
    /// How it ended.
    pub exit: AgentExit,
}

/// How an agent's process ended.
#[derive(Debug)]
pub struct AgentExit {
    /// Which agent it was.
    pub kind: AgentKind,
    /// The process's status; `None` when it never started.
    pub status: Option<ExitStatus>,
    /// The end of its stderr.
    pub stderr_tail: String,
    /// The agent does not know the session to resume: start a new one.
    pub session_lost: bool,
    /// Why the server could not start it or ended it, for a person.
    pub reason: Option<String>,
}

/// Longest piece of stderr in [`AgentExit::words`], in bytes.
const QUOTED: usize = 400;

impl AgentExit {
    /// The exit of an agent whose session is known to be gone, so that none was started.
    pub(super) fn session_lost(kind: AgentKind) -> Self {
        Self { kind, status: None, stderr_tail: String::new(), session_lost: true, reason: None }
    }

    /// The exit explained to a person.
    pub fn words(&self) -> String {
        if let Some(reason) = &self.reason {
            return reason.clone();
        }
        if self.session_lost {
            return "The agent no longer knows this conversation. The next message starts it \
                    afresh."
                .to_owned();
        }
        if self.stderr_tail.contains("is already in use") {
            return "Another process of the agent still works on this conversation. Ask again in \
                    a moment."
                .to_owned();
        }
        let how = match self.status {
            Some(status) => how_it_ended(status),
            None => "did not start".to_owned(),
        };
        let stderr = self.stderr_tail.trim();
        if stderr.is_empty() {
            return format!("The agent {how}. The next message starts it again.");
        }
        let start = stderr.ceil_char_boundary(stderr.len().saturating_sub(QUOTED));
        format!("The agent {how}. Its last words: {}", &stderr[start..])
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => "ended by itself".to_owned(),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(9)) => "was killed (signal 9; perhaps the memory ran out)".to_owned(),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn exit(raw_status: i32, stderr: &str) -> AgentExit {
        AgentExit {
            kind: AgentKind::Claude,
            status: Some(ExitStatus::from_raw(raw_status)),
            stderr_tail: stderr.to_owned(),
            session_lost: false,
            reason: None,
        }
    }

    #[test]
    fn an_exit_is_told_in_words() {
        assert!(exit(3 << 8, "").words().contains("exit code 3"));
        assert!(exit(9, "").words().contains("killed"));
        assert!(exit(1 << 8, "no such option\n").words().ends_with("no such option"));
        let busy = "Error: Session ID 1 is already in use.";
        assert!(exit(1 << 8, busy).words().contains("Another process"));
    }

    #[test]
    fn only_the_end_of_a_long_stderr_is_quoted() {
        let words = exit(1 << 8, &format!("{}é end", "x".repeat(5000))).words();
        assert!(words.len() < 600 && words.ends_with("é end"), "{words}");
    }
}
