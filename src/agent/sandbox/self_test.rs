//! The proof of the sandbox: what a probe in an agent's place tried, and what came of it. The
//! tests of a project and of a directory that may be destroyed are judged alike.

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

/// Name of the hidden subcommand that is the probe.
pub const SUBCOMMAND: &str = "sandbox-probe";

/// What a self-test came to. Pure data.
#[derive(Debug, Clone, Serialize)]
pub struct SelfTest {
    /// When it ended: UTC, RFC 3339.
    pub at: String,
    /// The judgement on all that is not of one project.
    pub verdict: Verdict,
    /// The version of Landlock's interface; 0 where there is none.
    pub landlock: i32,
    /// The user that agents run as.
    pub uid: u32,
    /// What cannot be forbidden here, in words.
    pub missing: Vec<String>,
    /// What was tried in a directory of its own that stood for a project.
    pub attempts: Vec<Attempt>,
    /// What was tried in each project; there, nothing that could do harm.
    pub projects: Vec<ProjectTest>,
}

/// What was tried in one project.
#[derive(Debug, Clone, Serialize)]
pub struct ProjectTest {
    /// The project's name.
    pub project: String,
    /// The judgement.
    pub verdict: Verdict,
    /// The user that its agents run as.
    pub uid: u32,
    /// What cannot be forbidden here, in words.
    pub missing: Vec<String>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
}

/// A judgement, the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was refused that had to be, and what an agent needs worked.
    Proved,
    /// The project could not be changed, but something else was not as it should be.
    Partly,
    /// Agents are not confined: the settings say so.
    Off,
    /// The project could be changed, or the test could not be made.
    Failed,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What, in words: "create a file".
    pub what: String,
    /// What it was about.
    pub kind: AttemptKind,
    /// What had to happen.
    pub expected: AttemptOutcome,
    /// What happened.
    pub outcome: AttemptOutcome,
    /// What the kernel said.
    pub detail: String,
}

/// What an attempt is about.
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

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// It did not work.
    Refused,
    /// It worked.
    Allowed,
    /// There was nothing to try it on.
    Untried,
}

/// What the probe tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeReport {
    /// What the kernel knows.
    pub kernel: KernelSupport,
    /// As whom it ran.
    pub uid: u32,
    /// What it tried.
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
    /// The test of one project.
    pub fn project(&self, name: &str) -> Option<&ProjectTest> {
        self.projects.iter().find(|test| test.project == name)
    }

    /// The judgement in words.
    pub fn words(&self) -> String {
        words(self.verdict, &self.attempts, &self.missing)
    }
}

impl ProjectTest {
    /// The judgement in words.
    pub fn words(&self) -> String {
        words(self.verdict, &self.attempts, &self.missing)
    }
}

impl Attempt {
    /// Whether happened what had to.
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

/// The judgement on attempts, where `missing` cannot be forbidden.
pub fn judge(attempts: &[Attempt], missing: &[String]) -> Verdict {
    let mut wrong = attempts.iter().filter(|attempt| !attempt.is_as_expected()).peekable();
    let is_tested = attempts.iter().any(|attempt| attempt.kind == AttemptKind::Change);
    if wrong.peek().is_none() && missing.is_empty() && is_tested {
        return Verdict::Proved;
    }
    // An agent that lacks what it needs does not work at all.
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
        Verdict::Off => "agents are not confined (`agent.sandbox = \"off\"`)".to_owned(),
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
