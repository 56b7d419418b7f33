//! Confinement of the current process.
//!
//! The order matters: steps that need rights come before the rights are dropped, and a change of user resets
//! the parent-death signal.

use std::fs;

use rustix::{
    fs::Mode,
    io,
    process::{self, Gid, Pid, Resource, Rlimit, Signal, Uid},
    thread::{self, CapabilitySet, CapabilitySets},
};

use super::{ConfineError, Profile, User, landlock_rules, seccomp};

/// The agent's `oom_score_adj`, up to 1,000: the kernel kills it before other programs.
const ENDED_SOONER: &str = "500";

/// How far the confinement went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Confined {
    /// Mechanisms that could not be applied, one phrase each.
    pub missing: Vec<String>,
}

/// Confines this single-threaded process irrevocably. It dies with `parent`.
pub(crate) fn confine(profile: &Profile, parent: Pid) -> Result<Confined, ConfineError> {
    let mut confined = Confined::default();
    // Not part of the confinement, so a failure is ignored.
    fs::write("/proc/self/oom_score_adj", ENDED_SOONER).ok();
    if profile.has_rule("resources") {
        limit_resources(profile).map_err(rights("resources"))?;
    }
    let kept = match profile.reads_all {
        true => CapabilitySet::DAC_READ_SEARCH,
        false => CapabilitySet::empty(),
    };
    // Without the right to change it, what is left in it is useless too.
    if profile.has_rule("bounding set") {
        drop_bounding_set(kept).map_err(rights("capabilities"))?;
    }
    if let Some(user) = profile.user.filter(|_| profile.has_rule("user")) {
        // A change of user would drop all capabilities otherwise.
        thread::set_keep_capabilities(true).map_err(rights("capabilities"))?;
        become_user(user).map_err(rights("the user's rights"))?;
    }
    if profile.has_rule("capabilities") {
        keep_capabilities(kept).map_err(rights("capabilities"))?;
    }
    die_with(parent, Signal::KILL)?;
    // The agent cannot change file modes, so its files must be private from the start.
    process::umask(Mode::from_raw_mode(0o077));
    thread::set_no_new_privs(true).map_err(rights("new privileges"))?;
    let kernel = landlock_rules::restrict(profile)?;
    if profile.strict && !kernel.suffices(profile.has_network()) {
        return Err(ConfineError::Kernel(kernel.unsupported(profile.has_network()).join("; it ")));
    }
    match seccomp::filter(profile, kernel) {
        Err(error) if profile.strict => return Err(ConfineError::SystemCalls(error)),
        Err(error) => confined.missing.push(format!("the filter of system calls ({error})")),
        Ok(()) => (),
    }
    Ok(confined)
}

/// Whether this process can pass on CAP_DAC_READ_SEARCH.
pub(crate) fn can_read_all() -> bool {
    let own = thread::capabilities(None);
    own.is_ok_and(|own| own.permitted.contains(CapabilitySet::DAC_READ_SEARCH))
}

/// Sets the signal that the kernel sends when the thread that started this process ends. Detects a parent
/// that ended before by its changed id.
pub(crate) fn die_with(parent: Pid, signal: Signal) -> Result<(), ConfineError> {
    process::set_parent_process_death_signal(Some(signal))
        .map_err(rights("life beyond its parent"))?;
    if process::getppid() == Some(parent) { Ok(()) } else { Err(ConfineError::ParentGone) }
}

fn rights(what: &'static str) -> impl FnOnce(io::Errno) -> ConfineError {
    move |source| ConfineError::Rights { what, source }
}

fn limit_resources(profile: &Profile) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, profile.open_files)?;
    lower(Resource::Fsize, profile.file_bytes)?;
    match profile.user {
        // The limit counts all processes of a user, so it suits only a user of the agent's own.
        None => Ok(()),
        Some(_) => lower(Resource::Nproc, profile.processes),
    }
}

/// Lowers the soft and the hard limit to `most`; never raises one.
pub(crate) fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let now = process::getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    process::setrlimit(
        resource,
        Rlimit { current: least(now.current), maximum: least(now.maximum) },
    )
}

/// Empties the bounding set, so that no program can gain a capability. Only root can do this; for others
/// `no_new_privs` has the same effect.
fn drop_bounding_set(kept: CapabilitySet) -> io::Result<()> {
    let own = thread::capabilities(None)?;
    if !own.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if capability == kept {
            continue;
        }
        match thread::remove_capability_from_bounding_set(capability) {
            // Beyond the last capability.
            Err(io::Errno::INVAL) => break,
            dropped => dropped?,
        }
    }
    Ok(())
}

fn become_user(user: User) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    thread::set_thread_groups(&[])?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid)
}

/// Drops all capabilities but `kept`, which later programs inherit.
fn keep_capabilities(kept: CapabilitySet) -> io::Result<()> {
    match thread::clear_ambient_capability_set() {
        // Kernels before 4.3 have no ambient set.
        Err(io::Errno::INVAL) => (),
        cleared => cleared?,
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: kept };
    thread::set_capabilities(None, sets)?;
    match kept.is_empty() {
        true => Ok(()),
        false => thread::configure_capability_in_ambient_set(kept, true),
    }
}
