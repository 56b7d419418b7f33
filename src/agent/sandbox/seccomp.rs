//! The filter of system calls, for what Landlock does not cover. What a program needs is allowed
//! by name ([`syscall_lists`](super::syscall_lists)), some of it only with harmless arguments; everything else is refused.
//!
//! Three programs: the first lets calls on modes and times succeed without an effect. The second
//! refuses, with `EACCES`. The third knows what is allowed or refused by name and answers the rest
//! as the kernel answers a call that it does not have, `ENOSYS`, for which libraries have another
//! way. It comes last, because the call that installs a filter is one of the rest.
//!
//! A filter sees numbers, not what a pointer points to: `clone3`, which has its flags in memory,
//! is unknown and `clone` takes its place.

use std::{collections::BTreeMap, env::consts::ARCH};

use libc::c_int;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::{
    KernelSupport, Profile,
    landlock_rules::{SIGNALS, TRUNCATION},
    syscall_lists::{ALLOWED, REFUSED, Syscall, WITHOUT_EFFECT, name},
};

/// Commands of `ioctl` that programs need: of terminals, and what any file knows. Commands that
/// change a file, such as its attributes or its generation, work on files that are open for reading.
const COMMANDS: [u64; 12] = [
    0x5401,      // TCGETS
    0x5402,      // TCSETS
    0x5403,      // TCSETSW
    0x5413,      // TIOCGWINSZ
    0x5421,      // FIONBIO
    0x541b,      // FIONREAD
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x8004_5430, // TIOCGPTN
    0x802c_542a, // TCGETS2
    0x4004_9409, // FICLONE, whose target must be open for writing
    0x5429,      // TIOCGSID
];

/// Commands of `fcntl`: all but leases, notifications, write hints, locks that outlive their
/// process, and signals to whoever is named as the owner. Locks are for readers of databases.
const DESCRIPTOR_COMMANDS: [c_int; 18] = [
    libc::F_DUPFD,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_GETOWN,
    libc::F_OFD_GETLK,
    libc::F_GETLEASE,
    libc::F_DUPFD_CLOEXEC,
    libc::F_SETPIPE_SZ,
    libc::F_GETPIPE_SZ,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
    1027, // F_DUPFD_QUERY
    1028, // F_CREATED_QUERY
];

/// Kinds of sockets that a process with a network may have; unix sockets are not among them,
/// because behind their names sit services that can do anything.
const FAMILIES: [c_int; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Protocols of sockets. Others connect past Landlock's check of TCP ports.
const PROTOCOLS: [c_int; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Flags that may be added to the type of a socket.
const SOCKET_FLAGS: [c_int; 4] =
    [0, libc::SOCK_CLOEXEC, libc::SOCK_NONBLOCK, libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK];

/// Flags of `clone` that make a namespace.
const NEW_NAMESPACES: [c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Flags of `mmap` for memory that no count sees: what is shared and of no file stays when no
/// process has it in its pages any more, and huge pages count elsewhere.
const UNCOUNTED: [c_int; 2] = [libc::MAP_SHARED | libc::MAP_ANONYMOUS, libc::MAP_HUGETLB];

/// Shares a cookie of the scheduler with another process.
const PR_SCHED_CORE: u64 = 62;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Filters the calls of this thread, and of all that it starts, for good.
pub(super) fn filter(profile: &Profile, kernel: KernelSupport) -> Result<(), String> {
    for program in programs(profile, kernel).map_err(|error| error.to_string())? {
        apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn programs(profile: &Profile, kernel: KernelSupport) -> Result<Vec<BpfProgram>, BackendError> {
    let is_on = |call: &&Syscall| profile.has_rule(name(call));
    let in_place = in_place_of_landlock(profile, kernel)?;
    let without_effect: Rules = all(WITHOUT_EFFECT.iter().filter(is_on));
    let mut refused: Rules = all(REFUSED.iter().copied().flatten().filter(is_on));
    for (call, rules) in by_argument(profile)? {
        if profile.has_rule(name(&call)) {
            refused.insert(call.1, rules);
        }
    }
    refused.extend(in_place.refused);
    let known = ALLOWED.iter().chain(REFUSED).copied().chain([WITHOUT_EFFECT]).flatten();
    let known = known.filter(|call| !in_place.unknown.contains(&name(call)));
    let answer = |errno: c_int| SeccompAction::Errno(errno.unsigned_abs());
    let mut programs = vec![
        program(without_effect, answer(0), SeccompAction::Allow)?,
        program(refused, answer(libc::EACCES), SeccompAction::Allow)?,
    ];
    if profile.has_rule("unknown calls") {
        programs.push(program(all(known), SeccompAction::Allow, answer(libc::ENOSYS))?);
    }
    Ok(programs)
}

/// These calls whatever their arguments.
fn all<'a>(calls: impl Iterator<Item = &'a Syscall>) -> Rules {
    calls.map(|call| (call.1, Vec::new())).collect()
}

/// What the filter does in place of rules that Landlock lacks.
#[derive(Default)]
struct InPlaceOfLandlock {
    refused: Rules,
    unknown: Vec<&'static str>,
}

/// What stands in for the rules that the kernel's Landlock lacks. Only for processes without a
/// network, which need none of these calls; sockets are closed to them anyway.
fn in_place_of_landlock(
    profile: &Profile,
    kernel: KernelSupport,
) -> Result<InPlaceOfLandlock, BackendError> {
    let mut in_place = InPlaceOfLandlock::default();
    if profile.has_network() {
        return Ok(in_place);
    }
    if kernel.landlock < SIGNALS {
        // Only to itself: a program that aborts does so.
        let own = u64::from(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs());
        in_place.refused.extend([
            (libc::SYS_kill, vec![none_of(0, [own])?]),
            (libc::SYS_tgkill, vec![none_of(0, [own])?]),
            (libc::SYS_tkill, Vec::new()),
            (424, Vec::new()), // pidfd_send_signal
        ]);
    }
    if kernel.landlock < TRUNCATION {
        // A file that may only be read could be opened and cut short at once.
        let cuts = |argument| {
            let flag = number(libc::O_TRUNC);
            rule(&[(argument, SeccompCmpOp::MaskedEq(flag), flag)])
        };
        in_place.refused.insert(libc::SYS_truncate, Vec::new());
        in_place.refused.insert(libc::SYS_openat, vec![cuts(2)?]);
        #[cfg(target_arch = "x86_64")]
        in_place.refused.extend([(libc::SYS_creat, Vec::new()), (libc::SYS_open, vec![cuts(1)?])]);
        // Its flags are in memory; there is another way for what it does.
        in_place.unknown.push("SYS_openat2");
    }
    Ok(in_place)
}

/// The calls that are refused for their arguments; without a rule, whatever they are.
fn by_argument(profile: &Profile) -> Result<Vec<(Syscall, Vec<SeccompRule>)>, BackendError> {
    let has = |argument, flags| rule(&[(argument, SeccompCmpOp::MaskedEq(flags), flags)]);
    // Connects while it sends, which is not checked.
    let opens = |flags| Ok::<_, BackendError>(vec![has(flags, number(libc::MSG_FASTOPEN))?]);
    let namespaces = NEW_NAMESPACES.map(|flag| has(0, number(flag)));
    Ok(vec![
        (("SYS_ioctl", libc::SYS_ioctl), vec![none_of(1, COMMANDS)?]),
        (("SYS_fcntl", libc::SYS_fcntl), vec![none_of(1, DESCRIPTOR_COMMANDS.map(number))?]),
        // Its own limits, and nobody else's.
        (("SYS_prlimit64", libc::SYS_prlimit64), vec![none_of(0, [0])?]),
        (("SYS_prctl", libc::SYS_prctl), vec![rule(&[(0, SeccompCmpOp::Eq, PR_SCHED_CORE)])?]),
        (("SYS_clone", libc::SYS_clone), namespaces.into_iter().collect::<Result<_, _>>()?),
        (
            ("SYS_mmap", libc::SYS_mmap),
            UNCOUNTED.map(|flags| has(3, number(flags))).into_iter().collect::<Result<_, _>>()?,
        ),
        (("SYS_socket", libc::SYS_socket), sockets(profile)?),
        (("SYS_socketpair", libc::SYS_socketpair), pairs()?),
        (("SYS_sendto", libc::SYS_sendto), opens(3)?),
        (("SYS_sendmsg", libc::SYS_sendmsg), opens(2)?),
        (("SYS_sendmmsg", libc::SYS_sendmmsg), opens(3)?),
    ])
}

/// Which calls of `socket` are refused.
fn sockets(profile: &Profile) -> Result<Vec<SeccompRule>, BackendError> {
    if profile.ports.is_empty() {
        return Ok(Vec::new());
    }
    let of_netlink = (0, SeccompCmpOp::Eq, number(libc::AF_NETLINK));
    let not_of_netlink = (0, SeccompCmpOp::Ne, number(libc::AF_NETLINK));
    let plain = [libc::SOCK_STREAM, libc::SOCK_DGRAM];
    let plain = plain.iter().flat_map(|kind| SOCKET_FLAGS.map(|flags| kind | flags));
    let mut not_plain: Vec<_> = plain.map(|kind| (1, SeccompCmpOp::Ne, number(kind))).collect();
    not_plain.push(not_of_netlink);
    Ok(vec![
        none_of(0, FAMILIES.map(number))?,
        none_of(2, PROTOCOLS.map(number))?,
        rule(&not_plain)?,
        // Only addresses and routes, which the resolver of names asks for.
        rule(&[of_netlink, (2, SeccompCmpOp::Ne, 0)])?,
    ])
}

/// Which calls of `socketpair` are refused: a pair of datagram sockets can send to any name.
fn pairs() -> Result<Vec<SeccompRule>, BackendError> {
    let streams = SOCKET_FLAGS.map(|flags| number(libc::SOCK_STREAM | flags));
    Ok(vec![none_of(0, [number(libc::AF_UNIX)])?, none_of(1, streams)?])
}

/// An argument as a filter sees it.
fn number(value: c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Matches a call whose argument is none of `values`. The kernel looks at the lower 32 bits of all
/// arguments that are compared here, so what is above them does not matter.
fn none_of<const N: usize>(argument: u8, values: [u64; N]) -> Result<SeccompRule, BackendError> {
    rule(&values.map(|value| (argument, SeccompCmpOp::Ne, value)))
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

/// Gives the calls in `rules` one action and all others another. A process that calls in another
/// architecture's way is killed.
fn program(
    rules: Rules,
    matched: SeccompAction,
    others: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(ARCH)?;
    SeccompFilter::new(rules, others, matched, architecture)?.try_into()
}

/// The names of the calls that a rule is about.
#[cfg(test)]
pub(in crate::agent) fn ruled_syscalls() -> impl Iterator<Item = &'static str> {
    let profile = Profile::default();
    let by_argument = by_argument(&profile).unwrap_or_default().into_iter().map(|(call, _)| call);
    let refused = REFUSED.iter().copied().chain([WITHOUT_EFFECT]).flatten().copied();
    refused.chain(by_argument).map(|call| name(&call))
}
