//! `cicerone doctor`: looks at everything that a server needs, and says how to mend what is not
//! as it should be. Changes nothing.

mod agent;
mod surroundings;

use std::{env, fmt, sync::Arc};

use actix_web::rt;

use crate::{agent::Agents, config::Loaded};

/// What was looked at, in order.
#[derive(Debug)]
pub struct Report(Vec<Check>);

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    status: Status,
    about: &'static str,
    words: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// Looks at everything. Blocks for some seconds at most.
pub fn run(loaded: &Loaded) -> Report {
    let settings = Arc::new(loaded.settings.clone());
    let agents = Agents::new(&settings.agent, &settings.limits, &settings.data_dir);
    let warnings = loaded.warnings.iter().filter(|warning| warning.level <= log::Level::Warn);
    let mut checks: Vec<Check> =
        warnings.map(|warning| Check::warn("configuration", warning.text.clone())).collect();
    checks.extend(rt::System::new().block_on(agent::checks(&agents, &settings)));
    checks.extend(surroundings::checks(&settings));
    Report(checks)
}

impl Report {
    /// Whether something is broken.
    pub fn is_broken(&self) -> bool {
        self.0.iter().any(|check| check.status == Status::Fail)
    }
}

impl Check {
    fn ok(about: &'static str, words: impl Into<String>) -> Self {
        Self { status: Status::Ok, about, words: words.into() }
    }

    fn warn(about: &'static str, words: impl Into<String>) -> Self {
        Self { status: Status::Warn, about, words: words.into() }
    }

    fn fail(about: &'static str, words: impl Into<String>) -> Self {
        Self { status: Status::Fail, about, words: words.into() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { status, about, words } in &self.0 {
            let status = match status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "fail",
            };
            // One line a check, whatever was quoted.
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(f, "{status:<5} {about}: {words}")?;
        }
        let broken = self.0.iter().filter(|check| check.status == Status::Fail).count();
        match broken {
            0 => write!(f, "Everything that a server needs is there."),
            1 => write!(f, "1 thing is broken."),
            broken => write!(f, "{broken} things are broken."),
        }
    }
}

/// Where the user is told of a path.
fn home_relative(path: &std::path::Path) -> String {
    let home = env::home_dir().filter(|home| home.components().count() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(ToOwned::to_owned)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_a_check_and_says_whether_something_is_broken() {
        let fine = Report(vec![Check::ok("port", "free"), Check::warn("account", "none\nyet")]);
        assert!(!fine.is_broken());
        assert_eq!(
            fine.to_string(),
            "ok    port: free\nwarn  account: none yet\nEverything that a server needs is there."
        );
        let broken = Report(vec![Check::fail("port", "taken")]);
        assert!(broken.is_broken() && broken.to_string().ends_with("1 thing is broken."));
    }
}
