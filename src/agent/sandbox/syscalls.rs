//! The filter of system calls, for what Landlock does not cover: modes, owners, times and
//! attributes of files, and sockets other than plain TCP ones.
//!
//! Calls that change a mode or a time are answered as if they had succeeded and do nothing:
//! programs make them for the sake of order after writing their own files, and give up when
//! they fail. All others are refused.

use std::{collections::BTreeMap, env::consts::ARCH};

use libc::{c_int, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::Profile;

/// Calls that change a mode or a time; they do nothing.
const WITHOUT_EFFECT: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_utimensat,
];

/// Calls that change owners and attributes, or that could do by another way what is filtered.
const REFUSED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SYS_SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
];

// The newer ones have the same number on all architectures.
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_FILE_SETATTR: c_long = 469;

/// Where a kernel for x86 has a second set of calls, this bit chooses it.
const X32: c_long = 0x4000_0000;

/// Commands to a file that change its attributes.
const ATTRIBUTE_COMMANDS: [u64; 3] = [
    0x4008_6602, // FS_IOC_SETFLAGS
    0x4004_6602, // FS_IOC32_SETFLAGS
    0x401c_5820, // FS_IOC_FSSETXATTR
];

/// Kinds of sockets that a process with a network may have; unix sockets are not among them,
/// because behind their names sit services that can do anything.
const FAMILIES: [c_int; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Protocols that connect past Landlock's check of TCP ports.
const PROTOCOLS: [c_int; 4] =
    [libc::IPPROTO_DCCP, libc::IPPROTO_SCTP, 256 /* SMC */, libc::IPPROTO_MPTCP];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Filters the calls of this thread, and of all that it starts, for good.
pub(super) fn filter(profile: &Profile) -> Result<(), String> {
    for program in programs(profile).map_err(|error| error.to_string())? {
        apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn programs(profile: &Profile) -> Result<[BpfProgram; 2], BackendError> {
    let without_effect = always(WITHOUT_EFFECT);
    let mut refused = always(REFUSED);
    let attributes = ATTRIBUTE_COMMANDS.map(|command| rule(&[(1, SeccompCmpOp::Eq, command)]));
    refused.insert(libc::SYS_ioctl, attributes.into_iter().collect::<Result<_, _>>()?);
    refused.insert(libc::SYS_socket, sockets(profile)?);
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        // Connects while it sends, which is not checked either.
        let fast_open = libc::MSG_FASTOPEN as u64;
        refused.insert(call, vec![rule(&[(flags, SeccompCmpOp::MaskedEq(fast_open), fast_open)])?]);
    }
    Ok([program(without_effect, 0)?, program(refused, libc::EACCES)?])
}

/// Every one of these calls, by its other number too.
fn always(calls: &[c_long]) -> Rules {
    calls.iter().flat_map(|call| [*call, *call | X32]).map(|call| (call, Vec::new())).collect()
}

/// Which calls of `socket` are refused; no rule at all means every one.
fn sockets(profile: &Profile) -> Result<Vec<SeccompRule>, BackendError> {
    if profile.ports.is_empty() {
        return Ok(Vec::new());
    }
    let foreign = FAMILIES.map(|family| (0, SeccompCmpOp::Ne, family as u64));
    let mut rules = vec![rule(&foreign)?];
    for protocol in PROTOCOLS {
        rules.push(rule(&[(2, SeccompCmpOp::Eq, protocol as u64)])?);
    }
    Ok(rules)
}

/// Matches a call of which all conditions hold: argument, comparison, value.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions
        .iter()
        .map(|(argument, compare, value)| {
            SeccompCondition::new(*argument, Dword, compare.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    SeccompRule::new(conditions)
}

/// Answers the calls in `rules` with `errno`, 0 for a success, and lets all others pass. A
/// process that calls in another architecture's way is killed.
fn program(rules: Rules, errno: c_int) -> Result<BpfProgram, BackendError> {
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let architecture = TargetArch::try_from(ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture)?.try_into()
}
