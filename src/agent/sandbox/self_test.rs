//! The self-test of the sandbox: what a probe in an agent's place tried, and the verdict on it.

mod attempts;
mod isolation;
mod plan;
mod probe;
mod raw_syscall;
mod syscalls;
mod user_files;

use serde::{Deserialize, Serialize};

use super::KernelSupport;

pub(in crate::agent) use plan::Decoys;
pub use plan::ProbePlan;
pub use probe::probe;
pub(in crate::agent) use user_files::UserFiles;

/// Name of the hidden subcommand that runs the probe.
pub const SUBCOMMAND: &str = "sandbox-probe";

/// The result of a self-test.
#[derive(Debug, Clone, Serialize)]
pub struct SelfTest {
    /// When it ended: UTC, RFC 3339.
    pub at: String,
    /// The verdict on the scratch project.
    pub verdict: Verdict,
    /// Why no agent with a model may start, where this is the test of the guide in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_refused: Option<String>,
    /// Version of the Landlock ABI; 0 without Landlock.
    pub landlock: i32,
    /// The user that agents run as.
    pub uid: u32,
    /// Gaps of the confinement, one phrase each.
    pub missing: Vec<String>,
    /// Attempts in the scratch project.
    pub attempts: Vec<Attempt>,
    /// Results of the harmless attempts in each project.
    pub projects: Vec<ProjectTest>,
}

/// The result of a self-test in one project, in the place of one agent.
#[derive(Debug, Clone, Serialize)]
pub struct ProjectTest {
    /// The project's name.
    pub project: String,
    /// The agent's name.
    pub agent: String,
    /// The verdict on it.
    pub verdict: Verdict,
    /// The user that its agents run as.
    pub uid: u32,
    /// Gaps of the confinement, one phrase each.
    pub missing: Vec<String>,
    /// The attempts made in it.
    pub attempts: Vec<Attempt>,
}

/// A verdict, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every attempt had the expected outcome.
    Proved,
    /// The project could not be changed, but another attempt had an unexpected outcome.
    Partly,
    /// The settings turn confinement off.
    Off,
    /// The project could be changed, or the test did not run.
    Failed,
}

/// One attempt of the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The action, such as "create a file".
    pub what: String,
    /// What it concerns.
    pub kind: AttemptKind,
    /// The outcome that it must have.
    pub expected: AttemptOutcome,
    /// The outcome that it had.
    pub outcome: AttemptOutcome,
    /// The kernel's error message.
    pub detail: String,
}

/// What an attempt concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptKind {
    /// A change of the project.
    Change,
    /// A change of something else.
    ChangeElsewhere,
    /// Reading.
    Read,
    /// Other processes and the network.
    Reach,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// It did not work.
    Refused,
    /// It worked.
    Allowed,
    /// Its target was missing.
    Untried,
}

/// The probe's report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The kernel's support for the sandbox.
    pub kernel: KernelSupport,
    /// The uid that it ran as.
    pub uid: u32,
    /// The attempts in order.
    pub attempts: Vec<Attempt>,
}

impl Verdict {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Partly => "partly",
            Self::Off => "off",
            Self::Failed => "failed",
        }
    }
}

impl SelfTest {
    /// The test of an agent in a project.
    pub fn of(&self, project: &str, agent: &str) -> Option<&ProjectTest> {
        self.projects.iter().find(|test| test.project == project && test.agent == agent)
    }

    /// The verdict with its reasons.
    pub fn words(&self) -> String {
        words(self.verdict, &self.attempts, &self.missing)
    }
}

impl ProjectTest {
    /// The verdict with its reasons.
    pub fn words(&self) -> String {
        words(self.verdict, &self.attempts, &self.missing)
    }
}

impl Attempt {
    /// Whether the outcome was the expected one.
    pub fn is_as_expected(&self) -> bool {
        self.outcome == self.expected
    }
}

/// Descriptions of the attempts to change a project, each once.
pub fn change_attempts(attempts: &[Attempt]) -> Vec<String> {
    let mut tried: Vec<String> = Vec::new();
    for attempt in attempts {
        if attempt.kind == AttemptKind::Change && !tried.contains(&attempt.what) {
            tried.push(attempt.what.clone());
        }
    }
    tried
}

/// The verdict on attempts under a confinement with these gaps.
pub fn judge(attempts: &[Attempt], missing: &[String]) -> Verdict {
    let mut wrong = attempts.iter().filter(|attempt| !attempt.is_as_expected()).peekable();
    let is_tested = attempts.iter().any(|attempt| attempt.kind == AttemptKind::Change);
    if wrong.peek().is_none() && missing.is_empty() && is_tested {
        return Verdict::Proved;
    }
    // An agent that cannot do what it must does not work at all.
    let is_grave = |wrong: &Attempt| {
        wrong.kind == AttemptKind::Change || wrong.outcome != AttemptOutcome::Allowed
    };
    match !is_tested || wrong.any(is_grave) {
        true => Verdict::Failed,
        false => Verdict::Partly,
    }
}

fn words(verdict: Verdict, attempts: &[Attempt], missing: &[String]) -> String {
    let refused =
        attempts.iter().filter(|attempt| attempt.expected == AttemptOutcome::Refused).count();
    match verdict {
        Verdict::Proved => format!("all of {refused} attempts were refused"),
        Verdict::Off => {
            "neither agents nor readers are confined (`agent.sandbox = \"off\"`)".to_owned()
        }
        Verdict::Partly | Verdict::Failed => {
            let all: Vec<String> = missing.iter().cloned().chain(unexpected(attempts)).collect();
            match all.is_empty() {
                true => "nothing could be tried".to_owned(),
                false => all.join("; "),
            }
        }
    }
}

/// Descriptions of the attempts whose outcome is not the expected one.
pub fn unexpected(attempts: &[Attempt]) -> impl Iterator<Item = String> {
    let wrong = attempts.iter().filter(|attempt| !attempt.is_as_expected());
    wrong.map(|attempt| match attempt.outcome {
        AttemptOutcome::Allowed => format!("unexpectedly able to {}", attempt.what),
        AttemptOutcome::Refused => {
            format!("unexpectedly unable to {} ({})", attempt.what, attempt.detail)
        }
        AttemptOutcome::Untried => {
            format!("nothing there to {} ({})", attempt.what, attempt.detail)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(kind: AttemptKind, expected: AttemptOutcome, outcome: AttemptOutcome) -> Attempt {
        Attempt { what: "do it".to_owned(), kind, expected, outcome, detail: "EACCES".to_owned() }
    }

    #[test]
    fn only_what_was_tried_and_refused_is_proved() {
        use {AttemptKind::*, AttemptOutcome::*};
        let refused = attempt(Change, Refused, Refused);
        let read = attempt(Read, Allowed, Allowed);
        let judged = |attempts: &[Attempt]| judge(attempts, &[]);
        assert_eq!(judged(&[refused.clone(), read.clone()]), Verdict::Proved);
        assert_eq!(judge(std::slice::from_ref(&refused), &["x".to_owned()]), Verdict::Partly);
        assert_eq!(judged(&[refused.clone(), attempt(Reach, Refused, Allowed)]), Verdict::Partly);
        assert_eq!(judged(&[refused.clone(), attempt(Change, Refused, Allowed)]), Verdict::Failed);
        assert_eq!(judged(&[refused, attempt(Read, Allowed, Refused)]), Verdict::Failed);
        assert_eq!(judged(&[read]), Verdict::Failed);
        assert_eq!(judged(&[]), Verdict::Failed);
    }

    #[test]
    fn what_went_wrong_is_told_in_words() {
        use {AttemptKind::*, AttemptOutcome::*};
        let attempts = [attempt(Change, Refused, Allowed), attempt(Read, Allowed, Refused)];
        let told = words(Verdict::Failed, &attempts, &["cannot restrict files".to_owned()]);
        assert_eq!(
            told,
            "cannot restrict files; unexpectedly able to do it; unexpectedly unable to do it (EACCES)"
        );
        assert!(words(Verdict::Failed, &[], &[]).contains("nothing"));
        assert_eq!(change_attempts(&[attempts[0].clone(), attempts[0].clone()]), ["do it"]);
    }
}
