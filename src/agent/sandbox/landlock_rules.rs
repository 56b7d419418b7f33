//! The part of a profile that Landlock enforces, and the kernel's support for it.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope,
};
use serde::{Deserialize, Serialize};

use super::Profile;

/// The version with all required rights; later ones are untested.
const WANTED: ABI = ABI::V6;

/// Readable devices. Not `/dev/zero`: mapping it gives shared memory outside every count.
const DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// The kernel's support for the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSupport {
    /// Version of the Landlock ABI; 0 without Landlock.
    pub landlock: i32,
}

impl KernelSupport {
    /// What a kernel of this version cannot restrict, one phrase each.
    pub fn unsupported(self) -> Vec<String> {
        if self.landlock <= 0 {
            return vec![
                "cannot restrict files, ports and signals (this kernel has no Landlock)".to_owned(),
            ];
        }
        let since = [
            (3, "cannot restrict the truncation of files (needs Linux 6.2)"),
            (4, "cannot restrict TCP ports (needs Linux 6.7)"),
            (5, "cannot restrict ioctl on devices (needs Linux 6.10)"),
            (6, "cannot restrict signals and abstract sockets (needs Linux 6.12)"),
        ];
        let missing = since.into_iter().filter(|(version, _)| self.landlock < *version);
        missing.map(|(_, what)| what.to_owned()).collect()
    }
}

/// Restricts this thread and all that it starts, irrevocably.
pub(super) fn restrict(profile: &Profile) -> Result<RestrictionStatus, RulesetError> {
    let level = match profile.strict {
        true => CompatLevel::HardRequirement,
        false => CompatLevel::BestEffort,
    };
    let all = AccessFs::from_all(WANTED);
    let mut rules = Ruleset::default().set_compatibility(level).handle_access(all)?;
    for (name, access) in
        [("ports to connect to", AccessNet::ConnectTcp), ("ports to listen on", AccessNet::BindTcp)]
    {
        if profile.has_rule(name) {
            rules = rules.handle_access(access)?;
        }
    }
    for (name, scope) in
        [("signals", Scope::Signal), ("abstract sockets", Scope::AbstractUnixSocket)]
    {
        if profile.has_rule(name) {
            rules = rules.scope(scope)?;
        }
    }
    let mut rules = rules.create()?;
    if let Some(root) = PathFd::new("/").ok().filter(|_| !profile.has_rule("files")) {
        rules = rules.add_rule(PathBeneath::new(root, all))?;
    }
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let make = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev | AccessFs::Execute;
    let write = all & !make;
    for (paths, access) in
        [(&profile.read, read), (&profile.run, read | AccessFs::Execute), (&profile.write, write)]
    {
        for path in paths {
            // A path that is missing or unreachable needs no rule.
            let Ok(file) = PathFd::new(path) else { continue };
            let access = if path.is_dir() { access } else { access & of_files() };
            rules = rules.add_rule(PathBeneath::new(file, access))?;
        }
    }
    // The entry of this process, which keeps its id when it becomes the agent.
    for path in DEVICES.into_iter().chain(["/proc/self"]) {
        if let Ok(file) = PathFd::new(path) {
            let access = if path.starts_with("/proc") { read } else { read & of_files() };
            rules = rules.add_rule(PathBeneath::new(file, access))?;
        }
    }
    if let Ok(null) = PathFd::new("/dev/null") {
        rules = rules.add_rule(PathBeneath::new(null, AccessFs::ReadFile | AccessFs::WriteFile))?;
    }
    for port in profile.ports.iter().filter(|_| profile.has_rule("ports to connect to")) {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

fn of_files() -> BitFlags<AccessFs> {
    AccessFs::from_file(WANTED)
}

/// The kernel's support. Restricts this thread to find out, so only a process that is about to end may
/// call it.
pub(crate) fn kernel_support() -> KernelSupport {
    let asked = Ruleset::default()
        .handle_access(AccessFs::MakeBlock)
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    let landlock = match asked.map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
        Ok(_) | Err(_) => 0,
    };
    KernelSupport { landlock }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_told_what_it_lacks() {
        assert!(KernelSupport { landlock: 7 }.unsupported().is_empty());
        assert!(KernelSupport { landlock: 6 }.unsupported().is_empty());
        assert_eq!(KernelSupport { landlock: 4 }.unsupported().len(), 2);
        assert!(KernelSupport { landlock: 0 }.unsupported()[0].contains("no Landlock"));
    }
}
