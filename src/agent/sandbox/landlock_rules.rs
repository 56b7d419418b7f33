//! The part of a profile that Landlock enforces, and the kernel's support for it.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};
use serde::{Deserialize, Serialize};

use super::Profile;

/// The version with all rights that are used; later ones are untested.
const WANTED: ABI = ABI::V6;

/// The version that restricts truncation.
pub(super) const TRUNCATION: i32 = 3;

/// The version that restricts signals.
pub(super) const SIGNALS: i32 = 6;

/// Readable devices. Not `/dev/zero`: mapping it gives shared memory outside every count.
const DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// The kernel's support for the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSupport {
    /// Version of the Landlock ABI; 0 without Landlock.
    pub landlock: i32,
}

impl KernelSupport {
    /// Whether a process can be confined as the settings require. With a network Landlock must
    /// know every rule. Without one the filter of system calls stands in for the younger rules.
    pub(super) fn suffices(self, has_network: bool) -> bool {
        self.landlock >= if has_network { WANTED as i32 } else { 1 }
    }

    /// What a kernel of this version cannot restrict of a process, one phrase each.
    pub fn unsupported(self, has_network: bool) -> Vec<String> {
        if self.landlock <= 0 {
            return vec![
                "cannot restrict files, ports and signals (this kernel has no Landlock)".to_owned(),
            ];
        }
        if !has_network {
            return Vec::new();
        }
        let since = [
            (TRUNCATION, "cannot restrict the truncation of files (needs Linux 6.2)"),
            (4, "cannot restrict TCP ports (needs Linux 6.7)"),
            (5, "cannot restrict ioctl on devices (needs Linux 6.10)"),
            (SIGNALS, "cannot restrict signals and abstract sockets (needs Linux 6.12)"),
        ];
        let missing = since.into_iter().filter(|(version, _)| self.landlock < *version);
        missing.map(|(_, what)| what.to_owned()).collect()
    }
}

/// Restricts this thread and all that it starts, irrevocably, as far as the kernel can. Returns the
/// kernel's support.
pub(super) fn restrict(profile: &Profile) -> Result<KernelSupport, RulesetError> {
    // The kernel's own version limits this further.
    let used = ABI::from(profile.capped(KernelSupport { landlock: WANTED as i32 }).landlock);
    if used == ABI::Unsupported {
        return Ok(KernelSupport { landlock: 0 });
    }
    let all = AccessFs::from_all(used);
    let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let mut rules = rules.handle_access(all)?;
    let ports = AccessNet::from_all(used);
    for (name, access) in
        [("ports to connect to", AccessNet::ConnectTcp), ("ports to listen on", AccessNet::BindTcp)]
    {
        if profile.has_rule(name) && ports.contains(access) {
            rules = rules.handle_access(access)?;
        }
    }
    let scopes = Scope::from_all(used);
    for (name, scope) in
        [("signals", Scope::Signal), ("abstract sockets", Scope::AbstractUnixSocket)]
    {
        if profile.has_rule(name) && scopes.contains(scope) {
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
    if profile.has_rule("ports to connect to") && ports.contains(AccessNet::ConnectTcp) {
        for port in &profile.ports {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(profile.capped(support_of(rules.restrict_self()?.landlock)))
}

fn support_of(status: LandlockStatus) -> KernelSupport {
    let landlock = match status {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
        _ => 0,
    };
    KernelSupport { landlock }
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
    asked.map_or(KernelSupport { landlock: 0 }, |status| support_of(status.landlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_told_what_it_lacks() {
        let missing = |landlock, has_network| KernelSupport { landlock }.unsupported(has_network);
        assert!(missing(7, true).is_empty() && missing(6, true).is_empty());
        assert_eq!((missing(4, true).len(), missing(1, false).len()), (2, 0));
        for has_network in [true, false] {
            assert!(missing(0, has_network)[0].contains("no Landlock"));
        }
    }

    #[test]
    fn a_process_without_a_network_can_be_confined_on_older_kernels() {
        let suffices = |landlock, has_network| KernelSupport { landlock }.suffices(has_network);
        assert!(suffices(6, true) && suffices(1, false));
        assert!(!suffices(5, true) && !suffices(0, false));
    }
}
