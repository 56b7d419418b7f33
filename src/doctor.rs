//! `cicerone doctor`: checks everything that a server needs, and says how to fix it. Read-only.

mod agent;
mod cluster;
mod forges;
mod host;
mod sizing;

use std::{env, fmt, sync::Arc};

use actix_web::rt;
use serde::Serialize;
use serde_json::json;

use crate::{
    agent::Agents,
    config::{Loaded, settings::Live},
};

/// All checks in order.
#[derive(Debug)]
pub struct Report(Vec<Check>);

/// One check, a line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    status: Status,
    about: &'static str,
    text: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// Runs all checks. Blocks for a few seconds.
pub fn run(loaded: &Loaded) -> Report {
    let settings = Arc::new(loaded.settings.clone());
    let agents = Agents::new(&settings, Live::new(settings.live.clone()));
    let warnings = loaded.warnings.iter().filter(|warning| warning.level <= log::Level::Warn);
    let mut checks: Vec<Check> =
        warnings.map(|warning| Check::warn("configuration", warning.text.clone())).collect();
    checks.extend(rt::System::new().block_on(async {
        let mut checks = agent::checks(&agents, &settings).await;
        checks.extend(cluster::checks(&settings).await);
        checks
    }));
    checks.extend(host::checks(&settings));
    checks.extend(forges::checks(&settings));
    checks.push(sizing::check(&settings));
    Report(checks)
}

impl Report {
    /// Whether something is broken.
    pub fn is_broken(&self) -> bool {
        self.0.iter().any(|check| check.status == Status::Fail)
    }

    /// The report for programs, as JSON.
    pub fn to_json(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        json!({"version": version, "is_broken": self.is_broken(), "checks": self.0}).to_string()
    }
}

impl Check {
    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self { status: Status::Ok, about, text: text.into() }
    }

    fn warn(about: &'static str, text: impl Into<String>) -> Self {
        Self { status: Status::Warn, about, text: text.into() }
    }

    fn fail(about: &'static str, text: impl Into<String>) -> Self {
        Self { status: Status::Fail, about, text: text.into() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { status, about, text } in &self.0 {
            let status = match status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "fail",
            };
            // One line per check, whatever was quoted.
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(f, "{status:<5} {about}: {text}")?;
        }
        let broken = self.0.iter().filter(|check| check.status == Status::Fail).count();
        let is_agent = |check: &Check| matches!(check.about, "agent" | "account");
        let lacks_model = self.0.iter().any(|it| it.status == Status::Warn && is_agent(it));
        match broken {
            0 if lacks_model => write!(f, "A server can start, but no model can answer yet."),
            0 => write!(f, "Everything that a server needs is in place."),
            1 => write!(f, "1 thing is broken."),
            broken => write!(f, "{broken} things are broken."),
        }
    }
}

/// A path for the report, with `~` for the home.
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
        let fine = Report(vec![Check::ok("port", "free"), Check::warn("disk", "nearly\nfull")]);
        assert!(!fine.is_broken());
        assert_eq!(
            fine.to_string(),
            "ok    port: free\nwarn  disk: nearly full\nEverything that a server needs is in place."
        );
        let silent = Report(vec![Check::ok("port", "free"), Check::warn("account", "none")]);
        assert!(!silent.is_broken() && silent.to_string().ends_with("no model can answer yet."));
        let broken = Report(vec![Check::fail("port", "taken")]);
        let parsed: serde_json::Value = serde_json::from_str(&broken.to_json()).unwrap();
        assert_eq!(parsed["is_broken"], true);
        let check = json!({"status": "fail", "about": "port", "text": "taken"});
        assert_eq!(parsed["checks"], json!([check]));
        assert!(broken.is_broken() && broken.to_string().ends_with("1 thing is broken."));
    }
}
