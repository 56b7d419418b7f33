//! Confines this process. The order matters: what needs rights comes before they are given up,
//! and the kernel forgets which parent's end is to kill a process when its user changes.

use std::fs;

use rustix::{
    fs::Mode,
    io,
    process::{self, Gid, Pid, Resource, Rlimit, Signal, Uid},
    thread::{self, CapabilitySet, CapabilitySets},
};

use super::{ConfineError, Profile, User, landlock_rules, seccomp};

/// How much sooner than other programs the kernel ends an agent when memory runs out, of 1,000.
const ENDED_SOONER: &str = "500";

/// What could not be had, in words; empty where everything was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Confined {
    /// One sentence part each.
    pub missing: Vec<String>,
}

/// Confines this process, which must have one thread, for good. `parent` is the process whose end
/// ends it.
pub(crate) fn confine(profile: &Profile, parent: Pid) -> Result<Confined, ConfineError> {
    let mut confined = Confined::default();
    // No more than a favour to the server: where it is refused the agent is confined all the same.
    fs::write("/proc/self/oom_score_adj", ENDED_SOONER).ok();
    if profile.has_rule("resources") {
        limit_resources(profile).map_err(rights("resources"))?;
    }
    let kept = match profile.reads_all {
        true => CapabilitySet::DAC_READ_SEARCH,
        false => CapabilitySet::empty(),
    };
    // Without the right to change it, nothing could use what is left in it either.
    if profile.has_rule("bounding set") {
        drop_bounding_set(kept).map_err(rights("capabilities"))?;
    }
    if let Some(user) = profile.user.filter(|_| profile.has_rule("user")) {
        // Becoming another user takes all capabilities away, but for this.
        thread::set_keep_capabilities(true).map_err(rights("capabilities"))?;
        become_user(user).map_err(rights("the user's rights"))?;
    }
    if profile.has_rule("capabilities") {
        keep_capabilities(kept).map_err(rights("capabilities"))?;
    }
    die_with(parent, Signal::KILL)?;
    // Whatever the agent makes is its own: modes of files are not for it to change.
    process::umask(Mode::from_raw_mode(0o077));
    thread::set_no_new_privs(true).map_err(rights("new privileges"))?;
    landlock_rules::restrict(profile)?;
    match seccomp::filter(profile) {
        Err(error) if profile.strict => return Err(ConfineError::SystemCalls(error)),
        Err(error) => confined.missing.push(format!("the filter of system calls ({error})")),
        Ok(()) => (),
    }
    Ok(confined)
}

/// Whether this process can give an agent the right to read what modes of files deny.
pub(crate) fn can_read_all() -> bool {
    let own = thread::capabilities(None);
    own.is_ok_and(|own| own.permitted.contains(CapabilitySet::DAC_READ_SEARCH))
}

/// The kernel sends this process `signal` when the thread that started it ends, so also when its
/// parent is killed. A parent that ended before this took hold is seen by its changed process id.
pub(crate) fn die_with(parent: Pid, signal: Signal) -> Result<(), ConfineError> {
    process::set_parent_process_death_signal(Some(signal))
        .map_err(rights("its life after the server's"))?;
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
        // Of a user who does other things too, those would count.
        None => Ok(()),
        Some(_) => lower(Resource::Nproc, profile.processes),
    }
}

/// Lowers both limits to `most`; never raises one.
pub(crate) fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let now = process::getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    process::setrlimit(
        resource,
        Rlimit { current: least(now.current), maximum: least(now.maximum) },
    )
}

/// What the bounding set lacks, no program can get, whoever owns it. Only root can change it, and
/// for anybody else `no_new_privs` does the same.
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
            // Past the kernel's last one.
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

/// Gives up all capabilities but these, which also what is run later keeps.
fn keep_capabilities(kept: CapabilitySet) -> io::Result<()> {
    match thread::clear_ambient_capability_set() {
        // A kernel before 4.3 has none.
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
